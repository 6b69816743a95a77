/**
 * Finds which of the two functions a module in Python defines at its top level.
 *
 * @param source of the module
 */
export const definedFunctions = (source: string): string[] =>
  ['transformEvent', 'transformBatch'].filter((name) =>
    new RegExp(`^(?:async\\s+)?(?:def\\s+${name}\\b|${name}\\s*=)`, 'm').test(source),
  )
