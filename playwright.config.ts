import { defineConfig } from '@playwright/test';

export default defineConfig({
  testDir: 'test/e2e',
  outputDir: 'test-results/e2e',
  timeout: 60_000,
  expect: { timeout: 15_000 },
  // One window at a time: the tests measure a real application on a real (virtual) screen.
  workers: 1,
  fullyParallel: false,
  retries: 0,
  reporter: 'list',
});
