import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['{shared,gateway,slave,master,cli,client,bench,test}/**/*.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // Two cores: tests that start whole clusters would starve each other if more files ran at once.
    maxWorkers: 2,
  },
});
