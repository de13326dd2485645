/** The indexed form of BTF: what is found in it is what is found in the blob, from the few pages that were read. */
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import {
  indexBtf,
  inMemory,
  openIndexedBtf,
  parseBtf,
  type Btf,
  type IndexedBtfFile,
} from '../../../src/engine/bpf/index.ts';

const blob = new Uint8Array(gunzipSync(readFileSync(new URL('../../../assets/profiles/6.12/btf.gz', import.meta.url))));
const parsed = parseBtf(blob);
const made = indexBtf(blob);
if (!parsed.ok || !made.ok) throw new Error('the profile is no BTF');
const plain = parsed.value;
const file = made.value;

function open(from: IndexedBtfFile): Btf {
  const opened = openIndexedBtf(from);
  if (!opened.ok) throw new Error(opened.error.message);
  return opened.value;
}

/** Counts what is read and what is made anew. */
function counted(bytes: Uint8Array): { readonly file: IndexedBtfFile; read: number; remade: number } {
  const memory = inMemory(bytes);
  const out = {
    read: 0,
    remade: 0,
    file: {
      size: bytes.length,
      read(into: Uint8Array, position: number) {
        out.read += into.length;
        return memory.read(into, position);
      },
      remake() {
        out.remade++;
        return file;
      },
    },
  };
  return out;
}

test('types, names and enumerators are found alike', () => {
  const indexed = open(inMemory(file));
  expect(indexed.typeCount).toBe(plain.typeCount);
  expect(indexed.blobSize).toBe(blob.length);
  expect(indexed.flavoredIds?.()).toEqual(plain.flavoredIds?.());
  for (let id = 0; id < plain.typeCount; id += 97) {
    const name = plain.name(id);
    expect(indexed.name(id)).toBe(name);
    expect(indexed.type(id)).toEqual(plain.type(id));
    expect(indexed.findAll(name)).toEqual(plain.findAll(name));
    expect(indexed.sizeOf(id)).toBe(plain.sizeOf(id));
    const t = plain.type(id);
    if (t.kind === 'enum' || t.kind === 'enum64')
      for (const v of t.values) expect(indexed.findEnumerator(v.name)).toEqual(plain.findEnumerator(v.name));
  }
  expect(indexed.find('task_struct', 'struct')).toBe(plain.find('task_struct', 'struct'));
  for (const absent of ['no_such_type_anywhere', '', 'żółw', 'x'.repeat(300)]) {
    expect(indexed.find(absent, 'struct')).toBe(0);
    expect(indexed.findEnumerator(absent)).toBeUndefined();
  }
});

test('what was not asked for is not read', () => {
  const c = counted(file);
  const indexed = open(c.file);
  const id = indexed.find('file', 'struct');
  expect(indexed.type(id)).toEqual(plain.type(id));
  expect(c.read).toBeLessThan(file.length / 20);
  expect(c.remade).toBe(0);
});

test('a damaged page is made anew, once, and what is found is right', () => {
  const broken = file.slice();
  const head = counted(file);
  open(head.file);
  // Everything behind the head, which is checked by itself.
  broken.fill(0x5a, head.read + 4096);
  const c = counted(broken);
  const indexed = open(c.file);
  const id = indexed.find('task_struct', 'struct');
  expect(id).toBe(plain.find('task_struct', 'struct'));
  expect(indexed.type(id)).toEqual(plain.type(id));
  expect(c.remade).toBe(1);
});

test('a file that ends while it is read is made anew', () => {
  const c = counted(file);
  const indexed = open({ ...c.file, read: (into, at) => at < 200_000 && c.file.read(into, at) });
  expect(indexed.find('task_struct', 'struct')).toBe(plain.find('task_struct', 'struct'));
  expect(c.remade).toBe(1);
});

test('what is cut short, of another format, damaged in its head or a plain blob is refused', () => {
  const refused = (bytes: Uint8Array): boolean => !openIndexedBtf(inMemory(bytes)).ok;
  expect(refused(file.slice(0, file.length - 4))).toBe(true);
  expect(refused(file.slice(0, 8))).toBe(true);
  expect(refused(new Uint8Array(0))).toBe(true);
  for (const at of [0, 4, 12, 16, 24, 28, 32]) {
    const other = file.slice();
    other[at] ^= 0x11;
    expect(refused(other), `byte ${at}`).toBe(true);
  }
  // A block of the head that was never written.
  const lost = file.slice();
  lost.fill(0, 8192, 12288);
  expect(refused(lost)).toBe(true);
  expect(refused(blob)).toBe(true);
  // The other way round: an object's own .BTF is never believed.
  expect(parseBtf(file).ok).toBe(false);
});
