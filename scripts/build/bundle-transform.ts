import { join } from 'node:path'
import type { build as esbuild, BuildOptions } from 'esbuild'
import type { Positions } from '../../src/core/positions.ts'
import { libraries } from './libraries.ts'
import { filePositions, type SourceMap } from './positions.ts'

/** Where transforms are, and where they are built. */
export interface BundlePlace {
  readonly root: string
  readonly home: string
  readonly from: string
  readonly to: string
  readonly build: typeof esbuild
}

/** What all bundles of transforms have. */
export const bundleOptions = {
  bundle: true,
  write: false,
  target: 'es2024',
  platform: 'browser',
  conditions: ['workerd', 'worker', 'browser'],
  charset: 'utf8',
  logLevel: 'silent',
} satisfies BuildOptions

/** How a module for an isolate is bundled. */
export const isolatedFormat = {
  format: 'esm',
  minifySyntax: true,
  minifyWhitespace: true,
  keepNames: true,
} satisfies BuildOptions

/** Which of the two functions a bundle exports, `transformEvent` first. */
export const functionsOf = ({ exports }: Bundle): string[] =>
  exports
    .filter((one) => one === 'transformEvent' || one === 'transformBatch')
    .toSorted()
    .toReversed()

/** A transform, or a library, with all that it imports. */
export interface Bundle {
  readonly text: string
  readonly map: SourceMap
  readonly exports: readonly string[]
  readonly positions: Positions
}

/**
 * Bundles a module for the runtime.
 *
 * @param place where it is
 * @param path of the module
 * @param options its form
 * @returns the bundle; rejects with esbuild's BuildFailure
 */
export async function bundleOf(
  { root, home, from, to, build }: BundlePlace,
  path: string,
  options: BuildOptions,
): Promise<Bundle> {
  const result = await build({
    ...bundleOptions,
    ...options,
    write: false,
    absWorkingDir: root,
    entryPoints: [path],
    outfile: join(to, 'transform.js'),
    sourcemap: 'external',
    metafile: true,
    plugins: [libraries(home, from)],
  })
  const text = result.outputFiles.find((one) => one.path.endsWith('.js'))?.text ?? ''
  const map = JSON.parse(result.outputFiles.find((one) => one.path.endsWith('.map'))?.text ?? '{}') as SourceMap
  const exported = Object.values(result.metafile.outputs).flatMap((one) =>
    one.entryPoint === undefined ? [] : one.exports,
  )
  return { text, map, exports: exported, positions: filePositions(map, { folder: to, root, home }) }
}
