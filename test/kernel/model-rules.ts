/**
 * The rules of the verifier's model, and which recorded programs show each from both sides: in C (names `RULE__CASE` of
 * test/data/rules) and as raw instructions. docs/verifier-rules.md is the table of it, test/unit/verifier/rules.test.ts keeps it.
 */
import { readFileSync } from 'node:fs';
import { recordedLogs, SUITE_NAMES } from './logged-records.ts';
import { recordedRules } from './rules-c.ts';
import type { TypedRecord } from './typed-records.ts';
import { KERNELS, type Kernel } from './verifier-platforms.ts';
import type { RecordedVerdict } from './verifier-record.ts';

export type Form = 'C' | 'raw';
export type Side = 'accepted' | 'refused';

export interface ModelRule {
  readonly id: string;
  readonly text: string;
  /** Names of raw programs, besides those that begin with the rule's name and a colon. */
  readonly raw?: RegExp;
  /** Why there is no program of a form, or of one side of it. */
  readonly none?: Readonly<Partial<Record<Form | `${Form} ${Side}`, string>>>;
}

const OWN_DATA = 'needs the BTF or the data sections of an object';
const KERNEL_IDS = 'needs ids and offsets that differ from kernel to kernel';
const EVERY_FUNCTION = 'every function of the kernels was asked about (`test/kernel/attach.test.ts`)';
const OTHER_TYPE = 'the raw programs are LSM programs';

export const RULES: readonly ModelRule[] = [
  { id: 'tnum', text: 'known bits', raw: /^map: (masked index|mask one bit too wide)/ },
  { id: 'unsigned64', text: 'unsigned 64-bit ranges', raw: /^map: (unsigned check|unbounded index)$/ },
  { id: 'signed64', text: 'signed 64-bit ranges', raw: /^map: signed check only/ },
  { id: 'range32', text: '32-bit ranges', raw: /^map: 32-bit check of a/ },
  { id: 'refinement', text: 'ranges and known bits learn from each other' },
  { id: 'operands', text: 'a comparison teaches both operands', raw: /^map: bound in a/ },
  { id: 'linked', text: 'copies of a number learn together', raw: /^map: check of a copy counts/ },
  { id: 'add_const', text: 'a copy plus a constant learns, too (6.12)', raw: /^map: check of copy plus constant/ },
  { id: 'sign_extension', text: 'sign-extending moves and loads', raw: /^v4: sign-extending move/ },
  { id: 'alu32', text: '32-bit arithmetic' },
  { id: 'byte_swap', text: 'byte swaps' },
  { id: 'atomic', text: 'atomic operations', raw: /^map: .*atomic/ },
  {
    id: 'acquire',
    text: 'loads that acquire, stores that release (7.2)',
    none: { C: 'neither we nor clang 19 make them of C' },
  },
  { id: 'context', text: 'arguments of the hook by BTF', raw: /^context: / },
  { id: 'spill', text: 'spilled registers come back', raw: /^stack: (spill|half|4-byte)/ },
  { id: 'partial', text: 'parts of stack slots' },
  { id: 'variable', text: 'variable stack offsets', raw: /^stack: (random index|bounded index|index one)/ },
  {
    id: 'uninitialised',
    text: 'reads of what was never set',
    raw: /^(register: .* never set|register: set on one|stack: read never)/,
    none: { 'C refused': 'a compiler gives every variable a register that is set, and the stack may be read' },
  },
  { id: 'map_value', text: 'map values: NULL, bounds', raw: /^map: (no NULL|NULL check|last byte|one byte|before)/ },
  { id: 'map_key', text: 'map keys', raw: /^map: (key |NULL check$)/ },
  { id: 'ringbuf', text: 'ring buffer records', raw: /^ringbuf: (reserve and|written beyond)/ },
  { id: 'dynptr', text: 'dynptrs and their slices', raw: /^dynptr: / },
  { id: 'read_only', text: 'read-only globals', none: { raw: OWN_DATA } },
  { id: 'globals', text: 'globals', none: { raw: OWN_DATA } },
  { id: 'trusted', text: 'trusted pointers to kernel structs', raw: /^(struct: |helper: (wrong structure|current))/ },
  { id: 'untrusted', text: 'untrusted pointers', raw: /^(leaf: |reference: walked to, not trusted)/ },
  { id: 'rcu_pointer', text: 'pointers that RCU protects', none: { raw: KERNEL_IDS } },
  { id: 'may_be_null', text: 'fields that may be NULL (6.12)', raw: /^struct: socket->sk/ },
  { id: 'percpu', text: 'per-CPU variables', none: { raw: KERNEL_IDS } },
  { id: 'kptr', text: 'kptrs in map values', none: { raw: OWN_DATA } },
  { id: 'nullable', text: 'arguments that may be NULL', none: { raw: OTHER_TYPE } },
  { id: 'alignment', text: 'alignment', raw: /^stack: misaligned/ },
  { id: 'helper_args', text: 'arguments of helpers', raw: /^helper: (buffer|comm|.*size)/ },
  {
    id: 'helper_returns',
    text: 'results of helpers',
    raw: /^helper: (random size|bounded size|unbounded size|size of unknown)/,
  },
  { id: 'gpl', text: 'licences', raw: /^(licence: |helper: printk)/ },
  { id: 'availability', text: 'which helpers a program type has', raw: /^helper: (not for|unknown|current|printk)/ },
  {
    id: 'written',
    text: 'stack memory that helpers only read keeps what is known of it (7.2)',
    none: { raw: OWN_DATA },
  },
  {
    id: 'retval',
    text: 'the result that cgroup programs share stays in the range of the hook (7.2)',
    none: { raw: OTHER_TYPE },
  },
  { id: 'd_path', text: 'bpf_d_path: only in some hooks', raw: /^helper: d_path/ },
  { id: 'sleepable', text: 'helpers that sleep', raw: /^helper: sleepable/ },
  { id: 'cgroup_only', text: 'what only cgroup programs may', none: { raw: OTHER_TYPE } },
  { id: 'machine_only', text: 'what LSM programs of a cgroup may not', none: { raw: OTHER_TYPE } },
  { id: 'kfunc_acquire', text: 'kernel functions that acquire', raw: /^reference: (task|cpumask|the program)/ },
  { id: 'kfunc_null', text: 'kernel functions that return NULL', raw: /^reference: (task by pid|released without)/ },
  { id: 'kfunc_trusted', text: 'kernel functions that want trusted pointers', raw: /^reference: (task acq|a |walked)/ },
  {
    id: 'kfunc_sleepable',
    text: 'kernel functions and sections that may not sleep',
    raw: /^(rcu|preempt): .*(empty|sleep)/,
  },
  { id: 'static_function', text: 'static functions', raw: /^function: / },
  { id: 'global_function', text: 'global functions, verified on their own', none: { raw: OWN_DATA } },
  { id: 'callback', text: 'callbacks', none: { 'raw accepted': OWN_DATA } },
  { id: 'loop_helper', text: 'bpf_loop', none: { raw: OWN_DATA } },
  { id: 'iterator', text: 'open-coded iterators (6.12)', raw: /^iterator: / },
  {
    id: 'tail_call',
    text: 'tail calls',
    raw: /^xdp: packet after a tail call/,
  },
  { id: 'exception', text: 'exceptions (6.12)', raw: /^throw: / },
  { id: 'spin_lock', text: 'spin locks', none: { raw: OWN_DATA } },
  { id: 'timer', text: 'timers in map values', none: { raw: OWN_DATA } },
  { id: 'object', text: "objects of the program's own (6.12)", none: { raw: OWN_DATA } },
  { id: 'list', text: 'lists of them, under a lock (6.12)', none: { raw: OWN_DATA } },
  { id: 'tree', text: 'trees of them, under a lock (6.12)', none: { raw: OWN_DATA } },
  { id: 'stream', text: 'streams of a program (7.2)', none: { raw: KERNEL_IDS } },
  { id: 'rcu_lock', text: 'RCU sections (6.12)', raw: /^rcu: / },
  { id: 'leak', text: 'references that are not released', raw: /^ringbuf: (reserve and|never|released on)/ },
  { id: 'return_range', text: 'return values by hook (6.12)', raw: /^return: (-?\d|random|checked)/ },
  {
    id: 'void_hook',
    text: 'hooks that return nothing',
    raw: /^return: void hook/,
    none: { 'C refused': 'any value is fine', 'raw refused': 'any value is fine' },
  },
  { id: 'bool_hook', text: 'hooks that return a truth value (6.12)', raw: /^return: bool hook/ },
  { id: 'disabled_hook', text: 'disabled hooks', raw: /^(hook: disabled|shape: return 0)/ },
  { id: 'sleepable_hook', text: 'hooks that may not sleep', raw: /^hook: (not )?sleepable/ },
  { id: 'fmod_ret', text: 'what fmod_ret may attach to', none: { raw: OTHER_TYPE } },
  { id: 'fexit', text: 'what fexit must return', none: { raw: OTHER_TYPE } },
  { id: 'sleepable_function', text: 'functions that tracing programs may sleep in', none: { raw: EVERY_FUNCTION } },
  { id: 'denied_function', text: 'functions that are closed to tracing programs', none: { raw: EVERY_FUNCTION } },
  { id: 'no_return_function', text: 'functions that do not return', none: { raw: EVERY_FUNCTION } },
  { id: 'signature', text: 'functions that tracing programs can be put in front of', none: { raw: EVERY_FUNCTION } },
  {
    id: 'jumps',
    text: '8,192 ways for later',
    none: { C: 'thousands of branches in one row are not written in C' },
  },
  {
    id: 'indirect_jump',
    text: 'jumps through instruction arrays (7.2)',
    none: { C: 'clang 19 and we make no jump tables' },
  },
  {
    id: 'stack_args',
    text: 'functions with more than five arguments (7.2)',
    none: { C: 'neither we nor clang 19 put arguments on the stack' },
  },
  { id: 'stack_depth', text: '512 bytes of stack over all calls', raw: /^(function: combined|stack: (exactly|below))/ },
  {
    id: 'fastcall',
    text: 'spills around calls that keep registers cost no stack (6.12)',
    none: { C: 'our compiler saves no registers around calls' },
  },
  { id: 'frames', text: '8 functions deep, 16 on 7.2' },
  { id: 'loop', text: 'loops', raw: /^(bounded loop|endless loop|loop )/ },
  { id: 'pruning', text: 'equal states: what matters later' },
  {
    id: 'widening',
    text: 'loops of any number of rounds are verified by widening (6.12)',
    raw: /^(may_goto|iterator: (a loop|index))/,
  },
];

export interface Shown {
  readonly form: Form;
  readonly rule: string;
  readonly program: string;
  readonly kernel: Kernel;
  readonly accepted: boolean;
}

function rawRecords(kernel: Kernel): { readonly name: string; readonly accepted: boolean }[] {
  const read = (name: string): unknown =>
    JSON.parse(readFileSync(new URL(`../data/verifier/${name}-${kernel}.json`, import.meta.url), 'utf8'));
  const own = JSON.parse(
    readFileSync(new URL(`../data/verifier/${kernel}.json`, import.meta.url), 'utf8'),
  ) as RecordedVerdict[];
  const logged = SUITE_NAMES.flatMap((suite) => recordedLogs(suite, kernel));
  if (kernel === '7.2') return [...own, ...logged];
  const objects = read('objects') as RecordedVerdict[];
  const types = (read('types') as TypedRecord[]).map(([name, , errno]) => ({ name, accepted: errno === 0 }));
  return [...own, ...logged, ...objects, ...types];
}

/** Every recorded program of every rule, by kernel. */
export function shownRules(): Shown[] {
  const out: Shown[] = [];
  for (const kernel of KERNELS) {
    const c = recordedRules(kernel);
    const raw = rawRecords(kernel);
    for (const r of RULES) {
      const put = (form: Form, program: string, accepted: boolean): void =>
        void out.push({ form, rule: r.id, program, kernel, accepted });
      for (const p of c) if (p.program.startsWith(`${r.id}__`)) put('C', p.program, p.accepted);
      for (const p of raw) {
        if (p.name.startsWith(`${r.id}: `) || r.raw?.test(p.name) === true) put('raw', p.name, p.accepted);
      }
    }
  }
  return out;
}

/** docs/verifier-rules.md */
export function rulesPage(): string {
  const shown = shownRules();
  const notes: string[] = [];
  const note = (text: string): string => {
    if (!notes.includes(text)) notes.push(text);
    return `[${notes.indexOf(text) + 1}]`;
  };
  const cell = (r: ModelRule, form: Form, kernel: Kernel): string => {
    const why = r.none?.[form];
    if (why !== undefined) return note(why);
    const mine = shown.filter((s) => s.rule === r.id && s.form === form && s.kernel === kernel);
    if (mine.length === 0) return '';
    const count = (side: Side): string => {
      const n = mine.filter((s) => s.accepted === (side === 'accepted')).length;
      const reason = r.none?.[`${form} ${side}`];
      return n === 0 && reason !== undefined ? `0 ${note(reason)}` : `${n}`;
    };
    return `${count('accepted')} / ${count('refused')}`;
  };
  const rows = RULES.map(
    (r) =>
      `| \`${r.id}\` | ${r.text} | ` +
      `${(['C', 'raw'] as const).map((f) => KERNELS.map((k) => cell(r, f, k)).join(' | ')).join(' | ')} |`,
  );
  const distinct = (form: Form): number => new Set(shown.filter((s) => s.form === form).map((s) => s.program)).size;
  const both = [...new Set(shown.map((s) => `${s.form} ${s.program}`))].filter((p) => {
    const verdicts = new Set(shown.filter((s) => `${s.form} ${s.program}` === p).map((s) => s.accepted));
    return verdicts.size > 1;
  }).length;
  return `# Rules of the verifier, and the programs that show them

Generated from \`test/kernel/model-rules.ts\` and the verdicts in \`test/data/verifier\`, which real kernels gave
(\`npm run test:kernel\` asks them again, \`LSMITH_RECORD=1\` records). A unit test holds this page to the records, wants both sides of
every rule, and holds our verdict on every program to the kernels'.

A cell is "accepted / refused" by that kernel: how many programs of that form show the rule. ${distinct('C')} programs are in C
(\`test/data/rules\`, compiled by us), ${distinct('raw')} of the raw ones show a rule; ${both} of all get different verdicts from different
kernels. The other raw programs, ${'`test/kernel/corpus-types.ts`'} above all, are about contexts and packets of other program types.

| rule | what it is about | C on 6.1 | 6.12 | 7.2 | raw on 6.1 | 6.12 | 7.2 |
| --- | --- | --- | --- | --- | --- | --- | --- |
${rows.join('\n')}

${notes.map((n, i) => `- [${i + 1}] ${n}`).join('\n')}

The limit of 1,000,000 instructions is not in the table: an emulated kernel takes minutes for a program that reaches it. A unit
test (\`test/unit/verifier/verify.test.ts\`) and \`npm run bench\` reach it.
`;
}
