/** Spilled registers that are not needed at the same time share a stack slot. Their addresses are never taken. */
import type { FrameSlot, MBlock, MFunc, MInst } from './mir.ts';

/** Goes backwards through a block; `note` hears of each write to a spill slot, with what is needed after it. */
type Walk = (b: MBlock, note: (write: MInst, live: ReadonlySet<FrameSlot>) => void) => ReadonlySet<FrameSlot>;

const NOTHING: ReadonlySet<FrameSlot> = new Set();

/** Which spill slots are read later; the blocks must stay as they are while it is in use. */
export function spillLiveness(f: MFunc): { readonly walk: Walk } {
  const liveIn = new Map<MBlock, ReadonlySet<FrameSlot>>();
  const accesses = new Map<MBlock, MInst[]>();
  for (const b of f.blocks) {
    liveIn.set(b, NOTHING);
    accesses.set(
      b,
      b.insts.filter((i) => i.slot !== null && i.slot.spill),
    );
  }
  const walk: Walk = (b, note) => {
    const list = accesses.get(b)!;
    if (list.length === 0 && b.succs.length === 1) return liveIn.get(b.succs[0])!;
    const live = new Set<FrameSlot>();
    for (const s of b.succs) for (const x of liveIn.get(s)!) live.add(x);
    for (let n = list.length - 1; n >= 0; n--) {
      const i = list[n];
      if (i.kind === 'load') live.add(i.slot!);
      else {
        note(i, live);
        live.delete(i.slot!);
      }
    }
    return live;
  };
  for (let changed = true; changed;) {
    changed = false;
    for (let n = f.blocks.length - 1; n >= 0; n--) {
      const b = f.blocks[n];
      const live = walk(b, () => {});
      if (live.size !== liveIn.get(b)!.size) {
        liveIn.set(b, live);
        changed = true;
      }
    }
  }
  return { walk };
}

export function shareSpillSlots(f: MFunc): void {
  const spills = f.slots.filter((s) => s.spill);
  if (spills.length < 2) return;
  const conflicts = new Map<FrameSlot, Set<FrameSlot>>(spills.map((s) => [s, new Set<FrameSlot>()]));
  const { walk } = spillLiveness(f);
  for (const b of f.blocks) {
    walk(b, (write, live) => {
      const s = write.slot!;
      for (const o of live) {
        if (o === s) continue;
        conflicts.get(s)!.add(o);
        conflicts.get(o)!.add(s);
      }
    });
  }
  const homes: { home: FrameSlot; members: FrameSlot[] }[] = [];
  const moved = new Map<FrameSlot, FrameSlot>();
  for (const s of spills) {
    const fit = homes.find((h) => h.members.every((m) => !conflicts.get(s)!.has(m)));
    if (fit === undefined) homes.push({ home: s, members: [s] });
    else {
      fit.members.push(s);
      moved.set(s, fit.home);
    }
  }
  for (const b of f.blocks) for (const i of b.insts) if (i.slot !== null) i.slot = moved.get(i.slot) ?? i.slot;
}
