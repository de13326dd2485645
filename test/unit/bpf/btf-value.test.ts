import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BtfBuilder, parseBtf, printTypeDefinition, renderValue } from '../../../src/engine/bpf/index.ts';

function sample() {
  const b = new BtfBuilder();
  const int = b.addInt('int', 4, { signed: true });
  const u32 = b.addTypedef('u32', b.addInt('unsigned int', 4));
  const u64 = b.addInt('unsigned long', 8);
  const char = b.addInt('char', 1, { signed: true });
  const u8 = b.addInt('unsigned char', 1);
  const bool = b.addInt('_Bool', 1, { bool: true });
  const kind = b.addEnum('kind', 4, [
    { name: 'READ', value: 0 },
    { name: 'WRITE', value: 2 },
  ]);
  const inner = b.addUnion('', 8, [
    { name: 'n', type: u64, bitOffset: 0 },
    { name: 'p', type: b.addPtr(0), bitOffset: 0 },
  ]);
  const event = b.addStruct('event', 48, [
    { name: 'pid', type: u32, bitOffset: 0 },
    { name: 'ret', type: int, bitOffset: 32 },
    { name: 'comm', type: b.addArray(char, int, 16), bitOffset: 64 },
    { name: '', type: inner, bitOffset: 192 },
    { name: 'kind', type: kind, bitOffset: 256 },
    { name: 'low', type: int, bitOffset: 288, bitSize: 3 },
    { name: 'high', type: int, bitOffset: 291, bitSize: 13 },
    { name: 'addr', type: b.addArray(u8, int, 4), bitOffset: 320 },
    { name: 'denied', type: bool, bitOffset: 352 },
  ]);
  const r = parseBtf(b.emit());
  if (!r.ok) throw new Error(r.error.message);
  return { btf: r.value, event, kind };
}

function bytes(): Uint8Array {
  const out = new Uint8Array(48);
  const view = new DataView(out.buffer);
  view.setUint32(0, 0xffffffff, true);
  view.setInt32(4, -13, true);
  out.set(new TextEncoder().encode('sh\0leftover'), 8);
  view.setUint32(24, 0x10, true);
  view.setUint32(32, 2, true);
  view.setUint16(36, (5 << 3) | 7, true);
  out.set([10, 0, 0, 1], 40);
  out[44] = 1;
  return out;
}

describe('values as text', () => {
  it('renders a record', () => {
    const { btf, event } = sample();
    expect(renderValue(btf, event, bytes())).toBe(
      '{.pid = 4294967295, .ret = -13, .comm = "sh", .n = 16, .p = 0x10, .kind = WRITE, .low = -1, .high = 5, ' +
        '.addr = {10, 0, 0, 1}, .denied = true}',
    );
  });

  it('marks what the bytes do not hold', () => {
    const { btf, event, kind } = sample();
    expect(renderValue(btf, event, bytes().subarray(0, 6))).toMatch(/^\{\.pid = 4294967295, \.ret = \?/);
    expect(renderValue(btf, kind, new Uint8Array([9, 0, 0, 0]))).toBe('9');
    expect(renderValue(btf, 0, new Uint8Array([1, 255]))).toBe('01 ff');
  });

  it('never throws, whatever the bytes', () => {
    const { btf } = sample();
    fc.assert(
      fc.property(fc.nat({ max: 20 }), fc.uint8Array({ maxLength: 64 }), (id, data) => {
        expect(renderValue(btf, id, data).length).toBeLessThan(2000);
      }),
    );
  });

  it('bounds what a hostile type can print', () => {
    const b = new BtfBuilder();
    const char = b.addInt('int', 4);
    let type = char;
    for (let i = 0; i < 12; i++) type = b.addArray(type, char, 1000);
    const self = b.addStruct('s', 8, []);
    b.setMembers(
      self,
      Array.from({ length: 50 }, (_, i) => ({ name: `m${i}`, type: self, bitOffset: 0 })),
    );
    const r = parseBtf(b.emit());
    if (!r.ok) throw new Error(r.error.message);
    expect(renderValue(r.value, type, new Uint8Array(4096)).length).toBeLessThan(200_000);
    expect(renderValue(r.value, self, new Uint8Array(8)).length).toBeLessThan(200_000);
  });

  it('prints C definitions', () => {
    const { btf, event, kind } = sample();
    expect(printTypeDefinition(btf, event, true).split('\n')).toEqual([
      'struct event {',
      '\tu32 pid; /* 0 */',
      '\tint ret; /* 4 */',
      '\tchar comm[16]; /* 8 */',
      '\tunion {',
      '\t\tunsigned long n; /* 24 */',
      '\t\tvoid *p; /* 24 */',
      '\t}; /* 24 */',
      '\tenum kind kind; /* 32 */',
      '\tint low: 3; /* 36:0 */',
      '\tint high: 13; /* 36:3 */',
      '\tunsigned char addr[4]; /* 40 */',
      '\t_Bool denied; /* 44 */',
      '};',
    ]);
    expect(printTypeDefinition(btf, kind)).toBe('enum kind {\n\tREAD = 0,\n\tWRITE = 2,\n};');
  });
});
