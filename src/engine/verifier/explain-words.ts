/** The words for each reason of a refusal, for the person who wrote the C. */
import { BPF_CALL, BPF_JMP, helperName, OP_MAY_GOTO } from '../bpf/index.ts';
import type { Env, Refusal } from './env.ts';

export interface Context {
  readonly env: Env;
  readonly refusal: Refusal;
  readonly message: string;
  /** The C line of the instruction, quoted; or `instruction N`. */
  readonly here: string;
  /** Where the value in question came from: ` (from `x = f()`, line 12)`; '' = not known. */
  readonly origin: string;
  /** Where the reference was acquired; '' = not known. */
  readonly acquired: string;
}

export interface Words {
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

const isMayGoto = (c: Context): boolean => c.env.insns.op[c.env.insn] === OP_MAY_GOTO;

/** What gives back what was acquired. */
function releaseOf(c: Context): string {
  if (/ringbuf_reserve/.test(c.acquired)) return 'bpf_ringbuf_submit() or bpf_ringbuf_discard()';
  if (/task_(acquire|from_)/.test(c.acquired)) return 'bpf_task_release()';
  if (/cgroup_(acquire|from_|ancestor)/.test(c.acquired)) return 'bpf_cgroup_release()';
  if (/sk_lookup|skc_lookup/.test(c.acquired)) return 'bpf_sk_release()';
  if (/iter_\w+_new|bpf_for_each/.test(c.acquired)) return 'the destroy function of the iterator';
  if (/obj_new/.test(c.acquired)) return 'bpf_obj_drop()';
  return 'the function that releases it';
}

export const WORDS: Readonly<Record<string, Words>> = {
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
  'reference-leak': say(
    (c) =>
      `On this path the program ends while it still holds what it acquired${c.acquired === '' ? '' : ` at ${c.acquired}`}: it is neither handed on nor released.`,
    (c) => {
      const how = releaseOf(c);
      return `Call ${how} on every path after the acquisition succeeded, early returns included.`;
    },
  ),
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
  'not-sleepable-function': say(
    (c) => `${kernel(c)} does not let tracing programs sleep in ${c.env.prog.attach.func}().`,
    'Use the section without the ".s", or an LSM hook that may sleep.',
  ),
  'not-modifiable': say(
    (c) => `${kernel(c)} does not let fmod_ret programs replace ${c.env.prog.attach.func}().`,
    'Attach to security_<hook>(), or use SEC("lsm/<hook>").',
  ),
  'denied-function': say(
    (c) => `${c.env.prog.attach.func}() is closed to tracing programs: BPF itself runs through it.`,
    'Attach to another function.',
  ),
  'no-return-function': say(
    (c) => `${c.env.prog.attach.func}() never returns, so nothing can run behind it.`,
    'Use SEC("fentry/...").',
  ),
  'unsupported-function': say(
    (c) => `${c.env.prog.attach.func}() takes or returns values in a way that BPF programs cannot be put in front of.`,
    'Attach to a function that calls it or that it calls.',
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
  'stack-args': say(
    (c) => `${c.here} does not fit the arguments on the stack, those after the fifth (${c.message}).`,
    'Store each such argument before the call, and load those of the function before it stores or calls anything.',
  ),
  'bad-insn-array': say(
    () =>
      'The instruction array that the program uses was not frozen, or it names something that is no instruction of it.',
    'Fill each entry with the number of an instruction of this program, and freeze the map before the program is loaded.',
  ),
  'jump-table-missing': say(
    (c) => `${c.here} is an indirect jump in a function that no instruction array of the program leads into.`,
    'Load the address from an array whose entries are instructions of the function that jumps.',
  ),
  'jump-table-outside': say(
    (c) => `${c.here} is an indirect jump, and an instruction array leads from its function into another one.`,
    'Give each function that jumps an array of its own, with instructions of that function only.',
  ),
  'insn-array-read': say(
    (c) => `${c.here} reads a part of an address of an instruction array.`,
    'Load all 8 bytes of the address.',
  ),
  'not-an-insn': say(
    (c) => `${c.here} jumps to something that was not loaded from an instruction array.`,
    'Load the address from the array and jump to it before anything else is done with it: it cannot be computed with or stored.',
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
    (c) =>
      isMayGoto(c)
        ? `${kernel(c)} does not know may_goto (can_loop, cond_break): it came with Linux 6.9.`
        : `${kernel(c)} does not know an instruction of this program (${c.message}).`,
    (c) =>
      isMayGoto(c)
        ? 'Give the loop a constant bound, or use bpf_loop().'
        : 'Compile for an older instruction set: -mcpu=v3.',
  ),
  'not-modelled': say(
    (c) => `LSMith does not model this yet: ${c.message}. The kernel may well accept the program.`,
    'Check this program on the real kernel (lab).',
  ),
};

export const OTHER: Words = say(
  (c) => `${c.here} was refused: ${c.message}.`,
  'See the log for the state of registers at this point.',
);

const hasHelper = 'A helper that this kernel offers to this type of program at this hook.';
const inside = 'An offset that lies inside of the object, whatever value the index has.';
const licence = 'A licence that is compatible with the GPL.';

/** What the refused instruction needs, by reason. */
const REQUIRED: Readonly<Record<string, string | ((c: Context) => string)>> = {
  'null-deref': 'A pointer that is known not to be NULL.',
  'null-math': 'A pointer that is known not to be NULL.',
  'null-argument': 'A pointer that is known not to be NULL.',
  'return-range': (c) =>
    `A return value in ${/\[-?\d+, -?\d+\]|\(0x[\da-f]+; 0x[\da-f]+\)$/.exec(c.message)?.[0] ?? 'the range of the hook'}.`,
  'return-type': 'A number to return.',
  'unknown-helper': hasHelper,
  'helper-not-here': hasHelper,
  'sleepable-helper': 'A place that may sleep: a sleepable program, outside of locks and read-side sections.',
  'reference-leak': 'Everything that was acquired is released before the program ends.',
  'not-acquired': 'A reference that the program holds.',
  'out-of-bounds': inside,
  'index-negative': inside,
  'index-unbounded': inside,
  'stack-bounds': 'An access inside of the 512 bytes of stack of the function.',
  'stack-unbounded': 'An offset with known bounds, inside of the stack.',
  'stack-read': 'Stack memory that was written before, in the size in which it is read.',
  'infinite-loop': 'A loop in which something that its end depends on changes.',
  'too-complex': 'At most 1,000,000 instructions on all paths together.',
  'too-many-branches': 'At most 8192 branches that wait to be explored.',
  'btf-write': 'Memory that programs may write.',
  'write-read-only': 'Memory that programs may write.',
  'stack-args': 'Arguments on the stack as BTF declares the functions.',
  'bad-insn-array': 'A frozen array of instructions of this program.',
  'jump-table-missing': 'An instruction array for the function that jumps.',
  'jump-table-outside': 'Arrays with instructions of the function that jumps only.',
  'insn-array-read': 'A read of all 8 bytes of an address.',
  'not-an-insn': 'The address of an instruction, as it was loaded from an instruction array.',
  'map-read-only': 'A map that programs may write.',
  'btf-beyond-struct': 'An offset inside of the structure.',
  'btf-beyond-member': 'An access inside of one field.',
  'ctx-no-argument': 'An argument that the hook has.',
  'uninit-register': 'A register that was written on this path.',
  'not-a-pointer': 'A pointer to memory that the verifier knows.',
  'argument-type': (c) => /expected=(.*)$/.exec(c.message)?.[1].replace(/^/, 'One of: ') ?? 'Another type of argument.',
  'wrong-struct': (c) =>
    `A pointer to ${/but (\S+) is expected|expected (.*)$/.exec(c.message)?.slice(1).find(Boolean) ?? 'another structure'}.`,
  'size-negative': 'A size that is never negative.',
  'size-unbounded': 'A size with an upper bound that fits the memory.',
  'zero-size': 'A size that is never 0.',
  'size-not-constant': 'A size that is one constant.',
  'pointer-math': 'Arithmetic that keeps track of the pointer.',
  'pointer-out-of-bounds': 'An offset near the object.',
  'pointer-unbounded': 'An offset with known bounds.',
  'call-under-lock': 'No calls between bpf_spin_lock() and bpf_spin_unlock().',
  'lock-held': 'The lock is released before the program ends.',
  rcu: 'Each bpf_rcu_read_lock() has one bpf_rcu_read_unlock() behind it on every path.',
  preempt: 'Each bpf_preempt_disable() has one bpf_preempt_enable() behind it on every path.',
  'gpl-lsm': licence,
  'gpl-helper': licence,
  'gpl-struct': licence,
  'untrusted-argument':
    'A pointer that the kernel vouches for: a hook argument, an acquired reference, or an RCU pointer in a read-side section.',
  'kfunc-args': 'Arguments as the kernel function declares them.',
  'not-sleepable': 'A hook that may sleep.',
  'not-sleepable-function': 'A function that programs may sleep in.',
  'not-modifiable': 'A function that fmod_ret programs may replace.',
  'denied-function': 'A function that programs may attach to.',
  'no-return-function': 'A function that returns.',
  'unsupported-function': 'A function whose arguments and result are numbers, pointers or small structures.',
  'disabled-hook': 'A hook that programs may attach to.',
  'no-hook': 'The name of a hook of this kernel.',
  'global-args': 'Arguments that the function can be verified with on its own.',
  'back-edge': 'Loops without jumps into their middle, and no recursion.',
  'not-modelled': 'Something that LSMith models.',
};

export function requiredOf(c: Context): string {
  const r = REQUIRED[c.refusal.reason];
  return r === undefined ? 'What the kernel demands here: see its message.' : typeof r === 'string' ? r : r(c);
}
