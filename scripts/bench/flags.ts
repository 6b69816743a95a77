import { parseArgs } from 'node:util'

/**
 * Reads the options of a benchmark, all of them numbers; prints `help` and exits when it is asked for or one is wrong.
 *
 * @param help what `--help` prints
 * @param defaults the options and their values when left out; NaN for one that has none
 */
export function numbersFrom<const Name extends string>(
  help: string,
  defaults: Readonly<Record<Name, number>>,
): Record<Name, number> {
  const names = Object.keys(defaults) as Name[]
  try {
    const { values } = parseArgs({
      options: {
        help: { type: 'boolean', short: 'h' },
        ...Object.fromEntries(names.map((name) => [name, { type: 'string' } as const])),
      },
    }) as { readonly values: Readonly<Record<string, string | boolean | undefined>> }
    if (values['help'] === true) {
      process.stdout.write(help)
      process.exit(0)
    }
    const read = names.map((name): [Name, number] => {
      const given = values[name]
      if (given === undefined) return [name, defaults[name]]
      if (!(Number(given) > 0)) throw new RangeError(`--${name} must be a number above 0, not "${given}"`)
      return [name, Number(given)]
    })
    return Object.fromEntries(read) as Record<Name, number>
  } catch (thrown) {
    process.stderr.write(`${(thrown as Error).message}\n\n${help}`)
    process.exit(1)
  }
}
