import { build } from 'esbuild'
import { statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

const library = createRequire(import.meta.resolve('@platformatic/kafka'))

interface BridgeBuild {
  /** The folder of our package.json. */
  readonly home: string
  /** Folder that builds are kept in. */
  readonly builds: string
  readonly say: (line: string) => void
}

/**
 * Bundles the bridge into one file that needs Node and nothing else.
 *
 * @param options where, and whom to tell
 * @returns the path of the file
 */
export async function buildBridge({ home, builds, say }: BridgeBuild): Promise<string> {
  const outfile = join(builds, 'bridge.mjs')
  await build({
    entryPoints: [join(home, 'scripts/bridge.ts')],
    outfile,
    bundle: true,
    platform: 'node',
    target: 'node22',
    format: 'esm',
    legalComments: 'inline',
    logLevel: 'error',
    alias: {
      // The other one reads its WebAssembly from a file beside it.
      '@platformatic/wasm-utils': join(dirname(library.resolve('@platformatic/wasm-utils')), 'bundled.js'),
    },
    // Native code for a checksum, which is an option: the library has its own.
    external: ['@node-rs/crc32'],
    banner: {
      js: "import { createRequire as makeRequire } from 'node:module'; const require = makeRequire(import.meta.url);",
    },
  })
  say(`Built the bridge (${Math.round(statSync(outfile).size / 1_024)} KiB)`)
  return outfile
}
