/** Values in memory as text: `{.pid = 12, .comm = "sh"}`. */
import type { Btf, BtfMember, BtfType } from './btf-types.ts';

export interface RenderOptions {
  /** Members and elements shown before `...`. Default 64. */
  readonly maxItems?: number;
  /** Nesting before `{...}`. Default 8. */
  readonly maxDepth?: number;
}

interface Job {
  readonly btf: Btf;
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly maxItems: number;
  /** Values still to be shown: keeps hostile types from growing without end. */
  left: number;
}

/**
 * Renders `bytes` as a value of a type. Bytes that the type does not cover are ignored; parts of the type that lie
 * beyond the bytes show as `?`. Types without contents (void, functions) show as hex.
 */
export function renderValue(btf: Btf, typeId: number, bytes: Uint8Array, options: RenderOptions = {}): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const job: Job = { btf, bytes, view, maxItems: options.maxItems ?? 64, left: 4096 };
  return render(job, typeId, 0, options.maxDepth ?? 8) ?? hexBytes(bytes);
}

const hexBytes = (bytes: Uint8Array): string => {
  const shown = Array.from(bytes.subarray(0, 64), (b) => b.toString(16).padStart(2, '0')).join(' ');
  return bytes.length > 64 ? `${shown} ...` : shown;
};

function unsignedAt(job: Job, at: number, size: number): bigint | undefined {
  if (size < 1 || size > 16 || at + size > job.bytes.length) return undefined;
  let value = 0n;
  for (let i = size - 1; i >= 0; i--) value = (value << 8n) | BigInt(job.bytes[at + i]);
  return value;
}

function scalar(t: BtfType, raw: bigint, bits: number): string {
  switch (t.kind) {
    case 'int':
      if (t.bool) return raw === 0n ? 'false' : raw === 1n ? 'true' : raw.toString();
      return (t.signed ? BigInt.asIntN(bits, raw) : raw).toString();
    case 'enum':
    case 'enum64': {
      const value = t.signed ? BigInt.asIntN(bits, raw) : raw;
      return t.values.find((v) => v.value === value)?.name ?? value.toString();
    }
    case 'ptr':
      return raw === 0n ? 'NULL' : `0x${raw.toString(16)}`;
    default:
      return `0x${raw.toString(16)}`;
  }
}

/** undefined = the type has no contents to show. */
function render(job: Job, typeId: number, at: number, depth: number): string | undefined {
  if (--job.left < 0) return '...';
  const t = job.btf.type(job.btf.strip(typeId));
  switch (t.kind) {
    case 'int':
    case 'enum':
    case 'enum64':
    case 'ptr': {
      const size = 'size' in t ? t.size : 8;
      const raw = unsignedAt(job, at, size);
      return raw === undefined ? '?' : scalar(t, raw, size * 8);
    }
    case 'float':
      if (at + t.size > job.bytes.length) return '?';
      if (t.size === 4) return String(job.view.getFloat32(at, true));
      return t.size === 8 ? String(job.view.getFloat64(at, true)) : '?';
    case 'struct':
    case 'union':
      if (depth === 0) return '{...}';
      return braces(job, members(job, t.members, at, depth));
    case 'array': {
      const element = job.btf.type(job.btf.strip(t.type));
      const size = job.btf.sizeOf(t.type);
      if (size === undefined || size === 0) return '{}';
      // A flexible array takes what is left.
      const count = t.count > 0 ? t.count : Math.max(0, Math.floor((job.bytes.length - at) / size));
      if (element.kind === 'int' && element.size === 1 && (element.char || element.name === 'char')) {
        const text = string(job.bytes.subarray(at, at + count));
        if (text !== undefined) return text;
      }
      if (depth === 0) return '{...}';
      const parts: string[] = [];
      for (let i = 0; i < count && job.left > 0 && at + i * size < job.bytes.length; i++) {
        if (i === job.maxItems) {
          parts.push(`... ${count - i} more`);
          break;
        }
        parts.push(render(job, t.type, at + i * size, depth - 1) ?? '?');
      }
      return `{${parts.join(', ')}}`;
    }
    case 'datasec': {
      if (depth === 0) return '{...}';
      const parts = t.vars.slice(0, 1000).map((v) => {
        const variable = job.btf.type(v.type);
        const type = variable.kind === 'var' ? variable.type : 0;
        return `.${variable.name} = ${render(job, type, v.offset, depth - 1) ?? '?'}`;
      });
      return braces(job, parts);
    }
    case 'var':
      return render(job, t.type, at, depth);
    default:
      return undefined;
  }
}

const braces = (job: Job, parts: readonly string[]): string =>
  parts.length > job.maxItems
    ? `{${parts.slice(0, job.maxItems).join(', ')}, ... ${parts.length - job.maxItems} more}`
    : `{${parts.join(', ')}}`;

function members(job: Job, list: readonly BtfMember[], at: number, depth: number): string[] {
  const parts: string[] = [];
  for (const m of list) {
    if (job.left <= 0) break;
    const value =
      m.bitSize > 0
        ? bitfield(job, m, at * 8 + m.bitOffset)
        : (render(job, m.type, at + (m.bitOffset >> 3), depth - 1) ?? '?');
    if (m.name !== '') parts.push(`.${m.name} = ${value}`);
    // Members of an unnamed struct or union belong to the outer one, as in C.
    else if (value.startsWith('{') && value.length > 2) parts.push(value.slice(1, -1));
  }
  return parts;
}

function bitfield(job: Job, m: BtfMember, bit: number): string {
  job.left--;
  const first = Math.floor(bit / 8);
  const raw = unsignedAt(job, first, Math.ceil((bit + m.bitSize) / 8) - first);
  if (raw === undefined) return '?';
  const value = BigInt.asUintN(m.bitSize, raw >> BigInt(bit % 8));
  return scalar(job.btf.type(job.btf.strip(m.type)), value, m.bitSize);
}

/** A C string when the bytes are one: printable up to a zero byte (what follows that is left over, not shown). */
function string(bytes: Uint8Array): string | undefined {
  const end = bytes.indexOf(0);
  const used = end < 0 ? bytes : bytes.subarray(0, end);
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(used);
  } catch {
    return undefined;
  }
  // Control characters other than tab and newline: not text.
  return /[\x00-\x08\x0b-\x1f\x7f]/.test(text) ? undefined : JSON.stringify(text);
}
