import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  HELPERS,
  decodeInsns,
  disasmInsn,
  disasmWithOpcode,
  emptyInsns,
  encodeInsns,
  helperByName,
  helperName,
  helperPrototype,
} from '../../../src/engine/bpf/index.ts';

/** Text of one instruction given as opcode, dst, src, off, imm (and the upper half of an ld_imm64). */
function text(op: number, dst = 0, src = 0, off = 0, imm = 0, high = 0): string {
  const p = emptyInsns(2);
  p.op[0] = op;
  p.dst[0] = dst;
  p.src[0] = src;
  p.off[0] = off;
  p.imm[0] = imm;
  p.imm[1] = high;
  return disasmWithOpcode(p, 0);
}

describe('disassembly in the words of the kernel', () => {
  it.each([
    ['(79) r1 = *(u64 *)(r1 +0)', text(0x79, 1, 1)],
    ['(91) r2 = *(s8 *)(r3 -4)', text(0x91, 2, 3, -4)],
    ['(7b) *(u64 *)(r10 -8) = r0', text(0x7b, 10, 0, -8)],
    ['(72) *(u8 *)(r10 -1) = -5', text(0x72, 10, 0, -1, -5)],
    ['(07) r1 += 8', text(0x07, 1, 0, 0, 8)],
    ['(b4) w0 = 0', text(0xb4)],
    ['(bf) r6 = r1', text(0xbf, 6, 1)],
    ['(bf) r6 = (s16)r1', text(0xbf, 6, 1, 16)],
    ['(bc) w6 = (s8)w1', text(0xbc, 6, 1, 8)],
    ['(3f) r1 s/= r2', text(0x3f, 1, 2, 1)],
    ['(94) w1 s%= 3', text(0x94, 1, 0, 1, 3)],
    ['(37) r1 /= 3', text(0x37, 1, 0, 0, 3)],
    ['(c7) r1 s>>= 32', text(0xc7, 1, 0, 0, 32)],
    ['(87) r3 = -r3', text(0x87, 3)],
    ['(dc) r1 = be16 r1', text(0xdc, 1, 0, 0, 16)],
    ['(d4) r1 = le32 r1', text(0xd4, 1, 0, 0, 32)],
    ['(d7) r1 = bswap64 r1', text(0xd7, 1, 0, 0, 64)],
    ['(15) if r0 == 0x0 goto pc+3', text(0x15, 0, 0, 3)],
    ['(a6) if w2 < 0xffffffff goto pc-1', text(0xa6, 2, 0, -1, -1)],
    ['(6d) if r1 s> r2 goto pc+7', text(0x6d, 1, 2, 7)],
    ['(4e) if w1 & w2 goto pc+7', text(0x4e, 1, 2, 7)],
    ['(05) goto pc-65', text(0x05, 0, 0, -65)],
    ['(06) gotol pc+70000', text(0x06, 0, 0, 0, 70_000)],
    ['(e5) may_goto pc+2', text(0xe5, 0, 0, 2)],
    ['(85) call bpf_map_lookup_elem#1', text(0x85, 0, 0, 0, 1)],
    ['(85) call unknown#195896080', text(0x85, 0, 0, 0, 195896080)],
    ['(85) call pc+12', text(0x85, 0, 1, 0, 12)],
    ['(85) call kernel-function#4711', text(0x85, 0, 2, 0, 4711)],
    ['(95) exit', text(0x95)],
    ['(18) r1 = 0xffff888100000004', text(0x18, 1, 0, 0, 4, -30591)],
    ['(18) r1 = 0xffffffff', text(0x18, 1, 0, 0, -1)],
    ['(db) lock *(u64 *)(r1 +0) += r2', text(0xdb, 1, 2)],
    ['(c3) lock *(u32 *)(r1 +4) |= r2', text(0xc3, 1, 2, 4, 0x40)],
    ['(db) r2 = atomic64_fetch_xor((u64 *)(r1 +0), r2)', text(0xdb, 1, 2, 0, 0xa1)],
    ['(c3) r2 = atomic_fetch_add((u32 *)(r1 +0), r2)', text(0xc3, 1, 2, 0, 1)],
    ['(db) r2 = atomic64_xchg((u64 *)(r1 +0), r2)', text(0xdb, 1, 2, 0, 0xe1)],
    ['(c3) r0 = atomic_cmpxchg((u32 *)(r1 +0), r0, r2)', text(0xc3, 1, 2, 0, 0xf1)],
    ['(db) BUG_db', text(0xdb, 1, 2, 0, 0x33)],
    ['(30) r0 = *(u8 *)skb[14]', text(0x30, 0, 0, 0, 14)],
    ['(bf) r1 = addr_space_cast(r2, 0, 1)', text(0xbf, 1, 2, 1, 1)],
  ])('%s', (expected, actual) => {
    expect(actual).toBe(expected);
  });

  it('has a text for every opcode', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 8, maxLength: 64 }), (bytes) => {
        const p = decodeInsns(bytes);
        for (let i = 0; i < p.count; i++) expect(disasmInsn(p, i)).not.toMatch(/undefined|NaN/);
      }),
      { numRuns: 2000 },
    );
  });

  it('encodes what it decodes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        const whole = bytes.subarray(0, bytes.length & ~7);
        expect(encodeInsns(decodeInsns(bytes))).toEqual(new Uint8Array(whole));
      }),
    );
  });
});

describe('helpers', () => {
  it('knows all numbers, names and prototypes', () => {
    expect(HELPERS.map((h) => h.id)).toEqual(Array.from({ length: 211 }, (_, i) => i + 1));
    expect(helperName(147)).toBe('bpf_d_path');
    expect(helperName(0)).toBe('unknown');
    expect(helperByName('bpf_cgrp_storage_delete')?.id).toBe(211);
    expect(helperPrototype(HELPERS[0])).toBe('void *bpf_map_lookup_elem(void *map, const void *key)');
    expect(helperPrototype(HELPERS[4])).toBe('__u64 bpf_ktime_get_ns(void)');
    expect(helperPrototype(HELPERS[5])).toBe('long bpf_trace_printk(const char *fmt, __u32 fmt_size, ...)');
    for (const h of HELPERS) {
      expect(h.params.length).toBeLessThanOrEqual(5);
      for (const p of h.params) expect(p.type).toMatch(/^[\w ]+\*{0,2}$/);
    }
  });
});
