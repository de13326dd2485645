/** What the verifier explored: the tree, registers and stack at an instruction, the budget, reasons of a refusal. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, type Page } from '@playwright/test';
import {
  expectAccessible,
  makeFolders,
  openFile,
  remove,
  setTheme,
  shoot,
  SHOTS,
  size,
  start,
  stop,
  type Bench,
} from './app.ts';

test.describe.configure({ mode: 'serial' });
let bench: Bench;
let base: string;

const HEAD = `#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "GPL";

struct event {
	__u32 uid;
	__u32 kind;
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} events SEC(".maps");

`;

/** Refused: the record is lost on one way out. */
const LEAK = `${HEAD}static __noinline int kind_of(struct file *file)
{
	if (file->f_flags & 1)
		return 1;
	return 2;
}

SEC("lsm/file_open")
int BPF_PROG(audit, struct file *file)
{
	struct event *e;
	int kind = kind_of(file);

	e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);
	if (!e)
		return 0;
	e->kind = kind;
	e->uid = bpf_get_current_uid_gid();
	if (e->uid == 0)
		return 0;
	bpf_ringbuf_submit(e, 0);
	return 0;
}
`;

/** Accepted, after some hundred thousand instructions. */
const LARGE = `${HEAD}__u64 sum;

SEC("lsm/file_open")
int BPF_PROG(large, struct file *file)
{
	__u64 x = file->f_flags;

	for (int i = 0; i < 9000; i++)
		x = x * 3 + i;
	if (x == 1)
		return 0;
	sum = x;
	return 0;
}
`;

const line = (text: string, of: string): number => text.split('\n').findIndex((l) => l.includes(of)) + 1;
const values = (page: Page) => page.getByLabel('Registers and stack');
const tree = (page: Page) => page.getByRole('tree', { name: 'Explored paths' });
const chosen = (page: Page) => tree(page).locator('.st-row.selected');

test.beforeAll(async () => {
  const f = makeFolders('shadow-guard');
  base = f.base;
  writeFileSync(join(f.workspace, 'leak.bpf.c'), LEAK);
  writeFileSync(join(f.workspace, 'large.bpf.c'), LARGE);
  bench = { ...(await start(f.data, [f.workspace])), data: f.data, workspace: f.workspace };
  await size(bench.app, bench.page, 1440, 900);
  await setTheme(bench.page, 'dark');
  await openFile(bench.page, 'leak.bpf.c');
  await expect(bench.page.getByTestId('verdict').locator('.current')).toHaveText(/refused/);
});
test.afterAll(async () => {
  if (bench) await stop(bench.app);
  remove(base);
});

test('says why a program is refused, with places to go to', async () => {
  const { page } = bench;
  await page.keyboard.press('Control+Shift+M');
  await page.getByRole('row', { name: /Unreleased reference/ }).click();
  const detail = page.getByLabel('Problem detail');
  await expect(detail).toContainText('Required');
  await expect(detail).toContainText('Everything that was acquired is released');
  await expect(detail.getByRole('list', { name: 'How execution gets there' })).toContainText('!e is false');
  await expect(detail.locator('.path code', { hasText: '!e' }).first()).toBeVisible();
  await detail
    .locator('.reasons .link', { hasText: `line ${line(LEAK, 'e = bpf_ringbuf_reserve')}` })
    .first()
    .click();
  await expect(page.locator('.statusbar')).toContainText(`Ln ${line(LEAK, 'e = bpf_ringbuf_reserve')},`);
  await page.screenshot({ path: join(SHOTS, 'reasons-dark-1440x900.png') });
});

test('shows the path to the refusal with registers and stack', async () => {
  const { page } = bench;
  await page.getByLabel('Problem detail').getByRole('button', { name: 'Show in States' }).click();
  await expect(chosen(page)).toContainText('exit');
  await expect(values(page)).toContainText('Unreleased reference');
  await expect(values(page)).toContainText('refs');
  await expect(page.getByRole('list', { name: 'Branches on the way here' })).toContainText('!e is false');
  await page.screenshot({ path: join(SHOTS, 'states-refused-dark-1440x900.png') });
});

test('steps along the path by keyboard, and the editor follows', async () => {
  const { page } = bench;
  await tree(page).focus();
  await page.keyboard.press('Shift+F11');
  const at = line(LEAK, 'if (e->uid == 0)');
  await page.keyboard.press('Shift+F10');
  await expect(page.locator('.statusbar')).toContainText(`Ln ${at},`);
  await expect(values(page).locator('.st-here')).toContainText(/if w\d == 0x0 goto/);
  await tree(page).locator('.st-row-step', { hasText: 'w0 = 0' }).first().click();
  const before = await values(page).locator('.st-here').textContent();
  await page.keyboard.press('F10');
  await expect(values(page).locator('.st-here')).not.toHaveText(before!);
  await expect(values(page).locator('.st-changed')).toContainText('R0');
});

test('follows the cursor of the editor', async () => {
  const { page } = bench;
  const at = line(LEAK, 'e = bpf_ringbuf_reserve');
  await page.locator('.monaco-editor[data-uri$="leak.bpf.c"]').click({ position: { x: 300, y: 60 } });
  await page.keyboard.press('Control+G');
  await page.keyboard.type(String(at));
  await page.keyboard.press('Enter');
  await expect(chosen(page)).toBeVisible();
  await expect(values(page).locator('.st-here')).toContainText(`line ${at}`);
  await expect(tree(page).locator('.st-row.lit').first()).toBeVisible();
});

test('unfolds other paths, and says why one was pruned', async () => {
  const { page } = bench;
  await openFile(page, 'shadow_guard.bpf.c');
  await expect(page.locator('.st-name')).toHaveText('shadow_guard');
  const row = tree(page).locator('.st-row-path', { hasText: 'pruned' }).first();
  await tree(page).focus();
  await page.keyboard.press('End');
  await page.keyboard.press('Home');
  for (let i = 0; i < 60 && (await row.count()) === 0; i++) await page.keyboard.press('ArrowDown');
  await row.locator('.st-title').click();
  await expect(row).toHaveAttribute('aria-expanded', 'false');
  await page.keyboard.press('ArrowRight');
  await expect(row).toHaveAttribute('aria-expanded', 'true');
  const end = tree(page).locator('.st-row-end', { hasText: 'Pruned before instruction' }).first();
  await end.click();
  await expect(values(page).locator('.st-cover')).toBeVisible();
  await expect(values(page)).toContainText('covers this one');
  await page.screenshot({ path: join(SHOTS, 'states-pruned-1440x900.png') });
  await row.locator('.st-title').click();
  await page.keyboard.press('ArrowLeft');
  await expect(row).toHaveAttribute('aria-expanded', 'false');
});

test('shows the budget beside the lines', async () => {
  const { page } = bench;
  await expect(page.locator('.budget')).toHaveCount(0);
  await page.keyboard.press('Control+Alt+B');
  await expect(page.locator('.budget').first()).toBeVisible();
  await expect(page.locator('.budget').first()).toHaveAttribute(
    'title',
    /of \d+ instructions that the verifier processed/,
  );
});

test('a large program stays fluid, and says what was left out', async () => {
  const { page } = bench;
  await openFile(page, 'large.bpf.c');
  await expect(page.getByTestId('verdict').locator('.current')).toHaveText(/accepted/, { timeout: 40_000 });
  await expect(page.locator('.st-note')).toContainText('Too large to be kept whole', { timeout: 40_000 });
  await expect(tree(page).locator('.st-row').first()).toBeVisible();
  const t0 = Date.now();
  await tree(page).focus();
  await page.keyboard.press('End');
  for (let i = 0; i < 30; i++) await page.keyboard.press('ArrowUp');
  await page.keyboard.press('Home');
  expect(Date.now() - t0).toBeLessThan(20_000);
  await page.screenshot({ path: join(SHOTS, 'states-large-1440x900.png') });
});

for (const theme of ['dark', 'light'] as const) {
  test(`is accessible in the ${theme} theme`, async () => {
    const { app, page } = bench;
    await openFile(page, 'leak.bpf.c');
    await setTheme(page, theme);
    await page.keyboard.press('Control+Shift+M');
    await page.getByRole('row', { name: /Unreleased reference/ }).click();
    await expectAccessible(page);
    await shoot(app, page, `reasons-${theme}`, [1440, 900]);
    await page.getByLabel('Problem detail').getByRole('button', { name: 'Show in States' }).click();
    await expect(values(page)).toContainText('Unreleased reference');
    await expectAccessible(page);
    await shoot(app, page, `states-${theme}`, [1440, 900]);
  });
}
