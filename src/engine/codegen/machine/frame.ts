/** Stack frame layout: 512 bytes a frame, r10 at the top. */
import { MAX_BPF_STACK } from '../../bpf/index.ts';
import type { FrameSlot, MFunc } from './mir.ts';

export interface FrameResult {
  /** Bytes used, a multiple of 8. */
  readonly size: number;
  readonly tooLarge: boolean;
  /** Largest first. */
  readonly biggest: readonly FrameSlot[];
}

/** Assigns offsets to the slots that are still in use. */
export function layoutFrame(f: MFunc): FrameResult {
  const used = new Set<FrameSlot>();
  for (const b of f.blocks) for (const i of b.insts) if (i.slot !== null) used.add(i.slot);
  let size = 0;
  // Registers nearest to r10, then whole words, and at the far end what is smaller: a helper that takes more than a small
  // variable has (a key of 8 bytes from an int) then stays within the frame and off the registers. As declared otherwise,
  // so that layouts are stable.
  const rank = (s: FrameSlot): number => (s.spill ? 0 : s.size % 8 === 0 && s.align === 8 ? 1 : 2);
  for (const s of [...f.slots].sort((a, b) => rank(a) - rank(b))) {
    if (!used.has(s)) continue;
    size = Math.ceil((size + s.size) / s.align) * s.align;
    s.offset = -size;
  }
  size = Math.ceil(size / 8) * 8;
  const biggest = [...used].sort((a, b) => b.size - a.size);
  return { size, tooLarge: size > MAX_BPF_STACK, biggest };
}
