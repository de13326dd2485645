/** Puts the engine behind the protocol: one question at a time, the newest of a lane, answers as plain data. */
import * as v from 'valibot';
import {
  WorkBoard,
  WorkerRequest,
  rankOf,
  type Behind,
  type EngineAnswers,
  type EngineQuery,
  type WorkerReply,
} from '../protocol/index.ts';
import {
  allowTests,
  answer,
  isCancelled,
  loadAssets,
  resume,
  updateFiles,
  useBoard,
  wishFor,
  workOn,
  type Steps,
} from './engine-host.ts';

interface Waiting {
  readonly id: number;
  readonly lane: string;
  readonly behind: Behind;
  readonly query: EngineQuery;
  /** Under way: goes on from here. */
  steps: Steps | null;
}

const queue: Waiting[] = [];
let ready = false;
let scheduled = false;

const post = (reply: WorkerReply): void => self.postMessage(reply);
const words = (e: unknown): string => (e instanceof Error ? e.message : String(e));

function pump(): void {
  scheduled = false;
  if (!ready || queue.length === 0) return;
  let best = 0;
  for (let i = 1; i < queue.length; i++) if (rank(queue[i]) < rank(queue[best])) best = i;
  const [job] = queue.splice(best, 1);
  if (job.steps === null) post({ type: 'started', id: job.id });
  workOn(job.id);
  const t0 = performance.now();
  try {
    const given: EngineAnswers[EngineQuery['kind']] | Steps = job.steps ?? answer(job.query);
    const value = isSteps(given) ? given.next() : { done: true as const, value: given };
    // A step that was not let finish has found less than there is.
    if (isSteps(given) && wishFor(job.id) !== 'wanted') giveUp(job);
    else if (value.done === true) post({ type: 'answer', id: job.id, value: value.value, ms: performance.now() - t0 });
    else queue.push({ ...job, steps: given as Steps });
  } catch (e) {
    if (isCancelled(e)) giveUp(job);
    else post({ type: 'error', id: job.id, message: words(e) });
  }
  schedule();
}

/** Not wanted any more, or not now: then it is begun anew when its turn comes again. */
function giveUp(job: Waiting): void {
  const later = wishFor(job.id) === 'later' && resume(job.id);
  if (later) queue.push({ ...job, behind: job.behind === 0 ? 1 : job.behind, steps: null });
  post({ type: later ? 'postponed' : 'superseded', id: job.id });
}

const isSteps = (x: unknown): x is Steps => x !== null && typeof x === 'object' && 'next' in x && 'return' in x;

/** Ends what waits, or is between two steps. */
function drop(which: (w: Waiting) => boolean): void {
  for (let i = queue.length - 1; i >= 0; i--) {
    if (which(queue[i])) post({ type: 'superseded', id: queue.splice(i, 1)[0].id });
  }
}

/** Urgent first: what the user looks at must not wait for background checks. */
const rank = (w: Waiting): number => rankOf(w.query.kind, w.behind);

/** Through the message queue, so that what arrived meanwhile is seen before the next job starts. */
function schedule(): void {
  if (scheduled) return;
  scheduled = true;
  setTimeout(pump, 0);
}

self.onmessage = (e: MessageEvent<unknown>) => {
  const parsed = v.safeParse(WorkerRequest, e.data);
  if (!parsed.success) return post({ type: 'failed', message: `bad request: ${parsed.issues[0].message}` });
  const request = parsed.output;
  switch (request.type) {
    case 'init': {
      const t0 = performance.now();
      if (request.board !== undefined) useBoard(new WorkBoard(request.board));
      loadAssets(request.assets).then(
        (profiles) => {
          ready = true;
          post({ type: 'ready', profiles, ms: performance.now() - t0 });
          schedule();
        },
        (error: unknown) => post({ type: 'failed', message: words(error) }),
      );
      return;
    }
    case 'allow-tests':
      return allowTests();
    case 'cancel':
      return drop((w) => w.id === request.id);
    case 'files':
      // What was begun with other texts is void.
      drop((w) => w.steps !== null);
      return updateFiles(request.reset, request.updates);
    case 'query': {
      drop((w) => w.lane === request.lane);
      const { id, lane, behind, query } = request;
      queue.push({ id, lane, behind, query, steps: null });
      return schedule();
    }
  }
};
