/** The BTF of a laboratory kernel itself: a profile's may be of an older build, with other numbers. */
import { readFileSync } from 'node:fs';
import { parseBtf, parseElf, type Btf } from '../engine/bpf/index.ts';
import type { LabKernel } from './packages.ts';

/** @throws Error when the kernel's image has no readable BTF */
export function kernelBtf(kernel: LabKernel): Btf {
  const elf = parseElf(readFileSync(kernel.vmlinux));
  if (!elf.ok) throw new Error(`${kernel.release}: ${elf.error.message}`);
  const section = elf.value.sections.find((s) => s.name === '.BTF');
  if (section === undefined) throw new Error(`${kernel.release}: no BTF`);
  const btf = parseBtf(section.data);
  if (!btf.ok) throw new Error(`${kernel.release}: ${btf.error.message}`);
  return btf.value;
}
