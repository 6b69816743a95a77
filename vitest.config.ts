import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    projects: [
      {
        // Pure code in Node; streams, lanes and warehouses against real workerd and a real PostgreSQL.
        test: {
          name: 'pure',
          include: ['test/**/*.test.ts'],
          exclude: ['test/e2e/**', 'test/start/start.test.ts'],
          testTimeout: 20_000,
          hookTimeout: 60_000,
        },
      },
      {
        // The built bundle, served as `npm start` serves it. One file at a time: they listen, kill and measure.
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts', 'test/start/start.test.ts'],
          testTimeout: 180_000,
          hookTimeout: 180_000,
          fileParallelism: false,
        },
      },
    ],
  },
})
