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
