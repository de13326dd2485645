/** The kernels that the engine is given, as far as the compiler needs them: their BTF, opened on first use. */
import { parseBtf, type Btf } from '../bpf/index.ts';

/** Where a profile comes from. Each function is called at most once. */
export interface ProfileSource {
  readonly id: string;
  /** Parsed profile.json. */
  readonly json: () => unknown;
  /** Uncompressed BTF. */
  readonly btf: () => Uint8Array;
  /** The same, opened from a cache of the caller's; null when that has none. */
  readonly cachedBtf?: () => Btf | null;
}

/** What the compiler has to know of a kernel. */
export interface CompilerKernel {
  readonly id: string;
  readonly btf: Btf;
}

/** `6.1` before `6.12`. By hand, because loading the collation rules of a language takes longer than compiling a policy. */
function byNumbers(a: string, b: string): number {
  const x = a.split(/(\d+)/);
  const y = b.split(/(\d+)/);
  for (let i = 0; i < Math.min(x.length, y.length); i++) {
    const difference = i % 2 === 1 ? Number(x[i]) - Number(y[i]) : x[i] < y[i] ? -1 : x[i] > y[i] ? 1 : 0;
    if (difference !== 0) return difference;
  }
  return x.length - y.length;
}

export class KernelBtfs {
  readonly #sources: ReadonlyMap<string, ProfileSource>;
  readonly #open = new Map<string, CompilerKernel>();

  constructor(sources: readonly ProfileSource[]) {
    this.#sources = new Map(sources.map((s) => [s.id, s]));
  }

  /** Oldest first. */
  ids(): readonly string[] {
    return [...this.#sources.keys()].sort(byNumbers);
  }

  /** @throws Error for an unknown id */
  source(id: string): ProfileSource {
    const source = this.#sources.get(id);
    if (!source) throw new Error(`unknown kernel profile ${id}; known: ${this.ids().join(', ')}`);
    return source;
  }

  /** @throws Error for an unknown id or damaged BTF, saying which and why */
  get(id: string): CompilerKernel {
    const hit = this.#open.get(id);
    if (hit) return hit;
    const source = this.source(id);
    let btf = source.cachedBtf?.() ?? null;
    if (btf === null) {
      const opened = parseBtf(source.btf());
      if (!opened.ok) throw new Error(`kernel profile ${id}: ${opened.error.message} (byte ${opened.error.offset})`);
      btf = opened.value;
    }
    const kernel = { id, btf };
    this.#open.set(id, kernel);
    return kernel;
  }
}
