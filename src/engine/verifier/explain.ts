/** Why a program was refused, in words for the person who wrote its C. One entry per reason id. */
import { BPF_CALL, BPF_JMP, disasmInsn, helperName } from '../bpf/index.ts';
import type { Env, Refusal } from './env.ts';
import type { Explanation } from './types.ts';
import type { PathStep } from './state.ts';

interface Context {
  readonly env: Env;
  readonly refusal: Refusal;
  readonly message: string;
  /** The C line of the instruction, quoted; or `instruction N`. */
  readonly here: string;
  /** Where the value in question came from: ` (from `x = f()`, line 12)`; '' = not known. */
  readonly origin: string;
}

interface Words {
  readonly text: (c: Context) => string;
  readonly advice: (c: Context) => string;
}

const say = (text: string | ((c: Context) => string), advice: string | ((c: Context) => string)): Words => ({
  text: typeof text === 'string' ? () => text : text,
  advice: typeof advice === 'string' ? () => advice : advice,
});

const hookName = (c: Context): string => c.env.prog.attach.hook ?? c.env.prog.attach.func;
const kernel = (c: Context): string => `Linux ${c.env.platform.version[0]}.${c.env.platform.version[1]}`;
const calledHelper = (c: Context): string => {
  const { insns, insn } = c.env;
  return insns.op[insn] === (BPF_JMP | BPF_CALL) && insns.src[insn] === 0 ? helperName(insns.imm[insn]) : 'the helper';
};

const WORDS: Readonly<Record<string, Words>> = {
  'null-deref': say(
    (c) =>
      `${c.here} reads or writes through a pointer that may be NULL${c.origin}. On the path that led here nothing has compared it with NULL.`,
    'Test the pointer before its first use, for example: if (!ptr) return 0;',
  ),
  'null-math': say(
    (c) => `${c.here} adds to a pointer that may be NULL${c.origin}.`,
    'Test the pointer for NULL first, then compute with it.',
  ),
  'null-argument': say(
    (c) => `${c.here} passes a pointer that may be NULL${c.origin} to ${calledHelper(c)}, which does not take NULL.`,
    'Test the pointer for NULL before the call.',
  ),
  'return-range': say(
    (c) =>
      `The program may return a value that this attach point does not allow (${c.message.replace(/^At /, 'at ')}). ${kernel(c)} wants a return value of ${hookName(c)} to be provably inside of the range${c.origin}.`,
    'Return 0 to allow or a negative errno such as -EPERM to deny, as constants or after a check of the range. A value that went through a 32-bit variable or memory has lost its range: return constants on each branch.',
  ),
  'return-type': say(
    'The program returns a pointer or nothing where a number is expected.',
    'Return 0 or a negative errno.',
  ),
  'unknown-helper': say(
    (c) =>
      `${c.here} calls ${calledHelper(c)}, which ${kernel(c)} does not offer to ${c.env.prog.attach.sleepable ? 'sleepable ' : ''}${c.env.prog.attach.progType} programs.`,
    'Use a helper from the list for this program type and kernel; some exist only for sleepable programs (SEC("lsm.s/...")), or only in newer kernels.',
  ),
  'sleepable-helper': say(
    (c) => `${c.here} calls ${calledHelper(c)}, which may sleep; the program was not declared as one that may.`,
    'If the hook allows it, make the program sleepable: SEC("lsm.s/..."). Otherwise use a variant that does not sleep, such as bpf_probe_read_user.',
  ),
  'helper-not-here': say(
    (c) =>
      `${c.here} calls ${calledHelper(c)}, which is allowed only at certain attach points, and ${hookName(c)} is none of them.`,
    'bpf_d_path works in the sleepable hooks only (file_open, bprm_check_security, ...): move the call to such a hook, or walk the dentry yourself.',
  ),
  'reference-leak': say((c) => {
    const at = /alloc_insn=(\d+)/.exec(c.message);
    const where = at === null ? '' : ` acquired at ${lineText(c.env, Number(at[1]))}`;
    return `On this path the program ends with the ring buffer record${where} neither submitted nor discarded.`;
  }, 'Call bpf_ringbuf_submit() or bpf_ringbuf_discard() on every path after bpf_ringbuf_reserve() succeeded, early returns included.'),
  'not-acquired': say(
    (c) => `${c.here} releases something that this program does not hold: it was released already, or never reserved.`,
    'Pass the pointer that bpf_ringbuf_reserve() returned, once, on each path.',
  ),
  'out-of-bounds': say(
    (c) =>
      `${c.here} may touch memory outside of the object${c.origin}: the index or offset can go below its start or beyond its end.`,
    'Bound the index right before the access, with an unsigned variable and a constant (if (i < N) ...), and use the bounded variable itself.',
  ),
  'index-negative': say(
    (c) => `${c.here} uses an offset that may be negative.`,
    'Make the index unsigned, or test that it is >= 0 before the access.',
  ),
  'index-unbounded': say(
    (c) => `${c.here} uses an offset without an upper bound.`,
    'Compare it with a constant, or mask it: i &= N - 1.',
  ),
  'stack-bounds': say(
    (c) => `${c.here} touches the stack outside of the 512 bytes of this function, or beyond a local variable's end.`,
    'Check array indexes against the array size; move large buffers into a per-CPU array map.',
  ),
  'stack-unbounded': say(
    (c) => `${c.here} indexes a local array with a value that has no known bounds.`,
    'Bound the index with a constant before the access: if (i >= sizeof(buf)) return 0;',
  ),
  'infinite-loop': say(
    (c) => `The loop at ${c.here} comes back to the same state: no variable that its condition depends on changes.`,
    'Make the loop count up to a constant; or use bpf_loop().',
  ),
  'too-complex': say(
    'The program needs more than 1,000,000 verified instructions: a loop without a small constant bound, or too many branches inside of one.',
    'Give the loop a constant bound (for (i = 0; i < 64; i++)), put its body into bpf_loop(), or split the work into functions.',
  ),
  'too-many-branches': say(
    'More than 8192 branches are waiting to be verified: a loop with a branch in it has no constant bound.',
    'Give the loop a constant bound, or use bpf_loop().',
  ),
  'btf-write': say(
    (c) => `${c.here} writes into a kernel structure. BPF programs may only read these.`,
    'Keep your own state in a map or in local storage (task, inode, socket).',
  ),
  'write-read-only': say(
    (c) => `${c.here} writes into read-only memory.`,
    'Copy the data into a local variable or a map value and change the copy.',
  ),
  'btf-beyond-struct': say(
    (c) => `${c.here} reads beyond the end of a kernel structure (${c.message}).`,
    'Check the structure and the cast: the field does not exist at this offset in this kernel. Use CO-RE (BPF_CORE_READ) so that offsets follow the kernel.',
  ),
  'btf-beyond-member': say(
    (c) => `${c.here} reads over the end of a field (${c.message}).`,
    'Read with the size of the field.',
  ),
  'btf-hole': say((c) => `${c.here} reads padding between two fields (${c.message}).`, 'Read a field by its name.'),
  'btf-ptr-partial': say((c) => `${c.here} reads a part of a pointer field.`, 'Read the whole 8 bytes.'),
  'ctx-no-argument': say(
    (c) => `The program reads an argument that ${hookName(c)} does not have in ${kernel(c)}.`,
    'Match the parameter list of BPF_PROG() with the hook of this kernel; `int ret` may follow the last argument.',
  ),
  'ctx-access': say(
    (c) => `${c.here} reads the context in a way that does not fit the hook's arguments.`,
    'Take the arguments through BPF_PROG().',
  ),
  'ctx-not-struct': say(
    (c) => `${c.here} loads a hook argument that is a pointer to something else than a structure.`,
    'Such arguments cannot be used directly; copy what they point to with bpf_probe_read_kernel().',
  ),
  'not-sleepable': say(
    (c) => `${hookName(c)} runs in a context that must not sleep, so a sleepable program cannot attach to it.`,
    'Use SEC("lsm/...") without the ".s", or another hook.',
  ),
  'disabled-hook': say(
    (c) => `${kernel(c)} does not allow BPF programs on the hook ${hookName(c)}.`,
    'Choose another hook on the same path; the hook catalogue says which accept programs.',
  ),
  'no-hook': say(
    (c) => `${c.env.prog.attach.func} is not an LSM hook of ${kernel(c)}.`,
    'Check the name in SEC("lsm/...") against the hook catalogue.',
  ),
  'gpl-lsm': say('LSM programs must be under a GPL-compatible licence.', 'Add: char LICENSE[] SEC("license") = "GPL";'),
  'gpl-helper': say(
    (c) => `${calledHelper(c)} may only be called by programs under a GPL-compatible licence.`,
    'Add: char LICENSE[] SEC("license") = "GPL";',
  ),
  'gpl-struct': say(
    'Kernel structures may only be read by programs under a GPL-compatible licence.',
    'Add: char LICENSE[] SEC("license") = "GPL";',
  ),
  'uninit-register': say(
    (c) =>
      `${c.here} uses ${c.refusal.regno >= 1 && c.refusal.regno <= 5 ? 'a value that a call before has destroyed or that was never set' : 'a value that was never set on this path'} (register R${c.refusal.regno}).`,
    (c) => (c.refusal.regno === 0 ? 'Return a value on every path.' : 'Initialise the variable at its declaration.'),
  ),
  'stack-read': say(
    (c) => `${c.here} reads local memory in a way that mixes values of different sizes.`,
    'Initialise the whole structure, for example with = {}.',
  ),
  'not-a-pointer': say(
    (c) => `${c.here} uses a number as an address${c.origin}. Only pointers that the verifier knows may be followed.`,
    'Read such memory with bpf_probe_read_kernel() or BPF_CORE_READ(), or get the pointer from a hook argument.',
  ),
  'argument-type': say(
    (c) => `${c.here} passes an argument of the wrong kind to ${calledHelper(c)} (${c.message})${c.origin}.`,
    'Pass what the message names as expected: fp = a local variable, map_value = memory of a map.',
  ),
  'wrong-struct': say(
    (c) => `${c.here} passes a pointer to another structure than ${calledHelper(c)} wants (${c.message}).`,
    'Follow the field that leads to the expected structure.',
  ),
  'size-negative': say(
    (c) => `${c.here} passes a size that may be negative to ${calledHelper(c)}.`,
    'Make it unsigned, or mask it: len &= 0xff.',
  ),
  'size-unbounded': say(
    (c) => `${c.here} passes a size without an upper bound to ${calledHelper(c)}.`,
    'Bound it: if (len > sizeof(buf)) len = sizeof(buf);',
  ),
  'zero-size': say(
    (c) => `${c.here} may pass a size of 0 to ${calledHelper(c)}, which does not take it.`,
    'Test that the size is > 0 before the call.',
  ),
  'size-not-constant': say(
    (c) => `${c.here} reserves a size that is not a constant.`,
    'bpf_ringbuf_reserve() wants a constant size: use sizeof, or bpf_ringbuf_output() for variable sizes.',
  ),
  'pointer-math': say(
    (c) => `${c.here} computes with a pointer in a way that would lose track of it (${c.message}).`,
    'Only add or subtract bounded offsets; keep pointers in 64-bit variables.',
  ),
  'pointer-out-of-bounds': say(
    (c) => `${c.here} moves a pointer far outside of its object.`,
    'Bound the offset before adding it.',
  ),
  'pointer-unbounded': say(
    (c) => `${c.here} adds a number without known bounds to a pointer.`,
    'Bound the offset before adding it.',
  ),
  'map-read-only': say(
    (c) => `${c.here} writes into a read-only map (constants live there).`,
    'Remove const from the global variable, or write elsewhere.',
  ),
  'map-helper-mismatch': say(
    (c) => `${c.here}: this helper does not work with this type of map (${c.message}).`,
    'Use the access functions of that map type.',
  ),
  'call-under-lock': say(
    (c) => `${c.here} calls a function while a bpf_spin_lock is held.`,
    'Release the lock first; only simple reads and writes may stand between lock and unlock.',
  ),
  'lock-held': say('A path ends with the bpf_spin_lock still held.', 'Call bpf_spin_unlock() on every path.'),
  'global-args': say(
    (c) => `A global function cannot be verified with these arguments (${c.message}).`,
    'Make the function static, or test pointer arguments for NULL inside and pass sizes that fit.',
  ),
  'jump-out-of-range': say('A jump leaves its function.', 'Compile again; such code does not come from C.'),
  'back-edge': say(
    (c) =>
      `${c.here} closes a loop in a way that ${kernel(c)} does not accept: the function calls itself, or a loop is entered in its middle.`,
    'Write the loop as for (i = 0; i < N; i++), and avoid recursion.',
  ),
  unreachable: say(
    'Some instructions can never run.',
    'Compile again with optimisation; such code does not come from C.',
  ),
  'unknown-opcode': say(
    (c) => `${kernel(c)} does not know an instruction of this program (${c.message}).`,
    'Compile for an older instruction set: -mcpu=v3.',
  ),
  'not-modelled': say(
    (c) => `LSMith does not model this yet: ${c.message}. The kernel may well accept the program.`,
    'Check this program on the real kernel (lab).',
  ),
};

const OTHER: Words = say(
  (c) => `${c.here} was refused: ${c.message}.`,
  'See the log for the state of registers at this point.',
);

/** `line 12 (`x = y;`)` or `instruction 7`. */
function lineText(env: Env, insn: number): string {
  const l = insn < 0 ? null : env.lineOf(insn);
  return l === null ? `instruction ${insn}` : `line ${l.line} (\`${l.text.trim()}\`)`;
}

function originText(env: Env, refusal: Refusal): string {
  if (refusal.regno < 0 || refusal.regno > 10 || env.state.frames.length === 0) return '';
  const { origin, kind } = env.reg(refusal.regno);
  if (origin < 0 || origin === env.insn) return '';
  const what = kind === 'map_value' ? 'looked up' : kind === 'mem' ? 'reserved' : 'obtained';
  return `, ${what} at ${lineText(env, origin)}`;
}

/** `branch taken: if r0 == 0x0 goto pc+3 (instruction 8)`. The C condition may be the opposite of the instruction's. */
function branchText(env: Env, p: PathStep): string {
  const text = disasmInsn(env.prog.insns, p.insn);
  return `branch ${p.taken ? 'taken' : 'not taken'}: ${text} (instruction ${p.insn})`;
}

/** The branches that led here, oldest first; the last 64 are enough to follow. */
function pathOf(env: Env): Explanation['path'] {
  const out: { insn: number; line: ReturnType<Env['lineOf']>; what: string }[] = [];
  let p: PathStep | null = env.state.path;
  while (p !== null && out.length < 64) {
    out.push({ insn: p.insn, line: env.lineOf(p.insn), what: branchText(env, p) });
    p = p.before;
  }
  return out.reverse();
}

export function explain(env: Env, refusal: Refusal): Explanation {
  const words = WORDS[refusal.reason] ?? OTHER;
  const c: Context = {
    env,
    refusal,
    message: refusal.message,
    here: capital(lineText(env, env.insn)),
    origin: originText(env, refusal),
  };
  return { id: refusal.reason, text: words.text(c), advice: words.advice(c), path: pathOf(env) };
}

const capital = (s: string): string => s[0].toUpperCase() + s.slice(1);
