/**
 * Declarations of functions that outlive an edit of their bodies. Others depend on a function by its declaration: when an
 * edited function is declared as it was, it is the same object with the new contents, and what depends on it need not
 * be parsed again. (What depends on a body compares the body: codegen/code-cache.ts.)
 */
import type { Attributes, FunctionDecl } from '../ast.ts';
import type { Mutable } from '../context.ts';
import type { CType } from '../types.ts';

/** How a function was declared first. */
interface Declared {
  readonly decl: Mutable<FunctionDecl>;
  readonly type: FunctionDecl['type'];
  readonly attributes: Attributes;
  readonly linkage: FunctionDecl['linkage'];
  readonly inline: boolean;
}

export class Adoption {
  readonly #known = new Map<string, Declared>();

  /** The object for a declaration that is the first one of its name. */
  adopt(made: Mutable<FunctionDecl>): Mutable<FunctionDecl> {
    const known = this.#known.get(made.name);
    if (
      known !== undefined &&
      known.linkage === made.linkage &&
      known.inline === made.inline &&
      sameType(known.type, made.type) &&
      sameAttributes(known.attributes, made.attributes)
    ) {
      const { type, attributes } = known;
      return Object.assign(known.decl, made, { type, attributes });
    }
    const { type, attributes, linkage, inline } = made;
    this.#known.set(made.name, { decl: made, type, attributes, linkage, inline });
    return made;
  }
}

/** Types that are put together are the same when their parts are; those that are declared are the same objects. */
export function sameType(a: CType, b: CType): boolean {
  if (a === b) return true;
  switch (a.kind) {
    case 'pointer':
      return b.kind === 'pointer' && sameType(a.pointee, b.pointee);
    case 'array':
      return b.kind === 'array' && a.count === b.count && sameType(a.element, b.element);
    case 'qualified':
      return (
        b.kind === 'qualified' &&
        a.const === b.const &&
        a.volatile === b.volatile &&
        a.restrict === b.restrict &&
        sameType(a.base, b.base)
      );
    case 'tag':
      return b.kind === 'tag' && a.tag === b.tag && sameType(a.base, b.base);
    case 'function':
      return (
        b.kind === 'function' &&
        a.variadic === b.variadic &&
        a.prototyped === b.prototyped &&
        a.params.length === b.params.length &&
        a.params.every((p, i) => p.name === b.params[i]!.name && sameType(p.type, b.params[i]!.type)) &&
        sameType(a.ret, b.ret)
      );
    default:
      return false;
  }
}

export function sameAttributes(a: Attributes, b: Attributes): boolean {
  if (a === b) return true;
  for (const key of Object.keys(a) as (keyof Attributes)[]) {
    const [x, y] = [a[key], b[key]];
    const same =
      Array.isArray(x) && Array.isArray(y) ? x.length === y.length && x.every((v, i) => v === y[i]) : x === y;
    if (!same) return false;
  }
  return true;
}
