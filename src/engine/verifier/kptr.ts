/** Pointers to kernel objects kept in map values (kptrs): loads, stores and bpf_kptr_xchg(). */
import { BPF_CLASS, BPF_LDX, BPF_MEM, BPF_MODE, BPF_STX } from '../bpf/index.ts';
import type { Field } from './btf-fields.ts';
import { isKptr } from './btf-fields.ts';
import { structMatches } from './btf-walk.ts';
import type { Env } from './env.ts';
import { EACCES, EINVAL } from './env.ts';
import { checkFixedOffset } from './offsets.ts';
import { markPrecise } from './precision.ts';
import type { Reg } from './reg.ts';
import {
  ALLOC,
  MAYBE_NULL,
  NON_OWN,
  PERCPU,
  pointerReg,
  RCU,
  TRUSTED,
  typeName,
  unknownReg,
  UNTRUSTED,
} from './reg.ts';

/** Objects whose memory outlives an RCU grace period (rcu_protected_types); the program's own do, too. */
const RCU_PROTECTED: ReadonlySet<string> = new Set(['cgroup', 'bpf_cpumask', 'task_struct', 'bpf_crypto_ctx']);

/** An access that touches a kptr must be exactly that kptr. */
export function kptrBounds(
  env: Env,
  regno: number,
  reg: Reg,
  at: number,
  off: number,
  size: number,
  direct: boolean,
): void {
  const bad = (message: string): never => env.fail(EACCES, 'kptr', message, regno);
  if (!direct) bad('kptr cannot be accessed indirectly by helper');
  if (!reg.num.isConst) bad('kptr access cannot have variable offset');
  const where = BigInt(off) + reg.num.tnum.value;
  if (BigInt(at) !== where) bad(`kptr access misaligned expected=${at} off=${where}`);
  if (size !== 8) bad('kptr access size must be BPF_DW');
}

/** The kptr at an offset of a map value. */
export const kptrAt = (env: Env, reg: Reg, off: number): Field | null =>
  env.fields(reg.map!).fields.find((f) => f.offset === off && isKptr(f.kind)) ?? null;

/** A load or store of a kptr (check_map_kptr_access). `value` is the register; -1 = none. Returns what a load yields. */
export function kptrAccess(env: Env, value: number, field: Field): Reg {
  const { insns, insn } = env;
  const cls = insns.op[insn] & BPF_CLASS;
  const bad = (message: string): never => env.fail(EACCES, 'kptr', message);
  if ((insns.op[insn] & BPF_MODE) !== BPF_MEM) bad('kptr in map can only be accessed using BPF_MEM instruction mode');
  if (cls !== BPF_LDX && field.kind !== 'kptr_untrusted') bad('store to referenced kptr disallowed');
  if (cls === BPF_LDX) return loadedKptr(env, field);
  if (cls === BPF_STX) {
    const r = env.reg(value);
    if (r.isNull) markPrecise(env, value);
    else checkKptrMatch(env, field, value, EACCES);
  } else if (insns.imm[insn] !== 0) bad(`BPF_ST imm must be 0 when storing to kptr at off=${field.offset}`);
  return unknownReg(insn);
}

function loadedKptr(env: Env, field: Field): Reg {
  const { btf, typeId } = field.target!;
  const own = btf !== env.btf;
  let flags = MAYBE_NULL;
  const safe =
    env.rules.trust &&
    (field.kind === 'percpu_kptr' || (field.kind === 'kptr' && (own || RCU_PROTECTED.has(btf.name(typeId)))));
  if (safe && env.inRcu) {
    flags |= RCU;
    if (field.kind === 'percpu_kptr') flags |= PERCPU;
    else if (own) flags |= ALLOC;
    const fields = own ? (env.specials.ofStruct(btf, typeId)?.fields ?? []) : [];
    if (fields.some((f) => f.kind === 'bpf_list_node' || f.kind === 'bpf_rb_node')) flags |= NON_OWN;
  } else flags |= UNTRUSTED;
  const r = pointerReg('ptr_', flags, env.insn);
  r.btf = btf;
  r.btfId = typeId;
  r.id = env.newId();
  return r;
}

/** May this pointer be kept in that kptr? (map_kptr_match_type) */
export function checkKptrMatch(env: Env, field: Field, regno: number, errno: number): void {
  const r = env.reg(regno);
  const { btf, typeId } = field.target!;
  const kernel = r.btf === env.btf;
  let allowed: number;
  if (!env.rules.trust) allowed = MAYBE_NULL | (field.kind === 'kptr_untrusted' ? UNTRUSTED : 0);
  else if (r.btf === null || kernel) {
    allowed = MAYBE_NULL | TRUSTED | RCU | (field.kind === 'kptr_untrusted' ? UNTRUSTED : 0);
  } else allowed = MAYBE_NULL | ALLOC | (field.kind === 'percpu_kptr' ? PERCPU : 0);
  const bad = (name = ''): never => {
    const ptr = typeName('ptr_', 0, env.rules.ringbufWord);
    const target = btf.name(typeId);
    const or =
      field.kind === 'kptr_untrusted' ? ` or ${typeName('ptr_', UNTRUSTED, env.rules.ringbufWord)}${target}` : '';
    return env.fail(
      errno,
      'kptr',
      `invalid kptr access, R${regno} type=${env.typeText(r)}${name} expected=${ptr}${target}${or}`,
      regno,
    );
  };
  if (r.kind !== 'ptr_' || (r.flags & ~allowed) !== 0) bad();
  if ((field.kind === 'percpu_kptr') !== ((r.flags & PERCPU) !== 0)) bad();
  checkFixedOffset(env, regno, r, true);
  const same = structMatches(env, r.btf!, r.btfId, r.off, typeId, {
    needBtf: btf,
    strict: field.kind !== 'kptr_untrusted',
    flexible: (r.flags & ALLOC) === 0,
  });
  if (!same) bad(r.btf!.name(r.btfId));
}

/** First argument of bpf_kptr_xchg(): which kptr (process_kptr_func). */
export function kptrDestination(env: Env, regno: number, reg: Reg): Field {
  const fields = env.specials.ofReg(reg)?.fields ?? [];
  if (reg.kind === 'map_value' && (env.obj.btf === null || reg.map!.valueTypeId === 0)) {
    env.fail(EINVAL, 'kptr', `map '${reg.map!.name}' has to have BTF in order to use bpf_kptr_xchg`, regno);
  }
  if (!reg.num.isConst) {
    env.fail(
      env.rules.trust ? EINVAL : EACCES,
      'kptr',
      `R${regno} doesn't have constant offset. kptr has to be at the constant offset`,
      regno,
    );
  }
  if (!fields.some((f) => isKptr(f.kind))) {
    // 6.1 knows of kptrs in maps only, and makes one error of all.
    if (env.rules.trust) env.fail(EINVAL, 'kptr', `R${regno} has no valid kptr`, regno);
    env.fail(EACCES, 'kptr', `map '${reg.map === null ? '' : env.mapNames[reg.map.index]}' has no valid kptr`, regno);
  }
  const off = reg.off + Number(reg.num.constS64);
  const field = fields.find((f) => isKptr(f.kind) && f.offset === off);
  if (field === undefined) env.fail(EACCES, 'kptr', `off=${off} doesn't point to kptr`, regno);
  if (field.kind === 'kptr_untrusted') env.fail(EACCES, 'kptr', `off=${off} kptr isn't referenced kptr`, regno);
  return field;
}
