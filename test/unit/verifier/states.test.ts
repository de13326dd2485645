/** The recorded tree is consistent: what it says of registers is what the verifier knew; and recording changes nothing. */
import { expect, it } from 'vitest';
import { verifyProgram, type StateNode } from '../../../src/engine/verifier/index.ts';
import { objectsCorpus } from '../../kernel/corpus-objects.ts';
import { platform } from '../../kernel/verifier-platforms.ts';
import { rawObject } from '../../kernel/verifier-programs.ts';

const KERNELS = ['6.1', '6.12', '7.2'] as const;

/** Places before each step of a node, by what the nodes on the way to it say. */
class Replay {
  readonly #after = new Map<number, Map<string, string>>();

  /** Calls `step` with the places as they are before each instruction of the node. */
  play(n: StateNode, step: (insn: number, places: ReadonlyMap<string, string>) => void): void {
    const places = n.full ? new Map<string, string>() : new Map(this.#after.get(n.parent)!);
    apply(places, n.start, n.startGone ?? []);
    for (const [insn, now, gone] of n.steps) {
      step(insn, places);
      apply(places, now, gone ?? []);
    }
    this.#after.set(n.id, places);
  }
}

function apply(places: Map<string, string>, now: readonly string[], gone: readonly string[]): void {
  for (const g of gone) {
    if (g.endsWith(':')) for (const k of [...places.keys()]) if (k.startsWith(g)) places.delete(k);
    places.delete(g);
  }
  for (const text of now) places.set(text.slice(0, text.indexOf('=')), text.slice(text.indexOf('=') + 1));
}

it.each(KERNELS)('%s: a consistent tree, and the same verdict and counts', { timeout: 60_000 }, (kernel) => {
  for (const c of objectsCorpus(platform(kernel).btf)) {
    const { obj, prog } = rawObject(c.insns, platform(kernel).btf, c.hook, c.sleepable, c.license);
    const plain = verifyProgram(obj, prog, platform(kernel));
    const claims: [number, number, string[]][] = [];
    const { states, ...rest } = verifyProgram(obj, prog, platform(kernel), {
      recordStates: true,
      observe: (insn, depth, regs) => claims.push([insn, depth, regs.map((x) => x.text)]),
    });
    expect(rest).toEqual(plain);
    expect(states!.truncated).toBe(false);
    const { nodes } = states!;
    expect(nodes.map((n) => n.id)).toEqual(nodes.map((_, i) => i));
    const visits = plain.visits.reduce((a, b) => a + b, 0);
    expect(nodes.reduce((n, x) => n + x.steps.length, 0)).toBe(visits);
    const replay = new Replay();
    let at = 0;
    for (const n of nodes) {
      expect(n.parent).toBeLessThan(n.id);
      if (n.parent >= 0 && n.begin !== 'async') expect(nodes[n.parent].last).toBe(n.from);
      if (n.end === 'pruned') {
        const { node, step } = n.cover!;
        expect(nodes[node].steps[step]?.[0] ?? n.cover!.insn).toBe(n.cover!.insn);
      }
      replay.play(n, (insn, places) => {
        const [i, depth, regs] = claims[at++];
        const said = regs.slice(0, 10).map((_, r) => places.get(`${depth}:R${r}`) ?? '?');
        const knew = regs.slice(0, 10).map((t) => (t.startsWith('?') ? '?' : t));
        if (i !== insn || said.join() !== knew.join()) expect([insn, said]).toEqual([i, knew]);
      });
    }
    expect(at).toBe(claims.length);
    expect(nodes.some((n) => n.failing === true)).toBe(!plain.accepted && visits > 0);
  }
});
