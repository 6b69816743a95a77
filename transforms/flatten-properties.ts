import { defineTransform } from 'sluiceway/transform'

type Fields = Readonly<Record<string, unknown>>

/**
 * Makes properties of the members of objects in properties: `{ "address": { "city": "London" } }` becomes
 * `{ "address_city": "London" }`.
 *
 * Arrays stay as they are, or become text. A property stays an object where one of its new names is taken, so that no value takes
 * the place of another. An empty object stays.
 */
export const flattenProperties = defineTransform({
  name: 'flatten-properties',
  settings: {
    separator: { type: 'string', about: 'Put between the names.', default: '_' },
    depth: {
      type: 'number',
      about: 'Levels that are flattened; what is below stays an object.',
      default: 10,
      min: 1,
      max: 50,
      whole: true,
    },
    arrays: {
      type: 'choice',
      about: 'What becomes of arrays: they are kept, or are text in JSON.',
      choices: ['keep', 'json'],
      default: 'keep',
    },
  },
  make: ({ separator, depth, arrays }) => {
    const leaf = (value: unknown): unknown =>
      arrays === 'json' && Array.isArray(value) ? JSON.stringify(value) : value
    const entriesOf = (key: string, value: unknown, levels: number): [string, unknown][] => {
      if (levels === 0 || !isFilled(value)) return [[key, leaf(value)]]
      return Object.entries(value).flatMap(([name, one]) => entriesOf(`${key}${separator}${name}`, one, levels - 1))
    }
    return {
      transformEvent: (event) => {
        const { properties } = event
        if (!isFilled(properties)) return event
        const parts = Object.entries(properties).map(([key, value]) => ({
          key,
          value,
          entries: entriesOf(key, value, depth),
        }))
        const counts = new Map<string, number>()
        const count = (name: string) => counts.set(name, (counts.get(name) ?? 0) + 1)
        for (const { key, entries } of parts)
          for (const name of new Set([key, ...entries.map(([one]) => one)])) count(name)
        // Of two names in one part as well: { a: { "b_c": 1, "b": { "c": 2 } } }.
        const isClear = (entries: readonly [string, unknown][]) =>
          new Set(entries.map(([name]) => name)).size === entries.length &&
          entries.every(([name]) => counts.get(name) === 1)
        event.properties = Object.fromEntries(
          parts.flatMap(({ key, value, entries }) => (isClear(entries) ? entries : [[key, value]])),
        )
        return event
      },
    }
  },
})

const isFilled = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).length > 0
