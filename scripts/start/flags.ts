import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { reasonOf, SluicewayError } from '../../src/core/errors.ts'

/** What `npm start` was asked for. */
export interface Flags {
  readonly help: boolean
  readonly json: boolean
  readonly host: string
  /** 0 takes a free one. */
  readonly port: number
  /** Absolute path. */
  readonly state: string
  /** Absolute path of a config that replaces the one of the folder. */
  readonly config: string | undefined
  /** Seconds between runs of the scheduled functions. */
  readonly tick: number
  /** Seconds of computing without an answer after which the runtime counts as caught in an endless loop. */
  readonly loop: number
  /** Port for a debugger; undefined where nobody asked for one. */
  readonly inspect: number | undefined
  /** Absolute paths of files with values; undefined for those that are read when nothing is said. */
  readonly envFiles: readonly string[] | undefined
  /** Of the process environment and `--var`. */
  readonly vars: Readonly<Record<string, string>>
}

/** Variables of the process environment that are handed to the config; they win over files, `--var` wins over them. */
const passedOn = ['WRITE_KEY', 'ADMIN_TOKEN', 'WEBHOOK_SECRET', 'WEBHOOK_URL', 'POSTGRES_URL', 'STREAM'] as const

export const help = `Usage: npm start -- [options]
       npx sluiceway start [options], in a folder of your own

Builds Sluiceway and serves it on this machine, with state that survives restarts.

  --port <number>      port to listen on; 0 takes a free one (default: 8787, or PORT)
  --host <address>     address to listen on (default: 127.0.0.1, which only this machine can reach)
  --state <folder>     where events, keys and tables are kept (default: .sluiceway)
  --config <file>      a config file to use instead of src/config.ts (config.ts in a folder of your own)
  --env-file <file>    values for the config's env, as NAME=value lines; may be repeated, the later one wins
                       (default: .dev.vars, else .env and .env.local, where there is one; /dev/null reads none)
  --var <NAME=value>   a value for the config's env; may be repeated. Everybody on this machine can see it
                       (ps): secrets belong in a file
  --tick <seconds>     how often the scheduled functions run (default: 5)
  --loop <seconds>     how long the runtime may compute without answering: then it is caught in an endless loop,
                       is started anew, and the transform that did not end is suspended (default: 7)
  --inspect <port>     let a debugger see the Worker's code and memory: chrome://inspect, with localhost:<port>
  --json               print one line of JSON on stdout when ready, and nothing else there:
                       {"url","writeKey","adminToken","pid","workerdPid","demo"}; null for a key that the
                       config does not take, or a demo that it does not have
                       (npm's own heading goes away with: npm start --silent -- --json)
  --help               show this

The config's env gets LOCAL=1, DEMO, SINK_URL (the demo's own webhook sink), WRITE_KEY, ADMIN_TOKEN and
WEBHOOK_SECRET (made once and kept in the state folder); over them what the files say; over them the variables
${passedOn.slice(3).join(', ')} and the three before them from the process environment when they are set there;
and every --var, which wins.
Ctrl-C stops it; nothing that was accepted is lost.
`

interface World {
  readonly argv: readonly string[]
  readonly env: Readonly<Record<string, string | undefined>>
  /** Where relative paths start. */
  readonly cwd: string
  /** The repository or the user's folder, where the default state folder is. */
  readonly root: string
}

/**
 * Reads the command line of `npm start`.
 *
 * @param world the arguments and what they may refer to
 * @returns every option, with defaults filled in and paths made absolute
 * @throws {SluicewayError} bad_request, naming the option that is wrong
 */
export function readFlags({ argv, env, cwd, root }: World): Flags {
  const { values } = parse(argv)
  return {
    help: values.help ?? false,
    json: values.json ?? false,
    host: values.host ?? '127.0.0.1',
    port: portOf(values.port ?? env.PORT ?? '8787'),
    state: values.state === undefined ? resolve(root, '.sluiceway') : resolve(cwd, values.state),
    config: values.config === undefined ? undefined : resolve(cwd, values.config),
    tick: secondsOf('tick', values.tick ?? '5'),
    loop: secondsOf('loop', values.loop ?? '7'),
    inspect: values.inspect === undefined ? undefined : portOf(values.inspect, 'inspect'),
    envFiles: values['env-file']?.map((path) => resolve(cwd, path)),
    vars: { ...varsOf(env), ...Object.fromEntries((values.var ?? []).map(pairOf)) },
  }
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      options: {
        port: { type: 'string' },
        host: { type: 'string' },
        state: { type: 'string' },
        config: { type: 'string' },
        'env-file': { type: 'string', multiple: true },
        var: { type: 'string', multiple: true },
        tick: { type: 'string' },
        loop: { type: 'string' },
        inspect: { type: 'string' },
        json: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    })
  } catch (thrown) {
    const [sentence = ''] = reasonOf(thrown).split('. To specify')
    throw wrong(`${sentence.replace(/\.$/, '')}; npm start -- --help lists the options`)
  }
}

function portOf(text: string, option = 'port'): number {
  const port = Number(text)
  if (!/^\d+$/.test(text) || port > 65_535) throw wrong(`--${option} must be a number from 0 to 65535, not "${text}"`)
  return port
}

function secondsOf(option: string, text: string): number {
  const seconds = Number(text)
  if (!(seconds >= 0.1 && seconds <= 3_600)) throw wrong(`--${option} must be seconds from 0.1 to 3600, not "${text}"`)
  return seconds
}

function pairOf(text: string): [string, string] {
  const match = /^([A-Za-z_]\w*)=(.*)$/s.exec(text)
  if (match?.[1] === undefined) throw wrong('--var must look like NAME=value')
  return [match[1], match[2] ?? '']
}

function varsOf(env: World['env']): Record<string, string> {
  return Object.fromEntries(
    passedOn.flatMap((name) => (env[name] === undefined || env[name] === '' ? [] : [[name, env[name]]])),
  )
}

const wrong = (message: string) => new SluicewayError('bad_request', message)
