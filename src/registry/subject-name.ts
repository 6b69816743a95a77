import { SluicewayError } from '../core/errors.ts'

/** How the subject of a schema is named, as Confluent's serializers do. */
export type SubjectStrategy = 'TopicName' | 'RecordName' | 'TopicRecordName'

/** What the name of a subject is made of. */
export interface SubjectParts {
  readonly topic: string
  /** The part of the record that the schema is of. */
  readonly part: 'key' | 'value'
  /** The full name of the schema, where the strategy needs it: only records, enums and fixed have one. */
  readonly record?: string | undefined
}

/**
 * Names the subject of a schema: `<topic>-value`, `<record>` or `<topic>-<record>`.
 *
 * @param strategy which of them
 * @param parts what it is made of
 * @throws {SluicewayError} bad_request when the strategy needs the name of a record and there is none
 * @returns the subject
 */
export function subjectName(strategy: SubjectStrategy, { topic, part, record }: SubjectParts): string {
  if (strategy === 'TopicName') return `${topic}-${part}`
  if (record === undefined || record === '')
    throw new SluicewayError('bad_request', `the subject strategy ${strategy} needs the name of a record`)
  return strategy === 'RecordName' ? record : `${topic}-${record}`
}
