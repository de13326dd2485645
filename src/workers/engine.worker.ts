/** Puts the engine behind the protocol: one question at a time, the newest of a lane, answers as plain data. */
import * as v from 'valibot';
import {
  CancelBoard,
  WorkerRequest,
  type EngineAnswers,
  type EngineQuery,
  type WorkerReply,
} from '../protocol/index.ts';
import { allowTests, answer, isCancelled, loadAssets, updateFiles, useBoard, type Steps } from './engine-host.ts';

interface Waiting {
  readonly id: number;
  readonly lane: string;
  readonly query: EngineQuery;
  /** Under way: goes on from here. */
  steps: Steps | null;
}

const queue: Waiting[] = [];
let ready = false;
let scheduled = false;

const post = (reply: WorkerReply): void => self.postMessage(reply);
const words = (e: unknown): string => (e instanceof Error ? e.message : String(e));

/** Urgent first: what the user looks at must not wait for background checks. */
const RANK: Readonly<Record<EngineQuery['kind'], number>> = {
  lsmOrder: 0,
  check: 1,
  checkYaml: 1,
  run: 2,
  dump: 3,
  hooks: 3,
  helpers: 3,
  typeDefinition: 1,
  log: 1,
  states: 2,
  fixes: 4,
  orders: 4,
  hang: 5,
  crash: 5,
};

function pump(): void {
  scheduled = false;
  if (!ready || queue.length === 0) return;
  let best = 0;
  for (let i = 1; i < queue.length; i++) if (rank(queue[i]) < rank(queue[best])) best = i;
  const [job] = queue.splice(best, 1);
  const first = job.steps === null;
  if (first) post({ type: 'started', id: job.id });
  const t0 = performance.now();
  try {
    const given: EngineAnswers[EngineQuery['kind']] | Steps = job.steps ?? answer(job.id, job.query);
    const value = isSteps(given) ? given.next() : { done: true as const, value: given };
    if (value.done === true) post({ type: 'answer', id: job.id, value: value.value, ms: performance.now() - t0 });
    else queue.push({ ...job, steps: given as Steps });
  } catch (e) {
    post(isCancelled(e) ? { type: 'superseded', id: job.id } : { type: 'error', id: job.id, message: words(e) });
  }
  schedule();
}

const isSteps = (x: unknown): x is Steps => x !== null && typeof x === 'object' && 'next' in x && 'return' in x;

/** Ends what waits, or is between two steps. */
function drop(which: (w: Waiting) => boolean): void {
  for (let i = queue.length - 1; i >= 0; i--) {
    if (which(queue[i])) post({ type: 'superseded', id: queue.splice(i, 1)[0].id });
  }
}

const rank = (w: Waiting): number => RANK[w.query.kind] + (w.lane.startsWith('background:') ? 10 : 0);

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
      if (request.board !== undefined) useBoard(new CancelBoard(request.board));
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
      queue.push({ id: request.id, lane: request.lane, query: request.query, steps: null });
      return schedule();
    }
  }
};
