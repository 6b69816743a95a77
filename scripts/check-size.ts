// Protects start-up time and the free plan (3 MB): the deployed bundle stays below 266 KiB gzip. A third of it is what the
// demo's config can be switched to: PostgreSQL's driver, and the parsers of user agents.
import { gzipSync } from 'node:zlib'
import { repository } from './build/repository.ts'
import { buildWorker } from './build/worker.ts'

const limit = 266 * 1024
const build = await buildWorker({ ...repository, say: console.error })
const size = build.modules.reduce((sum, { contents }) => sum + gzipSync(contents).length, 0)
console.log(`size: ${(size / 1024).toFixed(1)} KiB gzip of at most ${limit / 1024}`)
if (size > limit) {
  console.error('The bundle is too large; dist/worker/main/*/meta.json says what is in it.')
  process.exitCode = 1
}
