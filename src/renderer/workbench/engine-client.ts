/**
 * The window's side of the engine worker. One worker at a time; when it hangs or dies it is replaced, gets the
 * files again, and what was asked fails with a reason. The latest question of a lane wins.
 */
import * as v from 'valibot';
import type { ProfileSummary } from '../../engine/api/index.ts';
import {
  WorkerReplySchema,
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
  | { readonly kind: 'busy'; readonly what: string }
  | { readonly kind: 'failed'; readonly message: string };

interface Pending {
  readonly query: EngineQuery;
  readonly lane: string;
  readonly limit: number;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
  timer: number | null;
}

export interface EngineEvents {
  state(state: EngineState): void;
  profiles(profiles: readonly ProfileSummary[]): void;
  log(level: 'info' | 'warn' | 'error', message: string): void;
}

const CHECK_LIMIT_MS = 10_000;
const ORDERS_LIMIT_MS = 60_000;
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
    this.#post({ type: 'init', assets: new URL('/assets/', location.href).href });
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
    for (const p of waiting) {
      if (p.timer !== null) clearTimeout(p.timer);
      p.reject(new Error(reason));
    }
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
        this.#events.state({ kind: 'busy', what: p.query.kind });
        p.timer = window.setTimeout(
          () => this.#replace(`${describe(p.query)} took longer than ${p.limit / 1000} s and was ended.`),
          p.limit,
        );
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
    if (p.timer !== null)
      this.#events.log('info', `${describe(p.query)} was given up under way: it is not wanted any more.`);
    p.reject(new Superseded());
  }

  #take(id: number): Pending | undefined {
    const p = this.#pending.get(id);
    this.#pending.delete(id);
    if (p?.timer) clearTimeout(p.timer);
    return p;
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

  /** Rejects with `Superseded` when a later question took this one's place, or `signal` says that nobody wants it. */
  ask<K extends EngineQuery['kind']>(
    query: Extract<EngineQuery, { kind: K }>,
    lane: string,
    signal?: AbortSignal,
  ): Promise<EngineAnswers[K]> {
    return new Promise((resolve, reject) => {
      if (!this.#worker) return reject(new Error('The engine is not running.'));
      const id = this.#next++;
      signal?.addEventListener('abort', () => this.#pending.has(id) && this.#post({ type: 'cancel', id }));
      const limit = query.kind === 'orders' ? ORDERS_LIMIT_MS : CHECK_LIMIT_MS;
      this.#pending.set(id, { query, lane, limit, resolve: resolve as (v: unknown) => void, reject, timer: null });
      this.#post({ type: 'query', id, lane, query });
    });
  }
}

const describe = (q: EngineQuery): string =>
  'file' in q ? `Checking ${q.file}` : 'scenario' in q ? `Running ${q.scenario}` : `The question “${q.kind}”`;
