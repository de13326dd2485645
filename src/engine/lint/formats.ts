/**
 * Format strings of bpf_printk(), bpf_trace_printk(), bpf_snprintf() and bpf_seq_printf(). The kernel looks at them when
 * the program runs and then prints nothing (bpf_bprintf_prepare in kernel/bpf/helpers.c, the same in 6.1 and 6.12).
 */
import { integerOf, isPointer, strip, typeText, type Expr, type Stmt, type VarDecl, walk } from '../c/index.ts';
import { replace, type Report } from './report.ts';

/** helper number: which argument is the format; where the values begin (null: in an array of u64). */
const HELPERS: Readonly<
  Record<number, { readonly name: string; readonly format: number; readonly values: number | null }>
> = {
  6: { name: 'bpf_trace_printk', format: 0, values: 2 },
  126: { name: 'bpf_seq_printf', format: 1, values: null },
  165: { name: 'bpf_snprintf', format: 2, values: null },
  177: { name: 'bpf_trace_vprintk', format: 0, values: null },
};

interface Conversion {
  /** As written, e.g. `%llu`. */
  readonly text: string;
  readonly kind: 'int' | 'pointer' | 'string' | 'char' | 'bad';
  /** Bytes of an integer. */
  readonly size: number;
}

/** The conversions that the kernel takes. */
const CONVERSION =
  /%(?:%|[-+ #0]*\d*(?:(p[ku]s|pK|px|pB|ps|pS|p[iI][46]|p(?![A-Za-z0-9]))|(s)|(c)|(l{0,2})([diuxX])|(\S?)))/g;

export function conversions(format: string): readonly Conversion[] {
  return [...format.matchAll(CONVERSION)].flatMap((m): Conversion[] => {
    const text = m[0];
    if (text === '%%') return [];
    if (m[1] !== undefined) return [{ text, kind: m[1] === 'pks' || m[1] === 'pus' ? 'string' : 'pointer', size: 8 }];
    if (m[2] !== undefined) return [{ text, kind: 'string', size: 8 }];
    if (m[3] !== undefined) return [{ text, kind: 'char', size: 4 }];
    if (m[5] !== undefined) return [{ text, kind: 'int', size: m[4] === '' ? 4 : 8 }];
    return [{ text, kind: 'bad', size: 0 }];
  });
}

/** A call of a helper that takes a format; `values` undefined: they come from somewhere else. */
export interface FormatCall {
  readonly call: Expr;
  readonly format: Expr | undefined;
  readonly values: readonly Expr[] | undefined;
}

/** @param known calls by body, of bodies seen before: trees do not change */
export function checkFormats(report: Report, body: Stmt, known: WeakMap<Stmt, readonly FormatCall[]>): void {
  let calls = known.get(body);
  if (calls === undefined) known.set(body, (calls = formatCalls(body)));
  for (const c of calls) {
    const format = formatOf(c.format);
    if (format !== null && c.values !== undefined) check(report, format, c.values, c.call);
  }
}

function formatCalls(body: Stmt): readonly FormatCall[] {
  const calls: FormatCall[] = [];
  const arrays = new Map<VarDecl, Expr[]>();
  walk(body, {
    expression: (e) => {
      // `___param[i] = x` of the macros for more than three values.
      if (e.kind === 'assign' && e.target.kind === 'index' && e.target.index.kind === 'int') {
        const base = e.target.pointer.kind === 'cast' ? e.target.pointer.operand : e.target.pointer;
        if (base.kind === 'var' && base.decl.kind === 'var' && base.decl.name === '___param') {
          const list = arrays.get(base.decl) ?? [];
          list[Number(e.target.index.value)] = e.value;
          arrays.set(base.decl, list);
        }
      }
      if (e.kind !== 'call' || e.target.kind !== 'helper') return;
      const helper = HELPERS[e.target.id];
      if (helper === undefined) return;
      const values = helper.values === null ? arrays.get(arrayOf(e)!)?.slice() : e.args.slice(helper.values);
      calls.push({ call: e, format: e.args[helper.format], values });
    },
  });
  return calls;
}

function arrayOf(call: Extract<Expr, { kind: 'call' }>): VarDecl | null {
  for (const a of call.args) {
    const v = variable(a);
    if (v?.name === '___param') return v;
  }
  return null;
}

function variable(e: Expr | undefined): VarDecl | null {
  while (e !== undefined && e.kind === 'cast') e = e.operand;
  return e?.kind === 'var' && e.decl.kind === 'var' ? e.decl : null;
}

interface Format {
  readonly text: string;
  /** Where the author wrote it: the argument of the macro. */
  readonly decl: VarDecl | null;
}

/** The text that a helper gets: a static array made by the macros, or a literal. */
function formatOf(e: Expr | undefined): Format | null {
  const v = variable(e);
  const bytes = v?.image?.bytes ?? literal(e);
  if (bytes === null) return null;
  const end = bytes.indexOf(0);
  return { text: new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end)), decl: v };
}

function literal(e: Expr | undefined): Uint8Array | null {
  while (e !== undefined && e.kind === 'cast') e = e.operand;
  return e?.kind === 'string' ? e.bytes : null;
}

/** `u32` and the like in words of printf. */
function wanted(e: Expr): string | null {
  const t = integerOf(e.type);
  if (t === null) return isPointer(e.type) ? '%p' : null;
  return t.size === 8 ? (t.signed ? '%lld' : '%llu') : t.signed ? '%d' : '%u';
}

/** What the value was before it was widened for the call. */
function plain(e: Expr): Expr {
  while (e.kind === 'cast' && !e.explicit && e.cast !== 'lvalueToRvalue' && e.cast !== 'arrayDecay') e = e.operand;
  return e;
}

function check(report: Report, format: Format, values: readonly Expr[], call: Expr): void {
  const list = conversions(format.text);
  const where = report.range(call.loc, call.end);
  const line = report.line(where);
  const written = [...line.slice(where.column - 1).matchAll(CONVERSION)].filter((m) => m[0] !== '%%');
  /** The conversion in the source line, when the literal stands there. */
  const spot = (c: Conversion): { column: number; length: number } | null => {
    const m = written[list.indexOf(c)];
    return m === undefined || m[0] !== c.text ? null : { column: where.column + m.index, length: c.text.length };
  };
  const rangeOf = (c: Conversion) => {
    const s = spot(c);
    return s === null ? where : { ...where, endLine: where.line, column: s.column, endColumn: s.column + s.length };
  };
  const bad = list.find((c) => c.kind === 'bad');
  if (bad !== undefined) {
    report.add('warning', 'format', `invalid conversion specifier '${bad.text}'`, rangeOf(bad), {
      explanation:
        'The kernel refuses the whole format when the program runs, and prints nothing. It knows %d %i %u %x (with l, ll), %c, %s, %p, %pks, %pus, %pB, %pi4, %pI6 and %%.',
    });
    return;
  }
  if (list.length > values.length) {
    report.add('warning', 'format', "more '%' conversions than data arguments", rangeOf(list[values.length]!), {
      explanation: 'The kernel refuses the format when the program runs, and prints nothing.',
    });
    return;
  }
  if (list.length < values.length) {
    const extra = plain(values[list.length]!);
    report.add('warning', 'format', 'data argument not used by format string', report.range(extra.loc, extra.end), {
      explanation: 'The value is passed and never printed.',
    });
  }
  list.forEach((c, i) => typeCheck(report, c, plain(values[i]!), rangeOf(c), spot(c) !== null));
}

function typeCheck(report: Report, c: Conversion, value: Expr, at: ReturnType<Report['range']>, exact: boolean): void {
  const t = integerOf(value.type);
  const pointer = strip(value.type).kind === 'pointer' || strip(value.type).kind === 'array';
  let expected: string | null = null;
  if (c.kind === 'string' && t !== null) expected = 'char *';
  else if ((c.kind === 'int' || c.kind === 'char') && pointer) expected = c.size === 8 ? 'long' : 'int';
  else if (c.kind === 'int' && c.size === 4 && t?.size === 8 && value.kind !== 'int')
    expected = /[uxX]$/.test(c.text) ? 'unsigned int' : 'int';
  if (expected === null) return;
  const right =
    c.kind === 'int' && t?.size === 8
      ? c.text.replace(/([diuxX])$/, 'll$1')
      : pointer && /^char$|^const char$/.test(pointee(value))
        ? '%s'
        : wanted(value);
  report.add(
    'warning',
    'format',
    `format specifies type '${expected}' but the argument has type '${typeText(value.type)}'`,
    report.range(value.loc, value.end),
    {
      fixes: exact && right !== null ? [replace(`Change '${c.text}' to '${right}'`, at, right)] : [],
    },
  );
}

function pointee(e: Expr): string {
  const t = strip(e.type);
  return t.kind === 'pointer' ? typeText(t.pointee) : t.kind === 'array' ? typeText(t.element) : '';
}
