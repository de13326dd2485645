/** From a policy file to its object: reading it, finding its headers, keeping what was learnt of these. */
import type { Diagnostic, SourceRange } from '../../base/index.ts';
import {
  createIncludeResolver,
  createFrontEndCache,
  writeHeaderTables,
  type FrontEndCache,
  type FrontEndInput,
  type HeaderSource,
  type HeaderTables,
  type TranslationUnit,
} from '../c/index.ts';
import { compileC, CompileSession } from '../codegen/index.ts';
import { Cancelled } from './cancelled.ts';
import { KernelBtfs, type CompilerKernel, type ProfileSource } from './kernel-btf.ts';
import type { BuildReport, FileProvider } from './types.ts';

const ELF_MAGIC = [0x7f, 0x45, 0x4c, 0x46];
const isElf = (bytes: Uint8Array): boolean => ELF_MAGIC.every((b, i) => bytes[i] === b);

export const wholeFile = (file: string): SourceRange => ({ file, line: 1, column: 1, endLine: 1, endColumn: 1 });

/** What a compiler is told beside the file: clang's -I and -D. */
export interface CompileSettings {
  /** Folders searched for headers before the bundle, in order. */
  readonly includeDirs: readonly string[];
  /** Macros: name to replacement text. */
  readonly defines: Readonly<Record<string, string>>;
}

export interface PolicyCompilerOptions {
  readonly files: FileProvider;
  /** Bundled headers by the name in #include. */
  readonly headers: HeaderSource;
  /** Of bundled headers: saves reading them once more. */
  readonly headerTables?: HeaderTables;
  /** For every policy, before what its workspace says. */
  readonly settings?: CompileSettings;
  /** What a policy's workspace says. */
  readonly workspaceSettings?: (file: string) => CompileSettings;
  /** Asked now and then with 0: is what is compiled not wanted any more? Then `Cancelled` is thrown. */
  readonly cancelled?: (insnsProcessed: number) => boolean;
}

export interface Built {
  readonly diagnostics: readonly Diagnostic[];
  readonly bytes: Uint8Array | null;
  /** Null when the file is an object, or missing. */
  readonly unit: TranslationUnit | null;
}

/** Files, by kernel, of which earlier texts are remembered. */
const MAX_SESSIONS = 6;

export class PolicyCompiler {
  readonly #o: PolicyCompilerOptions;
  /** The latest last. */
  readonly #sessions = new Map<string, CompileSession>();
  readonly #cache: FrontEndCache;
  /** Text by the bytes it came as: a header that nobody touched is the same array again, and often large. */
  readonly #texts = new WeakMap<Uint8Array, string>();

  constructor(options: PolicyCompilerOptions) {
    this.#o = options;
    this.#cache = createFrontEndCache(options.headerTables);
  }

  /** Source text, null for objects and missing files. */
  text(file: string): string | null {
    const bytes = this.#o.files.read(file);
    return bytes === undefined || isElf(bytes) ? null : new TextDecoder().decode(bytes);
  }

  /** As `build`; an object with errors is none. */
  report(file: string, kernel: CompilerKernel): BuildReport {
    const { diagnostics, bytes } = this.build(file, kernel);
    return { diagnostics, object: diagnostics.some((d) => d.severity === 'error') ? null : bytes };
  }

  #session(key: string): CompileSession {
    const session = this.#sessions.get(key) ?? new CompileSession();
    this.#sessions.delete(key);
    this.#sessions.set(key, session);
    for (const old of this.#sessions.keys()) {
      if (this.#sessions.size <= MAX_SESSIONS) break;
      this.#sessions.delete(old);
    }
    return session;
  }

  #decode(bytes: Uint8Array): string {
    let text = this.#texts.get(bytes);
    if (text === undefined) {
      text = new TextDecoder().decode(bytes);
      this.#texts.set(bytes, text);
    }
    return text;
  }

  /**
   * Compiles C to an object; an ELF file is taken as it is.
   * @param otherKernels for explanations of what this kernel does not have
   */
  build(file: string, kernel: CompilerKernel, otherKernels?: FrontEndInput['target']['otherKernels']): Built {
    const bytes = this.#o.files.read(file);
    if (bytes === undefined) {
      const d: Diagnostic = {
        severity: 'error',
        code: 'file/missing',
        message: `no such file: ${file}`,
        range: wholeFile(file),
      };
      return { diagnostics: [d], bytes: null, unit: null };
    }
    // What ends in .o is an object even when its magic is damaged: the loader says what is wrong with it.
    if (isElf(bytes) || file.endsWith('.o')) return { diagnostics: [], bytes, unit: null };
    const session = this.#session(`file\n${kernel.id}\n${file}`);
    return this.#buildText(file, this.#decode(bytes), kernel, session, otherKernels);
  }

  /** The object of `text` as if it stood in the file; null when there are errors. */
  object(file: string, text: string, kernel: CompilerKernel): Uint8Array | null {
    // What was made of the file itself stays as it is.
    const { bytes, diagnostics } = this.#buildText(file, text, kernel, this.#session('trial'));
    return diagnostics.some((d) => d.severity === 'error') ? null : bytes;
  }

  /** Compiles `text` as if it stood in the file. Given up under way, the session is as good as before. */
  #buildText(
    file: string,
    text: string,
    kernel: CompilerKernel,
    session: CompileSession,
    otherKernels?: FrontEndInput['target']['otherKernels'],
  ): Built {
    const own = this.#o.settings;
    const shared = this.#o.workspaceSettings?.(file);
    const includes = createIncludeResolver({
      bundled: this.#o.headers,
      includeDirs: [...(own?.includeDirs ?? []), ...(shared?.includeDirs ?? [])],
      read: (path) => {
        const found = this.#o.files.read(path);
        return found === undefined ? undefined : this.#decode(found);
      },
    });
    const out = compileC(
      {
        file,
        text,
        includes,
        profileBtf: kernel.btf,
        target: { kernelVersion: kernel.id, defines: { ...shared?.defines, ...own?.defines }, otherKernels },
        cache: this.#cache,
      },
      {
        pulse: () => {
          if (this.#o.cancelled?.(0)) throw new Cancelled();
        },
      },
      session,
    );
    return { diagnostics: out.diagnostics, bytes: out.object, unit: out.unit };
  }
}

/** Makes the bytes that `HeaderTables.open` opens: what reading the bundled headers gives. */
export const makeHeaderTables = (headers: HeaderSource): Uint8Array =>
  writeHeaderTables(
    Array.from(headers.keys(), (name) => headers.get(name)).filter((text): text is string => text !== undefined),
  );

/** The engine without what comes after the compiler: starts in a fraction of the time. */
export interface Compiler {
  kernels(): readonly string[];
  build(file: string, kernel: string): BuildReport;
}

export function createCompiler(
  options: PolicyCompilerOptions & { readonly profiles: readonly ProfileSource[] },
): Compiler {
  const kernels = new KernelBtfs(options.profiles);
  const compiler = new PolicyCompiler(options);
  return {
    kernels: () => kernels.ids(),
    build: (file, kernel) => compiler.report(file, kernels.get(kernel)),
  };
}
