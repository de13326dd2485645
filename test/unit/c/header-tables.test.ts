/** Headers kept as tokens: what is compiled with them is what is compiled without. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { createFrontEndCache, HeaderTables, writeHeaderTables } from '../../../src/engine/c/index.ts';
import { lex } from '../../../src/engine/c/lexer.ts';
import { indexDeclarations } from '../../../src/engine/c/declaration-index.ts';
import { IdentTable } from '../../../src/engine/c/tokens.ts';

const folder = fileURLToPath(new URL('../../../assets/headers', import.meta.url));
const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.h'));
const texts = names.sort().map((name) => readFileSync(join(folder, name), 'utf8'));
const bytes = writeHeaderTables(texts);

function open(from: Uint8Array): HeaderTables {
  const opened = HeaderTables.open(from);
  if (opened === null) throw new Error('the tables do not open');
  return opened;
}

test('every bundled header has the tokens and declarations that reading it gives', () => {
  const idents = new IdentTable();
  const buffers = texts.map((text) => lex(text, idents));
  const tables = open(bytes);
  expect(texts.length).toBeGreaterThan(8);
  texts.forEach((text, i) => {
    const found = tables.find(text);
    expect(found?.buffer, names[i]).toEqual(buffers[i]);
    expect(found?.index, names[i]).toEqual(indexDeclarations(buffers[i], idents));
  });
  expect(tables.names.map((name) => idents.intern(name))).toEqual(tables.names.map((_, i) => tables.firstIdent + i));
});

test('a cache that was made with them hands them out; other texts are read as ever', () => {
  const { tokens } = createFrontEndCache(open(bytes));
  const known = tokens.tokens(texts[0], true);
  expect(known.kind.buffer).toBe(bytes.buffer);
  expect(tokens.tokens(texts[0], true)).toBe(known);
  const changed = texts[0] + '\nint added;\n';
  const read = tokens.tokens(changed, true);
  expect(read.text).toBe(changed);
  expect(tokens.idents.name(read.id[read.count - 3])).toBe('added');
  expect(tokens.declarations(read)).toEqual(indexDeclarations(read, tokens.idents));
});

test('a text that is not ASCII is left out, not mangled', () => {
  const tables = open(writeHeaderTables(['int é;', 'int a;']));
  expect(tables.find('int é;')).toBeUndefined();
  expect(tables.find('int a;')?.buffer.count).toBe(4);
});

test('damaged tables do not open', () => {
  expect(HeaderTables.open(new Uint8Array(0))).toBeNull();
  expect(HeaderTables.open(bytes.slice(0, bytes.length - 4))).toBeNull();
  expect(HeaderTables.open(bytes.slice(0, bytes.length - 1))).toBeNull();
  for (const at of [0, 4, 8, 12, 28]) {
    const other = bytes.slice();
    other[at] ^= 1;
    expect(HeaderTables.open(other), `byte ${at}`).toBeNull();
  }
  // A block of a disk that was never written.
  const other = bytes.slice();
  other.fill(0, 8192, 12288);
  expect(HeaderTables.open(other)).toBeNull();
});
