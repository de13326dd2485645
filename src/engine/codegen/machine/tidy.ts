/** Last touches on code with real registers: blocks that do the same are one block. */
import type { MBlock, MFunc, MInst } from './mir.ts';

/** Longest block that is compared: ends of functions, not bodies. */
const LONGEST = 4;

/**
 * Ways out that do the same (set r0, leave) are merged into the last of them, so that jumps stay forward. Line records
 * then name one of the merged `return`s, as with clang; blocks that call or store are kept apart.
 */
export function mergeSameBlocks(f: MFunc): void {
  for (let changed = true; changed;) {
    changed = false;
    const last = new Map<string, MBlock>();
    for (const b of f.blocks.slice(1)) {
      const key = keyOf(b);
      if (key !== null) last.set(key, b);
    }
    const gone = new Map<MBlock, MBlock>();
    for (const b of f.blocks.slice(1)) {
      const key = keyOf(b);
      const keep = key === null ? undefined : last.get(key);
      if (keep !== undefined && keep !== b) gone.set(b, keep);
    }
    if (gone.size === 0) return;
    changed = true;
    f.blocks.splice(0, f.blocks.length, ...f.blocks.filter((b) => !gone.has(b)));
    for (const b of f.blocks) {
      for (const i of b.insts) if (i.target !== null) i.target = gone.get(i.target) ?? i.target;
      b.succs = b.succs.map((s) => gone.get(s) ?? s);
    }
  }
}

function keyOf(b: MBlock): string | null {
  if (b.insts.length > LONGEST || b.insts.length === 0) return null;
  const end = b.insts[b.insts.length - 1];
  if (end.kind !== 'exit' && end.kind !== 'ja') return null;
  const parts: string[] = [];
  for (const i of b.insts) {
    const text = instKey(i);
    if (text === null) return null;
    parts.push(text);
  }
  return parts.join(';');
}

function instKey(i: MInst): string | null {
  switch (i.kind) {
    case 'movi':
      return i.core === null ? `movi ${i.dst} ${i.imm} ${i.w}` : null;
    case 'mov':
    case 'movw':
      return `${i.kind} ${i.dst} ${i.src}`;
    case 'exit':
      return 'exit';
    case 'ja':
      return `ja ${i.target!.id}`;
    default:
      return null;
  }
}
