import { Deadline, withDeadline } from '../core/deadline.ts'
import { reasonOf, SluicewayError, stackOf } from '../core/errors.ts'
import type { Draft, WebhookCall, Mapped, Reply, SourceTools, WebhookSource } from '../core/webhook-source.ts'
import type { AppContext } from '../core/app-context.ts'
import type { IncomingBatch } from './incoming-batch.ts'
import { acceptEvents, checkRate, addDeadLetters, count } from './accept.ts'
import { deadLetterBody } from './dead-letter-body.ts'
import { isRecord } from '../core/json.ts'
import type { Source } from '../core/resolved-config.ts'

/** Headers that a dead letter must not show, whatever a vendor calls them. */
const secretHeader = /auth|cookie|secret|token|signature|hmac|api-?key/

/** A call as it came in: what the source gets of it, and what a dead letter says of a body that cannot be read. */
export interface IncomingCall extends WebhookCall {
  /** Why the body could not be read although it says how. */
  readonly unreadable?: string
  /** The body as text, whatever it is. */
  readonly rawText: () => string
}

/** A source that takes webhooks. */
type CallableSource = Source & { readonly webhook: WebhookSource }

/**
 * Takes one webhook call: verifies it, maps it, and accepts its events.
 *
 * @param call the call
 * @param incoming source and what the connection tells
 * @param app config, bindings, clock
 * @returns the source's own answer, if it has one; undefined once all events are durable. A call that makes no event is
 * counted as `ignored:<source>`
 * @throws {SluicewayError} signature_invalid, counted as `refused:<source>` and not stored; source_failed, with the call kept
 * as a dead letter; stream_unavailable when what the source remembers is unavailable; and what `acceptEvents` throws
 */
export async function acceptWebhook(
  call: IncomingCall,
  incoming: Omit<IncomingBatch, 'events' | 'source'> & { readonly source: CallableSource },
  app: AppContext,
): Promise<Reply['reply'] | undefined> {
  const { source } = incoming
  const refused = await verifyCall(call, source, app)
  if (refused !== undefined) {
    count({ [`refused:${source.name}`]: 1 }, app)
    throw new SluicewayError('signature_invalid', refused)
  }
  const ignored = () => count({ [`ignored:${source.name}`]: 1 }, app)
  if (call.method === 'GET' && !source.webhook.takesGet) {
    ignored()
    return { body: '', contentType: 'text/plain' }
  }
  // What a mapper remembers costs as much as an event, whether one comes of it or not.
  await checkRate(source, 1, app)
  let mapped: Mapped
  try {
    mapped = await mapCall(call, source, app)
  } catch (thrown) {
    const isAway = thrown instanceof SluicewayError && thrown.code === 'stream_unavailable'
    // A vendor's server repeats the call; a page that Shopify's pixel runs in does not.
    if (isAway && call.headers['origin'] === undefined) throw thrown
    // What a source says of a body that it did not get would mislead.
    const cause = isAway || call.unreadable === undefined ? thrown : new TypeError(call.unreadable, { cause: thrown })
    await addCallLetter(call, { source, thrown: cause }, app)
    throw isAway ? thrown : new SluicewayError('source_failed', reasonOf(cause), { cause })
  }
  const { reply, events } = 'reply' in mapped ? mapped : { events: mapped }
  if (events !== undefined && events.length > 0) await acceptEvents({ ...incoming, events, counted: 1 }, app)
  else if (events !== undefined) ignored()
  return reply
}

/**
 * Maps a call that was kept as a dead letter, as it was or edited.
 *
 * @param kept what `acceptWebhook` put into the letter
 * @throws {SluicewayError} bad_request when it still cannot be mapped
 */
export async function remapCall(kept: unknown, source: Source, app: AppContext): Promise<readonly Draft[]> {
  const { webhook } = source
  if (webhook === undefined)
    throw new SluicewayError('bad_request', `The source "${source.name}" takes no webhooks any more.`)
  const problem = 'A webhook call is {"method","url","proto","headers","query","body"}; keep that form when editing it.'
  if (!isRecord(kept) || !isRecord(kept['headers']) || !isRecord(kept['query']))
    throw new SluicewayError('bad_request', problem)
  const { body } = kept
  const text = typeof body === 'string' ? body : JSON.stringify(body ?? null)
  const call = { ...kept, bytes: new TextEncoder().encode(text), body } as unknown as WebhookCall
  try {
    const mapped = await mapCall(call, { ...source, webhook }, app)
    return 'reply' in mapped ? (mapped.events ?? []) : mapped
  } catch (cause) {
    throw new SluicewayError('bad_request', `The call is still not acceptable: ${reasonOf(cause)}`, { cause })
  }
}

/** Runs a source's mapper. */
const mapCall = (call: WebhookCall, source: CallableSource, app: AppContext): Promise<Mapped> =>
  withDeadline(() => source.webhook.map(call, toolsOf(source, app)), app.resolved.limits.userCodeMs, 'map')

/**
 * Runs a source's check of a signature. A call for which it does not end in time is kept as a dead letter, which says that
 * the call is not verified: nobody can tell whether the vendor would send it again.
 */
async function verifyCall(call: IncomingCall, source: CallableSource, app: AppContext): Promise<string | undefined> {
  const { verify } = source.webhook
  if (verify === undefined) return undefined
  const deadline = new Deadline(app.resolved.limits.userCodeMs, 'verify')
  try {
    return await deadline.race(verify(call, app.port))
  } catch (thrown) {
    if (!deadline.isOver) throw thrown
    await checkRate(source, 1, app)
    const late = new Error(`${reasonOf(thrown)}: this call is not verified`)
    await addCallLetter(call, { source, thrown: late }, app)
    throw new SluicewayError('source_failed', late.message, { cause: thrown })
  } finally {
    deadline.end()
  }
}

function toolsOf({ name }: Source, { port, bindings }: AppContext): SourceTools {
  return {
    now: port.now,
    uuid: port.uuid,
    memory: {
      get: (key) => retryOnce(() => bindings.IDENTITY.getByName(name).get(key)),
      set: (key, value, seconds) => retryOnce(() => bindings.IDENTITY.getByName(name).set(key, value, seconds)),
    },
  }
}

/**
 * Tries again when an object was reset under a call, as at a deploy. The runtime itself repeats only what surely never reached
 * the object; both methods may run twice
 * (https://developers.cloudflare.com/durable-objects/best-practices/automatic-retries/, checked 2026-11-25).
 */
async function retryOnce<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if ((error as { readonly retryable?: unknown } | null)?.retryable !== true) throw unavailableError(error)
    return work().catch((again: unknown) => {
      throw unavailableError(again)
    })
  }
}

/** It is no fault of the call: whoever made it shall make it again. */
const unavailableError = (cause: unknown) =>
  new SluicewayError('stream_unavailable', 'What the source remembers is unavailable; send it again.', { cause })

async function addCallLetter(
  call: IncomingCall,
  { source, thrown }: { readonly source: Source; readonly thrown: unknown },
  app: AppContext,
): Promise<void> {
  const { method, url, proto, query, body } = call
  const headers = Object.fromEntries(Object.entries(call.headers).filter(([name]) => !secretHeader.test(name)))
  const stack = stackOf(thrown)
  await addDeadLetters(
    [
      {
        stage: 'ingest',
        messageId: app.port.uuid(),
        source: source.name,
        key: '',
        reason: reasonOf(thrown),
        code: 'source_failed',
        ...(stack === '' ? {} : { detail: stack }),
        receivedAt: new Date(app.port.now()).toISOString(),
        ...deadLetterBody({ method, url, proto, headers, query, body: body ?? call.rawText() }),
        attempts: [],
      },
    ],
    app,
  )
}
