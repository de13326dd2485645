/** Last touches on code with real registers: blocks that do the same are one block. */
import { forDefs, isPure, type MBlock, type MFunc, MInst } from './mir.ts';

/**
 * Blocks that only jump on (their copies became the same register) are taken out: who went there goes on by himself, and
 * what is next in the code is next in the list of blocks too.
 */
export function threadJumps(f: MFunc): void {
  const onward = new Map<MBlock, MBlock>();
  for (const b of f.blocks.slice(1)) {
    const [only] = b.insts;
    if (b.insts.length === 1 && only.kind === 'ja' && only.target !== b) onward.set(b, only.target!);
  }
  if (onward.size === 0) return;
  const end = (b: MBlock): MBlock => {
    const seen = new Set<MBlock>();
    let at = b;
    // A ring of such blocks is an endless loop, and stays one.
    for (let next = onward.get(at); next !== undefined && !seen.has(at); next = onward.get(at)) {
      seen.add(at);
      at = next;
    }
    return at;
  };
  for (const b of f.blocks) {
    for (const i of b.insts) if (i.target !== null) i.target = end(i.target);
    b.succs = b.succs.map(end);
    const [jcc, ja] = b.insts.slice(-2);
    if (jcc?.kind === 'jcc' && ja?.kind === 'ja' && jcc.target === ja.target) b.insts.splice(-2, 1);
  }
  const kept = new Set(f.blocks.flatMap((b) => b.succs));
  f.blocks.splice(0, f.blocks.length, ...f.blocks.filter((b) => !onward.has(b) || kept.has(b)));
}

/**
 * What both ways out of a branch do first (the same copy, mostly) is done once, in front of it. Loads stay where they are:
 * what the branch tells the verifier may be what allows them.
 */
export function hoistCommon(f: MFunc): void {
  const entries = new Map<MBlock, number>([[f.blocks[0], 1]]);
  for (const b of f.blocks) for (const s of b.succs) entries.set(s, (entries.get(s) ?? 0) + 1);
  for (const b of f.blocks) {
    const [jcc, ja] = b.insts.slice(-2);
    if (jcc?.kind !== 'jcc' || ja?.kind !== 'ja') continue;
    const [x, y] = [jcc.target!, ja.target!];
    if (x === y || entries.get(x) !== 1 || entries.get(y) !== 1) continue;
    for (;;) {
      const [first, same] = [x.insts[0], y.insts[0]];
      const key = instKey(first);
      if (key === null || key !== instKey(same) || !isPure(first)) break;
      let asked = false;
      forDefs(first, (r) => (asked ||= r === jcc.dst || r === jcc.src));
      if (asked) break;
      b.insts.splice(-2, 0, first);
      x.insts.shift();
      y.insts.shift();
    }
  }
}

/**
 * The test at the head of a loop is repeated at its foot, where the way on is the next block: a round is one jump shorter.
 * Only of loops that count to a constant: a verifier walks a loop without an end (`i < limit`) to its last instruction in
 * this shape, and says after 8,192 rounds that it is too complex in the other.
 */
export function testAtFoot(f: MFunc): void {
  const place = new Map(f.blocks.map((b, n) => [b, n]));
  f.blocks.forEach((b, n) => {
    const jump = b.insts.at(-1);
    const head = jump?.kind === 'ja' ? jump.target! : null;
    if (head === null || head.insts.length !== 2 || place.get(head)! > n) return;
    const [jcc, ja] = head.insts;
    if (jcc.kind !== 'jcc' || ja.kind !== 'ja' || jcc.src >= 0 || jcc.imm === 0) return;
    const next = f.blocks[n + 1];
    if (jcc.target !== next && ja.target !== next) return;
    b.insts.pop();
    b.insts.push(copyOf(jcc), copyOf(ja));
    b.succs = [...head.succs];
  });
}

const copyOf = (i: MInst): MInst => Object.assign(new MInst(i.kind, i.loc), i);

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
