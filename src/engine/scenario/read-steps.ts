/** Steps of a scenario: who does what, and what is expected of it. */
import { isScalar, isSeq } from 'yaml';
import { errnoByName, ERRNOS } from '../kernel/index.ts';
import { CALLS, CALL_NAMES, finishCall, splitWords, type CallName, type Param } from './calls.ts';
import type { ScenarioStep, StepExpectation } from './types.ts';
import { closest, type Fields, type Place, type YamlNode, type YamlReader } from './yaml-reader.ts';

const STEP_KEYS = ['label', 'expect', 'task', 'call'];
/** Who can be blamed for an errno. */
const DECIDERS = ['kernel', 'bpf', 'capability', 'yama', 'landlock', 'lockdown', 'apparmor'];

/** What steps may refer to when they begin. */
export interface Names {
  /** Tasks of the world, with init. */
  readonly tasks: ReadonlySet<string>;
  readonly sockets: readonly { readonly name: string; readonly task: string }[];
}

export function readSteps(r: YamlReader, node: unknown, names: Names): ScenarioStep[] {
  const tasks = new Set(names.tasks);
  const handles = new Set(names.sockets.map((s) => s.name));
  const out: ScenarioStep[] = [];
  for (const item of r.list(node, 'steps')) {
    const step = readStep(r, item, tasks, handles);
    if (step === null) continue;
    if (step.syscall.call === 'fork') tasks.add(step.syscall.child);
    if ('save' in step.syscall && step.syscall.save !== null) handles.add(step.syscall.save);
    out.push(step);
  }
  return out;
}

function readStep(r: YamlReader, node: unknown, tasks: Set<string>, handles: Set<string>): ScenarioStep | null {
  const map = r.mapping(node, 'a step');
  if (map === null) return null;
  const keys = map.items.map((p) => (isScalar(p.key) ? String(p.key.value) : ''));
  const isLong = keys.includes('call') || keys.includes('task');
  const parsed = isLong ? readLong(r, node, tasks, handles) : readShort(r, node, tasks, handles);
  if (parsed === null) return null;
  const { fields, task, call, values, text } = parsed;
  const label = fields.has('label') ? r.text(fields.get('label'), 'label') : null;
  const expect = r.isPresent(fields.get('expect')) ? readExpect(r, fields.get('expect')) : null;
  if (call === 'fork' && tasks.has(values.get('child') as string)) {
    r.error(map, 'scenario/duplicate', `there is already a task ${String(values.get('child'))}`);
    return null;
  }
  return {
    label: label ?? text,
    task,
    syscall: finishCall(call, values),
    expect,
    line: r.line(map),
  };
}

interface RawStep {
  readonly fields: Fields;
  readonly task: string;
  readonly call: CallName;
  readonly values: ReadonlyMap<string, unknown>;
  readonly text: string;
}

function knownTask(r: YamlReader, place: Place, task: string, tasks: ReadonlySet<string>): boolean {
  if (tasks.has(task)) return true;
  r.error(place, 'scenario/unknown-task', `there is no task ${JSON.stringify(task)} (yet)`, closest(task, tasks));
  return false;
}

/** `- web: openat /etc/shadow O_RDONLY` */
function readShort(r: YamlReader, node: unknown, tasks: Set<string>, handles: Set<string>): RawStep | null {
  const map = r.mapping(node, 'a step')!;
  const keys = map.items.map((p) => (isScalar(p.key) ? String(p.key.value) : ''));
  const actors = keys.filter((k) => !STEP_KEYS.includes(k));
  if (actors.length !== 1) {
    // Of several keys, one is the actor and the others are misspelt.
    const stray = actors.filter((k) => !tasks.has(k));
    const at = map.items.find((p) => isScalar(p.key) && String(p.key.value) === (stray[0] ?? actors[1]));
    if (actors.length === 0) {
      r.error(map, 'scenario/step', 'a step needs a task: `- web: openat /etc/passwd O_RDONLY`, or task: and call:');
    } else {
      const word = stray[0] ?? actors[1];
      r.error(
        (at?.key ?? map) as YamlNode,
        'scenario/unknown-key',
        `a step has no key ${JSON.stringify(word)}`,
        closest(word, STEP_KEYS),
      );
    }
    return null;
  }
  const fields = r.fields(node, 'a step', [...STEP_KEYS, actors[0]]);
  if (fields === null || !knownTask(r, fields.keyNode(actors[0]), actors[0], tasks)) return null;
  const value = fields.get(actors[0]);
  const text = r.text(value, `what ${actors[0]} does`);
  if (text === null) return null;
  const scalar = r.scalar(value)!;
  const base = scalar.range?.[0] ?? 0;
  const quoted = scalar.type === 'QUOTE_DOUBLE' || scalar.type === 'QUOTE_SINGLE';
  // In a one-line scalar a word's place is known; in a folded one the whole scalar is the place.
  const oneLine = (scalar.range?.[1] ?? 0) - base === text.length + (quoted ? 2 : 0);
  const place = (start: number, end: number): Place =>
    oneLine ? [base + start + (quoted ? 1 : 0), base + end + (quoted ? 1 : 0)] : scalar;
  const words = splitWords(text);
  if (words === null) {
    r.error(scalar, 'scenario/step', 'a quote is not closed');
    return null;
  }
  const [first, ...rest] = words;
  if (first === undefined || !(CALL_NAMES as readonly string[]).includes(first.text)) {
    const at = first === undefined ? scalar : place(first.start, first.end);
    r.error(
      at,
      'scenario/unknown-call',
      `there is no system call ${JSON.stringify(first?.text ?? '')}: one of ${CALL_NAMES.join(', ')}`,
      closest(first?.text ?? '', CALL_NAMES),
    );
    return null;
  }
  const call = first.text as CallName;
  const params = CALLS[call];
  const values = new Map<string, unknown>();
  const args = [...rest];
  const saver = params.find((p) => p.as);
  if (saver && args.length >= 2 && args[args.length - 2].text === 'as') {
    const word = args.pop()!;
    args.pop();
    if (!take(r, saver, word.text, place(word.start, word.end), values, tasks, handles)) return null;
  }
  for (const p of params.filter((q) => !q.as)) {
    if (p.rest) {
      // The first argument is the program's name, as shells pass it; the long form gives all of them.
      if (args.length > 0) values.set(p.name, [values.get('path'), ...args.splice(0).map((w) => w.text)]);
      break;
    }
    const word = args.shift();
    if (word === undefined) {
      if (p.default === undefined) {
        r.error(scalar, 'scenario/step', `${call} needs ${p.name}: ${usage(call)}`);
        return null;
      }
      continue;
    }
    if (!take(r, p, word.text, place(word.start, word.end), values, tasks, handles)) return null;
  }
  if (args.length > 0) {
    r.error(
      place(args[0].start, args[args.length - 1].end),
      'scenario/step',
      `${call} takes no more than: ${usage(call)}`,
    );
    return null;
  }
  return complete(r, scalar, call, values) ? { fields, task: actors[0], call, values, text } : null;
}

/** How the short form of a call looks. */
export function usage(call: CallName): string {
  const words = CALLS[call].map((p) => {
    const word = p.as ? `as NAME` : p.name.toUpperCase() + (p.rest ? '...' : '');
    return p.default === undefined ? word : `[${word}]`;
  });
  return [call, ...words].join(' ');
}

/** `- task: web`, `call: connect`, and a key for each parameter. */
function readLong(r: YamlReader, node: unknown, tasks: Set<string>, handles: Set<string>): RawStep | null {
  const map = r.mapping(node, 'a step')!;
  const callNode = map.items.find((p) => isScalar(p.key) && p.key.value === 'call')?.value;
  if (callNode === undefined) {
    r.error(map, 'scenario/step', 'the long form of a step needs call:');
    return null;
  }
  const call = r.oneOf(callNode, 'call', CALL_NAMES);
  if (call === null) return null;
  const params = CALLS[call];
  const fields = r.fields(node, `a step with ${call}`, [...STEP_KEYS, ...params.map((p) => p.name)]);
  if (fields === null) return null;
  if (!fields.has('task')) {
    r.error(map, 'scenario/step', 'the long form of a step needs task:');
    return null;
  }
  const task = r.text(fields.get('task'), 'task');
  if (task === null || !knownTask(r, fields.get('task') as YamlNode, task, tasks)) return null;
  const values = new Map<string, unknown>();
  for (const p of params) {
    if (!fields.has(p.name)) {
      if (p.default === undefined) {
        r.error(map, 'scenario/step', `${call} needs ${p.name}:`);
        return null;
      }
      continue;
    }
    const value = r.deref(fields.get(p.name));
    if (isSeq(value)) {
      const list = r.texts(value, p.name);
      if (p.rest) values.set(p.name, list);
      else if (!take(r, p, list.join('|'), value, values, tasks, handles)) return null;
      continue;
    }
    const text = r.text(value, p.name);
    if (text === null) return null;
    if (p.rest) values.set(p.name, [text]);
    else if (!take(r, p, text, value, values, tasks, handles)) return null;
  }
  if (!complete(r, map, call, values)) return null;
  const words = params.flatMap((p) => (values.has(p.name) ? [wordOf(values.get(p.name))] : []));
  return { fields, task, call, values, text: [call, ...words].join(' ') };
}

const wordOf = (v: unknown): string => (Array.isArray(v) ? v.join('|') : String(v));

function take(
  r: YamlReader,
  p: Param,
  text: string,
  place: Place,
  values: Map<string, unknown>,
  tasks: ReadonlySet<string>,
  handles: ReadonlySet<string>,
): boolean {
  const parsed = p.parse(text);
  if (!parsed.ok) {
    r.error(place, 'scenario/unknown-value', parsed.message, parsed.suggestion);
    return false;
  }
  if (p.refers === 'task' && !knownTask(r, place, text, tasks)) return false;
  if (p.refers === 'handle' && parsed.value !== null && !handles.has(text)) {
    r.error(
      place,
      'scenario/unknown-handle',
      `nothing was saved as ${JSON.stringify(text)} before this step`,
      closest(text, handles),
    );
    return false;
  }
  values.set(p.name, parsed.value);
  return true;
}

function complete(r: YamlReader, place: Place, call: CallName, values: ReadonlyMap<string, unknown>): boolean {
  if (call !== 'ptrace') return true;
  const needs = values.get('request') !== 'traceme';
  if (needs === values.has('target')) return true;
  r.error(place, 'scenario/step', needs ? 'ptrace attach and seize need a target' : 'ptrace traceme has no target');
  return false;
}

/** `OK`, `EPERM`, `EPERM by bpf:shadow_guard`, or the long form. */
function readExpect(r: YamlReader, node: unknown): StepExpectation | null {
  const scalar = r.scalar(node);
  if (scalar !== null) {
    const text = r.text(node, 'expect');
    if (text === null) return null;
    const m = /^(\S+)(?:\s+by\s+(\S+))?$/.exec(text.trim());
    if (!m) {
      r.error(scalar, 'scenario/expect', 'expect must look like OK, EPERM or `EPERM by bpf:program`');
      return null;
    }
    const errno = checkErrno(r, scalar, m[1]);
    const by = m[2] === undefined ? null : checkDecider(r, scalar, m[2]);
    return { errno, decidedBy: by, called: [], notCalled: [] };
  }
  const f = r.fields(node, 'expect', ['errno', 'by', 'called', 'not_called']);
  if (f === null) return null;
  const errnoText = f.has('errno') ? r.text(f.get('errno'), 'errno') : null;
  const byText = r.isPresent(f.get('by')) ? r.text(f.get('by'), 'by') : null;
  return {
    errno: errnoText === null ? null : checkErrno(r, f.get('errno') as YamlNode, errnoText),
    decidedBy: byText === null ? null : checkDecider(r, f.get('by') as YamlNode, byText),
    called: r.texts(f.get('called'), 'called'),
    notCalled: r.texts(f.get('not_called'), 'not_called'),
  };
}

function checkErrno(r: YamlReader, place: Place, text: string): string | null {
  if (text === 'OK') return text;
  const info = errnoByName(text);
  if (info) return info.name;
  r.error(
    place,
    'scenario/unknown-errno',
    `${JSON.stringify(text)} is neither OK nor an errno`,
    closest(text, ['OK', ...ERRNOS.map((e) => e.name)]),
  );
  return null;
}

function checkDecider(r: YamlReader, place: Place, text: string): string | null {
  if (DECIDERS.includes(text) || /^bpf:[A-Za-z_]\w*$/.test(text)) return text;
  r.error(
    place,
    'scenario/unknown-value',
    `nobody called ${JSON.stringify(text)} can decide: ${DECIDERS.join(', ')} or bpf:program`,
    closest(text, DECIDERS),
  );
  return null;
}
