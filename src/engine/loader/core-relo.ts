/** CO-RE: works out one relocation against the kernel's BTF and patches the instruction, by libbpf's rules. */
import {
  BPF_ALU,
  BPF_ALU64,
  BPF_CALL,
  BPF_CLASS,
  BPF_JMP,
  BPF_K,
  BPF_LD,
  BPF_LDX,
  BPF_SIZE,
  BPF_SRC,
  BPF_ST,
  BPF_STX,
  CORE_RELO_KINDS,
  OP_LD_IMM64,
  POISON_CORE_RELO,
  accessSize,
  sizeBits,
  type Btf,
  type CoreReloKind,
  type InsnArray,
} from '../bpf/index.ts';
import {
  enumeratorSpec,
  fieldSpec,
  matchEnumerator,
  matchFields,
  parseAccess,
  specText,
  type Spec,
} from './core-spec.ts';
import { CoreError, essentialName, kindsCompatible, typesCompatible, typesMatch } from './core-types.ts';

/** What a relocation does to its instruction. */
interface Resolution {
  readonly poison: boolean;
  /** Check that the instruction holds `original` before patching. */
  readonly validate: boolean;
  readonly original: bigint;
  readonly value: bigint;
  /** Bytes of the field in the program's type and in the kernel's; 0 = not a whole field. */
  readonly originalSize: number;
  readonly size: number;
  /** Sizes differ in a way that a load or store cannot bridge. */
  readonly badSize: boolean;
  readonly bitOffset: number;
}

export interface CoreOutcome {
  readonly kind: string;
  readonly access: string;
  /** False = the instruction was poisoned. */
  readonly ok: boolean;
  readonly message: string;
}

const isFieldKind = (kind: CoreReloKind): boolean => CORE_RELO_KINDS.indexOf(kind) < 6;
const isEnumeratorKind = (kind: CoreReloKind): boolean => kind === 'enumval_exists' || kind === 'enumval_value';

interface Value {
  readonly value: bigint;
  readonly validate: boolean;
  readonly size: number;
  readonly typeId: number;
}

/** null asks for poisoning. */
function fieldValue(kind: CoreReloKind, spec: Spec | undefined): Value | null {
  const plain = (value: bigint | number, validate = true): Value => ({
    value: BigInt(value),
    validate,
    size: 0,
    typeId: 0,
  });
  if (kind === 'field_exists') return plain(spec === undefined ? 0 : 1);
  if (spec === undefined) return null;
  const { btf } = spec;
  const last = spec.steps[spec.steps.length - 1];
  /** A load reads one element, so its size counts and not the whole array's. */
  const elementSize = (id: number): number => {
    let t = btf.type(btf.strip(id));
    for (let i = 0; t.kind === 'array' && i < 32; i++) t = btf.type(btf.strip(t.type));
    const size = btf.sizeOf(t.id);
    if (size === undefined) throw new CoreError(`type [${id}] has no size`);
    return size;
  };
  const wholeSize = (id: number): number => {
    const size = btf.sizeOf(id);
    if (size === undefined) throw new CoreError(`type [${id}] has no size`);
    return size;
  };
  if (last.name === null) {
    if (kind === 'byte_off') {
      return {
        value: BigInt(Math.floor(spec.bitOffset / 8)),
        validate: true,
        size: elementSize(last.typeId),
        typeId: last.typeId,
      };
    }
    if (kind === 'byte_sz') return plain(wholeSize(last.typeId));
    throw new CoreError(`relocation ${kind} can't be applied to array access`);
  }
  const owner = btf.type(last.typeId);
  if (owner.kind !== 'struct' && owner.kind !== 'union') throw new CoreError('a field of something that is no struct');
  const member = owner.members[last.index];
  const fieldId = btf.strip(member.type);
  const type = btf.type(fieldId);
  const bitfield = member.bitSize > 0;
  let byteSize = wholeSize(fieldId);
  let bitSize = member.bitSize;
  let byteOffset = Math.floor(spec.bitOffset / 8);
  if (bitfield) {
    if (byteSize === 0) throw new CoreError('a bitfield in a type without size');
    byteOffset = Math.floor(byteOffset / byteSize) * byteSize;
    // The smallest aligned load that covers the bitfield.
    while (spec.bitOffset + bitSize - byteOffset * 8 > byteSize * 8) {
      if (byteSize >= 8) throw new CoreError(`relocation ${kind} can't be satisfied for bitfield`);
      byteSize *= 2;
      byteOffset = Math.floor(Math.floor(spec.bitOffset / 8) / byteSize) * byteSize;
    }
  } else {
    bitSize = byteSize * 8;
  }
  switch (kind) {
    case 'byte_off':
      if (bitfield) return plain(byteOffset, false);
      return { value: BigInt(byteOffset), validate: true, size: elementSize(fieldId), typeId: fieldId };
    case 'byte_sz':
      return plain(byteSize, !bitfield);
    case 'signed':
      return plain((type.kind === 'int' || type.kind === 'enum' || type.kind === 'enum64') && type.signed ? 1 : 0);
    case 'lshift_u64':
      return plain(64 - (spec.bitOffset + bitSize - byteOffset * 8), !bitfield);
    case 'rshift_u64':
      return plain(64 - bitSize);
    default:
      throw new CoreError(`unrecognized CO-RE relocation ${kind}`);
  }
}

function typeValue(kind: CoreReloKind, spec: Spec | undefined): Value {
  const plain = (value: number, validate = true): Value => ({ value: BigInt(value), validate, size: 0, typeId: 0 });
  if (spec === undefined) return plain(0);
  if (kind === 'target_type_id') return plain(spec.rootId, false);
  if (kind !== 'type_size') return plain(1);
  const size = spec.btf.sizeOf(spec.rootId);
  if (size === undefined) throw new CoreError(`type [${spec.rootId}] has no size`);
  return plain(size);
}

function enumeratorValue(kind: CoreReloKind, spec: Spec | undefined): Value | null {
  if (kind === 'enumval_exists') return { value: spec === undefined ? 0n : 1n, validate: true, size: 0, typeId: 0 };
  if (spec === undefined) return null;
  const t = spec.btf.type(spec.steps[0].typeId);
  if (t.kind !== 'enum' && t.kind !== 'enum64') throw new CoreError('not an enum');
  return { value: BigInt.asUintN(64, t.values[spec.steps[0].index].value), validate: true, size: 0, typeId: 0 };
}

function calculate(kind: CoreReloKind, local: Spec, target: Spec | undefined): Resolution {
  const of = (spec: Spec | undefined): Value | null =>
    isFieldKind(kind)
      ? fieldValue(kind, spec)
      : isEnumeratorKind(kind)
        ? enumeratorValue(kind, spec)
        : typeValue(kind, spec);
  const before = of(local)!;
  const after = of(target);
  const common = {
    validate: before.validate,
    original: before.value,
    originalSize: before.size,
    bitOffset: target?.bitOffset ?? 0,
  };
  if (after === null) return { ...common, poison: true, value: 0n, size: 0, badSize: false };
  let badSize = false;
  if (before.size !== after.size) {
    // Only pointers and unsigned integers keep their value when a load becomes wider or narrower.
    const a = local.btf.type(before.typeId);
    const b = target!.btf.type(after.typeId);
    const unsigned = a.kind === 'int' && b.kind === 'int' && !a.signed && !b.signed;
    badSize = !((a.kind === 'ptr' && b.kind === 'ptr') || unsigned);
  }
  return { ...common, poison: false, value: after.value, size: after.size, badSize };
}

/** Resolves relocations of one object against one kernel; remembers candidates by type. */
export class CoreResolver {
  readonly #local: Btf;
  readonly #target: Btf;
  readonly #candidates = new Map<number, readonly number[]>();
  /** By kind, type and access string. */
  readonly #resolved = new Map<string, { readonly text: string; readonly resolution: Resolution }>();

  constructor(local: Btf, target: Btf) {
    this.#local = local;
    this.#target = target;
  }

  /** Kernel types of the same kind and essential name. */
  #candidatesFor(localId: number): readonly number[] {
    let ids = this.#candidates.get(localId);
    if (ids === undefined) {
      const t = this.#local.type(localId);
      const name = essentialName(t.name);
      const flavored = (this.#target.flavoredIds?.() ?? []).filter(
        (id) => essentialName(this.#target.name(id)) === name,
      );
      const exact = this.#target.findAll(name).filter((id) => essentialName(this.#target.name(id)) === name);
      ids = [...new Set([...exact, ...flavored])]
        .filter((id) => kindsCompatible(this.#target.type(id), t))
        .sort((a, b) => a - b);
      this.#candidates.set(localId, ids);
    }
    return ids;
  }

  #resolve(kind: CoreReloKind, typeId: number, access: string): { text: string; resolution: Resolution } {
    const key = `${kind} ${typeId} ${access}`;
    let known = this.#resolved.get(key);
    if (known === undefined) {
      const { local, resolution } = this.#resolveNow(kind, typeId, access);
      known = { text: specText(local), resolution };
      this.#resolved.set(key, known);
    }
    return known;
  }

  #resolveNow(kind: CoreReloKind, typeId: number, access: string): { local: Spec; resolution: Resolution } {
    const local = this.#local;
    const root = local.type(typeId);
    if (typeId <= 0 || root.id !== typeId) throw new CoreError(`type [${typeId}] does not exist`);
    let spec: Spec;
    if (isFieldKind(kind)) spec = fieldSpec(local, typeId, parseAccess(access));
    else if (isEnumeratorKind(kind)) spec = enumeratorSpec(local, typeId, parseAccess(access));
    else if (access === '0') spec = { btf: local, rootId: typeId, steps: [], raw: [], bitOffset: 0 };
    else throw new CoreError(`access string '${access}' is malformed`);

    if (kind === 'local_type_id') {
      const id = BigInt(typeId);
      const resolution = {
        poison: false,
        validate: false,
        original: id,
        value: id,
        originalSize: 0,
        size: 0,
        badSize: false,
        bitOffset: 0,
      };
      return { local: spec, resolution };
    }
    if (root.name === '') throw new CoreError(`<${kind}> relocation doesn't support anonymous types`);
    let chosen: Resolution | undefined;
    for (const id of this.#candidatesFor(typeId)) {
      const match = this.#match(kind, spec, id);
      if (match === undefined) continue;
      const next = calculate(kind, spec, match);
      if (chosen === undefined) {
        chosen = next;
      } else if (chosen.bitOffset !== next.bitOffset) {
        throw new CoreError(`field offset ambiguity: ${next.bitOffset} != ${chosen.bitOffset}`);
      } else if (chosen.poison !== next.poison || chosen.value !== next.value) {
        throw new CoreError(`relocation decision ambiguity: ${next.value} != ${chosen.value}`);
      }
    }
    return { local: spec, resolution: chosen ?? calculate(kind, spec, undefined) };
  }

  #match(kind: CoreReloKind, local: Spec, id: number): Spec | undefined {
    const target = this.#target;
    if (isFieldKind(kind)) return matchFields(local, target, id);
    if (isEnumeratorKind(kind)) return matchEnumerator(local, target, id);
    const same = kind === 'type_matches' ? typesMatch : typesCompatible;
    return same(this.#local, local.rootId, target, id)
      ? { btf: target, rootId: id, steps: [], raw: [], bitOffset: 0 }
      : undefined;
  }

  /** Patches the instruction at `insn`. Throws CoreError where libbpf would refuse the whole object. */
  apply(insns: InsnArray, insn: number, kindNumber: number, typeId: number, access: string): CoreOutcome {
    const kind = CORE_RELO_KINDS[kindNumber];
    if (kind === undefined) throw new CoreError(`unrecognized CO-RE relocation kind ${kindNumber}`);
    const { text, resolution } = this.#resolve(kind, typeId, access);
    if (resolution.poison) {
      poison(insns, insn);
      return { kind, access: text, ok: false, message: `no matching targets found: the kernel has no ${text}` };
    }
    if (!patch(insns, insn, resolution)) {
      return {
        kind,
        access: text,
        ok: false,
        message: `accesses ${text} with a wrong size: it has ${resolution.size} bytes in the kernel, ${resolution.originalSize} in the program`,
      };
    }
    return { kind, access: text, ok: true, message: `${resolution.original} -> ${resolution.value}` };
  }
}

/** Makes an instruction invalid in a way that the verifier's message betrays: "invalid func unknown#195896080". */
function poison(insns: InsnArray, insn: number): void {
  const slots = insns.op[insn] === OP_LD_IMM64 ? 2 : 1;
  for (let i = insn; i < insn + slots; i++) {
    insns.op[i] = BPF_JMP | BPF_CALL;
    insns.dst[i] = 0;
    insns.src[i] = 0;
    insns.off[i] = 0;
    insns.imm[i] = POISON_CORE_RELO;
  }
}

/** False when the instruction had to be poisoned because of the access size. */
function patch(insns: InsnArray, insn: number, r: Resolution): boolean {
  const op = insns.op[insn];
  const check = (actual: bigint, what: string): void => {
    if (r.validate && actual !== r.original) {
      throw new CoreError(`unexpected insn #${insn} (${what}) value: got ${actual}, exp ${r.original} -> ${r.value}`);
    }
  };
  switch (op & BPF_CLASS) {
    case BPF_ALU:
    case BPF_ALU64:
      if ((op & BPF_SRC) !== BPF_K) throw new CoreError(`insn #${insn} has no immediate to relocate`);
      check(BigInt.asUintN(64, BigInt(insns.imm[insn])), 'ALU/ALU64');
      insns.imm[insn] = Number(BigInt.asIntN(32, r.value));
      return true;
    case BPF_LDX:
    case BPF_ST:
    case BPF_STX:
      check(BigInt(insns.off[insn]), 'LDX/ST/STX');
      if (r.value > 32767n) throw new CoreError(`insn #${insn} (LDX/ST/STX) value too big: ${r.value}`);
      if (r.badSize) {
        poison(insns, insn);
        return false;
      }
      insns.off[insn] = Number(r.value);
      if (r.size !== r.originalSize) {
        if (accessSize(op) !== r.originalSize) {
          throw new CoreError(
            `insn #${insn} (LDX/ST/STX) unexpected mem size: got ${accessSize(op)}, exp ${r.originalSize}`,
          );
        }
        const bits = sizeBits(r.size);
        if (bits === undefined) throw new CoreError(`insn #${insn} (LDX/ST/STX) invalid new mem size: ${r.size}`);
        insns.op[insn] = (op & ~BPF_SIZE) | bits;
      }
      return true;
    case BPF_LD: {
      const next = insn + 1;
      const whole =
        op === OP_LD_IMM64 &&
        next < insns.count &&
        insns.src[insn] === 0 &&
        insns.off[insn] === 0 &&
        insns.op[next] === 0 &&
        insns.dst[next] === 0 &&
        insns.src[next] === 0 &&
        insns.off[next] === 0;
      if (!whole) throw new CoreError(`insn #${insn} (LDIMM64) has unexpected form`);
      check((BigInt(insns.imm[next] >>> 0) << 32n) | BigInt(insns.imm[insn] >>> 0), 'LDIMM64');
      insns.imm[insn] = Number(BigInt.asIntN(32, r.value));
      insns.imm[next] = Number(r.value >> 32n) | 0;
      return true;
    }
    default:
      throw new CoreError(`trying to relocate unrecognized insn #${insn}, code:0x${op.toString(16)}`);
  }
}
