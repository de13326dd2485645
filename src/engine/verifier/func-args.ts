/** Arguments of global functions, by the object's BTF: such functions are verified once, for any arguments of these types. */
import { EINVAL } from './env.ts';
import type { Env } from './env.ts';

export type FuncArg =
  | { readonly kind: 'scalar' }
  | { readonly kind: 'ctx' }
  | { readonly kind: 'mem'; readonly size: number; readonly nonNull: boolean };

/** Refuses what the kernel cannot verify on its own. */
export function argsOf(env: Env, subprog: number): readonly FuncArg[] {
  const sub = env.subprogs[subprog];
  const btf = env.obj.btf;
  if (btf === null || sub.funcTypeId === 0) env.fail(14, 'global-btf', 'Global functions need valid BTF');
  const f = btf.type(sub.funcTypeId);
  const p = f.kind === 'func' ? btf.type(f.type) : f;
  if (p.kind !== 'func_proto') env.fail(14, 'global-btf', `Invalid type of function ${sub.name}()`);
  if (p.params.length > 5) {
    env.fail(EINVAL, 'global-args', `Global function ${sub.name}() with ${p.params.length} > 5 args. Buggy compiler.`);
  }
  const ret = btf.kind(btf.strip(p.ret));
  if (ret !== 'int' && ret !== 'enum' && ret !== 'enum64') {
    env.fail(EINVAL, 'global-return', `Global function ${sub.name}() doesn't return scalar. Only those are supported.`);
  }
  return p.params.map((param, i): FuncArg => {
    const t = btf.type(btf.strip(param.type));
    if (t.kind === 'int' || t.kind === 'enum' || t.kind === 'enum64') return { kind: 'scalar' };
    if (t.kind !== 'ptr') {
      env.fail(EINVAL, 'global-args', `Arg#${i} type ${t.kind.toUpperCase()} in ${sub.name}() is not supported yet.`);
    }
    const tags = argTags(env, sub.funcTypeId, i);
    if (tags.includes('arg:ctx')) return { kind: 'ctx' };
    const size = btf.sizeOf(t.type);
    if (size === undefined) {
      const target = btf.type(btf.strip(t.type));
      env.fail(
        EINVAL,
        'global-args',
        `arg#${i} reference type('${target.kind.toUpperCase()} ${target.kind === 'void' ? '(anon)' : target.name}') size cannot be determined: -22`,
      );
    }
    return { kind: 'mem', size, nonNull: tags.includes('arg:nonnull') };
  });
}

/** `__arg_nonnull` and friends (6.9 on; nothing to find in objects for older kernels). */
function argTags(env: Env, funcId: number, index: number): readonly string[] {
  const btf = env.obj.btf!;
  if (!env.rules.trust) return [];
  const out: string[] = [];
  for (let id = 1; id < btf.typeCount; id++) {
    if (btf.kind(id) !== 'decl_tag') continue;
    const t = btf.type(id);
    if (t.kind === 'decl_tag' && t.type === funcId && t.componentIndex === index) out.push(t.name);
  }
  return out;
}
