import { variablesOf } from '../../src/library/refused.ts'
import { madeSettings } from './cases.ts'
import type { Listed } from './compare.ts'
import { libraryDeletion, ourDeletion, type Sent } from './engines.ts'

/** What came of deleting a user with a destination of the library, with both engines. */
export interface ComparedDeletion {
  readonly name: string
  /** By which ids it deletes; none where it does not, whatever it says. */
  readonly by: readonly ('userId' | 'anonymousId')[]
  /** What the adapter says where it deletes by none. */
  readonly reason?: string
  /** Runs: one id, one answer of the vendor. */
  readonly runs: number
  readonly equal: number
  readonly requests: number
  readonly differences: readonly string[]
}

const statuses = [200, 404, 400, 429, 500] as const

/** Says of destinations what they have for deleting users. */
export const deletesUsers = ({ definition, refusal }: Listed): boolean =>
  refusal === undefined && definition.onDelete !== undefined

/**
 * Deletes a user with both engines: by userId, and by anonymousId. Where the adapter sends nothing, the library's own engine is
 * no measure: it sends what deletes nobody, or somebody else.
 */
export async function compareDeletion({ name, definition }: Listed): Promise<ComparedDeletion> {
  for (const variable of variablesOf(definition)) process.env[variable] = `value-of-${variable}`
  const settings = madeSettings(definition)
  const by: ('userId' | 'anonymousId')[] = []
  const differences: string[] = []
  let reason: string | undefined
  let runs = 0
  let requests = 0
  for (const kind of ['userId', 'anonymousId'] as const)
    for (const status of statuses) {
      const run = { definition, settings, status, user: { [kind]: `${kind}-1815` } }
      const { sent, answer } = await ourDeletion(run)
      if (sent.length === 0) {
        reason ??= answer?.reason
        continue
      }
      const theirs = await libraryDeletion(run)
      runs++
      requests += sent.length
      if (!by.includes(kind)) by.push(kind)
      const wanted = theirs.isDone
        ? ['done']
        : status === 400
          ? ['failed']
          : ['waiting', ...(status === 404 ? ['done', 'failed'] : [])]
      if (!wanted.includes(answer?.state ?? ''))
        differences.push(`${kind}, ${status}: ${answer?.state}, not ${wanted[0]}`)
      if (textOf(sent) !== textOf(theirs.sent))
        differences.push(`${kind}, ${status}: other requests: ${textOf(sent)} not ${textOf(theirs.sent)}`)
    }
  const why = by.length === 0 && reason !== undefined ? { reason } : {}
  return { name, by, ...why, runs, equal: runs - differences.length, requests, differences }
}

const textOf = (sent: readonly Sent[]): string =>
  JSON.stringify(sent).replaceAll('"user-agent":"Segment (Actions)"', '"user-agent":"Sluiceway"')
