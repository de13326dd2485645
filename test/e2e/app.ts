/** Starts the real application (checkout or package) with a user-data folder and a workspace of its own. */
import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import AxeBuilder from '@axe-core/playwright';
import { _electron, expect, type ElectronApplication, type Locator, type Page } from '@playwright/test';

export const ROOT = resolve(import.meta.dirname ?? process.cwd(), import.meta.dirname ? '../..' : '.');
export const SHOTS = join(ROOT, 'test-results/screenshots');

export interface Bench {
  readonly app: ElectronApplication;
  readonly page: Page;
  readonly data: string;
  readonly workspace: string;
}

export function makeFolders(example = 'shadow-guard'): { data: string; workspace: string; base: string } {
  const base = mkdtempSync(join(tmpdir(), 'lsmith-e2e-'));
  const workspace = join(base, example);
  cpSync(join(ROOT, 'assets/examples', example), workspace, { recursive: true });
  mkdirSync(SHOTS, { recursive: true });
  return { base, data: join(base, 'data'), workspace };
}

/** `LSMITH_APP` names a packaged executable (a test build). Waits until all is checked, unless told not to. */
export async function start(
  data: string,
  args: readonly string[],
  { idle = true } = {},
): Promise<{ app: ElectronApplication; page: Page }> {
  const packaged = process.env.LSMITH_APP;
  const switches = [
    '--disable-gpu',
    '--lang=en-US',
    ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
    `--user-data-dir=${data}`,
  ];
  const app = await _electron.launch({
    ...(packaged ? { executablePath: packaged } : {}),
    args: [...switches, ...(packaged ? [] : ['.']), ...args],
    cwd: ROOT,
    env: { ...(process.env as Record<string, string>), LSMITH_TEST: '1' },
  });
  const page = await app.firstWindow();
  await expect(page.locator('.statusbar')).toBeVisible();
  if (idle) await expect(page.getByTestId('engine')).toHaveText(/engine idle/, { timeout: 30_000 });
  return { app, page };
}

export async function stop(app: ElectronApplication): Promise<void> {
  const closed = app.waitForEvent('close').catch(() => undefined);
  await app.evaluate(({ app: a }) => a.exit(0)).catch(() => undefined);
  await closed;
}

export const remove = (dir: string): void => rmSync(dir, { recursive: true, force: true });

/** Ends the application as a user does: by closing the window; state must be on disk before. */
export async function quit(app: ElectronApplication): Promise<void> {
  const closed = app.waitForEvent('close');
  await app.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0].close());
  await closed;
}

/** Answers the next message boxes without showing them. */
export async function answerDialogs(app: ElectronApplication, response: number): Promise<void> {
  await app.evaluate(({ dialog }, r) => {
    const g = globalThis as unknown as { asked: number };
    g.asked = 0;
    dialog.showMessageBox = (async () => {
      g.asked++;
      return { response: r, checkboxChecked: false };
    }) as typeof dialog.showMessageBox;
  }, response);
}
export const dialogsAsked = (app: ElectronApplication): Promise<number> =>
  app.evaluate(() => (globalThis as unknown as { asked: number }).asked);

export async function palette(page: Page, text: string): Promise<void> {
  await page.keyboard.press('Control+Shift+P');
  await page.locator('.palette input').fill(text);
  await expect(page.locator('.palette [cmdk-item]').first()).toBeVisible();
  await page.keyboard.press('Enter');
  await expect(page.locator('.palette')).toHaveCount(0);
}

export async function setTheme(page: Page, theme: string): Promise<void> {
  if ((await page.locator('html').getAttribute('data-theme')) !== theme) await palette(page, 'Toggle Dark');
  await expect(page.locator('html')).toHaveAttribute('data-theme', theme);
}

export async function openFile(page: Page, name: string): Promise<void> {
  await page.keyboard.press('Control+P');
  await page.locator('.palette input').fill(name);
  await page.keyboard.press('Enter');
  await expect(page.locator('.flexlayout__tab_button--selected', { hasText: name.split('/').pop()! })).toBeVisible();
}

export const editor = (page: Page): Locator => page.locator('.monaco-editor').first();

/** Goes to a line and types at its end. */
export async function typeAtEnd(page: Page, line: number, text: string): Promise<void> {
  await editor(page).click({ position: { x: 300, y: 60 } });
  await page.keyboard.press('Control+G');
  await page.keyboard.type(String(line));
  await page.keyboard.press('Enter');
  await page.keyboard.press('End');
  await page.keyboard.type(text);
}

export async function size(app: ElectronApplication, page: Page, width: number, height: number): Promise<void> {
  await app.evaluate(
    ({ BrowserWindow }, [w, h]) => BrowserWindow.getAllWindows()[0].setContentSize(w, h),
    [width, height],
  );
  await expect.poll(() => page.evaluate(() => window.innerWidth)).toBe(width);
}

/** No violation of WCAG A and AA in what the window shows now (the editor's inner parts are Monaco's own). */
export async function expectAccessible(page: Page): Promise<void> {
  const { violations } = await new AxeBuilder({ page })
    .setLegacyMode(true)
    .withTags(['wcag2a', 'wcag2aa'])
    .exclude('.monaco-editor')
    .analyze();
  const places = (v: (typeof violations)[number]): string =>
    v.nodes
      .map((n) => n.target.join(' '))
      .slice(0, 4)
      .join(' | ');
  expect(violations.map((v) => `${v.id}: ${places(v)}`)).toEqual([]);
}

/** Pictures `<name>-<width>x<height>.png` of the window at the smallest and the usual size; then the size `back`. */
export async function shoot(
  app: ElectronApplication,
  page: Page,
  name: string,
  back: readonly [number, number],
): Promise<void> {
  for (const [w, h] of [
    [1280, 800],
    [1920, 1080],
  ]) {
    await size(app, page, w, h);
    await page.waitForTimeout(300);
    await page.screenshot({ path: join(SHOTS, `${name}-${w}x${h}.png`) });
  }
  await size(app, page, ...back);
}
