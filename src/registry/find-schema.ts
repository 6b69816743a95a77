import { AvroError } from '../avro/avro-error.ts'
import { parseSchema } from '../avro/parse-schema.ts'
import { type AvroType, namedTypesOf, type NamedType } from '../avro/schema.ts'
import type { SchemaRef } from '../avro/framing.ts'
import { reasonOf } from '../core/errors.ts'
import type { Verdict } from '../core/verdict.ts'
import type { SchemaReference, SchemaText } from './registry-cache.ts'
import type { RegistryClient } from './registry-client.ts'
import { RegistryError } from './registry-error.ts'

/** Schemas that one may refer to, in all, and how many of them one within the other. */
const mostReferences = 100
const deepestReference = 20

/** A schema that is wanted, as data: who encodes says so, and who may ask the registry asks. */
export type SchemaNeed =
  | { readonly kind: 'latest'; readonly subject: string }
  | { readonly kind: 'version'; readonly subject: string; readonly version: number }
  | { readonly kind: 'id'; readonly id: number }
  | {
      /** `register` makes the schema known under the subject; `lookUp` fails where it is not. */
      readonly kind: 'register' | 'lookUp'
      readonly subject: string
      readonly schema: string
      readonly references?: readonly SchemaReference[]
    }

/** A schema that was found. */
export interface FoundSchema {
  readonly id: number
  readonly type: AvroType
}

/** Names a need, so that two of the same are one. */
export const needKey = (need: SchemaNeed): string =>
  JSON.stringify(Object.entries(need).toSorted(([a], [b]) => (a < b ? -1 : 1)))

/**
 * Asks a registry for a schema that is needed. All but `latest` is asked once, and known from then on.
 *
 * @param client the registry
 * @param need what is needed
 * @throws {SluicewayError} registry_failed, a `RegistryError` with the verdict for the events that wait; avro_schema_invalid when
 *   the registry's schema is none
 * @returns its id and the parsed schema
 */
export async function findSchema(client: RegistryClient, need: SchemaNeed): Promise<FoundSchema> {
  const id = await idOf(client, need)
  return { id, type: await typeOfRef(client, { kind: 'id', id }) }
}

async function idOf(client: RegistryClient, need: SchemaNeed): Promise<number> {
  switch (need.kind) {
    case 'id':
      return need.id
    case 'latest':
      return (await client.version(need.subject, 'latest')).id
    case 'version':
      return (await client.version(need.subject, need.version)).id
    case 'register':
    case 'lookUp': {
      const { kind, subject, schema, references = [] } = need
      return client[kind](subject, { schema, references })
    }
  }
}

/**
 * Says what a failure of `findSchema` means for the events that need the schema.
 *
 * @param need what was asked
 * @param error what was thrown
 * @returns dead for an id that the registry does not have: an event named it, and ids never come to be later · retry while the
 *   registry is in trouble · pause for what a person must correct: a credential, a subject, a schema
 */
export function needVerdict(need: SchemaNeed, error: unknown): Verdict {
  if (error instanceof RegistryError)
    return need.kind === 'id' && error.isMissing ? { kind: 'dead', reason: error.message } : error.verdict
  return { kind: error instanceof AvroError ? 'pause' : 'retry', reason: reasonOf(error) }
}

/**
 * Gives the parsed schema that some data names, with what it refers to.
 *
 * @param client the registry
 * @param ref an id or a GUID, of `readFrame`
 * @throws {SluicewayError} registry_failed, a `RegistryError`; avro_schema_invalid when the schema is none
 * @returns the schema, ready for an encoder or decoder
 */
export async function typeOfRef(client: RegistryClient, ref: SchemaRef): Promise<AvroType> {
  const key = ref.kind === 'id' ? `${ref.id}` : ref.guid
  const known = client.cache.type(key)
  if (known !== undefined) return known
  const text = ref.kind === 'id' ? await client.schemaOf(ref.id) : await client.schemaOfGuid(ref.guid)
  const type = await new References(client).typeOf(text, 0)
  client.cache.keepType(key, type, text)
  return type
}

/** What a schema refers to, each version once. */
class References {
  readonly #client: RegistryClient
  readonly #types = new Map<string, AvroType>()
  #count = 0

  constructor(client: RegistryClient) {
    this.#client = client
  }

  async typeOf({ schema, schemaType, references }: SchemaText, depth: number): Promise<AvroType> {
    if (schemaType !== 'AVRO') throw unreadable(`is ${schemaType}, and only AVRO can be read`)
    if (depth > deepestReference) throw unreadable(`refers to others more than ${deepestReference} levels deep`)
    const known = new Map<string, NamedType>()
    for (const { subject, version } of references) {
      const key = `${version} ${subject}`
      let type = this.#types.get(key)
      if (type === undefined) {
        if (++this.#count > mostReferences) throw unreadable(`refers to more than ${mostReferences} others`)
        type = await this.typeOf(await this.#client.version(subject, version), depth + 1)
        this.#types.set(key, type)
      }
      for (const [name, named] of namedTypesOf(type)) known.set(name, named)
    }
    return parseSchema(schema, known)
  }
}

const unreadable = (why: string): RegistryError =>
  new RegistryError(`the schema of the registry ${why}`, { status: 200, errorCode: 0, retry: false })
