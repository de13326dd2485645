/** The engine worker of the app, run by Node: what the browser gives it stands in for by the files of the checkout. */
import { build } from 'esbuild';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { WorkerReply, WorkerRequest } from '../../../src/protocol/index.ts';

export const ROOT = join(import.meta.dirname, '../../..');

const SHIM = `
import { readFileSync } from 'node:fs';
import { parentPort } from 'node:worker_threads';
globalThis.self = { postMessage: (m) => parentPort.postMessage(m) };
globalThis.fetch = async (url) => {
  const path = url.slice('assets:'.length);
  if (path === 'index.json') return new Response(JSON.stringify({ profiles: ['6.12'], headers: HEADERS }));
  return new Response(readFileSync(ASSETS + path));
};
await import('./src/workers/engine.worker.ts');
parentPort.on('message', (data) => self.onmessage({ data }));
`;

export interface Busy {
  post(message: WorkerRequest): void;
  /** The next message of the worker that `wanted` accepts; others are kept. */
  next(wanted: (reply: WorkerReply) => boolean): Promise<WorkerReply>;
  end(): Promise<void>;
}

export async function startWorker(): Promise<Busy> {
  const headers = readdirSync(join(ROOT, 'assets/headers'), { recursive: true, encoding: 'utf8' }).filter((f) =>
    f.endsWith('.h'),
  );
  const dir = mkdtempSync(join(tmpdir(), 'lsmith-worker-'));
  await build({
    stdin: { contents: SHIM, resolveDir: ROOT, loader: 'js' },
    define: { HEADERS: JSON.stringify(headers), ASSETS: JSON.stringify(join(ROOT, 'assets/')) },
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    outfile: join(dir, 'worker.mjs'),
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
  });
  const worker = new Worker(join(dir, 'worker.mjs'));
  const kept: WorkerReply[] = [];
  let look: (() => void) | null = null;
  let failure: Error | null = null;
  worker.on('message', (m: WorkerReply) => {
    kept.push(m);
    look?.();
  });
  worker.on('error', (e: Error) => {
    failure = e;
    look?.();
  });
  return {
    post: (m) => worker.postMessage(m),
    next: (wanted) =>
      new Promise((resolve, reject) => {
        look = () => {
          const at = kept.findIndex(wanted);
          if (failure !== null) reject(failure);
          else if (at >= 0) {
            look = null;
            resolve(kept.splice(at, 1)[0]);
          }
        };
        look();
      }),
    end: async () => {
      await worker.terminate();
      rmSync(dir, { recursive: true });
    },
  };
}
