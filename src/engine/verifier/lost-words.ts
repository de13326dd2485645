/** Sentences for where knowledge was lost. */
import { BPF_CALL, BPF_JMP, disasmInsn, helperName } from '../bpf/index.ts';
import { branchOf } from './branches.ts';
import type { Env } from './env.ts';
import type { History } from './history.ts';
import type { Lost } from './lost.ts';
import { heldText } from './states.ts';

/** The name of what an instruction calls. */
export function calledName(env: Env, insn: number): string {
  const { insns } = env;
  if (insns.op[insn] !== (BPF_JMP | BPF_CALL)) return 'the call';
  if (insns.src[insn] === 0) return helperName(insns.imm[insn]);
  if (insns.src[insn] === 1) return env.subprogs[env.subprogAt(insn + insns.imm[insn] + 1)]?.name ?? 'the function';
  return env.btf.name(insns.imm[insn]) || 'the kernel function';
}

const NULLS = /^null-/;

/** A place as a person calls it. */
function placeText(place: string): string {
  const name = place.slice(place.indexOf(':') + 1);
  return name.startsWith('fp-') ? `the stack at ${name}` : name;
}

export function lostText(env: Env, h: History, lost: Lost, reason: string): string {
  const insn = lost.at < 0 ? -1 : h.insns[lost.at];
  const after = lost.at < 0 ? null : h.at(lost.place, lost.at + 1);
  const value =
    after === null ? '' : ` (${lost.place.slice(lost.place.indexOf(':') + 1)}=${heldText(env, lost.place, after)})`;
  const where = placeText(lost.place);
  switch (lost.kind) {
    case 'argument':
      return `It is an argument of the function, and no more is known of it${value}.`;
    case 'call-result':
      return NULLS.test(reason)
        ? `${calledName(env, insn)} returned it here, possibly NULL, and nothing on the path has tested it since${value}.`
        : after?.reg?.isPointer === true
          ? `${calledName(env, insn)} returned it here${value}.`
          : env.insns.src[insn] === 1
            ? `${calledName(env, insn)} returned it here. Global functions are verified apart: nothing is known of their results${value}.`
            : `${calledName(env, insn)} returned it here, and no more is known of the result${value}.`;
    case 'call-destroyed':
      return `The call of ${calledName(env, insn)} destroyed it: ${where} does not survive the call${value}.`;
    case 'call-overwrote':
      return `${calledName(env, insn)} wrote over ${where}${value}.`;
    case 'released':
      return `${calledName(env, insn)} released it here: from then on the pointer leads nowhere.`;
    case 'load':
      return after?.reg?.isPointer === true
        ? NULLS.test(reason)
          ? `It is read from memory here, possibly NULL, and nothing on the path has tested it since${value}.`
          : `It is read here${value}.`
        : `It is read from memory here, and the verifier knows nothing of what memory holds${value}.`;
    case 'constant':
      return `It is set to a constant here${value}.`;
    case 'arithmetic':
      return `It is computed here (${disasmInsn(env.insns, insn)}), and the result is no longer what is needed${value}.`;
    case 'narrowed':
      return `It goes through 32 bits or fewer here (${disasmInsn(env.insns, insn)}), which cuts off what was known${value}.`;
    case 'stack-overwritten':
      return `A write to ${where} replaces what was saved there${value}.`;
    case 'stack-partial':
      return `${capital(where)} is written or read in another size than it was saved in, which drops what was known${value}.`;
    case 'stack-variable':
      return `The stack is accessed at a variable offset here: nothing is known of what that may have touched.`;
    case 'widened':
      return `The loop is verified for any number of rounds: what differs from round to round is forgotten here${value}.`;
    case 'branch':
      return `On this path the comparison \`${branchOf(env, insn, h.insns[lost.at + 1] !== insn + 1).text}\` decides what it is${value}.`;
    case 'weak-check':
      return `The comparison \`${branchOf(env, insn, h.insns[lost.at + 1] !== insn + 1).text}\` is the last that says something of it, and leaves too much${value}.`;
    case 'copy-lost':
      return `The last copy of the pointer is given up here, so that nothing can release it any more.`;
    case 'acquired':
      return `It is acquired here, and still held where the program ends.`;
    case 'section-left':
      return `The section is left here.`;
    case 'never-set':
      return `Nothing on this path has set ${where}.`;
  }
}

const capital = (s: string): string => s[0].toUpperCase() + s.slice(1);
