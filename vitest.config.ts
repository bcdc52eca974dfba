import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Nothing is judged by how long it takes: these only end what hangs, on whatever machine.
    testTimeout: 180_000,
    hookTimeout: 180_000,
    expect: { poll: { timeout: 60_000 } },
    pool: 'forks',
    // Many tests wait (for serial lines, servers, processes that are killed): one more than cores is faster.
    maxWorkers: 3,
  },
})
