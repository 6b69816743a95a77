import type { ResolvedConfig } from './resolved-config.ts'
import { sameSecret } from './secret.ts'

/** Who has `admin.token`, which has no name of its own. */
const unnamed = 'admin'

/**
 * Says who calls, by the token that was given.
 *
 * @param given what a request brought
 * @param resolved the tokens of the config
 * @returns the name of the token under `admin.tokens`, `admin` for `admin.token`; undefined when it is none of them
 */
export async function adminNameOf(
  given: string,
  { adminToken, adminTokens = new Map() }: Pick<ResolvedConfig, 'adminToken' | 'adminTokens'>,
): Promise<string | undefined> {
  let name = (await sameSecret(given, adminToken)) ? unnamed : undefined
  // All are compared, so that the time tells nothing.
  for (const [one, token] of adminTokens) if (await sameSecret(given, token)) name = one
  return name
}
