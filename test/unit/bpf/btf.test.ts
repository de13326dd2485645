import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BtfBuilder, declareType, parseBtf, type Btf } from '../../../src/engine/bpf/index.ts';

/** A blob with every kind, and the ids by name. */
function sample() {
  const b = new BtfBuilder();
  const int = b.addInt('int', 4, { signed: true });
  const char = b.addInt('char', 1, { signed: true, char: true });
  const bool = b.addInt('_Bool', 1, { bool: true, bits: 8 });
  const u64 = b.addInt('unsigned long', 8);
  const file = b.addStruct('file', 0);
  const constFile = b.addConst(file);
  const filePtr = b.addPtr(constFile);
  const comm = b.addArray(char, u64, 16);
  const kuid = b.addTypedef('kuid_t', b.addStruct('', 4, [{ name: 'val', type: int, bitOffset: 0 }]));
  const proto = b.addFuncProto(int, [
    { name: 'file', type: filePtr },
    { name: 'ret', type: int },
  ]);
  const func = b.addFunc('bpf_lsm_file_open', proto, 'global');
  const cb = b.addPtr(b.addFuncProto(0, [{ name: '', type: filePtr }], true));
  b.addStruct('file', 40, []);
  const flags = b.addStruct('flags', 4, [
    { name: 'a', type: int, bitOffset: 0, bitSize: 3 },
    { name: 'b', type: int, bitOffset: 3, bitSize: 29 },
  ]);
  const anon = b.addUnion('', 8, [
    { name: 'ptr', type: filePtr, bitOffset: 0 },
    { name: 'n', type: u64, bitOffset: 0 },
  ]);
  b.setMembers(file, [
    { name: 'self', type: filePtr, bitOffset: 0 },
    { name: '', type: anon, bitOffset: 64 },
    { name: 'comm', type: comm, bitOffset: 128 },
    { name: 'cb', type: cb, bitOffset: 256 },
  ]);
  const kind = b.addEnum(
    'kind',
    4,
    [
      { name: 'KIND_NEG', value: -1 },
      { name: 'KIND_ONE', value: 1 },
    ],
    true,
  );
  const big = b.addEnum64('big', 8, [{ name: 'BIG', value: 0x8000_0000_0000_0001n }]);
  const fwd = b.addFwd('later', true);
  const vol = b.addVolatile(int);
  const restrict = b.addRestrict(filePtr);
  const tagged = b.addPtr(b.addTypeTag('user', char));
  const float = b.addFloat('double', 8);
  const variable = b.addVar('counter', u64, 'global');
  const section = b.addDatasec('.bss', 8, [{ type: variable, offset: 0, size: 8 }]);
  const tag = b.addDeclTag('contains:x:y', file, 2);
  return {
    bytes: b.emit(),
    int,
    bool,
    file,
    filePtr,
    comm,
    kuid,
    func,
    cb,
    flags,
    kind,
    big,
    fwd,
    vol,
    restrict,
    tagged,
    float,
    variable,
    section,
    tag,
    u64,
  };
}

const parse = (bytes: Uint8Array): Btf => {
  const r = parseBtf(bytes);
  if (!r.ok) throw new Error(r.error.message);
  return r.value;
};

/** Asks everything of every type; what matters is that it ends. */
function exercise(btf: Btf): void {
  for (let id = 0; id < Math.min(btf.typeCount + 2, 300); id++) {
    btf.type(id);
    btf.name(id);
    btf.strip(id);
    btf.sizeOf(id);
    btf.typeText(id);
    declareType(btf, id, 'x');
    btf.find(btf.name(id), btf.kind(id));
  }
  btf.findEnumerator('KIND_ONE');
  btf.findAll('file');
}

describe('BTF', () => {
  it('reads back every kind that the builder writes', () => {
    const s = sample();
    const btf = parse(s.bytes);
    expect(btf.type(s.int)).toEqual({
      kind: 'int',
      id: s.int,
      name: 'int',
      size: 4,
      bits: 32,
      signed: true,
      char: false,
      bool: false,
    });
    expect(btf.type(s.bool)).toMatchObject({ bool: true, size: 1, bits: 8 });
    expect(btf.type(s.file)).toMatchObject({
      kind: 'struct',
      size: 0,
      members: [
        { name: 'self', bitOffset: 0, bitSize: 0 },
        { name: '', bitOffset: 64 },
        { name: 'comm', type: s.comm, bitOffset: 128 },
        { name: 'cb', bitOffset: 256 },
      ],
    });
    expect(btf.type(s.flags)).toMatchObject({
      members: [
        { bitOffset: 0, bitSize: 3 },
        { bitOffset: 3, bitSize: 29 },
      ],
    });
    expect(btf.type(s.kind)).toMatchObject({
      kind: 'enum',
      signed: true,
      values: [{ name: 'KIND_NEG', value: -1n }, { value: 1n }],
    });
    expect(btf.type(s.big)).toMatchObject({ kind: 'enum64', values: [{ name: 'BIG', value: 0x8000_0000_0000_0001n }] });
    expect(btf.type(s.fwd)).toMatchObject({ kind: 'fwd', name: 'later', union: true });
    expect(btf.type(s.func)).toMatchObject({ kind: 'func', linkage: 'global' });
    expect(btf.type(s.variable)).toMatchObject({ kind: 'var', linkage: 'global', type: s.u64 });
    expect(btf.type(s.section)).toMatchObject({
      kind: 'datasec',
      size: 8,
      vars: [{ type: s.variable, offset: 0, size: 8 }],
    });
    expect(btf.type(s.tag)).toMatchObject({ kind: 'decl_tag', componentIndex: 2, type: s.file });
    expect(btf.type(s.float)).toMatchObject({ kind: 'float', size: 8 });
    expect(btf.kind(0)).toBe('void');
    expect(btf.type(99999)).toEqual({ kind: 'void', id: 0, name: '' });
    expect(btf.type(-1).kind).toBe('void');
  });

  it('finds types and enumerators by name', () => {
    const s = sample();
    const btf = parse(s.bytes);
    expect(btf.find('file', 'struct')).toBe(s.file);
    expect(btf.find('file', 'union')).toBe(0);
    expect(btf.findAll('file')).toHaveLength(2);
    expect(btf.find('', 'ptr')).toBe(0);
    expect(btf.findEnumerator('KIND_ONE')).toEqual({ enumId: s.kind, value: 1n });
    expect(btf.findEnumerator('KIND')).toBeUndefined();
    expect(btf.findEnumerator('BIG')?.value).toBe(0x8000_0000_0000_0001n);
  });

  it('strips, measures and spells types as C does', () => {
    const s = sample();
    const btf = parse(s.bytes);
    expect(btf.sizeOf(s.comm)).toBe(16);
    expect(btf.sizeOf(s.kuid)).toBe(4);
    expect(btf.sizeOf(s.func)).toBeUndefined();
    expect(btf.sizeOf(s.fwd)).toBeUndefined();
    expect(btf.sizeOf(s.section)).toBe(8);
    expect(btf.kind(btf.strip(s.kuid))).toBe('struct');
    expect(btf.typeText(s.filePtr)).toBe('const struct file *');
    expect(btf.typeText(s.restrict)).toBe('const struct file *restrict');
    expect(btf.typeText(s.comm)).toBe('char[16]');
    expect(btf.typeText(s.cb)).toBe('void (*)(const struct file *, ...)');
    expect(btf.typeText(s.func)).toBe('int bpf_lsm_file_open(const struct file *file, int ret)');
    expect(declareType(btf, s.comm, 'comm')).toBe('char comm[16]');
    expect(declareType(btf, s.cb, 'cb')).toBe('void (*cb)(const struct file *, ...)');
    expect(declareType(btf, s.vol, 'v')).toBe('volatile int v');
    expect(btf.typeText(s.fwd)).toBe('union later');
    expect(btf.typeText(s.tagged)).toBe('char *');
  });

  it('spells pointers to arrays and arrays of function pointers', () => {
    const b = new BtfBuilder();
    const int = b.addInt('int', 4, { signed: true });
    const row = b.addArray(int, int, 3);
    const rowPtr = b.addPtr(row);
    const fn = b.addArray(b.addPtr(b.addFuncProto(rowPtr, [])), int, 2);
    const constPtr = b.addPtr(b.addConst(b.addPtr(b.addConst(int))));
    const btf = parse(b.emit());
    expect(declareType(btf, rowPtr, 'p')).toBe('int (*p)[3]');
    expect(declareType(btf, fn, 'f')).toBe('int (*(*f[2])(void))[3]');
    expect(declareType(btf, constPtr, 'p')).toBe('const int *const *p');
  });

  it('stores each string once', () => {
    const b = new BtfBuilder();
    expect(b.string('same')).toBe(b.string('same'));
    expect(b.string('')).toBe(0);
    b.addInt('same', 4);
    expect(parse(b.emit()).name(1)).toBe('same');
  });

  it('refuses a blob cut at any byte', () => {
    const { bytes } = sample();
    for (let n = 0; n < bytes.length; n++) {
      const r = parseBtf(bytes.subarray(0, n));
      expect(r.ok).toBe(false);
      if (!r.ok) expect(r.error.message.length).toBeGreaterThan(0);
    }
  });

  it('names what is wrong with the header', () => {
    const { bytes } = sample();
    const change = (at: number, value: number): string => {
      const copy = bytes.slice();
      copy[at] = value;
      const r = parseBtf(copy);
      return r.ok ? '' : r.error.message;
    };
    expect(change(0, 0)).toMatch(/magic/);
    expect(change(2, 9)).toMatch(/version 9/);
    expect(change(24 + 7, 31)).toMatch(/unknown kind 31/);
    expect(change(bytes.length - 1, 65)).toMatch(/end with a zero/);
    const swapped = bytes.slice();
    swapped.set([0xeb, 0x9f]);
    const r = parseBtf(swapped);
    expect(r.ok ? '' : r.error.message).toMatch(/big-endian/);
  });

  it('ends on cycles of typedefs, arrays and structs', () => {
    const b = new BtfBuilder();
    const t1 = b.addTypedef('t1', 2);
    b.addTypedef('t2', 1);
    const a = b.addArray(3, 3, 2);
    const s = b.addStruct('s', 8, [{ name: 'self', type: 4, bitOffset: 0 }]);
    const p = b.addPtr(5);
    const proto = b.addFuncProto(6, [
      { name: '', type: 6 },
      { name: '', type: 6 },
    ]);
    const v = b.addVar('v', 7, 'global');
    const btf = parse(b.emit());
    expect(btf.strip(t1)).toBe(0);
    expect(btf.sizeOf(t1)).toBeUndefined();
    expect(btf.sizeOf(a)).toBeUndefined();
    expect(btf.sizeOf(s)).toBe(8);
    expect(btf.sizeOf(v)).toBeUndefined();
    expect(btf.typeText(p)).toContain('...');
    expect(btf.typeText(proto).length).toBeLessThan(100_000);
    expect(btf.typeText(a)).toContain('...');
  });

  it('never crashes or hangs on a damaged blob', () => {
    const { bytes } = sample();
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat({ max: bytes.length - 1 }), fc.nat({ max: 255 })), { minLength: 1, maxLength: 12 }),
        (edits) => {
          const copy = bytes.slice();
          for (const [at, value] of edits) copy[at] = value;
          const r = parseBtf(copy);
          if (r.ok) exercise(r.value);
        },
      ),
      { numRuns: 1500 },
    );
  });

  it('never crashes or hangs on random types behind a good header', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (body) => {
        const bytes = new Uint8Array(24 + (body.length & ~3) + 4);
        const view = new DataView(bytes.buffer);
        view.setUint16(0, 0xeb9f, true);
        bytes[2] = 1;
        view.setUint32(4, 24, true);
        view.setUint32(12, body.length & ~3, true);
        view.setUint32(16, body.length & ~3, true);
        view.setUint32(20, 4, true);
        bytes.set(body.subarray(0, body.length & ~3), 24);
        // Kinds in range and names inside, so that more than the first check is reached.
        for (let p = 24; p + 12 <= bytes.length - 4; p += 12) {
          bytes[p + 7] = (bytes[p + 7] & 0x80) | (1 + (bytes[p + 7] % 19));
          view.setUint32(p, 0, true);
          view.setUint16(p + 4, view.getUint16(p + 4, true) % 3, true);
        }
        const r = parseBtf(bytes);
        if (r.ok) exercise(r.value);
      }),
      { numRuns: 1000 },
    );
  });
});
