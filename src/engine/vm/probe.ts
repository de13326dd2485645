/**
 * Which loads does the kernel run as BPF_PROBE_MEM (a failed access reads 0 instead of an oops)? Those whose base may
 * be a pointer to a kernel object (PTR_TO_BTF_ID). The verifier knows; the VM finds out by a small data-flow analysis,
 * and only when a load has failed: a verified program's other loads never do.
 */
import type { Decoded } from './decode.ts';

/** May hold a pointer to a kernel object. */
const BTF = 1;
const CTX = 2;
const STACK = 4;
/** A map value, a ring-buffer record or other memory that a helper gave. */
const MEM = 8;
const SCALAR = 16;

/** Helpers that return pointers to kernel objects: skc_to_*, per_cpu_ptr, get_current_task_btf, sock_from_file, ... */
const BTF_HELPERS: ReadonlySet<number> = new Set([136, 137, 138, 139, 140, 153, 154, 158, 162, 178, 194]);

const SLOTS = 64; // 512 bytes of stack in 8-byte slots
const WIDTH = 11 + SLOTS;

const cache = new WeakMap<Decoded, Uint8Array>();

/** One byte a slot: 1 = a load that probes. Computed on first use. */
export function probeLoads(code: Decoded): Uint8Array {
  let result = cache.get(code);
  if (result === undefined) cache.set(code, (result = analyse(code)));
  return result;
}

function analyse({ insns, count, second }: Decoded): Uint8Array {
  const probe = new Uint8Array(count);
  if (count === 0) return probe;
  const states = new Uint8Array(count * WIDTH);
  const queued = new Uint8Array(count);
  const work: number[] = [];
  const cur = new Uint8Array(WIDTH);

  const flow = (to: number, state: Uint8Array): void => {
    if (to < 0 || to >= count) return;
    let changed = false;
    const base = to * WIDTH;
    for (let k = 0; k < WIDTH; k++) {
      const merged = states[base + k] | state[k];
      if (merged !== states[base + k]) {
        states[base + k] = merged;
        changed = true;
      }
    }
    if (changed && queued[to] === 0) {
      queued[to] = 1;
      work.push(to);
    }
  };
  const entry = (args: (n: number) => number): Uint8Array => {
    const s = new Uint8Array(WIDTH).fill(SCALAR);
    for (let n = 1; n <= 5; n++) s[n] = args(n);
    s[10] = STACK;
    return s;
  };

  flow(
    0,
    entry((n) => (n === 1 ? CTX : SCALAR)),
  );
  for (let i = 0; i < count; i++) {
    // Callbacks get pointers of all sorts.
    if (insns.op[i] === 0x18 && insns.src[i] === 4)
      flow(
        i + 1 + insns.imm[i],
        entry(() => BTF | MEM | SCALAR),
      );
  }

  while (work.length > 0) {
    const i = work.pop()!;
    queued[i] = 0;
    cur.set(states.subarray(i * WIDTH, (i + 1) * WIDTH));
    const op = insns.op[i];
    const cls = op & 7;
    const dst = Math.min(insns.dst[i], 10);
    const src = Math.min(insns.src[i], 10);
    const off = insns.off[i];
    let next = i + 1;
    if (second[i] === 1) continue;
    if (op === 0x18) {
      cur[dst] = insns.src[i] === 2 ? MEM : insns.src[i] === 3 ? BTF : SCALAR;
      next = i + 2;
    } else if (cls === 4 || cls === 7) {
      const kind = op & 0xf0;
      const operand = (op & 8) !== 0 ? cur[src] : SCALAR;
      if (kind === 0xb0) cur[dst] = operand;
      else if (kind === 0x00 || kind === 0x10) cur[dst] |= operand;
      else cur[dst] = SCALAR;
    } else if (cls === 1) {
      const base = cur[src];
      if ((base & BTF) !== 0) probe[i] = 1;
      let value = SCALAR;
      if (src === 10) value = slotKind(cur, off);
      else if ((base & (BTF | CTX | STACK)) !== 0 || ((base & MEM) !== 0 && op === 0x79)) value |= BTF;
      cur[dst] = value;
    } else if ((cls === 2 || cls === 3) && dst === 10) {
      const slot = (off + 512) >> 3;
      if (slot >= 0 && slot < SLOTS) cur[11 + slot] = op === 0x7b ? cur[src] : SCALAR;
    } else if (op === 0x85) {
      if (insns.src[i] === 1) {
        const args = cur.slice();
        flow(
          i + 1 + insns.imm[i],
          entry((n) => args[n]),
        );
        cur[0] = BTF | MEM | SCALAR;
      } else if (insns.src[i] === 2) cur[0] = BTF | SCALAR;
      else cur[0] = BTF_HELPERS.has(insns.imm[i]) ? BTF : MEM | SCALAR;
    } else if (op === 0x95) continue;
    else if (op === 0x05) next = i + 1 + off;
    else if (op === 0x06) next = i + 1 + insns.imm[i];
    else if (cls === 5 || cls === 6) flow(i + 1 + off, cur);
    flow(next, cur);
  }
  return probe;
}

function slotKind(state: Uint8Array, off: number): number {
  const slot = (off + 512) >> 3;
  return slot >= 0 && slot < SLOTS ? state[11 + slot] : SCALAR;
}
