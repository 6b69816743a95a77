import { sameSecret } from '../core/secret.ts'
import { KafkaError } from './kafka-error.ts'

/** Who may use topics over HTTP. A name of a topic or a group may end in `*`, which stands for anything. */
export interface KafkaUser {
  /** Sent with Basic auth; secrets belong in `env`. */
  readonly password: string | undefined
  /** Topics that the user may read; none when left out. */
  readonly read?: readonly string[]
  /** Topics that the user may produce to; none when left out. Nobody may produce to `events`. */
  readonly write?: readonly string[]
  /** Consumer groups that the user may use; all when left out. */
  readonly groups?: readonly string[]
}

/** A user who has shown the password. */
export interface Login {
  readonly name: string
  readonly user: KafkaUser
}

const decoder = new TextDecoder()

/**
 * Finds the user of a request. It takes the same time whether there is no such user or the password is wrong.
 *
 * @param request with Basic auth
 * @param users by their names
 * @throws {KafkaError} 401
 */
export async function loginOf(request: Request, users: Readonly<Record<string, KafkaUser>>): Promise<Login> {
  const given = /^basic\s+([\w+/=-]+)\s*$/i.exec(request.headers.get('authorization') ?? '')?.[1]
  const [name, password] = given === undefined ? ['', ''] : credentialsOf(given)
  const user = Object.hasOwn(users, name) ? users[name] : undefined
  const isSame = await sameSecret(password, user?.password ?? '\u0000')
  if (user === undefined || user.password === undefined || !isSame)
    throw new KafkaError(401, 'Unauthorized: send the name and the password of a user of the config with Basic auth')
  return { name, user }
}

function credentialsOf(base64: string): [name: string, password: string] {
  try {
    const text = decoder.decode(Uint8Array.from(atob(base64), (char) => char.charCodeAt(0)))
    const colon = text.indexOf(':')
    return colon < 0 ? ['', ''] : [text.slice(0, colon), text.slice(colon + 1)]
  } catch {
    return ['', '']
  }
}

/**
 * Says whether a list of names, of which some may end in `*`, has a name.
 *
 * @example matchesName(['shop-*'], 'shop-orders') // true
 */
export const matchesName = (patterns: readonly string[] | undefined, name: string): boolean =>
  patterns?.some((pattern) => (pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : pattern === name)) ===
  true

/**
 * Refuses what a user may not do.
 *
 * @param login who asks
 * @param what is to be done with the topic
 * @param topic its name
 * @throws {KafkaError} 403
 */
export function assertAllowed({ name, user }: Login, what: 'read' | 'write', topic: string): void {
  if (!matchesName(user[what], topic))
    throw new KafkaError(403, `The user ${name} may not ${what} the topic ${topic}: add it to "${what}" in the config`)
}

/**
 * Refuses a group that a user may not use.
 *
 * @param login who asks
 * @param group its name
 * @throws {KafkaError} 403
 */
export function assertGroupAllowed({ name, user }: Login, group: string): void {
  if (user.groups !== undefined && !matchesName(user.groups, group))
    throw new KafkaError(403, `The user ${name} may not use the group ${group}: add it to "groups" in the config`)
}
