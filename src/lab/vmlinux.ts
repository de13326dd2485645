/** vmlinuz → vmlinux: finds the compressed payload of a bzImage and decompresses it with the machine's own tools. */
import { run } from './shell.ts';

interface Packing {
  readonly name: string;
  readonly magic: readonly number[];
  readonly command: readonly [string, ...string[]];
}

/** Debian packs 6.1 with lz4 or xz and 6.12 with zstd. `lz4` here is the legacy frame that the kernel build uses. */
const PACKINGS: readonly Packing[] = [
  { name: 'xz', magic: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00], command: ['xz', '-dc', '--single-stream'] },
  { name: 'zstd', magic: [0x28, 0xb5, 0x2f, 0xfd], command: ['zstd', '-dcq'] },
  { name: 'lz4', magic: [0x02, 0x21, 0x4c, 0x18], command: ['lz4', '-dcq'] },
  { name: 'gzip', magic: [0x1f, 0x8b, 0x08], command: ['gzip', '-dcq'] },
];

const isElf = (b: Uint8Array): boolean => b[0] === 0x7f && b[1] === 0x45 && b[2] === 0x4c && b[3] === 0x46;

/** Throws with the reason when there is no payload, or when the tool to unpack it is missing. */
export function extractVmlinux(vmlinuz: Uint8Array): Uint8Array {
  if (isElf(vmlinuz)) return vmlinuz;
  const image = Buffer.from(vmlinuz.buffer, vmlinuz.byteOffset, vmlinuz.byteLength);
  // Boot protocol: setup_sects at 0x1f1, "HdrS" at 0x202, payload_offset and _length at 0x248 (kernel Documentation/arch/x86/boot.rst).
  if (image.length < 0x250 || image.toString('latin1', 0x202, 0x206) !== 'HdrS')
    throw new Error('not a bzImage: no boot header');
  const start = ((image[0x1f1] || 4) + 1) * 512 + image.readUInt32LE(0x248);
  const payload = image.subarray(start, start + image.readUInt32LE(0x24c));
  const packing = PACKINGS.find((p) => p.magic.every((byte, i) => payload[i] === byte));
  if (!packing) throw new Error('unknown compression of the kernel image');
  // The payload ends with the unpacked size in 4 bytes, which some tools take for garbage.
  let reason = '';
  for (const input of [payload.subarray(0, payload.length - 4), payload]) {
    const result = run(packing.command[0], packing.command.slice(1), { input });
    if (isElf(result.stdout)) return result.stdout;
    reason = result.stderr.trim();
  }
  throw new Error(`${packing.command[0]} could not unpack the kernel image: ${reason || 'is it installed?'}`);
}
