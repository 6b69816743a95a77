import { SluicewayError } from '../core/errors.ts'
import { isRecord } from '../core/json.ts'
import { perIsolate } from '../core/per-isolate.ts'
import type { Port } from '../core/port.ts'
import { callRegistry, type RegistryCall } from './call-registry.ts'
import { RegistryCache, type SchemaReference, type SchemaText, type SubjectVersion } from './registry-cache.ts'
import { RegistryError } from './registry-error.ts'
import type { RegistrySettings } from './registry-settings.ts'

/** What schemas of a subject must be to each other. */
export const compatibilityLevels = [
  'BACKWARD',
  'BACKWARD_TRANSITIVE',
  'FORWARD',
  'FORWARD_TRANSITIVE',
  'FULL',
  'FULL_TRANSITIVE',
  'NONE',
] as const

/** One of the levels. */
export type CompatibilityLevel = (typeof compatibilityLevels)[number]

/** A schema to register or to look for. */
export interface SchemaDraft {
  /** JSON text; it is sent without white space, since some registries take another form for another schema. */
  readonly schema: string
  /** `AVRO` when left out. */
  readonly schemaType?: 'AVRO' | 'JSON' | 'PROTOBUF'
  readonly references?: readonly SchemaReference[]
}

/** Whether a schema may follow those of a subject. */
export interface Compatibility {
  readonly isCompatible: boolean
  /** Why not; some registries do not say. */
  readonly messages: readonly string[]
}

/** What an isolate knows of a registry: another registry gives the same ids to other schemas. */
const cacheOf = perIsolate<RegistrySettings, RegistryCache>(() => new RegistryCache())

/**
 * Talks to a schema registry that has Confluent's API.
 *
 * It tries each call once: its errors say whether trying again may help. What was learned is in the cache, which requests may
 * share; calls under way are shared within this client only. A Worker may not wait for another request's call: make a client for
 * each request, or one for a Durable Object, whose requests share their I/O.
 */
export class RegistryClient {
  readonly #settings: RegistrySettings
  readonly #port: Pick<Port, 'fetch' | 'now'>
  readonly #cache: RegistryCache
  readonly #underWay = new Map<string, Promise<unknown>>()

  /**
   * @param settings checked settings
   * @param port the network and the clock
   * @param cache what is known of this registry; when left out, all clients with the same settings object share one
   */
  constructor(settings: RegistrySettings, port: Pick<Port, 'fetch' | 'now'>, cache = cacheOf(settings)) {
    this.#settings = settings
    this.#port = port
    this.#cache = cache
  }

  /** What is known of the registry. */
  get cache(): RegistryCache {
    return this.#cache
  }

  /**
   * Registers a schema under a subject. The same schema again gives the same id.
   *
   * @throws {SluicewayError} registry_failed
   * @returns its id
   */
  register(subject: string, draft: SchemaDraft): Promise<number> {
    const query = this.#settings.normalize ? '?normalize=true' : ''
    return this.#idOf(draft, subject, `/subjects/${encodeURIComponent(subject)}/versions${query}`)
  }

  /**
   * Looks for a schema under a subject, without registering it.
   *
   * @throws {SluicewayError} registry_failed, with `isMissing` when the subject does not have it
   * @returns its id
   */
  lookUp(subject: string, draft: SchemaDraft): Promise<number> {
    const query = this.#settings.normalize ? '?normalize=true' : ''
    return this.#idOf(draft, subject, `/subjects/${encodeURIComponent(subject)}${query}`)
  }

  /** Gives the schema of an id; throws a `RegistryError`, with `isMissing` when there is none. */
  schemaOf(id: number): Promise<SchemaText> {
    return this.#textOf(`${id}`, `/schemas/ids/${id}`)
  }

  /** Gives the schema of a GUID, which newer registries of Confluent have. */
  schemaOfGuid(guid: string): Promise<SchemaText> {
    return this.#textOf(guid, `/schemas/guids/${encodeURIComponent(guid)}`)
  }

  /**
   * Gives a version of a subject.
   *
   * @param subject its name
   * @param version a number, or `latest`, which is remembered for `latestSeconds`
   * @throws {SluicewayError} registry_failed, with `isMissing` when there is none
   * @returns the version with its schema and id
   */
  async version(subject: string, version: number | 'latest'): Promise<SubjectVersion> {
    const { now } = this.#port
    const known = version === 'latest' ? this.#cache.latest(subject, now()) : this.#cache.version(subject, version)
    if (known !== undefined) return known
    const path = `/subjects/${encodeURIComponent(subject)}/versions/${version}`
    const found = versionIn(await this.#once({ method: 'GET', path }), path)
    const until = version === 'latest' ? now() + this.#settings.latestSeconds * 1_000 : undefined
    this.#cache.keepVersion(found, until)
    return found
  }

  /** Lists the numbers of a subject's versions. */
  async versions(subject: string): Promise<readonly number[]> {
    const path = `/subjects/${encodeURIComponent(subject)}/versions`
    return listIn(await this.#once({ method: 'GET', path }), path, 'number')
  }

  /** Lists the subjects. */
  async subjects(): Promise<readonly string[]> {
    return listIn(await this.#once({ method: 'GET', path: '/subjects' }), '/subjects', 'string')
  }

  /**
   * Asks whether a schema may follow those of a subject.
   *
   * @throws {SluicewayError} registry_failed, with `isMissing` when the subject has no such version
   * @returns the registry's answer
   */
  async check(subject: string, draft: SchemaDraft, version: number | 'latest' = 'latest'): Promise<Compatibility> {
    const path = `/compatibility/subjects/${encodeURIComponent(subject)}/versions/${version}?verbose=true`
    const answer = await this.#once({ method: 'POST', path, body: bodyOf(draft) })
    if (!isRecord(answer) || typeof answer['is_compatible'] !== 'boolean') throw unexpected(path)
    const messages: unknown = answer['messages']
    return {
      isCompatible: answer['is_compatible'],
      messages: Array.isArray(messages) ? messages.filter((one) => typeof one === 'string') : [],
    }
  }

  /**
   * Gives the level of a subject, or of all that have none of their own.
   *
   * @throws {SluicewayError} registry_failed, with `isMissing` when the subject has none of its own
   * @returns the level; a registry may know more than we do
   */
  async compatibility(subject?: string): Promise<string> {
    const path = configPath(subject)
    const answer = await this.#once({ method: 'GET', path })
    if (!isRecord(answer) || typeof answer['compatibilityLevel'] !== 'string') throw unexpected(path)
    return answer['compatibilityLevel']
  }

  /**
   * Sets the level of a subject, or of all that have none of their own.
   *
   * @throws {SluicewayError} registry_failed; bad_request for a level that is none, which Apicurio would answer with 500
   */
  async setCompatibility(level: CompatibilityLevel, subject?: string): Promise<void> {
    if (!compatibilityLevels.includes(level))
      throw new SluicewayError(
        'bad_request',
        `"${level as string}" is no level; there are: ${compatibilityLevels.join(', ')}`,
      )
    await this.#once({ method: 'PUT', path: configPath(subject), body: { compatibility: level } })
  }

  async #idOf(draft: SchemaDraft, subject: string, path: string): Promise<number> {
    const body = bodyOf(draft)
    const key = JSON.stringify(body)
    const known = this.#cache.id(subject, key)
    if (known !== undefined) return known
    const answer = await this.#once({ method: 'POST', path, body })
    const id = isRecord(answer) ? answer['id'] : undefined
    if (typeof id !== 'number' || !Number.isInteger(id)) throw unexpected(path)
    this.#cache.keepId(subject, key, id)
    this.#cache.keepText(`${id}`, {
      schema: body['schema'] as string,
      schemaType: draft.schemaType ?? 'AVRO',
      references: draft.references ?? [],
    })
    return id
  }

  async #textOf(key: string, path: string): Promise<SchemaText> {
    const known = this.#cache.text(key)
    if (known !== undefined) return known
    const text = textIn(await this.#once({ method: 'GET', path }), path)
    this.#cache.keepText(key, text)
    return text
  }

  /** Makes a call, or waits for the same one if it is under way. */
  async #once(call: RegistryCall): Promise<unknown> {
    const key = `${call.method} ${call.path} ${call.body === undefined ? '' : JSON.stringify(call.body)}`
    let answer = this.#underWay.get(key)
    if (answer === undefined) {
      answer = callRegistry(this.#settings, this.#port, call).finally(() => this.#underWay.delete(key))
      this.#underWay.set(key, answer)
    }
    return answer
  }
}

/** A schema without white space between its parts. Digits and the order of attributes stay as they are. */
export const compactSchema = (text: string): string => text.replaceAll(/("(?:[^"\\]|\\.)*")|\s+/g, '$1')

function bodyOf({ schema, schemaType, references }: SchemaDraft): Record<string, unknown> {
  const isJson = schemaType !== 'PROTOBUF'
  return {
    schema: isJson ? compactSchema(schema) : schema,
    ...(schemaType === undefined || schemaType === 'AVRO' ? {} : { schemaType }),
    ...(references === undefined || references.length === 0 ? {} : { references }),
  }
}

const configPath = (subject: string | undefined): string =>
  subject === undefined ? '/config' : `/config/${encodeURIComponent(subject)}`

function textIn(answer: unknown, path: string): SchemaText {
  if (!isRecord(answer) || typeof answer['schema'] !== 'string') throw unexpected(path)
  const { schema, schemaType, references } = answer
  return {
    schema,
    schemaType: typeof schemaType === 'string' ? schemaType : 'AVRO',
    references: Array.isArray(references) ? references.filter(isReference) : [],
  }
}

function versionIn(answer: unknown, path: string): SubjectVersion {
  const text = textIn(answer, path)
  const { id, subject, version } = answer as Record<string, unknown>
  if (typeof id !== 'number' || typeof subject !== 'string' || typeof version !== 'number') throw unexpected(path)
  return { ...text, id, subject, version }
}

const isReference = (value: unknown): value is SchemaReference =>
  isRecord(value) &&
  typeof value['name'] === 'string' &&
  typeof value['subject'] === 'string' &&
  typeof value['version'] === 'number'

function listIn<T>(answer: unknown, path: string, type: 'number' | 'string'): readonly T[] {
  if (!Array.isArray(answer) || !answer.every((one) => typeof one === type)) throw unexpected(path)
  return answer as T[]
}

const unexpected = (path: string): RegistryError =>
  new RegistryError(
    `the schema registry answered ${path} with something else than Confluent's API says: check its URL`,
    {
      status: 200,
      errorCode: 0,
      retry: false,
    },
  )
