import { Hono } from 'hono'
import { SluicewayError } from '../core/errors.ts'
import type { World } from '../core/world.ts'
import { isRecord } from '../pipeline/check.ts'
import { accept, type Accepted } from '../pipeline/edge.ts'
import type { Arrival } from '../pipeline/prepare.ts'
import { answer, failure, preflight, refusal, wrongMethod } from './answer.ts'
import { textOf } from './body.ts'
import { factsOf } from './facts.ts'
import { parseJson } from './json.ts'
import { sourceOf, writeKeyOf } from './write-key.ts'

/** Routes that bring one event of their own type. */
const singles = ['identify', 'track', 'page', 'screen', 'group', 'alias', 'merge'] as const
/** Routes that bring many; `import` is what Segment's Java SDK calls. */
const batches = ['batch', 'import'] as const

/** Where server and browser SDKs send events, as RudderStack and Segment lay it out. */
export const sdk = new Hono<{ Bindings: World }>()

// One handler a path, for all verbs: with a single match Hono composes no middleware.
for (const type of singles) serve(type, type)
for (const path of batches) serve(path, undefined)

function serve(path: string, type: string | undefined): void {
  for (const slash of ['', '/'])
    sdk.all(`/v1/${path}${slash}`, (c) => {
      const request = c.req.raw
      if (request.method === 'POST') return take(request, type, c.env)
      return request.method === 'OPTIONS' ? preflight(request, 'POST') : wrongMethod(request, 'POST')
    })
}

async function take(request: Request, type: string | undefined, world: World): Promise<Response> {
  try {
    const taken = await accept(await arrivalOf(request, type, world), world)
    const [refused] = taken.rejected
    // A lone event that is no good is the client's mistake; one that a transform failed on is not.
    return type !== undefined && refused !== undefined && refused.code !== 'transform_failed'
      ? refusal(request, { status: 400, code: refused.code, message: refused.reason })
      : answer(request, report(taken))
  } catch (error) {
    if (!(error instanceof SluicewayError))
      world.port.log('error', 'a request for events failed', { reason: String(error) })
    return failure(request, error)
  }
}

/** Reads a request into what the edge takes, and finds out whose it is as early as possible. */
async function arrivalOf(request: Request, type: string | undefined, world: World): Promise<Arrival> {
  const { resolved } = world
  const headerKey = writeKeyOf(request)
  const early = headerKey === undefined ? undefined : sourceOf(headerKey, resolved)
  const text = await textOf(request, resolved.limits.bodyBytes)
  // Without a header, the key is in the body: nothing else is said about a body that has none.
  const body = early === undefined ? parsedOrNothing(text) : parseJson(text)
  const source = early ?? sourceOf(bodyKeyOf(body), resolved)
  const { facts, geo } = factsOf(request)
  if (type !== undefined) {
    if (early === undefined && isRecord(body)) body['writeKey'] = undefined
    return { source, events: [body], type, facts, geo }
  }
  const { batch: events, ...batch } = isRecord(body) ? body : {}
  if (!Array.isArray(events) || events.length === 0) throw new SluicewayError('empty_batch', 'empty batch payload')
  if (events.length > resolved.limits.batchEvents)
    throw new SluicewayError('body_too_large', `request has more than ${resolved.limits.batchEvents} events`)
  return { source, events, batch, facts, geo }
}

const bodyKeyOf = (body: unknown): string | undefined => {
  const key = isRecord(body) ? body['writeKey'] : undefined
  return typeof key === 'string' ? key : undefined
}

function parsedOrNothing(text: string): unknown {
  try {
    return parseJson(text)
  } catch {
    return undefined
  }
}

const report = ({ accepted, dropped, rejected }: Accepted): string =>
  rejected.length === 0 && dropped === 0
    ? `{"success":true,"accepted":${accepted}}`
    : JSON.stringify({
        success: true,
        accepted,
        ...(dropped > 0 ? { dropped } : {}),
        ...(rejected.length > 0 ? { rejected } : {}),
      })
