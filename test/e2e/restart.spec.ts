/** What must survive: layout, unsaved text, a dying engine, odd files. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, type ElectronApplication } from '@playwright/test';
import {
  answerDialogs,
  dialogsAsked,
  makeFolders,
  openFile,
  palette,
  quit,
  remove,
  start,
  stop,
  typeAtEnd,
} from './app.ts';

const policy = 'shadow_guard.bpf.c';

test('keeps layout and theme over a restart', async () => {
  const f = makeFolders();
  let { app, page } = await start(f.data, [f.workspace]);
  await palette(page, 'Open Settings');
  await page.getByRole('radio', { name: 'Light' }).click();
  await openFile(page, 'README.md');
  await page.waitForTimeout(700);
  await quit(app);
  ({ app, page } = await start(f.data, [f.workspace]));
  await expect(page.locator('html')).toHaveAttribute('data-theme', 'light');
  await expect(page.locator('.flexlayout__tab_button', { hasText: 'README.md' })).toBeVisible();
  await expect(page.locator('.flexlayout__tab_button', { hasText: 'Settings' })).toBeVisible();
  await palette(page, 'Reset Layout');
  await expect(page.locator('.flexlayout__tab_button', { hasText: 'Settings' })).toHaveCount(0);
  await stop(app);
  remove(f.base);
});

test('asks before unsaved text is lost, saves it, and restores it after a kill', async () => {
  const f = makeFolders();
  const file = join(f.workspace, policy);
  const original = readFileSync(file, 'utf8');
  let { app, page } = await start(f.data, [join(f.workspace, policy)]);
  await typeAtEnd(page, 2, ' /* kept */');
  await expect(page.locator('.tab-title .dirty-dot').first()).toBeVisible();
  await answerDialogs(app, 2); // Cancel
  await app.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0].close());
  await expect.poll(() => dialogsAsked(app)).toBe(1);
  await expect(page.locator('.tab-title .dirty-dot').first()).toBeVisible();
  expect(readFileSync(file, 'utf8')).toBe(original);
  await page.waitForTimeout(700);
  await stop(app); // as a crash would: nothing is asked, nothing saved

  ({ app, page } = await start(f.data, [f.workspace]));
  await expect(page.locator('.tab-title .dirty-dot').first()).toBeVisible();
  expect(readFileSync(file, 'utf8')).toBe(original);
  await answerDialogs(app, 0); // Save
  await quit(app);
  expect(readFileSync(file, 'utf8')).toContain('/* kept */');
  remove(f.base);
});

test('survives binary files and files that change on disk', async () => {
  const f = makeFolders();
  writeFileSync(join(f.workspace, 'noise.bpf.c'), Buffer.from(Array.from({ length: 4096 }, (_, i) => (i * 37) % 256)));
  const { app, page } = await start(f.data, [f.workspace]);
  await openFile(page, 'noise.bpf.c');
  await expect(page.getByText('noise.bpf.c is not text')).toBeVisible();
  await openFile(page, 'README.md');
  writeFileSync(join(f.workspace, 'README.md'), '# Changed outside\n');
  await expect(page.locator('.view-lines', { hasText: 'Changed outside' })).toBeVisible();
  writeFileSync(join(f.workspace, 'new_one.bpf.c'), 'int x;\n');
  await expect(page.getByRole('treeitem', { name: /new_one/ })).toBeVisible();
  await stop(app);
  remove(f.base);
});

test('refuses foreign pages, windows and calls', async () => {
  const f = makeFolders();
  const { app, page } = await start(f.data, [f.workspace]);
  expect(await page.evaluate(() => window.open('https://example.invalid/') === null)).toBe(true);
  await page.evaluate(() => {
    location.href = 'https://example.invalid/';
  });
  await page.waitForTimeout(300);
  expect(page.url()).toContain('app://lsmith/');
  const reply = await page.evaluate(() =>
    (window as unknown as { lsmith: { call(m: string, p: unknown): Promise<unknown> } }).lsmith.call('file.read', {
      path: '../../etc/passwd',
    }),
  );
  expect(reply).toMatchObject({ ok: false });
  expect(await page.evaluate(() => typeof (globalThis as Record<string, unknown>).require)).toBe('undefined');
  // Alone in its process: the window may share memory with its worker, to end checks (test/unit/workers).
  expect(await page.evaluate(() => crossOriginIsolated)).toBe(true);
  expect(
    await page.evaluate(() => fetch('/assets/profiles/%2e%2e/%2e%2e/package.json').then((r) => r.status)),
  ).not.toBe(200);
  await stop(app);
  remove(f.base);
});

const send = (app: ElectronApplication, id: string): Promise<void> =>
  app.evaluate(
    ({ BrowserWindow }, command) =>
      BrowserWindow.getAllWindows()[0].webContents.send('lsmith:event', { type: 'command', id: command }),
    id,
  );

test('replaces an engine that ends or hangs and says so', async () => {
  const f = makeFolders();
  const { app, page } = await start(f.data, [f.workspace]);
  await send(app, 'engine.crash');
  await expect(page.locator('.notice')).toContainText('ended by a test). It was restarted.');
  await expect(page.getByTestId('engine')).toHaveText(/idle/);
  await page.keyboard.press('F5'); // the new engine has the files again
  await expect(page.getByRole('treegrid', { name: 'Decision trace' }).getByRole('row').nth(1)).toBeVisible();
  await send(app, 'engine.hang');
  await expect(page.getByTestId('engine')).toHaveText(/hang/);
  await palette(page, 'Show Log'); // the window answers meanwhile
  await expect(page.getByRole('grid', { name: 'Log' })).toContainText('gave no sign of life for 10 s', {
    timeout: 20_000,
  });
  await expect(page.getByTestId('engine')).toHaveText(/idle/, { timeout: 20_000 });
  await stop(app);
  remove(f.base);
});
