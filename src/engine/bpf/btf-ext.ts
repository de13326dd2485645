/** `.BTF.ext`: function info, line info and CO-RE relocations, each in blocks by ELF section. */
import { err, ok, type Result } from '../../base/index.ts';
import { BTF_MAGIC, BTF_VERSION } from './btf-format.ts';
import type { BtfError } from './btf-types.ts';

export interface FuncInfo {
  /** Byte offset of the function in its section. */
  readonly insnOffset: number;
  /** BTF_KIND_FUNC id. */
  readonly typeId: number;
}

export interface LineInfo {
  readonly insnOffset: number;
  /** String offsets in `.BTF`. */
  readonly fileOffset: number;
  readonly textOffset: number;
  readonly line: number;
  readonly column: number;
}

/** enum bpf_core_relo_kind of <linux/bpf.h>, as libbpf names the kinds in its log. */
export const CORE_RELO_KINDS = [
  'byte_off',
  'byte_sz',
  'field_exists',
  'signed',
  'lshift_u64',
  'rshift_u64',
  'local_type_id',
  'target_type_id',
  'type_exists',
  'type_size',
  'enumval_exists',
  'enumval_value',
  'type_matches',
] as const;
export type CoreReloKind = (typeof CORE_RELO_KINDS)[number];

export interface CoreRelo {
  readonly insnOffset: number;
  readonly typeId: number;
  /** String offset in `.BTF` of e.g. `0:1:2`. */
  readonly accessOffset: number;
  /** Number of the kind; may be one that CORE_RELO_KINDS does not have. */
  readonly kind: number;
}

/** Records of one ELF section. */
export interface ExtBlock<T> {
  /** String offset in `.BTF` of the section's name. */
  readonly sectionName: number;
  readonly records: readonly T[];
}

export interface BtfExt {
  readonly funcInfo: readonly ExtBlock<FuncInfo>[];
  readonly lineInfo: readonly ExtBlock<LineInfo>[];
  readonly coreRelos: readonly ExtBlock<CoreRelo>[];
}

const FUNC_SIZE = 8;
const LINE_SIZE = 16;
const CORE_SIZE = 16;

/** Parses `.BTF.ext`. Records larger than we know are accepted (their tails are ignored), as libbpf does. */
export function parseBtfExt(bytes: Uint8Array): Result<BtfExt, BtfError> {
  const fail = (message: string, offset: number) => err({ message, offset });
  if (bytes.length < 24) return fail(`.BTF.ext is cut short: ${bytes.length} bytes`, bytes.length);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint16(0, true) !== BTF_MAGIC) return fail('.BTF.ext has a wrong magic number', 0);
  if (view.getUint8(2) !== BTF_VERSION) return fail(`.BTF.ext version ${view.getUint8(2)} is not supported`, 2);
  const headerSize = view.getUint32(4, true);
  if (headerSize < 24 || headerSize > bytes.length) return fail(`.BTF.ext header length ${headerSize} is wrong`, 4);

  let failure: BtfError | undefined;
  function blocks<T>(what: string, header: number, minimum: number, decode: (at: number) => T): ExtBlock<T>[] {
    const out: ExtBlock<T>[] = [];
    // CO-RE relocations came with a longer header; absent in the short one.
    if (failure !== undefined || header + 8 > headerSize) return out;
    const start = headerSize + view.getUint32(header, true);
    const length = view.getUint32(header + 4, true);
    if (length === 0) return out;
    const end = start + length;
    const bad = (message: string, offset: number): ExtBlock<T>[] => {
      failure = { message: `.BTF.ext ${what}: ${message}`, offset };
      return [];
    };
    if (start % 4 !== 0) return bad('not aligned to 4 bytes', header);
    if (end > bytes.length) return bad(`ends at byte ${end}, the section has ${bytes.length}`, bytes.length);
    if (length < 4) return bad('no room for the record size', start);
    const recordSize = view.getUint32(start, true);
    if (recordSize < minimum || recordSize % 4 !== 0) return bad(`record size ${recordSize} is wrong`, start);
    let p = start + 4;
    if (p === end) return bad('no records', p);
    while (p < end) {
      if (p + 8 > end) return bad('a block header is cut short', p);
      const sectionName = view.getUint32(p, true);
      const count = view.getUint32(p + 4, true);
      p += 8;
      if (count === 0) return bad('a block without records', p);
      if (p + count * recordSize > end) return bad('records are cut short', p);
      const records: T[] = [];
      for (let i = 0; i < count; i++, p += recordSize) records.push(decode(p));
      out.push({ sectionName, records });
    }
    return out;
  }
  const funcInfo = blocks('func_info', 8, FUNC_SIZE, (p): FuncInfo => ({
    insnOffset: view.getUint32(p, true),
    typeId: view.getUint32(p + 4, true),
  }));
  const lineInfo = blocks('line_info', 16, LINE_SIZE, (p): LineInfo => {
    const lineColumn = view.getUint32(p + 12, true);
    return {
      insnOffset: view.getUint32(p, true),
      fileOffset: view.getUint32(p + 4, true),
      textOffset: view.getUint32(p + 8, true),
      line: lineColumn >>> 10,
      column: lineColumn & 0x3ff,
    };
  });
  const coreRelos = blocks('core_relo', 24, CORE_SIZE, (p): CoreRelo => ({
    insnOffset: view.getUint32(p, true),
    typeId: view.getUint32(p + 4, true),
    accessOffset: view.getUint32(p + 8, true),
    kind: view.getUint32(p + 12, true),
  }));
  return failure !== undefined ? err(failure) : ok({ funcInfo, lineInfo, coreRelos });
}

/** Writes `.BTF.ext`. Blocks without records are left out (the format forbids them). */
export function writeBtfExt(ext: BtfExt): Uint8Array {
  const headerSize = 32;
  const sizeOf = (blocks: readonly ExtBlock<unknown>[], recordSize: number): number => {
    const filled = blocks.filter((b) => b.records.length > 0);
    // libbpf demands the record size even where there are no records, unless the length is 0.
    return filled.length === 0 ? 0 : filled.reduce((n, b) => n + 8 + b.records.length * recordSize, 4);
  };
  const size = sizeOf(ext.funcInfo, FUNC_SIZE) + sizeOf(ext.lineInfo, LINE_SIZE) + sizeOf(ext.coreRelos, CORE_SIZE);
  const bytes = new Uint8Array(headerSize + size);
  const view = new DataView(bytes.buffer);
  let p = headerSize;
  const u32 = (v: number): void => {
    view.setUint32(p, v, true);
    p += 4;
  };
  const regions: { offset: number; length: number }[] = [];
  function region<T>(blocks: readonly ExtBlock<T>[], recordSize: number, write: (record: T) => void): void {
    const start = p;
    const filled = blocks.filter((b) => b.records.length > 0);
    if (filled.length > 0) u32(recordSize);
    for (const block of filled) {
      u32(block.sectionName);
      u32(block.records.length);
      for (const record of block.records) write(record);
    }
    regions.push({ offset: start - headerSize, length: p - start });
  }
  region(ext.funcInfo, FUNC_SIZE, (r) => {
    u32(r.insnOffset);
    u32(r.typeId);
  });
  // Columns have 10 bits, lines 22; larger values are cut to the largest that fits rather than wrapped.
  region(ext.lineInfo, LINE_SIZE, (r) => {
    u32(r.insnOffset);
    u32(r.fileOffset);
    u32(r.textOffset);
    u32(((Math.min(r.line, 0x3fffff) << 10) | Math.min(r.column, 0x3ff)) >>> 0);
  });
  region(ext.coreRelos, CORE_SIZE, (r) => {
    u32(r.insnOffset);
    u32(r.typeId);
    u32(r.accessOffset);
    u32(r.kind);
  });
  view.setUint16(0, BTF_MAGIC, true);
  view.setUint8(2, BTF_VERSION);
  view.setUint32(4, headerSize, true);
  regions.forEach((r, i) => {
    view.setUint32(8 + i * 8, r.offset, true);
    view.setUint32(12 + i * 8, r.length, true);
  });
  return bytes;
}
