import { defineConfig } from 'vitest/config'
import { publicNames } from './scripts/public-names.ts'

// Else Node would load what users import a second time, beside what tests import by its path.
const alias = [...publicNames(import.meta.dirname)].map(([name, replacement]) => ({
  find: new RegExp(`^${name}$`),
  replacement,
}))

export default defineConfig({
  resolve: { alias },
  test: {
    projects: [
      {
        // Pure code in Node; streams, lanes and warehouses against real workerd and a real PostgreSQL.
        extends: true,
        test: {
          name: 'pure',
          // Beside transforms, too; cases in JSON are read by test/transforms/beside.test.ts.
          include: ['test/**/*.test.ts', 'transforms/**/*.test.{ts,js,mjs}'],
          exclude: ['test/e2e/**', 'test/start/start.test.ts'],
          // Against what hangs: a busy machine takes three times as long as an idle one.
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
      {
        // The built bundle, served as `npm start` serves it. One file at a time: they listen, kill and measure.
        extends: true,
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
