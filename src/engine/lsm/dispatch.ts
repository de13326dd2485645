/**
 * `security_*()`: asks the modules of the stack in order, runs the attached bpf programs in their place under the
 * chosen attach semantics, and records who was called, who was not and because of whom.
 *
 * LSM list (what the kernel does): programs run where bpf stands in the order; the last attached runs first, a non-zero
 * return ends the chain; 0 stands for the hook's default (measured on 6.1 and 6.12, docs/kernel-notes.md).
 * fexit and "fexit if RC == 0" are the alternatives of the February 2020 debate, as proposed there: programs run behind
 * the whole chain whatever it decided (or only if it allowed), get its result as their last argument, and their return
 * replaces it. fmod_ret is as merged: programs run in front, a non-zero return skips the whole chain. Under these
 * three, the order of the LSMs does not matter to bpf, and neither does whether bpf is in it.
 */
import type { HookAnswer, HookRequest, HookSink, KernelProfile, ModuleSettings } from '../kernel/index.ts';
import { chainRule, type ChainRule } from './chain.ts';
import { modelOf, type DispatchHost, type TaskView } from './modules/index.ts';
import { callProgram, notCalled, type AttachedProgram } from './program-call.ts';
import type { AttachSemantics, HookCall, HookInfo, LsmStack, ModuleCall, ModuleName, ProgramCall } from './types.ts';

export interface DispatchOptions {
  readonly profile: KernelProfile;
  readonly hooks: readonly HookInfo[];
  readonly stack: LsmStack;
  readonly semantics: AttachSemantics;
  /** In attach order. */
  readonly programs: readonly AttachedProgram[];
  readonly settings: ModuleSettings;
  readonly host: DispatchHost;
}

/** The sink that kernel/ calls, plus the records since the last `take()`. */
export interface Dispatch extends HookSink {
  take(): readonly HookCall[];
}

const NOBODY: TaskView = {
  name: '',
  pid: 0,
  uid: 65534,
  caps: new Set(),
  permitted: new Set(),
  parent: null,
  apparmor: null,
  landlock: [],
};

/** Programs by the hook they take part in, and how. */
interface HookPrograms {
  readonly lsm: readonly AttachedProgram[];
  readonly fentry: readonly AttachedProgram[];
  readonly fmodRet: readonly AttachedProgram[];
  readonly fexit: readonly AttachedProgram[];
}

/** Newest first: a trampoline's list is pushed at its head, for every kind of program. */
function programsByHook(programs: readonly AttachedProgram[]): ReadonlyMap<string, HookPrograms> {
  const out = new Map<
    string,
    { lsm: AttachedProgram[]; fentry: AttachedProgram[]; fmodRet: AttachedProgram[]; fexit: AttachedProgram[] }
  >();
  for (const p of [...programs].reverse()) {
    const { attach } = p.program;
    const hook = attach.hook ?? (attach.func.startsWith('security_') ? attach.func.slice('security_'.length) : null);
    if (hook === null) continue;
    let at = out.get(hook);
    if (!at) out.set(hook, (at = { lsm: [], fentry: [], fmodRet: [], fexit: [] }));
    if (attach.progType === 'lsm') at.lsm.push(p);
    else if (attach.progType === 'fentry') at.fentry.push(p);
    else if (attach.progType === 'fmod_ret') at.fmodRet.push(p);
    else if (attach.progType === 'fexit') at.fexit.push(p);
  }
  return out;
}

const NONE: HookPrograms = { lsm: [], fentry: [], fmodRet: [], fexit: [] };

export function createDispatch(options: DispatchOptions): Dispatch {
  const byHook = programsByHook(options.programs);
  const infos = new Map(options.hooks.map((h) => [h.name, h]));
  let records: HookCall[] = [];
  let nextIndex = 0;

  return {
    take() {
      const out = records;
      records = [];
      return out;
    },
    call(request) {
      const index = nextIndex++;
      // The slot is taken before the modules run, so that a nested call (capable by a module) comes behind its cause.
      const slot = records.length;
      records.push(undefined as never);
      const info = infos.get(request.hook);
      const walk = new Walk(options, request, info, byHook.get(request.hook) ?? NONE);
      const { answer, call } = walk.run(index);
      records[slot] = call;
      return answer;
    },
  };
}

/** One walk over one hook's chain. */
class Walk {
  readonly #o: DispatchOptions;
  readonly #request: HookRequest;
  readonly #programs: HookPrograms;
  readonly #isVoid: boolean;
  readonly #rule: ChainRule;
  readonly #default: number;
  readonly #info: HookInfo | undefined;
  readonly #args: readonly bigint[];
  readonly #modules: ModuleCall[] = [];
  readonly #overrides: { from: number; to: number; by: string }[] = [];
  #result: number;
  #stoppedBy: string | null = null;
  #decidedBy: string | null = null;

  constructor(o: DispatchOptions, request: HookRequest, info: HookInfo | undefined, programs: HookPrograms) {
    this.#o = o;
    this.#request = request;
    this.#programs = programs;
    this.#info = info;
    this.#isVoid = info?.returns === 'void';
    this.#default = info?.defaultReturn ?? 0;
    this.#rule = chainRule(o.profile.version, request.hook, this.#default);
    this.#result = this.#rule.initial;
    this.#args = request.args.map((a) => a.value);
  }

  run(index: number): { readonly answer: HookAnswer; readonly call: HookCall } {
    const { semantics } = this.#o;
    const listed = this.#programs.lsm;
    const front = semantics === 'fmod_ret' ? [...listed, ...this.#programs.fmodRet] : this.#programs.fmodRet;
    this.#observe(this.#programs.fentry, 'fentry');
    const skipped = this.#runInFront(front);
    if (!skipped) this.#walkModules(semantics === 'lsm' ? listed : []);
    else this.#skipModules(skipped);
    if (semantics === 'fexit' || semantics === 'fexit-if-zero') this.#runBehind(listed, semantics);
    this.#observe(this.#programs.fexit, 'fexit');
    const ret = this.#isVoid ? null : this.#result;
    return {
      answer: { ret, decidedBy: this.#decidedBy },
      call: {
        index,
        hook: this.#request.hook,
        args: this.#request.args.map(({ name, text }) => ({ name, text })),
        modules: this.#modules,
        ret,
        decidedBy: this.#decidedBy,
        overrides: this.#overrides,
      },
    };
  }

  #walkModules(listed: readonly AttachedProgram[]): void {
    let bpfSeen = false;
    for (const { module, modelled } of this.#o.stack.entries) {
      if (module === 'bpf') {
        bpfSeen = true;
        this.#bpf(listed);
      } else this.#module(module, modelled);
    }
    if (!bpfSeen && listed.length > 0) {
      const because = 'bpf is not in the LSM order: programs load and attach, and never run';
      this.#modules.push({
        module: 'bpf',
        state: 'skipped',
        because,
        ret: null,
        reason: null,
        programs: listed.map((p) => notCalled(p, because)),
      });
    }
  }

  #module(module: ModuleName, modelled: boolean): void {
    const base = { module, ret: null, reason: null, because: null, programs: [] };
    if (this.#info && !this.#info.modules.includes(module)) {
      this.#modules.push({ ...base, state: 'no-hook' });
      return;
    }
    if (this.#stoppedBy !== null) {
      this.#modules.push({ ...base, state: 'skipped', because: this.#stoppedBy });
      return;
    }
    const model = modelled ? modelOf(module, this.#request.hook) : undefined;
    if (!model) {
      // A module that has the hook and no policy loaded allows; where our model lacks the hook, the trace says so.
      this.#modules.push({ ...base, state: 'not-modelled' });
      return;
    }
    const answer = model({
      request: this.#request,
      task: this.#o.host.task(this.#request.task) ?? { ...NOBODY, name: this.#request.task },
      settings: this.#o.settings,
      host: this.#o.host,
      version: this.#o.profile.version,
      enumerator: (name) => {
        const found = this.#o.profile.btf.findEnumerator(name);
        return found === undefined ? undefined : Number(found.value);
      },
    });
    this.#modules.push({ ...base, state: 'called', ret: this.#isVoid ? null : answer.ret, reason: answer.reason });
    // A model's 0 means "no objection"; the module itself returns the hook's default then.
    this.#take(answer.ret === 0 ? this.#default : answer.ret, module);
  }

  /** bpf in its place of the list. */
  #bpf(programs: readonly AttachedProgram[]): void {
    if (this.#stoppedBy !== null) {
      const because = this.#stoppedBy;
      this.#modules.push({
        module: 'bpf',
        state: 'skipped',
        because,
        ret: null,
        reason: null,
        programs: programs.map((p) => notCalled(p, because)),
      });
      return;
    }
    const { calls, ret, by } = this.#runTrampoline(programs);
    // Without programs, or when all returned 0, bpf_lsm_<hook>() itself runs and returns the hook's default.
    const value = ret === 0 ? this.#default : ret;
    this.#modules.push({
      module: 'bpf',
      state: 'called',
      because: null,
      ret: this.#isVoid ? null : value,
      reason: null,
      programs: calls,
    });
    this.#take(value, by ?? 'bpf');
  }

  /** Programs of one trampoline, newest first; for int hooks a non-zero return skips the rest. */
  #runTrampoline(programs: readonly AttachedProgram[]): { calls: ProgramCall[]; ret: number; by: string | null } {
    const calls: ProgramCall[] = [];
    let ret = 0;
    let by: string | null = null;
    for (const p of programs) {
      if (by !== null) {
        calls.push(notCalled(p, by));
        continue;
      }
      const call = callProgram(p, this.#args, 0);
      calls.push(call);
      if (!this.#isVoid && call.ret !== null && call.ret !== 0) {
        ret = call.ret;
        by = `bpf:${p.program.name}`;
      }
    }
    return { calls, ret, by };
  }

  /** One module's return meets the chain rule. */
  #take(ret: number, by: string): void {
    if (this.#isVoid) return;
    if (this.#rule.stops(ret)) {
      this.#result = ret;
      this.#stoppedBy = by;
      this.#decidedBy = by;
    } else this.#result = this.#rule.next(this.#result, ret);
  }

  /** fmod_ret: returns who skipped the function, or null. */
  #runInFront(programs: readonly AttachedProgram[]): string | null {
    if (programs.length === 0) return null;
    const { calls, ret, by } = this.#runTrampoline(programs);
    this.#modules.push({
      module: 'bpf',
      state: 'called',
      because: null,
      ret,
      reason: 'fmod_ret: in front of the chain',
      programs: calls,
    });
    if (by === null || this.#isVoid) return null;
    this.#result = ret;
    this.#decidedBy = by;
    return by;
  }

  #skipModules(by: string): void {
    for (const { module } of this.#o.stack.entries) {
      if (module === 'bpf') continue;
      const has = !this.#info || this.#info.modules.includes(module);
      this.#modules.push({
        module,
        state: has ? 'skipped' : 'no-hook',
        because: has ? by : null,
        ret: null,
        reason: null,
        programs: [],
      });
    }
  }

  /** The debate's fexit: behind the chain, may replace its result. */
  #runBehind(programs: readonly AttachedProgram[], semantics: 'fexit' | 'fexit-if-zero'): void {
    if (programs.length === 0) return;
    const calls: ProgramCall[] = [];
    for (const p of programs) {
      if (semantics === 'fexit-if-zero' && !this.#isVoid && this.#result !== 0) {
        calls.push(notCalled(p, `${this.#decidedBy ?? 'the chain'} returned ${this.#result}`));
        continue;
      }
      const call = callProgram(p, this.#args, this.#isVoid ? 0 : this.#result);
      calls.push(call);
      if (this.#isVoid || call.ret === null || call.ret === this.#result) continue;
      const by = `bpf:${p.program.name}`;
      if (this.#result !== this.#default || this.#decidedBy !== null) {
        this.#overrides.push({ from: this.#result, to: call.ret, by });
      }
      this.#result = call.ret;
      this.#decidedBy = by;
    }
    const ran = calls.some((c) => c.state === 'called');
    this.#modules.push({
      module: 'bpf',
      state: ran ? 'called' : 'skipped',
      because: ran ? null : (calls[0]?.because ?? null),
      ret: ran && !this.#isVoid ? this.#result : null,
      reason:
        semantics === 'fexit' ? 'fexit: behind the chain, whatever it decided' : 'fexit if RC == 0: behind the chain',
      programs: calls,
    });
  }

  /** Real fentry and fexit programs on security_*() see the call and change nothing. */
  #observe(programs: readonly AttachedProgram[], kind: 'fentry' | 'fexit'): void {
    if (programs.length === 0) return;
    const calls = programs.map((p) => callProgram(p, this.#args, kind === 'fexit' ? this.#result : 0));
    this.#modules.push({
      module: 'bpf',
      state: 'called',
      because: null,
      ret: null,
      reason: `${kind} on security_${this.#request.hook}: observes`,
      programs: calls,
    });
  }
}
