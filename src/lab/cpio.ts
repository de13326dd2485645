/** Writer of `newc` cpio archives, the format of an initramfs. Needs neither root nor the cpio program. */
export type CpioItem =
  | { readonly path: string; readonly kind: 'dir'; readonly mode?: number }
  | { readonly path: string; readonly kind: 'file'; readonly data: Uint8Array; readonly mode?: number }
  | { readonly path: string; readonly kind: 'char'; readonly major: number; readonly minor: number };

const encoder = new TextEncoder();
const hex8 = (n: number): string => (n >>> 0).toString(16).padStart(8, '0');
const padded = (n: number): number => (n + 3) & ~3;

function entry(
  inode: number,
  name: string,
  mode: number,
  data: Uint8Array,
  device: readonly [number, number],
): Uint8Array {
  const nameBytes = encoder.encode(`${name}\0`);
  const fields = [inode, mode, 0, 0, 1, 0, data.length, 0, 0, device[0], device[1], nameBytes.length, 0];
  const header = encoder.encode(`070701${fields.map(hex8).join('')}`);
  const dataAt = padded(header.length + nameBytes.length);
  const out = new Uint8Array(dataAt + padded(data.length));
  out.set(header, 0);
  out.set(nameBytes, header.length);
  out.set(data, dataAt);
  return out;
}

/** One archive. Parent folders are added; archives may be concatenated (the kernel unpacks one after the other). */
export function cpio(items: readonly CpioItem[]): Uint8Array {
  const parts: Uint8Array[] = [];
  const seen = new Set<string>(['']);
  const none = new Uint8Array(0);
  let inode = 1;
  const folder = (dir: string, mode: number): void => {
    if (seen.has(dir)) return;
    folder(dir.split('/').slice(0, -1).join('/'), 0o755);
    seen.add(dir);
    parts.push(entry(inode++, dir, 0o040000 | mode, none, [0, 0]));
  };
  for (const item of items) {
    const name = item.path.replace(/^\/+/, '');
    folder(
      item.kind === 'dir' ? name : name.split('/').slice(0, -1).join('/'),
      item.kind === 'dir' ? (item.mode ?? 0o755) : 0o755,
    );
    if (item.kind === 'file') parts.push(entry(inode++, name, 0o100000 | (item.mode ?? 0o644), item.data, [0, 0]));
    if (item.kind === 'char') parts.push(entry(inode++, name, 0o020600, none, [item.major, item.minor]));
  }
  parts.push(entry(0, 'TRAILER!!!', 0, none, [0, 0]));
  const size = parts.reduce((n, p) => n + p.length, 0);
  const out = new Uint8Array((size + 511) & ~511);
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
