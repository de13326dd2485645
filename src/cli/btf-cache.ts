/** Kernel BTF on disk: packed in the installation; unpacked and indexed in a cache, of which a run reads what it needs. */
import { closeSync, fstatSync, openSync, readFileSync, readSync } from 'node:fs';
import type * as zlib from 'node:zlib';
import { indexBtf, inMemory, openIndexedBtf, type Btf } from '../engine/bpf/index.ts';
import { openCached, writeCached } from './cache.ts';

/** To be raised when the format of the indexed BTF changes: what another version wrote is left alone. */
const FORMAT = 3;

/** The BTF of a profile. zlib is loaded only here, because most runs find what they need in the cache. */
export function unpackedBtf(packed: string): Uint8Array {
  // Node before 20.16 has no `getBuiltinModule`, but bin/launch.cjs as its main module.
  const { gunzipSync } = (process.getBuiltinModule?.('node:zlib') ??
    process.mainModule?.require('node:zlib')) as typeof zlib;
  return new Uint8Array(gunzipSync(readFileSync(packed)));
}

/** Checksum and size of what a gzip file has packed, which are its last eight bytes (RFC 1952). */
function gzipTrailer(path: string): string | null {
  const bytes = new Uint8Array(8);
  let fd = -1;
  try {
    fd = openSync(path, 'r');
    if (readSync(fd, bytes, 0, 8, fstatSync(fd).size - 8) < 8) return null;
  } catch {
    return null;
  } finally {
    if (fd >= 0) closeSync(fd);
  }
  return Array.from(bytes, (b) => b.toString(16).padStart(2, '0')).join('');
}

/** The BTF of a profile, opened by way of the cache; null when it could not be had so. The cache is made when it is missing or damaged. */
export function cachedBtf(root: string, id: string, packed: string): Btf | null {
  const trailer = gzipTrailer(packed);
  if (trailer === null) return null;
  const name = `btf-${id}-${trailer}-${FORMAT}.bin`;
  const remake = (): Uint8Array => {
    const made = indexBtf(unpackedBtf(packed));
    if (!made.ok) throw new Error(`${packed}: ${made.error.message}`);
    writeCached(root, name, made.value);
    return made.value;
  };
  const cached = openCached(root, name);
  if (cached !== null) {
    const opened = openIndexedBtf({ ...cached, remake });
    if (opened.ok) return opened.value;
    cached.close();
  }
  const opened = openIndexedBtf(inMemory(remake()));
  return opened.ok ? opened.value : null;
}
