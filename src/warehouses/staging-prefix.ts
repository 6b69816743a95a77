/**
 * Declares the setting that says how names of staged objects begin.
 *
 * @param named what it is when left out
 */
export const stagingPrefix = (named: string) =>
  ({
    type: 'string',
    about: 'Begins the name of every object in the bucket.',
    default: named,
    check: (prefix: string) =>
      /^[\w-]{1,100}(\/[\w-]{1,100}){0,4}$/.test(prefix)
        ? undefined
        : 'must be names of letters, digits, "_" and "-", with "/" between them',
  }) as const
