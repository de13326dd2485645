/**
 * `__attribute__((cleanup(f)))`: f(&variable) runs wherever control leaves the variable's scope. bpf_for() and its
 * relatives end their iterator this way.
 */
import type { Stmt, VarDecl } from '../../c/index.ts';
import { functionCallee } from '../ir.ts';
import type { Lowering } from './context.ts';
import { addressOf, variablePlace } from './place.ts';

/** Calls the cleanups of the variables behind the first `depth`, last declared first. They stay in force. */
export function runCleanups(lw: Lowering, depth: number): void {
  for (let n = lw.cleanups.length - 1; n >= depth && !lw.b.terminated; n--) {
    const v = lw.cleanups[n]!;
    const decl = v.cleanup!;
    const callee = functionCallee(decl);
    if (callee === null) {
      lw.cx.error(
        v,
        'codegen/undefined-function',
        `cleanup function '${decl.name}' is not defined in this file`,
        'Define it, or declare a kernel function with __ksym.',
      );
      return;
    }
    lw.b.call(callee, 'void', [addressOf(lw, variablePlace(lw, v))]);
  }
}

/** The end of a scope that began when there were `depth` cleanups. */
export function leaveScope(lw: Lowering, depth: number): void {
  runCleanups(lw, depth);
  lw.cleanups.length = depth;
}

/** For a jump to a label: how many of the cleanups in force are in force there too. */
export function depthAt(lw: Lowering, label: string): number {
  if (lw.cleanups.length === 0) return 0;
  const there = labelScopes(lw).get(label);
  if (there === undefined) return lw.cleanups.length;
  let shared = 0;
  while (shared < there.length && there[shared] === lw.cleanups[shared]) shared++;
  return shared;
}

/** The variables with cleanups around each label of the function, outermost first. */
function labelScopes(lw: Lowering): ReadonlyMap<string, readonly VarDecl[]> {
  if (lw.labelScopes !== null) return lw.labelScopes;
  const out = new Map<string, readonly VarDecl[]>();
  const walk = (s: Stmt, around: readonly VarDecl[]): readonly VarDecl[] => {
    switch (s.kind) {
      case 'decl':
        return [...around, ...s.vars.filter((v) => v.cleanup !== null)];
      case 'compound': {
        let inner = around;
        for (const x of s.body) inner = walk(x, inner);
        return around;
      }
      case 'label':
        out.set(s.name, around);
        return walk(s.body, around);
      case 'case':
      case 'default':
        return walk(s.body, around);
      case 'if':
        walk(s.then, around);
        if (s.else !== null) walk(s.else, around);
        return around;
      case 'for':
        walk(s.body, s.init === null ? around : walk(s.init, around));
        return around;
      case 'while':
      case 'do':
      case 'switch':
        walk(s.body, around);
        return around;
      default:
        return around;
    }
  };
  if (lw.decl.body !== null) walk(lw.decl.body, []);
  return (lw.labelScopes = out);
}
