/** The explored tree in the compact form of `check --states`: text for what the recorder kept. */
import { branchOf, type Branch } from './branches.ts';
import type { Env } from './env.ts';
import { regText, slotText } from './print.ts';
import type { Change, Held, Recorder, Segment } from './record.ts';
import { Frame } from './state.ts';
import { StackSlot } from './stack-slot.ts';
import type { StateNode, StateTree } from './types.ts';

const FRAMES: readonly Frame[] = Array.from({ length: 16 }, (_, n) => new Frame(-1, n, 0));

/** As the log shows it, without marks of liveness. */
export function heldText(env: Env, place: string, h: Held): string {
  if (h.reg === null) return h.text;
  const frame = FRAMES[h.frame];
  if (h.types === null) return regText(env, frame, h.reg);
  const at = Number(place.slice(place.indexOf('fp-') + 3)) / 8 - 1;
  const text = slotText(env, frame, new StackSlot(h.types, h.reg), at);
  return text.slice(text.indexOf('=') + 1);
}

function split(env: Env, changes: readonly Change[]): [string[], string[]] {
  const now: string[] = [];
  const gone: string[] = [];
  for (const c of changes) {
    if (c.now === null) gone.push(c.place);
    else now.push(`${c.place}=${heldText(env, c.place, c.now)}`);
  }
  return [now, gone];
}

/** How a segment began, beyond its kind: the branch in C, or the function that was entered. */
function details(env: Env, s: Segment): Partial<Pick<StateNode, 'condition' | 'holds' | 'function'>> {
  if (s.begin === 'taken' || s.begin === 'not-taken') {
    const b: Branch = branchOf(env, s.from, s.begin === 'taken');
    return { condition: b.text, holds: b.holds };
  }
  if (s.begin === 'entry' || s.begin === 'call' || s.begin === 'callback' || s.begin === 'async') {
    return { function: env.subprogs[env.subprogContaining(s.first)]?.name ?? '' };
  }
  return {};
}

export function stateTree(env: Env, r: Recorder): StateTree {
  const kept = new Set(r.nodes);
  const failing = new Set<Segment>();
  for (let s = r.current; s !== null; s = s.parent) failing.add(s);
  const nodes = r.nodes.map((s): StateNode => {
    const [start, startGone] = split(env, s.start);
    const cover = s.cover;
    return {
      id: s.id,
      parent: s.parent === null ? -1 : s.parent.id,
      begin: s.begin,
      from: s.from,
      ...details(env, s),
      first: s.first,
      last: s.last,
      count: s.count,
      ...(s.skipped > 0 ? { skipped: s.skipped } : {}),
      ...(s.full ? { full: true as const } : {}),
      end: s.end,
      ...(failing.has(s) ? { failing: true as const } : {}),
      ...(cover === null
        ? {}
        : {
            cover: {
              node: cover.node !== null && kept.has(cover.node) ? cover.node.id : -1,
              step: cover.step,
              insn: cover.insn,
              hit: cover.hit,
              differs: cover.differs
                .map((d) => [
                  d.place,
                  heldText(env, d.place, d.old),
                  d.now === null ? '' : heldText(env, d.place, d.now),
                ])
                .filter(([, a, b]) => a !== b) as [string, string, string][],
            },
          }),
      start,
      ...(startGone.length > 0 ? { startGone } : {}),
      steps: s.steps.map((x) => {
        const [now, gone] = split(env, x.changes);
        return gone.length > 0 ? [x.insn, now, gone] : [x.insn, now];
      }),
    };
  });
  return { nodes, truncated: r.truncated, total: r.total };
}
