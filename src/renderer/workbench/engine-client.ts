/**
 * The window's side of the engine worker. One worker at a time; when it gives no sign of life or dies it is replaced,
 * gets the files again, and what was asked fails with a reason. The latest question of a lane wins, and what nobody
 * looks at makes room for what somebody waits for, both also under way.
 */
import * as v from 'valibot';
import type { ProfileSummary } from '../../engine/api/index.ts';
import {
  WorkBoard,
  WorkerReplySchema,
  makesRoomFor,
  rankOf,
  type Behind,
  type EngineAnswers,
  type EngineQuery,
  type FileUpdate,
  type WorkerReply,
  type WorkerRequest,
} from '../../protocol/index.ts';

export class Superseded extends Error {
  override readonly name = 'Superseded';
}

export type EngineState =
  | { readonly kind: 'starting' }
  | { readonly kind: 'idle' }
  /** `detail`: what takes long, in words, and `lanes` what is asked and not answered; null and none while it is not long. */
  | {
      readonly kind: 'busy';
      readonly what: string;
      readonly detail: string | null;
      readonly lanes: ReadonlySet<string>;
    }
  | { readonly kind: 'failed'; readonly message: string };

interface Pending {
  readonly query: EngineQuery;
  readonly lane: string;
  rank: number;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
  /** Is it what the worker is at? */
  running: boolean;
}

export interface EngineEvents {
  state(state: EngineState): void;
  profiles(profiles: readonly ProfileSummary[]): void;
  log(level: 'info' | 'warn' | 'error', message: string): void;
}

/** So long may the worker give no sign of life. A verification gives one each millisecond; playing scenarios gives none. */
const SILENCE_MS = 10_000;
const ORDERS_SILENCE_MS = 60_000;
/** From here on the status bar says how far a question has come, and anew each time. */
const WATCH_MS = 300;
const MAX_RESTARTS = 5;

export class EngineClient {
  #worker: Worker | null = null;
  #ready = false;
  #next = 1;
  #restarts = 0;
  #tests = false;
  readonly #pending = new Map<number, Pending>();
  readonly #files = new Map<string, string | Uint8Array>();
  readonly #events: EngineEvents;
  #board: WorkBoard | null = null;
  #watch: number | null = null;

  constructor(events: EngineEvents) {
    this.#events = events;
    this.#start();
  }

  #start(): void {
    this.#ready = false;
    this.#events.state({ kind: 'starting' });
    const worker = new Worker(new URL('../../workers/engine.worker.ts', import.meta.url), {
      type: 'module',
      name: 'engine',
    });
    this.#worker = worker;
    worker.onmessage = (e: MessageEvent<unknown>) => worker === this.#worker && this.#receive(e.data);
    worker.onerror = (e) => {
      e.preventDefault();
      if (worker === this.#worker) this.#replace(`The engine stopped (${e.message || 'its worker could not start'}).`);
    };
    this.#board = WorkBoard.create();
    const assets = new URL('/assets/', location.href).href;
    this.#post({ type: 'init', assets, ...(this.#board === null ? {} : { board: this.#board.memory }) });
    if (this.#tests) this.#post({ type: 'allow-tests' });
    this.#post({ type: 'files', reset: true, updates: [...this.#files].map(([path, content]) => ({ path, content })) });
  }

  #post(message: WorkerRequest): void {
    this.#worker?.postMessage(message);
  }

  /** Ends the worker and starts another; everything asked fails with the reason. */
  #replace(reason: string): void {
    this.#worker?.terminate();
    this.#worker = null;
    const waiting = [...this.#pending.values()];
    this.#pending.clear();
    this.#unwatch();
    for (const p of waiting) p.reject(new Error(reason));
    if (++this.#restarts > MAX_RESTARTS) {
      this.#events.log('error', `${reason} It was restarted ${MAX_RESTARTS} times; use “Restart Engine” to try again.`);
      this.#events.state({ kind: 'failed', message: reason });
      return;
    }
    this.#events.log('warn', `${reason} It was restarted.`);
    this.#start();
  }

  /** Started by the end-to-end tests: they may hang and end the engine. */
  allowTests(): void {
    this.#tests = true;
    this.#post({ type: 'allow-tests' });
  }

  /** By hand, from the palette. */
  restart(): void {
    this.#restarts = 0;
    this.#replace('The engine was restarted by you.');
  }

  #receive(data: unknown): void {
    const parsed = v.safeParse(WorkerReplySchema, data);
    if (!parsed.success)
      return this.#events.log('error', `The engine sent something unknown: ${parsed.issues[0].message}`);
    const reply = parsed.output as WorkerReply;
    switch (reply.type) {
      case 'ready':
        this.#ready = true;
        this.#events.profiles(reply.profiles);
        this.#events.log(
          'info',
          `Engine ready with kernel profiles ${reply.profiles.map((p) => p.id).join(', ') || 'none'} (${Math.round(reply.ms)} ms)`,
        );
        return this.#idle();
      case 'failed':
        this.#events.log('error', `The engine could not start: ${reply.message}`);
        return this.#events.state({ kind: 'failed', message: reply.message });
      case 'started': {
        const p = this.#pending.get(reply.id);
        if (!p) return;
        p.running = true;
        this.#events.state({ kind: 'busy', what: p.query.kind, detail: null, lanes: new Set() });
        this.#follow(p);
        return;
      }
      case 'postponed': {
        const p = this.#pending.get(reply.id);
        if (p) p.running = false;
        this.#unwatch();
        return;
      }
      case 'superseded':
        this.#superseded(this.#take(reply.id));
        return this.#idle();
      case 'error':
        this.#take(reply.id)?.reject(new Error(reply.message));
        return this.#idle();
      case 'answer':
        this.#restarts = 0;
        this.#take(reply.id)?.resolve(reply.value);
        return this.#idle();
    }
  }

  #superseded(p: Pending | undefined): void {
    if (p === undefined) return;
    if (p.running) this.#events.log('info', `${describe(p.query)} was given up under way: it is not wanted any more.`);
    p.reject(new Superseded());
  }

  #take(id: number): Pending | undefined {
    const p = this.#pending.get(id);
    this.#pending.delete(id);
    if (p?.running) this.#unwatch();
    return p;
  }

  /** Shows how far a long question has come, and replaces a worker that gives no sign of life. */
  #follow(p: Pending): void {
    this.#unwatch();
    const limit = p.query.kind === 'orders' ? ORDERS_SILENCE_MS : SILENCE_MS;
    let beats = this.#board?.beats ?? 0;
    let heard = performance.now();
    this.#watch = window.setInterval(() => {
      const now = performance.now();
      if (this.#board !== null && this.#board.beats !== beats) {
        beats = this.#board.beats;
        heard = now;
      }
      if (now - heard > limit)
        return this.#replace(`${describe(p.query)} gave no sign of life for ${limit / 1000} s and was ended.`);
      const insns = this.#board?.insns ?? 0;
      const far = insns > 0 ? ` · ${insns.toLocaleString('en-US')} insns` : '';
      const lanes = new Set([...this.#pending.values()].map((x) => x.lane));
      this.#events.state({ kind: 'busy', what: p.query.kind, detail: `${describe(p.query)}${far}`, lanes });
    }, WATCH_MS);
  }

  #unwatch(): void {
    if (this.#watch !== null) clearInterval(this.#watch);
    this.#watch = null;
  }

  #idle(): void {
    if (this.#ready && this.#pending.size === 0) this.#events.state({ kind: 'idle' });
  }

  /** Makes files known to the engine; null content removes one. */
  setFiles(updates: readonly FileUpdate[], reset = false): void {
    if (reset) this.#files.clear();
    for (const u of updates) {
      if (u.content === null) this.#files.delete(u.path);
      else this.#files.set(u.path, u.content);
    }
    this.#post({ type: 'files', reset, updates: [...updates] });
  }

  /** What was asked for in this lane is not looked at any more: it makes room for what is. */
  fallBehind(lane: string): void {
    for (const p of this.#pending.values()) if (p.lane === lane) p.rank = Math.max(p.rank, rankOf(p.query.kind, 1));
  }

  /**
   * Rejects with `Superseded` when a later question took this one's place, or `signal` says that nobody wants it.
   * `behind`: how far from what the user looks at.
   */
  ask<K extends EngineQuery['kind']>(
    query: Extract<EngineQuery, { kind: K }>,
    lane: string,
    { signal, behind = 0 }: { readonly signal?: AbortSignal | undefined; readonly behind?: Behind } = {},
  ): Promise<EngineAnswers[K]> {
    return new Promise((resolve, reject) => {
      if (!this.#worker) return reject(new Error('The engine is not running.'));
      const id = this.#next++;
      const rank = rankOf(query.kind, behind);
      signal?.addEventListener('abort', () => {
        if (!this.#pending.has(id)) return;
        this.#board?.cancel(id);
        this.#post({ type: 'cancel', id });
      });
      for (const [other, p] of this.#pending) {
        if (p.lane === lane) this.#board?.cancel(other);
        else if (p.running && makesRoomFor(p.rank, rank)) this.#board?.postpone(other);
      }
      this.#pending.set(id, { query, lane, rank, resolve: resolve as (v: unknown) => void, reject, running: false });
      this.#post({ type: 'query', id, lane, behind, query });
    });
  }
}

const describe = (q: EngineQuery): string =>
  'file' in q && 'kernel' in q
    ? `Checking ${q.file} for ${q.kernel}`
    : 'scenario' in q
      ? `Running ${q.scenario}`
      : `The question “${q.kind}”`;
