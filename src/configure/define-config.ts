import type { Config, ConfigOf, Vars } from '../core/config.ts'
import { SluicewayError } from '../core/errors.ts'

/**
 * Declares what a deployment does: the one default export of `src/config.ts`.
 *
 * Evaluated once per isolate with the deployment's `env`; every mistake in it is listed in one `config_invalid` error by
 * `resolveConfig`.
 *
 * @param make gives the config for an `env`; secrets come from there
 * @returns the same function, with destination names checked by the compiler
 */
export const defineConfig =
  <const D extends string, const W extends string>(make: (env: Vars) => Config<D, W>): ConfigOf =>
  (env) => {
    if (typeof make !== 'function')
      throw new SluicewayError('config_invalid', 'defineConfig takes a function of env: defineConfig((env) => ({ … }))')
    return make(env) as unknown as Config
  }
