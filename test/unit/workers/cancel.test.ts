/** A keystroke ends the check that it makes pointless: the real worker, in the middle of its largest verification. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WorkBoard, type WorkerReply } from '../../../src/protocol/index.ts';
import { startWorker, type Busy } from './busy.ts';

const policy = (rounds: number): string => `#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
char LICENSE[] SEC("license") = "GPL";
__u64 total;
SEC("lsm/file_open")
int BPF_PROG(busy, struct file *file)
{
	volatile long i;
	for (i = 0; i < ${rounds}; i++)
		total += bpf_ktime_get_ns();
	return 0;
}
`;
const FILE = 'busy.bpf.c';
const query = { kind: 'check', file: FILE, kernel: '6.12' } as const;

interface Verdict {
  readonly programs: readonly { readonly insnsProcessed: number; readonly message: string }[];
}

describe('a check that is not wanted any more', { timeout: 60_000 }, () => {
  let worker: Busy;
  const board = new WorkBoard();
  let id = 0;
  const edit = (rounds: number): void =>
    worker.post({ type: 'files', reset: false, updates: [{ path: FILE, content: policy(rounds) }] });
  let rounds = 600_000;
  /** Another program each time: a verdict that is known would be given again. */
  const editSlow = (): void => edit(rounds++);
  const ask = (): number => {
    worker.post({ type: 'query', id: ++id, lane: 'check', behind: 0, query });
    return id;
  };
  const ended = (n: number): Promise<WorkerReply> =>
    worker.next((r) => r.type !== 'started' && 'id' in r && r.id === n);
  const verdict = (r: WorkerReply): Verdict => (r.type === 'answer' ? (r.value as Verdict) : { programs: [] });

  beforeAll(async () => {
    worker = await startWorker();
    worker.post({ type: 'init', assets: 'assets:', board: board.memory });
    expect(await worker.next((r) => r.type === 'ready' || r.type === 'failed')).toMatchObject({ type: 'ready' });
  }, 60_000);
  afterAll(() => worker.end());

  it('would take long', async () => {
    editSlow();
    const t0 = performance.now();
    const all = await ended(ask());
    expect(verdict(all).programs[0]?.message).toContain('Processed 1000001 insn');
    expect(performance.now() - t0).toBeGreaterThan(200);
  });

  it.each([30, 90, 180])('ends when asked to after %i ms, and the next one is answered', async (wait) => {
    editSlow();
    const slow = ask();
    await worker.next((r) => r.type === 'started' && r.id === slow);
    await new Promise((resolve) => setTimeout(resolve, wait));
    // As the window does when a keystroke asks again: mark what runs, send the text, ask.
    const t0 = performance.now();
    board.cancel(slow);
    edit(3);
    const quick = ask();
    expect(await ended(slow)).toMatchObject({ type: 'superseded' });
    // Some milliseconds in a quiet process (see npm run bench); tests run beside others.
    expect(performance.now() - t0).toBeLessThan(250);
    const r = verdict(await ended(quick));
    expect(r.programs[0]).toMatchObject({ message: '' });
    expect(r.programs[0].insnsProcessed).toBeLessThan(100);
  });

  it('makes room for something urgent, and is begun anew behind it', async () => {
    editSlow();
    worker.post({ type: 'files', reset: false, updates: [{ path: 'small.bpf.c', content: policy(3) }] });
    worker.post({ type: 'query', id: ++id, lane: 'slow', behind: 1, query });
    const slow = id;
    await worker.next((r) => r.type === 'started' && r.id === slow);
    await new Promise((resolve) => setTimeout(resolve, 100));
    const before = board.beats;
    expect(before).toBeGreaterThan(0);
    expect(board.insns).toBeGreaterThan(0);
    board.postpone(slow);
    worker.post({ type: 'query', id: ++id, lane: 'quick', behind: 0, query: { ...query, file: 'small.bpf.c' } });
    const quick = id;
    expect(await worker.next((r) => 'id' in r && r.id === slow)).toMatchObject({ type: 'postponed' });
    expect(verdict(await ended(quick)).programs[0].insnsProcessed).toBeLessThan(100);
    await worker.next((r) => r.type === 'started' && r.id === slow);
    expect(verdict(await ended(slow)).programs[0].message).toContain('Processed 1000001 insn');
  });

  it('stays unwanted when it is asked to make room afterwards', async () => {
    editSlow();
    const slow = ask();
    await worker.next((r) => r.type === 'started' && r.id === slow);
    board.cancel(slow);
    board.postpone(slow);
    expect(await ended(slow)).toMatchObject({ type: 'superseded' });
  });
});
