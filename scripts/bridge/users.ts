import { hash, randomBytes, timingSafeEqual } from 'node:crypto'
import type { BridgeConfig } from './config.ts'
import { BridgeError } from './errors.ts'

/** Who calls, and what they may do. */
export interface Caller {
  readonly name: string
  readonly mayRead: (topic: string) => boolean
  readonly mayWrite: (topic: string) => boolean
  readonly mayJoin: (group: string) => boolean
  /** Whether they may make topics. */
  readonly isAdmin: boolean
}

interface Known {
  /** Of the whole credential, so that its comparison takes the same time whatever differs. */
  readonly digest: Buffer
  readonly caller: Caller
}

/** Unknown to callers, so that nobody can choose a digest. */
const salt = randomBytes(32).toString('hex')
const digestOf = (credential: string): Buffer => hash('sha256', salt + credential, 'buffer')

const matches = (patterns: readonly string[]) => (name: string) =>
  patterns.some((pattern) => (pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern))

/** Knows the users and tokens of a config. */
export class Users {
  readonly #known: readonly Known[]

  constructor({ users, tokens }: Pick<BridgeConfig, 'users' | 'tokens'>) {
    const callerOf = ({ name, read, write, groups, admin }: BridgeConfig['users'][number]): Caller => ({
      name,
      mayRead: matches(read),
      mayWrite: matches(write),
      mayJoin: matches(groups),
      isAdmin: admin,
    })
    this.#known = [
      ...users.map((user) => ({ digest: digestOf(`basic ${user.name}:${user.secret}`), caller: callerOf(user) })),
      ...tokens.map((token) => ({ digest: digestOf(`bearer ${token.secret}`), caller: callerOf(token) })),
    ]
  }

  /**
   * Finds out who calls, by basic auth or a bearer token.
   *
   * @param header the value of `Authorization`
   * @returns the caller
   * @throws BridgeError 401 when it is nobody that the config names
   */
  callerOf(header: string | undefined): Caller {
    const [scheme = '', value = ''] = (header ?? '').split(/ +/, 2)
    const credential =
      scheme.toLowerCase() === 'basic'
        ? `basic ${Buffer.from(value, 'base64').toString('utf8')}`
        : `bearer ${scheme.toLowerCase() === 'bearer' ? value : ''}`
    const digest = digestOf(credential)
    let found: Known | undefined
    // Every one is compared, so that the time tells nothing of how many there are before it.
    for (const known of this.#known) if (timingSafeEqual(known.digest, digest)) found = known
    if (found !== undefined) return found.caller
    throw new BridgeError(
      401,
      header === undefined
        ? 'Unauthorized: send the name and password of a user of the bridge (basic auth), or one of its tokens (bearer)'
        : 'Unauthorized: the bridge knows no such user with this password, and no such token',
    )
  }
}
