import { cloudflareTest } from '@cloudflare/vitest-plugin'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    projects: [
      {
        // Pure code and real servers, in Node.
        test: {
          name: 'pure',
          include: ['test/**/*.test.ts'],
          exclude: ['test/e2e/**', 'test/workerd/**', 'test/start/start.test.ts'],
          testTimeout: 20_000,
          hookTimeout: 60_000,
        },
      },
      {
        // What touches the platform, inside workerd.
        plugins: [
          cloudflareTest({
            main: './src/index.ts',
            wrangler: { configPath: './wrangler.toml' },
            miniflare: {
              bindings: {
                LOCAL: '1',
                DEMO: '1',
                WRITE_KEY: 'writeKeyOfTheTests',
                ADMIN_TOKEN: 'adminTokenOfTheTests',
                WEBHOOK_SECRET: 'whsec_c2VjcmV0IG9mIHRoZSB0ZXN0cywgMzIgYnl0ZXM=',
                SINK_URL: 'http://sink.test/',
              },
            },
          }),
        ],
        test: { name: 'workerd', include: ['test/workerd/**/*.test.ts'], testTimeout: 30_000, hookTimeout: 60_000 },
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
