/**
 * An eBPF instruction stream as struct-of-arrays: the one representation that the loader, verifier and VM share.
 * Index = instruction *slot* as the kernel counts them: `ld_imm64` takes two slots (the second has opcode 0 and
 * holds the upper 32 bits in `imm`). Jump offsets are relative to the next slot, as in the ISA (RFC 9669).
 */
export interface InsnArray {
  readonly count: number;
  readonly op: Uint8Array;
  readonly dst: Uint8Array;
  readonly src: Uint8Array;
  readonly off: Int16Array;
  readonly imm: Int32Array;
}

/** Decodes little-endian 8-byte slots. A trailing partial slot is ignored (callers check the size first). */
export function decodeInsns(bytes: Uint8Array): InsnArray {
  const count = bytes.byteLength >> 3;
  const view = new DataView(bytes.buffer, bytes.byteOffset, count * 8);
  const out = emptyInsns(count);
  for (let i = 0; i < count; i++) {
    const p = i * 8;
    const regs = view.getUint8(p + 1);
    out.op[i] = view.getUint8(p);
    out.dst[i] = regs & 15;
    out.src[i] = regs >> 4;
    out.off[i] = view.getInt16(p + 2, true);
    out.imm[i] = view.getInt32(p + 4, true);
  }
  return out;
}

/** The inverse of `decodeInsns`. */
export function encodeInsns(p: InsnArray): Uint8Array {
  const bytes = new Uint8Array(p.count * 8);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < p.count; i++) {
    view.setUint8(i * 8, p.op[i]);
    view.setUint8(i * 8 + 1, (p.src[i] << 4) | p.dst[i]);
    view.setInt16(i * 8 + 2, p.off[i], true);
    view.setInt32(i * 8 + 4, p.imm[i], true);
  }
  return bytes;
}

export function emptyInsns(count: number): InsnArray {
  return {
    count,
    op: new Uint8Array(count),
    dst: new Uint8Array(count),
    src: new Uint8Array(count),
    off: new Int16Array(count),
    imm: new Int32Array(count),
  };
}
