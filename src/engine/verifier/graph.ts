/** Lists and trees of the program's own objects: roots, nodes, and the lock that must be held (6.2 on). */
import type { Field, FieldKind } from './btf-fields.ts';
import { structMatches } from './btf-walk.ts';
import type { Env } from './env.ts';
import { EINVAL } from './env.ts';
import { kfuncRole } from './kfunc-table.ts';
import type { Reg } from './reg.ts';
import { ALLOC, pointerReg } from './reg.ts';

// What kernel functions do, see `Kfunc.role`.
export const LIST_PUSH: ReadonlySet<string> = new Set(['bpf_list_push_front', 'bpf_list_push_back', 'bpf_list_add']);
export const RB_ADD = 'bpf_rbtree_add';
export const REFCOUNT_ACQUIRE = 'bpf_refcount_acquire';
/** They give back an element that the program owns from there on. */
const TAKES: ReadonlySet<string> = new Set([
  'bpf_list_pop_front',
  'bpf_list_pop_back',
  'bpf_list_del',
  'bpf_rbtree_remove',
]);
/** They give back an element that stays where it is. */
const LOOKS: ReadonlySet<string> = new Set([
  'bpf_list_front',
  'bpf_list_back',
  'bpf_rbtree_first',
  'bpf_rbtree_root',
  'bpf_rbtree_left',
  'bpf_rbtree_right',
]);
const ASKS: ReadonlySet<string> = new Set(['bpf_list_is_first', 'bpf_list_is_last', 'bpf_list_empty']);

/** Does the result stay owned by the list or tree? */
export const leavesInPlace = (role: string): boolean => LOOKS.has(role);
/** Is the result an element of the list or tree? */
export const givesNode = (role: string): boolean => TAKES.has(role) || LOOKS.has(role);

/** Kernel functions that may (and must) be called while a lock is held. */
export const isGraphFunc = (role: string): boolean =>
  LIST_PUSH.has(role) || givesNode(role) || ASKS.has(role) || role === RB_ADD || role === REFCOUNT_ACQUIRE;

/** Is the comparison function of a tree running, or something that it calls? (in_rbtree_lock_required_cb) */
export function inTreeCallback(env: Env): boolean {
  for (let n = env.state.frames.length - 1; n > 0; n--) {
    const f = env.state.frames[n];
    if (!f.inCallback) continue;
    if (env.insns.src[f.callsite] === 2 && kfuncRole(env.btf.name(env.insns.imm[f.callsite])) === RB_ADD) return true;
  }
  return false;
}

/** The root argument: in a map value or object whose lock is held. */
export function graphRoot(env: Env, regno: number, reg: Reg, kind: FieldKind): Field {
  if (!reg.num.isConst) {
    env.fail(
      EINVAL,
      'graph',
      `R${regno} doesn't have constant offset. ${kind} has to be at the constant offset`,
      regno,
    );
  }
  const record = env.specials.ofReg(reg);
  const off = reg.off + Number(reg.num.constS64);
  const field = record?.fields.find((f) => f.kind === kind && f.offset === off);
  if (record === null || field === undefined) {
    env.fail(EINVAL, 'graph', `${kind} not found at offset=${off >>> 0}`, regno);
  }
  const st = env.state;
  const owner = reg.kind === 'map_value' ? reg.map : reg.btf;
  const held = st.lockMap !== null && st.lockMap === owner && st.lockId === reg.id;
  if (!held) {
    if (st.lockMap !== null) env.log.line('held lock and object are not in the same allocation');
    env.fail(EINVAL, 'graph-lock', `bpf_spin_lock at off=${record.spinLock} must be held for ${kind}`, regno);
  }
  return field;
}

/** The node argument: the node that the root was declared to contain. */
export function graphNode(
  env: Env,
  regno: number,
  reg: Reg,
  rootKind: FieldKind,
  nodeKind: FieldKind,
  root: Field,
): void {
  if (!reg.num.isConst) {
    env.fail(
      EINVAL,
      'graph',
      `R${regno} doesn't have constant offset. ${nodeKind} has to be at the constant offset`,
      regno,
    );
  }
  const off = reg.off + Number(reg.num.constS64);
  const field = env.specials.ofReg(reg)?.fields.find((f) => f.kind === nodeKind && f.offset === off);
  if (field === undefined) env.fail(EINVAL, 'graph', `${nodeKind} not found at offset=${off >>> 0}`, regno);
  const want = root.root!;
  const name = want.btf.name(want.typeId);
  const same = structMatches(env, reg.btf!, reg.btfId, 0, want.typeId, {
    needBtf: want.btf,
    strict: true,
    flexible: (reg.flags & ALLOC) === 0,
  });
  if (!same) {
    env.fail(
      EINVAL,
      'graph',
      `operation on ${rootKind} expects arg#1 ${nodeKind} at offset=${want.nodeOffset} in struct ${name}, ` +
        `but arg is at offset=${off} in struct ${reg.btf!.name(reg.btfId)}`,
      regno,
    );
  }
  if (off !== want.nodeOffset) {
    env.fail(
      EINVAL,
      'graph',
      `arg#1 offset=${off}, but expected ${nodeKind} at offset=${want.nodeOffset} in struct ${name}`,
      regno,
    );
  }
}

/** A pointer to the node of an element of the list or tree. */
export function nodeOf(env: Env, root: Field): Reg {
  const { btf, typeId, nodeOffset } = root.root!;
  const r = pointerReg('ptr_', ALLOC, env.insn);
  r.btf = btf;
  r.btfId = typeId;
  r.off = nodeOffset;
  return r;
}
