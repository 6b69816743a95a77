import { defineTransform, partitionOf, valueAt } from 'sluiceway/transform'

/** How finely a share is told: in hundredths of a percent. */
const buckets = 10_000

/**
 * Keeps the events of a share of the users: of each user all or none, and the same users every time, everywhere.
 *
 * A user is the `userId`, or without one the `anonymousId`; `by` names another field. Who logs in may so be kept before and
 * dropped after: `by: 'anonymousId'` samples visitors. A larger share keeps all users of a smaller one of the same `seed`. An event that
 * names no user is kept.
 */
export const sampleByUser = defineTransform({
  name: 'sample-by-user',
  settings: {
    percent: { type: 'number', about: 'Share of the users that are kept, e.g. 10 or 0.5.', min: 0.01, max: 100 },
    by: { type: 'string', about: 'Path of what is sampled, e.g. "anonymousId" or "groupId".', optional: true },
    keep: { type: 'list', about: 'Names of track events that are kept of everybody.', optional: true },
    seed: { type: 'string', about: 'Chooses other users.', optional: true },
  },
  make: ({ percent, by, keep, seed = '' }) => {
    const kept = new Set(keep)
    const limit = Math.round((percent / 100) * buckets)
    return {
      transformEvent: (event) => {
        if (event.type === 'track' && typeof event.event === 'string' && kept.has(event.event)) return event
        const user = by === undefined ? (event.userId ?? event.anonymousId) : valueAt(event, by)
        if (user === undefined || user === null || user === '') return event
        return partitionOf(`${seed}:${String(user)}`, buckets) < limit ? event : null
      },
    }
  },
})
