import { makeDecoder } from '../../src/avro/codec.ts'
import { parseSchema } from '../../src/avro/parse-schema.ts'
import { type NamedType, namedTypesOf } from '../../src/avro/schema.ts'

/** What registries do in another way than each other. */
export interface RegistryQuirks {
  /** The level that holds where none was set. */
  readonly level: string
  /** The `error_code` of a schema that is not compatible. */
  readonly incompatibleCode: number
  /** Whether a schema in another form is another schema. */
  readonly comparesText: boolean
  /** Whether `verbose=true` says why a schema is not compatible. */
  readonly saysWhy: boolean
  /** Whether a wrong level is answered with 500 and the code 0. */
  readonly breaksOnLevels: boolean
  /** Whether schemas have GUIDs. */
  readonly hasGuids: boolean
  /** The path before all others. */
  readonly base: string
}

/** Apicurio 3.0.9, as recorded in `test/registry/fixtures/apicurio-3.0.9.jsonl`. */
export const apicurio: RegistryQuirks = {
  level: 'NONE',
  incompatibleCode: 409,
  comparesText: true,
  saysWhy: false,
  breaksOnLevels: true,
  hasGuids: false,
  base: '/apis/ccompat/v7',
}

/** Confluent's own registry, as its documentation and source have it. */
export const confluent: RegistryQuirks = {
  level: 'BACKWARD',
  incompatibleCode: 40901,
  comparesText: false,
  saysWhy: true,
  breaksOnLevels: false,
  hasGuids: true,
  base: '',
}

interface Stored {
  readonly schema: string
  readonly schemaType: string
  readonly references: readonly { name: string; subject: string; version: number }[]
}

interface Version extends Stored {
  readonly version: number
  readonly id: number
}

const levels = new Set([
  'BACKWARD',
  'BACKWARD_TRANSITIVE',
  'FORWARD',
  'FORWARD_TRANSITIVE',
  'FULL',
  'FULL_TRANSITIVE',
  'NONE',
])

class Refusal extends Error {
  readonly status: number
  readonly code: number
  constructor(status: number, code: number, message: string) {
    super(message)
    this.status = status
    this.code = code
  }
}

/** A schema registry in memory, with the quirks of a product. */
export class FakeRegistry {
  readonly #quirks: RegistryQuirks
  readonly #ids = new Map<number, Stored>()
  readonly #subjects = new Map<string, Version[]>()
  readonly #deleted = new Map<string, Version[]>()
  readonly #levels = new Map<string, string>()
  readonly #names: string[] = []
  #level: string
  /** All requests, in their order. */
  readonly requests: { method: string; path: string; authorization: string | null; body: string }[] = []
  /** Answers instead of the registry when it gives something. */
  intercept: (request: Request) => Response | Promise<Response> | undefined = () => undefined

  constructor(quirks: RegistryQuirks) {
    this.#quirks = quirks
    this.#level = quirks.level
  }

  /** The `fetch` of a port. */
  readonly fetch = async (request: Request): Promise<Response> => {
    const url = new URL(request.url)
    const body = await request.clone().text()
    this.requests.push({
      method: request.method,
      path: url.pathname + url.search,
      authorization: request.headers.get('authorization'),
      body,
    })
    return (await this.intercept(request)) ?? this.answer(request.method, url.pathname + url.search, body)
  }

  /** Answers one call. */
  answer(method: string, target: string, body: string): Response {
    const { pathname, searchParams } = new URL(target, 'http://registry')
    try {
      if (!pathname.startsWith(`${this.#quirks.base}/`)) return new Response(null, { status: 404 })
      const path = pathname
        .slice(this.#quirks.base.length + 1)
        .split('/')
        .map(decodeURIComponent)
      const json = body === '' ? {} : (JSON.parse(body) as Record<string, unknown>)
      return Response.json(this.#route(`${method} ${path[0]}`, path.slice(1), json, searchParams))
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      if (error.code === -1) return new Response(null, { status: error.status })
      return Response.json({ message: error.message, error_code: error.code }, { status: error.status })
    }
  }

  #route(call: string, path: readonly string[], json: Record<string, unknown>, query: URLSearchParams): unknown {
    const [first = '', second, third = '', fourth = ''] = path
    switch (call) {
      case 'GET subjects':
        // Apicurio lists what is deleted as well (recorded).
        if (first === '') return this.#names.filter((name) => this.#subjects.has(name) || this.#quirks.comparesText)
        if (third === '') return this.#versionsOf(first).map(({ version }) => version)
        return { subject: first, ...this.#versionOf(first, third) }
      case 'POST subjects':
        return second === 'versions' ? { id: this.#register(first, json) } : this.#lookUp(first, json)
      case 'DELETE subjects':
        return this.#delete(first, query.get('permanent') === 'true')
      case 'GET schemas':
        return this.#schemas(first, second ?? '', third)
      case 'POST compatibility': {
        const version = this.#versionOf(second ?? '', fourth)
        const problem = this.#problemOf(second ?? '', json, [version])
        return {
          is_compatible: problem === undefined,
          ...(this.#quirks.saysWhy ? { messages: problem === undefined ? [] : [problem] } : {}),
        }
      }
      case 'GET config':
        // Apicurio gives a subject the level of all.
        if (first !== '' && !this.#levels.has(first) && !(this.#quirks.breaksOnLevels && this.#subjects.has(first)))
          throw this.#missing(40408, first)
        return { compatibilityLevel: this.#levels.get(first) ?? this.#level }
      case 'PUT config':
        return this.#setLevel(first, String(json['compatibility']))
      case 'DELETE config':
        this.#levels.delete(first)
        return { compatibilityLevel: this.#level }
      default:
        throw new Refusal(404, -1, '')
    }
  }

  #schemas(kind: string, key: string, more: string): unknown {
    if (kind === 'types') return ['JSON', 'PROTOBUF', 'AVRO']
    if (kind === 'guids') {
      const stored = this.#quirks.hasGuids ? this.#ids.get(Number.parseInt(key.slice(-12), 16)) : undefined
      if (stored === undefined) throw new Refusal(404, this.#quirks.hasGuids ? 40403 : -1, 'Schema not found')
      return stored
    }
    const stored = this.#ids.get(Number(key))
    if (stored === undefined) throw new Refusal(404, 40403, `No content with ID '${key}' was found.`)
    if (more !== 'versions') return stored
    return [...this.#subjects].flatMap(([subject, versions]) =>
      versions.filter(({ id }) => id === Number(key)).map(({ version }) => ({ subject, version })),
    )
  }

  #register(subject: string, json: Record<string, unknown>): number {
    const stored = this.#storedOf(json)
    const versions = this.#subjects.get(subject) ?? []
    const same = versions.find((one) => this.#isSame(one, stored))
    if (same !== undefined) return same.id
    const level = this.#levels.get(subject) ?? this.#level
    if (level !== 'NONE') {
      const others = level.endsWith('TRANSITIVE') ? versions : versions.slice(-1)
      const problem = this.#problemOf(subject, json, others)
      if (problem !== undefined) throw new Refusal(409, this.#quirks.incompatibleCode, problem)
    }
    const known = [...this.#ids].find(([, one]) => this.#isSame(one, stored))?.[0]
    const id = known ?? this.#ids.size * 2 + 1
    this.#ids.set(id, stored)
    if (!this.#names.includes(subject)) this.#names.push(subject)
    const last = Math.max(
      0,
      ...versions.map(({ version }) => version),
      ...(this.#deleted.get(subject) ?? []).map(({ version }) => version),
    )
    this.#subjects.set(subject, [...versions, { ...stored, id, version: last + 1 }])
    return id
  }

  #lookUp(subject: string, json: Record<string, unknown>): unknown {
    const stored = this.#storedOf(json)
    const found = this.#versionsOf(subject).find((one) => this.#isSame(one, stored))
    if (found === undefined)
      throw new Refusal(404, 40403, `The given schema does not match any schema under the subject ${subject}`)
    const { schemaType, ...rest } = found
    return { subject, ...rest, ...(schemaType === 'AVRO' ? {} : { schemaType }) }
  }

  #delete(subject: string, isPermanent: boolean): readonly number[] {
    const versions = this.#subjects.get(subject)
    if (isPermanent) {
      if (versions !== undefined || !this.#deleted.has(subject))
        throw new Refusal(409, 40405, `Subject ${subject} must be soft deleted first`)
    } else if (versions === undefined) throw this.#missing(40401, subject)
    // Apicurio refuses the second step also after the first (recorded); Confluent does not.
    if (isPermanent && this.#quirks.comparesText)
      throw new Refusal(409, 40405, `Subject ${subject} must be soft deleted first`)
    this.#subjects.delete(subject)
    if (isPermanent) this.#deleted.delete(subject)
    else this.#deleted.set(subject, versions ?? [])
    return (versions ?? []).map(({ version }) => version)
  }

  #setLevel(subject: string, level: string): unknown {
    if (!levels.has(level))
      throw this.#quirks.breaksOnLevels
        ? new Refusal(500, 0, `Illegal compatibility level: ${level}`)
        : new Refusal(422, 42203, 'Invalid compatibility level')
    if (subject === '') this.#level = level
    else this.#levels.set(subject, level)
    return { [this.#quirks.breaksOnLevels ? 'compatibilityLevel' : 'compatibility']: level }
  }

  #storedOf({ schema, schemaType = 'AVRO', references = [] }: Record<string, unknown>): Stored {
    if (typeof schema !== 'string')
      throw new Refusal(this.#quirks.breaksOnLevels ? 500 : 422, this.#quirks.breaksOnLevels ? 0 : 42201, 'no schema')
    const stored = { schema, schemaType: String(schemaType), references: references as Stored['references'] }
    // Apicurio takes Avro for what it is, whatever it is said to be.
    if (this.#quirks.breaksOnLevels) stored.schemaType = 'AVRO'
    if (stored.schemaType !== 'AVRO') return stored
    try {
      this.#parse(stored)
    } catch {
      throw new Refusal(422, 42201, 'Failed to discover artifact type from content.')
    }
    return stored
  }

  #parse({ schema, references }: Stored) {
    const known = new Map<string, NamedType>()
    for (const { subject, version } of references)
      for (const [name, type] of namedTypesOf(this.#parse(this.#versionOf(subject, `${version}`))))
        known.set(name, type)
    return parseSchema(schema, known)
  }

  #isSame(one: Stored, other: Stored): boolean {
    if (this.#quirks.comparesText) return one.schema === other.schema
    return (
      one.schemaType === other.schemaType &&
      JSON.stringify(JSON.parse(one.schema)) === JSON.stringify(JSON.parse(other.schema))
    )
  }

  #problemOf(subject: string, json: Record<string, unknown>, others: readonly Version[]): string | undefined {
    const next = this.#parse(this.#storedOf(json))
    const level = this.#levels.get(subject) ?? this.#level
    try {
      for (const other of others) {
        const before = this.#parse(other)
        if (!level.startsWith('FORWARD')) makeDecoder(before, { reader: next })
        if (/^F(ORWARD|ULL)/.test(level)) makeDecoder(next, { reader: before })
      }
      return undefined
    } catch (error) {
      return `Incompatible artifact: ${subject} [AVRO]: ${(error as Error).message}`
    }
  }

  #versionsOf(subject: string): Version[] {
    const versions = this.#subjects.get(subject)
    if (versions === undefined) throw this.#missing(40401, subject)
    return versions
  }

  #versionOf(subject: string, version: string): Version {
    const versions = this.#versionsOf(subject)
    const found = version === 'latest' ? versions.at(-1) : versions.find((one) => `${one.version}` === version)
    if (found === undefined)
      throw new Refusal(404, 40402, `No version '${version}' found for artifact with ID '${subject}' in group 'null'.`)
    return found
  }

  #missing(code: number, subject: string): Refusal {
    return new Refusal(
      404,
      this.#quirks.breaksOnLevels ? 40401 : code,
      `No artifact with ID '${subject}' in group 'null' was found.`,
    )
  }
}
