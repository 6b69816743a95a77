import { defineTransform, valueAt } from 'sluiceway/transform'

const encoder = new TextEncoder()

/** What two events have in common that say the same. */
const content = [
  'type',
  'event',
  'name',
  'category',
  'userId',
  'anonymousId',
  'groupId',
  'previousId',
  'properties',
  'traits',
]

/**
 * Gives events that say the same one messageId, so that the stream drops the second as it drops repeats of an SDK.
 *
 * The id is the SHA-256 of the values at `fields` and of the period of `minutes` that the event's `timestamp` is in. The state is
 * the stream's, not this transform's: it holds across requests and restarts, and for as long as the stream knows repeats
 * (`dedupMinutes` of `log()`, ten minutes of the others), among events of one partition, which all of one user are. Two that are alike
 * and lie on both sides of the end of a period are both taken. Nothing is dropped by the transform itself. For a source: in
 * front of a destination only the id is another.
 */
export const dedupeByContent = defineTransform({
  name: 'dedupe-by-content',
  settings: {
    fields: {
      type: 'list',
      about:
        'Paths whose values make two events alike, e.g. "event", "userId", "properties.order_id"; all of the content, where left out.',
      optional: true,
    },
    minutes: {
      type: 'number',
      about:
        'Length of a period within which an event is taken once; 0: once, for as long as stream and warehouse know its id.',
      default: 10,
      min: 0,
      max: 44_640,
    },
  },
  make: ({ fields = content, minutes }) => ({
    transformEvent: async (event) => {
      const values = fields.map((path) => valueAt(event, path) ?? null)
      // An event without any of it is like every other such: it keeps its own id.
      if (values.every((value) => value === null)) return event
      const at = Date.parse(event.timestamp ?? '')
      const period = minutes === 0 || Number.isNaN(at) ? null : Math.floor(at / (minutes * 60_000))
      const text = JSON.stringify([fields, values.map(sortKeys), period])
      const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', encoder.encode(text)))
      event.messageId = `content-${Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('')}`
      return event
    },
  }),
})

/** The order in which an SDK writes keys says nothing. */
function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortKeys)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).map(([key, one]) => [key, sortKeys(one)] as const)
  return Object.fromEntries(entries.toSorted(([a], [b]) => (a < b ? -1 : 1)))
}
