/**
 * AppArmor (security/apparmor/): path, network, capability, ptrace, signal and mount mediation for confined tasks.
 * Errno EACCES but for capabilities (EPERM). Unconfined tasks are never denied. Not modelled: exec transitions, owner
 * rules, hats, stacking, audit and complain logging (see docs/limits.md).
 */
import type { AppArmorProfile } from '../../kernel/index.ts';
import { globToRegExp } from './glob.ts';
import { ALLOW, EACCES, EPERM, type ModuleAnswer, type ModuleContext, type ModuleHooks } from './module.ts';

const MAY_EXEC = 1;
const MAY_WRITE = 2;
const MAY_READ = 4;
const MAY_APPEND = 8;
const O_CREAT = 0o100;
const PROT_EXEC = 4;

function profileOf(ctx: ModuleContext, task: string = ctx.task.name): AppArmorProfile | null {
  const name = task === ctx.task.name ? ctx.task.apparmor : (ctx.host.task(task)?.apparmor ?? null);
  return name === null ? null : (ctx.settings.apparmor.profiles.find((p) => p.name === name) ?? null);
}

/** In complain mode the real module logs and allows what no rule names; explicit deny rules still deny (lab, both kernels). */
const denied = (profile: AppArmorProfile, ret: number, reason: string): ModuleAnswer => ({
  ret,
  reason: `profile ${profile.name}: ${reason}`,
});

const verdict = (profile: AppArmorProfile, ret: number, reason: string): ModuleAnswer =>
  profile.mode === 'complain'
    ? { ret: 0, reason: `profile ${profile.name} (complain): would deny, ${reason}` }
    : { ret, reason: `profile ${profile.name}: ${reason}` };

/**
 * Deny rules win over allow rules; what no rule allows is denied. `w` implies `a`.
 * @param want letters of apparmor.d(5): r w a x m k l
 */
function path(ctx: ModuleContext, file: string | undefined, want: string): ModuleAnswer {
  const profile = profileOf(ctx);
  if (!profile || file === undefined || want === '') return ALLOW;
  let allowed = '';
  let allowedBy: string | null = null;
  for (const rule of profile.rules) {
    if (!globToRegExp(rule.path).test(file)) continue;
    const access = rule.access.includes('w') ? rule.access + 'a' : rule.access;
    const hit = [...want].find((c) => access.includes(c));
    if (!rule.allow && hit !== undefined) return denied(profile, -EACCES, `deny ${rule.path} ${rule.access}`);
    if (rule.allow) {
      allowed += access;
      if (hit !== undefined) allowedBy ??= `${rule.path} ${rule.access}`;
    }
  }
  const missing = [...want].filter((c) => !allowed.includes(c)).join('');
  if (missing !== '') return verdict(profile, -EACCES, `no rule allows ${missing} on ${file}`);
  return { ret: 0, reason: allowedBy === null ? null : `profile ${profile.name}: ${allowedBy}` };
}

function maskLetters(mask: number): string {
  let s = '';
  if ((mask & MAY_READ) !== 0) s += 'r';
  if ((mask & MAY_APPEND) !== 0) s += 'a';
  else if ((mask & MAY_WRITE) !== 0) s += 'w';
  if ((mask & MAY_EXEC) !== 0) s += 'x';
  return s;
}

const onPath =
  (want: string) =>
  (ctx: ModuleContext): ModuleAnswer =>
    path(ctx, ctx.request.facts.path, want);

/** Sockets are mediated by family and type (the `network_v8` policy ABI of both kernels). */
function network(ctx: ModuleContext): ModuleAnswer {
  const profile = profileOf(ctx);
  const { family, socketType } = ctx.request.facts;
  if (!profile || family === undefined) return ALLOW;
  const what = `network ${family} ${socketType ?? ''}`.trim();
  const matches = profile.network.filter(
    (r) => (r.family === family || r.family === 'all') && (r.type === null || r.type === socketType),
  );
  const deny = matches.find((r) => !r.allow);
  if (deny) return denied(profile, -EACCES, `deny network ${deny.family}${deny.type === null ? '' : ' ' + deny.type}`);
  if (matches.length === 0) return verdict(profile, -EACCES, `no rule allows ${what}`);
  return { ret: 0, reason: `profile ${profile.name}: ${what}` };
}

function capable(ctx: ModuleContext): ModuleAnswer {
  const profile = profileOf(ctx);
  const cap = ctx.request.facts.capability;
  if (!profile || cap === undefined) return ALLOW;
  const rules = profile.capabilities.filter((r) => r.cap === cap);
  if (rules.some((r) => !r.allow)) return denied(profile, -EPERM, `deny capability ${cap}`);
  if (rules.length === 0) return verdict(profile, -EPERM, `no rule allows capability ${cap}`);
  return ALLOW;
}

/** Cross-task rules look at both ends; tasks of one profile may always act on each other's like. */
function crossTask(what: 'ptrace' | 'signal') {
  return (ctx: ModuleContext): ModuleAnswer => {
    const target = ctx.request.facts.targetTask;
    if (target === undefined || target === ctx.task.name) return ALLOW;
    const mine = profileOf(ctx);
    const theirs = profileOf(ctx, target);
    if (mine?.name === theirs?.name) return ALLOW;
    for (const p of [mine, theirs]) {
      if (p && !p[what]) return verdict(p, -EACCES, `no ${what} rule`);
    }
    return ALLOW;
  };
}

function mount(ctx: ModuleContext): ModuleAnswer {
  const profile = profileOf(ctx);
  if (!profile || profile.mount) return ALLOW;
  return verdict(profile, -EACCES, 'no mount rule');
}

export const apparmorHooks: ModuleHooks = {
  file_open: (ctx) => {
    const { mask = 0, flags = 0 } = ctx.request.facts;
    const letters = maskLetters(mask) + ((flags & O_CREAT) !== 0 && (mask & MAY_WRITE) !== 0 ? 'w' : '');
    // Exec opens are mediated at bprm_creds_for_exec (apparmor_file_open returns early for in_execve).
    return ctx.request.facts.forExec === true ? ALLOW : path(ctx, ctx.request.facts.path, letters);
  },
  bprm_creds_for_exec: onPath('x'),
  // Permissions were cached at open; only a changed label or profile revalidates, which scenarios cannot express.
  file_permission: () => ALLOW,
  mmap_file: (ctx) => path(ctx, ctx.request.facts.path, ((ctx.request.facts.prot ?? 0) & PROT_EXEC) !== 0 ? 'm' : ''),
  // compute_fperms() grants AA_MAY_GETATTR to everybody, on both kernels.
  inode_getattr: () => ALLOW,
  path_mkdir: onPath('w'),
  path_mknod: onPath('w'),
  path_unlink: onPath('w'),
  path_rmdir: onPath('w'),
  path_symlink: onPath('w'),
  path_truncate: onPath('w'),
  path_chmod: onPath('w'),
  path_chown: onPath('w'),
  path_rename: (ctx) => {
    const from = path(ctx, ctx.request.facts.path, 'rw');
    return from.ret !== 0 ? from : path(ctx, ctx.request.facts.path2, 'w');
  },
  capable,
  ptrace_access_check: crossTask('ptrace'),
  ptrace_traceme: crossTask('ptrace'),
  task_kill: crossTask('signal'),
  sb_mount: mount,
  sb_umount: mount,
  socket_create: network,
  socket_bind: network,
  socket_connect: network,
  socket_listen: network,
  socket_accept: network,
  socket_sendmsg: network,
  socket_recvmsg: network,
  socket_getsockname: network,
  socket_getpeername: network,
};
