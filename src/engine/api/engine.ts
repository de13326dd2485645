/** The engine behind its public face. */
import type { Diagnostic } from '../../base/index.ts';
import { dirName, joinPath, type HeaderSource } from '../c/index.ts';
import { dumpObject } from '../loader/index.ts';
import { resolveStack, type AttachSemantics, type RunTrace } from '../lsm/index.ts';
import { ALL_SEMANTICS, enumerateOrders, exploreVariants } from '../orders/index.ts';
import {
  DEFAULT_WORKSPACE,
  parseScenario,
  parseWorkspace,
  runScenario,
  type RunObject,
  type Scenario,
} from '../scenario/index.ts';
import { workspaceSettings } from './workspace.ts';
import { workspaceOf } from './workspace-of.ts';
import { describeHelpers, describeType } from './describe.ts';
import { PolicyCompiler, type CompileSettings } from './compile.ts';
import type { ProfileSource } from './kernel-btf.ts';
import { FixFinder, toEnd, withRefusalFixes } from './fixes.ts';
import { explored, insnLines, lineVisits } from './explored.ts';
import { programStates } from './program-states.ts';
import { PolicyChecker, type PolicyState } from './policy.ts';
import { refusalLine } from './refusals.ts';
import { ProfileStore, type ReadyProfile } from './profiles.ts';
import type { Engine, FileProvider, ProgramVerdict, RunRequest } from './types.ts';

export interface EngineOptions {
  readonly profiles: readonly ProfileSource[];
  /** Bundled headers by the name in #include. */
  readonly headers: HeaderSource;
  readonly files: FileProvider;
  /** -I and -D of the command line. */
  readonly settings?: CompileSettings;
  /**
   * Asked about every millisecond of verifying, with what is processed of the program so far, and with 0 now and then
   * while code is made: is the current question not wanted any more? Then `Cancelled` is thrown.
   */
  readonly cancelled?: (insnsProcessed: number) => boolean;
  /** Clock for the timings, ms. */
  readonly now?: () => number;
}

/** A scenario with everything that its run needs, ready to be run any number of times. */
interface Prepared {
  readonly diagnostics: readonly Diagnostic[];
  readonly run: ((cmdline: string, semantics: AttachSemantics) => RunTrace) | null;
  readonly kernel: ReadyProfile | null;
  readonly cmdline: string;
}

export function createEngine(options: EngineOptions): Engine {
  const store = new ProfileStore(options.profiles);
  const now = options.now ?? ((): number => performance.now());
  const compiler = new PolicyCompiler({ workspaceSettings: workspaceSettings(options.files), ...options });
  const checker = new PolicyChecker({
    compiler,
    profiles: () => store.readable(),
    now,
    cancelled: options.cancelled,
  });
  const finder = new FixFinder(compiler);
  const decoder = new TextDecoder();
  const readText = (file: string): string | undefined => {
    const bytes = options.files.read(file);
    return bytes === undefined ? undefined : decoder.decode(bytes);
  };
  const fileError = (file: string, code: string, message: string): Diagnostic => ({
    severity: 'error',
    code,
    message,
    range: { file, line: 1, column: 1, endLine: 1, endColumn: 1 },
  });

  function verdicts(file: string, state: PolicyState): ProgramVerdict[] {
    if (!state.object) return [];
    const text = compiler.text(file);
    return state.object.programs.map((p, i): ProgramVerdict => {
      const r = state.results[i];
      return {
        name: p.name,
        section: p.section,
        hook: p.attach.hook,
        accepted: r.accepted,
        message: r.message,
        line: r.accepted
          ? (p.lines[0]?.line ?? 0)
          : refusalLine({ file, text, unit: state.source?.unit ?? null }, p, r),
        insnsProcessed: r.insnsProcessed,
        insnCount: p.insns.count,
        explanation: r.explanation,
        log: r.log,
        lineVisits: lineVisits(insnLines(file, p), r.visits),
        states: explored(file, p, r),
      };
    });
  }

  function loadPolicies(scenario: Scenario, dir: string, kernel: ReadyProfile, diagnostics: Diagnostic[]): RunObject[] {
    const out: RunObject[] = [];
    for (const policy of scenario.policies) {
      const here = joinPath(dirName(scenario.file), policy);
      const path = options.files.read(here) !== undefined ? here : joinPath(dir, policy);
      const state = checker.check(path, kernel, 0);
      diagnostics.push(...state.diagnostics);
      if (!state.object) continue;
      const refused = new Map(state.results.filter((r) => !r.accepted).map((r) => [r.program, r.message]));
      out.push({ policy, object: state.object, refused });
    }
    return out;
  }

  function prepare(request: RunRequest): Prepared {
    const none = (diagnostics: readonly Diagnostic[]): Prepared => ({
      diagnostics,
      run: null,
      kernel: null,
      cmdline: '',
    });
    const text = readText(request.scenario);
    if (text === undefined)
      return none([fileError(request.scenario, 'file/missing', `no such file: ${request.scenario}`)]);
    const parsed = parseScenario(text, request.scenario);
    const diagnostics = [...parsed.diagnostics];
    if (!parsed.scenario) return none(diagnostics);
    const { scenario } = parsed;
    const ws = workspaceOf(options.files, request.scenario);
    const config = ws.text === undefined ? null : parseWorkspace(ws.text, joinPath(ws.dir, 'lsmith.yaml'));
    if (config) diagnostics.push(...config.diagnostics);
    const workspace = config?.workspace ?? DEFAULT_WORKSPACE;
    const id = request.kernel ?? scenario.kernel ?? workspace.kernel;
    if (!store.ids().includes(id)) {
      const d = fileError(
        request.scenario,
        'scenario/unknown-kernel',
        `unknown kernel ${id}; known: ${store.ids().join(', ')}`,
      );
      return none([...diagnostics, d]);
    }
    const kernel = store.get(id);
    const before = diagnostics.length;
    const objects = loadPolicies(scenario, ws.dir, kernel, diagnostics);
    // A policy the verifier refuses is not attached, and the run says so; one that cannot even be loaded ends here.
    if (objects.length < scenario.policies.length) return none(diagnostics);
    const presetProblems = new Set<string>();
    const run = (cmdline: string, semantics: AttachSemantics): RunTrace => {
      const { trace, problems } = runScenario({
        scenario,
        profile: kernel.profile,
        hooks: kernel.hooks,
        stack: resolveStack(kernel.profile, cmdline),
        semantics,
        cmdline,
        objects,
      });
      for (const p of problems) {
        if (presetProblems.has(p)) continue;
        presetProblems.add(p);
        diagnostics.splice(before, 0, fileError(request.scenario, 'scenario/preset', p));
      }
      return trace;
    };
    return { diagnostics, run, kernel, cmdline: request.cmdline ?? scenario.cmdline ?? workspace.cmdline };
  }

  return {
    kernels: () => store.ids(),
    profiles: () => store.ids().map((id) => store.summary(id)),
    check(file, kernel, opts) {
      const ready = store.get(kernel);
      const state = checker.check(file, ready, opts?.log === true ? 2 : 0, opts?.states === true);
      const diagnostics =
        opts?.fixes === true
          ? withRefusalFixes(state.diagnostics, toEnd(finder.find(file, ready, state, null)))
          : state.diagnostics;
      return { file, kernel, diagnostics, programs: verdicts(file, state), timings: state.timings };
    },
    fixes: (file, kernel, line) => {
      const ready = store.get(kernel);
      return finder.find(file, ready, checker.check(file, ready, 0), line);
    },
    states(file, kernel, program) {
      const ready = store.get(kernel);
      return programStates(file, checker.check(file, ready, 0), ready, program);
    },
    build: (file, kernel) => compiler.report(file, store.btfs.get(kernel)),
    dump(file, kernel) {
      const state = checker.check(file, store.get(kernel), 0);
      return {
        diagnostics: state.diagnostics,
        programs: state.object ? dumpObject(state.object, store.get(kernel).profile.btf) : [],
      };
    },
    hooks: (kernel) => store.get(kernel).hooks,
    helpers: (kernel) => describeHelpers(store.get(kernel)),
    typeDefinition: (name, kernel) => describeType(store.get(kernel), name),
    lsmOrder: (kernel, cmdline) => resolveStack(store.get(kernel).profile, cmdline),
    run(request) {
      const p = prepare(request);
      return { trace: p.run ? p.run(p.cmdline, request.semantics) : null, diagnostics: p.diagnostics };
    },
    orders(request) {
      const p = prepare(request);
      if (!p.run || !p.kernel) return { diagnostics: p.diagnostics, baseline: null, variants: [] };
      const baseline = p.run(p.cmdline, request.semantics);
      const cmdlines =
        request.cmdlines.length > 0 ? request.cmdlines : enumerateOrders(p.kernel.profile, baseline.stack);
      const semantics = request.allSemantics.length > 0 ? request.allSemantics : ALL_SEMANTICS;
      return { diagnostics: p.diagnostics, baseline, variants: exploreVariants(baseline, cmdlines, semantics, p.run) };
    },
    checkYaml(file) {
      const text = readText(file);
      if (text === undefined) return [fileError(file, 'file/missing', `no such file: ${file}`)];
      return file.endsWith('lsmith.yaml')
        ? parseWorkspace(text, file).diagnostics
        : parseScenario(text, file).diagnostics;
    },
  };
}
