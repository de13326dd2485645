/**
 * Loads and stores at addresses that may be misaligned (fields of packed records) become several of what the alignment allows,
 * as clang's BPF back end makes them: stack and context must be accessed at multiples of the size. Until then they are one
 * operation each, so that what was stored is known to be what is loaded.
 */
import type { Func, Inst, MemSize, ValueType } from '../ir.ts';
import { applyReplacements, splitAddress } from './util.ts';

export function splitAccesses(f: Func): void {
  const replaced = new Map<Inst, Inst>();
  for (const b of f.blocks) {
    if (!b.insts.some(isMisaligned)) continue;
    const out: Inst[] = [];
    const add = (i: Inst): Inst => {
      i.block = b;
      out.push(i);
      return i;
    };
    for (const i of b.insts) {
      if (!isMisaligned(i)) out.push(i);
      else if (i.op === 'load') replaced.set(i, splitLoad(f, i, add));
      else splitStore(f, i, add);
    }
    b.insts = out;
  }
  applyReplacements(f, replaced);
}

const isMisaligned = (i: Inst): boolean => (i.op === 'load' || i.op === 'store') && alignmentOf(i) < i.size;

/** Of the address of a load or store. What is a variable's own place is known better than its type says. */
function alignmentOf(i: Inst): number {
  if (i.align >= i.size) return i.align;
  const { base, offset } = splitAddress(i.args[0]);
  return base.op === 'alloca' ? Math.max(i.align, Math.min(base.align, offset === 0 ? 8 : offset & -offset)) : i.align;
}

type Add = (i: Inst) => Inst;

function part(f: Func, i: Inst, at: number, add: Add): Inst {
  if (at === 0) return i.args[0];
  const address = f.create('bin', 'ptr', [i.args[0], f.constant('i64', at)], i.loc);
  address.bin = 'add';
  return add(address);
}

function bin(f: Func, op: 'or' | 'shl' | 'lshr', x: Inst, y: Inst, add: Add): Inst {
  const i = f.create('bin', x.type, [x, y], x.loc);
  i.bin = op;
  return add(i);
}

function access(i: Inst, like: Inst, size: MemSize): Inst {
  i.size = size;
  i.align = size;
  i.volatile = like.volatile;
  return i;
}

function asNumber(f: Func, v: Inst, add: Add): Inst {
  if (v.type !== 'ptr') return v;
  const i = f.create('cast', 'i64', [v], v.loc);
  i.cast = 'bitcast';
  return add(i);
}

function splitLoad(f: Func, i: Inst, add: Add): Inst {
  const unit = alignmentOf(i) as MemSize;
  const type: ValueType = i.type === 'i32' ? 'i32' : 'i64';
  let whole: Inst | null = null;
  for (let at = 0; at < i.size; at += unit) {
    const loaded = add(access(f.create('load', type, [part(f, i, at, add)], i.loc), i, unit));
    const moved = at === 0 ? loaded : bin(f, 'shl', loaded, f.constant(type, at * 8), add);
    whole = whole === null ? moved : bin(f, 'or', whole, moved, add);
  }
  if (i.type !== 'ptr') return whole!;
  const pointer = f.create('cast', 'ptr', [whole!], i.loc);
  pointer.cast = 'bitcast';
  return add(pointer);
}

function splitStore(f: Func, i: Inst, add: Add): void {
  const unit = alignmentOf(i) as MemSize;
  const value = asNumber(f, i.args[1], add);
  const type = value.type as ValueType;
  for (let at = 0; at < i.size; at += unit) {
    const v =
      value.op === 'const'
        ? f.constant(type, BigInt.asIntN(type === 'i32' ? 32 : 64, value.value >> BigInt(at * 8)))
        : at === 0
          ? value
          : bin(f, 'lshr', value, f.constant(type, at * 8), add);
    add(access(f.create('store', 'void', [part(f, i, at, add), v], i.loc), i, unit));
  }
}
