import type { SendContext } from '../../src/core/destination.ts'
import { Envelope } from '../../src/core/envelope.ts'
import type { Verdict } from '../../src/core/verdict.ts'
import door from '../../src/library/core.cjs'
import type { Definition } from '../../src/library/definition.ts'
import type { Json } from '../../src/library/json.ts'
import { segment } from '../../src/library/segment.ts'
import type { Mapping, Subscription } from '../../src/library/subscriptions.ts'

/** A request as it left an engine. */
export interface Sent {
  readonly method: string
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** What an engine did with some events: its requests, and what became of each event. */
export interface Done {
  readonly sent: readonly Sent[]
  readonly outcomes: readonly Verdict['kind'][]
}

/** One subscription of a destination, as either engine is to run it. */
export interface Run {
  readonly definition: Definition
  readonly settings: Json
  readonly subscription: Subscription
  /** How it came about: a preset of this place, or a mapping. */
  readonly preset?: NonNullable<Definition['presets']>[number]
  readonly mapping?: Mapping
  readonly events: readonly Json[]
  /** What the vendor answers. */
  readonly status: number
}

const answer = JSON.stringify({
  ok: true,
  id: 'vendor-1',
  access_token: 'token-1',
  data: { id: 'vendor-2' },
  items: [],
})

/** A vendor that writes down what it gets, and always answers alike. */
function vendor(status: number): { readonly sent: Sent[]; readonly fetch: SendContext['fetch'] } {
  const sent: Sent[] = []
  return {
    sent,
    fetch: async (request) => {
      const { method, url } = request
      const headers = Object.fromEntries(request.headers)
      const bytes = Buffer.from(await request.arrayBuffer())
      sent.push({ method, url, headers, body: bytes.toString('latin1') })
      return new Response(answer, { status, headers: { 'content-type': 'application/json' } })
    },
  }
}

const tokens = { accessToken: 'access-1842', refreshToken: 'refresh-1842', clientId: 'client', clientSecret: 'secret' }

/** Sends events with this project's adapter. */
export async function ourEngine({ definition, settings, preset, mapping, ...run }: Run): Promise<Done> {
  const { sent, fetch } = vendor(run.status)
  const { key } = run.subscription
  const made = segment((preset === undefined ? definition : { ...definition, presets: [preset] }) as never, {
    settings,
    tokens,
    ...(mapping === undefined ? {} : { mappings: { [key]: mapping } }),
  })
  if (made.problems.length > 0) throw new Error(made.problems.join('\n'))
  const outcomes: Verdict['kind'][] = run.events.map(() => 'skip')
  const items = run.events.flatMap((event, i) => {
    const header = { id: String(event['messageId']), key: '', source: 'web', receivedAt: '', to: [], facts: {} }
    const item = made.encode(new Envelope(header, JSON.stringify(event)))
    return item === null ? [] : [{ item, i }]
  })
  const groups = isShared(run) ? [items] : items.map((one) => [one])
  for (const group of groups) {
    if (group.length === 0) continue
    const context = { fetch, now: Date.now(), signal: new AbortController().signal }
    const result = await made.send?.(
      group.map(({ item }) => item),
      context,
    )
    for (const [n, { i }] of group.entries()) outcomes[i] = result?.verdicts[n]?.kind ?? 'skip'
  }
  return { sent, outcomes }
}

/** How a user's deletion is to be tried. */
export interface DeletionRun extends Pick<Run, 'definition' | 'settings' | 'status'> {
  readonly user: { readonly userId?: string; readonly anonymousId?: string }
}

/** Deletes a user with this project's adapter. */
export async function ourDeletion({ definition, settings, status, user }: DeletionRun) {
  const { sent, fetch } = vendor(status)
  // Without mappings of its own, a destination may have a problem; those do not matter to a deletion.
  const made = segment(definition as never, { settings, tokens })
  const context = { fetch, now: Date.now(), signal: new AbortController().signal }
  const answer = await made.deleteUser?.(user, context)
  return { sent, answer }
}

/** Deletes a user with the library's own engine: true where it did not throw. */
export async function libraryDeletion({ definition, settings, status, user }: DeletionRun) {
  const { sent, fetch } = vendor(status)
  Object.assign(globalThis, { vendor: fetch })
  const destination = new door.core.Destination(withPlainNames(definition) as never)
  try {
    const event = { type: 'delete', messageId: 'm-1', ...user }
    await destination.onDelete?.(event as never, configOf(definition, settings) as never)
    return { sent, isDone: true }
  } catch {
    return { sent, isDone: false }
  }
}

/** A batch that is refused as a whole is sent again one by one, which the library does not do: it is tried with one event. */
const isShared = ({ subscription, status }: Pick<Run, 'subscription' | 'status'>): boolean =>
  subscription.batch && status !== 400

/** What the library's engine says of a batch. */
type Batch = readonly { readonly multistatus?: readonly { readonly status: number }[] }[]

/** Sends events with the library's own engine. */
export async function libraryEngine({ definition, settings, subscription, events, status }: Run): Promise<Done> {
  const { sent, fetch } = vendor(status)
  Object.assign(globalThis, { vendor: fetch })
  const { key, action, mapping, when } = subscription
  const slug = Object.entries(definition.actions).find(([, one]) => one === action)?.[0] ?? key
  const destination = new door.core.Destination(withPlainNames(definition) as never)
  const config = {
    ...configOf(definition, settings),
    subscription: { partnerAction: slug, subscribe: when, mapping },
  }
  const isMatching = (event: Json) => door.fql.validate(door.fql.parseFql(when), event as never)
  const outcomes: Verdict['kind'][] = events.map((event) => (isMatching(event) ? 'done' : 'skip'))
  const matching = events.flatMap((event, i) => (outcomes[i] === 'done' ? [{ event, i }] : []))
  // Where a batch fails, the engine does not say which of its events it would never have sent.
  const isNeverSent = async (event: Json) => {
    Object.assign(globalThis, { vendor: () => Promise.reject(new Error('it is sent')) })
    try {
      const results: unknown = await destination.onBatch(
        [structuredClone(event)] as never,
        structuredClone(config) as never,
      )
      const [only] = results as Batch
      return only?.multistatus?.[0]?.status === 400
    } catch {
      return false
    } finally {
      Object.assign(globalThis, { vendor: fetch })
    }
  }
  const isAlone = !isShared({ subscription, status })
  const most = Number(mapping['batch_size']) || 1_000
  const sendable: typeof matching = []
  // Batches are counted by what is sent.
  for (const one of matching)
    if (isAlone || matching.length <= most || !(await isNeverSent(one.event))) sendable.push(one)
    else outcomes[one.i] = 'dead'
  const groups = isAlone ? sendable.map((one) => [one]) : groupsOf(sendable, mapping, most)
  for (const group of groups) {
    if (group.length === 0) continue
    try {
      // It writes into what it is given.
      const given = structuredClone(group.map(({ event }) => event)) as never[]
      const results = (
        subscription.batch
          ? await destination.onBatch(given, structuredClone(config) as never)
          : await destination.onEvent(given[0] as never, structuredClone(config) as never)
      ) as Batch
      const statuses = subscription.batch ? (results[0]?.multistatus ?? []) : []
      for (const [n, { i }] of group.entries()) outcomes[i] = kindOf(statuses[n]?.status ?? 200)
    } catch (error) {
      const {
        status: own,
        response,
        name,
      } = error as { status?: number; response?: { status?: number }; name?: string }
      const isInvalid = name === 'AggregateAjvError' || isMappingError(error)
      for (const { event, i } of group) {
        const isOut = subscription.batch && (await isNeverSent(event))
        outcomes[i] = kindOf(isInvalid || isOut ? 400 : (own ?? response?.status ?? 500))
      }
    }
  }
  return { sent, outcomes }
}

/** Settings and tokens, as Segment hands them to the engine. */
const configOf = ({ authentication }: Definition, settings: Json): Json => ({
  ...(door.core.defaultValues((authentication?.fields ?? {}) as never) as Json),
  ...settings,
  oauth: {
    access_token: tokens.accessToken,
    refresh_token: tokens.refreshToken,
    clientId: tokens.clientId,
    clientSecret: tokens.clientSecret,
  },
})

/** Segment groups events before it hands them to the engine: by the values of a mapping's `batch_keys`, up to its `batch_size`. */
function groupsOf(matching: readonly { readonly event: Json; readonly i: number }[], mapping: Json, most: number) {
  const groups = Map.groupBy(matching, ({ event }) => {
    const { batch_keys: keys = [], ...payload } = door.core.transform(mapping as never, event) as Json
    return JSON.stringify((keys as readonly string[]).map((key) => payload[key]))
  })
  return [...groups.values()].flatMap((group) =>
    Array.from({ length: Math.ceil(group.length / most) }, (_, n) => group.slice(n * most, (n + 1) * most)),
  )
}

/** Newer versions of a dependency refuse names with a space, or that begin with a digit, which the engine uses as names of schemas. */
function withPlainNames(definition: Definition): Definition {
  const plain = (text: string) => `a-${text.replaceAll(/\W+/g, '-')}`
  return {
    ...definition,
    name: plain(definition.name),
    actions: Object.fromEntries(
      Object.entries(definition.actions).map(([slug, action]) => [slug, { ...action, title: plain(action.title) }]),
    ),
  }
}

/** The engine gives no status to what a mapping refuses; no later attempt can change that. */
const isMappingError = (error: unknown): boolean =>
  error instanceof Error && /mapping-kit/.test(error.stack ?? '') && !('status' in error)

/** Segment's published rule, but that 401 and 403 are left to the lane. */
function kindOf(status: number): Verdict['kind'] {
  if (status < 400) return 'done'
  if (status === 401 || status === 403) return 'pause'
  return [408, 423, 429].includes(status) || (status >= 500 && status !== 501) ? 'retry' : 'dead'
}
