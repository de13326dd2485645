/** System calls as scenarios write them: one table for the short form (`openat /etc/shadow O_RDONLY`) and the long one. */
import { MAP_FLAGS, MS_FLAGS, O_FLAGS, PROT_FLAGS, SIGNALS, parseAddress, type SyscallSpec } from '../kernel/index.ts';
import { closest, parseMode } from './yaml-reader.ts';

export type CallName = SyscallSpec['call'];

/** A parsed value, or what is wrong with the text. */
type Parsed =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly message: string; readonly suggestion: string | null };

const good = (value: unknown): Parsed => ({ ok: true, value });
const bad = (message: string, suggestion: string | null = null): Parsed => ({ ok: false, message, suggestion });

const choice =
  (what: string, known: readonly string[]) =>
  (text: string): Parsed =>
    known.includes(text)
      ? good(text)
      : bad(`${what} cannot be ${JSON.stringify(text)}: one of ${known.join(', ')}`, closest(text, known));

const integer =
  (what: string, min: number, max: number) =>
  (text: string): Parsed => {
    const n = /^-?\d{1,15}$/.test(text) ? Number(text) : NaN;
    return n >= min && n <= max ? good(n) : bad(`${what} must be a whole number from ${min} to ${max}`);
  };

const flags =
  (what: string, table: Readonly<Record<string, number>>) =>
  (text: string): Parsed => {
    const names = text === '' || text === '0' || text === '-' ? [] : text.split('|').map((f) => f.trim());
    const unknown = names.find((f) => !Object.hasOwn(table, f));
    return unknown === undefined
      ? good(names)
      : bad(`${what} has no flag ${JSON.stringify(unknown)}`, closest(unknown, Object.keys(table)));
  };

const path = (text: string): Parsed =>
  text.startsWith('/') ? good(text) : bad(`a path must be absolute, ${JSON.stringify(text)} is not`);
const name = (text: string): Parsed =>
  /^[A-Za-z_][\w.-]*$/.test(text) ? good(text) : bad(`${JSON.stringify(text)} is no name (letters, digits, _ . -)`);
const anyText = (text: string): Parsed => good(text === '-' ? '' : text);
const mode = (text: string): Parsed => {
  const m = parseMode(text);
  return m === null ? bad('a mode must be octal with a leading 0, e.g. 0640') : good(m);
};
const address = (text: string): Parsed => {
  const a = parseAddress(text);
  return typeof a === 'string' ? bad(`bad address ${JSON.stringify(text)}: ${a}`) : good(text);
};
const signal = (text: string): Parsed => {
  if (/^\d{1,2}$/.test(text) && Number(text) <= 64) return good(text);
  const full = text.startsWith('SIG') ? text : `SIG${text}`;
  return Object.hasOwn(SIGNALS, full)
    ? good(full)
    : bad(`there is no signal ${JSON.stringify(text)}`, closest(full, Object.keys(SIGNALS)));
};

export interface Param {
  readonly name: string;
  readonly parse: (text: string) => Parsed;
  /** Value when it is left out; undefined = must be given. */
  readonly default?: unknown;
  /** Takes all remaining words, or a YAML list. */
  readonly rest?: boolean;
  /** Written `as NAME` in the short form. */
  readonly as?: boolean;
  /** Names a task or handle that must exist; checked when all steps are known. */
  readonly refers?: 'task' | 'handle';
}

const save: Param = { name: 'save', parse: name, default: null, as: true };
const fd: Param = { name: 'fd', parse: name, refers: 'handle' };
const MAX_SIZE = 1 << 30;

/** The parameters of each call, in the order of the short form. */
export const CALLS: Readonly<Record<CallName, readonly Param[]>> = {
  openat: [
    { name: 'path', parse: path },
    { name: 'flags', parse: flags('openat', O_FLAGS), default: [] },
    { name: 'mode', parse: mode, default: 0o644 },
    save,
  ],
  close: [fd],
  read: [fd, { name: 'size', parse: integer('size', 0, MAX_SIZE), default: 4096 }],
  write: [fd, { name: 'size', parse: integer('size', 0, MAX_SIZE), default: 1 }],
  execve: [
    { name: 'path', parse: path },
    { name: 'argv', parse: anyText, default: [], rest: true },
  ],
  fork: [
    { name: 'child', parse: name },
    { name: 'pid', parse: integer('pid', 2, 4_194_304), default: null },
  ],
  exit: [{ name: 'code', parse: integer('code', 0, 255), default: 0 }],
  socket: [
    { name: 'family', parse: choice('family', ['inet', 'inet6', 'unix']) },
    { name: 'type', parse: choice('type', ['stream', 'dgram']) },
    save,
  ],
  connect: [fd, { name: 'address', parse: address }],
  bind: [fd, { name: 'address', parse: address }],
  listen: [fd],
  ptrace: [
    { name: 'request', parse: choice('request', ['attach', 'seize', 'traceme']) },
    { name: 'target', parse: name, default: null, refers: 'task' },
  ],
  kill: [
    { name: 'target', parse: name, refers: 'task' },
    { name: 'signal', parse: signal, default: 'SIGTERM' },
  ],
  chmod: [
    { name: 'path', parse: path },
    { name: 'mode', parse: mode },
  ],
  unlink: [{ name: 'path', parse: path }],
  mkdir: [
    { name: 'path', parse: path },
    { name: 'mode', parse: mode, default: 0o755 },
  ],
  rename: [
    { name: 'path', parse: path },
    { name: 'to', parse: path },
  ],
  mmap: [
    { name: 'fd', parse: (t) => (t === 'anon' ? good(null) : name(t)), default: null, refers: 'handle' },
    { name: 'prot', parse: flags('mmap', PROT_FLAGS), default: ['PROT_READ'] },
    { name: 'flags', parse: flags('mmap', MAP_FLAGS), default: null },
    { name: 'size', parse: integer('size', 0, MAX_SIZE), default: 4096 },
  ],
  mount: [
    { name: 'source', parse: anyText },
    { name: 'target', parse: path },
    { name: 'fstype', parse: anyText, default: '' },
    { name: 'flags', parse: flags('mount', MS_FLAGS), default: [] },
  ],
  bpf: [{ name: 'cmd', parse: choice('cmd', ['map_create', 'prog_load']) }],
  setuid: [{ name: 'uid', parse: integer('uid', 0, 0xffff_fffe) }],
};

export const CALL_NAMES = Object.keys(CALLS) as readonly CallName[];

/** Fills in what the kernel would not know how to default. */
export function finishCall(call: CallName, values: ReadonlyMap<string, unknown>): SyscallSpec {
  const out: Record<string, unknown> = { call };
  for (const p of CALLS[call]) out[p.name] = values.has(p.name) ? values.get(p.name) : p.default;
  if (call === 'mmap') out['flags'] ??= out['fd'] === null ? ['MAP_PRIVATE', 'MAP_ANONYMOUS'] : ['MAP_PRIVATE'];
  if (call === 'execve' && (out['argv'] as string[]).length === 0) out['argv'] = [out['path']];
  return out as SyscallSpec;
}

export interface Word {
  readonly text: string;
  /** Offset in the command's text. */
  readonly start: number;
  readonly end: number;
}

/** Splits a short form into words; quotes keep spaces. Null = a quote is not closed. */
export function splitWords(text: string): readonly Word[] | null {
  const out: Word[] = [];
  let i = 0;
  while (i < text.length) {
    if (/\s/.test(text[i])) {
      i++;
      continue;
    }
    const start = i;
    let word = '';
    while (i < text.length && !/\s/.test(text[i])) {
      const q = text[i];
      if (q === '"' || q === "'") {
        const end = text.indexOf(q, i + 1);
        if (end < 0) return null;
        word += text.slice(i + 1, end);
        i = end + 1;
      } else word += text[i++];
    }
    out.push({ text: word, start, end: i });
  }
  return out;
}
