/** From a file's text to a checked translation unit. */
import type { Diagnostic } from '../../base/index.ts';
import type { Btf } from '../bpf/index.ts';
import type { TranslationUnit } from './ast.ts';
import { checkUnit } from './checks.ts';
import { Context } from './context.ts';
import { Diagnostics, FatalError } from './diagnostics.ts';
import type { HeaderTables } from './header-tables.ts';
import type { IncludeResolver } from './includes.ts';
import { KernelTypes } from './kernel-types.ts';
import { parseTranslationUnit } from './parse-decl.ts';
import { Parser } from './parser.ts';
import type { FrontEndSession, UnitParts } from './incremental/session.ts';
import { declareStandard } from './predefined.ts';
import { Preprocessor } from './preprocessor.ts';
import { Sources, TokenCache } from './sources.ts';

export interface FrontEndInput {
  readonly file: string;
  readonly text: string;
  readonly includes: IncludeResolver;
  /** Types behind the virtual vmlinux.h; null = no such header. */
  readonly profileBtf: Btf | null;
  readonly target: {
    /** e.g. `6.12`; for messages. */
    readonly kernelVersion: string;
    /** Extra macros: name to replacement text. */
    readonly defines?: Readonly<Record<string, string>>;
    /** Asked when a member or type is missing: which other kernels have it. */
    readonly otherKernels?: () => readonly { readonly kernel: string; readonly btf: Btf }[];
  };
  /** Tokens of headers, kept between calls: make one with `createFrontEndCache` and pass it every time. */
  readonly cache?: FrontEndCache;
}

export interface FrontEndResult {
  /** Complete only when no diagnostic is an error. */
  readonly unit: TranslationUnit;
  readonly diagnostics: readonly Diagnostic[];
}

/** Opaque. */
export interface FrontEndCache {
  readonly tokens: TokenCache;
}

/** @param tables of headers that were read before; those of another version are as good as none */
export const createFrontEndCache = (tables?: HeaderTables): FrontEndCache => ({ tokens: new TokenCache(tables) });

/**
 * Parses and checks one C file. Never throws for bad input; at most `MAX_DIAGNOSTICS` findings.
 * @param session what is known of earlier texts of the file; the units it makes are good until the next one
 */
export function compileFrontEnd(input: FrontEndInput, session?: FrontEndSession): FrontEndResult {
  const { tokens } = input.cache ?? createFrontEndCache();
  const junk = notText(input.text);
  const parts = (junk === null ? session?.compile(input, tokens) : null) ?? compileOnce(input, tokens, junk);
  const { cx } = parts;
  return {
    unit: {
      file: input.file,
      sources: parts.sources,
      functions: cx.functions.filter((f) => f.body !== null || f.referenced),
      variables: cx.variables.filter(
        (v) =>
          v.referenced ||
          v.storage === 'global' ||
          v.attributes.used ||
          (v.attributes.section !== null && v.storage !== 'extern'),
      ),
      types: cx.types,
      files: parts.files,
    },
    diagnostics: cx.diagnostics.list,
  };
}

function compileOnce(input: FrontEndInput, tokens: TokenCache, junk: string | null): UnitParts {
  const sources = new Sources();
  const diagnostics = new Diagnostics(sources);
  const cx = new Context(diagnostics);
  const kernel = input.profileBtf === null ? null : new KernelTypes(input.profileBtf);
  const pp = new Preprocessor({
    sources,
    cache: tokens,
    diagnostics,
    includes: input.includes,
    hasVirtualVmlinux: kernel !== null,
    onVirtualVmlinux: (renamed) => {
      cx.kernel = kernel?.renamed(renamed) ?? null;
    },
  });
  cx.target = input.target;
  cx.missingInclude = () => pp.missingInclude;
  try {
    pp.enter(input.file, junk === null ? input.text : '', 0, false);
    if (junk !== null) diagnostics.error('c/not-text', junk, 1);
    else {
      declareStandard(pp, cx, input);
      parseTranslationUnit(new Parser(pp, cx));
      checkUnit(cx, input.file);
    }
  } catch (e) {
    if (!(e instanceof FatalError)) throw e;
  }
  return { cx, sources, files: [input.file, ...pp.files] };
}

/** Why the text cannot be C at all, or null. */
function notText(text: string): string | null {
  const nul = text.indexOf('\0');
  if (nul >= 0) return 'this is a binary file, not C source (it has NUL bytes)';
  let strange = 0;
  const n = Math.min(text.length, 4096);
  for (let i = 0; i < n; i++) {
    const c = text.charCodeAt(i);
    if (c === 0xfffd || (c < 32 && c !== 9 && c !== 10 && c !== 13 && c !== 12 && c !== 11)) strange++;
  }
  return strange > 16 && strange > n / 20 ? 'this is a binary file, not C source' : null;
}
