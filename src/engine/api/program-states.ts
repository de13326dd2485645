/** The explored tree of one program, for who looks at it: recorded when it is asked for. */
import { dumpProgram } from '../loader/index.ts';
import { verifyProgram } from '../verifier/index.ts';
import { explored } from './explored.ts';
import type { PolicyState } from './policy.ts';
import type { ReadyProfile } from './profiles.ts';
import type { ProgramStates } from './types.ts';

export function programStates(
  file: string,
  state: PolicyState,
  kernel: ReadyProfile,
  name: string | null,
): ProgramStates {
  const { object, results } = state;
  const programs = object?.programs.map((p) => p.name) ?? [];
  const wanted =
    name !== null && programs.includes(name) ? programs.indexOf(name) : results.findIndex((r) => !r.accepted);
  const program = object?.programs[Math.max(0, wanted)];
  if (object === null || program === undefined) {
    return { programs, program: null, accepted: false, message: '', states: null, texts: [] };
  }
  const r = verifyProgram(object, program, kernel.platform, { recordStates: true });
  const states = explored(file, program, r);
  const named = new Set<number>();
  for (const n of states?.nodes ?? []) {
    named.add(n.from).add(n.first).add(n.last);
    if (n.cover !== undefined) named.add(n.cover.insn);
    for (const s of n.steps) named.add(s[0]);
  }
  const texts: (readonly [number, string])[] = [];
  for (const l of dumpProgram(object, program, kernel.profile.btf)) {
    if (l.kind === 'insn' && named.has(l.insn))
      texts.push([l.insn, l.text.replace(/^\s*\d+:\s*(\([\da-f]{2}\)\s*)?/, '')]);
  }
  return { programs, program: program.name, accepted: r.accepted, message: r.message, states, texts };
}
