import { isPromise } from '../core/deadline.ts'
import type { ResolvedConfig, Target } from '../core/resolved-config.ts'
import type { Transform, TransformFunctions } from '../core/transform.ts'
import type { Warehouse } from '../core/warehouse.ts'

/** What the local server hands over as `WATCH_TRANSFORMS`. */
export interface Watching {
  /** What each mark begins with; the code of transforms does not know it. */
  readonly token: string
  /** Runs of each transform that are marked; null marks all. */
  readonly runs: number | null
  /** When the runtime had to be ended, ISO 8601, by the name of the transform that did not end. */
  readonly suspended: Readonly<Record<string, string>>
}

/**
 * Watches the transforms of a config: a mark goes to the console before one runs, and those that are suspended are not run. A
 * line leaves the process before the next statement runs, so that it is out when that never ends. A mark costs about 25 µs, so
 * only the first runs are marked.
 *
 * ```
 * <token> <run> begin score     its code runs now, and nothing else
 * <token> <run> wait            it has let go of the thread
 * <token> <run> end
 * <token> <run> query tables    the database of a warehouse runs a statement of somebody, until its end
 * <token> unmarked              from now on, something runs without marks
 * ```
 *
 * @param resolved the config
 * @param text JSON of `Watching`
 * @param write writes a line at once: the log would gather it
 * @returns the config with watched transforms
 */
export function watchTransforms(
  resolved: ResolvedConfig,
  text: string,
  write: (line: string) => void = (line) => console.log(line),
): ResolvedConfig {
  const { token, runs, suspended } = JSON.parse(text) as Watching
  const mark = marker(runs, (line) => write(`${token} ${line}`))
  const watched = (transforms: readonly Transform[] | undefined, owner: string, waits: boolean): Transform[] =>
    (transforms ?? []).map((transform, i) => {
      const name = transform.name ?? `${i + 1} of the ${owner}`
      const at = suspended[name]
      return at === undefined ? marked(transform, name, mark) : stopped(transform, reasonOfSuspension(name, at), waits)
    })
  const waits = resolved.limits.suspended === 'wait'
  const sources = new Map(
    [...resolved.sources].map(([name, source]) => [
      name,
      // Whoever sent the event does not wait for a change of code: it is a dead letter, from which it is replayed.
      { ...source, transforms: watched(source.transforms, `source "${name}"`, false) },
    ]),
  )
  const targets = new Map(
    [...resolved.targets].map(([name, target]): [string, Target] => {
      const transforms = watched(target.route.transforms, `${target.kind} "${name}"`, waits)
      const use = target.kind === 'warehouse' ? { use: withMarkedQueries(target, mark) } : {}
      return [name, { ...target, route: { ...target.route, ...use, transforms } } as Target]
    }),
  )
  const sourcesByKey = new Map([...resolved.sourcesByKey].map(([key, { name }]) => [key, sources.get(name)]))
  return { ...resolved, sources, targets, sourcesByKey } as ResolvedConfig
}

/** Says why a transform is not run and what ends that. */
const reasonOfSuspension = (name: string, at: string): string =>
  `the transform ${/^\d+ of /.test(name) ? name : `"${name}"`} is suspended: it did not end on ${at}; change its code and start again`

interface Mark {
  <T>(name: string, call: () => T): T
  /** Marks a statement, of which each may hold the thread. */
  readonly query: <T>(warehouse: string, call: () => Promise<T>) => Promise<T>
}

function marker(most: number | null, write: (line: string) => void): Mark {
  const counts = new Map<string, number>()
  let last = 0
  let isUnmarkedTold = false
  const query = async <T>(warehouse: string, call: () => Promise<T>): Promise<T> => {
    const run = ++last
    write(`${run} query ${warehouse}`)
    return call().finally(() => write(`${run} end`))
  }
  const mark = <T>(name: string, call: () => T): T => {
    const count = (counts.get(name) ?? 0) + 1
    if (most !== null && count > most) {
      if (!isUnmarkedTold) write('unmarked')
      isUnmarkedTold = true
      return call()
    }
    counts.set(name, count)
    const run = ++last
    const end = () => write(`${run} end`)
    write(`${run} begin ${name}`)
    let result
    try {
      result = call()
    } catch (thrown) {
      end()
      throw thrown
    }
    if (isPromise(result)) {
      write(`${run} wait`)
      result.then(end, end)
    } else end()
    return result
  }
  return Object.assign(mark, { query })
}

/** Of a D1, which the local runtime runs in its own thread; any other warehouse computes elsewhere. */
function withMarkedQueries({ name, route: { use } }: Extract<Target, { kind: 'warehouse' }>, mark: Mark): Warehouse {
  if (use.name !== 'd1') return use
  return {
    ...use,
    open: (...place) => {
      const engine = use.open(...place)
      const { query } = engine
      if (query === undefined) return engine
      return Object.assign(engine, { query: (sql: string) => mark.query(name, () => query.call(engine, sql)) })
    },
  }
}

function marked(transform: Transform, name: string, mark: Mark): Transform {
  const { load, runBatch } = transform
  return {
    ...transform,
    ...functionsOf(transform, name, mark),
    ...(load === undefined ? {} : { load: () => functionsOf(mark(name, load), name, mark) }),
    ...(runBatch === undefined ? {} : { runBatch: (batch) => mark(name, () => runBatch(batch)) }),
  }
}

function functionsOf(functions: TransformFunctions, name: string, mark: Mark): TransformFunctions {
  const { transformEvent, transformBatch } = functions
  return {
    ...(transformEvent === undefined
      ? {}
      : { transformEvent: (...given) => mark(name, () => transformEvent(...given)) }),
    ...(transformBatch === undefined
      ? {}
      : { transformBatch: (...given) => mark(name, () => transformBatch(...given)) }),
  }
}

/** Takes the place of a transform that is not run. */
function stopped({ name }: Transform, reason: string, waits: boolean): Transform {
  const refuse = (): never => {
    // Its stack would be ours.
    throw Object.assign(new Error(reason), { stack: reason })
  }
  return { ...(name === undefined ? {} : { name }), transformEvent: refuse, ...(waits ? { suspended: reason } : {}) }
}
