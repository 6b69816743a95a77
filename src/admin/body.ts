import * as z from 'zod/mini'
import { SluicewayError } from '../core/errors.ts'
import { dropBody, textOf } from '../platform/body.ts'
import type { AdminCall } from './responses.ts'

/**
 * Reads the text of a body, plain or gzip, and never more of it than is allowed.
 *
 * @param c the call
 * @throws {SluicewayError} body_too_large, unsupported_encoding, body_unreadable
 */
async function textOfBody({ req, env }: AdminCall): Promise<string> {
  const { bodyBytes } = env.resolved.limits
  try {
    return await textOf(req.raw, bodyBytes)
  } catch (thrown) {
    await dropBody(req.raw)
    if (!(thrown instanceof SluicewayError) || thrown.code !== 'body_too_large') throw thrown
    throw new SluicewayError('body_too_large', `The body may have at most ${bodyBytes} bytes.`, { cause: thrown })
  }
}

/**
 * Reads a JSON body and checks it.
 *
 * @param c the call
 * @param schema what it must be
 * @param none what stands for an empty body; left out, there must be one
 * @throws {SluicewayError} invalid_json, and those of a body that cannot be read; bad_request, saying which field is wrong
 */
export async function bodyOf<Schema extends z.ZodMiniType>(
  c: AdminCall,
  schema: Schema,
  none?: z.output<Schema>,
): Promise<z.output<Schema>> {
  const text = await textOfBody(c)
  if (none !== undefined && text.trim() === '') return none
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw new SluicewayError('invalid_json', 'The body must be JSON.')
  }
  return validateWith(value, schema)
}

/** Checks the query of a call; see `bodyOf`. */
export const queryOf = <Schema extends z.ZodMiniType>(c: AdminCall, schema: Schema): z.output<Schema> =>
  validateWith(c.req.query(), schema)

/** An object whose keys are the names that a query may have. */
export interface QuerySchema {
  readonly shape: object
}

/**
 * Refuses a query with names that the call does not know: a filter that is misspelt would be no filter.
 *
 * @param c the call
 * @param schema what the call takes in its query; nothing when left out
 * @throws {SluicewayError} bad_request, which lists what is known
 */
export function assertQueryIsKnown(c: AdminCall, schema?: QuerySchema): void {
  const given = c.req.queries()
  const known = Object.keys(schema?.shape ?? {})
  const unknown = Object.keys(given).filter((name) => !known.includes(name))
  const twice = Object.keys(given).find((name) => (given[name] ?? []).length > 1)
  if (unknown.length > 0) {
    const which = unknown.map((name) => JSON.stringify(name)).join(', ')
    const hasBody = ['POST', 'PUT', 'PATCH'].includes(c.req.method)
    const takes = known.length > 0 ? known.join(', ') : `none${hasBody ? '; what it needs stands in the body' : ''}`
    const what = unknown.length === 1 ? `is no query parameter ${which}` : `are no query parameters ${which}`
    throw new SluicewayError('bad_request', `There ${what}: this call takes ${takes}.`)
  }
  if (twice !== undefined)
    throw new SluicewayError('bad_request', `The query gives ${JSON.stringify(twice)} more than once; give it once.`)
}

/**
 * Refuses a body that the call would not read: what stands in it was meant to do something.
 *
 * @param c the call
 * @throws {SluicewayError} bad_request, unless there is no body or an empty one
 */
export async function assertNoBody(c: AdminCall): Promise<void> {
  if (c.req.raw.body === null) return
  if (/^\s*(?:\{\s*\}|null)?\s*$/.test(await textOfBody(c))) return
  throw new SluicewayError(
    'bad_request',
    'This call takes no body: send it without one. An event is edited with PUT /admin/dead-letters/:id.',
  )
}

/** Of what a schema has no message of its own. */
const typeNames: Readonly<Record<string, string>> = {
  array: 'a list',
  boolean: 'true or false',
  number: 'a number',
  object: 'an object',
  record: 'an object',
  string: 'text',
}

function validateWith<Schema extends z.ZodMiniType>(value: unknown, schema: Schema): z.output<Schema> {
  const result = z.safeParse(schema, value, {
    error: (issue) => {
      if (issue.code === 'unrecognized_keys') return `has no ${issue.keys.map((key) => JSON.stringify(key)).join(', ')}`
      return issue.code === 'invalid_type' ? `must be ${typeNames[issue.expected] ?? issue.expected}` : undefined
    },
  })
  if (result.success) return result.data
  const problems = result.error.issues.map(({ path, message }) => [path.join('.'), message].filter(Boolean).join(': '))
  throw new SluicewayError('bad_request', problems.join('; '))
}

/** A whole number in a query, between 1 and `most`. */
export const limitUpTo = (most: number) => {
  const error = `must be a whole number from 1 to ${most}`
  return z.optional(
    z.pipe(
      z.string().check(z.regex(/^\d{1,6}$/, error)),
      z.pipe(z.transform(Number), z.number().check(z.minimum(1, error), z.maximum(most, error))),
    ),
  )
}

/** A whole number in a query. */
export const wholeNumber = z.optional(
  z.pipe(z.string().check(z.regex(/^\d{1,15}$/, 'must be a whole number')), z.transform(Number)),
)

/** The stage of a dead letter, in a query or a body. */
export const stage = z.enum(['ingest', 'transform', 'delivery', 'load'], {
  error: 'must be ingest, transform, delivery or load',
})

/** A time in a query or a body, in milliseconds since the epoch. */
export const time = z.optional(
  z.pipe(
    z
      .string()
      .check(z.refine((value) => !Number.isNaN(Date.parse(value)), 'must be a time, such as 2026-11-21T10:00:00Z')),
    z.transform((value) => Date.parse(value)),
  ),
)
