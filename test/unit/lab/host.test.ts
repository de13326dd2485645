/** The host's side of the laboratory that needs no guest: archives, addresses, profiles, encodings, tables. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BtfBuilder, parseBtf } from '../../../src/engine/bpf/index.ts';
import {
  addressBytes,
  capMask,
  errnoName,
  landlockMask,
  mapFlags,
  openFlags,
  signalNumber,
  sockaddr,
} from '../../../src/lab/abi.ts';
import { profileText } from '../../../src/lab/apparmor.ts';
import { cacheDir } from '../../../src/lab/cache.ts';
import { renderAgreement } from '../../../src/lab/compare.ts';
import { cpio } from '../../../src/lab/cpio.ts';
import { encodeValue, mapTypes } from '../../../src/lab/encode.ts';
import { Script } from '../../../src/lab/script.ts';
import { run, which } from '../../../src/lab/shell.ts';
import { extractVmlinux } from '../../../src/lab/vmlinux.ts';

const text = (bytes: Uint8Array): string => new TextDecoder('latin1').decode(bytes);
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

describe('cache', () => {
  test('LSMITH_CACHE wins over XDG_CACHE_HOME', () => {
    expect(cacheDir({ LSMITH_CACHE: '/a/b', XDG_CACHE_HOME: '/x' })).toBe('/a/b');
    expect(cacheDir({ XDG_CACHE_HOME: '/x' })).toBe('/x/lsmith');
    expect(cacheDir({})).toMatch(/\/\.cache\/lsmith$/);
  });
});

describe('cpio', () => {
  test('headers, parents and padding', () => {
    const archive = cpio([
      { path: 'sbin/init', kind: 'file', data: new Uint8Array([1, 2, 3]), mode: 0o755 },
      { path: 'dev/console', kind: 'char', major: 5, minor: 1 },
    ]);
    expect(archive.length % 512).toBe(0);
    const names = [...text(archive).matchAll(/070701[0-9a-f]{104}([\w/.!]+)\0/g)].map((m) => m[1]);
    expect(names).toEqual(['sbin', 'sbin/init', 'dev', 'dev/console', 'TRAILER!!!']);
  });

  test('every archive can be walked entry by entry', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.stringMatching(/^[a-z]{1,9}(\/[a-z]{1,9}){0,3}$/), fc.uint8Array({ maxLength: 50 }))),
        (files) => {
          const archive = cpio(files.map(([p, data]) => ({ path: p, kind: 'file' as const, data })));
          const found: string[] = [];
          for (let at = 0; ;) {
            expect(text(archive.subarray(at, at + 6))).toBe('070701');
            const field = (i: number): number => parseInt(text(archive.subarray(at + 6 + i * 8, at + 14 + i * 8)), 16);
            const name = text(archive.subarray(at + 110, at + 110 + field(11) - 1));
            if (name === 'TRAILER!!!') break;
            if ((field(1) & 0o170000) === 0o100000) {
              const data = (at + 110 + field(11) + 3) & ~3;
              found.push(`${name}=${hex(archive.subarray(data, data + field(6)))}`);
            }
            at = (((at + 110 + field(11) + 3) & ~3) + field(6) + 3) & ~3;
          }
          expect(found).toEqual(files.map(([p, data]) => `${p}=${hex(data)}`));
        },
      ),
    );
  });
});

describe('numbers of the system-call interface', () => {
  test('flags by name', () => {
    expect(openFlags(['O_WRONLY', 'O_CREAT', 'O_TRUNC'])).toBe(0o1101);
    expect(mapFlags(['MAP_PRIVATE', 'MAP_ANONYMOUS'])).toBe(0x22);
    expect(signalNumber('SIGTERM')).toBe(15);
    expect(signalNumber('0')).toBe(0);
    expect(capMask(['sys_ptrace', 'checkpoint_restore'])).toBe((1n << 19n) | (1n << 40n));
    expect(landlockMask(['execute', 'truncate'])).toBe(1n | (1n << 14n));
    expect(() => openFlags(['O_NOPE'])).toThrow('O_NOPE');
    expect(() => capMask(['sys_magic'])).toThrow('sys_magic');
  });

  test('addresses', () => {
    expect(hex(sockaddr('127.0.0.1:7777'))).toBe('02001e617f0000010000000000000000');
    expect(hex(sockaddr('[::1]:80'))).toBe('0a00005000000000' + '00'.repeat(15) + '01' + '00000000');
    expect(hex(sockaddr('/run/x'))).toBe('01002f72756e2f7800');
    expect(hex(sockaddr('@x'))).toBe('01000078');
    expect(addressBytes('::ffff:1.2.3.4')).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 1, 2, 3, 4]);
    for (const bad of ['1.2.3:4', '1.2.3.256:4', '[::g]:1', 'localhost:1', '1.2.3.4:99999'])
      expect(() => sockaddr(bad)).toThrow();
  });

  test('errno names', () => {
    expect([0, 5, -1, -13, -4095, 140493738909696].map(errnoName)).toEqual([
      'OK',
      'OK',
      'EPERM',
      'EACCES',
      'E4095',
      'OK',
    ]);
  });
});

describe('AppArmor text', () => {
  const profile = {
    name: 'web',
    mode: 'enforce' as const,
    rules: [
      { allow: true, path: '/usr/**', access: 'rx' },
      { allow: false, path: '/etc/shadow', access: 'rx' },
    ],
    network: [
      { allow: false, family: 'inet', type: 'stream' },
      { allow: true, family: 'inet', type: null },
    ],
    capabilities: [{ allow: true, cap: 'kill' }],
    ptrace: true,
    signal: false,
    mount: false,
  };

  test('allowed exec stays under the profile, denied exec has no transition', () => {
    expect(profileText(profile)).toBe(
      'profile "web" {\n  "/usr/**" rix,\n  deny "/etc/shadow" rx,\n  deny network inet stream,\n  network inet,\n  capability kill,\n  ptrace,\n}\n',
    );
    expect(profileText({ ...profile, mode: 'complain' })).toContain('flags=(complain)');
  });

  test.skipIf(!which('apparmor_parser'))('the real parser accepts it', () => {
    const checked = run(which('apparmor_parser')!, ['--config-file=/dev/null', '-N', '-K'], {
      input: new TextEncoder().encode(profileText(profile)),
    });
    expect(checked.stderr.replace(/.*rule.*not enforced.*\n/gi, '')).not.toMatch(/error/i);
    expect(checked.stdout.toString()).toContain('web');
  });
});

describe('values by BTF', () => {
  const builder = new BtfBuilder();
  const u32 = builder.addInt('unsigned int', 4);
  const u8 = builder.addInt('unsigned char', 1);
  const bytes4 = builder.addArray(u8, u32, 4);
  const key = builder.addStruct('net_key', 8, [
    { name: 'prefixlen', type: u32, bitOffset: 0 },
    { name: 'addr', type: bytes4, bitOffset: 32 },
  ]);
  const mode = builder.addEnum('mode', 4, [{ name: 'STRICT', value: 3n }]);
  const def = builder.addStruct('', 16, [
    { name: 'key', type: builder.addPtr(key), bitOffset: 0 },
    { name: 'value', type: builder.addPtr(u32), bitOffset: 64 },
  ]);
  const variable = builder.addVar('blocked', def, 'global');
  builder.addDatasec('.maps', 16, [{ type: variable, offset: 0, size: 16 }]);
  const parsed = parseBtf(builder.emit());
  if (!parsed.ok) throw new Error(parsed.error.message);
  const btf = parsed.value;

  test('structs, addresses, numbers, enumerators, text', () => {
    expect(hex(encodeValue(btf, key, { prefixlen: 24, addr: '203.0.113.0' }, 'k'))).toBe('18000000cb007100');
    expect(hex(encodeValue(btf, key, { addr: [1, 2] }, 'k'))).toBe('0000000001020000');
    expect(hex(encodeValue(btf, u32, '0x10', 'v'))).toBe('10000000');
    expect(hex(encodeValue(btf, u32, -1, 'v'))).toBe('ffffffff');
    expect(hex(encodeValue(btf, u32, true, 'v'))).toBe('01000000');
    expect(hex(encodeValue(btf, mode, 'STRICT', 'v'))).toBe('03000000');
    expect(hex(encodeValue(btf, bytes4, 'ab', 'v'))).toBe('61620000');
    expect(mapTypes(btf, 'blocked')).toEqual({ key, value: u32 });
    expect(mapTypes(btf, 'other')).toBeUndefined();
  });

  test('what does not fit says where', () => {
    expect(() => encodeValue(btf, key, { prefix: 1 }, 'key of blocked')).toThrow('no plain member prefix');
    expect(() => encodeValue(btf, key, { addr: 'abcde' }, 'key of blocked')).toThrow('key of blocked.addr: 5 elements');
    expect(() => encodeValue(btf, u32, 2 ** 32, 'v')).toThrow('does not fit');
    expect(() => encodeValue(btf, u32, 'STRICT', 'v')).toThrow('no whole number');
  });
});

describe('scripts', () => {
  const script = (): Script => new Script({ address: 0x1000_0000, dataOffset: 4096, size: 8192 });

  test('strings are placed once, results are passed by reference', () => {
    const s = script();
    const fd = s.variable();
    const slot = s.slot();
    expect(s.string('/etc')).toBe(s.string('/etc'));
    s.call(slot, 'open', 257, [-100, s.string('/etc'), 0, 0, 0, 0], { save: fd });
    s.step(slot, 3, [fd, 0, 0, 0, 0, 0]);
    expect(text(s.payload()).trim().split('\n')).toEqual([
      'data 4096 2f65746300',
      `sys 0 -1 0 6f70656e 257 -100 ${0x1000_0000 + 4096} 0 0 0 0`,
      'step 0 -1 -1 0 2000 3 $0 0 0 0 0 0',
    ]);
  });

  test('memory and slots have an end', () => {
    expect(() => script().bytes(new Uint8Array(5000))).toThrow('more memory');
    const s = script();
    for (let i = 0; i < 64; i++) s.slot();
    expect(() => s.slot()).toThrow('at most 63 tasks');
  });
});

describe('kernel images', () => {
  test('what is no kernel is refused with the reason', () => {
    expect(() => extractVmlinux(new Uint8Array(10))).toThrow('no boot header');
    const image = new Uint8Array(0x2000);
    image.set(new TextEncoder().encode('HdrS'), 0x202);
    expect(() => extractVmlinux(image)).toThrow('unknown compression');
    expect(extractVmlinux(new Uint8Array([0x7f, 0x45, 0x4c, 0x46, 1]))).toHaveLength(5);
  });

  test.skipIf(!which('gzip'))('the payload is found by the boot header and unpacked', () => {
    const dir = mkdtempSync(path.join(tmpdir(), 'lsmith-test-'));
    try {
      writeFileSync(path.join(dir, 'elf'), new Uint8Array([0x7f, 0x45, 0x4c, 0x46, 9, 9]));
      run('gzip', [path.join(dir, 'elf')]);
      const packed = readFileSync(path.join(dir, 'elf.gz'));
      const image = new Uint8Array(0x1000 + packed.length + 4);
      const view = new DataView(image.buffer);
      image.set(new TextEncoder().encode('HdrS'), 0x202);
      image[0x1f1] = 1;
      view.setUint32(0x248, 0x1000 - 1024, true);
      view.setUint32(0x24c, packed.length + 4, true);
      image.set(packed, 0x1000);
      expect([...extractVmlinux(image)]).toEqual([0x7f, 0x45, 0x4c, 0x46, 9, 9]);
    } finally {
      rmSync(dir, { recursive: true });
    }
  });
});

test('the agreement table marks what differs', () => {
  const table = renderAgreement(
    [
      { step: 1, label: 'open', what: 'errno', model: 'OK', kernel: 'OK', agree: true },
      { step: 2, label: 'connect', what: 'errno', model: 'EPERM', kernel: 'EACCES', agree: false },
    ],
    '6.12',
  );
  expect(table).toContain('6.12: 1 of 2 facts agree');
  expect(table).toMatch(/DIFFERS\s+2\s+connect\s+errno\s+EPERM\s+EACCES/);
});
