/** Initialisers: braces and designators (C11 6.7.9) flattened to entries, and the image of static objects. */
import type { Expr, InitEntry, Initializer, Loc, StaticImage, StaticReloc, VarDecl } from './ast.ts';
import { evaluate } from './constant.ts';
import type { Context } from './context.ts';
import { assignConvert, errorExpr } from './convert.ts';
import { closest } from './diagnostics.ts';
import { fieldNames, findField } from './layout.ts';
import { parseAssignment, parseConstant, syntheticVar } from './parse-expr.ts';
import { T, type Parser } from './parser.ts';
import { typeText } from './type-text.ts';
import { arrayOf, integerOf, isComplete, isError, sizeOf, strip, type CType, type Field } from './types.ts';

type Designator =
  | { readonly kind: 'field'; readonly name: string; readonly loc: Loc }
  | { readonly kind: 'index'; readonly low: number; readonly high: number; readonly loc: Loc };

export type InitNode =
  | { readonly kind: 'expr'; readonly expr: Expr }
  | { readonly kind: 'list'; readonly items: readonly InitItem[]; readonly loc: Loc; readonly end: Loc };

interface InitItem {
  readonly designators: readonly Designator[];
  readonly value: InitNode;
}

export function parseInitializer(p: Parser): InitNode {
  if (!p.is(T.LBrace)) return { kind: 'expr', expr: parseAssignment(p) };
  return p.nested(() => {
    const open = p.advance().loc;
    const items: InitItem[] = [];
    while (!p.is(T.RBrace) && !p.is(T.Eof)) {
      const designators: Designator[] = [];
      if (p.is(T.Ident) && p.isName() && p.peek().kind === T.Colon) {
        // The old GNU form `field: value`.
        const name = p.advance();
        p.advance();
        designators.push({ kind: 'field', name: name.text, loc: name.loc });
      } else {
        while (p.is(T.Dot) || p.is(T.LBracket)) {
          const at = p.advance();
          if (at.kind === T.Dot) {
            if (!p.is(T.Ident)) {
              p.error('c/syntax', "expected a field designator, such as '.field = 4'");
              break;
            }
            const name = p.advance();
            designators.push({ kind: 'field', name: name.text, loc: name.loc });
          } else {
            const low = parseConstant(p, 'array designator') ?? 0n;
            const high = p.accept(T.Ellipsis) ? (parseConstant(p, 'array designator') ?? low) : low;
            p.expect(T.RBracket, '', at.loc);
            designators.push({ kind: 'index', low: Number(low), high: Number(high), loc: at.loc });
          }
        }
        if (designators.length > 0) p.expect(T.Eq, 'after designator');
      }
      const before = p.tok;
      items.push({ designators, value: parseInitializer(p) });
      if (!p.accept(T.Comma) && !p.is(T.RBrace)) {
        p.expect(T.RBrace, '', open);
        p.skipTo(T.RBrace, T.Semi);
        break;
      }
      if (p.tok === before) p.advance();
    }
    p.accept(T.RBrace);
    return { kind: 'list', items, loc: open, end: p.last };
  });
}

const MAX_OBJECT = 64 << 20;
const MAX_ENTRIES = 200_000;

/** Goes over the items of one brace level. */
interface Cursor {
  readonly items: readonly InitItem[];
  pos: number;
}

class Flattener {
  readonly entries: InitEntry[] = [];
  /** Bytes that the initialisers reach to, for flexible arrays. */
  reach = 0;
  readonly #cx: Context;

  constructor(cx: Context) {
    this.#cx = cx;
  }

  /** Initialises one whole object; returns its type with an unknown bound filled in. */
  object(type: CType, offset: number, node: InitNode, field: Field | null): CType {
    const t = strip(type);
    if (node.kind === 'expr') {
      if (t.kind === 'array') {
        const string = stringFor(t.element, node.expr);
        if (string === null) {
          if (!isError(node.expr.type)) {
            this.#cx.diagnostics.error(
              'c/array-initializer',
              'array initializer must be an initializer list or string literal',
              node.expr.loc,
              node.expr.end,
            );
          }
          return type;
        }
        const full = t.count === null ? arrayOf(t.element, string.bytes.length) : type;
        if (t.count !== null && string.bytes.length - 1 > t.count) {
          this.#cx.diagnostics.warning(
            'c/string-too-long',
            'initializer-string for char array is too long',
            string.loc,
            string.end,
          );
        }
        this.#add({ offset, bitfield: null, type: full, value: string });
        return full;
      }
      const bitfield =
        field !== null && field.bitSize > 0
          ? { bitOffset: offset * 8 + (field.bitOffset & 7), bitSize: field.bitSize }
          : null;
      this.#add({ offset, bitfield, type, value: assignConvert(this.#cx, node.expr, type, { what: 'init' }) });
      return type;
    }
    if (t.kind === 'array' || t.kind === 'record') {
      const only = node.items.length === 1 ? node.items[0]! : null;
      if (
        t.kind === 'array' &&
        only !== null &&
        only.designators.length === 0 &&
        only.value.kind === 'expr' &&
        stringFor(t.element, only.value.expr) !== null
      ) {
        return this.object(type, offset, only.value, field);
      }
      const cursor: Cursor = { items: node.items, pos: 0 };
      const used = this.#aggregate(type, offset, cursor, true, null);
      return t.kind === 'array' && t.count === null ? arrayOf(t.element, used) : type;
    }
    const first = node.items[0];
    if (first === undefined || first.designators.length > 0) {
      if (first !== undefined)
        this.#cx.diagnostics.error(
          'c/initializer',
          `designator in initializer for scalar type '${typeText(type)}'`,
          node.loc,
          node.end,
        );
      return type;
    }
    if (node.items.length > 1)
      this.#cx.diagnostics.warning('c/excess-elements', 'excess elements in scalar initializer', node.loc, node.end);
    return this.object(type, offset, first.value, field);
  }

  #add(entry: InitEntry): void {
    if (this.entries.length >= MAX_ENTRIES)
      this.#cx.diagnostics.fatal('c/initializer', 'initializer is too large', entry.value.loc);
    this.entries.push(entry);
    const bits = entry.bitfield;
    const end = bits === null ? entry.offset + sizeOf(entry.type) : Math.ceil((bits.bitOffset + bits.bitSize) / 8);
    this.reach = Math.max(this.reach, end);
  }

  /** Items into an array or record; returns the number of array elements used. `start`: a designator path to begin with. */
  #aggregate(
    type: CType,
    offset: number,
    cursor: Cursor,
    braced: boolean,
    start: readonly Designator[] | null,
  ): number {
    const t = strip(type);
    if (t.kind !== 'array' && t.kind !== 'record') return 0;
    const cx = this.#cx;
    if (t.kind === 'record' && !t.complete) {
      const at = cursor.items[cursor.pos]?.value;
      const loc = at === undefined ? 0 : at.kind === 'expr' ? at.expr.loc : at.loc;
      cx.diagnostics.error('c/incomplete-type', `initializing incomplete type '${typeText(type)}'`, loc);
      cursor.pos = cursor.items.length;
      return 0;
    }
    const elementSize = t.kind === 'array' ? sizeOf(t.element) : 0;
    const limit =
      t.kind === 'array' ? (t.count ?? Infinity) : t.tag === 'union' ? Math.min(1, t.fields.length) : t.fields.length;
    let index = 0;
    let used = 0;
    let designators = start;
    while (cursor.pos < cursor.items.length) {
      const item = cursor.items[cursor.pos]!;
      const path: readonly Designator[] = designators ?? item.designators;
      const isStart = designators !== null;
      designators = null;
      let member: { type: CType; offset: number; field: Field | null };
      let repeat = 0;
      if (path.length > 0) {
        if (!braced && !isStart) return used;
        const d = path[0]!;
        if (d.kind === 'index') {
          if (t.kind !== 'array' || d.low < 0 || d.high < d.low || d.high >= limit || d.high > MAX_OBJECT) {
            cx.diagnostics.error(
              'c/designator',
              t.kind === 'array'
                ? `array designator index (${d.high}) exceeds array bounds (${limit})`
                : `array designator in initializer for '${typeText(type)}'`,
              d.loc,
            );
            cursor.pos++;
            continue;
          }
          index = d.low;
          repeat = d.high - d.low;
          member = { type: t.element, offset: offset + index * elementSize, field: null };
        } else {
          const found = t.kind === 'record' ? findField(t, d.name, strip) : null;
          if (found === null || t.kind !== 'record') {
            const guess = t.kind === 'record' ? closest(d.name, fieldNames(t, strip)) : null;
            cx.diagnostics.error(
              'c/unknown-member',
              `field designator '${d.name}' does not refer to any field in type '${typeText(type)}'` +
                (guess === null ? '' : `; did you mean '${guess}'?`),
              d.loc,
              d.loc,
              guess === null ? {} : { fixes: [cx.fix(`Change to '${guess}'`, cx.sources.range(d.loc, d.loc), guess)] },
            );
            cursor.pos++;
            continue;
          }
          index = t.tag === 'union' ? 0 : found[0]!.index;
          if (found.length > 1) {
            // Through anonymous members: as if each were named.
            const inner: Designator[] = found.slice(1).map((f) => ({ kind: 'field', name: f.name, loc: d.loc }));
            const rest = [...inner.filter((x) => (x as { name: string }).name !== ''), ...path.slice(1)];
            this.#aggregate(found[0]!.type, offset + (found[0]!.bitOffset >> 3), cursor, false, rest);
            index++;
            continue;
          }
          const f = found[0]!;
          member = { type: f.type, offset: offset + (f.bitOffset >> 3), field: f };
        }
        if (path.length > 1) {
          const pos = cursor.pos;
          for (let i = 0; i <= repeat; i++) {
            cursor.pos = pos;
            this.#aggregate(member.type, member.offset + i * elementSize, cursor, false, path.slice(1));
          }
          index += repeat + 1;
          used = Math.max(used, index);
          if (cursor.pos === pos) cursor.pos++;
          continue;
        }
      } else {
        if (index >= limit) {
          if (!braced) return used;
          const v = item.value;
          const [loc, end] = v.kind === 'expr' ? [v.expr.loc, v.expr.end] : [v.loc, v.end];
          const what = t.kind === 'array' ? 'array' : t.tag;
          cx.diagnostics.warning('c/excess-elements', `excess elements in ${what} initializer`, loc, end);
          cursor.pos = cursor.items.length;
          return used;
        }
        if (t.kind === 'array') member = { type: t.element, offset: offset + index * elementSize, field: null };
        else {
          const f = t.fields[index]!;
          member = { type: f.type, offset: offset + (f.bitOffset >> 3), field: f };
        }
      }
      const pos = cursor.pos;
      for (let i = 0; i <= repeat; i++) {
        cursor.pos = pos;
        this.#place(member.type, member.offset + i * elementSize, cursor, member.field);
      }
      index += repeat + 1;
      used = Math.max(used, index);
      if (!braced && t.kind === 'record' && t.tag === 'union') return used;
    }
    return used;
  }

  /** One member from the next item(s): a whole value, or the members of a sub-aggregate without braces. */
  #place(type: CType, offset: number, cursor: Cursor, field: Field | null): void {
    const item = cursor.items[cursor.pos]!;
    const t = strip(type);
    const v = item.value;
    if (v.kind === 'list' || (t.kind !== 'array' && t.kind !== 'record')) {
      cursor.pos++;
      this.object(type, offset, v, field);
      return;
    }
    const whole = t.kind === 'array' ? stringFor(t.element, v.expr) !== null : strip(v.expr.type) === t;
    if (whole || isError(v.expr.type)) {
      cursor.pos++;
      this.object(type, offset, v, field);
      return;
    }
    const pos = cursor.pos;
    this.#aggregate(type, offset, { items: cursor.items, get pos() { return cursor.pos; }, set pos(n) { cursor.pos = n; } }, false, []); // prettier-ignore
    if (cursor.pos === pos) cursor.pos++;
  }
}

/** The string literal that can initialise an array of such elements. */
function stringFor(element: CType, e: Expr): Extract<Expr, { kind: 'string' }> | null {
  const t = strip(element);
  return e.kind === 'string' && t.kind === 'int' && t.size === 1 ? e : null;
}

/** Applies an initialiser to a type. The type has its array bound afterwards. */
export function checkInitializer(
  cx: Context,
  type: CType,
  node: InitNode,
): { type: CType; init: Initializer; reach: number } {
  const flat = new Flattener(cx);
  const full = flat.object(type, 0, node, null);
  const t = strip(full);
  const only = flat.entries[0];
  if (t.kind !== 'array' && t.kind !== 'record') {
    const expr = only?.value ?? errorExpr(0, 0);
    return { type: full, init: { kind: 'expr', expr }, reach: flat.reach };
  }
  if (node.kind === 'expr' && t.kind === 'record' && only !== undefined) {
    return { type: full, init: { kind: 'expr', expr: only.value }, reach: flat.reach };
  }
  return { type: full, init: { kind: 'aggregate', type: full, entries: flat.entries }, reach: flat.reach };
}

/** Bytes and relocations of a static object. Null when something is not constant (reported). */
export function staticImage(cx: Context, type: CType, init: Initializer, reach: number): StaticImage | null {
  const size = Math.max(sizeOf(type), reach);
  if (size > MAX_OBJECT) return null;
  const bytes = new Uint8Array(size);
  const relocs: StaticReloc[] = [];
  const entries: readonly InitEntry[] =
    init.kind === 'aggregate' ? init.entries : [{ offset: 0, bitfield: null, type, value: init.expr }];
  let ok = true;
  for (const entry of entries) {
    if (isError(entry.value.type)) ok = false;
    else if (!store(bytes, relocs, entry)) {
      ok = false;
      cx.diagnostics.error(
        'c/not-constant',
        'initializer element is not a compile-time constant',
        entry.value.loc,
        entry.value.end,
      );
    }
  }
  return ok ? { bytes, relocs } : null;
}

function store(bytes: Uint8Array, relocs: StaticReloc[], entry: InitEntry): boolean {
  const { value, offset } = entry;
  const size = sizeOf(entry.type);
  if (value.kind === 'string' && strip(entry.type).kind === 'array') {
    bytes.fill(0, offset, offset + size);
    bytes.set(value.bytes.subarray(0, size), offset);
    return true;
  }
  if (value.kind === 'cast' && value.cast === 'lvalueToRvalue' && value.operand.kind === 'compoundLiteral') {
    const image = value.operand.variable.image;
    if (image === null) return value.operand.variable.storage !== 'auto';
    bytes.set(image.bytes.subarray(0, size), offset);
    relocs.push(...image.relocs.map((r) => ({ ...r, offset: r.offset + offset })));
    return true;
  }
  const c = evaluate(value);
  if (c === null) return false;
  // A later designator wins over an earlier address too.
  const stale = relocs.findIndex((r) => r.offset === offset);
  if (stale >= 0) relocs.splice(stale, 1);
  if (c.base !== null) {
    if (size !== 8) return false;
    bytes.fill(0, offset, offset + 8);
    relocs.push({ offset, target: c.base, addend: Number(c.value) });
    return true;
  }
  if (entry.bitfield !== null) {
    const { bitOffset, bitSize } = entry.bitfield;
    for (let i = 0; i < bitSize; i++) {
      const at = bitOffset + i;
      const bit = Number((BigInt.asUintN(64, c.value) >> BigInt(i)) & 1n);
      bytes[at >> 3] = (bytes[at >> 3]! & ~(1 << (at & 7))) | (bit << (at & 7));
    }
    return true;
  }
  let v = BigInt.asUintN(size * 8, integerOf(entry.type) !== null ? c.value : BigInt.asUintN(64, c.value));
  for (let i = 0; i < size; i++, v >>= 8n) bytes[offset + i] = Number(v & 0xffn);
  return true;
}

/** After `(type)`, at `{`. */
export function parseCompoundLiteral(p: Parser, type: CType, loc: Loc): Expr {
  const node = parseInitializer(p);
  const isStatic = p.cx.fn === null;
  if (isError(type) || (!isComplete(type) && strip(type).kind !== 'array')) {
    if (!isError(type)) p.error('c/incomplete-type', `variable has incomplete type '${typeText(type)}'`, loc, p.last);
    return errorExpr(loc, p.last);
  }
  const checked = checkInitializer(p.cx, type, node);
  const variable: VarDecl = syntheticVar(checked.type, loc, p.last, isStatic, p.cx.fn?.decl ?? null);
  if (isStatic) {
    (variable as { image: StaticImage | null }).image = staticImage(p.cx, checked.type, checked.init, checked.reach);
    p.cx.addVariable(variable);
  } else (variable as { init: Initializer | null }).init = checked.init;
  return { kind: 'compoundLiteral', variable, type: checked.type, loc, end: p.last };
}
