import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import * as v from 'valibot'
import { reasonOf, SluicewayError } from '../../src/core/errors.ts'

/** A secret as text, or where it is found when the bridge starts. */
const secret = v.union([
  v.pipe(v.string(), v.minLength(1)),
  v.strictObject({ env: v.pipe(v.string(), v.minLength(1)) }),
  v.strictObject({ file: v.pipe(v.string(), v.minLength(1)) }),
])

const bytes = (fallback: number) => v.optional(v.pipe(v.number(), v.integer(), v.minValue(1_024)), fallback)
const milliseconds = (fallback: number, least = 100) =>
  v.optional(v.pipe(v.number(), v.integer(), v.minValue(least), v.maxValue(3_600_000)), fallback)
/** Names of topics or groups; one that ends with `*` stands for all that begin so. */
const names = v.optional(
  v.array(v.pipe(v.string(), v.regex(/^[\w.-]*\*?$/, 'is letters, digits, . _ - and perhaps * at the end'))),
  [],
)

const scopes = {
  read: names,
  write: names,
  groups: v.optional(names, ['*']),
  /** May make topics. */
  admin: v.optional(v.boolean(), false),
}

const schema = v.strictObject({
  listen: v.optional(
    v.strictObject({
      host: v.optional(v.string(), '127.0.0.1'),
      port: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(65_535)), 8082),
      tls: v.optional(v.strictObject({ cert: v.string(), key: v.string() })),
    }),
    {},
  ),
  kafka: v.strictObject({
    brokers: v.pipe(
      v.array(v.pipe(v.string(), v.regex(/^(\[[\da-fA-F:.]+\]|[^\s:/]+):\d{1,5}$/, 'is host:port'))),
      v.minLength(1),
    ),
    clientId: v.optional(v.pipe(v.string(), v.minLength(1)), 'sluiceway-bridge'),
    tls: v.optional(
      v.union([
        v.boolean(),
        v.strictObject({
          ca: v.optional(v.string()),
          cert: v.optional(v.string()),
          key: v.optional(v.string()),
          passphrase: v.optional(secret),
        }),
      ]),
      false,
    ),
    sasl: v.optional(
      v.strictObject({
        mechanism: v.picklist(['plain', 'scram-sha-256', 'scram-sha-512']),
        username: v.pipe(v.string(), v.minLength(1)),
        password: secret,
      }),
    ),
    compression: v.optional(v.picklist(['none', 'gzip', 'snappy', 'lz4', 'zstd']), 'none'),
    isolation: v.optional(v.picklist(['read_uncommitted', 'read_committed']), 'read_uncommitted'),
  }),
  users: v.optional(
    v.array(
      v.strictObject({ name: v.pipe(v.string(), v.regex(/^[^:]+$/, 'has no colon')), password: secret, ...scopes }),
    ),
    [],
  ),
  tokens: v.optional(
    v.array(v.strictObject({ name: v.pipe(v.string(), v.minLength(1)), token: secret, ...scopes })),
    [],
  ),
  limits: v.optional(
    v.strictObject({
      /** Of one request. */
      bodyBytes: bytes(10 * 1_048_576),
      /** Of all requests that are not answered yet. */
      bufferBytes: bytes(64 * 1_048_576),
      /** Of keys and values in one answer. */
      fetchBytes: bytes(4 * 1_048_576),
      /** Longest wait of a consume or a fetch. */
      pollMs: milliseconds(30_000),
      /** How long a record is tried. */
      deliveryMs: milliseconds(30_000, 1_000),
      /** How long one request to a broker may take. */
      requestMs: milliseconds(10_000, 500),
      instances: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1)), 1_000),
      /** How long a shutdown may take. */
      shutdownMs: milliseconds(35_000),
    }),
    {},
  ),
  log: v.optional(v.picklist(['error', 'warn', 'info', 'debug']), 'info'),
})

type Raw = v.InferOutput<typeof schema>
type Principal<T> = Omit<T, 'password' | 'token'> & { readonly secret: string }

/** What the bridge was told, complete and with its secrets and files read. */
export interface BridgeConfig {
  readonly listen: {
    readonly host: string
    readonly port: number
    /** PEM texts. */
    readonly tls: { readonly cert: string; readonly key: string } | undefined
  }
  readonly kafka: Omit<Raw['kafka'], 'tls' | 'sasl'> & {
    readonly tls: BrokerTls | undefined
    readonly sasl: { readonly mechanism: string; readonly username: string; readonly password: string } | undefined
  }
  readonly users: readonly Principal<Raw['users'][number]>[]
  readonly tokens: readonly Principal<Raw['tokens'][number]>[]
  readonly limits: Raw['limits']
  readonly log: Raw['log']
}

/** TLS to the brokers, as Node takes it. */
export interface BrokerTls {
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
  readonly passphrase?: string
}

interface ConfigWorld {
  readonly env: Readonly<Record<string, string | undefined>>
  /** Where relative paths of files start. */
  readonly folder: string
}

const wrong = (message: string) => new SluicewayError('config_invalid', message)

/**
 * Reads a config file of the bridge.
 *
 * @param path of a JSON file; the files that it names are relative to it
 * @param env where secrets of the form `{"env": "NAME"}` are found
 * @returns the config
 * @throws {SluicewayError} config_invalid, naming every field that is wrong
 */
export function readConfig(path: string, env: ConfigWorld['env']): BridgeConfig {
  let parsed: unknown
  try {
    parsed = JSON.parse(readFileSync(path, 'utf8'))
  } catch (thrown) {
    throw wrong(`${path} cannot be read as JSON: ${reasonOf(thrown)}`)
  }
  return parseConfig(parsed, { env, folder: dirname(resolve(path)) })
}

/**
 * Checks a config, fills in defaults, and reads the secrets and files that it names.
 *
 * @param input as JSON gives it
 * @param world where secrets and files are found
 * @returns the config
 * @throws {SluicewayError} config_invalid, naming every field that is wrong
 */
export function parseConfig(input: unknown, world: ConfigWorld): BridgeConfig {
  const parsed = v.safeParse(schema, input)
  if (!parsed.success)
    throw wrong(
      `The bridge's config is wrong:\n${parsed.issues.map((issue) => `  ${v.getDotPath(issue) ?? 'config'}: ${issue.message}`).join('\n')}`,
    )
  const { listen, kafka, users, tokens, limits, log } = parsed.output
  if (users.length + tokens.length === 0)
    throw wrong(
      'The bridge has no users and no tokens: nobody could call it. Add one with its topics to "users" or "tokens".',
    )
  for (const all of [users, tokens]) {
    const twice = all.find(({ name }, i) => all.findIndex((other) => other.name === name) !== i)
    if (twice !== undefined) throw wrong(`The name "${twice.name}" is there twice`)
  }
  const file = (path: string, what: string) => readNamed(world, path, what)
  return {
    listen: {
      ...listen,
      tls:
        listen.tls === undefined
          ? undefined
          : { cert: file(listen.tls.cert, 'listen.tls.cert'), key: file(listen.tls.key, 'listen.tls.key') },
    },
    kafka: {
      ...kafka,
      tls: tlsOf(kafka.tls, world),
      sasl:
        kafka.sasl === undefined
          ? undefined
          : {
              mechanism: kafka.sasl.mechanism.toUpperCase(),
              username: kafka.sasl.username,
              password: secretOf(kafka.sasl.password, 'kafka.sasl.password', world),
            },
    },
    users: users.map(({ password, ...user }, i) => ({
      ...user,
      secret: secretOf(password, `users.${i}.password`, world),
    })),
    tokens: tokens.map(({ token, ...one }, i) => ({ ...one, secret: secretOf(token, `tokens.${i}.token`, world) })),
    limits,
    log,
  }
}

function tlsOf(tls: Raw['kafka']['tls'], world: ConfigWorld): BrokerTls | undefined {
  if (tls === false) return undefined
  if (tls === true) return {}
  if ((tls.cert === undefined) !== (tls.key === undefined))
    throw wrong('kafka.tls: cert and key are a pair; give both for mTLS, or neither')
  const { ca, cert, key, passphrase } = tls
  return {
    ...(ca === undefined ? {} : { ca: readNamed(world, ca, 'kafka.tls.ca') }),
    ...(cert === undefined ? {} : { cert: readNamed(world, cert, 'kafka.tls.cert') }),
    ...(key === undefined ? {} : { key: readNamed(world, key, 'kafka.tls.key') }),
    ...(passphrase === undefined ? {} : { passphrase: secretOf(passphrase, 'kafka.tls.passphrase', world) }),
  }
}

function secretOf(value: v.InferOutput<typeof secret>, what: string, world: ConfigWorld): string {
  if (typeof value === 'string') return value
  if ('file' in value) {
    const text = readNamed(world, value.file, what).replace(/\r?\n$/, '')
    if (text === '') throw wrong(`${what}: the file ${value.file} is empty`)
    return text
  }
  const text = world.env[value.env]
  if (text === undefined || text === '') throw wrong(`${what}: the variable ${value.env} is not set`)
  return text
}

function readNamed({ folder }: ConfigWorld, path: string, what: string): string {
  try {
    return readFileSync(resolve(folder, path), 'utf8')
  } catch (thrown) {
    throw wrong(`${what}: ${path} cannot be read: ${(thrown as NodeJS.ErrnoException).code ?? reasonOf(thrown)}`)
  }
}
