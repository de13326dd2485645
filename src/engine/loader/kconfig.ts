/** Fills the `.kconfig` map from the kernel's configuration, by libbpf's rules. */
import type { OpenedExtern } from './opened.ts';
import { fail } from './problem.ts';
import type { LoadTarget } from './types.ts';

type Kconfig = Extract<OpenedExtern, { kind: 'kconfig' }>;

const HOW = 'y and n want a bool (m as well: enum libbpf_tristate), numbers an integer, strings a char array.';

function setNumber(ext: Kconfig, at: DataView, value: bigint): void {
  if (ext.type !== 'int' && ext.type !== 'char' && ext.type !== 'bool') {
    fail('kconfig', `extern (kcfg) '${ext.name}': value '${value}' implies integer, char, or boolean type`, HOW);
  }
  if (ext.type === 'bool' && (value > 1n || value < 0n)) {
    fail('kconfig', `extern (kcfg) '${ext.name}': value '${value}' isn't boolean compatible`, HOW);
  }
  const bits = ext.size * 8;
  const fits = ext.signed
    ? BigInt.asIntN(bits, value) === BigInt.asIntN(64, value)
    : BigInt.asUintN(bits, value) === BigInt.asUintN(64, value);
  if (bits < 64 && !fits) {
    fail(
      'kconfig',
      `extern (kcfg) '${ext.name}': value '${value}' doesn't fit in ${ext.size} bytes`,
      'Declare the variable with a wider type.',
    );
  }
  for (let i = 0; i < ext.size; i++) at.setUint8(ext.offset + i, Number((value >> BigInt(8 * i)) & 0xffn));
}

function setTristate(ext: Kconfig, at: DataView, value: 'y' | 'm' | 'n'): void {
  switch (ext.type) {
    case 'bool':
      if (value === 'm') fail('kconfig', `extern (kcfg) '${ext.name}': value 'm' implies tristate or char type`, HOW);
      at.setUint8(ext.offset, value === 'y' ? 1 : 0);
      return;
    case 'tristate':
      // enum libbpf_tristate: TRI_NO 0, TRI_YES 1, TRI_MODULE 2.
      at.setUint8(ext.offset, value === 'y' ? 1 : value === 'm' ? 2 : 0);
      return;
    case 'char':
      at.setUint8(ext.offset, value.charCodeAt(0));
      return;
    default:
      fail('kconfig', `extern (kcfg) '${ext.name}': value '${value}' implies bool, tristate, or char type`, HOW);
  }
}

function setString(ext: Kconfig, bytes: Uint8Array, value: string): void {
  if (ext.type !== 'string')
    fail('kconfig', `extern (kcfg) '${ext.name}': value '"${value}"' implies char array type`, HOW);
  // Too long a string is cut, and always ends with a zero byte.
  const text = new TextEncoder().encode(value).subarray(0, ext.size - 1);
  bytes.set(text, ext.offset);
}

/** Versions as LINUX_VERSION_CODE has them: the patch level stops at 255. */
export const versionCode = ([major, minor, patch]: LoadTarget['version']): number =>
  major * 65536 + minor * 256 + Math.min(patch, 255);

/** The contents of the map. Throws LoadFailure when a strong extern has no value. */
export function fillKconfig(externs: readonly OpenedExtern[], size: number, target: LoadTarget): Uint8Array {
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  for (const ext of externs) {
    if (ext.kind !== 'kconfig') continue;
    if (ext.name === 'LINUX_KERNEL_VERSION') {
      setNumber(ext, view, BigInt(versionCode(target.version)));
    } else if (ext.name === 'LINUX_HAS_BPF_COOKIE' || ext.name === 'LINUX_HAS_SYSCALL_WRAPPER') {
      // Both are probed on the machine; true of every x86-64 kernel from 5.15 on.
      setNumber(ext, view, 1n);
    } else if (!ext.name.startsWith('CONFIG_')) {
      if (!(ext.name.startsWith('LINUX_') && ext.weak)) {
        fail(
          'kconfig',
          `extern (kcfg) '${ext.name}': unrecognized virtual extern`,
          'Only CONFIG_... and LINUX_KERNEL_VERSION have values.',
        );
      }
    } else {
      const value = Object.hasOwn(target.config, ext.name) ? target.config[ext.name] : undefined;
      if (value === undefined) {
        if (!ext.weak) {
          fail(
            'kconfig',
            `extern '${ext.name}' (strong): not resolved`,
            `${ext.name} is not set in this kernel's configuration. Add __weak to the declaration: the variable then is 0.`,
          );
        }
      } else if (typeof value === 'number') {
        setNumber(ext, view, BigInt(value));
      } else if (value === 'y' || value === 'm' || value === 'n') {
        setTristate(ext, view, value);
      } else if (/^(0x[0-9a-f]+|\d+)$/i.test(value)) {
        setNumber(ext, view, BigInt(value));
      } else {
        setString(ext, bytes, value);
      }
    }
  }
  return bytes;
}
