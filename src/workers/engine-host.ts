/** Makes the engine from the bundled assets and the files that the window pushed. */
import { Cancelled, createEngine, type Engine, type ProfileSource, type ProfileSummary } from '../engine/api/index.ts';
import type { Wish, WorkBoard, EngineAnswers, EngineQuery, FileUpdate } from '../protocol/index.ts';

const files = new Map<string, Uint8Array>();
let engine: Engine | null = null;
let testMode = false;
let board: WorkBoard | null = null;
/** The question that is being answered. */
let current = 0;
const encoder = new TextEncoder();

async function fetchFine(url: string): Promise<Response> {
  const r = await fetch(url);
  if (!r.ok) throw new Error(`${url}: ${r.status} ${r.statusText}`);
  return r;
}

async function gunzip(response: Response): Promise<Uint8Array> {
  if (!response.body) throw new Error('empty answer');
  return new Uint8Array(await new Response(response.body.pipeThrough(new DecompressionStream('gzip'))).arrayBuffer());
}

/** Lets the questions of the end-to-end tests in. */
export function allowTests(): void {
  testMode = true;
}

/** Where the window says what it does not want any more, and sees that this side is alive. */
export function useBoard(b: WorkBoard): void {
  board = b;
}

/** What the window thinks of a question now. */
export const wishFor = (id: number): Wish => board?.wish(id) ?? 'wanted';

/** See `WorkBoard.resume`. */
export const resume = (id: number): boolean => board?.resume(id) ?? false;

export const isCancelled = (e: unknown): boolean => e instanceof Cancelled;

/** Fetches profiles and headers below `base` and makes the engine. */
export async function loadAssets(base: string): Promise<readonly ProfileSummary[]> {
  const index = (await (await fetchFine(`${base}index.json`)).json()) as { profiles: string[]; headers: string[] };
  const profiles = await Promise.all(
    index.profiles.map(async (id): Promise<ProfileSource> => {
      const [json, btf] = await Promise.all([
        fetchFine(`${base}profiles/${id}/profile.json`).then((r) => r.json() as Promise<unknown>),
        fetchFine(`${base}profiles/${id}/btf.gz`).then(gunzip),
      ]);
      return { id, json: () => json, btf: () => btf };
    }),
  );
  const headers = new Map(
    await Promise.all(
      index.headers.map(async (name) => [name, await (await fetchFine(`${base}headers/${name}`)).text()] as const),
    ),
  );
  engine = createEngine({
    profiles,
    headers,
    files: { read: (path) => files.get(path.replace(/^\.\//, '')) },
    cancelled: (insns) => {
      board?.beat(insns);
      return wishFor(current) !== 'wanted';
    },
  });
  return engine.profiles();
}

export function updateFiles(reset: boolean, updates: readonly FileUpdate[]): void {
  if (reset) files.clear();
  for (const { path, content } of updates) {
    if (content === null) files.delete(path);
    else files.set(path, typeof content === 'string' ? encoder.encode(content) : content);
  }
}

/** What takes long is answered in steps, between which other questions have their turn. */
export type Steps = Generator<void, EngineAnswers[EngineQuery['kind']]>;

/** What is done from now on is done for this question. */
export function workOn(id: number): void {
  current = id;
  board?.beat(0);
}

export function answer(q: EngineQuery): EngineAnswers[EngineQuery['kind']] | Steps {
  if (!engine) throw new Error('the engine is not ready');
  switch (q.kind) {
    case 'check':
      return engine.check(q.file, q.kernel);
    case 'checkYaml':
      return engine.checkYaml(q.file);
    case 'dump':
      return engine.dump(q.file, q.kernel);
    case 'hooks':
      return engine.hooks(q.kernel);
    case 'lsmOrder':
      return engine.lsmOrder(q.kernel, q.cmdline);
    case 'run':
      return engine.run(q);
    case 'orders':
      return engine.orders(q);
    case 'helpers':
      return engine.helpers(q.kernel);
    case 'typeDefinition':
      return engine.typeDefinition(q.name, q.kernel);
    case 'log':
      return engine.check(q.file, q.kernel, { log: true });
    case 'states':
      return engine.states(q.file, q.kernel, q.program);
    case 'fixes':
      return engine.fixes(q.file, q.kernel, q.line);
    case 'hang':
      if (!testMode) throw new Error('only in tests');
      for (;;);
    case 'crash':
      if (!testMode) throw new Error('only in tests');
      setTimeout(() => {
        throw new Error('ended by a test');
      }, 0);
      return null;
  }
}
