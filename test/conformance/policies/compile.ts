/** One source through both compilers, with the same include folders and defines. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createFrontEndCache, createIncludeResolver } from '../../../src/engine/c/index.ts';
import { compileC } from '../../../src/engine/codegen/index.ts';
import type { KernelProfile } from '../../../src/engine/kernel/index.ts';
import type { Source } from './sources.ts';

export type Compiled = { readonly bytes: Uint8Array; readonly ms: number } | { readonly error: string };

/** `genuine`: vmlinux.h of bpftool and the system's libbpf headers; `bundled`: LSMith's own (the default of a user). */
export type Headers = 'genuine' | 'bundled';

const SYSTEM = ['/usr/include', '/usr/include/x86_64-linux-gnu'];

/** A folder with the kernel's vmlinux.h as bpftool writes it from the profile's BTF. */
export function vmlinuxFolder(btf: Uint8Array): string | null {
  const dir = mkdtempSync(join(tmpdir(), 'lsmith-vmlinux-'));
  const blob = join(dir, 'kernel.btf');
  writeFileSync(blob, btf);
  const r = spawnSync('bpftool', ['btf', 'dump', 'file', blob, 'format', 'c'], { maxBuffer: 1 << 28 });
  if (r.status !== 0) return null;
  writeFileSync(join(dir, 'vmlinux.h'), r.stdout);
  return dir;
}

/** @param keep folder where clang's answers are kept, as they do not change */
export function compileWithClang(clang: string, source: Source, vmlinux: string, keep: string): Compiled {
  const stamp = ['stripped', clang, source.file, statSync(source.file).mtimeMs, source.includeDirs, source.defines];
  const key = createHash('sha256').update(JSON.stringify(stamp)).digest('hex').slice(0, 24);
  const file = join(keep, `${key}.json`);
  if (existsSync(file)) {
    const r = JSON.parse(readFileSync(file, 'utf8')) as { bytes: string; ms: number } | { error: string };
    return 'error' in r ? r : { bytes: new Uint8Array(Buffer.from(r.bytes, 'base64')), ms: r.ms };
  }
  const r = runClang(clang, source, vmlinux);
  mkdirSync(keep, { recursive: true });
  writeFileSync(file, JSON.stringify('error' in r ? r : { bytes: Buffer.from(r.bytes).toString('base64'), ms: r.ms }));
  return r;
}

function runClang(clang: string, source: Source, vmlinux: string): Compiled {
  const dir = mkdtempSync(join(tmpdir(), 'lsmith-clang-'));
  const out = join(dir, 'out.o');
  try {
    const t0 = performance.now();
    const r = spawnSync(
      clang,
      [
        ...['-O2', '-g', '-w', '-target', 'bpf', '-mcpu=v3', '-D__TARGET_ARCH_x86'],
        ...Object.entries(source.defines).map(([k, v]) => `-D${k}=${v}`),
        ...source.includeDirs.map((d) => `-I${d}`),
        `-I${vmlinux}`,
        // clang's BPF target has no multi-arch folder of its own.
        '-idirafter/usr/include/x86_64-linux-gnu',
        ...['-c', source.file, '-o', out],
      ],
      { encoding: 'utf8' },
    );
    if (r.status !== 0) return { error: firstError(r.stderr) };
    const ms = performance.now() - t0;
    // DWARF is most of the object, and nobody who loads it looks at it.
    spawnSync(clang.replace('clang', 'llvm-strip'), ['-g', out]);
    return { bytes: new Uint8Array(readFileSync(out)), ms };
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

const firstError = (text: string): string => {
  const line = text.split('\n').find((l) => /error/.test(l)) ?? text.split('\n')[0];
  return line.replace(/^.*?error: /, '');
};

export class OurCompiler {
  readonly #cache = createFrontEndCache();
  readonly #files = new Map<string, string | undefined>();

  constructor(
    readonly bundled: ReadonlyMap<string, string>,
    readonly kernel: KernelProfile,
    readonly headers: Headers,
    readonly vmlinux: string | null,
  ) {}

  #read(path: string): string | undefined {
    if (!this.#files.has(path)) {
      const is = existsSync(path) && statSync(path).isFile();
      this.#files.set(path, is ? readFileSync(path, 'utf8') : undefined);
    }
    return this.#files.get(path);
  }

  compile(source: Source): Compiled {
    const genuine = this.headers === 'genuine';
    const t0 = performance.now();
    try {
      const r = compileC({
        file: source.file,
        text: readFileSync(source.file, 'utf8'),
        includes: createIncludeResolver({
          bundled: this.bundled,
          read: (p) => this.#read(p),
          includeDirs: [...source.includeDirs, ...(genuine ? [this.vmlinux!, ...SYSTEM] : [])],
        }),
        profileBtf: this.kernel.btf,
        target: { kernelVersion: this.kernel.id, defines: source.defines },
        cache: this.#cache,
      });
      const error = r.diagnostics.find((d) => d.severity === 'error');
      if (error !== undefined || r.object === null) {
        return {
          error: `${error?.code} ${error?.range.file.split('/').at(-1)}:${error?.range.line}: ${error?.message}`,
        };
      }
      return { bytes: r.object, ms: performance.now() - t0 };
    } catch (e) {
      return {
        error: `crash: ${e instanceof Error ? (e.stack ?? e.message).split('\n').slice(0, 4).join(' | ') : String(e)}`,
      };
    }
  }
}
