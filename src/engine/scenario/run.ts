/** Plays a scenario: world, programs in the VM, modules of the stack, one step after the other. Pure and repeatable. */
import { bytesToHex } from '../../base/index.ts';
import { renderValue } from '../bpf/index.ts';
import { createKernel, errnoName, type Kernel, type KernelProfile } from '../kernel/index.ts';
import type { LoadedObject, LoadedProgram } from '../loader/index.ts';
import {
  createDispatch,
  type AttachSemantics,
  type AttachedProgram,
  type DispatchHost,
  type HookInfo,
  type LsmStack,
  type MapDump,
  type RunTrace,
  type StepTrace,
} from '../lsm/index.ts';
import { createMemory, createVmObject, type KernelMemory, type VmObject } from '../vm/index.ts';
import { evaluate } from './expect.ts';
import { resolvePresets, withGlobals } from './presets.ts';
import type { Scenario } from './types.ts';

/** One policy's object, loaded for the profile. */
export interface RunObject {
  /** Policy file, as the scenario names it. */
  readonly policy: string;
  readonly object: LoadedObject;
  /** Programs that the verifier refuses, with its words. libbpf then loads nothing of the object. */
  readonly refused?: ReadonlyMap<string, string>;
}

export interface RunOptions {
  readonly scenario: Scenario;
  readonly profile: KernelProfile;
  readonly hooks: readonly HookInfo[];
  readonly stack: LsmStack;
  readonly semantics: AttachSemantics;
  /** The command line that `stack` came from, for the record. */
  readonly cmdline: string;
  /** In attach order. */
  readonly objects: readonly RunObject[];
}

export interface RunResult {
  readonly trace: RunTrace;
  /** Presets that name nothing, or do not fit. */
  readonly problems: readonly string[];
}

/** Why a program cannot be attached, or null. */
function obstacle(o: RunObject, p: LoadedProgram, hooks: ReadonlyMap<string, HookInfo>): string | null {
  const refusal = o.refused === undefined ? undefined : [...o.refused][0];
  if (refusal !== undefined) {
    return o.refused!.get(p.name) ?? `the object is not loaded, because the kernel refuses ${refusal[0]}`;
  }
  if (!p.autoload) return 'autoload is off (section name starts with ?)';
  const { progType, hook, func } = p.attach;
  if (progType === 'lsm_cgroup') return 'lsm_cgroup programs attach to a cgroup, which scenarios do not do';
  if (hook !== null) {
    const info = hooks.get(hook);
    if (info === undefined) return `this kernel has no hook ${hook}`;
    return info.attachable ? null : (info.refusedBecause ?? `hook ${hook} is not attachable`);
  }
  return func.startsWith('security_') ? null : `${progType} on ${func}: the model only calls security_* functions`;
}

export function runScenario(options: RunOptions): RunResult {
  const { scenario, profile } = options;
  const memory = createMemory();
  const kernel = createKernel(profile, scenario.world, memory);
  const hooks = new Map(options.hooks.map((h) => [h.name, h]));
  const presets = resolvePresets(
    scenario,
    options.objects.map((o) => o.object),
  );
  const problems = [...presets.problems];

  const machines: VmObject[] = options.objects.map(({ object }, i) =>
    createVmObject(
      withGlobals(
        object,
        presets.globals.filter((g) => g.object === i),
      ),
      kernel.services,
    ),
  );
  for (const p of presets.maps) {
    const ret = machines[p.object].maps.find((m) => m.def.name === p.map)!.update(p.key, p.value, 0n);
    if (ret !== 0) problems.push(`map ${p.map}: the entry is refused with ${errnoName(ret)}`);
  }
  kernel.onFree((kind, addr) => {
    for (const m of machines) m.onFree(kind, addr);
  });

  const objectName = (addr: number): string | undefined => memory.objectAt(addr)?.label;
  const attached: AttachedProgram[] = [];
  const programs: RunTrace['programs'][number][] = [];
  options.objects.forEach((o, i) => {
    for (const program of o.object.programs) {
      const why = obstacle(o, program, hooks);
      if (why === null) attached.push({ policy: o.policy, vm: machines[i], program, objectName });
      programs.push({
        policy: o.policy,
        program: program.name,
        hook: program.attach.hook,
        attached: why === null,
        why,
      });
    }
  });

  const dispatch = createDispatch({
    profile,
    hooks: options.hooks,
    stack: options.stack,
    semantics: options.semantics,
    programs: attached,
    settings: scenario.modules,
    host: hostOf(kernel),
  });
  kernel.setSink(dispatch);

  const steps = scenario.steps.map((step, index): StepTrace => {
    const outcome = kernel.syscall(step.task, step.syscall);
    const calls = dispatch.take();
    const errno = errnoName(outcome.ret);
    return {
      index,
      label: step.label,
      task: step.task,
      call: step.syscall.call,
      text: outcome.text,
      hooks: calls,
      ret: outcome.ret,
      errno,
      decidedBy: outcome.decidedBy,
      expectations: evaluate(step.expect, errno, outcome.decidedBy, calls),
      line: step.line,
      notModelled: outcome.notModelled,
    };
  });

  const trace: RunTrace = {
    scenario: scenario.name,
    kernel: profile.id,
    cmdline: options.cmdline,
    semantics: options.semantics,
    stack: options.stack,
    programs,
    steps,
    maps: options.objects.flatMap((o, i) => dumpMaps(o.policy, machines[i], memory)),
    passed: problems.length === 0 && steps.every((s) => s.expectations.every((e) => e.ok)),
  };
  return { trace, problems };
}

function hostOf(kernel: Kernel): DispatchHost {
  return {
    task: (name) => {
      const t = kernel.task(name);
      return t === undefined || !t.alive ? undefined : t;
    },
    capable: (task, cap) => kernel.capable(task, cap),
  };
}

/** Contents at the end, rendered with BTF where the map has types. Ring buffers are seen record by record instead. */
function dumpMaps(policy: string, vm: VmObject, memory: KernelMemory): MapDump[] {
  const { btf } = vm.object;
  const text = (typeId: number, bytes: Uint8Array): string =>
    btf !== null && typeId !== 0 ? renderValue(btf, typeId, bytes) : bytesToHex(bytes);
  const keyText = (m: VmObject['maps'][number], key: Uint8Array): string => {
    // Global data is one value without a key; local storage belongs to an object.
    if (m.def.section !== undefined) return '';
    return m.def.type.endsWith('_storage') ? ownerText(memory, key) : text(m.def.keyTypeId, key);
  };
  return vm.maps
    .filter((m) => m.def.type !== 'ringbuf')
    .map((m) => ({
      policy,
      map: m.def.name,
      type: m.def.type,
      entries: [...m.entries()].map(([key, value]) => ({
        key: keyText(m, key),
        value: text(m.def.valueTypeId, value),
      })),
    }));
}

/** Local storage belongs to a kernel object: its label says more than its address (the key, 4 bytes). */
function ownerText(memory: KernelMemory, key: Uint8Array): string {
  const addr = key.length < 4 ? 0 : new DataView(key.buffer, key.byteOffset, 4).getUint32(0, true);
  return memory.objectAt(addr)?.label ?? bytesToHex(key);
}
