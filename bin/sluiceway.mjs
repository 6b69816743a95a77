#!/usr/bin/env node
// `npx sluiceway`, in a folder of a user's own. It is plain JavaScript that any Node reads, so that one that is too old is told
// so; the rest is scripts/sluiceway.ts, built when the package is packed.
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const [major, minor] = process.versions.node.split('.').map(Number)
if (major < 22 || (major === 22 && minor < 12)) {
  process.stderr.write(
    `Sluiceway needs Node 22.12 or newer; this is ${process.version}. Install one, or give this folder its own:\n  npm install --save-dev node@24\n`,
  )
  process.exit(1)
}

// npm and npx pass a signal to the shell between, which dies of it and passes nothing on.
if (process.env.npm_lifecycle_event !== undefined) {
  const parent = process.ppid
  setInterval(() => {
    if (process.ppid !== parent) process.kill(process.pid, 'SIGTERM')
  }, 200).unref()
}

const { run } = await import('../dist/cli/sluiceway.js')
await run({ home: resolve(dirname(fileURLToPath(import.meta.url)), '..'), argv: process.argv.slice(2) })
