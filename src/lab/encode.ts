/**
 * Map entries and globals of a scenario as the bytes that the kernel gets, by the BTF of the object that owns them.
 * Values: numbers (also as `0x..` text), booleans, enumerators by name, IPv4 and IPv6 addresses in network order,
 * text for char arrays, lists for arrays, mappings for structs (members left out are zero).
 */
import { parseBtf, parseElf, type Btf } from '../engine/bpf/index.ts';
import { addressBytes } from './abi.ts';

export class EncodeError extends Error {}

/** Where an object keeps its maps' and globals' types. Null when it has no BTF. */
export function objectBtf(object: Uint8Array): Btf | null {
  const elf = parseElf(object);
  if (!elf.ok) return null;
  const section = elf.value.sections.find((s) => s.name === '.BTF');
  const btf = section ? parseBtf(section.data) : null;
  return btf?.ok ? btf.value : null;
}

/** Variables of the data sections: name → (section, type). */
export function variables(btf: Btf): Map<string, { readonly section: string; readonly type: number }> {
  const out = new Map<string, { section: string; type: number }>();
  for (let id = 1; id < btf.typeCount; id++) {
    const section = btf.type(id);
    if (section.kind !== 'datasec') continue;
    for (const v of section.vars) {
      const variable = btf.type(v.type);
      if (variable.kind === 'var') out.set(variable.name, { section: section.name, type: variable.type });
    }
  }
  return out;
}

/** Key and value types of a map defined in BTF style; undefined when the object has no such map or it names no types. */
export function mapTypes(btf: Btf, map: string): { readonly key: number; readonly value: number } | undefined {
  const variable = variables(btf).get(map);
  if (variable?.section !== '.maps') return undefined;
  const def = btf.type(btf.strip(variable.type));
  if (def.kind !== 'struct') return undefined;
  const pointed = (name: string): number | undefined => {
    const member = def.members.find((m) => m.name === name);
    const type = member && btf.type(btf.strip(member.type));
    return type?.kind === 'ptr' ? type.type : undefined;
  };
  const key = pointed('key');
  const value = pointed('value');
  return key !== undefined && value !== undefined ? { key, value } : undefined;
}

/** `what` names the value in errors. */
export function encodeValue(btf: Btf, type: number, value: unknown, what: string): Uint8Array {
  const size = btf.sizeOf(type);
  if (size === undefined) throw new EncodeError(`${what}: a value of type ${btf.typeText(type)} cannot be given`);
  const out = new Uint8Array(size);
  put(btf, type, value, out, what);
  return out;
}

function integer(value: unknown, what: string): bigint {
  if (typeof value === 'boolean') return value ? 1n : 0n;
  if (typeof value === 'bigint') return value;
  if (typeof value === 'number' && Number.isInteger(value)) return BigInt(value);
  if (typeof value === 'string' && /^-?(0[xX][\da-fA-F]+|\d+)$/.test(value)) {
    return value.startsWith('-') ? -BigInt(value.slice(1)) : BigInt(value);
  }
  throw new EncodeError(`${what}: ${JSON.stringify(value)} is no whole number`);
}

function putInteger(value: unknown, out: Uint8Array, what: string): void {
  let n = integer(value, what);
  const bits = BigInt(out.length * 8);
  if (n >= 1n << bits || n < -(1n << (bits - 1n)))
    throw new EncodeError(`${what}: ${n} does not fit into ${out.length} bytes`);
  n = BigInt.asUintN(Number(bits), n);
  for (let i = 0; i < out.length; i++, n >>= 8n) out[i] = Number(n & 255n);
}

function put(btf: Btf, id: number, value: unknown, out: Uint8Array, what: string): void {
  const type = btf.type(btf.strip(id));
  if (typeof value === 'string') {
    const address = addressBytes(value);
    if (address?.length === out.length) {
      out.set(address);
      return;
    }
  }
  switch (type.kind) {
    case 'enum':
    case 'enum64': {
      const named = typeof value === 'string' ? type.values.find((v) => v.name === value) : undefined;
      putInteger(named ? named.value : value, out, what);
      return;
    }
    case 'int':
    case 'ptr':
      putInteger(value, out, what);
      return;
    case 'array': {
      const size = btf.sizeOf(type.type) ?? 1;
      const items = typeof value === 'string' ? [...new TextEncoder().encode(value)] : value;
      if (!Array.isArray(items)) throw new EncodeError(`${what}: expected a list or text for ${btf.typeText(id)}`);
      if (items.length > type.count)
        throw new EncodeError(`${what}: ${items.length} elements do not fit into ${type.count}`);
      items.forEach((item, i) => put(btf, type.type, item, out.subarray(i * size, (i + 1) * size), `${what}[${i}]`));
      return;
    }
    case 'struct':
    case 'union': {
      if (typeof value !== 'object' || value === null || Array.isArray(value)) {
        throw new EncodeError(`${what}: expected the members of ${btf.typeText(id)}`);
      }
      for (const [name, member] of Object.entries(value)) {
        const m = type.members.find((x) => x.name === name);
        if (!m || m.bitSize !== 0) throw new EncodeError(`${what}: ${btf.typeText(id)} has no plain member ${name}`);
        const at = m.bitOffset >> 3;
        put(btf, m.type, member, out.subarray(at, at + (btf.sizeOf(m.type) ?? 0)), `${what}.${name}`);
      }
      return;
    }
    default:
      throw new EncodeError(`${what}: a value of type ${btf.typeText(id)} cannot be given`);
  }
}
