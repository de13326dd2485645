/** The shape of `lsmith check --json`, for those who read it; a test holds the command to it. */
import * as v from 'valibot';

const Line = v.pipe(v.number(), v.integer(), v.minValue(0));
const Count = Line;
/** A number of an instruction slot; -1 = before the first. */
const Insn = v.pipe(v.number(), v.integer(), v.minValue(-1));
const place = { file: v.optional(v.string()), line: Line, column: Line, endLine: Line, endColumn: Line };
/** Places of reasons are absent where the object has no line information. */
const maybePlace = {
  file: v.optional(v.string()),
  line: v.optional(Line),
  column: v.optional(Line),
  endLine: v.optional(Line),
  endColumn: v.optional(Line),
};

const Fix = v.strictObject({
  title: v.string(),
  edits: v.array(
    v.strictObject({
      range: v.strictObject({ ...place, file: v.string() }),
      text: v.string(),
    }),
  ),
});

const ReasonJson = v.strictObject({ insn: Insn, message: v.string(), ...maybePlace });

/** Why a program was refused. */
export const ReasonsJson = v.strictObject({
  id: v.string(),
  text: v.string(),
  required: v.string(),
  known: v.string(),
  lost: v.nullable(v.strictObject({ kind: v.string(), insn: Insn, message: v.string(), ...maybePlace })),
  related: v.array(ReasonJson),
  path: v.array(
    v.strictObject({
      insn: Insn,
      message: v.string(),
      condition: v.string(),
      holds: v.nullable(v.boolean()),
      taken: v.boolean(),
      times: v.pipe(v.number(), v.integer(), v.minValue(1)),
      ...maybePlace,
    }),
  ),
  change: v.string(),
});

const DiagnosticJson = v.strictObject({
  severity: v.picklist(['error', 'warning', 'info', 'hint']),
  code: v.string(),
  message: v.string(),
  ...place,
  notes: v.optional(
    v.array(
      v.strictObject({
        message: v.string(),
        file: v.optional(v.string()),
        line: v.optional(Line),
        column: v.optional(Line),
      }),
    ),
  ),
  fixes: v.optional(v.array(Fix)),
  reasons: v.optional(ReasonsJson),
  /** With --log. */
  explanation: v.optional(v.string()),
});

/** `frame:R1`, `frame:fp-8`, `frame:refs`, `frame:fn`, `lock`, `rcu`, `preempt`; `frame:` is all of a frame. */
const Place = v.pipe(v.string(), v.regex(/^(\d:(R\d|fp-\d+|refs|fn)?|lock|rcu|preempt)$/));
const Held = v.pipe(v.string(), v.regex(/^(\d:(R\d|fp-\d+|refs|fn)|lock|rcu|preempt)=/));

/** A segment of an explored path; see `StateNode` in the verifier for what each field means. */
export const StateNodeJson = v.strictObject({
  id: Count,
  parent: Insn,
  begin: v.picklist([
    'entry',
    'taken',
    'not-taken',
    'call',
    'return',
    'callback',
    'callback-skipped',
    'callback-return',
    'async',
    'iterator-next',
    'iterator-end',
    'may-goto-on',
    'may-goto-end',
    'indirect',
    'other',
  ]),
  from: Insn,
  condition: v.optional(v.string()),
  holds: v.optional(v.nullable(v.boolean())),
  function: v.optional(v.string()),
  first: Insn,
  last: Insn,
  count: Count,
  skipped: v.optional(Count),
  full: v.optional(v.literal(true)),
  end: v.picklist(['exit', 'pruned', 'error', 'open', 'split']),
  failing: v.optional(v.literal(true)),
  cover: v.optional(
    v.strictObject({
      node: Insn,
      step: Count,
      insn: Insn,
      hit: v.picklist(['equal', 'loop', 'iterator', 'may-goto', 'callback']),
      differs: v.array(v.tuple([Place, v.string(), v.string()])),
    }),
  ),
  start: v.array(Held),
  startGone: v.optional(v.array(Place)),
  steps: v.array(v.union([v.tuple([Insn, v.array(Held)]), v.tuple([Insn, v.array(Held), v.array(Place)])])),
});

/** `--states`: the explored tree of a program, and where its budget went. */
export const StatesJson = v.strictObject({
  nodes: v.array(StateNodeJson),
  truncated: v.boolean(),
  total: Count,
  processed: Count,
  visits: v.array(Count),
  lines: v.array(Line),
  lineVisits: v.array(v.tuple([Line, Count])),
});

export const CheckJson = v.strictObject({
  files: v.array(
    v.strictObject({
      file: v.string(),
      kernel: v.string(),
      diagnostics: v.array(DiagnosticJson),
      programs: v.array(
        v.strictObject({
          name: v.string(),
          section: v.string(),
          hook: v.nullable(v.string()),
          accepted: v.boolean(),
          message: v.string(),
          line: Line,
          insnsProcessed: Count,
          /** With --log. */
          log: v.optional(v.string()),
          /** With --states. */
          states: v.optional(StatesJson),
        }),
      ),
    }),
  ),
});
export type CheckJson = v.InferOutput<typeof CheckJson>;
