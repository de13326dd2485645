/** C text → object without any file: the front end has no headers here. */
import { createIncludeResolver } from '../../../src/engine/c/index.ts';
import { compileC, type CompileResult } from '../../../src/engine/codegen/index.ts';
import { type Func, printFunc } from '../../../src/engine/codegen/ir.ts';
import { verifyFunction } from '../../../src/engine/codegen/ir-verify.ts';
import { decodeInsns, parseElf, type InsnArray } from '../../../src/engine/bpf/index.ts';
import { runRaw } from '../../../src/engine/vm/index.ts';

export const PRELUDE = `
typedef unsigned char u8; typedef unsigned short u16; typedef unsigned int u32; typedef unsigned long long u64;
typedef signed char s8; typedef short s16; typedef int s32; typedef long long s64;
#define SEC(n) __attribute__((section(n), used))
#define CORE __attribute__((preserve_access_index))
#define __uint(n, v) int (*n)[v]
#define __type(n, t) typeof(t) *n
static void *(*bpf_map_lookup_elem)(void *map, const void *key) = (void *)1;
static u64 (*bpf_ktime_get_ns)(void) = (void *)5;
static long (*bpf_probe_read_kernel)(void *dst, u32 size, const void *src) = (void *)113;
static long (*bpf_loop)(u32 n, void *cb, void *ctx, u64 flags) = (void *)181;
`;

export interface Compiled extends CompileResult {
  /** IR after optimisation, by function. */
  readonly ir: ReadonlyMap<string, string>;
  readonly funcs: ReadonlyMap<string, Func>;
  /** What the structural checker said; must be empty. */
  readonly broken: readonly string[];
}

export function compile(text: string): Compiled {
  const ir = new Map<string, string>();
  const funcs = new Map<string, Func>();
  const broken: string[] = [];
  const result = compileC(
    {
      file: 'unit.bpf.c',
      text: PRELUDE + text,
      includes: createIncludeResolver({ bundled: new Map() }),
      profileBtf: null,
      target: { kernelVersion: '6.12' },
    },
    {
      onFunction: (f) => {
        broken.push(...verifyFunction(f));
        ir.set(f.name, printFunc(f));
        funcs.set(f.name, f);
      },
    },
  );
  return { ...result, ir, funcs, broken };
}

/** Compiles or fails with the diagnostics. */
export function object(text: string): Compiled & { readonly object: Uint8Array } {
  const r = compile(text);
  if (r.object === null) throw new Error(r.diagnostics.map((d) => d.message).join('\n'));
  if (r.broken.length > 0) throw new Error(r.broken.join('\n'));
  return r as Compiled & { readonly object: Uint8Array };
}

/** Instructions of a section. */
export function code(bytes: Uint8Array, section: string): InsnArray {
  const elf = parseElf(bytes);
  if (!elf.ok) throw new Error(elf.error.message);
  const s = elf.value.sections.find((x) => x.name === section);
  if (s === undefined) throw new Error(`no section ${section}`);
  return decodeInsns(s.data);
}

type Run = (words: readonly bigint[]) => { r0: bigint; words: bigint[] };

/** Runs a function without maps over a memory of u64 words; r0 as signed 64 bit and the memory afterwards. */
export const execute = (text: string, words: readonly bigint[]): ReturnType<Run> => runner(text)(words);

/** The same, compiled once. */
export function runner(text: string): Run {
  const insns = code(object(text).object, 'test');
  return (words) => runInsns(insns, words);
}

function runInsns(insns: InsnArray, words: readonly bigint[]): ReturnType<Run> {
  const memory = new Uint8Array(words.length * 8);
  const view = new DataView(memory.buffer);
  words.forEach((w, i) => view.setBigUint64(i * 8, BigInt.asUintN(64, w), true));
  const run = runRaw(insns, memory);
  if (run.fault !== null) throw new Error(run.fault.message);
  return { r0: BigInt.asIntN(64, run.r0), words: words.map((_, i) => view.getBigInt64(i * 8, true)) };
}

export const errors = (text: string): string[] =>
  compile(text)
    .diagnostics.filter((d) => d.severity === 'error')
    .map((d) => d.code);
