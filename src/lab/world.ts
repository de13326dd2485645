/** Makes the world of a scenario for real: files, tasks with exact pids, credentials, sockets, confinement. */
import type { AppArmorProfile, FileSpec, LandlockRuleset, SocketSpec, TaskSpec } from '../engine/kernel/index.ts';
import type { Scenario } from '../engine/scenario/index.ts';
import { capMask, FAMILY, landlockMask, NR, openFlags, sockaddr, SOCKET_TYPE } from './abi.ts';
import type { SavedValue, Script } from './script.ts';

/** The same folders that the modelled world starts with. */
const BASE: readonly (readonly [string, number])[] = [
  ['/bin', 0o755],
  ['/dev', 0o755],
  ['/etc', 0o755],
  ['/home', 0o755],
  ['/root', 0o700],
  ['/run', 0o755],
  ['/sbin', 0o755],
  ['/srv', 0o755],
  ['/sys', 0o555],
  ['/tmp', 0o1777],
  ['/usr', 0o755],
  ['/usr/bin', 0o755],
  ['/usr/lib', 0o755],
  ['/usr/sbin', 0o755],
  ['/var', 0o755],
];

export interface World {
  /** Task name → slot. Fork steps add their children. */
  readonly slots: Map<string, number>;
  /** `task/handle` → descriptor. */
  readonly handles: Map<string, SavedValue>;
}

const parentsOf = (file: string): string[] => {
  const parts = file.split('/').filter(Boolean).slice(0, -1);
  return parts.map((_, i) => `/${parts.slice(0, i + 1).join('/')}`);
};

/** Paths that must be programs: of tasks, and of exec steps whose file has no content of its own. */
function programs(scenario: Scenario): Set<string> {
  const out = new Set(scenario.world.tasks.map((t) => t.exe));
  for (const s of scenario.steps) if (s.syscall.call === 'execve') out.add(s.syscall.path);
  return out;
}

function makeFiles(script: Script, builder: number, scenario: Scenario, task: Uint8Array): void {
  const made = new Set(['/', '/proc']);
  const stub = script.bytes(task);
  const exes = programs(scenario);
  const folder = (path: string, mode: number): void => {
    if (made.has(path)) return;
    made.add(path);
    script.call(builder, `mkdir ${path}`, NR.mkdir, [script.string(path), mode, 0, 0, 0, 0]);
  };
  const attributes = (f: { path: string; mode: number; uid: number; gid: number; type: string }): void => {
    const path = script.string(f.path);
    script.call(builder, `chown ${f.path}`, NR.lchown, [path, f.uid, f.gid, 0, 0, 0]);
    if (f.type !== 'symlink') script.call(builder, `chmod ${f.path}`, NR.chmod, [path, f.mode & 0o7777, 0, 0, 0, 0]);
  };
  const content = (path: string, address: number, length: number): void => {
    const fd = script.variable();
    const flags = openFlags(['O_WRONLY', 'O_CREAT', 'O_TRUNC']);
    script.call(builder, `create ${path}`, NR.openat, [-100, script.string(path), flags, 0o600, 0, 0], { save: fd });
    if (length > 0) script.call(builder, `write ${path}`, NR.write, [fd, address, length, 0, 0, 0]);
    script.call(builder, `close ${path}`, NR.close, [fd, 0, 0, 0, 0, 0]);
  };

  script.call(builder, 'umask', NR.umask, [0, 0, 0, 0, 0, 0]);
  for (const [path, mode] of BASE) folder(path, mode);
  const files = scenario.world.files;
  for (const f of files) {
    for (const dir of parentsOf(f.path)) folder(dir, 0o755);
    if (f.type === 'dir') folder(f.path, 0o700);
    else if (f.type === 'symlink')
      script.call(builder, `symlink ${f.path}`, NR.symlink, [
        script.string(f.target ?? ''),
        script.string(f.path),
        0,
        0,
        0,
        0,
      ]);
    else if (exes.has(f.path) && (f.content === undefined || isTaskExe(scenario, f)))
      content(f.path, stub, task.length);
    else {
      const text = new TextEncoder().encode(f.content ?? '');
      content(f.path, text.length ? script.bytes(text) : 0, text.length);
    }
    attributes(f);
    made.add(f.path);
  }
  for (const exe of new Set(scenario.world.tasks.map((t) => t.exe))) {
    if (made.has(exe)) continue;
    for (const dir of parentsOf(exe)) folder(dir, 0o755);
    content(exe, stub, task.length);
    attributes({ path: exe, mode: 0o755, uid: 0, gid: 0, type: 'file' });
    made.add(exe);
  }
}

const isTaskExe = (scenario: Scenario, f: FileSpec): boolean => scenario.world.tasks.some((t) => t.exe === f.path);

/** Parents before their children. */
function byAncestry(tasks: readonly TaskSpec[]): TaskSpec[] {
  const known = new Map(tasks.map((t) => [t.name, t]));
  const out: TaskSpec[] = [];
  const visiting = new Set<string>();
  const visit = (t: TaskSpec): void => {
    if (out.includes(t)) return;
    if (visiting.has(t.name)) throw new Error(`task ${t.name} is its own ancestor`);
    visiting.add(t.name);
    const parent = t.parent === null ? undefined : known.get(t.parent);
    if (parent) visit(parent);
    out.push(t);
  };
  for (const t of tasks) visit(t);
  return out;
}

/** Sockets are made by their owner after it got its user and before it is confined. */
function makeSocket(script: Script, slot: number, s: SocketSpec, fd: SavedValue): void {
  const what = `socket ${s.name}`;
  script.call(slot, what, NR.socket, [FAMILY[s.family], SOCKET_TYPE[s.type], 0, 0, 0, 0], { save: fd });
  if (s.listen === undefined) return;
  const address = sockaddr(s.listen);
  script.call(slot, `${what}: bind ${s.listen}`, NR.bind, [fd, script.bytes(address), address.length, 0, 0, 0]);
  if (s.type === 'stream') script.call(slot, `${what}: listen`, NR.listen, [fd, 16, 0, 0, 0, 0]);
}

function enforceLandlock(script: Script, slot: number, set: LandlockRuleset): void {
  const what = `landlock ruleset ${set.name}`;
  const ruleset = script.variable();
  script.call(slot, what, NR.landlock_create_ruleset, [script.words([landlockMask(set.handled)]), 8, 0, 0, 0, 0], {
    save: ruleset,
  });
  for (const rule of set.rules) {
    const fd = script.variable();
    script.call(
      slot,
      `${what}: ${rule.path}`,
      NR.openat,
      [-100, script.string(rule.path), openFlags(['O_PATH', 'O_CLOEXEC']), 0, 0, 0],
      { save: fd },
    );
    // struct landlock_path_beneath_attr is packed: u64 allowed_access, s32 parent_fd.
    const offset = script.reserve(16);
    script.line(
      `data ${offset} ${Buffer.from(new Uint8Array(new BigUint64Array([landlockMask(rule.allow)]).buffer)).toString('hex')}`,
    );
    script.line(`poke ${offset + 8} 4 $${fd.variable}`);
    script.call(slot, `${what}: rule for ${rule.path}`, NR.landlock_add_rule, [
      ruleset,
      1,
      script.address(offset),
      0,
      0,
      0,
    ]);
    script.call(slot, '', NR.close, [fd, 0, 0, 0, 0, 0]);
  }
  script.call(slot, `${what}: restrict`, NR.landlock_restrict_self, [ruleset, 0, 0, 0, 0, 0]);
  script.call(slot, '', NR.close, [ruleset, 0, 0, 0, 0, 0]);
}

const PR = { setDumpable: 4, setKeepCaps: 8, setName: 15, setNoNewPrivs: 38 };

/** Credentials, sockets and confinement of one task, in the order that still permits each. */
function settle(
  script: Script,
  slot: number,
  t: TaskSpec,
  scenario: Scenario,
  world: World,
  lsms: ReadonlySet<string>,
): void {
  const attribute = script.variable();
  const profile = t.apparmor !== null && lsms.has('apparmor') ? t.apparmor : null;
  const ruleset = scenario.modules.landlock.rulesets.find((r) => r.name === t.landlock);
  if (t.landlock !== null && !ruleset) throw new Error(`task ${t.name}: there is no landlock ruleset ${t.landlock}`);

  if (profile) {
    const path = script.string('/proc/self/attr/apparmor/current');
    script.call(
      slot,
      `${t.name}: AppArmor attribute`,
      NR.openat,
      [-100, path, openFlags(['O_WRONLY', 'O_CLOEXEC']), 0, 0, 0],
      { save: attribute },
    );
  }
  script.call(slot, `${t.name}: setgroups`, NR.setgroups, [0, 0, 0, 0, 0, 0]);
  script.call(slot, `${t.name}: gid ${t.gid}`, NR.setresgid, [t.gid, t.gid, t.gid, 0, 0, 0]);
  script.call(slot, `${t.name}: keep caps`, NR.prctl, [PR.setKeepCaps, 1, 0, 0, 0, 0]);
  script.call(slot, `${t.name}: uid ${t.uid}`, NR.setresuid, [t.uid, t.uid, t.uid, 0, 0, 0]);
  const all = (1n << 41n) - 1n;
  setCaps(script, slot, `${t.name}: caps for the set-up`, all);
  for (const s of scenario.world.sockets) {
    if (s.task !== t.name) continue;
    const fd = script.variable();
    world.handles.set(`${t.name}/${s.name}`, fd);
    makeSocket(script, slot, s, fd);
  }
  const name = script.string(t.comm.slice(0, 15));
  script.call(slot, `${t.name}: comm`, NR.prctl, [PR.setName, name, 0, 0, 0, 0]);
  if (ruleset && lsms.has('landlock')) {
    script.call(slot, `${t.name}: no_new_privs`, NR.prctl, [PR.setNoNewPrivs, 1, 0, 0, 0, 0]);
    enforceLandlock(script, slot, ruleset);
  }
  setCaps(script, slot, `${t.name}: caps`, capMask(t.caps));
  // A change of credentials clears it; after all of them it is set to what the scenario says.
  script.call(slot, `${t.name}: dumpable`, NR.prctl, [PR.setDumpable, t.dumpable ? 1 : 0, 0, 0, 0, 0]);
  if (profile) {
    const command = new TextEncoder().encode(`changeprofile ${profile}`);
    script.call(slot, `${t.name}: change to AppArmor profile ${profile}`, NR.write, [
      attribute,
      script.bytes(command),
      command.length,
      0,
      0,
      0,
    ]);
    script.call(slot, '', NR.close, [attribute, 0, 0, 0, 0, 0]);
  }
}

function setCaps(script: Script, slot: number, label: string, mask: bigint): void {
  const low = Number(mask & 0xffffffffn);
  const high = Number(mask >> 32n);
  const header = script.bytes(new Uint8Array(new Uint32Array([0x20080522, 0]).buffer));
  const data = script.bytes(new Uint8Array(new Uint32Array([low, low, 0, high, high, 0]).buffer));
  script.call(slot, label, NR.capset, [header, data, 0, 0, 0, 0]);
}

/**
 * World before step 1 and before any policy is loaded.
 * @param lsms the guest's stack: confinement by a module that is not in it is left out, as on any machine
 */
export function buildWorld(script: Script, scenario: Scenario, task: Uint8Array, lsms: ReadonlySet<string>): World {
  const world: World = { slots: new Map(), handles: new Map() };
  script.line('world');
  const builder = script.slot();
  script.spawn(builder, 0, null);
  makeFiles(script, builder, scenario, task);
  script.line(`reap ${builder}`);

  const tasks = byAncestry(scenario.world.tasks.filter((t) => t.pid !== 1));
  for (const t of tasks) {
    const slot = script.slot();
    world.slots.set(t.name, slot);
    const parent = t.parent === null ? undefined : world.slots.get(t.parent);
    if (parent === undefined) {
      script.spawn(slot, t.pid, t.exe);
    } else {
      script.cloneTask(parent, slot, t.pid, `${t.name}: pid ${t.pid} as a child of ${t.parent}`);
      const exe = script.string(t.exe);
      script.call(slot, `${t.name}: exec ${t.exe}`, NR.execve, [
        exe,
        script.strings([t.exe]),
        script.environment(slot),
        0,
        0,
        0,
      ]);
    }
  }
  for (const t of tasks) settle(script, world.slots.get(t.name)!, t, scenario, world, lsms);
  return world;
}

/** Profiles that some task enforces. */
export function profilesInUse(scenario: Scenario): readonly AppArmorProfile[] {
  const names = new Set(scenario.world.tasks.map((t) => t.apparmor));
  for (const name of names) {
    if (name !== null && !scenario.modules.apparmor.profiles.some((p) => p.name === name))
      throw new Error(`there is no AppArmor profile ${name}`);
  }
  return scenario.modules.apparmor.profiles;
}
