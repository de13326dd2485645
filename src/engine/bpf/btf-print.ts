/** C spelling of BTF types. */
import type { Btf, BtfType } from './btf-types.ts';

/** Types visited before a spelling is cut with `...`: hostile blobs can describe exponentially large ones. */
const BUDGET = 2000;
const DEPTH = 64;

/** Room for one spelling. */
export interface PrintBudget {
  left: number;
}

/** C spelling without declarator, e.g. `const struct file *`, `char[16]`, `int (*)(struct sock *, int)`. */
export function typeText(btf: Btf, id: number): string {
  return declareType(btf, id, '', { left: BUDGET });
}

/** C declaration of `name` with that type, e.g. `int (*cb)(void *)`, `char comm[16]`, without a semicolon. */
export function declareType(btf: Btf, id: number, name: string, budget: PrintBudget = { left: BUDGET }): string {
  return declarator(btf, id, name, budget, DEPTH, false);
}

/** `base` then a declarator, with a space where C wants one. */
const join = (base: string, inner: string): string => {
  if (inner === '') return base;
  return inner.startsWith('[') ? base + inner : `${base} ${inner}`;
};

function tagText(t: Extract<BtfType, { kind: 'struct' | 'union' | 'enum' | 'enum64' | 'fwd' }>): string {
  const word = t.kind === 'fwd' ? (t.union ? 'union' : 'struct') : t.kind === 'enum64' ? 'enum' : t.kind;
  return t.name === '' ? `${word} {...}` : `${word} ${t.name}`;
}

/** `inner` is the declarator built so far, from the name outwards; `pointer` tells that its outermost part is `*`. */
function declarator(btf: Btf, id: number, inner: string, budget: PrintBudget, depth: number, pointer: boolean): string {
  let qualifiers = '';
  for (;;) {
    if (--depth < 0 || --budget.left < 0) return join('...', inner);
    const t = btf.type(id);
    switch (t.kind) {
      case 'const':
      case 'volatile':
      case 'restrict': {
        const word = t.kind;
        // A qualified pointer has the word after its star; all else has it before the base type.
        const under = btf.kind(t.type);
        if (
          under === 'ptr' ||
          ((under === 'const' || under === 'volatile' || under === 'restrict') && btf.kind(btf.strip(t.type)) === 'ptr')
        ) {
          inner = inner === '' ? word : `${word} ${inner}`;
        } else {
          qualifiers += `${word} `;
        }
        id = t.type;
        break;
      }
      case 'type_tag':
        id = t.type;
        break;
      case 'ptr':
        inner = `*${inner}`;
        pointer = true;
        id = t.type;
        break;
      case 'array':
        inner = `${pointer ? `(${inner})` : inner}[${t.count === 0 ? '' : t.count}]`;
        pointer = false;
        id = t.type;
        break;
      case 'func_proto': {
        const params = t.params.map((p) => declarator(btf, p.type, p.name, budget, depth, false));
        if (t.variadic) params.push('...');
        inner = `${pointer ? `(${inner})` : inner}(${params.length === 0 ? 'void' : params.join(', ')})`;
        pointer = false;
        id = t.ret;
        break;
      }
      case 'func':
        inner = inner === '' ? t.name : inner;
        id = t.type;
        break;
      case 'var':
        inner = inner === '' ? t.name : inner;
        id = t.type;
        break;
      case 'decl_tag':
        id = t.type;
        break;
      case 'void':
        return join(`${qualifiers}void`, inner);
      case 'struct':
      case 'union':
      case 'enum':
      case 'enum64':
      case 'fwd':
        return join(qualifiers + tagText(t), inner);
      case 'typedef':
      case 'int':
      case 'float':
        return join(qualifiers + (t.name === '' ? '...' : t.name), inner);
      case 'datasec':
        return join(`section ${t.name}`, inner);
    }
  }
}

/** Members shown of one struct. */
const MAX_MEMBERS = 2000;

/**
 * The C definition of a type: a struct, union or enum with its body (unnamed inner types in place), a typedef, or the
 * declaration of a function or variable. With `offsets`, each member has its byte offset behind it, as pahole prints.
 */
export function printTypeDefinition(btf: Btf, id: number, offsets = false): string {
  const budget: PrintBudget = { left: 20_000 };
  const t = btf.type(id);
  if (t.kind === 'typedef') {
    const under = btf.type(t.type);
    if ('members' in under && under.name === '') {
      return `typedef ${body(btf, under, '', budget, offsets, 0, DEPTH)} ${t.name};`;
    }
    return `typedef ${declareType(btf, t.type, t.name)};`;
  }
  if ('members' in t || t.kind === 'enum' || t.kind === 'enum64')
    return `${body(btf, t, '', budget, offsets, 0, DEPTH)};`;
  if (t.kind === 'var' || t.kind === 'func') return `${declareType(btf, t.id, '')};`;
  return `${declareType(btf, id, '')};`;
}

type Bodied = Extract<BtfType, { members: unknown }> | Extract<BtfType, { values: unknown }>;

function body(
  btf: Btf,
  t: Bodied,
  indent: string,
  budget: PrintBudget,
  offsets: boolean,
  base: number,
  depth: number,
): string {
  const word = t.kind === 'enum64' ? 'enum' : t.kind;
  const head = t.name === '' ? word : `${word} ${t.name}`;
  const inner = `${indent}\t`;
  if ('values' in t) {
    const lines = t.values.slice(0, MAX_MEMBERS).map((v) => `${inner}${v.name} = ${v.value},`);
    return `${head} {\n${lines.join('\n')}\n${indent}}`;
  }
  const lines: string[] = [];
  for (const m of t.members.slice(0, MAX_MEMBERS)) {
    if (--budget.left < 0 || depth === 0) {
      lines.push(`${inner}/* ... */`);
      break;
    }
    const bits = m.bitSize > 0 ? `: ${m.bitSize}` : '';
    const place = base + m.bitOffset;
    const at = offsets ? ` /* ${Math.floor(place / 8)}${m.bitSize > 0 ? `:${place % 8}` : ''} */` : '';
    const anonymous = anonymousBody(btf, m.type);
    if (anonymous !== undefined) {
      const text = body(btf, anonymous.type, inner, budget, offsets, place, depth - 1);
      const name = m.name === '' && anonymous.suffix === '' ? '' : ` ${m.name}${anonymous.suffix}`;
      lines.push(`${inner}${text}${name};${at}`);
    } else {
      lines.push(`${inner}${declareType(btf, m.type, m.name, { left: BUDGET })}${bits};${at}`);
    }
  }
  return `${head} {\n${lines.join('\n')}\n${indent}}`;
}

/** An unnamed struct, union or enum, possibly as an array's element, whose body has to be written in place. */
function anonymousBody(btf: Btf, id: number): { type: Bodied; suffix: string } | undefined {
  let suffix = '';
  for (let i = 0; i < DEPTH; i++) {
    const t = btf.type(id);
    if (t.kind === 'array') {
      suffix += `[${t.count === 0 ? '' : t.count}]`;
      id = t.type;
    } else {
      return ('members' in t || 'values' in t) && t.name === '' ? { type: t, suffix } : undefined;
    }
  }
  return undefined;
}
