import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'
import { publicNames } from './scripts/public-names.ts'

// Else Node would load what users import a second time, beside what tests import by its path.
const alias = [...publicNames(import.meta.dirname)].map(([name, replacement]) => ({
  find: new RegExp(`^${name}$`),
  replacement,
}))

/** Tests of the built bundle that share a machine: they measure nothing, and listen where there is room. */
const besideOthers = [
  'broken-warehouse',
  'config-check',
  'every-stream',
  'fuzz',
  'lake',
  'layout',
  'library',
  'not-found',
  'own-files',
  'refusals',
  'sdk-retries',
  'sdks',
  'spec',
  'stacks',
  'state-fixture',
  'state-topics',
  'switch',
  'time-travel',
  'walk-through',
  'wire',
].map((name) => `test/e2e/${name}.test.ts`)

export default defineConfig({
  resolve: { alias },
  test: {
    // On two cores vitest would take one, and the other would wait.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    // CommonJS, as is the library behind it.
    server: { deps: { external: [/src\/library\/core\.cjs$/] } },
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
        // The built bundle, served as `npm start` serves it.
        extends: true,
        test: { name: 'e2e-beside', include: besideOthers, testTimeout: 180_000, hookTimeout: 180_000 },
      },
      {
        // The same, one file at a time: they kill under load, measure, or listen on a port that the documents name.
        extends: true,
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts', 'test/start/start.test.ts'],
          exclude: besideOthers,
          testTimeout: 180_000,
          hookTimeout: 180_000,
          fileParallelism: false,
        },
      },
    ],
  },
})
