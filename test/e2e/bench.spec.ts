/** The daily loop: open, edit, see the verdict, run, reorder. One window for the whole file. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import {
  editor,
  expectAccessible,
  makeFolders,
  openFile,
  palette,
  remove,
  setTheme,
  shoot,
  SHOTS,
  size,
  start,
  stop,
  typeAtEnd,
  type Bench,
} from './app.ts';

test.describe.configure({ mode: 'serial' });
let bench: Bench;
let base: string;
const errors: string[] = [];

test.beforeAll(async () => {
  const f = makeFolders('shadow-guard');
  base = f.base;
  bench = { ...(await start(f.data, [f.workspace])), data: f.data, workspace: f.workspace };
  bench.page.on('pageerror', (e) => errors.push(String(e.stack)));
  await size(bench.app, bench.page, 1280, 800);
});
test.afterAll(async () => {
  if (bench) await stop(bench.app);
  remove(base);
});

const verdict = () => bench.page.getByTestId('verdict').locator('.current');
const policy = 'shadow_guard.bpf.c';
const lineOf = (pattern: RegExp): number =>
  readFileSync(join(bench.workspace, policy), 'utf8')
    .split('\n')
    .findIndex((l) => pattern.test(l)) + 1;

test('opens the workspace and judges its policy for the kernel profile', async () => {
  const { page } = bench;
  await expect(page.getByRole('treeitem', { name: /shadow_guard\.bpf\.c/ })).toBeVisible();
  await expect(verdict()).toHaveText(/accepted 6\.12/);
  await expect(page.locator('.codelens-decoration', { hasText: '✓ accepted' })).toBeVisible();
});

test('shows an error at its line while typing, and accepts the fix', async () => {
  const { page } = bench;
  const line = lineOf(/if \(uid == 0\)/);
  await typeAtEnd(page, line, ' nonsense_name;');
  await expect(verdict()).toHaveText(/error|refused/);
  await page.keyboard.press('Control+Shift+M');
  const problem = page.getByRole('grid', { name: 'Problems' }).getByRole('row', { name: /nonsense_name/ });
  await expect(problem.first()).toBeVisible();
  await expect(problem.first()).toContainText(`${policy}:${line}:`);
  await expect(editor(page).locator('.squiggly-error').first()).toBeVisible();
  await editor(page).click({ position: { x: 300, y: 60 } });
  for (let i = 0; i < 3; i++) await page.keyboard.press('Control+Z');
  await expect(verdict()).toHaveText(/accepted 6\.12/);
  await expect(editor(page).locator('.squiggly-error')).toHaveCount(0);
});

test('runs the scenario and shows who decided', async () => {
  const { page } = bench;
  await page.keyboard.press('F5');
  const trace = page.getByRole('treegrid', { name: 'Decision trace' });
  await expect(trace.getByRole('row').nth(1)).toBeVisible();
  await expect(page.locator('.statusbar')).toContainText(/\d+ decisions, \d+ steps? denied/);
  await expect(page.getByLabel('Decision detail')).toContainText('Decided by');
  await expect(page.locator('.card .stack-state').first()).toBeVisible();
});

test('filters the trace by a hook', async () => {
  const { page } = bench;
  const filter = page.getByLabel('Filter the trace');
  await filter.fill('hook == no_such_hook');
  await expect(page.getByText('Nothing matches the filter')).toBeVisible();
  await filter.fill('hook == file_open');
  await expect(page.getByRole('treegrid', { name: 'Decision trace' }).getByRole('row').nth(1)).toBeVisible();
  await filter.fill('');
});

const order = () =>
  bench.page.locator('.card').evaluateAll((cards) => cards.map((c) => (c as HTMLElement).dataset.module));

test('reorders the stack by keyboard and says what changes', async () => {
  const { page } = bench;
  const before = await order();
  await page.locator('.card[data-module="bpf"]').focus();
  for (let i = 0; i < 3; i++) await page.keyboard.press('Alt+ArrowUp');
  await expect.poll(async () => (await order()).indexOf('bpf')).toBe(before.indexOf('bpf') - 3);
  // landlock denied the sandboxed task before; now bpf is asked first
  await expect(page.getByTestId('change-count')).not.toHaveText('0');
  await expect(page.locator('.change-list')).toContainText('bpf:shadow_guard');
  await expect(page.locator('.changes')).not.toContainText('Move a module to see');
  await expect(page.locator('.cmdline')).toContainText('lsm=');
  await expect(page.locator('.card[data-module="bpf"]')).toBeFocused();
  await page.screenshot({ path: join(SHOTS, 'reordered-1280x800.png') });
  await page.getByRole('button', { name: 'Reset', exact: true }).click();
  await expect.poll(order).toEqual(before);
});

test('reorders the stack by drag', async () => {
  const { page } = bench;
  const before = await order();
  const target = before.find((m) => m !== undefined && !['lockdown', 'capability', 'bpf'].includes(m))!;
  await page.locator('.card[data-module="bpf"]').dragTo(page.locator(`.card[data-module="${target}"]`));
  await expect.poll(async () => (await order()).indexOf('bpf')).toBe(before.indexOf(target));
  await palette(page, 'Back to the Scenario');
  await expect.poll(order).toEqual(before);
});

test('switches attach semantics', async () => {
  const { page } = bench;
  await page.getByRole('radio', { name: 'fexit', exact: true }).click();
  await expect(page.getByRole('radio', { name: 'fexit', exact: true })).toHaveAttribute('aria-checked', 'true');
  await expect(page.locator('.changes .btn')).toBeVisible();
  await page.getByRole('radio', { name: 'LSM list' }).click();
});

test('explores all orders', async () => {
  const { page } = bench;
  await page.keyboard.press('Control+F5');
  await expect(page.getByText(/\d+ of \d+ variants differ/)).toBeVisible({ timeout: 40_000 });
});

test('lists the hooks of the kernel', async () => {
  const { page } = bench;
  await page.keyboard.press('Control+Shift+H');
  await page.getByLabel('Filter hooks').fill('file_open');
  await expect(
    page
      .getByRole('grid', { name: 'Hook catalogue' })
      .getByRole('row', { name: /^file_open/ })
      .first(),
  ).toBeVisible();
});

test('shows instructions with their C lines', async () => {
  const { page } = bench;
  await openFile(page, policy);
  await palette(page, 'Show Instructions');
  await expect(page.locator('.asm-insn').first()).toBeVisible();
  await expect(page.locator('.asm-source').first()).toBeVisible();
});

test('switches the kernel profile', async () => {
  const { page } = bench;
  for (const kernel of ['6.1', '6.12']) {
    await page.getByTestId('verdict').click();
    await page.locator(`.palette [cmdk-item]:has(> span:text-is("${kernel}"))`).click();
    await expect(verdict()).toHaveText(new RegExp(`accepted ${kernel.replace('.', '\\.')}$`));
  }
});

for (const theme of ['dark', 'light'] as const) {
  test(`is accessible and complete in the ${theme} theme`, async () => {
    const { app, page } = bench;
    await page.keyboard.press('Escape');
    await palette(page, 'Show Trace');
    await setTheme(page, theme);
    await expectAccessible(page);
    await shoot(app, page, theme, [1280, 800]);
  });
}

test('a 5 MB paste leaves the window alive', async () => {
  const { app, page } = bench;
  await app.evaluate(({ clipboard }) => clipboard.writeText('int x; /* padding padding padding */\n'.repeat(140_000)));
  await editor(page).click({ position: { x: 300, y: 60 } });
  await page.keyboard.press('Control+End');
  await page.keyboard.press('Control+V');
  await expect(page.locator('.editor-note')).toContainText('not checked while typing', { timeout: 20_000 });
  const t0 = Date.now();
  await page.keyboard.press('Control+Shift+P');
  await expect(page.locator('.palette')).toBeVisible();
  expect(Date.now() - t0).toBeLessThan(3000);
  await page.keyboard.press('Escape');
  await editor(page).click({ position: { x: 300, y: 60 } });
  await page.keyboard.press('Control+Z');
  await expect(page.locator('.editor-note')).toHaveCount(0, { timeout: 20_000 });
});

test('no script error happened', () => {
  expect(errors).toEqual([]);
});
