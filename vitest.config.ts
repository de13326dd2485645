import { defineConfig } from 'vitest/config';

// One project a layer, so that `vitest run --project unit` is fast and says what it is.
const project = (name: string, extra: object = {}) => ({
  test: { name, include: [`test/${name}/**/*.test.ts`], ...extra },
});

export default defineConfig({
  test: {
    projects: [
      project('unit'),
      project('conformance', { testTimeout: 120_000, hookTimeout: 120_000 }),
      // One guest at a time: each keeps a core busy.
      project('kernel', { testTimeout: 600_000, hookTimeout: 600_000, fileParallelism: false }),
    ],
  },
});
