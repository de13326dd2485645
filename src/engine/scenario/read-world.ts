/** The world of a scenario: files, tasks, sockets. */
import {
  CAPABILITIES,
  parseAddress,
  type FileSpec,
  type ModuleSettings,
  type SocketSpec,
  type TaskSpec,
  type WorldSpec,
} from '../kernel/index.ts';
import { capability } from './read-modules.ts';
import { closest, type Fields, type YamlNode, type YamlReader } from './yaml-reader.ts';

const MAX_ID = 0xffff_fffe;
const MAX_PID = 4_194_304;
const FIRST_PID = 100;
const NAME = /^[A-Za-z_][\w.-]*$/;

export function readWorld(r: YamlReader, node: unknown, modules: ModuleSettings): WorldSpec {
  const empty: WorldSpec = { tasks: [], files: [], sockets: [] };
  if (!r.isPresent(node)) return empty;
  const f = r.fields(node, 'world', ['files', 'tasks', 'sockets']);
  if (f === null) return empty;
  const files = readFiles(r, f.get('files'));
  const tasks = readTasks(r, f.get('tasks'), modules);
  const sockets = readSockets(r, f.get('sockets'), tasks);
  return { tasks, files, sockets };
}

const id = (r: YamlReader, f: Fields, key: string, fallback: number): number =>
  f.has(key) ? (r.integer(f.get(key), key, 0, MAX_ID) ?? fallback) : fallback;

/** Absolute, without empty, `.` or `..` components. */
function cleanPath(r: YamlReader, text: string, place: YamlNode): string | null {
  const parts = text.split('/').slice(1);
  if (!text.startsWith('/') || text === '/' || parts.some((p) => p === '' || p === '.' || p === '..')) {
    r.error(place, 'scenario/path', `${JSON.stringify(text)} must be an absolute path without //, . and ..`);
    return null;
  }
  if (text.length > 4000 || parts.some((p) => new TextEncoder().encode(p).length > 255)) {
    r.error(place, 'scenario/path', 'the path or a name in it is too long');
    return null;
  }
  return text;
}

function readFiles(r: YamlReader, node: unknown): FileSpec[] {
  const out = new Map<string, FileSpec>();
  for (const { key, keyNode, value } of r.entries(node, 'files')) {
    const path = cleanPath(r, key, keyNode);
    if (path === null) continue;
    const f = r.isPresent(value) ? r.fields(value, key, ['type', 'mode', 'uid', 'gid', 'target', 'content']) : null;
    if (f === null) {
      if (!r.isPresent(value)) out.set(path, { path, type: 'file', mode: 0o644, uid: 0, gid: 0 });
      continue;
    }
    const given = f.has('type') ? r.oneOf(f.get('type'), 'type', ['file', 'dir', 'symlink'] as const) : null;
    const type = given ?? (f.has('target') ? 'symlink' : 'file');
    const target = f.has('target') ? r.text(f.get('target'), 'target') : null;
    const content = f.has('content') ? r.text(f.get('content'), 'content') : null;
    if ((type === 'symlink') !== f.has('target'))
      r.error(keyNode, 'scenario/file', 'symbolic links, and only they, have a target');
    if (type !== 'file' && f.has('content')) r.error(f.keyNode('content'), 'scenario/file', 'only files have content');
    const fallback = type === 'dir' ? 0o755 : type === 'symlink' ? 0o777 : 0o644;
    out.set(path, {
      path,
      type,
      mode: f.has('mode') ? (r.mode(f.get('mode'), 'mode') ?? fallback) : fallback,
      uid: id(r, f, 'uid', 0),
      gid: id(r, f, 'gid', 0),
      ...(target === null ? {} : { target }),
      ...(content === null ? {} : { content }),
    });
  }
  for (const { key, keyNode } of r.entries(node, 'files')) {
    for (let cut = key.lastIndexOf('/'); cut > 0; cut = key.lastIndexOf('/', cut - 1)) {
      const above = out.get(key.slice(0, cut));
      if (above !== undefined && above.type !== 'dir') {
        r.error(keyNode, 'scenario/path', `${above.path} is no directory, so nothing can be below it`);
        out.delete(key);
        break;
      }
    }
  }
  // Parents before children.
  return [...out.values()].sort((a, b) => a.path.split('/').length - b.path.split('/').length);
}

const TASK_KEYS = ['pid', 'uid', 'gid', 'caps', 'exe', 'comm', 'parent', 'apparmor', 'landlock', 'dumpable'];

function readTasks(r: YamlReader, node: unknown, modules: ModuleSettings): TaskSpec[] {
  const out: TaskSpec[] = [];
  const entries = r.entries(node, 'tasks');
  const names = new Set(entries.map((e) => e.key));
  const pids = new Map<number, string>();
  let nextPid = FIRST_PID;
  for (const { key: name, keyNode, value } of entries) {
    if (!NAME.test(name)) {
      r.error(keyNode, 'scenario/name', `${JSON.stringify(name)} is no name for a task (letters, digits, _ . -)`);
      continue;
    }
    const f = r.fields(value, `task ${name}`, TASK_KEYS);
    if (f === null) continue;
    const text = (key: string): string | null => (r.isPresent(f.get(key)) ? r.text(f.get(key), key) : null);
    const uid = id(r, f, 'uid', 0);
    let pid = f.has('pid') ? r.integer(f.get('pid'), 'pid', 1, MAX_PID) : null;
    if (pid === null) {
      while (pids.has(nextPid)) nextPid++;
      pid = nextPid++;
    }
    const other = pids.get(pid);
    if (other !== undefined)
      r.error(f.keyNode('pid') ?? keyNode, 'scenario/duplicate', `pid ${pid} is already ${other}'s`);
    pids.set(pid, name);
    const exe = text('exe') ?? `/usr/bin/${name}`;
    if (cleanPath(r, exe, (f.get('exe') ?? keyNode) as YamlNode) === null) continue;
    const comm = text('comm') ?? (exe.split('/').pop() ?? name).slice(0, 15);
    if (new TextEncoder().encode(comm).length > 15)
      r.error(f.get('comm') as YamlNode, 'scenario/comm', 'comm has at most 15 bytes');
    out.push({
      name,
      pid,
      uid,
      gid: id(r, f, 'gid', uid),
      caps: readCaps(r, f, uid),
      exe,
      comm,
      parent: reference(r, f, 'parent', new Set([...names, 'init']), 'task'),
      apparmor: reference(r, f, 'apparmor', new Set(modules.apparmor.profiles.map((p) => p.name)), 'AppArmor profile'),
      landlock: reference(r, f, 'landlock', new Set(modules.landlock.rulesets.map((p) => p.name)), 'landlock ruleset'),
      dumpable: f.has('dumpable') ? (r.boolean(f.get('dumpable'), 'dumpable') ?? true) : true,
    });
  }
  checkAncestry(r, out, entries);
  return out;
}

function reference(r: YamlReader, f: Fields, key: string, known: ReadonlySet<string>, what: string): string | null {
  if (!r.isPresent(f.get(key))) return null;
  const text = r.text(f.get(key), key);
  if (text === null || known.has(text)) return text;
  r.error(
    f.get(key) as YamlNode,
    'scenario/unknown-name',
    `there is no ${what} ${JSON.stringify(text)}`,
    closest(text, known),
  );
  return null;
}

function checkAncestry(
  r: YamlReader,
  tasks: readonly TaskSpec[],
  entries: readonly { readonly key: string; readonly keyNode: YamlNode }[],
): void {
  const parents = new Map(tasks.map((t) => [t.name, t.parent]));
  for (const { key, keyNode } of entries) {
    const seen = new Set<string>();
    let at: string | null = key;
    while (at !== null && !seen.has(at)) {
      seen.add(at);
      at = parents.get(at) ?? null;
    }
    if (at === key) r.error(keyNode, 'scenario/ancestry', `${key} is its own ancestor`);
  }
}

function readCaps(r: YamlReader, f: Fields, uid: number): string[] {
  const node = f.get('caps');
  if (!r.isPresent(node)) return uid === 0 ? [...CAPABILITIES] : [];
  const scalar = r.scalar(node);
  if (scalar !== null) {
    const word = r.oneOf(node, 'caps', ['all', 'none'] as const);
    return word === 'all' ? [...CAPABILITIES] : [];
  }
  return r.list(node, 'caps').flatMap((item) => {
    const text = r.text(item, 'a capability');
    return text === null ? [] : (capability(r, text, item as YamlNode) ?? []);
  });
}

function readSockets(r: YamlReader, node: unknown, tasks: readonly TaskSpec[]): SocketSpec[] {
  const names = new Set(tasks.map((t) => t.name));
  return r.entries(node, 'sockets').flatMap(({ key: name, keyNode, value }) => {
    if (!NAME.test(name)) r.error(keyNode, 'scenario/name', `${JSON.stringify(name)} is no name for a socket`);
    const f = r.fields(value, `socket ${name}`, ['task', 'family', 'type', 'listen']);
    if (f === null) return [];
    const missing = ['task', 'family', 'type'].find((k) => !f.has(k));
    if (missing !== undefined) {
      r.error(keyNode, 'scenario/socket', `socket ${name} needs ${missing}:`);
      return [];
    }
    const task = reference(r, f, 'task', names, 'task');
    const family = r.oneOf(f.get('family'), 'family', ['inet', 'inet6', 'unix'] as const);
    const type = r.oneOf(f.get('type'), 'type', ['stream', 'dgram'] as const);
    if (task === null || family === null || type === null) return [];
    const listen = r.isPresent(f.get('listen')) ? r.text(f.get('listen'), 'listen') : null;
    if (listen !== null) {
      const a = parseAddress(listen);
      const wrong = typeof a === 'string' ? a : a.family !== family ? `it is no address of family ${family}` : null;
      const path = wrong === null && family === 'unix' && !listen.startsWith('@');
      if (wrong !== null)
        r.error(f.get('listen') as YamlNode, 'scenario/address', `bad address ${JSON.stringify(listen)}: ${wrong}`);
      if (path) {
        r.error(
          f.get('listen') as YamlNode,
          'scenario/address',
          'a socket of the world cannot be bound to a path; use @name, or a bind step',
        );
      }
      if (wrong !== null || path) return [];
    }
    return [{ name, task, family, type, ...(listen === null ? {} : { listen }) }];
  });
}
