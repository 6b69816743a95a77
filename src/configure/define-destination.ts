import type {
  Destination,
  ForgottenUser,
  HttpRequest,
  HttpResponse,
  Item,
  Limits,
  RequestContext,
  SendContext,
  SendResult,
} from '../core/destination.ts'
import type { Envelope } from '../core/envelope.ts'
import { isRecord } from '../core/json.ts'
import type { Verdict } from '../core/verdict.ts'
import { checkSettings, type Fields, type Input, type Settings } from './settings.ts'
import { checkLimits, specProblems } from './spec-problems.ts'

/**
 * A destination: pure functions from events to HTTP requests and from responses to verdicts.
 *
 * The lane calls `encode` for each event, `request` for each group of items within `limits`, sends, and asks `verdicts`.
 * None of them fetches, reads the clock or stores. `encode` returns null when the destination has no use for the event
 * (verdict skip) and throws when the event can never be delivered (verdict dead). `request` may be async only because
 * WebCrypto is.
 */
export interface DestinationSpec<F extends Fields = Fields> {
  readonly name: string
  /** Declared once: type, check, console form, redaction, docs. */
  readonly settings: F
  readonly limits?: Partial<Limits> | ((settings: Settings<F>) => Partial<Limits>)
  readonly encode: (envelope: Envelope, settings: Settings<F>) => Item | null
  /** Says what is wrong with settings that are right one by one: what one needs of another. */
  readonly check?: (settings: Settings<F>) => readonly string[]
  /** Needed, unless there is `send`. */
  readonly request?: (
    items: readonly Item[],
    settings: Settings<F>,
    context: RequestContext,
  ) => HttpRequest | Promise<HttpRequest>
  /** Takes the place of `request` and `verdicts`: see `send` of `Destination`. */
  readonly send?: (items: readonly Item[], settings: Settings<F>, context: SendContext) => Promise<SendResult>
  /**
   * One verdict for all items, or one each in their order. Without it, and where it returns undefined, the status decides (see
   * `verdictOfStatus` of delivery).
   */
  readonly verdicts?: (response: HttpResponse, items: readonly Item[]) => Verdict | readonly Verdict[] | undefined
  /**
   * Makes the request that deletes a user at the vendor, where the vendor has an API for it. Throws, with what is missing, where
   * it cannot be made; a request that is repeated must be harmless.
   */
  readonly forget?: (
    user: ForgottenUser,
    settings: Settings<F>,
    context: RequestContext,
  ) => HttpRequest | Promise<HttpRequest>
}

const defaults: Limits = { events: 1, bytes: 1_000_000, parallel: 6, timeoutSeconds: 10 }

/**
 * Makes a destination of its pure functions: what `destinations/*.ts` export and the config calls with settings.
 *
 * @param spec name, settings, limits and functions; limits left out are 1 event, 1 MB, as many requests at once as the config allows, 10 seconds
 * @returns a function from settings to a destination; what is wrong with the settings is in its `problems`, nothing throws
 * @example destinations: { crm: { use: webhook({ url: 'https://crm.example.com/events', secret: env.CRM_SECRET }) } }
 */
export const defineDestination =
  <const F extends Fields>(spec: DestinationSpec<F>) =>
  (input: Input<F>): Destination => {
    const needed = ['encode', isRecord(spec) && spec.send !== undefined ? 'send' : 'request']
    const broken = specProblems(spec, { needed, optional: ['request', 'send', 'verdicts', 'forget', 'check'] })
    if (broken.length > 0) return brokenDestination(broken)
    const { settings, problems, redacted, secrets } = checkSettings(spec.settings, input)
    const { forget, request = notByRequest, send } = spec
    const together = problems.length === 0 ? (spec.check?.(settings) ?? []) : []
    // Limits and functions may count on settings that are all right; with problems, none of them is ever called.
    const { limits, problems: wrongLimits } = checkLimits(() =>
      typeof spec.limits !== 'function' ? spec.limits : problems.length === 0 ? spec.limits(settings) : {},
    )
    return {
      kind: 'destination',
      name: spec.name,
      limits: { ...defaults, ...limits },
      problems: [...problems, ...together, ...wrongLimits],
      redacted,
      secrets,
      encode: (envelope) => spec.encode(envelope, settings),
      request: (items, context) => request(items, settings, context),
      ...(send === undefined ? {} : { send: (items, context) => send(items, settings, context) }),
      ...(spec.verdicts === undefined ? {} : { verdicts: spec.verdicts }),
      ...(forget === undefined ? {} : { forget: (user, context) => forget(user, settings, context) }),
    }
  }

const notByRequest = (): never => {
  throw new Error('This destination sends by itself')
}

/** Stands in for a destination that cannot be made; with problems, it is never called. */
const brokenDestination = (problems: readonly string[]): Destination => ({
  kind: 'destination',
  name: 'unknown',
  limits: defaults,
  problems,
  redacted: {},
  encode: () => null,
  request: async () => Promise.reject(new Error('This destination could not be made')),
})
