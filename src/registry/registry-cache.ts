import type { AvroType } from '../avro/schema.ts'
import { WeightedMap } from './weighted-map.ts'

/** A schema that the registry has under an id. */
export interface SchemaText {
  readonly schema: string
  /** `AVRO`, `JSON` or `PROTOBUF`. */
  readonly schemaType: string
  readonly references: readonly SchemaReference[]
}

/** A schema of another subject that a schema names. */
export interface SchemaReference {
  /** The name by which the schema refers to it: a full name. */
  readonly name: string
  readonly subject: string
  readonly version: number
}

/** A version of a subject. */
export interface SubjectVersion extends SchemaText {
  readonly id: number
  readonly subject: string
  readonly version: number
}

/** Characters of what is remembered of each kind. */
const mostCharacters = 4_000_000

/**
 * What is known of a registry: data alone, so that all requests of an isolate can share it. Ids never change their meaning and
 * are kept for good, within a bound; only the latest version of a subject is asked for again. That something is not there is
 * never remembered.
 */
export class RegistryCache {
  readonly #texts: WeightedMap<SchemaText>
  readonly #versions: WeightedMap<SubjectVersion>
  readonly #ids: WeightedMap<number>
  readonly #types: WeightedMap<AvroType>
  readonly #latest: WeightedMap<{ readonly version: SubjectVersion; readonly until: number }>

  /** @param most characters of what is remembered of each kind, 4,000,000 unless said otherwise */
  constructor(most = mostCharacters) {
    this.#texts = new WeightedMap(most)
    this.#versions = new WeightedMap(most)
    this.#ids = new WeightedMap(most)
    this.#types = new WeightedMap(most)
    this.#latest = new WeightedMap(most)
  }

  /** The schema of an id or a GUID. */
  text(key: string): SchemaText | undefined {
    return this.#texts.get(key)
  }

  keepText(key: string, text: SchemaText): void {
    this.#texts.set(key, text, weightOf(text))
  }

  /** A numbered version of a subject. */
  version(subject: string, version: number): SubjectVersion | undefined {
    return this.#versions.get(`${version} ${subject}`)
  }

  /** The latest version of a subject, as long as it counts as such. */
  latest(subject: string, now: number): SubjectVersion | undefined {
    const known = this.#latest.get(subject)
    return known !== undefined && now < known.until ? known.version : undefined
  }

  keepVersion(version: SubjectVersion, latestUntil?: number): void {
    this.#versions.set(`${version.version} ${version.subject}`, version, weightOf(version))
    this.keepText(`${version.id}`, version)
    if (latestUntil !== undefined) this.#latest.set(version.subject, { version, until: latestUntil }, weightOf(version))
  }

  /** The id that a text has in a subject. */
  id(subject: string, text: string): number | undefined {
    return this.#ids.get(`${subject}\n${text}`)
  }

  keepId(subject: string, text: string, id: number): void {
    this.#ids.set(`${subject}\n${text}`, id, subject.length + text.length + 100)
  }

  /** The parsed schema of an id or a GUID. */
  type(key: string): AvroType | undefined {
    return this.#types.get(key)
  }

  /** Keeps a parsed schema; it takes some ten times the memory of its text. */
  keepType(key: string, type: AvroType, { schema }: SchemaText): void {
    this.#types.set(key, type, 10 * schema.length + 1_000)
  }
}

const weightOf = ({ schema }: SchemaText): number => schema.length + 500
