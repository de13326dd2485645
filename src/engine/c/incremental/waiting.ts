/** Declarations of headers that are parsed when a name of theirs is used: what came of it, for the next time. */
import type { DeclarationIndex } from '../declaration-index.ts';
import type { FunctionDecl, VarDecl } from '../ast.ts';
import type { Parsed } from './frame.ts';

type Decl = VarDecl | FunctionDecl;

export class WaitingDeclarations {
  readonly #known = new Map<DeclarationIndex, Map<number, Parsed>>();
  /** Those whose questions are being answered: while a declaration is parsed its names do not wait any more. */
  readonly asked = new Set<Parsed>();

  /** What each has when it is fetched. */
  readonly #first = new WeakMap<Decl, Decl>();

  /** What a declaration is as its header has it, whatever became of it since. Undefined for what did not wait. */
  first(decl: Decl): Decl | undefined {
    return this.#first.get(decl);
  }

  isAsked(index: DeclarationIndex, chunk: number): boolean {
    const parsed = this.get(index, chunk);
    return parsed !== undefined && this.asked.has(parsed);
  }

  get(index: DeclarationIndex, chunk: number): Parsed | undefined {
    return this.#known.get(index)?.get(chunk);
  }

  set(index: DeclarationIndex, chunk: number, parsed: Parsed | null): void {
    let of = this.#known.get(index);
    if (of === undefined) this.#known.set(index, (of = new Map()));
    if (parsed === null) of.delete(chunk);
    else {
      of.set(chunk, parsed);
      for (const [decl, fields] of parsed.after)
        this.#first.set(decl, { ...(this.#first.get(decl) ?? decl), ...fields } as Decl);
    }
  }
}
