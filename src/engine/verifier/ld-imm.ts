/** ld_imm64: numbers, maps, map values, kernel symbols, functions. */
import { BPF_PSEUDO_BTF_ID, BPF_PSEUDO_FUNC, BPF_PSEUDO_MAP_FD } from '../bpf/index.ts';
import type { Env } from './env.ts';
import { EINVAL, ENOENT } from './env.ts';
import { defineReg } from './liveness.ts';
import type { Reg } from './reg.ts';
import { constReg, PERCPU, pointerReg, RDONLY, unknownReg } from './reg.ts';

export function checkLdImm64(env: Env): void {
  const { insns, insn } = env;
  if (insns.off[insn] !== 0) env.fail(EINVAL, 'reserved-fields', 'BPF_LD_IMM64 uses reserved fields');
  const dst = insns.dst[insn];
  const src = insns.src[insn];
  defineReg(env, dst);
  if (src === 0) {
    const v = (BigInt(insns.imm[insn + 1] >>> 0) << 32n) | BigInt(insns.imm[insn] >>> 0);
    env.setReg(dst, constReg(v, insn));
  } else if (src === BPF_PSEUDO_BTF_ID) env.setReg(dst, kernelSymbol(env));
  else if (src === BPF_PSEUDO_FUNC) env.setReg(dst, functionPointer(env));
  else {
    const map = env.obj.maps[insns.imm[insn]];
    if (map.type === 'arena' && src !== BPF_PSEUDO_MAP_FD) {
      env.setReg(dst, unknownReg(insn));
      return;
    }
    const r = pointerReg(src === BPF_PSEUDO_MAP_FD ? 'map_ptr' : 'map_value', 0, insn);
    r.map = map;
    if (src !== BPF_PSEUDO_MAP_FD) {
      r.off = insns.imm[insn + 1];
      // All pointers to global data are to the same value: one lock (since 6.2).
      if (!env.rules.trust && env.fields(map).spinLock >= 0) r.id = env.newId();
    }
    env.setReg(dst, r);
  }
}

function kernelSymbol(env: Env): Reg {
  const id = env.insns.imm[env.insn];
  const t = env.btf.type(id);
  if (t.kind === 'void') env.fail(ENOENT, 'ksym', `ldimm64 insn specifies invalid btf_id ${id}.`);
  if (t.kind === 'func' && env.rules.trust) {
    const r = pointerReg('mem', RDONLY, env.insn);
    r.memSize = 0;
    return r;
  }
  if (t.kind !== 'var')
    env.fail(EINVAL, 'ksym', `pseudo btf_id ${id} in ldimm64 isn't KIND_VAR${env.rules.trust ? ' or KIND_FUNC' : '.'}`);
  const type = env.btf.type(env.btf.strip(t.type));
  const section = env.btf.type(env.btf.find('.data..percpu', 'datasec'));
  const percpu = section.kind === 'datasec' && section.vars.some((v) => v.type === id);
  if (percpu || type.kind === 'struct' || type.kind === 'union') {
    const r = pointerReg('ptr_', percpu ? PERCPU : 0, env.insn);
    r.btf = env.btf;
    r.btfId = type.id;
    return r;
  }
  const r = pointerReg('mem', RDONLY, env.insn);
  r.memSize = env.btf.sizeOf(t.type) ?? 0;
  return r;
}

function functionPointer(env: Env): Reg {
  if (env.obj.btf === null) env.fail(EINVAL, 'callback', 'missing btf func_info');
  const n = env.subprogAt(env.insn + env.insns.imm[env.insn] + 1);
  if (n < 0) env.fail(EINVAL, 'callback', 'callback function is not a function of the program');
  if (env.subprogs[n].global) env.fail(EINVAL, 'callback', 'callback function not static');
  if (n === 0) env.fail(EINVAL, 'callback', 'callback function cannot be the main program');
  const r = pointerReg('func', 0, env.insn);
  r.subprog = n;
  return r;
}
