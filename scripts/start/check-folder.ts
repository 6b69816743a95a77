import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { SluicewayError } from '../../src/core/errors.ts'

interface Options {
  /** The user's folder. */
  readonly root: string
  /** Our package, whose template has all that this version needs. */
  readonly home: string
}

/** What is compared, of what wrangler reads. */
interface Bound {
  readonly durable_objects: { readonly bindings: readonly { readonly name: string; readonly class_name: string }[] }
  readonly exports?: Readonly<Record<string, unknown>>
  readonly r2_buckets: readonly { readonly binding: string }[]
}

/**
 * Checks that a folder's wrangler.toml has the Durable Objects and the bucket that this version needs: an upgrade may bring
 * new ones, and wrangler would not miss them.
 *
 * @param options the folder, and what it is compared with
 * @throws {SluicewayError} config_invalid with what to add
 */
export async function checkFolder({ root, home }: Options): Promise<void> {
  const file = join(root, 'wrangler.toml')
  if (!existsSync(file))
    throw new SluicewayError('config_invalid', `There is no wrangler.toml in ${root}; "npx sluiceway init" makes one`)
  const { unstable_readConfig } = await import('wrangler')
  const partsOf = (path: string): string[] => {
    const config = unstable_readConfig({ config: path }, { hideWarnings: true }) as unknown as Bound
    return [
      ...config.durable_objects.bindings.map((one) => `[[durable_objects.bindings]] ${one.name} = ${one.class_name}`),
      ...Object.keys(config.exports ?? {}).map((name) => `[exports.${name}]`),
      ...config.r2_buckets.map(({ binding }) => `[[r2_buckets]] ${binding}`),
    ]
  }
  const found = new Set(partsOf(file))
  const missing = partsOf(join(home, 'template/wrangler.toml')).filter((part) => !found.has(part))
  if (missing.length === 0) return
  throw new SluicewayError(
    'config_invalid',
    [
      'wrangler.toml lacks what this version needs; copy it from node_modules/sluiceway/template/wrangler.toml:',
      ...missing.map((part) => `- ${part}`),
    ].join('\n'),
  )
}
