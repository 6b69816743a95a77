/** A KV namespace, as far as transforms use it: many keys in one call, which counts once against the limits of the platform. */
export interface KvTable {
  /** At most 100 keys. A key that is not there has null. */
  readonly get: (keys: string[], type: 'text') => Promise<ReadonlyMap<string, string | null>>
}

/**
 * Finds the KV namespace that wrangler.toml binds to a name.
 *
 * @param name of the binding, e.g. `PROFILES`
 * @returns the namespace; rejects with an Error that says what to add where there is none
 */
export async function boundTable(name: string): Promise<KvTable> {
  const { env } = (await import('cloudflare:workers')) as unknown as { readonly env: Readonly<Record<string, unknown>> }
  const found = env[name]
  if (typeof (found as Partial<KvTable> | undefined)?.get === 'function') return found as KvTable
  throw new Error(
    `There is no KV namespace ${name}: add [[kv_namespaces]] with binding = "${name}" and its id to wrangler.toml`,
  )
}
