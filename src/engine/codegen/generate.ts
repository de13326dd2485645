/** From a checked unit to an object: which functions are emitted, in what order they are compiled, and the limits. */
import { AssertionError, type Diagnostic } from '../../base/index.ts';
import {
  compileFrontEnd,
  hasErrors,
  type FrontEndInput,
  FrontEndSession,
  type FunctionDecl,
  type Loc,
  type TranslationUnit,
  type VarDecl,
} from '../c/index.ts';
import { CodeCache, isOfFile, KeptCode, type Entry, type FunctionStats } from './code-cache.ts';
import type { Func } from './ir.ts';
import { UnitContext } from './lower/context.ts';
import { type NakedFunction, nakedFunction, nakedIr } from './naked.ts';
import { lowerFunction } from './lower/function.ts';
import { emitFunction, type FunctionCode } from './machine/emit.ts';
import { shareAddresses } from './machine/share-addresses.ts';
import { hoistEdgeConstants } from './machine/edge-constants.ts';
import { layoutFrame } from './machine/frame.ts';
import { removeDeadMachine } from './machine/liveness.ts';
import { allocateRegisters } from './machine/regalloc.ts';
import { selectFunction } from './machine/select.ts';
import { dropIdleSpills } from './machine/spill-code.ts';
import { shareSpillSlots } from './machine/spill-slots.ts';
import { hoistCommon, mergeSameBlocks, testAtFoot, threadJumps } from './machine/tidy.ts';
import { isolateCounters } from './opt/isolate-counters.ts';
import { acquiresForCallback, inlineCalls, isConstantFor, isSmallFor, shouldInline } from './opt/inline.ts';
import { refuseBlocks } from './opt/expand-blocks.ts';
import { hasIndirectCalls, refuseForbiddenCalls, refuseIndirectCalls, resolveCalls } from './opt/indirect.ts';
import { denyConstants } from './opt/constants.ts';
import { hoistAddresses } from './opt/widening.ts';
import { type Passed, passedBy, passedInUnit, takeConstants } from './opt/passed-constants.ts';
import { optimise, prepare } from './opt/pipeline.ts';
import { shareSlots } from './opt/share-slots.ts';
import { useReturns } from './opt/returns.ts';
import { foldBitChoices } from './opt/bit-choices.ts';
import { splitAccesses } from './opt/split-accesses.ts';
import { sinkChoices } from './opt/sink-choices.ts';
import { sinkLoads } from './opt/sink-loads.ts';
import { sinkAddresses } from './opt/sink.ts';
import { writeObject } from './object/write.ts';

export interface CodegenOptions {
  /** Called with each function's IR after optimisation: for tests and tools. */
  readonly onFunction?: (f: Func) => void;
  /** Called now and then while code is made; what it throws gives the work up. */
  readonly pulse?: () => void;
}

export interface GenerateResult {
  /** Null when there are errors. */
  readonly object: Uint8Array | null;
  readonly diagnostics: readonly Diagnostic[];
  readonly functions: readonly FunctionStats[];
}

export type CompileInput = FrontEndInput;

export interface CompileResult extends GenerateResult {
  readonly unit: TranslationUnit;
}

/** A file that is compiled again and again. */
export class CompileSession {
  readonly front: FrontEndSession;
  readonly code = new CodeCache();

  /** @param maxBytes of what is remembered, about */
  constructor(maxBytes?: number) {
    this.front = new FrontEndSession(maxBytes);
  }
}

/**
 * C text → object: front end and code generation. Diagnostics of both, sorted as they were found.
 * @param session what is known of earlier texts of the file; the unit is good until the next one
 */
export function compileC(input: CompileInput, opts: CodegenOptions = {}, session?: CompileSession): CompileResult {
  const front = compileFrontEnd(input, session?.front);
  if (front.diagnostics.some((d) => d.severity === 'error')) {
    const more = lowerOnly(front.unit, session?.code);
    return { unit: front.unit, object: null, diagnostics: [...front.diagnostics, ...more], functions: [] };
  }
  const result = generateObject(front.unit, opts, session?.code);
  return {
    unit: front.unit,
    object: result.object,
    functions: result.functions,
    diagnostics: [...front.diagnostics, ...result.diagnostics],
  };
}

const tooManyParameters = (cx: UnitContext, d: FunctionDecl): void =>
  cx.error(
    { loc: d.nameLoc, end: d.nameLoc },
    'codegen/too-many-arguments',
    `'${d.name}' has more than 5 parameters`,
    'Make it static __always_inline, or pass a pointer to a struct.',
  );

/**
 * What lowering has to say about the functions without errors of a unit that has some. `cache`: functions that are known
 * to have nothing to say, and nothing that depends on others, are passed over.
 */
function lowerOnly(unit: TranslationUnit, cache?: CodeCache): readonly Diagnostic[] {
  const cx = new UnitContext(unit);
  const lowered = new Map<FunctionDecl, Func | null>();
  for (const d of unit.functions) {
    if (d.body === null || d.broken) continue;
    const known = cache?.lowered(d);
    if (known?.plain === true && !known.blocks) {
      if (isOfFile(unit, d)) lowered.set(d, null);
      continue;
    }
    if (hasErrors(d.body) || !isOfFile(unit, d)) continue;
    guarded(() => {
      const f = lowerFunction(cx, d);
      lowered.set(d, f);
      if (!hasIndirectCalls(f)) return;
      optimise(f, cx);
      refuseIndirectCalls(f, cx, false);
    });
  }
  const all = [...lowered].flatMap(([d, f]) => (f === null ? [] : [[d, f] as const]));
  // What is inlined where matters then.
  if (all.length < lowered.size && all.some(([, f]) => hasBlocks(f))) return lowerOnly(unit);
  guarded(() => withoutObject(cx, [...lowered.keys()], new Map(all)));
  return cx.diagnostics;
}

/** Types with errors can break what lowering may rely on otherwise; those errors were reported. */
function guarded(work: () => void): void {
  try {
    work();
  } catch (e) {
    if (!(e instanceof AssertionError)) throw e;
  }
}

/** What is otherwise found on the way to an object, which there will not be. */
function withoutObject(
  cx: UnitContext,
  functions: readonly FunctionDecl[],
  lowered: ReadonlyMap<FunctionDecl, Func>,
): void {
  for (const d of functions)
    if (d.linkage === 'global' && d.params.length > 5 && !d.attributes.alwaysInline) tooManyParameters(cx, d);
  if ([...lowered.values()].some(hasBlocks)) refuseSizes(cx, lowered);
}

const hasBlocks = (f: Func): boolean => f.blocks.some((b) => b.insts.some((i) => i.op === 'block'));

/** Block operations whose size stays unknown in what would be emitted. */
function refuseSizes(cx: UnitContext, lowered: ReadonlyMap<FunctionDecl, Func>): void {
  const done = new Map<FunctionDecl, boolean>();
  /** Whether everything that a function calls is known here: what a broken one gives back may be a constant. */
  const whole = (d: FunctionDecl): boolean => {
    const known = done.get(d);
    if (known !== undefined) return known;
    done.set(d, false);
    const f = lowered.get(d);
    if (f === undefined) return false;
    const callees = [...calledBy(f)];
    const all = callees.map(whole).every((x) => x);
    inlineCalls(f, (callee) => {
      const g = done.get(callee) === true ? lowered.get(callee)! : null;
      return g !== null && shouldInline(g, 0) ? g : null;
    });
    optimise(f, cx);
    done.set(d, all);
    return all;
  };
  for (const [d, f] of lowered)
    if (whole(d) && (d.linkage === 'global' || d.attributes.section !== null)) refuseBlocks(f, cx);
}

/** Compiles a unit that has no errors. Never throws: a broken invariant of ours becomes a diagnostic. */
export function generateObject(unit: TranslationUnit, opts: CodegenOptions = {}, cache?: CodeCache): GenerateResult {
  const cx = new UnitContext(unit, opts.pulse);
  try {
    // Who wants to see the functions sees all of them.
    return generate(cx, opts, opts.onFunction === undefined ? cache : undefined);
  } catch (e) {
    if (!(e instanceof AssertionError)) throw e;
    const first = unit.functions[0] ?? { loc: 0, end: 0 };
    cx.error(
      first,
      'codegen/internal',
      `internal error of the compiler: ${e.message}`,
      'This is a defect of LSMith: please report it with the file.',
    );
    return { object: null, diagnostics: cx.diagnostics, functions: [] };
  }
}

function generate(cx: UnitContext, opts: CodegenOptions, cache?: CodeCache): GenerateResult {
  const { unit } = cx;
  const compiled = new Map<FunctionDecl, Func>();
  const busy = new Set<FunctionDecl>();
  const { functions, lowered, naked, entries } = lowerReachable(cx, cache);
  if (cx.diagnostics.some((d) => d.severity === 'error')) {
    if (lowered.size < functions.length) return generate(new UnitContext(unit, opts.pulse), opts);
    withoutObject(cx, functions, lowered);
    return { object: null, diagnostics: cx.diagnostics, functions: [] };
  }

  const calls = new Map<FunctionDecl, number>();
  for (const f of functions)
    for (const d of entries.get(f)?.calls ?? calledBy(lowered.get(f)!)) calls.set(d, (calls.get(d) ?? 0) + 1);
  const definition = (d: FunctionDecl): Func | undefined => {
    let f = lowered.get(d);
    if (f === undefined && entries.has(d)) {
      f = lowerFunction(cx, d);
      lowered.set(d, f);
    }
    return f;
  };
  /** A function with calls, simplified with nothing inlined: only then is it known what they pass. */
  const prepared = new Set<Func>();
  const prepareCaller = (f: Func): void => {
    if (!prepared.has(f)) prepare(f, cx);
    prepared.add(f);
  };
  const passes = (d: FunctionDecl): Passed => {
    const entry = entries.get(d);
    const known = entry?.passes ?? null;
    if (known !== null) return known;
    const f = definition(d)!;
    if ((entry?.calls ?? calledBy(f)).size > 0) prepareCaller(f);
    const found = passedBy(f);
    if (entry?.plain === true) entry.passes = found;
    return found;
  };
  const passed = passedInUnit(
    functions.map(passes),
    unit.variables,
    [...naked.values()].flatMap((n) => [...n.names]),
  );
  const kept = new KeptCode(entries, calls, passed);

  /** Callees first, so that what is inlined is already small. What it gives may be kept: it is not to be changed. */
  const compile = (d: FunctionDecl, site: { loc: Loc; end: Loc }): Func => {
    const done = compiled.get(d);
    if (done !== undefined) return done;
    const same = kept.finished(d)?.ir ?? null;
    if (same !== null) {
      compiled.set(d, same);
      return same;
    }
    const entry = entries.get(d);
    const simplified = entry?.simplified?.copy() ?? null;
    const f = simplified ?? definition(d)!;
    if (busy.has(d)) {
      cx.error(
        site,
        'codegen/recursion',
        `'${d.name}' calls itself`,
        'BPF programs have no recursion: write a bounded loop instead.',
      );
      return f;
    }
    busy.add(d);
    const callees = entry?.calls ?? calledBy(f);
    for (const callee of callees) compile(callee, { loc: d.nameLoc, end: d.nameLoc });
    if (cx.diagnostics.length === 0) {
      if (simplified === null && callees.size > 0) {
        prepareCaller(f);
        if (entry?.plain === true) entry.simplified = f.copy();
      }
      takeConstants(f, passed.get(d));
      do {
        for (const callee of calledBy(f)) compile(callee, { loc: d.nameLoc, end: d.nameLoc });
        inlineCalls(f, (callee, call) => {
          const g = compiled.get(callee);
          if (g === undefined) return null;
          const wanted =
            shouldInline(g, calls.get(callee) ?? 0) ||
            isSmallFor(g, call) ||
            isConstantFor(g, call) ||
            acquiresForCallback(g, d);
          return wanted ? g : null;
        });
        useReturns(f, (callee) => compiled.get(callee));
        optimise(f, cx);
      } while (cx.diagnostics.length === 0 && resolveCalls(f, definition));
      // What is inlined elsewhere may learn more there.
      if (!calls.has(d) && denyConstants(f)) optimise(f, cx);
      opts.onFunction?.(f);
    }
    busy.delete(d);
    compiled.set(d, f);
    return f;
  };
  const names = new Map<FunctionDecl, ReadonlySet<FunctionDecl>>();
  for (const d of functions) {
    const done = kept.finished(d) ?? naked.get(d);
    names.set(d, done?.names ?? referencedBy(compile(d, { loc: d.nameLoc, end: d.nameLoc })));
  }
  if (cx.diagnostics.length > 0) return { object: null, diagnostics: cx.diagnostics, functions: [] };

  // Emitted: programs and global functions, and the static ones that these still call or hand to the kernel.
  const seen = new Set<FunctionDecl>();
  const want = (d: FunctionDecl): void => {
    if (seen.has(d) || !names.has(d)) return;
    seen.add(d);
    for (const r of names.get(d)!) want(r);
  };
  for (const d of functions) if (d.linkage === 'global' || d.attributes.section !== null || d.attributes.used) want(d);
  for (const v of unit.variables)
    for (const r of v.image?.relocs ?? []) if (r.target.kind === 'function') want(r.target);

  // What is emitted is changed by that, and must not be inlined any more.
  for (const d of functions)
    if (seen.has(d) && (kept.finished(d)?.code ?? null) === null) compile(d, { loc: d.nameLoc, end: d.nameLoc });
  if (cx.diagnostics.length > 0) return { object: null, diagnostics: cx.diagnostics, functions: [] };
  const codes: FunctionCode[] = [];
  const stats: FunctionStats[] = [];
  for (const d of unit.functions) {
    if (!seen.has(d)) continue;
    const done = kept.finished(d);
    if (done !== null && done.code !== null && done.stats !== null) {
      codes.push(done.code);
      stats.push(done.stats);
      continue;
    }
    const raw = naked.get(d);
    if (raw !== undefined) {
      codes.push(raw.code);
      stats.push({ name: d.name, section: d.attributes.section ?? '.text', insns: raw.code.count, stack: 0 });
      continue;
    }
    // What others may have inlined stays as it is: emission changes it.
    const f = calls.has(d) ? compiled.get(d)!.copy() : compiled.get(d)!;
    if (denyConstants(f)) optimise(f, cx);
    if (f.params.length > 5) {
      tooManyParameters(cx, d);
      continue;
    }
    refuseBlocks(f, cx);
    refuseForbiddenCalls(f, cx);
    refuseIndirectCalls(f, cx, true);
    if (cx.diagnostics.length > 0) continue;
    cx.pulse();
    if (foldBitChoices(f)) optimise(f, cx);
    splitAccesses(f);
    isolateCounters(f);
    sinkChoices(f);
    sinkLoads(f);
    shareSlots(f);
    sinkAddresses(f);
    hoistAddresses(f);
    const m = selectFunction(f);
    removeDeadMachine(m);
    hoistEdgeConstants(m);
    shareAddresses(m);
    cx.pulse();
    allocateRegisters(m);
    shareSpillSlots(m);
    dropIdleSpills(m);
    hoistCommon(m);
    threadJumps(m);
    mergeSameBlocks(m);
    threadJumps(m);
    testAtFoot(m);
    const frame = layoutFrame(m);
    if (frame.tooLarge) {
      const names = frame.biggest
        .slice(0, 4)
        .map((s) => `'${s.name}' (${s.size} bytes)`)
        .join(', ');
      cx.error(
        { loc: d.nameLoc, end: d.nameLoc },
        'codegen/stack-too-large',
        `'${d.name}' needs ${frame.size} bytes of stack, BPF has 512; the biggest: ${names}`,
        'Move big buffers into a per-CPU array map (one entry) and look it up, or reserve them in a ring buffer.',
      );
      continue;
    }
    const code = emitFunction(m, d);
    if (code.tooFar) {
      cx.error(
        { loc: d.nameLoc, end: d.nameLoc },
        'codegen/branch-too-far',
        `'${d.name}' is too large: a jump does not reach its target`,
        'Split the function, or unroll less.',
      );
      continue;
    }
    codes.push(code);
    stats.push({ name: d.name, section: d.attributes.section ?? '.text', insns: code.count, stack: frame.size });
  }
  // Without an object there is nothing to say of its functions, whichever of them were kept from before.
  if (cx.diagnostics.length > 0) return { object: null, diagnostics: cx.diagnostics, functions: [] };
  const made = new Map(codes.map((code, n) => [code.decl, { code, stats: stats[n] }]));
  for (const d of functions) {
    const done = kept.finished(d);
    const now = made.get(d);
    if (done === null || (done.code === null && now !== undefined))
      kept.keep(d, names.get(d)!, now?.code ?? null, now?.stats ?? null, calls.has(d) ? compiled.get(d)! : null);
  }
  const variables = unit.variables.filter((v) => v.storage !== 'extern' && v.storage !== 'auto' && emitAlways(v));
  const object = writeObject(unit, codes, variables);
  return { object, diagnostics: cx.diagnostics, functions: stats };
}

/**
 * The functions of the file, and of its headers those that something leads to: what a header has for others is no
 * concern of this policy, with all that may be wrong with it. In the order of the unit.
 */
function lowerReachable(
  cx: UnitContext,
  cache: CodeCache | undefined,
): {
  readonly functions: readonly FunctionDecl[];
  /** Those of which nothing was known. */
  readonly lowered: Map<FunctionDecl, Func>;
  readonly naked: ReadonlyMap<FunctionDecl, NakedFunction>;
  readonly entries: ReadonlyMap<FunctionDecl, Entry>;
} {
  const { unit } = cx;
  const done = new Set<FunctionDecl>();
  const lowered = new Map<FunctionDecl, Func>();
  const naked = new Map<FunctionDecl, NakedFunction>();
  const entries = new Map<FunctionDecl, Entry>();
  const work = unit.functions.filter(
    (d) => d.linkage === 'global' || d.attributes.section !== null || d.attributes.used || isOfFile(unit, d),
  );
  for (const v of unit.variables)
    for (const r of v.image?.relocs ?? []) if (r.target.kind === 'function') work.push(r.target);
  while (work.length > 0) {
    const d = work.pop()!;
    if (d.body === null || done.has(d)) continue;
    done.add(d);
    if (d.attributes.naked) {
      lowered.set(d, nakedIr(d));
      const made = nakedFunction(cx, d);
      if (made === null) continue;
      naked.set(d, made);
      work.push(...made.names);
      continue;
    }
    let entry = cache?.lowered(d);
    if (entry === undefined) {
      const before = cx.diagnostics.length;
      cx.askedUnit = false;
      const f = lowerFunction(cx, d);
      lowered.set(d, f);
      const names = referencedBy(f);
      work.push(...names);
      if (cx.diagnostics.length > before) continue;
      const plain = !cx.askedUnit && !hasIndirectCalls(f);
      entry = cache?.keep(d, { calls: calledBy(f), names, plain, blocks: hasBlocks(f) });
    } else work.push(...entry.names);
    if (entry !== undefined) entries.set(d, entry);
  }
  return { functions: unit.functions.filter((d) => done.has(d)), lowered, naked, entries };
}

/** Maps, licences and other data in named sections, and everything visible from outside, exist even unused. */
const emitAlways = (v: VarDecl): boolean =>
  v.storage === 'global' || v.attributes.used || v.attributes.section !== null;

function calledBy(f: Func): Set<FunctionDecl> {
  const out = new Set<FunctionDecl>();
  for (const b of f.blocks)
    for (const i of b.insts) if (i.op === 'call' && i.callee?.kind === 'local') out.add(i.callee.decl);
  return out;
}

function referencedBy(f: Func): Set<FunctionDecl> {
  const out = calledBy(f);
  for (const b of f.blocks)
    for (const i of b.insts) if (i.op === 'global' && i.symbol?.kind === 'func') out.add(i.symbol.decl);
  return out;
}
