import { defineTransform, KvReader, objectAt, valueAt } from 'sluiceway/transform'

/**
 * Adds what a KV namespace has about an event: the members of a row, which is a JSON object, by a value of the event.
 *
 * What the event has already stays, unless `overwrite` says otherwise. An event without the value, or without a row, stays as it
 * is. All events of a request or delivery are looked up in one call for each 100 rows, and rows are kept for `cacheSeconds` in each isolate:
 * a changed row is seen after that and KV's own minute. A namespace that cannot be read in three attempts, or a row that is no
 * JSON object, makes a dead letter of the events that need it, which can be replayed: no event goes on without what it should have.
 *
 * https://developers.cloudflare.com/kv/ (checked 2026-11-28)
 */
export const enrichFromKv = defineTransform({
  name: 'enrich-from-kv',
  settings: {
    table: { type: 'string', about: 'Name that wrangler.toml binds the KV namespace to, e.g. "PROFILES".' },
    key: { type: 'string', about: 'Path of the value that names the row.', default: 'userId' },
    prefix: { type: 'string', about: 'Put before the value, e.g. "user:".', optional: true },
    to: { type: 'string', about: 'Path of the object that the members go to.', default: 'context.traits' },
    fields: { type: 'list', about: 'Members of the row that are taken; all, where left out.', optional: true },
    overwrite: {
      type: 'boolean',
      about: 'True: a member of the row takes the place of what the event has.',
      default: false,
    },
    cacheSeconds: {
      type: 'number',
      about: 'How long a row is used again, also that there is none.',
      default: 60,
      min: 0,
      max: 86_400,
    },
  },
  make: ({ table, key, prefix = '', to, fields, overwrite, cacheSeconds }, tools) => {
    const reader = new KvReader(tools, { table, cacheSeconds })
    return {
      transformEvent: async (event) => {
        const value = valueAt(event, key)
        if ((typeof value !== 'string' && typeof value !== 'number') || value === '') return event
        const name = `${prefix}${value}`
        // A key of KV has 512 bytes at most: there is no row of that name.
        if (new TextEncoder().encode(name).length > 512) return event
        const text = await reader.read(name)
        if (text === null) return event
        const found = rowOf(text, `${table} has a row ${name}`)
        const row =
          fields === undefined
            ? found
            : Object.fromEntries(Object.entries(found).filter(([one]) => fields.includes(one)))
        const holder = objectAt(event, to)
        for (const [member, one] of Object.entries(row))
          if (overwrite || (holder[member] ?? null) === null) holder[member] = one
        return event
      },
    }
  },
})

function rowOf(text: string, what: string): Readonly<Record<string, unknown>> {
  let row: unknown
  try {
    row = JSON.parse(text)
  } catch {
    throw new Error(`${what} that is no JSON`)
  }
  if (typeof row !== 'object' || row === null || Array.isArray(row)) throw new Error(`${what} that is no JSON object`)
  return row as Record<string, unknown>
}
