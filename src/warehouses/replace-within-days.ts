/** The setting that says how far back an event that comes again is looked for. */
export const replaceWithinDays = {
  type: 'number',
  whole: true,
  min: 1,
  max: 3650,
  about: 'How far back an event that comes again is looked for, by `received_at`; left out, in the whole table.',
  optional: true,
} as const
