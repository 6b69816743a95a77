import { AssertionError, deepStrictEqual } from 'node:assert'
import { reasonOf } from '../../src/core/errors.ts'
import type { Transform } from '../../src/core/transform.ts'
import type { TransformTools } from '../../src/transforms/define-transform.ts'
import { testTransform } from '../../src/transforms/test-transform.ts'
import { asExpected, inputOf, outputOf, type TransformCase } from './cases.ts'

/** What stands for the world while a case runs. */
export interface CaseWorld extends Partial<TransformTools> {
  /** Takes each line of `log`. */
  readonly log: (line: string) => void
  /** Gives the answer of a URL; throws as `fetch` does. */
  readonly ask: (url: string) => Promise<Response>
}

/** Makes the transform of a case, with its settings or options and what stands for the world. */
export type MakeTransform = (one: TransformCase, world: CaseWorld) => Transform

/**
 * Runs a case.
 *
 * @param one the case
 * @param make gives its transform
 * @returns what is wrong, over several lines; undefined where it does what the case says
 */
export async function checkCase(one: TransformCase, make: MakeTransform): Promise<string | undefined> {
  const ask = answersOf(one)
  const restore = answerFetch(ask)
  const lines: string[] = []
  const log = (line: string): void => void lines.push(line.replace(/^Log: ?/, ''))
  try {
    const { events, errors } = await testTransform(make(one, { ...toolsOf(one), ask, log }), inputOf(one))
    const expected = outputOf(one)
    const messages = new Set(errors.map(({ message }) => message))
    const [first] = errors
    if (one.throws === undefined && first !== undefined) return `it throws:\n${first.stack}`
    if (one.throws !== undefined && (messages.size !== 1 || !messages.has(one.throws)))
      return first === undefined
        ? `it throws nothing, and must throw "${one.throws}"; it gives ${JSON.stringify(events)}`
        : `it throws "${[...messages].join('", "')}", and must throw "${one.throws}"`
    const found = events.map((event, i) => asExpected(event, expected[i]))
    return (
      differenceOf('what comes out', found, expected) ??
      (one.logs === undefined ? undefined : differenceOf('what it logs', lines, one.logs))
    )
  } catch (thrown) {
    return reasonOf(thrown)
  } finally {
    restore()
  }
}

function differenceOf(what: string, found: unknown, expected: unknown): string | undefined {
  try {
    deepStrictEqual(found, expected)
    return undefined
  } catch (thrown) {
    if (!(thrown instanceof AssertionError)) throw thrown
    return `${what} (+) is not what the case says (-):\n${thrown.message.split('\n').slice(2).join('\n').trim()}`
  }
}

const toolsOf = ({ tables = {} }: TransformCase): Partial<TransformTools> => ({
  table: async (name) => ({
    get: async (keys) => {
      const rows = tables[name]
      if (rows === undefined) throw new Error(`the case has no table ${name}`)
      if (rows === null) throw new Error('KV GET failed: 500 Internal Server Error')
      return new Map(
        keys.map((key) => {
          const row = rows[key] ?? null
          return [key, row === null || typeof row === 'string' ? row : JSON.stringify(row)]
        }),
      )
    },
  }),
})

/** Lets no case ask a network; those that name answers get them. */
function answersOf({ responses = {} }: TransformCase): CaseWorld['ask'] {
  return async (url) => {
    const key = Object.keys(responses).find((one) => URL.canParse(one) && new URL(one).href === new URL(url).href)
    if (key === undefined) throw new TypeError(`the case has no response for ${url}`)
    const answer = responses[key]
    if (answer === null) throw new TypeError('fetch failed')
    return typeof answer === 'string' ? new Response(answer) : Response.json(answer)
  }
}

function answerFetch(ask: CaseWorld['ask']): () => void {
  const { fetch } = globalThis
  globalThis.fetch = async (input) => ask(input instanceof Request ? input.url : String(input))
  return () => void (globalThis.fetch = fetch)
}
