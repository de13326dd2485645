/** Spill code that spilling registers one by one leaves behind: loads of what a register has, stores that nobody reads. */
import { spillLiveness } from './spill-slots.ts';
import { forDefs, type FrameSlot, type MBlock, type MFunc, type MInst } from './mir.ts';

/** Drops loads and stores of spill slots that change nothing; after registers and slots are final. */
export function dropIdleSpills(f: MFunc): void {
  if (!f.slots.some((s) => s.spill)) return;
  dropKnown(f);
  dropUnread(f);
}

/** The registers that hold a slot's value, by slot. */
type Holders = Map<FrameSlot, number>;

const isSpill = (i: MInst): boolean => i.slot?.spill === true && (i.kind === 'load' || i.kind === 'store');

/** Loads into a register that has the slot's value, and stores of a value that the slot has. */
function dropKnown(f: MFunc): void {
  const preds = new Map<MBlock, number>();
  for (const b of f.blocks) for (const s of new Set(b.succs)) preds.set(s, (preds.get(s) ?? 0) + 1);
  const entering = new Map<MBlock, Holders>();
  for (const b of f.blocks) {
    // One bit a register.
    const holders: Holders = new Map(entering.get(b));
    b.insts = b.insts.filter((i) => {
      const { slot } = i;
      const spill = isSpill(i);
      const reg = i.kind === 'load' ? i.dst : i.src;
      if (spill && ((holders.get(slot!) ?? 0) & (1 << reg)) !== 0) return false;
      forDefs(i, (d) => {
        for (const [s, regs] of holders) holders.set(s, regs & ~(1 << d));
      });
      if (i.kind === 'mov')
        for (const [s, regs] of holders) if ((regs & (1 << i.src)) !== 0) holders.set(s, regs | (1 << i.dst));
      if (spill) holders.set(slot!, (i.kind === 'load' ? (holders.get(slot!) ?? 0) : 0) | (1 << reg));
      return true;
    });
    // Where paths meet, nothing is known.
    for (const s of b.succs) if (preds.get(s) === 1) entering.set(s, holders);
  }
}

function dropUnread(f: MFunc): void {
  const { walk } = spillLiveness(f);
  for (const b of f.blocks) {
    const unread = new Set<MInst>();
    walk(b, (i, live) => {
      if (i.kind === 'store' && !live.has(i.slot!)) unread.add(i);
    });
    if (unread.size > 0) b.insts = b.insts.filter((i) => !unread.has(i));
  }
}
