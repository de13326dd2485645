/** Interpreter speed: instructions per second of an ALU loop, a stack loop, a global-data loop and a helper loop. */
import { decodeInsns } from '../../src/engine/bpf/index.ts';
import { runRaw } from '../../src/engine/vm/index.ts';
import type { Row } from './main.ts';

type Insn = readonly [op: number, dst: number, src: number, off: number, imm: number];

function assemble(rows: readonly Insn[]): Uint8Array {
  const bytes = new Uint8Array(rows.length * 8);
  const view = new DataView(bytes.buffer);
  rows.forEach(([op, dst, src, off, imm], i) => {
    view.setUint8(i * 8, op);
    view.setUint8(i * 8 + 1, (src << 4) | dst);
    view.setInt16(i * 8 + 2, off, true);
    view.setInt32(i * 8 + 4, imm, true);
  });
  return bytes;
}

/** `body` repeated `n` times, r7 counting down. */
const loop = (n: number, body: readonly Insn[]): Insn[] => [
  [0xbf, 9, 1, 0, 0],
  [0xb7, 7, 0, 0, n],
  [0xb7, 0, 0, 0, 1],
  [0xb7, 6, 0, 0, 3],
  ...body,
  [0x17, 7, 0, 0, 1],
  [0x55, 7, 0, -(body.length + 2), 0],
  [0x95, 0, 0, 0, 0],
];

const PROGRAMS: readonly { readonly name: string; readonly insns: readonly Insn[] }[] = [
  {
    name: 'ALU',
    insns: loop(3_000_000, [
      [0x0f, 0, 6, 0, 0],
      [0xaf, 0, 7, 0, 0],
      [0x67, 0, 0, 0, 3],
      [0x0c, 6, 0, 0, 0],
      [0x1f, 0, 6, 0, 0],
      [0x57, 6, 0, 0, 0xffff],
    ]),
  },
  {
    name: 'stack',
    insns: loop(3_000_000, [
      [0x7b, 10, 0, -8, 0],
      [0x79, 1, 10, -8, 0],
      [0x0f, 0, 1, 0, 0],
      [0x63, 10, 0, -16, 0],
      [0x61, 2, 10, -16, 0],
      [0x71, 3, 10, -13, 0],
    ]),
  },
  {
    name: 'memory',
    insns: loop(3_000_000, [
      [0x71, 1, 9, 5, 0],
      [0x0f, 0, 1, 0, 0],
      [0x73, 9, 0, 6, 0],
      [0x79, 1, 9, 8, 0],
      [0x7b, 9, 0, 16, 0],
    ]),
  },
  { name: 'helper call', insns: loop(2_000_000, [[0x85, 0, 0, 0, 8]]) },
];

const ROUNDS = 5;

/** Best of a few rounds: the first ones run before the JIT compiler has done its work. */
export function interpreterRows(): Row[] {
  return PROGRAMS.map(({ name, insns }) => {
    const program = decodeInsns(assemble(insns));
    let best = 0;
    for (let i = 0; i < ROUNDS; i++) {
      const start = performance.now();
      const run = runRaw(program, new Uint8Array(64), { maxInsns: 1e9 });
      const seconds = (performance.now() - start) / 1000;
      if (run.fault !== null) throw new Error(run.fault.message);
      best = Math.max(best, run.insns / seconds / 1e6);
    }
    return { what: `interpreter, ${name} loop`, ours: `${best.toFixed(0)} M/s`, peer: '', ratio: null };
  });
}
