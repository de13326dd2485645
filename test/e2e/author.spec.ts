/** What helps while writing: fixes, hovers, completions, search, the verifier's own words. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { editor, makeFolders, remove, SHOTS, size, start, stop, typeAtEnd, type Bench } from './app.ts';

test.describe.configure({ mode: 'serial' });
let bench: Bench;
let base: string;
const policy = 'shadow_guard.bpf.c';

test.beforeAll(async () => {
  const f = makeFolders('shadow-guard');
  base = f.base;
  bench = { ...(await start(f.data, [f.workspace])), data: f.data, workspace: f.workspace };
  await size(bench.app, bench.page, 1280, 800);
  await expect(bench.page.getByTestId('verdict').locator('.current')).toHaveText(/accepted/);
});
test.afterAll(async () => {
  if (bench) await stop(bench.app);
  remove(base);
});

const lineOf = (pattern: RegExp): number =>
  readFileSync(join(bench.workspace, policy), 'utf8')
    .split('\n')
    .findIndex((l) => pattern.test(l)) + 1;
const verdict = () => bench.page.getByTestId('verdict').locator('.current');
async function undo(): Promise<void> {
  await editor(bench.page).click({ position: { x: 300, y: 60 } });
  const dirty = bench.page.locator('.tab-title .dirty-dot');
  for (let i = 0; i < 40 && (await dirty.count()) > 0; i++) await bench.page.keyboard.press('Control+Z');
  await expect(dirty).toHaveCount(0);
  await expect(verdict()).toHaveText(/accepted/);
}

test('offers a quick fix at the error and in the problem list', async () => {
  const { page } = bench;
  await typeAtEnd(page, lineOf(/if \(uid == 0\)/), ' uidd;');
  await expect(verdict()).toHaveText(/error/);
  await page.keyboard.press('F8');
  await page.keyboard.press('Control+Shift+M');
  await expect(page.getByLabel('Problem detail')).toContainText('uidd');
  await expect(page.getByLabel('Problem detail').getByRole('button', { name: "Change to 'uid'" })).toBeVisible();
  await page.keyboard.press('Escape'); // back to the editor
  await page.keyboard.press('Control+.');
  await page.locator('.action-widget').getByText("Change to 'uid'").click();
  await expect(verdict()).toHaveText(/accepted/);
  await undo();
});

test('shows the verifier’s own log of a refused program', async () => {
  const { page } = bench;
  const line = lineOf(/if \(uid == 0\)/);
  await typeAtEnd(page, line - 1, '\n\tif (uid == 7) return *(int *)(long)uid;');
  await expect(verdict()).toHaveText(/refused/);
  await page.keyboard.press('Control+Shift+M');
  await expect(page.locator('.detail-actions.fixes')).not.toContainText('Looking for');
  await page.getByRole('button', { name: 'Show raw' }).click();
  await expect(page.getByLabel('Verifier log')).toContainText(/processed \d+ insns/);
  await page.screenshot({ path: join(SHOTS, 'problem-raw-1280x800.png') });
  await page.getByRole('button', { name: 'Hide raw' }).click();
  await undo();
});

test('finds a fix for a refused program when the problem is looked at, and applies it', async () => {
  const { page } = bench;
  const line = lineOf(/if \(uid == 0\)/);
  await typeAtEnd(page, line - 1, '\n\tif (uid == 7) return 7;');
  await expect(verdict()).toHaveText(/refused/);
  await page.keyboard.press('Control+Shift+M');
  const fix = page.locator('.detail-actions.fixes').getByRole('button').first();
  await expect(fix).toBeVisible();
  await page.screenshot({ path: join(SHOTS, 'refusal-fixes-1280x800.png') });
  await fix.click();
  await expect(verdict()).toHaveText(/accepted/);
  await undo();
});

test('completes hooks and helpers, and says what they are', async () => {
  const { page } = bench;
  await typeAtEnd(page, 2, '\nSEC("lsm/file_op');
  await page.keyboard.press('Control+Space');
  await expect(page.locator('.suggest-widget')).toContainText('file_open');
  await page.keyboard.press('Enter');
  await expect(page.locator('.view-lines')).toContainText('"lsm/file_open');
  await undo();
  await typeAtEnd(page, lineOf(/^SEC\("lsm\/file_open/), '');
  const section = page.locator('.view-line span', { hasText: /^"lsm\/file_open"$/ }).last();
  await expect(async () => {
    await page.mouse.move(640, 20); // a hover starts where the pointer comes in
    await section.hover();
    await expect(page.locator('.monaco-hover:visible').first()).toContainText(/attachable on/, { timeout: 1500 });
  }).toPass();
  await page.screenshot({ path: join(SHOTS, 'hover-1280x800.png') });
  await page.keyboard.press('Escape');
});

test('lists the keys of the editor and finds text in the workspace', async () => {
  const { page } = bench;
  await editor(page).click({ position: { x: 300, y: 60 } });
  await page.keyboard.press('Control+K');
  await expect(page.locator('.palette')).toContainText('Quick fix');
  await page.keyboard.press('Escape');
  await page.keyboard.press('Control+Shift+F');
  await page.getByLabel('Search the workspace').fill('kernel:');
  await expect(page.locator('.search-count')).toContainText(/\d+ lines? in/);
  await page.locator('.search-hit').first().click();
  await expect(page.locator('.flexlayout__tab_button--selected', { hasText: /ya?ml|md/ })).toBeVisible();
  await page.screenshot({ path: join(SHOTS, 'search-1280x800.png') });
});
