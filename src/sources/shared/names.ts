/** The words of a vendor's name for something, capitalized: `incident.priority_updated` is `Incident Priority Updated`. */
export const titleOf = (name: string): string =>
  name
    .split(/[\s._-]+/)
    .filter((word) => word !== '')
    .map((word) => `${word.slice(0, 1).toUpperCase()}${word.slice(1)}`)
    .join(' ')

/** The setting of a source whose events may be renamed; read by `renameKeys`. */
export const eventNames = {
  type: 'string',
  about: 'Names for events, as "from=to" with commas between: "reaction_added=Reaction Added". Others keep theirs.',
  optional: true,
  check: (names: string) =>
    pairsOf(names).every(([from, to]) => from !== '' && to !== undefined && to !== '')
      ? undefined
      : 'must look like "reaction_added=Reaction Added, team_join=Team Joined"',
} as const

/** The name that a setting made with `eventNames` gives to an event; its own when it names none. */
export const renameKeys = (event: string, names: string | undefined): string =>
  pairsOf(names ?? '').find(([from]) => from === event)?.[1] ?? event

const pairsOf = (names: string): (readonly [from: string, to: string | undefined])[] =>
  names
    .split(',')
    .filter((pair) => pair.trim() !== '')
    .map((pair) => {
      const end = pair.indexOf('=')
      return end < 0 ? [pair.trim(), undefined] : [pair.slice(0, end).trim(), pair.slice(end + 1).trim()]
    })

/** A name in snake case as one in camel case: `event_timestamp_ms` is `eventTimestampMs`. */
export const camelOf = (name: string): string =>
  name.replace(/(?<!_)_+([a-z0-9])/gi, (_, first: string) => first.toUpperCase())
