import { applyPatch, type Operation } from 'rfc6902'
import * as z from 'zod/mini'
import { SluicewayError } from '../core/errors.ts'
import { isRecord } from '../core/json.ts'

/** Operations of one patch. */
const mostOperations = 500
/** What would reach what all objects share. */
const reserved = new Set(['__proto__', 'constructor', 'prototype'])

const pointer = z
  .string()
  .check(z.regex(/^(\/([^~]|~[01])*)?$/, 'must be a JSON Pointer, such as /properties/total (RFC 6901)'))
  .check(
    z.refine((path) => !tokensOf(path).some((token) => reserved.has(token)), 'must not name what all objects share'),
  )
const value = z.unknown().check(z.refine((one) => one !== undefined, 'is missing'))
const operation = z.discriminatedUnion(
  'op',
  [
    z.strictObject({ op: z.literal('add'), path: pointer, value }),
    z.strictObject({ op: z.literal('replace'), path: pointer, value }),
    z.strictObject({ op: z.literal('test'), path: pointer, value }),
    z.strictObject({ op: z.literal('remove'), path: pointer }),
    z.strictObject({ op: z.literal('move'), from: pointer, path: pointer }),
    z.strictObject({ op: z.literal('copy'), from: pointer, path: pointer }),
  ],
  'must be an operation of a JSON Patch, such as {"op":"replace","path":"/properties/total","value":42} (RFC 6902)',
)

/** A JSON Patch, as RFC 6902 has it. */
export const patchBody = z
  .array(operation, 'must be a JSON Patch: a list of operations (RFC 6902)')
  .check(z.minLength(1, 'must have an operation'), z.maxLength(mostOperations, `at most ${mostOperations} operations`))

/**
 * Applies a JSON Patch (RFC 6902) to an event.
 *
 * https://www.rfc-editor.org/rfc/rfc6902 (checked 2026-11-29)
 *
 * @param event stays as it is
 * @param patch as `patchBody` has checked it
 * @param longest UTF-16 code units that the JSON may have at any time: copies of copies grow without end
 * @returns the changed event
 * @throws {SluicewayError} bad_request, naming the operation that cannot be done; nothing is applied then
 */
export function patchEvent(
  event: unknown,
  patch: z.output<typeof patchBody>,
  longest: number,
): Record<string, unknown> {
  // Below a member, so that the whole can be replaced as any part can.
  const document = { event: structuredClone(event) }
  for (const [i, one] of patch.entries()) {
    const wrong = problemOf(document, one)
    if (wrong !== undefined) throw new SluicewayError('bad_request', `operation ${i} (${one.op} ${one.path}): ${wrong}`)
    if (one.op === 'copy' && JSON.stringify(document).length > 2 * longest)
      throw new SluicewayError('body_too_large', `operation ${i} (${one.op} ${one.path}): the event becomes too large`)
  }
  if (!isRecord(document.event))
    throw new SluicewayError('bad_request', 'The patch leaves no event: it must be an object.')
  return document.event
}

/** Applies one operation; says why it cannot. */
function problemOf(document: object, one: z.output<typeof operation>): string | undefined {
  const adds = one.op === 'add' || one.op === 'move' || one.op === 'copy'
  if ('from' in one) {
    const wrong = placeProblem(document, one.from, false)
    if (wrong !== undefined) return `from: ${wrong}`
    if (one.op === 'move' && one.path.startsWith(`${one.from}/`)) return 'a value cannot be moved into itself'
  }
  const wrong = placeProblem(document, one.path, adds)
  if (wrong !== undefined) return wrong
  const moved = { ...one, path: `/event${one.path}`, ...('from' in one ? { from: `/event${one.from}` } : {}) }
  const [error] = applyPatch(document, [moved as Operation])
  if (error === null || error === undefined) return undefined
  return error.name === 'TestError' ? 'the value there is another' : error.message
}

/** What is wrong with a place: the way to it must be there, and unless something is added there, it must be, too. */
function placeProblem(document: object, path: string, adds: boolean): string | undefined {
  const tokens = tokensOf(`/event${path}`)
  let at: unknown = document
  for (const [i, token] of tokens.entries()) {
    const isLast = i === tokens.length - 1
    if (Array.isArray(at)) {
      const isIndex = /^(0|[1-9]\d*)$/.test(token) && Number(token) < at.length + (isLast && adds ? 1 : 0)
      if (!isIndex && !(isLast && adds && token === '-')) return `"${token}" is no index of the list there`
    } else if (!isRecord(at) || (!Object.hasOwn(at, token) && !(isLast && adds))) return `there is no "${token}"`
    at = (at as Readonly<Record<string, unknown>>)[token]
  }
  return undefined
}

const tokensOf = (path: string): string[] =>
  path
    .split('/')
    .slice(1)
    .map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'))
