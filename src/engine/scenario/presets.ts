/**
 * Values of map presets and globals as bytes, laid out by the object's BTF. Numbers may be written as numbers, as
 * decimal or 0x texts, or as dotted IPv4 addresses (network byte order); structs as mappings; arrays as lists; char
 * arrays as texts; raw bytes as `hex:0a0b`.
 */
import { err, ok, type Result } from '../../base/index.ts';
import type { Btf, BtfMember } from '../bpf/index.ts';
import { parseIpv4, parseIpv6 } from '../kernel/index.ts';
import type { LoadedObject, MapDef } from '../loader/index.ts';
import type { Scenario } from './types.ts';

/** One map update before step 1. */
export interface MapPreset {
  /** Index into the objects. */
  readonly object: number;
  readonly map: string;
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

/** New first contents of a variable in `.rodata`, `.data` or `.bss`. */
export interface GlobalPreset {
  readonly object: number;
  readonly name: string;
  /** Index of the map that holds its section. */
  readonly map: number;
  readonly offset: number;
  readonly bytes: Uint8Array;
}

export interface Presets {
  readonly maps: readonly MapPreset[];
  readonly globals: readonly GlobalPreset[];
  /** What could not be applied, in words. */
  readonly problems: readonly string[];
}

/** Finds the maps and variables that a scenario sets, in whichever object has them. */
export function resolvePresets(
  scenario: Pick<Scenario, 'maps' | 'globals'>,
  objects: readonly LoadedObject[],
): Presets {
  const maps: MapPreset[] = [];
  const globals: GlobalPreset[] = [];
  const problems: string[] = [];
  for (const { map, entries } of scenario.maps) {
    const found = objects.flatMap((o, object) =>
      o.maps.filter((m) => m.name === map).map((def) => ({ o, object, def })),
    );
    if (found.length === 0) problems.push(`map ${map}: no policy has a map of that name`);
    for (const { o, object, def } of found) {
      for (const entry of entries) {
        const key = encode(o, def.keyTypeId, def.keySize, entry.key);
        const value = encode(o, def.valueTypeId, def.valueSize, entry.value);
        if (!key.ok) problems.push(`map ${map}, key: ${key.error}`);
        else if (!value.ok) problems.push(`map ${map}, value: ${value.error}`);
        else maps.push({ object, map, key: key.value, value: value.value });
      }
    }
  }
  for (const { name, value } of scenario.globals) {
    const found = objects.flatMap((o, object) => variable(o, name).map((v) => ({ o, object, ...v })));
    if (found.length === 0) problems.push(`global ${name}: no policy has a variable of that name`);
    for (const { o, object, def, offset, size, type } of found) {
      const bytes = encode(o, type, size, value);
      if (!bytes.ok) problems.push(`global ${name}: ${bytes.error}`);
      else globals.push({ object, name, map: def.index, offset, bytes: bytes.value });
    }
  }
  return { maps, globals, problems };
}

/** An object whose sections start with the given globals. */
export function withGlobals(object: LoadedObject, globals: readonly GlobalPreset[]): LoadedObject {
  if (globals.length === 0) return object;
  const maps = object.maps.map((def) => {
    const mine = globals.filter((g) => g.map === def.index);
    if (mine.length === 0) return def;
    const initial = new Uint8Array(def.valueSize);
    if (def.initial) initial.set(def.initial.subarray(0, def.valueSize));
    for (const g of mine) initial.set(g.bytes, g.offset);
    return { ...def, initial };
  });
  return { ...object, maps };
}

function variable(o: LoadedObject, name: string): { def: MapDef; offset: number; size: number; type: number }[] {
  const { btf } = o;
  if (btf === null) return [];
  return o.maps.flatMap((def) => {
    if (def.section === undefined) return [];
    const section = btf.type(btf.find(def.section, 'datasec'));
    if (section.kind !== 'datasec') return [];
    return section.vars.flatMap((v) => {
      const t = btf.type(v.type);
      return t.kind === 'var' && t.name === name ? [{ def, offset: v.offset, size: v.size, type: t.type }] : [];
    });
  });
}

/** Bytes of a value of a BTF type (0 = unknown: then the size alone decides). */
export function encode(
  o: { readonly btf: Btf | null },
  typeId: number,
  size: number,
  value: unknown,
): Result<Uint8Array, string> {
  const bytes = new Uint8Array(size);
  const problem = fill(o.btf, typeId, value, bytes, 0, size, 0);
  return problem === null ? ok(bytes) : err(problem);
}

function fill(
  btf: Btf | null,
  typeId: number,
  value: unknown,
  out: Uint8Array,
  at: number,
  size: number,
  depth: number,
): string | null {
  if (depth > 16) return 'the type nests too deeply';
  if (value === null || value === undefined) return 'a value is missing';
  if (typeof value === 'string' && value.startsWith('hex:')) return fillHex(value.slice(4), out, at, size);
  const t = btf === null || typeId === 0 ? null : btf.type(btf.strip(typeId));
  if (t !== null && (t.kind === 'struct' || t.kind === 'union'))
    return fillStruct(btf!, t.members, t.name, value, out, at, depth);
  if (t !== null && t.kind === 'array') {
    const elementSize = btf!.sizeOf(t.type) ?? 1;
    if (typeof value === 'string') {
      const ip = elementSize === 1 ? address(value, size) : null;
      const text = ip ?? new TextEncoder().encode(value);
      if (elementSize !== 1 || text.length > size) return `${JSON.stringify(value)} does not fit into ${size} bytes`;
      out.set(text, at);
      return null;
    }
    if (!Array.isArray(value)) return 'an array needs a list or a text';
    if (value.length > t.count) return `a list of ${value.length} is longer than the array of ${t.count}`;
    for (const [i, item] of value.entries()) {
      const problem = fill(btf, t.type, item, out, at + i * elementSize, elementSize, depth + 1);
      if (problem !== null) return problem;
    }
    return null;
  }
  if (t !== null && (t.kind === 'enum' || t.kind === 'enum64') && typeof value === 'string') {
    const e = t.values.find((x) => x.name === value);
    if (e) return fillInt(e.value, out, at, size);
  }
  if (typeof value === 'string') {
    const ip = address(value, size);
    if (ip !== null) {
      out.set(ip, at);
      return null;
    }
    if (t === null && !/^-?(?:0x[0-9a-fA-F]+|\d+)$/.test(value)) {
      const text = new TextEncoder().encode(value);
      if (text.length > size) return `${JSON.stringify(value)} does not fit into ${size} bytes`;
      out.set(text, at);
      return null;
    }
    if (!/^-?(?:0x[0-9a-fA-F]+|\d+)$/.test(value)) return `${JSON.stringify(value)} is no number`;
    const negative = value.startsWith('-');
    const magnitude = BigInt(negative ? value.slice(1) : value);
    return fillInt(negative ? -magnitude : magnitude, out, at, size);
  }
  if (typeof value === 'boolean') return fillInt(value ? 1n : 0n, out, at, size);
  if (typeof value === 'number' && Number.isSafeInteger(value)) return fillInt(BigInt(value), out, at, size);
  if (typeof value === 'bigint') return fillInt(value, out, at, size);
  return `${JSON.stringify(value)} is no value for ${t === null ? `${size} bytes` : btf!.typeText(typeId)}`;
}

function address(text: string, size: number): Uint8Array | null {
  const ip = size === 4 ? parseIpv4(text) : size === 16 && text.includes(':') ? parseIpv6(text) : null;
  return ip === null ? null : Uint8Array.from(ip);
}

function fillHex(hex: string, out: Uint8Array, at: number, size: number): string | null {
  if (!/^(?:[0-9a-fA-F]{2})*$/.test(hex) || hex.length / 2 > size)
    return `hex:${hex} is not at most ${size} bytes in hex`;
  for (let i = 0; i < hex.length; i += 2) out[at + i / 2] = parseInt(hex.slice(i, i + 2), 16);
  return null;
}

function fillInt(value: bigint, out: Uint8Array, at: number, size: number): string | null {
  const bits = BigInt(size * 8);
  if (value >= 1n << bits || value < -(1n << (bits - 1n))) return `${value} does not fit into ${size} bytes`;
  let rest = BigInt.asUintN(Number(bits), value);
  for (let i = 0; i < size; i++, rest >>= 8n) out[at + i] = Number(rest & 0xffn);
  return null;
}

function fillStruct(
  btf: Btf,
  members: readonly BtfMember[],
  name: string,
  value: unknown,
  out: Uint8Array,
  at: number,
  depth: number,
): string | null {
  if (typeof value !== 'object' || Array.isArray(value) || value === null)
    return `struct ${name || '(anonymous)'} needs a mapping`;
  for (const [key, v] of Object.entries(value)) {
    const m = findMember(btf, members, key, 0, 0);
    if (m === null)
      return `struct ${name || '(anonymous)'} has no member ${key}: ${members
        .map((x) => x.name)
        .filter(Boolean)
        .join(', ')}`;
    if (m.bitSize !== 0) return `member ${key} is a bitfield, which presets cannot set`;
    const problem = fill(btf, m.type, v, out, at + (m.bitOffset >> 3), btf.sizeOf(m.type) ?? 0, depth + 1);
    if (problem !== null) return `${key}: ${problem}`;
  }
  return null;
}

function findMember(
  btf: Btf,
  members: readonly BtfMember[],
  key: string,
  base: number,
  depth: number,
): BtfMember | null {
  for (const m of members) {
    if (m.name === key) return { ...m, bitOffset: base + m.bitOffset };
    if (m.name !== '' || depth > 8) continue;
    const inner = btf.type(btf.strip(m.type));
    if (inner.kind !== 'struct' && inner.kind !== 'union') continue;
    const found = findMember(btf, inner.members, key, base + m.bitOffset, depth + 1);
    if (found !== null) return found;
  }
  return null;
}
