/** Checks that take long: what is looked at comes first, an edit ends what it makes pointless, the window says how far. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, type Page } from '@playwright/test';
import { SHOTS, makeFolders, openFile, palette, remove, start, stop, typeAtEnd } from './app.ts';

/** Each program keeps a verifier busy up to its limit of a million instructions. */
const BUSY = `#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
char LICENSE[] SEC("license") = "GPL";
static int rounds(int n)
{
	volatile long i;
	for (i = 0; i < n; i++)
		;
	return 0;
}
${[1, 2, 3, 4]
  .map(
    (n) => `SEC("lsm/file_open")
int BPF_PROG(busy${n}, struct file *file)
{
	return rounds(60000${n});
}
`,
  )
  .join('')}`;
const BUSY_FILE = 'a-busy.bpf.c';
const READY_LINE = BUSY.split('\n').findIndex((l) => l.includes('i < n')) + 1;

const verdict = (page: Page, file: string, word: string) =>
  page.getByRole('treeitem', { name: new RegExp(`^${file}( unsaved)? ${word}`) });
const engine = (page: Page) => page.getByTestId('engine');

test('a long check says how far it is, makes room, and ends when an edit makes it pointless', async () => {
  const f = makeFolders();
  writeFileSync(join(f.workspace, BUSY_FILE), BUSY);
  const { app, page } = await start(f.data, [f.workspace], { idle: false });
  // First in the workspace, and so first to be checked: it is under way when another file is opened.
  await expect(engine(page)).toHaveText(new RegExp(`Checking ${BUSY_FILE} for .* insns`), { timeout: 30_000 });
  await typeAtEnd(page, 12, '');
  await expect(page.getByText('Ln 12, Col 21')).toBeVisible();
  await openFile(page, 'shadow_guard.bpf.c');
  await expect(page.getByText('Ln 1, Col 1', { exact: true })).toBeVisible();
  await expect(verdict(page, 'shadow_guard.bpf.c', 'accepted')).toBeVisible();
  await expect(engine(page), 'the long check goes on behind').toHaveText(new RegExp(`Checking ${BUSY_FILE}`));

  await openFile(page, BUSY_FILE);
  await expect(engine(page)).toHaveText(new RegExp(`Checking ${BUSY_FILE} for .* insns`));
  await expect(page.getByTestId('verdict')).toContainText('checking 6.12');
  await page.screenshot({ path: join(SHOTS, 'busy.png') });
  // The edit bounds the loops; the verdict of this text comes although the check of the other one was not over.
  await typeAtEnd(page, READY_LINE, ' if (i > 3) break; else');
  await expect(verdict(page, BUSY_FILE, 'accepted')).toBeVisible({ timeout: 30_000 });
  await palette(page, 'Show Log');
  await expect(page.getByRole('grid', { name: 'Log' })).toHaveText(
    new RegExp(`Checking ${BUSY_FILE} for [\\d.]+ was given up under way`),
  );
  await expect(engine(page)).toHaveText(/engine idle/, { timeout: 60_000 });
  await stop(app);
  remove(f.base);
});
