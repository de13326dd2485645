/** `app://lsmith/`: the only origin the window ever shows. Serves the built renderer and the bundled assets. */
import { protocol } from 'electron';
import { readdir, readFile } from 'node:fs/promises';
import { extname, join, normalize, sep } from 'node:path';
import { assetsDir, rendererDir } from './paths.ts';

export const ORIGIN = 'app://lsmith';

const CSP = [
  "default-src 'none'",
  "script-src 'self'",
  "worker-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "font-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "object-src 'none'",
].join('; ');

const MIME: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ttf': 'font/ttf',
  '.woff2': 'font/woff2',
  '.h': 'text/plain; charset=utf-8',
  '.c': 'text/plain; charset=utf-8',
  '.yaml': 'text/plain; charset=utf-8',
  '.md': 'text/plain; charset=utf-8',
};

const HEADERS = {
  'content-security-policy': CSP,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  // Alone in its process: what lets the window share memory with its worker (see protocol/cancel.ts).
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-embedder-policy': 'require-corp',
};

/** Must run before the app is ready. */
export function registerScheme(): void {
  protocol.registerSchemesAsPrivileged([
    { scheme: 'app', privileges: { standard: true, secure: true, supportFetchAPI: true, codeCache: true } },
  ]);
}

/** Lists what the worker loads: profiles and header files. */
async function assetIndex(): Promise<string> {
  const base = assetsDir();
  const profiles = (await readdir(join(base, 'profiles'), { withFileTypes: true }).catch(() => []))
    .filter((e) => e.isDirectory())
    .map((e) => e.name);
  const headers: string[] = [];
  const walk = async (dir: string, rel: string): Promise<void> => {
    for (const e of await readdir(dir, { withFileTypes: true }).catch(() => [])) {
      if (e.isDirectory()) await walk(join(dir, e.name), `${rel}${e.name}/`);
      else headers.push(rel + e.name);
    }
  };
  await walk(join(base, 'headers'), '');
  return JSON.stringify({ profiles: profiles.sort(), headers: headers.sort() });
}

export function serveScheme(): void {
  protocol.handle('app', async (request) => {
    const url = new URL(request.url);
    if (url.host !== 'lsmith' || request.method !== 'GET')
      return new Response('refused', { status: 403, headers: HEADERS });
    let path: string;
    try {
      path = decodeURIComponent(url.pathname);
    } catch {
      return new Response('bad address', { status: 400, headers: HEADERS });
    }
    if (path === '/assets/index.json')
      return new Response(await assetIndex(), { headers: { ...HEADERS, 'content-type': MIME['.json'] } });
    const inAssets = path.startsWith('/assets/profiles/') || path.startsWith('/assets/headers/');
    const root = inAssets ? assetsDir() : rendererDir();
    const file = normalize(join(root, inAssets ? path.slice('/assets/'.length) : path === '/' ? 'index.html' : path));
    if (!file.startsWith(root + sep) || path.includes('\0'))
      return new Response('refused', { status: 403, headers: HEADERS });
    try {
      const body = await readFile(file);
      return new Response(body, {
        headers: { ...HEADERS, 'content-type': MIME[extname(file)] ?? 'application/octet-stream' },
      });
    } catch {
      return new Response('not found', { status: 404, headers: HEADERS });
    }
  });
}
