import type { Destination, DestinationSpec, Limits } from '../core/destination.ts'
import { checkSettings, type Fields, type Input } from './settings.ts'

const defaults: Limits = { events: 1, bytes: 1_000_000, parallel: 6, timeoutSeconds: 10 }

/**
 * Makes a destination of its pure functions: what `destinations/*.ts` export and the config calls with settings.
 *
 * @param spec name, settings, limits and functions; limits left out are 1 event, 1 MB, 6 requests at once, 10 seconds
 * @returns a function from settings to a destination; what is wrong with the settings is in its `problems`, nothing throws
 * @example destinations: { crm: { use: webhook({ url: 'https://crm.example.com/events', secret: env.CRM_SECRET }) } }
 */
export const defineDestination =
  <const F extends Fields>(spec: DestinationSpec<F>) =>
  (input: Input<F>): Destination => {
    const { settings, problems, redacted } = checkSettings(spec.settings, input)
    // Limits and functions may count on settings that are all right; with problems, none of them is ever called.
    const limits =
      typeof spec.limits === 'function' ? (problems.length === 0 ? spec.limits(settings) : {}) : spec.limits
    return {
      kind: 'destination',
      name: spec.name,
      limits: { ...defaults, ...limits },
      problems,
      redacted,
      encode: (envelope) => spec.encode(envelope, settings),
      request: (items, context) => spec.request(items, settings, context),
      ...(spec.verdicts === undefined ? {} : { verdicts: spec.verdicts }),
    }
  }
