/** The steps of a scenario as traced system calls of their tasks. */
import type { SyscallSpec } from '../engine/kernel/index.ts';
import type { Scenario, ScenarioStep } from '../engine/scenario/index.ts';
import {
  FAMILY,
  mapFlags,
  mountFlags,
  NR,
  openFlags,
  protFlags,
  PTRACE,
  signalNumber,
  sockaddr,
  SOCKET_TYPE,
} from './abi.ts';
import type { Argument, Script, StepOptions } from './script.ts';
import type { World } from './world.ts';

/** As fork(3) of the C library: CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID | SIGCHLD. */
const FORK_FLAGS = 0x1200011;
const MAX_BUFFER = 1 << 20;

/** Pids by task name, for ptrace and kill; a fork step's own pid is known only if the scenario fixes it. */
type Pids = Map<string, Argument>;

interface Context {
  readonly script: Script;
  readonly world: World;
  readonly pids: Pids;
}

interface Lowered {
  readonly nr: number;
  readonly args: readonly Argument[];
  readonly options?: StepOptions;
}

function handle(c: Context, task: string, name: string): Argument {
  const fd = c.world.handles.get(`${task}/${name}`);
  if (fd === undefined) throw new Error(`task ${task} has no handle ${name}`);
  return fd;
}

/** `save:` of a call that makes a descriptor. */
function saved(c: Context, task: string, name: string | null): StepOptions {
  if (name === null) return {};
  const value = c.script.variable();
  c.world.handles.set(`${task}/${name}`, value);
  return { save: value };
}

function pidOf(c: Context, name: string): Argument {
  const pid = c.pids.get(name);
  if (pid === undefined) throw new Error(`there is no task ${name}`);
  return pid;
}

function bpfAttributes(c: Context, cmd: 'map_create' | 'prog_load'): Lowered {
  const attr = new Uint8Array(128);
  const view = new DataView(attr.buffer);
  if (cmd === 'map_create') {
    // An array of one 8-byte value.
    [2, 4, 8, 1].forEach((v, i) => view.setUint32(i * 4, v, true));
    return { nr: NR.bpf, args: [0, c.script.bytes(attr), 128, 0, 0, 0] };
  }
  // A socket filter `r0 = 0; exit`.
  const insns = c.script.bytes(new Uint8Array([0xb7, 0, 0, 0, 0, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0]));
  view.setUint32(0, 1, true);
  view.setUint32(4, 2, true);
  view.setBigUint64(8, BigInt(insns), true);
  view.setBigUint64(16, BigInt(c.script.string('GPL')), true);
  return { nr: NR.bpf, args: [5, c.script.bytes(attr), 128, 0, 0, 0] };
}

function lower(c: Context, task: string, spec: SyscallSpec, goesOn: boolean): Lowered {
  const { script } = c;
  switch (spec.call) {
    case 'openat':
      return {
        nr: NR.openat,
        args: [-100, script.string(spec.path), openFlags(spec.flags), spec.mode, 0, 0],
        options: saved(c, task, spec.save),
      };
    case 'close':
      return { nr: NR.close, args: [handle(c, task, spec.fd), 0, 0, 0, 0, 0] };
    case 'read':
    case 'write': {
      const size = Math.min(spec.size, MAX_BUFFER);
      const buffer = script.address(script.reserve(size));
      return { nr: spec.call === 'read' ? NR.read : NR.write, args: [handle(c, task, spec.fd), buffer, size, 0, 0, 0] };
    }
    case 'execve': {
      const argv = script.strings(spec.argv.length > 0 ? spec.argv : [spec.path]);
      const env = goesOn ? script.environment(c.world.slots.get(task)!) : script.strings([]);
      return { nr: NR.execve, args: [script.string(spec.path), argv, env, 0, 0, 0], options: { goesOn } };
    }
    case 'fork': {
      const child = script.slot();
      const pid = script.variable();
      c.world.slots.set(spec.child, child);
      for (const [name, fd] of [...c.world.handles]) {
        if (name.startsWith(`${task}/`)) c.world.handles.set(`${spec.child}/${name.slice(task.length + 1)}`, fd);
      }
      c.pids.set(spec.child, pid);
      const tid = script.address(script.reserve(8));
      return { nr: NR.clone, args: [FORK_FLAGS, 0, 0, tid, 0, 0], options: { child, save: pid } };
    }
    case 'exit':
      return { nr: NR.exit_group, args: [spec.code, 0, 0, 0, 0, 0] };
    case 'socket':
      return {
        nr: NR.socket,
        args: [FAMILY[spec.family], SOCKET_TYPE[spec.type], 0, 0, 0, 0],
        options: saved(c, task, spec.save),
      };
    case 'connect':
    case 'bind': {
      const address = sockaddr(spec.address);
      return { nr: NR[spec.call], args: [handle(c, task, spec.fd), script.bytes(address), address.length, 0, 0, 0] };
    }
    case 'listen':
      return { nr: NR.listen, args: [handle(c, task, spec.fd), 16, 0, 0, 0, 0] };
    case 'ptrace':
      return {
        nr: NR.ptrace,
        args: [PTRACE[spec.request], spec.target === null ? 0 : pidOf(c, spec.target), 0, 0, 0, 0],
      };
    case 'kill':
      return { nr: NR.kill, args: [pidOf(c, spec.target), signalNumber(spec.signal), 0, 0, 0, 0] };
    case 'chmod':
      return { nr: NR.chmod, args: [script.string(spec.path), spec.mode, 0, 0, 0, 0] };
    case 'unlink':
      return { nr: NR.unlink, args: [script.string(spec.path), 0, 0, 0, 0, 0] };
    case 'mkdir':
      return { nr: NR.mkdir, args: [script.string(spec.path), spec.mode, 0, 0, 0, 0] };
    case 'rename':
      return { nr: NR.rename, args: [script.string(spec.path), script.string(spec.to), 0, 0, 0, 0] };
    case 'mmap': {
      const anonymous = spec.fd === null;
      const flags = mapFlags(spec.flags) | (anonymous ? 0x20 : 0);
      return {
        nr: NR.mmap,
        args: [0, spec.size, protFlags(spec.prot), flags, anonymous ? -1 : handle(c, task, spec.fd!), 0],
      };
    }
    case 'mount':
      return {
        nr: NR.mount,
        args: [
          script.string(spec.source),
          script.string(spec.target),
          script.string(spec.fstype),
          mountFlags(spec.flags),
          0,
          0,
        ],
      };
    case 'bpf':
      return bpfAttributes(c, spec.cmd);
    case 'setuid':
      return { nr: NR.setuid, args: [spec.uid, 0, 0, 0, 0, 0] };
  }
}

/** Does the same task act again after step `index`? */
const actsAgain = (steps: readonly ScenarioStep[], index: number): boolean =>
  steps.slice(index + 1).some((s) => s.task === steps[index].task);

/**
 * Puts all buffers of the steps into the script and returns what emits the steps themselves, to be called behind
 * `attach`: between two steps the agent then only touches memory (and, before a fork with a given pid, writes
 * /proc/sys/kernel/ns_last_pid).
 */
export function lowerSteps(script: Script, scenario: Scenario, world: World): (() => void)[] {
  const pids: Pids = new Map([['init', 1], ...scenario.world.tasks.map((t): [string, Argument] => [t.name, t.pid])]);
  const c: Context = { script, world, pids };
  return scenario.steps.map((step, index) => {
    const slot = world.slots.get(step.task);
    if (slot === undefined) throw new Error(`step ${index + 1}: there is no task ${step.task}`);
    const { nr, args, options } = lower(c, step.task, step.syscall, actsAgain(scenario.steps, index));
    return () => {
      if (step.syscall.call === 'fork' && step.syscall.pid !== null) script.line(`nextpid ${step.syscall.pid}`);
      script.step(slot, nr, args, options);
    };
  });
}
