import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { reasonOf, SluicewayError } from '../../src/core/errors.ts'
import { fileOf, functionName } from './load-transform.ts'

interface Options {
  /** The folder of `transforms/`. */
  readonly root: string
  /** What follows the command: `transform <name>`. */
  readonly argv: readonly string[]
  readonly say: (text: string) => void
}

const help = `Usage: npm run new -- transform <name> [--python]
       npx sluiceway new transform <name> [--python], in a folder of your own

makes transforms/<name>.ts, and cases that pass beside it (transforms/<name>.test.json).

  --python   make transforms/<name>.py; so does a name that ends with .py
  --help     show this`

/**
 * Makes a transform, in TypeScript or Python, and cases for it beside it.
 *
 * @param options where, and the command line
 * @throws {SluicewayError} bad_request when the name is none, or taken
 */
export function makeNew({ root, argv, say }: Options): void {
  const { values, positionals } = parse(argv)
  if (values.help) return say(help)
  const [kind, given = '', ...rest] = positionals
  if (kind !== 'transform' || given === '' || rest.length > 0) throw new SluicewayError('bad_request', help)
  const [, name = '', ending] = /^(.*?)(\.py|\.ts)?$/.exec(given) ?? []
  if (!/^[a-z][a-z0-9]*(?:-[a-z0-9]+)*$/.test(name))
    throw new SluicewayError(
      'bad_request',
      `"${given}" cannot be the name: it is of small letters, digits and hyphens, such as order-size`,
    )
  if (values.python && ending === '.ts')
    throw new SluicewayError('bad_request', `"${given}" is TypeScript, and --python asks for Python: leave one out`)
  const isPython = values.python || ending === '.py'
  const file = `transforms/${name}.${isPython ? 'py' : 'ts'}`
  const cases = `transforms/${name}.test.json`
  const taken = [fileOf(root, name), join(root, cases)].find((one) => one !== undefined && existsSync(one))
  if (taken !== undefined) throw new SluicewayError('bad_request', `${taken} is there already; it stays as it is`)
  mkdirSync(join(root, 'transforms'), { recursive: true })
  writeFileSync(join(root, file), isPython ? pythonOf() : moduleOf(name))
  writeFileSync(join(root, cases), `${JSON.stringify(firstCases, null, 2)}\n`)
  const isRepository = existsSync(join(root, 'src/config.ts'))
  const called = functionName(name)
  say(
    [
      `${file} and ${cases} made`,
      '',
      'Run its cases at each save:',
      `  ${isRepository ? 'npm run transforms -- test' : 'npx sluiceway transforms test'} ${name} --watch`,
      '',
      `In ${isRepository ? 'src/config.ts' : 'config.ts'}, put it into the "transforms" of a source or destination:`,
      ...(isPython
        ? [`  import * as ${called} from '#transforms/${name}'`, `  transforms: [${called}.inline]`]
        : [
            `  import * as ${called} from '${isRepository ? '..' : '.'}/transforms/${name}.ts'`,
            `  transforms: [${called}]`,
          ]),
      ...(isPython ? ['', 'Which part of Python there is: docs/transforms-python.md of Sluiceway'] : []),
    ].join('\n'),
  )
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: { python: { type: 'boolean', default: false }, help: { type: 'boolean', default: false } },
    })
  } catch (thrown) {
    throw new SluicewayError('bad_request', `${reasonOf(thrown)}\n\n${help}`)
  }
}

const pythonOf = (): string => `def transformEvent(event, metadata):
    """Drops debug pings, and leaves all other events as they are.

    Returns the event, changed or not; None drops it, a list multiplies it, an exception makes a dead letter of it.
    """
    if event.get("event") == "Debug Ping":
        return None
    return event
`

const moduleOf = (name: string): string => `import type { Event } from 'sluiceway/event'

/** What counters and dead letters call this transform. */
export const name = '${name}'

/**
 * Drops debug pings, and leaves all other events as they are.
 *
 * @returns the event, changed or not; null drops it, an array multiplies it, a throw makes a dead letter of it
 */
export function transformEvent(event: Event): Event | null {
  if (event.event === 'Debug Ping') return null
  return event
}
`

const firstCases = [
  {
    name: 'leaves an order as it is',
    event: {
      type: 'track',
      event: 'Order Completed',
      messageId: 'order-1843',
      userId: 'ada',
      properties: { order_id: '1843', total: 129.9 },
    },
    becomes: 'same',
  },
  {
    name: 'drops debug pings',
    event: { type: 'track', event: 'Debug Ping', messageId: 'ping-1', userId: 'ada' },
    becomes: 'dropped',
  },
]
