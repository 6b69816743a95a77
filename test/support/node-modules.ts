import { builtinModules } from 'node:module'
import type { Plugin } from 'esbuild'

/** Lets packages that ask for modules of Node by `require` and without `node:` have them, as wrangler does. */
export const nodeModules: Plugin = {
  name: 'node-modules',
  setup(bundler) {
    const known = new RegExp(`^(?:${builtinModules.filter((name) => !name.startsWith('_')).join('|')})$`)
    bundler.onResolve({ filter: known }, ({ path, kind }) =>
      kind === 'require-call' ? { path, namespace: 'node-module' } : { path: `node:${path}`, external: true },
    )
    bundler.onLoad({ filter: /./, namespace: 'node-module' }, ({ path }) => ({
      contents: `import all from 'node:${path}'; module.exports = all`,
      resolveDir: process.cwd(),
    }))
  },
}
