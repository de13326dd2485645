/** CO-RE access strings (`0:1:2`) as paths through a type, and the same path through a kernel type. */
import type { Btf } from '../bpf/index.ts';
import { CoreError, essentialName, fieldsCompatible } from './core-types.ts';

/** libbpf's BPF_CORE_SPEC_MAX_LEN. */
const MAX_LENGTH = 64;

/** One meaningful step: a named field of a struct or union, or an element of an array. */
export interface Accessor {
  /** The struct that holds the field, or the element's type. */
  readonly typeId: number;
  /** Member number, array index or enumerator number. */
  readonly index: number;
  /** null for array elements. */
  readonly name: string | null;
}

export interface Spec {
  readonly btf: Btf;
  readonly rootId: number;
  readonly steps: readonly Accessor[];
  /** The access string's numbers: unnamed members are steps here and not above. */
  readonly raw: readonly number[];
  readonly bitOffset: number;
}

function sizeOf(btf: Btf, id: number): number {
  const size = btf.sizeOf(id);
  if (size === undefined) throw new CoreError(`type [${id}] has no size`);
  return size;
}

/** An array of length 0 as the last member of a struct. */
function isFlexible(btf: Btf, before: Accessor | undefined, count: number): boolean {
  if (before === undefined || before.name === null || count > 0) return false;
  const t = btf.type(before.typeId);
  return (t.kind === 'struct' || t.kind === 'union') && before.index === t.members.length - 1;
}

export function parseAccess(text: string): number[] {
  if (!/^\d{1,9}(:\d{1,9})*$/.test(text)) throw new CoreError(`access string '${text}' is malformed`);
  const raw = text.split(':').map(Number);
  if (raw.length > MAX_LENGTH) throw new CoreError(`access string '${text}' is too long`);
  return raw;
}

/** Follows a field access through the program's own type. */
export function fieldSpec(btf: Btf, rootId: number, raw: readonly number[]): Spec {
  let id = btf.strip(rootId);
  const steps: Accessor[] = [{ typeId: id, index: raw[0], name: null }];
  let bitOffset = raw[0] * sizeOf(btf, id) * 8;
  for (const index of raw.slice(1)) {
    id = btf.strip(id);
    const t = btf.type(id);
    if (t.kind === 'struct' || t.kind === 'union') {
      const m = t.members[index];
      if (m === undefined) throw new CoreError(`${t.kind} ${t.name} has no member #${index}`);
      bitOffset += m.bitOffset;
      if (m.name !== '') steps.push({ typeId: id, index, name: m.name });
      id = m.type;
    } else if (t.kind === 'array') {
      id = btf.strip(t.type);
      if (index >= t.count && !isFlexible(btf, steps[steps.length - 1], t.count))
        throw new CoreError(`array index ${index} is out of range`);
      steps.push({ typeId: id, index, name: null });
      bitOffset += index * sizeOf(btf, id) * 8;
    } else {
      throw new CoreError(`access goes into a ${t.kind}`);
    }
  }
  return { btf, rootId, steps, raw, bitOffset };
}

/** The path of an enumerator. */
export function enumeratorSpec(btf: Btf, rootId: number, raw: readonly number[]): Spec {
  const id = btf.strip(rootId);
  const t = btf.type(id);
  if ((t.kind !== 'enum' && t.kind !== 'enum64') || raw.length > 1 || t.values[raw[0]] === undefined) {
    throw new CoreError('the access string names no enumerator');
  }
  return { btf, rootId, steps: [{ typeId: id, index: raw[0], name: t.values[raw[0]].name }], raw, bitOffset: 0 };
}

/** Finds the enumerator of the same name in a kernel enum. */
export function matchEnumerator(local: Spec, target: Btf, targetId: number): Spec | undefined {
  const id = target.strip(targetId);
  const t = target.type(id);
  if (t.kind !== 'enum' && t.kind !== 'enum64') return undefined;
  const wanted = essentialName(local.steps[0].name!);
  const index = t.values.findIndex((v) => essentialName(v.name) === wanted);
  if (index < 0) return undefined;
  return {
    btf: target,
    rootId: targetId,
    steps: [{ typeId: id, index, name: t.values[index].name }],
    raw: [index],
    bitOffset: 0,
  };
}

interface Found {
  readonly step: Accessor;
  readonly raw: readonly number[];
  readonly bitOffset: number;
  readonly next: number;
}

/**
 * Looks for a named field, also inside unnamed structs and unions. A field of that name with an incompatible type ends
 * the search (`null`), as it does in libbpf.
 */
function findMember(
  local: Btf,
  wanted: Accessor,
  target: Btf,
  targetId: number,
  depth: number,
): Found | null | undefined {
  if (depth > MAX_LENGTH) throw new CoreError('types are nested too deeply');
  const id = target.strip(targetId);
  const t = target.type(id);
  if (t.kind !== 'struct' && t.kind !== 'union') return undefined;
  const owner = local.type(wanted.typeId);
  if (owner.kind !== 'struct' && owner.kind !== 'union') return undefined;
  const member = owner.members[wanted.index];
  for (let i = 0; i < t.members.length; i++) {
    const m = t.members[i];
    if (m.name === '') {
      const inner = findMember(local, wanted, target, m.type, depth + 1);
      if (inner === null) continue;
      if (inner !== undefined) return { ...inner, raw: [i, ...inner.raw], bitOffset: inner.bitOffset + m.bitOffset };
    } else if (m.name === member.name) {
      if (!fieldsCompatible(local, member.type, target, m.type)) return null;
      return { step: { typeId: id, index: i, name: m.name }, raw: [i], bitOffset: m.bitOffset, next: m.type };
    }
  }
  return undefined;
}

/** The same path through a kernel type, or undefined when that type has no such fields. */
export function matchFields(local: Spec, target: Btf, targetId: number): Spec | undefined {
  const steps: Accessor[] = [];
  const raw: number[] = [];
  let bitOffset = 0;
  let id = targetId;
  for (const [i, wanted] of local.steps.entries()) {
    id = target.strip(id);
    if (wanted.name !== null) {
      const found = findMember(local.btf, wanted, target, id, 0);
      if (found === null || found === undefined) return undefined;
      steps.push(found.step);
      raw.push(...found.raw);
      bitOffset += found.bitOffset;
      id = found.next;
    } else {
      if (i > 0) {
        const t = target.type(id);
        if (t.kind !== 'array') return undefined;
        if (wanted.index >= t.count && !isFlexible(target, steps[steps.length - 1], t.count)) return undefined;
        id = target.strip(t.type);
      }
      steps.push({ typeId: id, index: wanted.index, name: null });
      raw.push(wanted.index);
      bitOffset += wanted.index * sizeOf(target, id) * 8;
    }
    if (raw.length > MAX_LENGTH) throw new CoreError('types are nested too deeply');
  }
  return { btf: target, rootId: targetId, steps, raw, bitOffset };
}

/** `struct file.f_path.dentry`, `enum kind::KIND_ONE`. */
export function specText(spec: Spec): string {
  const t = spec.btf.type(spec.rootId);
  const root = t.kind === 'typedef' ? t.name : spec.btf.typeText(spec.rootId);
  let text = root;
  spec.steps.forEach((s, i) => {
    const owner = spec.btf.kind(s.typeId);
    if (s.name !== null) text += owner === 'enum' || owner === 'enum64' ? `::${s.name}` : `.${s.name}`;
    else if (i > 0 || s.index > 0) text += `[${s.index}]`;
  });
  return text;
}
