/**
 * The public bpf_conformance cases (github.com/Alan-Jowett/bpf_conformance), read from beside the repository when they
 * are there. Our own cases, one or more for each instruction, are in bpf-conformance-own.test.ts.
 */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { vmPlugin } from '../../src/cli/vm-plugin.ts';

interface Case {
  readonly name: string;
  readonly prog: string;
  readonly mem: string;
  readonly result: string;
}

const file = fileURLToPath(new URL('../../../shared/data/bpf_conformance.json', import.meta.url));

if (existsSync(file)) {
  const cases = JSON.parse(readFileSync(file, 'utf8')) as Case[];
  describe('public bpf_conformance cases', () => {
    test('the file has cases', () => expect(cases.length).toBeGreaterThan(300));
    test.each(cases)('$name', ({ prog, mem, result }) => {
      expect(BigInt('0x' + vmPlugin(prog, mem))).toBe(BigInt(result));
    });
  });
} else {
  console.warn(`SKIPPED: the public bpf_conformance cases are not here (${file})`);
  test.skip('public bpf_conformance cases: data not present', () => undefined);
}
