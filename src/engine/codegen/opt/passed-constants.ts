/**
 * Numbers that every call of a static function passes for a parameter are part of the function, as LLVM's propagation of
 * constants between functions makes them: what they decide in it is decided, and the verifier need not walk it.
 */
import type { FunctionDecl, VarDecl } from '../../c/index.ts';
import type { Func, Inst, ValueType } from '../ir.ts';
import { applyReplacements } from './util.ts';

/** By parameter, from the first: the number that is passed; null when it is none, or not always the same. */
export type Constants = readonly (bigint | null)[];

/** What is passed to the functions that something calls. */
export type Passed = ReadonlyMap<FunctionDecl, Constants>;

function merge(into: Map<FunctionDecl, Constants>, d: FunctionDecl, passed: Constants): void {
  const known = into.get(d);
  into.set(d, known === undefined ? passed : known.map((x, n) => (x === (passed[n] ?? null) ? x : null)));
}

/** What the calls in one function pass. A function that is named without being called may be passed anything. */
export function passedBy(f: Func): Passed {
  const out = new Map<FunctionDecl, Constants>();
  for (const b of f.blocks)
    for (const i of b.insts)
      if (i.op === 'call' && i.callee?.kind === 'local')
        merge(
          out,
          i.callee.decl,
          i.args.map((a) => (a.op === 'const' ? a.value : null)),
        );
      else if (i.op === 'global' && i.symbol?.kind === 'func') merge(out, i.symbol.decl, []);
  return out;
}

/**
 * What every call in a unit passes.
 * @param callers of each function that is compiled
 * @param elsewhere functions that may be called in other ways, from assembly say
 */
export function passedInUnit(
  callers: Iterable<Passed>,
  variables: readonly VarDecl[],
  elsewhere: Iterable<FunctionDecl>,
): Passed {
  const out = new Map<FunctionDecl, Constants>();
  for (const c of callers) for (const [d, passed] of c) merge(out, d, passed);
  for (const d of elsewhere) merge(out, d, []);
  for (const v of variables)
    for (const { target } of v.image?.relocs ?? []) if (target.kind === 'function') merge(out, target, []);
  for (const [d, passed] of out) if (isOpen(d) || passed.every((x) => x === null)) out.delete(d);
  return out;
}

/** Whether there may be calls that the unit does not show. */
const isOpen = ({ linkage, addressTaken, attributes: a }: FunctionDecl): boolean =>
  linkage === 'global' || addressTaken || a.naked || a.weak || a.used || a.section !== null;

/** Puts the numbers in the place of the parameters of a function. */
export function takeConstants(f: Func, constants: Constants | undefined): void {
  const known = new Map<Inst, Inst>();
  for (const p of f.params) {
    const value = constants?.[p.index] ?? null;
    if (value !== null) known.set(p, f.constant(p.type as ValueType, value));
  }
  applyReplacements(f, known);
}
