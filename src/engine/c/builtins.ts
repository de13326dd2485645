/** Calls: functions, helpers, and clang's builtins. */
import type { BuiltinName, Expr, FunctionDecl, Loc, VarDecl } from './ast.ts';
import { constLocal, evaluate } from './constant.ts';
import type { Context, Mutable } from './context.ts';
import { assignConvert, castNode, errorExpr, integral, intExpr, promote, rvalue } from './convert.ts';
import { typeText } from './type-text.ts';
import {
  BOOL, INT, integerOf, isError, isInteger, isPointer, LLONG, LONG, pointerTo, qualify, sizeOf, strip, UINT, ULLONG, ULONG, unqualified,
  USHORT, VOID, type CType, type FunctionType,
} from './types.ts'; // prettier-ignore

/** A call of something with a type. `close`: the `)`. */
export function call(cx: Context, callee: Expr, args: readonly Expr[], close: Loc): Expr {
  const span = { loc: callee.loc, end: close };
  if (isError(callee.type)) return errorExpr(span.loc, span.end);
  const d = cx.diagnostics;
  const bare = strip(callee.type);
  const fnType = bare.kind === 'function' ? bare : bare.kind === 'pointer' ? strip(bare.pointee) : bare;
  if (fnType.kind !== 'function') {
    d.error(
      'c/not-a-function',
      `called object type '${typeText(callee.type)}' is not a function or function pointer`,
      callee.loc,
      callee.end,
    );
    return errorExpr(span.loc, span.end);
  }
  const name = calleeName(callee);
  const declaredAt = callee.kind === 'function' || callee.kind === 'var' ? callee.decl.nameLoc : 0;
  const n = fnType.params.length;
  if (fnType.prototyped && (args.length < n || (args.length > n && !fnType.variadic))) {
    const few = args.length < n;
    d.error(
      'c/argument-count',
      `too ${few ? 'few' : 'many'} arguments to function call, expected ${fnType.variadic ? 'at least ' : ''}${n}, have ${args.length}`,
      few || args.length === 0 ? callee.loc : args[n]!.loc,
      few ? close : args.at(-1)!.end,
      { notes: declaredAt === 0 ? [] : [d.note(`'${name}' declared here`, declaredAt)] },
    );
    return errorExpr(span.loc, span.end);
  }
  const converted = args.map((arg, i) => {
    const param = fnType.params[i];
    if (param === undefined) return promote(rvalue(cx, arg));
    return assignConvert(cx, arg, param.type, { what: 'pass', param: param.name, callee: name, declaredAt });
  });
  if (converted.some((a) => isError(a.type))) return errorExpr(span.loc, span.end);
  const type = unqualified(fnType.ret);
  const common = { signature: fnType, args: converted, type, ...span };

  if (callee.kind === 'function') {
    if (cx.unevaluated === 0) {
      (callee.decl as Mutable<FunctionDecl>).referenced = true;
      if (cx.fn !== null && !cx.fn.calls.has(callee.decl)) cx.fn.calls.set(callee.decl, callee.loc);
    }
    return { kind: 'call', target: { kind: 'function', decl: callee.decl }, ...common };
  }
  const pointer = rvalue(cx, callee);
  const helper = helperId(pointer);
  if (helper !== null) return { kind: 'call', target: { kind: 'helper', id: helper, name }, ...common };
  return { kind: 'call', target: { kind: 'indirect', pointer }, ...common };
}

const calleeName = (e: Expr): string =>
  e.kind === 'function' || e.kind === 'var' ? e.decl.name : e.kind === 'member' ? e.field.name : 'function';

/** Number of the helper that a function pointer value is: a constant, or a static variable initialised with one. */
export function helperId(e: Expr): number | null {
  const c = evaluate(e);
  if (c !== null && c.base === null) return Number(BigInt.asIntN(32, c.value));
  if (e.kind !== 'cast' || e.cast !== 'lvalueToRvalue' || e.operand.kind !== 'var') return null;
  const v = e.operand.decl as VarDecl;
  if (v.kind !== 'var' || v.storage !== 'static' || v.image === null || v.image.relocs.length > 0) return null;
  const b = v.image.bytes;
  return b.length === 8 ? new DataView(b.buffer, b.byteOffset).getInt32(0, true) : null;
}

const VOID_PTR = pointerTo(VOID);
const CONST_VOID_PTR = pointerTo(qualify(VOID, { const: true }));
const fn = (ret: CType, ...params: CType[]): FunctionType => ({
  kind: 'function',
  ret,
  params: params.map((type) => ({ name: '', type })),
  variadic: false,
  prototyped: true,
});

/** Builtins with an ordinary signature that codegen lowers. */
const SIMPLE: Record<string, { readonly name: BuiltinName; readonly type: FunctionType }> = {
  __builtin_memcpy: { name: 'memcpy', type: fn(VOID_PTR, VOID_PTR, CONST_VOID_PTR, ULONG) },
  __builtin_memcpy_inline: { name: 'memcpy', type: fn(VOID_PTR, VOID_PTR, CONST_VOID_PTR, ULONG) },
  __builtin_memmove: { name: 'memmove', type: fn(VOID_PTR, VOID_PTR, CONST_VOID_PTR, ULONG) },
  __builtin_memset: { name: 'memset', type: fn(VOID_PTR, VOID_PTR, INT, ULONG) },
  __builtin_memcmp: { name: 'memcmp', type: fn(INT, CONST_VOID_PTR, CONST_VOID_PTR, ULONG) },
  __builtin_bcmp: { name: 'memcmp', type: fn(INT, CONST_VOID_PTR, CONST_VOID_PTR, ULONG) },
  __builtin_bswap16: { name: 'bswap16', type: fn(USHORT, USHORT) },
  __builtin_bswap32: { name: 'bswap32', type: fn(UINT, UINT) },
  __builtin_bswap64: { name: 'bswap64', type: fn(ULONG, ULONG) },
  __builtin_ctz: { name: 'ctz', type: fn(INT, UINT) },
  __builtin_ctzl: { name: 'ctz', type: fn(INT, ULONG) },
  __builtin_ctzll: { name: 'ctz', type: fn(INT, ULLONG) },
  __builtin_clz: { name: 'clz', type: fn(INT, UINT) },
  __builtin_clzl: { name: 'clz', type: fn(INT, ULONG) },
  __builtin_clzll: { name: 'clz', type: fn(INT, ULLONG) },
  __builtin_ffs: { name: 'ffs', type: fn(INT, INT) },
  __builtin_ffsl: { name: 'ffs', type: fn(INT, LONG) },
  __builtin_ffsll: { name: 'ffs', type: fn(INT, LLONG) },
  __builtin_popcount: { name: 'popcount', type: fn(INT, UINT) },
  __builtin_popcountl: { name: 'popcount', type: fn(INT, ULONG) },
  __builtin_popcountll: { name: 'popcount', type: fn(INT, ULLONG) },
  __builtin_abs: { name: 'abs', type: fn(INT, INT) },
  __builtin_labs: { name: 'abs', type: fn(LONG, LONG) },
  __builtin_llabs: { name: 'abs', type: fn(LLONG, LLONG) },
  __builtin_unreachable: { name: 'unreachable', type: fn(VOID) },
  __builtin_trap: { name: 'trap', type: fn(VOID) },
  __builtin_frame_address: { name: 'frame_address', type: fn(VOID_PTR, UINT) },
};

/** Library functions that clang lowers itself when they are declared (or not) and called with a constant size. */
export const LIBRARY_BUILTINS: Record<string, string> = {
  memcpy: '__builtin_memcpy',
  memmove: '__builtin_memmove',
  memset: '__builtin_memset',
  memcmp: '__builtin_memcmp',
};

const ATOMIC =
  /^__(?:sync_fetch_and_(add|sub|and|or|xor)|sync_(add|sub|and|or|xor)_and_fetch|atomic_fetch_(add|sub|and|or|xor)|atomic_(add|sub|and|or|xor)_fetch)$/;

/** A call of a builtin by name; undefined when it is none. Arguments are as parsed. */
export function builtinCall(cx: Context, name: string, args: readonly Expr[], loc: Loc, end: Loc): Expr | undefined {
  const span = { loc, end };
  const d = cx.diagnostics;
  const bad = (): Expr => errorExpr(loc, end);
  const count = (n: number): boolean => {
    if (args.length === n) return true;
    d.error(
      'c/argument-count',
      `too ${args.length < n ? 'few' : 'many'} arguments to function call, expected ${n}, have ${args.length}`,
      loc,
      end,
    );
    return false;
  };

  const simple = SIMPLE[name];
  if (simple !== undefined) {
    if (!count(simple.type.params.length)) return bad();
    const converted = args.map((a, i) =>
      assignConvert(cx, a, simple.type.params[i]!.type, { what: 'pass', param: '', callee: name, declaredAt: 0 }),
    );
    if (converted.some((a) => isError(a.type))) return bad();
    if (simple.name.startsWith('mem')) {
      // A size that is no constant here may be one after inlining: code generation has the last word.
      const size = evaluate(converted[2]!);
      if (size !== null && size.base === null)
        converted[2] = intExpr(BigInt.asUintN(64, size.value), ULONG, args[2]!.loc, args[2]!.end);
    }
    const only = converted[0];
    if (only?.kind === 'int' && simple.name.startsWith('bswap')) {
      return intExpr(bswap(only.value, Number(simple.name.slice(5)) / 8), simple.type.ret, loc, end);
    }
    if (only?.kind === 'int' && args.length === 1 && simple.name !== 'frame_address') {
      const v = foldBits(simple.name, only.value, sizeOf(only.type) * 8);
      if (v !== null) return intExpr(v, simple.type.ret, loc, end);
    }
    return { kind: 'builtin', name: simple.name, args: converted, type: simple.type.ret, ...span };
  }

  switch (name) {
    case '__builtin_bzero': {
      if (!count(2)) return bad();
      return builtinCall(cx, '__builtin_memset', [args[0]!, intExpr(0n, INT, loc, loc), args[1]!], loc, end);
    }
    case '__builtin_expect':
    case '__builtin_expect_with_probability': {
      if (args.length < 2) return count(2) ? undefined : bad();
      const v = rvalue(cx, args[0]!);
      if (isError(v.type)) return bad();
      if (!isInteger(v.type))
        return assignConvert(cx, v, LONG, { what: 'pass', param: '', callee: name, declaredAt: 0 });
      const wide = integral(promote(v), LONG);
      return wide.kind === 'int'
        ? wide
        : {
            kind: 'builtin',
            name: 'expect',
            args: [wide, integral(promote(rvalue(cx, args[1]!)), LONG)],
            type: LONG,
            ...span,
          };
    }
    case '__builtin_constant_p': {
      if (!count(1)) return bad();
      const v = rvalue(cx, args[0]!);
      const c = evaluate(v) ?? constLocal(v);
      if (c !== null) return intExpr(c.base === null || c.base.kind === 'string' ? 1n : 0n, INT, loc, end);
      if (isPointer(v.type) || isError(v.type)) return intExpr(0n, INT, loc, end);
      return { kind: 'builtin', name: 'constant_p', args: [v], type: INT, ...span };
    }
    case '__builtin_assume':
      return castNode('toVoid', VOID, intExpr(0n, INT, loc, end));
    case '__builtin_assume_aligned':
      return args.length > 0 ? rvalue(cx, args[0]!) : bad();
    case '__builtin_prefetch':
      return castNode('toVoid', VOID, intExpr(0n, INT, loc, end));
    case '__builtin_object_size':
      return intExpr(BigInt.asUintN(64, -1n), ULONG, loc, end);
    case '__builtin_strlen': {
      if (!count(1)) return bad();
      const text = rvalue(cx, args[0]!);
      if (isError(text.type)) return bad();
      const c = evaluate(text);
      if (c?.base?.kind === 'string') {
        const length = c.base.bytes.indexOf(0, Number(c.value)) - Number(c.value);
        return intExpr(BigInt(Math.max(0, length)), ULONG, loc, end);
      }
      return { kind: 'builtin', name: 'strlen', args: [text], type: ULONG, ...span };
    }
    case '__builtin_strcmp':
    case '__builtin_strncmp': {
      const bounded = name === '__builtin_strncmp';
      if (!count(bounded ? 3 : 2)) return bad();
      const left = literal(cx, args[0]!);
      const right = literal(cx, args[1]!);
      const n = bounded ? (evaluate(rvalue(cx, args[2]!))?.value ?? null) : 1n << 32n;
      if (left !== null && right !== null && n !== null)
        return intExpr(compareBytes(left.subarray(0, Number(n)), right.subarray(0, Number(n))), INT, loc, end);
      const texts = [rvalue(cx, args[0]!), rvalue(cx, args[1]!)];
      if (texts.some((t) => isError(t.type))) return bad();
      const most = bounded ? integral(promote(rvalue(cx, args[2]!)), ULONG) : intExpr(n!, ULONG, loc, end);
      return { kind: 'builtin', name: 'strcmp', args: [...texts, most], type: INT, ...span };
    }
    case '__builtin_preserve_access_index': {
      if (!count(1)) return bad();
      const e = args[0]!;
      const operand = strip(e.type).kind === 'array' ? rvalue(cx, e) : e;
      return { kind: 'preserveAccess', operand, type: operand.type, ...span };
    }
    case '__builtin_preserve_field_info': {
      const info = args[1] === undefined ? null : evaluate(rvalue(cx, args[1]));
      let field: Expr = args[0]!;
      if (!count(2) || isError(field.type)) return bad();
      while (field.kind === 'preserveAccess') field = field.operand;
      if (info === null || (field.kind !== 'member' && field.kind !== 'index')) {
        d.error('c/builtin-argument', `'${name}' needs a field access and a constant`, args[0]!.loc, args[0]!.end);
        return bad();
      }
      return { kind: 'coreFieldInfo', field, info: Number(info.value), type: UINT, ...span };
    }
    case '__builtin_preserve_type_info':
    case '__builtin_btf_type_id': {
      const info = args[1] === undefined ? null : evaluate(rvalue(cx, args[1]));
      if (!count(2) || isError(args[0]!.type)) return bad();
      if (info === null) {
        d.error(
          'c/builtin-argument',
          `the second argument of '${name}' must be a constant`,
          args[1]!.loc,
          args[1]!.end,
        );
        return bad();
      }
      const target = args[0]!.type;
      if (name === '__builtin_btf_type_id')
        return { kind: 'btfTypeId', target, flag: Number(info.value), type: ULONG, ...span };
      return { kind: 'coreTypeInfo', target, info: Number(info.value), type: UINT, ...span };
    }
    case '__builtin_preserve_enum_value': {
      const info = args[1] === undefined ? null : evaluate(rvalue(cx, args[1]));
      if (!count(2) || isError(args[0]!.type)) return bad();
      const e = args[0]!;
      // *(T *)ENUMERATOR
      const target = e.type;
      const enumType = strip(target);
      const pointer = e.kind === 'deref' ? e.pointer : null;
      const value = pointer === null ? null : evaluate(pointer);
      const named =
        enumType.kind === 'enum' && value !== null
          ? enumType.enumerators.find((x) => BigInt.asUintN(64, x.value) === BigInt.asUintN(64, value.value))
          : undefined;
      const written = pointer !== null && pointer.kind === 'int' ? pointer.enumerator?.name : undefined;
      if (info === null || enumType.kind !== 'enum' || value === null || named === undefined) {
        d.error('c/builtin-argument', `'${name}' needs '*(enum type *)ENUMERATOR' and a constant`, e.loc, e.end);
        return bad();
      }
      return {
        kind: 'coreEnumValue',
        target,
        enumerator: written ?? named.name,
        value: named.value,
        info: Number(info.value),
        type: ULLONG,
        ...span,
      };
    }
    case '__sync_synchronize':
    case '__atomic_thread_fence':
    case '__atomic_signal_fence':
      return { kind: 'builtin', name: 'fence', args: [], type: VOID, ...span };
  }

  const fetch = ATOMIC.exec(name);
  if (fetch !== null) {
    const before = fetch[1] ?? fetch[3];
    return atomic(
      cx,
      (before !== undefined ? `fetch_${before}` : `${fetch[2] ?? fetch[4]}_fetch`) as BuiltinName,
      name,
      args,
      1,
      span,
    );
  }
  switch (name) {
    case '__sync_val_compare_and_swap':
      return atomic(cx, 'val_compare_and_swap', name, args, 2, span);
    case '__sync_bool_compare_and_swap':
      return atomic(cx, 'bool_compare_and_swap', name, args, 2, span, BOOL);
    case '__sync_lock_test_and_set':
    case '__sync_swap':
    case '__atomic_exchange_n':
      return atomic(cx, 'exchange', name, args, 1, span);
    case '__atomic_load_n':
      return atomic(cx, 'atomic_load', name, args, 0, span);
    case '__atomic_store_n':
      return atomic(cx, 'atomic_store', name, args, 1, span, VOID);
    case '__sync_lock_release':
      return atomic(cx, 'atomic_store', name, [args[0]!, intExpr(0n, INT, loc, end)], 1, span, VOID);
    case '__atomic_compare_exchange_n': {
      if (args.length < 3) return count(6) ? undefined : bad();
      const p = rvalue(cx, args[0]!);
      const expected = rvalue(cx, args[1]!);
      const t = strip(p.type);
      if (t.kind !== 'pointer' || !isPointer(expected.type)) return bad();
      const value = assignConvert(cx, args[2]!, t.pointee, { what: 'pass', param: '', callee: name, declaredAt: 0 });
      return { kind: 'builtin', name: 'compare_exchange', args: [p, expected, value], type: BOOL, ...span };
    }
  }
  return undefined;
}

function atomic(
  cx: Context,
  op: BuiltinName,
  name: string,
  args: readonly Expr[],
  values: number,
  span: { loc: Loc; end: Loc },
  result?: CType,
): Expr {
  const d = cx.diagnostics;
  const bad = errorExpr(span.loc, span.end);
  if (args.length < values + 1) {
    d.error(
      'c/argument-count',
      `too few arguments to function call, expected ${values + 1}, have ${args.length}`,
      span.loc,
      span.end,
    );
    return bad;
  }
  const p = rvalue(cx, args[0]!);
  if (isError(p.type)) return bad;
  const t = strip(p.type);
  const object = t.kind === 'pointer' ? strip(t.pointee) : null;
  const size = t.kind === 'pointer' ? sizeOf(t.pointee) : 0;
  const wide = size === 4 || size === 8;
  const narrowOk = op === 'atomic_load' || op === 'atomic_store';
  if (
    t.kind !== 'pointer' ||
    object === null ||
    (object.kind !== 'int' && object.kind !== 'enum' && object.kind !== 'pointer') ||
    !(wide || narrowOk)
  ) {
    d.error(
      'c/atomic-operand',
      t.kind === 'pointer' && object !== null && integerOf(object) !== null
        ? `'${name}' works on 4 and 8 byte objects only in BPF ('${typeText(t.pointee)}' has ${size})`
        : `address argument to atomic builtin must be a pointer to integer or pointer ('${typeText(p.type)}' invalid)`,
      args[0]!.loc,
      args[0]!.end,
    );
    return bad;
  }
  const type = unqualified(t.pointee);
  const converted = args
    .slice(1, values + 1)
    .map((a) => assignConvert(cx, a, type, { what: 'pass', param: '', callee: name, declaredAt: 0 }));
  if (converted.some((a) => isError(a.type))) return bad;
  return { kind: 'builtin', name: op, args: [p, ...converted], type: result ?? type, ...span };
}

function bswap(v: bigint, bytes: number): bigint {
  let out = 0n;
  for (let i = 0; i < bytes; i++) out = (out << 8n) | ((v >> BigInt(8 * i)) & 0xffn);
  return out;
}

function foldBits(name: BuiltinName, value: bigint, bits: number): bigint | null {
  const u = BigInt.asUintN(bits, value);
  const text = u.toString(2);
  switch (name) {
    case 'popcount':
      return BigInt([...text].filter((c) => c === '1').length);
    case 'clz':
      return u === 0n ? null : BigInt(bits - text.length);
    case 'ctz':
      return u === 0n ? null : BigInt(text.length - 1 - text.lastIndexOf('1'));
    case 'ffs':
      return u === 0n ? 0n : BigInt(text.length - text.lastIndexOf('1'));
    case 'abs':
      return value < 0n ? -value : value;
    default:
      return null;
  }
}

/** Bytes of a string literal up to its NUL, null for anything else. */
function literal(cx: Context, e: Expr): Uint8Array | null {
  const c = evaluate(rvalue(cx, e));
  if (c?.base?.kind !== 'string') return null;
  const from = Number(c.value);
  return c.base.bytes.subarray(from, c.base.bytes.indexOf(0, from));
}

function compareBytes(a: Uint8Array, b: Uint8Array): bigint {
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0);
    if (difference !== 0) return difference < 0 ? -1n : 1n;
  }
  return 0n;
}
