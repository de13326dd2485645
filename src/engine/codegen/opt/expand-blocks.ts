/**
 * `memcpy`, `memset`, `memcmp`, `strcmp` and `strlen` whose size or string is known only after inlining and unrolling: they wait as
 * `block` operations and are written out when it is.
 */
import { qualifiersOf } from '../../c/index.ts';
import { type BlockLowering, compareBytes, copyBytes, equalBytes, fillBytes } from '../lower/memory.ts';
import { Builder, rebuildPreds } from '../lower/builder.ts';
import type { UnitContext } from '../lower/context.ts';
import type { Block, Func, Inst } from '../ir.ts';
import { applyReplacements, redirectPred, splitAddress } from './util.ts';

/** Bytes that the compiler knows, from an address to the end of its object; null when it does not. */
export function constantBytes(p: Inst): Uint8Array | null {
  const { base, offset } = splitAddress(p);
  if (base.op !== 'global' || base.symbol === null) return null;
  const at = base.offset + offset;
  let bytes: Uint8Array;
  if (base.symbol.kind === 'string') bytes = base.symbol.bytes;
  else if (base.symbol.kind === 'var') {
    const d = base.symbol.decl;
    const q = qualifiersOf(d.type);
    if (d.storage === 'extern' || !q.const || q.volatile || d.attributes.weak || d.attributes.section !== null)
      return null;
    if (d.image === null || d.image.relocs.length > 0) return null;
    bytes = d.image.bytes;
  } else return null;
  return at < 0 || at > bytes.length ? null : bytes.subarray(at);
}

/** The constant that `strlen` of the address is. */
export function knownLength(p: Inst): number | null {
  const n = constantBytes(p)?.indexOf(0) ?? -1;
  return n < 0 ? null : n;
}

/** What `strcmp` or `strncmp` of two texts is: less than, equal to or more than 0. */
export function knownOrder(i: Inst): number | null {
  if (i.args[2].op !== 'const') return null;
  const most = Number(BigInt.asUintN(64, i.args[2].value));
  const [a, b] = [i.args[0], i.args[1]].map(constantBytes);
  if (a === null || b === null) return null;
  for (let n = 0; n < most; n++) {
    // Texts without an end are read behind their objects.
    if (n >= a.length || n >= b.length) return null;
    if (a[n] !== b[n]) return a[n] < b[n] ? -1 : 1;
    if (a[n] === 0) break;
  }
  return 0;
}

/** Writes out every block operation that can be; true when there was one. */
export function expandBlocks(f: Func, cx: UnitContext): boolean {
  let changed = false;
  for (let n = 0; n < f.blocks.length; n++) {
    const b = f.blocks[n];
    const i = b.insts.find(
      (x) => x.op === 'block' && x.name !== 'strlen' && x.name !== 'strcmp' && x.args[2].op === 'const',
    );
    if (i === undefined) continue;
    expand(f, cx, b, i);
    changed = true;
    n--;
  }
  if (changed) rebuildPreds(f);
  return changed;
}

function expand(f: Func, cx: UnitContext, block: Block, i: Inst): void {
  const after = f.addBlock();
  after.insts = block.insts.splice(block.insts.indexOf(i) + 1);
  block.insts.pop();
  for (const x of after.insts) x.block = after;
  for (const s of after.succs) redirectPred(s, block, after);
  const b = new Builder(f, block);
  b.loc = i.loc;
  const lw: BlockLowering = { b, func: f, cx };
  const node = { loc: i.loc, end: i.loc };
  const size = Number(BigInt.asUintN(64, i.args[2].value));
  let result: Inst | null = null;
  if (i.name === 'memcmp') {
    result = onlyTestedForZero(f, i)
      ? compareEqual(lw, node, i, size)
      : compareBytes(lw, node, i.args[0], i.args[1], size);
  } else if (i.name === 'memset') fillBytes(lw, node, i.args[0], i.args[1], size, alignment(i, i.args[0]));
  else copyBytes(lw, node, i.args[0], i.args[1], size, alignment(i, i.args[0], i.args[1]), i.name === 'memmove');
  b.br(after);
  after.preds = [b.block];
  if (result !== null) applyReplacements(f, new Map([[i, result]]));
}

/** What the addresses turned out to have in common; constant data folds at any alignment. */
const alignment = (i: Inst, ...addresses: readonly Inst[]): number =>
  Math.max(
    i.align,
    Math.min(
      ...addresses.map((p) => {
        if (constantBytes(p) !== null) return 8;
        const { base, offset } = splitAddress(p);
        return base.op === 'alloca' ? Math.min(base.align, offset === 0 ? 8 : offset & -offset) : 1;
      }),
    ),
  );

/** 0 or 1 by equality alone, in whole words where alignment allows. */
function compareEqual(lw: BlockLowering, node: { loc: number; end: number }, i: Inst, size: number): Inst {
  const { b } = lw;
  const [same, different, done] = [lw.func.addBlock(), lw.func.addBlock(), lw.func.addBlock()];
  equalBytes(lw, node, i.args[0], i.args[1], size, alignment(i, i.args[0], i.args[1]), same, different);
  b.block = same;
  b.br(done);
  b.block = different;
  b.br(done);
  b.block = done;
  return b.phi('i32', [
    [same, b.i32(0)],
    [different, b.i32(1)],
  ]);
}

const onlyTestedForZero = (f: Func, i: Inst): boolean =>
  f.blocks.every((b) =>
    b.insts.every(
      (u) =>
        !u.args.includes(i) ||
        ((u.op === 'cmp' || u.op === 'condbr') &&
          (u.pred === 'eq' || u.pred === 'ne') &&
          u.args[1].op === 'const' &&
          u.args[1].value === 0n),
    ),
  );

/** What could not be written out: the message says why. */
export function refuseBlocks(f: Func, cx: UnitContext): void {
  for (const b of f.blocks)
    for (const i of b.insts) {
      if (i.op !== 'block') continue;
      const node = i.where ?? { loc: i.loc, end: i.loc };
      if (i.name === 'strlen')
        cx.error(
          node,
          'c/memory-size',
          "'__builtin_strlen' needs a string literal: BPF has no strlen to call at run time",
          'Count in a bounded loop, or take the length that bpf_probe_read_kernel_str() returns.',
        );
      else if (i.name === 'strcmp')
        cx.error(
          node,
          'c/memory-size',
          'texts that are compared must be string literals: BPF has no strcmp to call at run time',
          'Compare arrays of constant size with __builtin_memcmp(), or use bpf_strncmp().',
        );
      else
        cx.error(
          node,
          'c/memory-size',
          `the size of '__builtin_${i.name}' must be a constant: BPF has no ${i.name} to call at run time`,
          'Copy a fixed size, loop over a bounded count, or read with bpf_probe_read_kernel(), which takes a variable size.',
        );
    }
}
