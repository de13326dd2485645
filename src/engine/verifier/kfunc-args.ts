/** Arguments of kernel functions: what each must be follows from its BTF type, its name and the function's flags. */
import type { BtfType } from '../bpf/index.ts';
import type { MapDef } from '../loader/index.ts';
import type { Btf } from '../bpf/index.ts';
import type { Field } from './btf-fields.ts';
import { structMatches } from './btf-walk.ts';
import { isContextPointer, isProjection, kernelContextType } from './ctx-types.ts';
import { kindName } from './ctx.ts';
import { checkDynptr, dynptrId, dynptrRef, dynptrType, isInitialised } from './dynptr.ts';
import type { Env } from './env.ts';
import { EACCES, EINVAL, ENOTSUPP } from './env.ts';
import { graphNode, graphRoot, inTreeCallback, RB_ADD } from './graph.ts';
import { argOffset, checkConstString, checkSizeReg, memReg, timerArg } from './helper-args.ts';
import type { IterPlace, IterStep } from './iters.ts';
import { checkIter } from './iters.ts';
import type { Kfunc } from './kfunc-table.ts';
import { markPrecise } from './precision.ts';
import { isAllocated, isOwnObject, withoutNull } from './refs.ts';
import type { DynptrType, Reg } from './reg.ts';
import { ALLOC, isNonOwning, NON_OWN, PERCPU, RCU, TRUSTED, typeName } from './reg.ts';
import { isTrusted } from './trust.ts';

export interface Param {
  readonly name: string;
  readonly type: number;
}

/** The function that gives up a dynptr of a file. */
export const FILE_DISCARD = 'bpf_dynptr_file_discard';

const isDynptr = (env: Env, typeId: number): boolean => env.btf.name(env.btf.strip(typeId)) === 'bpf_dynptr';

/** What the arguments of one call have shown. */
export interface KfuncMeta {
  readonly func: Kfunc;
  readonly id: number;
  readonly params: readonly Param[];
  /** Register with the object that the call releases; 0 = none. */
  release: number;
  refId: number;
  constant: bigint | null;
  resultSize: number;
  resultReadOnly: boolean;
  map: MapDef | null;
  mapUid: number;
  subprog: number;
  /** The object given to bpf_refcount_acquire() is owned, so that the result is never NULL. */
  owningRef: boolean;
  object: { readonly btf: Btf; readonly typeId: number } | null;
  root: Field | null;
  dynptr: { readonly id: number; readonly type: DynptrType; readonly refId: number } | null;
  iter: IterPlace | null;
  contextType: number;
}

type Kind =
  | 'ctx'
  | 'null'
  | 'alloc'
  | 'refcounted'
  | 'dynptr'
  | 'iter'
  | 'list-head'
  | 'list-node'
  | 'rb-root'
  | 'rb-node'
  | 'string'
  | 'map'
  | 'wq'
  | 'timer'
  | 'btf'
  | 'callback'
  | 'mem'
  | 'mem-size';

const isScalarType = (t: BtfType): boolean => t.kind === 'int' || t.kind === 'enum' || t.kind === 'enum64';
const isStruct = (t: BtfType): boolean => t.kind === 'struct' || t.kind === 'union';
const nameOf = (t: BtfType): string => (t.kind === 'void' ? '' : t.name);

/** A struct of numbers only, four levels deep at most. */
function scalarStruct(env: Env, btf: Btf, t: BtfType, depth: number): boolean {
  if (t.kind !== 'struct' && t.kind !== 'union') return false;
  return t.members.every((m) => {
    let f = btf.type(btf.strip(m.type));
    if (isStruct(f)) {
      if (depth >= 3) {
        env.log.line('max struct nesting depth exceeded');
        return false;
      }
      return scalarStruct(env, btf, f, depth + 1);
    }
    if (f.kind === 'array') {
      if (f.count === 0) return false;
      f = btf.type(btf.strip(f.type));
    }
    return isScalarType(f);
  });
}
export const isScalarStruct = (env: Env, btf: Btf, typeId: number): boolean =>
  scalarStruct(env, btf, btf.type(typeId), 0);

const STRUCT_ARGS: Readonly<Record<string, Kind>> = {
  bpf_dynptr: 'dynptr',
  // Before 6.7.
  bpf_dynptr_kern: 'dynptr',
  bpf_list_head: 'list-head',
  bpf_list_node: 'list-node',
  bpf_rb_root: 'rb-root',
  bpf_rb_node: 'rb-node',
};

/** Registers that stand for kernel structs although they are of a kind of their own (reg2btf_ids). */
const KIND_STRUCTS: Readonly<Record<string, string>> = {
  map_ptr: 'bpf_map',
  sock: 'sock',
  sock_common: 'sock_common',
  tcp_sock: 'tcp_sock',
};
const standsForStruct = (r: Reg): string | undefined => KIND_STRUCTS[r.kind];
/** Flags that may not be on an argument that is expected to be a sound pointer. */
const unsafe = (r: Reg): boolean => (r.flags & ~(TRUSTED | ALLOC | NON_OWN)) !== 0;

export function isMemSize(env: Env, p: Param | undefined, r: Reg, suffix: '__sz' | '__szk'): boolean {
  return p !== undefined && isScalarType(env.btf.type(env.btf.strip(p.type))) && r.isScalar && p.name.endsWith(suffix);
}

const iterStep = (f: Kfunc): IterStep =>
  f.flags.has('iter_new') ? 'new' : f.flags.has('iter_next') ? 'next' : f.flags.has('iter_destroy') ? 'destroy' : 'use';

const TAKES_CONTEXT: ReadonlySet<string> = new Set([
  'bpf_cast_to_kern_ctx',
  'bpf_session_is_return',
  'bpf_session_cookie',
]);

/** Argument `n` as messages name it. */
const argName = (env: Env, n: number): string => (env.rules.argsByRegister ? `R${n + 1}` : `arg#${n}`);

/** What kind of argument the BTF asks for (get_kfunc_ptr_arg_type). */
function classify(env: Env, meta: KfuncMeta, n: number, ptr: BtfType, target: BtfType): Kind {
  const p = meta.params[n];
  const reg = env.reg(n + 1);
  const { progType } = env.prog.attach;
  if (TAKES_CONTEXT.has(meta.func.name)) return 'ctx';
  if (isContextPointer(env.btf, ptr, progType)) return 'ctx';
  const next = meta.params[n + 1];
  const sized =
    next !== undefined &&
    (isMemSize(env, next, env.reg(n + 2), '__sz') || isMemSize(env, next, env.reg(n + 2), '__szk'));
  // Memory that may be left out is marked so since 7.0; before it was `__opt`.
  if (p.name.endsWith('__nullable') && reg.isNull && !(sized && env.rules.kfuncArgsTrusted)) return 'null';
  if (p.name.endsWith('__alloc')) return 'alloc';
  if (p.name.endsWith('__refcounted_kptr')) return 'refcounted';
  const named = target.kind === 'struct' ? STRUCT_ARGS[target.name] : undefined;
  if (named === 'dynptr') return 'dynptr';
  if (iterStep(meta.func) === 'use' ? p.name.endsWith('__iter') : n === 0) return 'iter';
  if (named !== undefined) return named;
  if (p.name.endsWith('__str')) return 'string';
  if (p.name.endsWith('__map')) return 'map';
  if (target.kind === 'struct' && target.name === 'bpf_wq') return 'wq';
  if (target.kind === 'struct' && target.name === 'bpf_timer') return 'timer';
  if (reg.kind === 'ptr_' || standsForStruct(reg) !== undefined) {
    if (!isStruct(target)) {
      env.fail(
        EINVAL,
        'kfunc-args',
        `kernel function ${meta.func.name} ${env.rules.argsByRegister ? `R${n + 1}` : `args#${n}`} pointer type ${kindName(target)} ${nameOf(target)} is not supported`,
        n + 1,
      );
    }
    return 'btf';
  }
  if (target.kind === 'func_proto') return 'callback';
  if (!isScalarType(target) && !scalarStruct(env, env.btf, target, 0) && !(sized && target.kind === 'void')) {
    env.fail(
      EINVAL,
      'kfunc-args',
      `${argName(env, n)} pointer type ${kindName(target)} ${nameOf(target)} must point to ${sized ? 'void, ' : ''}scalar, or struct with scalar`,
      n + 1,
    );
  }
  return sized ? 'mem-size' : 'mem';
}

/** All arguments (check_kfunc_args). */
export function checkKfuncArgs(env: Env, meta: KfuncMeta): void {
  const { func, params } = meta;
  if (params.length > 5) env.fail(EINVAL, 'kfunc-args', `Function ${func.name} has ${params.length} > 5 args`);
  const release = func.flags.has('release');
  const trusted = func.flags.has('trusted_args') || release || env.rules.kfuncArgsTrusted;
  const rcu = func.flags.has('rcu');
  for (let n = 0; n < params.length; n++) {
    const p = params[n];
    const regno = n + 1;
    const reg = env.reg(regno);
    const t = env.btf.type(env.btf.strip(p.type));
    if (p.name.endsWith('__ign')) continue;
    if (isScalarType(t)) {
      checkScalar(env, meta, p, regno, reg);
      continue;
    }
    if (t.kind !== 'ptr') env.fail(EINVAL, 'kfunc-args', `Unrecognized ${argName(env, n)} type ${kindName(t)}`, regno);
    if ((trusted || rcu) && (reg.isNull || reg.mayBeNull) && !p.name.endsWith('__nullable')) {
      env.fail(
        EACCES,
        'null-argument',
        `Possibly NULL pointer passed to trusted ${env.rules.argsByRegister ? `R${regno}` : `arg${n}`}`,
        regno,
      );
    }
    if (env.rules.kfuncArgsTrusted && release && n === 0 && reg.refId === 0 && !reg.isNull && !isDynptr(env, t.type)) {
      env.fail(
        EINVAL,
        'not-acquired',
        `release kfunc ${func.name} expects referenced PTR_TO_BTF_ID passed to R1`,
        regno,
      );
    }
    if (reg.refId !== 0) {
      meta.refId = reg.refId;
      if (release) meta.release = regno;
    }
    const target = env.btf.type(env.btf.strip(t.type));
    const kind = classify(env, meta, n, t, target);
    if (kind === 'null') continue;
    if (kind === 'map') checkMap(env, meta, regno, reg);
    if ((kind === 'map' || kind === 'alloc' || kind === 'btf') && (trusted || rcu) && !isTrusted(reg)) {
      if (!rcu) env.fail(EINVAL, 'untrusted-argument', `R${regno} must be referenced or trusted`, regno);
      if ((reg.flags & RCU) === 0) env.fail(EINVAL, 'untrusted-argument', `R${regno} must be a rcu pointer`, regno);
    }
    argOffset(env, regno, reg, release && reg.refId !== 0);
    if (checkPointer(env, meta, n, kind, target)) n++;
  }
  if (release && meta.release === 0 && func.name !== FILE_DISCARD) {
    env.fail(EINVAL, 'not-acquired', `release kernel function ${func.name} expects refcounted PTR_TO_BTF_ID`);
  }
}

function checkScalar(env: Env, meta: KfuncMeta, p: Param, regno: number, reg: Reg): void {
  if (!reg.isScalar) env.fail(EINVAL, 'kfunc-args', `R${regno} is not a scalar`, regno);
  if (p.name.endsWith('__k')) {
    if (!reg.num.isConst) env.fail(EINVAL, 'size-not-constant', `R${regno} must be a known constant`, regno);
    markPrecise(env, regno);
    meta.constant = reg.num.tnum.value;
    return;
  }
  if (p.name !== 'rdonly_buf_size' && p.name !== 'rdwr_buf_size') return;
  if (meta.resultSize !== 0) {
    env.fail(EINVAL, 'kfunc-args', '2 or more rdonly/rdwr_buf_size parameters for kfunc', regno);
  }
  meta.resultReadOnly = p.name === 'rdonly_buf_size';
  if (!reg.num.isConst) env.fail(EINVAL, 'size-not-constant', `R${regno} is not a const`, regno);
  if (reg.num.tnum.value > 0xffff_ffffn) {
    env.fail(EINVAL, 'kfunc-args', `R${regno} rdonly/rdwr_buf_size exceeds u32 max`, regno);
  }
  meta.resultSize = Number(reg.num.tnum.value);
  markPrecise(env, regno);
}

function checkMap(env: Env, meta: KfuncMeta, regno: number, reg: Reg): void {
  // Pointers to kernel structs are looked at later.
  if (reg.kind === 'ptr_') return;
  if (reg.map === null) return env.fail(EINVAL, 'kfunc-args', `pointer in R${regno} isn't map pointer`, regno);
  if (meta.map !== null && env.fields(reg.map).wq >= 0 && (meta.map !== reg.map || meta.mapUid !== reg.mapUid)) {
    env.fail(
      EINVAL,
      'timer-map',
      `workqueue pointer in R1 map_uid=${meta.mapUid} doesn't match map pointer in R2 map_uid=${reg.mapUid}`,
      regno,
    );
  }
  meta.map = reg.map;
  meta.mapUid = reg.mapUid;
}

/** One pointer argument; true when the next one (its size) was checked with it. */
function checkPointer(env: Env, meta: KfuncMeta, n: number, kind: Kind, target: BtfType): boolean {
  const regno = n + 1;
  const reg = env.reg(regno);
  const p = meta.params[n];
  const { name, role } = meta.func;
  const bad = (message: string): never => env.fail(EINVAL, 'kfunc-args', message, regno);
  const arg = argName(env, n);
  const referenced = (): void => {
    if (reg.refId === 0) bad('allocated object must be referenced');
  };
  switch (kind) {
    case 'ctx':
      if (reg.kind !== 'ctx') bad(`${arg} expected pointer to ctx, but got ${env.typeText(reg)}`);
      if (name === 'bpf_cast_to_kern_ctx') castContext(env, meta);
      return false;
    case 'alloc':
      if (isOwnObject(reg)) {
        if (role !== 'bpf_obj_drop') bad(`${arg} expected for ${dropName(env, 'bpf_obj_drop')}()`);
      } else if (reg.kind === 'ptr_' && reg.flags === (ALLOC | PERCPU)) {
        if (role !== 'bpf_percpu_obj_drop') bad(`${arg} expected for ${dropName(env, 'bpf_percpu_obj_drop')}()`);
      } else bad(`${arg} expected pointer to allocated object`);
      referenced();
      meta.object = { btf: reg.btf!, typeId: reg.btfId };
      return false;
    case 'dynptr':
      dynptrArg(env, meta, regno, p, reg);
      return false;
    case 'iter': {
      if (name === 'bpf_iter_css_task_new' && !cssTaskAllowed(env)) {
        bad('css_task_iter is only allowed in bpf_lsm, bpf_iter and sleepable progs');
      }
      const rcuProtected = meta.func.flags.has('rcu_protected');
      if (target.kind !== 'struct' || !target.name.startsWith('bpf_iter_')) {
        bad(`expected valid iter pointer as ${env.rules.argsByRegister ? arg : `arg #${n}`}`);
      }
      meta.iter = checkIter(env, regno, target.id, iterStep(meta.func), rcuProtected, name);
      if (meta.iter !== null) meta.refId = meta.iter.refId;
      return false;
    }
    case 'list-head':
    case 'rb-root':
      if (reg.kind !== 'map_value' || reg.flags !== 0) {
        if (!isOwnObject(reg)) bad(`${arg} expected pointer to map value or allocated object`);
        referenced();
      }
      meta.root = graphRoot(env, regno, reg, kind === 'rb-root' ? 'bpf_rb_root' : 'bpf_list_head');
      return false;
    case 'list-node':
      if (p.name.endsWith('__nonown_allowed') && isNonOwning(reg) && reg.refId === 0) {
        graphNode(env, regno, reg, 'bpf_list_head', 'bpf_list_node', meta.root!);
        return false;
      }
      if (!isOwnObject(reg)) bad(`${arg} expected pointer to allocated object`);
      referenced();
      graphNode(env, regno, reg, 'bpf_list_head', 'bpf_list_node', meta.root!);
      meta.object = { btf: reg.btf!, typeId: reg.btfId };
      return false;
    case 'rb-node':
      if (role !== RB_ADD) {
        const byName = env.rules.argsByRegister;
        const owned = isNonOwning(reg) ? reg.refId !== 0 && !byName : !byName || reg.refId === 0;
        if (owned) {
          bad(
            byName
              ? `${name} can only take non-owning or refcounted bpf_rb_node pointer`
              : 'rbtree_remove node input must be non-owning ref',
          );
        }
        if (inTreeCallback(env)) bad(`${byName ? name : 'rbtree_remove'} not allowed in rbtree cb`);
      } else {
        if (!isOwnObject(reg)) bad(`${arg} expected pointer to allocated object`);
        referenced();
      }
      graphNode(env, regno, reg, 'bpf_rb_root', 'bpf_rb_node', meta.root!);
      meta.object = { btf: reg.btf!, typeId: reg.btfId };
      return false;
    case 'map':
    case 'btf':
      btfArg(env, meta, n, reg, kind === 'map' ? env.btf.type(env.btf.find('bpf_map', 'struct')) : target);
      return false;
    case 'mem': {
      const size = env.btf.sizeOf(target.id);
      if (size === undefined) {
        bad(`${arg} reference type('${kindName(target)} ${nameOf(target)}') size cannot be determined: -22`);
      } else memReg(env, regno, reg, size);
      return false;
    }
    case 'mem-size':
      memPair(env, meta, n, reg);
      return true;
    case 'callback':
      if (reg.kind !== 'func') bad(`${env.rules.argsByRegister ? arg : `arg${n}`} expected pointer to func`);
      meta.subprog = reg.subprog;
      return false;
    case 'refcounted':
      if (!isAllocated(reg)) bad(`${arg} is neither owning or non-owning ref`);
      if (!isNonOwning(reg) && reg.refId !== 0) meta.owningRef = true;
      if ((env.specials.ofReg(reg)?.refcount ?? -1) < 0) {
        bad(`${arg} doesn't point to a type with bpf_refcount field`);
      }
      meta.object = { btf: reg.btf!, typeId: reg.btfId };
      return false;
    case 'string':
      if (reg.kind !== 'map_value' || reg.flags !== 0) bad(`${arg} doesn't point to a const string`);
      checkConstString(env, regno, reg);
      return false;
    case 'wq': {
      if (reg.kind !== 'map_value' || reg.flags !== 0) bad(`${arg} doesn't point to a map value`);
      const off = BigInt.asIntN(64, reg.num.tnum.value + BigInt(reg.off));
      const at = env.fields(reg.map!).wq;
      if (BigInt(at) !== off) bad(`off ${off} doesn't point to 'struct bpf_wq' that is at ${at < 0 ? -EINVAL : at}`);
      meta.map = reg.map;
      meta.mapUid = reg.mapUid;
      return false;
    }
    case 'timer':
      if (reg.kind !== 'map_value' || reg.flags !== 0) bad(`${arg} doesn't point to a map value`);
      timerArg(env, meta, regno, reg);
      return false;
    case 'null':
      return false;
  }
}

/** A function that gives objects back, as messages name it. */
const dropName = (env: Env, role: string): string => (env.rules.argsByRegister ? role : `${role}_impl`);

/** LSM programs, iterators and all that may sleep. */
function cssTaskAllowed(env: Env): boolean {
  const { progType } = env.prog.attach;
  return progType === 'lsm' || progType === 'lsm_cgroup' || (progType as string) === 'iter' || env.inSleepable;
}

function castContext(env: Env, meta: KfuncMeta): void {
  const id = kernelContextType(env.btf, env.prog.attach.progType);
  const { kind } = env.btf.type(id);
  if (kind !== 'struct' && kind !== 'union') {
    env.fail(EINVAL, 'kfunc-args', `kern ctx type id ${id} is not a struct`);
  }
  meta.contextType = id;
}

/** 6.1 takes dynptrs on the stack of memory of the program's own only (btf_check_func_arg_match()). */
function localDynptr(env: Env, regno: number, reg: Reg): void {
  const bad = (what: string): never =>
    env.fail(EINVAL, 'dynptr', `arg#${regno - 1} pointer type STRUCT bpf_dynptr_kern ${what}`, regno);
  if (reg.kind !== 'fp') bad('not to stack');
  if (!isInitialised(env, reg)) bad('must be valid and initialized');
  if (dynptrType(env, reg) !== 'local') bad('points to unsupported dynamic pointer type');
}

function dynptrArg(env: Env, meta: KfuncMeta, regno: number, p: Param, reg: Reg): void {
  if (!env.rules.dynptrsEnd) {
    localDynptr(env, regno, reg);
    return;
  }
  const uninit = p.name.endsWith('__uninit');
  let type: DynptrType | null = null;
  let clone = 0;
  if (meta.func.name === 'bpf_dynptr_from_skb') type = 'skb';
  else if (meta.func.name === 'bpf_dynptr_from_xdp') type = 'xdp';
  else if (meta.func.name === FILE_DISCARD) type = 'file';
  else if (meta.func.name === 'bpf_dynptr_from_file') {
    type = 'file';
    if (meta.refId !== 0) env.fail(ENOTSUPP, 'not-modelled', 'dynptrs of files that are held are not modelled');
  } else if (meta.func.name === 'bpf_dynptr_clone' && uninit && meta.dynptr !== null) {
    type = meta.dynptr.type;
    clone = meta.dynptr.refId;
  }
  if (meta.func.name === FILE_DISCARD && reg.kind === 'dynptr_ptr') {
    env.fail(EINVAL, 'dynptr', 'CONST_PTR_TO_DYNPTR cannot be released', regno);
  }
  checkDynptr(env, regno, { uninit, readOnly: reg.kind === 'dynptr_ptr', type }, clone);
  if (!uninit) meta.dynptr = { id: dynptrId(env, reg), type: dynptrType(env, reg), refId: dynptrRef(env, reg) };
}

const INIT_SUFFIX = '___init';

/** A kernel struct (process_kf_arg_ptr_to_btf_id). */
function btfArg(env: Env, meta: KfuncMeta, n: number, reg: Reg, target: BtfType): void {
  const regno = n + 1;
  const other = standsForStruct(reg);
  if ((reg.kind !== 'ptr_' || (unsafe(reg) && (reg.flags & RCU) === 0)) && other === undefined) {
    const expected = typeName(reg.kind, reg.flags & (TRUSTED | ALLOC | NON_OWN), env.rules.ringbufWord);
    env.fail(EINVAL, 'kfunc-args', `${argName(env, n)} is ${env.typeText(reg)} expected ${expected} or socket`, regno);
  }
  const btf = reg.kind === 'ptr_' ? reg.btf! : env.btf;
  const id = btf.strip(reg.kind === 'ptr_' ? reg.btfId : env.btf.find(other!, 'struct'));
  const name = btf.name(id);
  const want = nameOf(target);
  const alias = name === want + INIT_SUFFIX || want === name + INIT_SUFFIX;
  const strict = (meta.func.flags.has('release') && reg.refId !== 0) || alias;
  const same = structMatches(env, btf, id, reg.off, target.id, { strict, flexible: (reg.flags & ALLOC) === 0 });
  if (same || isProjection(want, name)) return;
  env.fail(
    EINVAL,
    'wrong-struct',
    `kernel function ${meta.func.name} ${env.rules.argsByRegister ? `R${regno}` : `args#${n}`} expected pointer to ${kindName(target)} ${want} but R${regno} has a ` +
      `pointer to ${kindName(btf.type(id))} ${name}`,
    regno,
  );
}

/** Memory with its size in the next argument. */
function memPair(env: Env, meta: KfuncMeta, n: number, reg: Reg): void {
  const regno = n + 1;
  const size = env.reg(regno + 1);
  const optional = env.rules.kfuncArgsTrusted ? '__nullable' : '__opt';
  if (!reg.isNull || !meta.params[n].name.endsWith(optional)) {
    const saved = reg.mayBeNull ? reg : null;
    if (saved !== null) env.setReg(regno, withoutNull(reg));
    env.also(
      env.rules.argsByRegister
        ? `R${regno} and R${regno + 1} memory, len pair leads to invalid memory access`
        : `arg#${n} arg#${n + 1} memory, len pair leads to invalid memory access`,
      () => {
        checkSizeReg(env, regno + 1, size, 'read');
        checkSizeReg(env, regno + 1, size, 'write');
      },
    );
    if (saved !== null) env.setReg(regno, saved);
  }
  if (!isMemSize(env, meta.params[n + 1], size, '__szk')) return;
  if (!size.num.isConst) env.fail(EINVAL, 'size-not-constant', `R${regno + 1} must be a known constant`, regno + 1);
  meta.constant = size.num.tnum.value;
}
