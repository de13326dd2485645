/**
 * Landlock (security/landlock/fs.c, ptrace.c): rulesets that a task enforces on itself. Errno EACCES for files,
 * EPERM for ptrace and mount (measured: order-cases, both kernels).
 */
import type { LandlockRuleset } from '../../kernel/index.ts';
import { ALLOW, EACCES, EPERM, type ModuleAnswer, type ModuleContext, type ModuleHooks } from './module.ts';

const MAY_EXEC = 1;
const MAY_WRITE = 2;
const MAY_READ = 4;
const O_TRUNC = 0o1000;

const under = (path: string, root: string): boolean =>
  root === '/' || path === root || path.startsWith(root.endsWith('/') ? root : root + '/');

/** A layer grants a right when it does not handle it, or when some rule at or above the path allows it. */
function missingRight(layer: LandlockRuleset, path: string, rights: readonly string[]): string | undefined {
  return rights.find(
    (r) => layer.handled.includes(r) && !layer.rules.some((rule) => rule.allow.includes(r) && under(path, rule.path)),
  );
}

function layersOf(ctx: ModuleContext): readonly LandlockRuleset[] {
  const all = ctx.settings.landlock.rulesets;
  return ctx.task.landlock.flatMap((name) => all.find((r) => r.name === name) ?? []);
}

function check(ctx: ModuleContext, path: string | undefined, rights: readonly string[]): ModuleAnswer {
  if (path === undefined || rights.length === 0) return ALLOW;
  for (const layer of layersOf(ctx)) {
    const right = missingRight(layer, path, rights);
    if (right !== undefined)
      return { ret: -EACCES, reason: `ruleset ${layer.name}: no rule allows ${right} on ${path}` };
  }
  return ALLOW;
}

const parentOf = (path: string): string => path.slice(0, Math.max(1, path.lastIndexOf('/')));

/** Rights on the directory that holds the entry which is made or removed. */
const inParent =
  (right: string) =>
  (ctx: ModuleContext): ModuleAnswer =>
    ctx.request.facts.path === undefined ? ALLOW : check(ctx, parentOf(ctx.request.facts.path), [right]);

function fileOpen(ctx: ModuleContext): ModuleAnswer {
  const { path, mask = 0, flags = 0, isDir } = ctx.request.facts;
  const rights: string[] = [];
  if ((mask & MAY_READ) !== 0) rights.push(isDir === true ? 'read_dir' : 'read_file');
  if ((mask & MAY_WRITE) !== 0) rights.push('write_file');
  if ((mask & MAY_EXEC) !== 0) rights.push('execute');
  const answer = check(ctx, path, rights);
  // TRUNCATE is a right from ABI 3 on (Linux 6.2), checked at path_truncate; 6.1 does not know it.
  if (answer.ret === 0 && (flags & O_TRUNC) !== 0 && ctx.request.hook === 'path_truncate') {
    return check(ctx, path, ['truncate']);
  }
  return answer;
}

/** A sandboxed tracer may only trace tasks of the same or a nested domain. */
function ptrace(ctx: ModuleContext, tracer: string, tracee: string | undefined): ModuleAnswer {
  if (tracee === undefined) return ALLOW;
  const a = ctx.host.task(tracer)?.landlock ?? [];
  const b = ctx.host.task(tracee)?.landlock ?? [];
  if (a.length === 0 || (b.length >= a.length && a.every((r, i) => r === b[i]))) return ALLOW;
  return { ret: -EPERM, reason: `${tracer} is sandboxed and ${tracee} is not inside its domain` };
}

/** Any filesystem ruleset forbids changing the mount tree. */
function topology(ctx: ModuleContext): ModuleAnswer {
  const layer = layersOf(ctx)[0];
  return layer === undefined ? ALLOW : { ret: -EPERM, reason: `ruleset ${layer.name}: a sandboxed task may not mount` };
}

export const landlockHooks: ModuleHooks = {
  file_open: fileOpen,
  path_mkdir: inParent('make_dir'),
  path_mknod: inParent('make_reg'),
  path_symlink: inParent('make_sym'),
  path_unlink: inParent('remove_file'),
  path_rmdir: inParent('remove_dir'),
  path_rename: (ctx) => {
    const { path, path2 } = ctx.request.facts;
    const from = path === undefined ? ALLOW : check(ctx, parentOf(path), ['remove_file']);
    if (from.ret !== 0) return from;
    return path2 === undefined ? ALLOW : check(ctx, parentOf(path2), ['make_reg']);
  },
  path_link: inParent('make_reg'),
  path_truncate: (ctx) =>
    ctx.version[0] > 6 || (ctx.version[0] === 6 && ctx.version[1] >= 2)
      ? check(ctx, ctx.request.facts.path, ['truncate'])
      : ALLOW,
  ptrace_access_check: (ctx) => ptrace(ctx, ctx.task.name, ctx.request.facts.targetTask),
  ptrace_traceme: (ctx) =>
    ctx.request.facts.targetTask === undefined ? ALLOW : ptrace(ctx, ctx.request.facts.targetTask, ctx.task.name),
  // Network rights and scopes (6.7, 6.12) bind only rulesets that handle them; ours handle file-system rights.
  socket_bind: () => ALLOW,
  socket_connect: () => ALLOW,
  task_kill: () => ALLOW,
  unix_may_send: () => ALLOW,
  sb_mount: topology,
  sb_umount: topology,
  sb_remount: topology,
  sb_pivotroot: topology,
};
