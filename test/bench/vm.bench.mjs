/**
 * Interpreter speed: instructions per second of an ALU loop, a memory loop (stack), a map-value loop and a helper loop.
 * `node test/bench/vm.bench.mjs` prints a table; other benchmarks import `benchVm`.
 */
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const ENTRY = new URL('../../src/engine/vm/index.ts', import.meta.url).pathname;
const BPF = new URL('../../src/engine/bpf/program.ts', import.meta.url).pathname;

async function loadVm() {
  const out = await build({
    stdin: {
      contents: `export * from ${JSON.stringify(ENTRY)}; export { decodeInsns } from ${JSON.stringify(BPF)};`,
      resolveDir: process.cwd(),
      loader: 'ts',
    },
    bundle: true,
    format: 'esm',
    target: 'node18',
    write: false,
  });
  return import('data:text/javascript;base64,' + Buffer.from(out.outputFiles[0].contents).toString('base64'));
}

/** [opcode, dst, src, off, imm] rows to bytes. */
function assemble(rows) {
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
const loop = (n, body) => [
  [0xb7, 7, 0, 0, n],
  [0xb7, 0, 0, 0, 1],
  [0xb7, 6, 0, 0, 3],
  ...body,
  [0x17, 7, 0, 0, 1],
  [0x55, 7, 0, -(body.length + 2), 0],
  [0x95, 0, 0, 0, 0],
];

const PROGRAMS = {
  alu: (n) =>
    loop(n, [
      [0x0f, 0, 6, 0, 0],
      [0xaf, 0, 7, 0, 0],
      [0x67, 0, 0, 0, 3],
      [0x0c, 6, 0, 0, 0],
      [0x1f, 0, 6, 0, 0],
      [0x57, 6, 0, 0, 0xffff],
    ]),
  memory: (n) =>
    loop(n, [
      [0x7b, 10, 0, -8, 0],
      [0x79, 1, 10, -8, 0],
      [0x0f, 0, 1, 0, 0],
      [0x63, 10, 0, -16, 0],
      [0x61, 2, 10, -16, 0],
      [0x71, 3, 10, -13, 0],
    ]),
  helper: (n) => loop(n, [[0x85, 0, 0, 0, 8]]),
};

/** Millions of instructions per second by program, best of `rounds`. */
export async function benchVm(rounds = 5) {
  const vm = await loadVm();
  const result = {};
  for (const [name, make] of Object.entries(PROGRAMS)) {
    const insns = vm.decodeInsns(assemble(make(name === 'helper' ? 1_000_000 : 3_000_000)));
    let best = 0;
    for (let i = 0; i < rounds; i++) {
      const start = performance.now();
      const run = vm.runRaw(insns, undefined, { maxInsns: 1e9 });
      const seconds = (performance.now() - start) / 1000;
      if (run.fault !== null) throw new Error(run.fault.message);
      best = Math.max(best, run.insns / seconds / 1e6);
    }
    result[name] = Math.round(best);
  }
  return result;
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  for (const [name, speed] of Object.entries(await benchVm()))
    console.log(`vm ${name.padEnd(8)} ${speed} M instructions/s`);
}
