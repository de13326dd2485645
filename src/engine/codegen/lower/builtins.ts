/** `__builtin_*`, `__sync_*`, `__atomic_*`. */
import { alignOf, type BuiltinExpr, type Expr, integerOf, sizeOf, strip } from '../../c/index.ts';
import type { AtomicOp, BinOp, Inst, ValueType } from '../ir.ts';
import { isSigned, type Lowering } from './context.ts';
import { lowerExpr, narrow, sameType } from './expr.ts';
import { compareBytes, copyBytes, fillBytes } from './memory.ts';
import { pointerAlign } from './place.ts';

export function lowerBuiltin(lw: Lowering, e: BuiltinExpr): Inst | null {
  const b = lw.b;
  const arg = (n: number): Inst => {
    const v = lowerExpr(lw, e.args[n]) ?? b.i64(0);
    return v;
  };
  switch (e.name) {
    case 'memcpy':
    case 'memmove': {
      const dst = arg(0);
      const src = arg(1);
      const size = constantSize(lw, e.args[2]);
      const align = Math.min(knownAlign(e.args[0], dst), knownAlign(e.args[1], src));
      lw.at(e);
      if (size.constant === null) b.blockOp(e.name, 'void', [dst, src, size.value], align, e.args[2]);
      else copyBytes(lw, e, dst, src, size.constant, align, e.name === 'memmove');
      return dst;
    }
    case 'memset': {
      const dst = arg(0);
      const given = arg(1);
      const size = constantSize(lw, e.args[2]);
      const align = knownAlign(e.args[0], dst);
      lw.at(e);
      const fill = given.type === 'i64' ? b.cast('trunc', 'i32', given) : given;
      if (size.constant === null) b.blockOp(e.name, 'void', [dst, fill, size.value], align, e.args[2]);
      else fillBytes(lw, e, dst, fill, size.constant, align);
      return dst;
    }
    case 'memcmp': {
      const l = arg(0);
      const r = arg(1);
      const size = constantSize(lw, e.args[2]);
      lw.at(e);
      if (size.constant !== null) return compareBytes(lw, e, l, r, size.constant);
      const align = Math.min(knownAlign(e.args[0], l), knownAlign(e.args[1], r));
      return b.blockOp(e.name, 'i32', [l, r, size.value], align, e.args[2]);
    }
    case 'strcmp': {
      const args = [arg(0), arg(1), arg(2)];
      lw.at(e);
      return b.blockOp(e.name, 'i32', args, 1, e);
    }
    case 'strlen': {
      const p = arg(0);
      lw.at(e);
      return b.blockOp(e.name, 'i64', [p], 1, e.args[0]);
    }
    case 'bswap16':
    case 'bswap32':
    case 'bswap64': {
      const bytes = e.name === 'bswap16' ? 2 : e.name === 'bswap32' ? 4 : 8;
      const want = lw.valueType(e.type, e);
      let v = arg(0);
      lw.at(e);
      if (bytes === 8 && v.type === 'i32') v = b.cast('zext', 'i64', v);
      const swapped = b.bswap(v, bytes);
      return fit(lw, swapped, want);
    }
    case 'ctz':
    case 'clz':
    case 'ffs':
    case 'popcount':
      return bitCount(lw, e, arg(0));
    case 'abs': {
      const v = arg(0);
      const t = v.type as ValueType;
      lw.at(e);
      const sign = b.bin('ashr', v, b.constant(t, t === 'i64' ? 63 : 31));
      return b.bin('sub', b.bin('xor', v, sign), sign);
    }
    case 'unreachable':
    case 'trap':
      lw.at(e);
      b.unreachable();
      return null;
    case 'expect':
      return arg(0);
    case 'constant_p':
      return b.isConst(arg(0));
    case 'fence':
      b.fence();
      return null;
    case 'frame_address':
      lw.unsupported(e, 'the frame address cannot be read', 'Take the address of a local variable.');
      return b.constant('ptr', 0);
    default:
      return atomicBuiltin(lw, e);
  }
}

/** The size argument of a block operation; `constant` null when it is not one yet. */
export function constantSize(lw: Lowering, size: Expr): { readonly value: Inst; readonly constant: number | null } {
  const value = lowerExpr(lw, size) ?? lw.b.i64(0);
  return { value, constant: value.op === 'const' ? Number(BigInt.asUintN(64, value.value)) : null };
}

/** Alignment of what a pointer argument points at: from the object or the pointer's type before it became `void *`. */
export function knownAlign(e: Expr, v: Inst): number {
  let x = e;
  while (x.kind === 'cast' && (x.cast === 'bitcast' || x.cast === 'noop')) x = x.operand;
  const t = strip(x.type);
  let align = t.kind === 'pointer' ? alignOf(t.pointee) : 1;
  if (x.kind === 'cast' && x.cast === 'arrayDecay') align = Math.max(align, objectAlign(x.operand));
  else if (x.kind === 'address') align = Math.max(align, objectAlign(x.operand));
  return Math.min(8, Math.max(1, align, pointerAlign(v)));
}

/** Alignment of an l-value by where it stands in its object. */
function objectAlign(e: Expr): number {
  const low = (n: number): number => (n === 0 ? 8 : n & -n);
  switch (e.kind) {
    case 'member':
      return Math.min(objectAlign(e.base), low(Math.floor(e.field.bitOffset / 8)));
    case 'index': {
      const array =
        e.pointer.kind === 'cast' && e.pointer.cast === 'arrayDecay' ? objectAlign(e.pointer.operand) : alignOf(e.type);
      return e.index.kind === 'int' && e.index.value === 0n ? array : Math.min(array, low(sizeOf(e.type)));
    }
    case 'var':
      return Math.max(
        alignOf(e.type),
        e.decl.attributes.aligned,
        e.decl.kind === 'var' && e.decl.storage === 'auto' && sizeOf(e.type) >= 8 ? 8 : 1,
      );
    case 'string':
      return 1;
    default:
      return Math.max(1, alignOf(e.type));
  }
}

function fit(lw: Lowering, v: Inst, want: ValueType): Inst {
  if (v.type === want) return v;
  if (want === 'i32') return lw.b.cast('trunc', 'i32', v);
  return v.type === 'i32' ? lw.b.cast('zext', 'i64', v) : lw.b.cast('bitcast', want, v);
}

/** ctz, clz, ffs, popcount by the parallel-sum method (BPF has no such instructions). */
function bitCount(lw: Lowering, e: BuiltinExpr, value: Inst): Inst {
  const b = lw.b;
  const t = value.type as 'i32' | 'i64';
  const bits = t === 'i64' ? 64 : 32;
  lw.at(e);
  const c = (v: bigint | number): Inst => b.constant(t, v);
  const ones = (1n << BigInt(bits)) - 1n;
  const count = (v: Inst): Inst => {
    const m1 = ones / 3n;
    const m2 = ones / 5n;
    const m4 = ones / 17n;
    let x = b.bin('sub', v, b.bin('and', b.bin('lshr', v, c(1)), c(m1)));
    x = b.bin('add', b.bin('and', x, c(m2)), b.bin('and', b.bin('lshr', x, c(2)), c(m2)));
    x = b.bin('and', b.bin('add', x, b.bin('lshr', x, c(4))), c(m4));
    return b.bin('lshr', b.bin('mul', x, c(ones / 255n)), c(bits - 8));
  };
  const lowest = (): Inst => b.bin('and', b.bin('xor', value, c(-1)), b.bin('sub', value, c(1)));
  let r: Inst;
  if (e.name === 'popcount') r = count(value);
  else if (e.name === 'ctz') r = count(lowest());
  else if (e.name === 'clz') {
    let x = value;
    for (let s = 1; s < bits; s *= 2) x = b.bin('or', x, b.bin('lshr', x, c(s)));
    r = count(b.bin('xor', x, c(-1)));
  } else {
    // ffs: 0 for 0, else ctz + 1. (popcount(~v & (v - 1)) + 1) masked by v != 0.
    const some = b.cmp('ne', value, c(0));
    const index = fit(lw, b.bin('add', count(lowest()), c(1)), 'i32');
    r = b.bin('and', index, b.bin('sub', b.i32(0), some));
  }
  return fit(lw, r, lw.valueType(e.type, e));
}

const FETCH: Readonly<Record<string, { op: AtomicOp | 'sub'; bin: BinOp; after: boolean }>> = {
  fetch_add: { op: 'add', bin: 'add', after: false },
  fetch_sub: { op: 'sub', bin: 'sub', after: false },
  fetch_and: { op: 'and', bin: 'and', after: false },
  fetch_or: { op: 'or', bin: 'or', after: false },
  fetch_xor: { op: 'xor', bin: 'xor', after: false },
  add_fetch: { op: 'add', bin: 'add', after: true },
  sub_fetch: { op: 'sub', bin: 'sub', after: true },
  and_fetch: { op: 'and', bin: 'and', after: true },
  or_fetch: { op: 'or', bin: 'or', after: true },
  xor_fetch: { op: 'xor', bin: 'xor', after: true },
};

function atomicBuiltin(lw: Lowering, e: BuiltinExpr): Inst | null {
  const b = lw.b;
  const pointer = strip(e.args[0].type);
  const object = pointer.kind === 'pointer' ? pointer.pointee : e.type;
  const size = sizeOf(object);
  const simple = e.name === 'atomic_load' || e.name === 'atomic_store';
  if (size !== 4 && size !== 8 && !(simple && (size === 1 || size === 2))) {
    lw.cx.error(
      e,
      'codegen/atomic-size',
      `BPF atomics work on 4 or 8 bytes, not ${size}`,
      'Use a 32- or 64-bit object.',
    );
    return strip(e.type).kind === 'void' ? null : b.constant(lw.valueType(e.type, e), 0);
  }
  const t: ValueType = size === 8 ? 'i64' : 'i32';
  const addr = lowerExpr(lw, e.args[0])!;
  const arg = (n: number): Inst => fit(lw, lowerExpr(lw, e.args[n])!, t);
  const out = (v: Inst): Inst =>
    narrow(lw, fit(lw, v, strip(e.type).kind === 'void' ? t : lw.valueType(e.type, e)), e.type);
  const fetch = FETCH[e.name];
  if (fetch !== undefined) {
    const v = arg(1);
    lw.at(e);
    const operand = fetch.op === 'sub' ? b.bin('sub', b.constant(t, 0), v) : v;
    const old = b.atomic(fetch.op === 'sub' ? 'add' : fetch.op, addr, operand, size, true);
    return out(fetch.after ? b.bin(fetch.bin, old, v) : old);
  }
  switch (e.name) {
    case 'exchange': {
      const v = arg(1);
      lw.at(e);
      return out(b.atomic('xchg', addr, v, size, true));
    }
    case 'val_compare_and_swap':
    case 'bool_compare_and_swap': {
      const expected = arg(1);
      const next = arg(2);
      lw.at(e);
      const old = b.atomic('cmpxchg', addr, next, size, true, expected);
      return e.name === 'val_compare_and_swap' ? out(old) : b.cmp('eq', ...sameType(lw, old, expected));
    }
    case 'compare_exchange': {
      const slot = lowerExpr(lw, e.args[1])!;
      const next = arg(2);
      lw.at(e);
      const expected = b.load(t, slot, size);
      const old = b.atomic('cmpxchg', addr, next, size, true, expected);
      const done = b.cmp('eq', old, expected);
      b.store(slot, old, size);
      return done;
    }
    case 'atomic_load': {
      lw.at(e);
      const v = b.load(t, addr, size, true);
      return isSigned(object) && size < 4 ? b.cast('sextin', t, v, size) : out(v);
    }
    case 'atomic_store': {
      const v = arg(1);
      lw.at(e);
      b.store(addr, v, size, true);
      return null;
    }
    default:
      lw.unsupported(e, `__builtin_${e.name} is not supported`, 'See docs/language.md for the builtins there are.');
      return integerOf(e.type) === null ? null : b.constant(lw.valueType(e.type, e), 0);
  }
}
