/** Messages between the window and the engine worker. Requests are validated by the worker, replies by their id. */
import * as v from 'valibot';
import type {
  CheckReport,
  HelperSummary,
  OrdersReport,
  ProfileSummary,
  ProgramDump,
  ProgramStates,
  RefusalFixes,
  RunReport,
} from '../engine/api/index.ts';
import type { HookInfo, LsmStack } from '../engine/lsm/index.ts';
import type { Diagnostic } from '../base/index.ts';

const Semantics = v.picklist(['lsm', 'fexit', 'fexit-if-zero', 'fmod_ret']);
const Name = v.pipe(v.string(), v.maxLength(1024));
const Cmdline = v.nullable(v.pipe(v.string(), v.maxLength(8192)));
const runFields = { scenario: Name, kernel: v.nullable(Name), cmdline: Cmdline, semantics: Semantics };

/** A question to the engine. */
export const EngineQuery = v.variant('kind', [
  v.object({ kind: v.literal('check'), file: Name, kernel: Name }),
  v.object({ kind: v.literal('checkYaml'), file: Name }),
  v.object({ kind: v.literal('dump'), file: Name, kernel: Name }),
  v.object({ kind: v.literal('hooks'), kernel: Name }),
  v.object({ kind: v.literal('lsmOrder'), kernel: Name, cmdline: v.pipe(v.string(), v.maxLength(8192)) }),
  v.object({ kind: v.literal('run'), ...runFields }),
  v.object({
    kind: v.literal('orders'),
    ...runFields,
    cmdlines: v.array(v.string()),
    allSemantics: v.array(Semantics),
  }),
  v.object({ kind: v.literal('helpers'), kernel: Name }),
  v.object({ kind: v.literal('typeDefinition'), kernel: Name, name: Name }),
  v.object({ kind: v.literal('log'), file: Name, kernel: Name }),
  /** The explored tree of a program; null = one that is refused, or the first. */
  v.object({ kind: v.literal('states'), file: Name, kernel: Name, program: v.nullable(Name) }),
  /** Quick fixes for the refused programs of a file, at one line or all. */
  v.object({ kind: v.literal('fixes'), file: Name, kernel: Name, line: v.nullable(v.number()) }),
  // Never answers, or ends the worker: the end-to-end tests prove with them that such an engine is noticed and
  // replaced. Refused unless the worker was started for tests.
  v.object({ kind: v.literal('hang') }),
  v.object({ kind: v.literal('crash') }),
]);
export type EngineQuery = v.InferOutput<typeof EngineQuery>;

export const FileUpdate = v.object({
  path: Name,
  content: v.nullable(v.union([v.string(), v.custom<Uint8Array>((x) => x instanceof Uint8Array)])),
});
export type FileUpdate = v.InferOutput<typeof FileUpdate>;

/** How far behind what the user looks at a question stands: 0 = that itself, 1 = other files, 2 = other kernels. */
const Behind = v.picklist([0, 1, 2]);
export type Behind = v.InferOutput<typeof Behind>;

const RANK: Readonly<Record<EngineQuery['kind'], number>> = {
  lsmOrder: 0,
  check: 1,
  checkYaml: 1,
  typeDefinition: 1,
  log: 1,
  run: 2,
  states: 2,
  dump: 3,
  hooks: 3,
  helpers: 3,
  fixes: 4,
  orders: 4,
  hang: 5,
  crash: 5,
};

/** The lower, the sooner a question is answered. */
export const rankOf = (kind: EngineQuery['kind'], behind: Behind): number => RANK[kind] + 10 * behind;

/** Must what has this rank make room, even under way, for what has the other? Only what nobody looks at does. */
export const makesRoomFor = (running: number, asked: number): boolean => running >= 10 && asked < 10;

export const WorkerRequest = v.variant('type', [
  /** `assets` is the address below which `profiles/` and `headers/` lie. */
  v.object({
    type: v.literal('init'),
    assets: v.string(),
    /** Memory of a `WorkBoard`. */
    board: v.optional(
      v.custom<SharedArrayBuffer>((x) => typeof SharedArrayBuffer !== 'undefined' && x instanceof SharedArrayBuffer),
    ),
  }),
  /** Only from a window that was started with LSMITH_TEST=1: `hang` and `crash` are answered from now on. */
  v.object({ type: v.literal('allow-tests') }),
  v.object({ type: v.literal('files'), reset: v.boolean(), updates: v.array(FileUpdate) }),
  /** Nobody waits for the answer any more. */
  v.object({ type: v.literal('cancel'), id: v.number() }),
  /** A query with the same `lane` that has not ended is dropped in favour of this one. */
  v.object({ type: v.literal('query'), id: v.number(), lane: v.string(), behind: Behind, query: EngineQuery }),
]);
export type WorkerRequest = v.InferOutput<typeof WorkerRequest>;

export interface EngineAnswers {
  check: CheckReport;
  checkYaml: readonly Diagnostic[];
  dump: { readonly diagnostics: readonly Diagnostic[]; readonly programs: readonly ProgramDump[] };
  hooks: readonly HookInfo[];
  lsmOrder: LsmStack;
  run: RunReport;
  orders: OrdersReport;
  helpers: readonly HelperSummary[];
  typeDefinition: string | null;
  log: CheckReport;
  states: ProgramStates;
  fixes: readonly RefusalFixes[];
  hang: null;
  crash: null;
}

export type WorkerReply =
  | { readonly type: 'ready'; readonly profiles: readonly ProfileSummary[]; readonly ms: number }
  | { readonly type: 'failed'; readonly message: string }
  | { readonly type: 'started'; readonly id: number }
  | { readonly type: 'superseded'; readonly id: number }
  /** Made room for something urgent, and will be started anew. */
  | { readonly type: 'postponed'; readonly id: number }
  | { readonly type: 'answer'; readonly id: number; readonly value: unknown; readonly ms: number }
  | { readonly type: 'error'; readonly id: number; readonly message: string };

const Id = v.number();
/** Shapes of what the worker may say; the answer's value is typed by the query that asked for it. */
export const WorkerReplySchema = v.variant('type', [
  v.object({ type: v.literal('ready'), profiles: v.array(v.any()), ms: v.number() }),
  v.object({ type: v.literal('failed'), message: v.string() }),
  v.object({ type: v.literal('started'), id: Id }),
  v.object({ type: v.literal('superseded'), id: Id }),
  v.object({ type: v.literal('postponed'), id: Id }),
  v.object({ type: v.literal('answer'), id: Id, value: v.any(), ms: v.number() }),
  v.object({ type: v.literal('error'), id: Id, message: v.string() }),
]);
