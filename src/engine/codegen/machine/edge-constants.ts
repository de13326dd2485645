/**
 * Constants that a value gets on one way out of a branch are set in front of it, where nothing on the other way minds: no
 * block of its own is left, with a jump around what is next, and the verifier walks on with the other way first. clang
 * does the same.
 */
import { liveness } from './liveness.ts';
import type { MBlock, MFunc, MInst } from './mir.ts';

/** Constants of one way: each is set for nothing on the other. */
const MOST = 2;

/** Before registers are assigned: phis are registers of their own, set by the copies of their edges. */
export function hoistEdgeConstants(f: MFunc): void {
  const entries = new Map<MBlock, number>();
  for (const b of f.blocks) for (const s of b.succs) entries.set(s, (entries.get(s) ?? 0) + 1);
  const isEdge = (b: MBlock): boolean => entries.get(b) === 1 && b !== f.blocks[0] && constantsOf(b) !== null;
  if (!f.blocks.some(isEdge)) return;
  const alike = new Map<string, number>();
  for (const b of f.blocks) {
    const key = isEdge(b) ? keyOf(b) : '';
    alike.set(key, (alike.get(key) ?? 0) + 1);
  }
  const { out } = liveness(f);
  for (const [at, b] of f.blocks.entries()) {
    const [jcc, ja] = b.insts.slice(-2);
    if (jcc?.kind !== 'jcc' || ja?.kind !== 'ja') continue;
    for (const [edge, other] of [
      [ja.target!, jcc.target!],
      [jcc.target!, ja.target!],
    ]) {
      // Ways that do the same become one block: ways out with an error, mostly.
      if (!isEdge(edge) || joins(other, edge) || alike.get(keyOf(edge)) !== 1) continue;
      if (isWayOut(edge.succs[0])) continue;
      const constants = constantsOf(edge)!;
      // What the edge sets is not live at its start: what is live behind the branch is so on the other way.
      if (constants.some((c) => out[at].includes(c.dst) || c.dst === jcc.dst || c.dst === jcc.src)) continue;
      b.insts.splice(-2, 0, ...constants);
      edge.insts = edge.insts.slice(-1);
      break;
    }
  }
}

/** What a block sets that does nothing but set constants and jump on. */
function constantsOf(b: MBlock): readonly MInst[] | null {
  const constants = b.insts.slice(0, -1);
  if (constants.length === 0 || constants.length > MOST || b.insts.at(-1)!.kind !== 'ja') return null;
  return constants.every((i) => i.kind === 'movi' && i.core === null) ? constants : null;
}

/** Sets the result, and leaves. */
const isWayOut = (b: MBlock): boolean => b.insts.length <= 2 && b.insts.at(-1)!.kind === 'exit';

const keyOf = (b: MBlock): string =>
  `${b.succs[0].id}:${constantsOf(b)!
    .map((i) => `${i.dst}=${i.imm}`)
    .join()}`;

/** Both ways lead to the same place: the other sets its own value there, which is to be in the same register already. */
const joins = (other: MBlock, edge: MBlock): boolean =>
  other === edge.succs[0] || (other.succs.length === 1 && other.succs[0] === edge.succs[0]);
