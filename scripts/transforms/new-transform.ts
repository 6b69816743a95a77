import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { SluicewayError } from '../../src/core/errors.ts'
import { fileOf, functionName } from './load-transform.ts'

interface Options {
  /** The folder of `transforms/`. */
  readonly root: string
  /** What follows the command: `transform <name>`. */
  readonly argv: readonly string[]
  readonly say: (text: string) => void
}

const usage = 'npm run new -- transform <name>, in a folder of your own npx sluiceway new transform <name>'

/**
 * Makes a transform, and cases for it beside it.
 *
 * @param options where, and the command line
 * @throws {SluicewayError} bad_request when the name is none, or taken
 */
export function makeNew({ root, argv, say }: Options): void {
  const [kind, name = '', ...rest] = argv
  if (kind !== 'transform' || name === '' || rest.length > 0) throw new SluicewayError('bad_request', `Usage: ${usage}`)
  if (!/^[a-z][a-z0-9]*(?:-[a-z0-9]+)*$/.test(name))
    throw new SluicewayError(
      'bad_request',
      `"${name}" cannot be the name: it is of small letters, digits and hyphens, such as order-size`,
    )
  const cases = join(root, `transforms/${name}.test.json`)
  const taken = [fileOf(root, name), cases].find((file) => file !== undefined && existsSync(file))
  if (taken !== undefined) throw new SluicewayError('bad_request', `${taken} is there already; it stays as it is`)
  mkdirSync(join(root, 'transforms'), { recursive: true })
  writeFileSync(join(root, `transforms/${name}.ts`), moduleOf(name))
  writeFileSync(cases, `${JSON.stringify(firstCases, null, 2)}\n`)
  const isRepository = existsSync(join(root, 'src/config.ts'))
  say(
    [
      `transforms/${name}.ts and transforms/${name}.test.json made`,
      '',
      'Run its cases at each save:',
      `  ${isRepository ? 'npm run transforms -- test' : 'npx sluiceway transforms test'} ${name} --watch`,
      '',
      `In ${isRepository ? 'src/config.ts' : 'config.ts'}, put it into the "transforms" of a source or destination:`,
      `  import * as ${functionName(name)} from '${isRepository ? '..' : '.'}/transforms/${name}.ts'`,
      `  transforms: [${functionName(name)}]`,
    ].join('\n'),
  )
}

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
