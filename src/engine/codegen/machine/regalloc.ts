/**
 * Register allocation by graph colouring with conservative coalescing (Chaitin, Briggs, George).
 *
 * r0..r5 are lost over calls, r6..r9 survive. What does not fit is spilled to 8-byte stack slots, which the verifier
 * tracks with full knowledge; values that are compared are kept in registers as long as anything else can go, because
 * a check made on a reloaded copy says nothing about the slot.
 */
import { assert } from '../../../base/index.ts';
import { liveness } from './liveness.ts';
import { FIRST_VIRTUAL, forDefs, forUses, type FrameSlot, type MBlock, type MFunc, MInst, R0, R10 } from './mir.ts';

const COLOURS = 10;

/** Rewrites all virtual registers to r0..r9. */
export function allocateRegisters(f: MFunc): void {
  const temporaries = new Set<number>();
  for (let round = 0; ; round++) {
    assert(round < 60, `register allocation of ${f.name} does not end`);
    const graph = new Graph(f, temporaries);
    graph.build();
    graph.coalesce();
    const spills = graph.colour();
    if (spills.length === 0) {
      graph.rewrite();
      return;
    }
    graph.applyAliases();
    const homes = blocksOf(f, spills);
    for (const r of spills) spill(f, homes.get(r)!, r, temporaries);
  }
}

const NONE: ReadonlySet<number> = new Set();
/** A spill cost above all others. */
const NEVER = 1e12;

class Graph {
  readonly #f: MFunc;
  readonly #temporaries: ReadonlySet<number>;
  /** Neighbours; made when there is the first. */
  readonly #adj: (Set<number> | undefined)[];
  readonly #alias: Int32Array;
  readonly #cost: Float64Array;
  readonly #moves: { dst: number; src: number; weight: number }[] = [];
  readonly #used = new Set<number>();
  readonly #colour: Int8Array;
  /** After coalescing: 1 for what holds a temporary of an earlier spill. */
  readonly #kept: Uint8Array;

  constructor(f: MFunc, temporaries: ReadonlySet<number>) {
    this.#f = f;
    this.#temporaries = temporaries;
    const n = f.nextReg;
    this.#adj = new Array<Set<number> | undefined>(n).fill(undefined);
    this.#alias = Int32Array.from({ length: n }, (_, i) => i);
    this.#cost = new Float64Array(n);
    this.#kept = new Uint8Array(n);
    this.#colour = new Int8Array(n).fill(-1);
    for (let r = 0; r < COLOURS; r++) this.#colour[r] = r;
  }

  #find(r: number): number {
    let x = r;
    while (this.#alias[x] !== x) x = this.#alias[x];
    return x;
  }

  #edge(a: number, b: number): void {
    if (a === b || a === R10 || b === R10) return;
    if (a < COLOURS && b < COLOURS) return;
    const near = (this.#adj[a] ??= new Set());
    if (near.has(b)) return;
    near.add(b);
    (this.#adj[b] ??= new Set()).add(a);
  }

  #near(r: number): ReadonlySet<number> {
    return this.#adj[r] ?? NONE;
  }

  build(): void {
    const { out } = liveness(this.#f);
    for (const [at, b] of this.#f.blocks.entries()) {
      const live = new Set(out[at]);
      const w = b.weight;
      for (let n = b.insts.length - 1; n >= 0; n--) {
        const i = b.insts[n];
        const copies = i.kind === 'mov' && !i.apart;
        const except = copies ? i.src : -1;
        forDefs(i, (d) => {
          if (d >= FIRST_VIRTUAL) this.#used.add(d);
          for (const l of live) if (l !== d && l !== except) this.#edge(d, l);
          this.#cost[d] += w;
        });
        // Several registers written at once (a call's r0..r5) exist together with what is live; fixed ones need no edges
        // among themselves.
        forDefs(i, (d) => void live.delete(d));
        forUses(i, (u) => {
          if (u >= FIRST_VIRTUAL) this.#used.add(u);
          live.add(u);
          // Checked values are dear: see above.
          this.#cost[u] += i.kind === 'jcc' ? w * 6 : w;
        });
        // setcc writes its result before it reads its operands; an atomic with result keeps its address apart.
        if (i.kind === 'setcc') {
          this.#edge(i.dst, i.lhs);
          if (i.src >= 0) this.#edge(i.dst, i.src);
        }
        if (i.kind === 'atomic' && i.lhs >= 0) {
          if (i.slot === null) this.#edge(R0, i.dst);
          this.#edge(R0, i.src);
        }
        if (copies && i.src !== R10) this.#moves.push({ dst: i.dst, src: i.src, weight: w });
      }
    }
  }

  /** Merges the ends of moves where that cannot make the graph harder to colour. */
  coalesce(): void {
    this.#moves.sort((a, b) => b.weight - a.weight);
    for (let again = true; again;) {
      again = false;
      for (const m of this.#moves) {
        let a = this.#find(m.dst);
        let b = this.#find(m.src);
        if (a === b || this.#near(a).has(b)) continue;
        if (b < COLOURS) [a, b] = [b, a];
        if (b < COLOURS) continue;
        if (a < COLOURS ? this.#georgeOk(a, b) : this.#briggsOk(a, b)) {
          this.#merge(a, b);
          again = true;
        }
      }
    }
  }

  #degree(r: number): number {
    return this.#near(r).size;
  }

  #georgeOk(fixed: number, v: number): boolean {
    for (const n of this.#near(v)) {
      if (n < COLOURS) continue;
      if (this.#degree(n) >= COLOURS && !this.#near(fixed).has(n)) return false;
    }
    return true;
  }

  #briggsOk(a: number, b: number): boolean {
    const [x, y] = [this.#near(a), this.#near(b)];
    let heavy = 0;
    for (const n of x)
      if ((n < COLOURS || this.#degree(n) - (y.has(n) ? 1 : 0) >= COLOURS) && ++heavy >= COLOURS) return false;
    for (const n of y) if (!x.has(n) && (n < COLOURS || this.#degree(n) >= COLOURS) && ++heavy >= COLOURS) return false;
    return true;
  }

  #merge(into: number, gone: number): void {
    this.#alias[gone] = into;
    for (const n of this.#near(gone)) {
      this.#adj[n]?.delete(gone);
      this.#edge(into, n);
    }
    this.#adj[gone]?.clear();
    this.#cost[into] += this.#cost[gone];
  }

  /** Assigns colours; the registers that got none, to be spilled. */
  colour(): number[] {
    for (const t of this.#temporaries) this.#kept[this.#find(t)] = 1;
    const nodes = [...this.#used].filter((r) => this.#alias[r] === r);
    const degree = new Int32Array(this.#alias.length);
    const left = new Uint8Array(this.#alias.length);
    for (const r of nodes) {
      degree[r] = this.#degree(r);
      left[r] = 1;
    }
    const stack: number[] = [];
    const ready = nodes.filter((r) => degree[r] < COLOURS);
    const remove = (r: number): void => {
      left[r] = 0;
      stack.push(r);
      for (const n of this.#near(r)) if (left[n] === 1 && --degree[n] === COLOURS - 1) ready.push(n);
    };
    /** What is left of the nodes, and some that are gone. */
    let rest = nodes;
    while (stack.length < nodes.length) {
      const r = ready.pop();
      if (r !== undefined) {
        if (left[r] === 1) remove(r);
        continue;
      }
      rest = rest.filter((n) => left[n] === 1);
      let best = -1;
      let bestCost = Infinity;
      for (const n of rest) {
        const cost = this.#spillCost(n) / (degree[n] + 1);
        if (cost < bestCost || best < 0) {
          best = n;
          bestCost = cost;
        }
      }
      remove(best);
    }
    // Where several colours are free, one that a move partner has saves the move.
    const partners = new Map<number, number[]>();
    for (const m of this.#moves) {
      const a = this.#find(m.dst);
      const b = this.#find(m.src);
      if (a === b) continue;
      (partners.get(a) ?? partners.set(a, []).get(a)!).push(b);
      (partners.get(b) ?? partners.set(b, []).get(b)!).push(a);
    }
    const spills: number[] = [];
    while (stack.length > 0) {
      const r = stack.pop()!;
      let taken = 0;
      for (const n of this.#near(r)) if (this.#colour[n] >= 0) taken |= 1 << this.#colour[n];
      if (taken === (1 << COLOURS) - 1) {
        spills.push(r);
        continue;
      }
      let pick = -1;
      for (const p of partners.get(r) ?? []) {
        const c = this.#colour[p];
        if (c >= 0 && (taken & (1 << c)) === 0) {
          pick = c;
          break;
        }
      }
      for (let c = 0; pick < 0; c++) if ((taken & (1 << c)) === 0) pick = c;
      this.#colour[r] = pick;
    }
    return spills.length === 0 ? spills : this.#chooseSpills(spills);
  }

  /** What a register costs that is in memory; what stands for a temporary of an earlier spill is not spilled again. */
  #spillCost(r: number): number {
    return this.#kept[r] === 1 ? NEVER : this.#cost[r];
  }

  /** A temporary of an earlier spill cannot be spilled again: its dearest-free neighbour goes instead. */
  #chooseSpills(wanted: number[]): number[] {
    const out = new Set<number>();
    for (const r of wanted) {
      if (this.#spillCost(r) < NEVER) {
        out.add(r);
        continue;
      }
      let best = -1;
      for (const n of this.#near(r)) {
        if (n < FIRST_VIRTUAL || out.has(n) || this.#spillCost(n) >= NEVER) continue;
        if (best < 0 || this.#cost[n] < this.#cost[best]) best = n;
      }
      assert(best >= 0, `no register can be freed in ${this.#f.name}`);
      out.add(best);
    }
    return [...out];
  }

  /** After coalescing without colouring: registers that were merged become one. */
  applyAliases(): void {
    this.#rename((r) => this.#find(r));
  }

  rewrite(): void {
    this.#rename((r) => (r === R10 ? R10 : this.#colour[this.#find(r)]));
  }

  #rename(map: (r: number) => number): void {
    for (const b of this.#f.blocks) {
      for (const i of b.insts) {
        if (i.dst >= 0) i.dst = map(i.dst);
        if (i.src >= 0) i.src = map(i.src);
        if (i.lhs >= 0) i.lhs = map(i.lhs);
      }
      b.insts = b.insts.filter((i) => !(i.kind === 'mov' && i.dst === i.src));
    }
  }
}

/**
 * The blocks in which each of `regs` is read or written, in their order. Spilling one of them does not bring another
 * into a block where it was not: what is put in reads and writes new temporaries, or stands for a copy that was there.
 */
function blocksOf(f: MFunc, regs: readonly number[]): Map<number, MBlock[]> {
  const homes = new Map<number, MBlock[]>(regs.map((r) => [r, []]));
  for (const b of f.blocks) {
    const see = (r: number): void => {
      const home = homes.get(r);
      if (home !== undefined && home[home.length - 1] !== b) home.push(b);
    };
    for (const i of b.insts) {
      forUses(i, see);
      forDefs(i, see);
    }
  }
  return homes;
}

/** Gives a register a stack slot, or makes its value anew at each use when that is a constant or an address. */
function spill(f: MFunc, home: readonly MBlock[], reg: number, temporaries: Set<number>): void {
  let definition: MInst | null = null;
  let definitions = 0;
  for (const b of home)
    for (const i of b.insts) {
      let writes = false;
      forDefs(i, (d) => {
        if (d === reg) writes = true;
      });
      if (writes) {
        definitions++;
        definition = i;
      }
    }
  const remake =
    definitions === 1 &&
    definition !== null &&
    (definition.kind === 'movi' || definition.kind === 'ld64' || definition.kind === 'frame') &&
    definition.core === null
      ? definition
      : null;
  const slot: FrameSlot = { size: 8, align: 8, name: '(spilled register)', loc: 0, spill: true, offset: 0 };
  if (remake === null) f.slots.push(slot);
  for (const b of home) {
    const out: MInst[] = [];
    for (const i of b.insts) {
      if (i === remake) continue;
      let reads = false;
      let writes = false;
      forUses(i, (u) => {
        if (u === reg) reads = true;
      });
      forDefs(i, (d) => {
        if (d === reg) writes = true;
      });
      if (!reads && !writes) {
        out.push(i);
        continue;
      }
      // A plain copy from or to the slot needs no register of its own.
      if (i.kind === 'mov' && remake === null && i.src !== i.dst && (i.src >= FIRST_VIRTUAL || i.src <= R0 + 9)) {
        const m = new MInst(reads ? 'load' : 'store', i.loc);
        m.slot = slot;
        if (reads) m.dst = i.dst;
        else m.src = i.src;
        if (!(reads && writes)) {
          out.push(m);
          continue;
        }
      }
      const t = f.nextReg++;
      temporaries.add(t);
      if (reads) {
        if (remake !== null) {
          const c = new MInst(remake.kind, i.loc);
          c.dst = t;
          c.imm = remake.imm;
          c.imm64 = remake.imm64;
          c.w = remake.w;
          c.off = remake.off;
          c.slot = remake.slot;
          c.symbol = remake.symbol;
          out.push(c);
        } else {
          const m = new MInst('load', i.loc);
          m.slot = slot;
          m.dst = t;
          out.push(m);
        }
      }
      if (i.dst === reg) i.dst = t;
      if (i.src === reg) i.src = t;
      if (i.lhs === reg) i.lhs = t;
      out.push(i);
      if (writes) {
        const m = new MInst('store', i.loc);
        m.slot = slot;
        m.src = t;
        out.push(m);
      }
    }
    b.insts = out;
  }
}
