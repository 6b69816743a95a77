import type { Item, SendContext, SendResult } from '../core/destination.ts'
import { done, type Verdict } from '../core/verdict.ts'
import { isPlatformError } from '../platform/platform-error.ts'
import { batchVerdicts } from './batch-verdicts.ts'
import { Caller, type CallTools } from './caller.ts'
import door from './core.cjs'
import type { Perform } from './definition.ts'
import { isObject, type Json } from './json.ts'
import { type Job, Plan } from './plan.ts'
import { prepareFields } from './prepare-fields.ts'
import { readItem, writeRest } from './rest.ts'
import type { Subscription } from './subscriptions.ts'
import { refusedText } from './tokens.ts'
import { validateFields } from './validate-fields.ts'
import { statusOf, verdictOf } from './verdicts.ts'

/** What a delivery needs of the destination. */
export interface DeliveryTools extends CallTools {
  readonly subscriptions: ReadonlyMap<string, Subscription>
  /** Requests under way at once. */
  readonly parallel: number
}

type Failed = Exclude<Verdict, { kind: 'done' | 'skip' }>

/** An event on its way. */
interface Sending {
  readonly event: Json
  readonly key: string
  readonly owed: readonly string[]
  /** Why a subscription will never take it; of an earlier attempt, or of this one. */
  dead: string[]
  /** Subscriptions that took it in an earlier attempt, or before it was replayed. */
  readonly taken: readonly string[]
  readonly results: Map<string, Verdict>
  /** What its actions hand to each other. */
  readonly transaction: Json
}

interface Ready {
  readonly job: Job
  readonly payload: Json
}

/** Statistics are nobody's business here. */
const silent: unknown = new Proxy({}, { get: () => () => undefined })

/** One call of `send`: events through all subscriptions that they are owed to, in order per key. */
export class Delivery {
  readonly #tools: DeliveryTools
  readonly #context: SendContext
  readonly #caller: Caller
  readonly #sendings: readonly Sending[]
  /** Keys of which an event waits, with its place: later ones must not overtake it. */
  readonly #held = new Map<string, number>()
  #status = 200
  #body = ''
  /** A limit of the platform was met: nothing more can be sent in this invocation. */
  #limit: string | undefined

  constructor(items: readonly Item[], tools: DeliveryTools, context: SendContext) {
    this.#tools = tools
    this.#context = context
    this.#caller = new Caller(tools, context)
    this.#sendings = items.map(({ text }) => {
      const { event, owed, dead, taken = [] } = readItem(text)
      return { event, key: keyOf(event), owed, dead: [...dead], taken, results: new Map(), transaction: {} }
    })
  }

  async run(): Promise<SendResult> {
    const queues = new Map<string, Job[]>()
    for (const [item, { key, owed }] of this.#sendings.entries()) {
      const jobs = owed.flatMap((name) => {
        const subscription = this.#tools.subscriptions.get(name)
        return subscription === undefined ? [] : [{ item, subscription }]
      })
      queues.set(key, [...(queues.get(key) ?? []), ...jobs])
    }
    const plan = new Plan([...queues.values()])
    for (;;) {
      const singles = plan.nextSingles()
      await this.#beside(singles.map((jobs) => () => this.#sendSingles(jobs)))
      const batch = plan.nextBatch()
      await this.#beside(this.#chunksOf(this.#prepare(batch)).map((chunk) => () => this.#sendBatch(chunk)))
      if (singles.length === 0 && batch.length === 0) return this.#result()
    }
  }

  #result(): SendResult {
    const verdicts = this.#sendings.map((sending) => this.#verdictOf(sending))
    const rests = this.#sendings.map(({ owed, results, dead, taken: before }) => {
      const left = owed.filter((name) => isWaiting(results.get(name)))
      const taken = [...before, ...owed.filter((name) => results.get(name)?.kind === 'done')]
      const isUntouched = left.length === owed.length && dead.length === 0 && taken.length === 0
      return isUntouched ? undefined : writeRest({ owed: left, dead, ...(taken.length === 0 ? {} : { taken }) })
    })
    return { status: this.#status, body: this.#body, verdicts, rests }
  }

  /** The worst of what its subscriptions came to: what waits before what is dead, before what is delivered. */
  #verdictOf({ results, dead }: Sending): Verdict {
    const all = [...results.values()]
    const waits = all.find(({ kind }) => kind === 'pause') ?? all.find(({ kind }) => kind === 'retry')
    if (waits !== undefined) return waits
    return dead.length === 0 ? done : { kind: 'dead', reason: dead.join('; ') }
  }

  #note({ item, subscription }: Job, verdict: Verdict): void {
    const sending = this.#sendings[item] as Sending
    const said = 'reason' in verdict ? { ...verdict, reason: `${subscription.key}: ${verdict.reason}` } : verdict
    sending.results.set(subscription.key, said)
    if (said.kind === 'dead') sending.dead.push(said.reason)
    else if (isWaiting(said) && !this.#held.has(sending.key)) this.#held.set(sending.key, item)
  }

  /** Notes a failure, and what the reader of a dead letter sees of it. */
  #fail(job: Job, failure: unknown): void {
    if (this.#status === 200) {
      this.#status = statusOf(failure) ?? 0
      this.#body = (failure as { response?: { content?: string } })?.response?.content ?? ''
    }
    this.#note(job, this.#judge(failure))
  }

  #judge(failure: unknown): Failed {
    if (isPlatformError(failure)) {
      this.#limit ??= (failure as Error).message
      return { kind: 'retry', reason: this.#limit }
    }
    const verdict = verdictOf(failure, this.#context.now)
    const isRefused = verdict.kind === 'retry' && verdict.reason.includes(refusedText)
    if (isRefused) return { kind: 'pause', reason: verdict.reason }
    return this.#caller.hasRenewed && statusOf(failure) === 401
      ? { kind: 'retry', reason: 'the tokens were renewed' }
      : verdict
  }

  /** Says of a job that must not be sent now why; it stays owed. */
  #isHeldBack(job: Job): boolean {
    const { key } = this.#sendings[job.item] as Sending
    const isBehind = (this.#held.get(key) ?? job.item) < job.item
    const isLate = this.#context.signal.aborted
    if (!isBehind && !isLate && this.#limit === undefined) return false
    const reason = isBehind ? 'an earlier event of its key waits' : (this.#limit ?? 'there was no time left for it')
    this.#note(job, { kind: 'retry', reason })
    return true
  }

  /** Makes the payloads of jobs; those without have their verdict then. */
  #prepare(jobs: readonly Job[]): Ready[] {
    return jobs.flatMap((job): Ready[] => {
      if (this.#isHeldBack(job)) return []
      const { mapping, schema, batch } = job.subscription
      try {
        const { event } = this.#sendings[job.item] as Sending
        let payload = door.core.transform(mapping as never, event) as Json
        if (schema !== undefined) payload = prepareFields(schema, payload, !batch)
        const problems = schema === undefined ? [] : validateFields(schema, payload)
        if (problems.length === 0) return [{ job, payload }]
        this.#note(job, { kind: 'dead', reason: problems.join('; ') })
      } catch (error) {
        this.#note(job, { kind: 'dead', reason: `the mapping: ${(error as Error).message}` })
      }
      return []
    })
  }

  async #sendSingles(jobs: readonly Job[]): Promise<void> {
    for (const job of jobs) for (const ready of this.#prepare([job])) await this.#sendOne(ready)
  }

  async #sendOne({ job, payload }: Ready): Promise<void> {
    const { action, mapping } = job.subscription
    const { event, transaction } = this.#sendings[job.item] as Sending
    const membership = door.core.resolveAudienceMembership(event as never, syncModeOf(job.subscription) as never)
    const data = {
      ...this.#dataOf(job.subscription, event),
      rawData: event,
      rawMapping: mapping,
      payload,
      ...(typeof membership === 'boolean' ? { audienceMembership: membership } : {}),
      transactionContext: {
        transaction,
        setTransaction: (name: string, value: unknown) => void (transaction[name] = value),
      },
    }
    try {
      await this.#caller.call(action.perform, data)
      this.#note(job, done)
    } catch (error) {
      this.#fail(job, error)
    }
  }

  async #sendBatch(chunk: readonly Ready[]): Promise<void> {
    const [first] = chunk
    const { subscription } = (first as Ready).job
    const events = chunk.map(({ job }) => (this.#sendings[job.item] as Sending).event)
    const mode = syncModeOf(subscription)
    const data = {
      ...this.#dataOf(subscription, events[0] as Json),
      rawData: events,
      rawMapping: subscription.mapping,
      payload: chunk.map(({ payload }) => payload),
      audienceMembership: events.map((event) => door.core.resolveAudienceMembership(event as never, mode as never)),
    }
    let failures: readonly unknown[]
    let isWhole = true
    try {
      const answer = await this.#caller.call(subscription.action.performBatch as Perform, data)
      ;({ failures, isWhole } = batchVerdicts(answer, chunk.length))
    } catch (error) {
      failures = chunk.map(() => error)
    }
    const isDead = isWhole && chunk.length > 1 && failures[0] !== undefined && this.#judge(failures[0]).kind === 'dead'
    // One event may have spoiled it for all: each is sent alone, before it is given up.
    if (isDead) for (const ready of chunk) if (!this.#isHeldBack(ready.job)) await this.#sendOne(ready)
    if (!isDead)
      for (const [i, { job }] of chunk.entries())
        if (failures[i] === undefined) this.#note(job, done)
        else this.#fail(job, failures[i])
  }

  /** Events of different audiences, or with different values of the action's `batch_keys`, share no request. */
  #chunksOf(ready: readonly Ready[]): Ready[][] {
    const groups = Map.groupBy(ready, ({ job, payload }) => {
      const { personas } = contextOf((this.#sendings[job.item] as Sending).event)
      const keys = Array.isArray(payload['batch_keys']) ? payload['batch_keys'] : []
      const { computation_key: audience, external_audience_id: external } = personas
      return JSON.stringify([audience, external, ...keys.map((key) => payload[String(key)])])
    })
    return [...groups.values()].flatMap((group) => {
      const { most } = (group[0] as Ready).job.subscription
      return Array.from({ length: Math.ceil(group.length / most) }, (_, i) => group.slice(i * most, (i + 1) * most))
    })
  }

  #dataOf(subscription: Subscription, event: Json): Json {
    const { action, mapping } = subscription
    const { personas, isThere } = contextOf(event)
    const syncMode = syncModeOf(subscription)
    const matchingKey = mapping['__segment_internal_matching_key']
    return {
      settings: this.#tools.settings,
      features: {},
      statsContext: { statsClient: silent, tags: [] },
      personasContext: isThere ? personas : undefined,
      audienceSettings: isThere ? personas['audience_settings'] : {},
      subscriptionMetadata: {},
      syncMode,
      matchingKey: isTruthy(matchingKey) ? String(matchingKey) : undefined,
      signal: this.#context.signal,
      hookOutputs: Object.fromEntries(
        Object.keys(action.hooks ?? {}).flatMap((name) => (isTruthy(mapping[name]) ? [[name, mapping[name]]] : [])),
      ),
    }
  }

  /** Runs work, so much of it at once. */
  async #beside(work: readonly (() => Promise<void>)[]): Promise<void> {
    const left = work.values()
    const run = async () => {
      for (const one of left) await one()
    }
    await Promise.all(Array.from({ length: this.#tools.parallel }, run))
  }
}

const isWaiting = (verdict: Verdict | undefined): boolean => verdict?.kind === 'retry' || verdict?.kind === 'pause'
const isTruthy = (value: unknown): boolean => Boolean(value)

/** The ordering key of an event, as the edge gives it. */
const keyOf = ({ anonymousId, userId, messageId }: Json): string =>
  JSON.stringify([anonymousId, userId, messageId].find((id) => typeof id === 'string' && id !== ''))

const syncModes: ReadonlySet<string> = new Set(['add', 'update', 'upsert', 'delete', 'mirror'])

/** How records are to be written, where the action knows several ways. */
function syncModeOf({ action, mapping }: Subscription): string | undefined {
  const mode = action.syncMode === undefined ? undefined : mapping['__segment_internal_sync_mode']
  return typeof mode === 'string' && syncModes.has(mode) ? mode : undefined
}

function contextOf({ context }: Json): { readonly personas: Json; readonly isThere: boolean } {
  const personas = isObject(context) ? context['personas'] : undefined
  return isObject(personas) ? { personas, isThere: true } : { personas: {}, isThere: false }
}
