import { AsyncLocalStorage } from 'node:async_hooks'
import type { Bindings } from '../../src/core/bindings.ts'
import { D1_QUERIES_PER_INVOCATION, SUBREQUESTS_PER_INVOCATION } from '../../src/platform/limits.ts'
import { RemoteGroups } from '../../src/lanes/remote-sender.ts'
import { countedD1 } from './limited-d1.ts'
import { r2WriteLimit } from './limited-r2.ts'
import { methodsOf } from './object-methods.ts'

/** Connections of one invocation that may wait for the headers of their answers; more wait for a place. */
const connections = 6
/** Of one row of a Durable Object, in bytes; locally a larger one goes in. */
const rowBytes = 2_000_000
/** Of the text of one statement, in bytes. */
const statementBytes = 100_000
const parameters = 100
/** Of a key of R2, in bytes, and of the metadata that go with an object. */
const r2KeyBytes = 1_024
const r2MetadataBytes = 8_192
/** Keys of R2 that one call deletes. */
const r2Deletes = 1_000
/** Active timers; an object may have ten times as many, and here all objects have them together. */
const mostTimers = 1_000

/** What an invocation has used. */
interface Invocation {
  readonly name: string
  readonly object: unknown
  subrequests: number
  queries: number
  waiting: number
  readonly queue: (() => void)[]
}

/** How near the limits all invocations came, and which they reached. */
export interface LimitReport {
  /** The most that one invocation made, by its name. */
  readonly subrequests: Readonly<Record<string, number>>
  readonly queries: number
  readonly waiting: number
  readonly timers: number
  readonly rowBytes: number
  readonly parameters: number
  /** What was refused, and how often. */
  readonly reached: Readonly<Record<string, number>>
  /** Alarms that ran once more, as the platform may have it. */
  readonly repeatedAlarms: number
}

const report = {
  subrequests: {} as Record<string, number>,
  queries: 0,
  waiting: 0,
  timers: 0,
  rowBytes: 0,
  parameters: 0,
  reached: {} as Record<string, number>,
  repeatedAlarms: 0,
}
const current = new AsyncLocalStorage<Invocation>()
const checkR2Write = r2WriteLimit()
/** Subrequests that one invocation may make. */
let most = SUBREQUESTS_PER_INVOCATION

export const limitReport = (): LimitReport => report

/** Sets how many subrequests one invocation may make from now on. */
export function setSubrequests(subrequests: number): void {
  most = subrequests
}

const refuse = (message: string): never => {
  report.reached[message] = (report.reached[message] ?? 0) + 1
  throw new Error(message)
}

function countSubrequest(by = 1): void {
  const invocation = current.getStore()
  if (invocation === undefined) return
  if (invocation.subrequests + by > most) refuse('Too many subrequests by single Worker invocation.')
  invocation.subrequests += by
  report.subrequests[invocation.name] = Math.max(report.subrequests[invocation.name] ?? 0, invocation.subrequests)
}

/** What is begun in an invocation belongs to it, also what goes on when it has answered. */
const enter = <T>(name: string, object: unknown, work: () => T): T =>
  object !== undefined && current.getStore()?.object === object ? work() : current.run(begin(name, object), work)

const begin = (name: string, object: unknown): Invocation => ({
  name,
  object,
  subrequests: 0,
  queries: 0,
  waiting: 0,
  queue: [],
})

type Class = new (ctx: DurableObjectState, env: Bindings) => object
type Methods = Record<string, (...args: unknown[]) => unknown>

/**
 * Enforces, in workerd, what Cloudflare does for each invocation and workerd does not on one machine: subrequests, queries of D1,
 * connections, timers, sizes of rows and statements, the rules of R2, alarms that run twice. workerd itself holds to the size of
 * calls and the number of bound parameters. CPU and memory are not enforced.
 *
 * @param app what `sluiceway` gives
 * @returns the same with every entry limited; `limitReport` tells how near the limits it came
 */
export function limitApp<App extends object>(app: App): App {
  limitGlobals()
  limitRemoteGroups()
  return Object.fromEntries(
    Object.entries(app).map(([name, part]) => {
      if (name === 'handler') return [name, limitHandler(part as Methods)]
      return [name, typeof part === 'function' ? limitClass(name, part as Class) : part]
    }),
  ) as App
}

const limitHandler = (handler: Methods): Methods =>
  Object.fromEntries(
    Object.entries(handler).map(([name, method]) => [
      name,
      (given: unknown, env: unknown, ...rest: unknown[]) =>
        enter(`handler.${name}`, undefined, () => method(given, limitBindings(env as Bindings), ...rest)),
    ]),
  )

function limitClass(name: string, base: Class): Class {
  const limited = class extends base {
    constructor(ctx: DurableObjectState, env: Bindings) {
      // What sends for lanes has none.
      if ('storage' in ctx) limitSql(ctx.storage.sql)
      super(ctx, limitBindings(env))
    }
  }
  const methods = limited.prototype as unknown as Methods
  for (const method of methodsOf(base.prototype as object)) {
    const original = methods[method] as (...args: unknown[]) => unknown
    const run = (object: object, args: unknown[]) =>
      enter(`${name}.${method}`, object, () => original.apply(object, args))
    methods[method] =
      method === 'alarm'
        ? async function (this: object, ...args: unknown[]) {
            await run(this, args)
            // At least once is what the platform says.
            report.repeatedAlarms++
            await run(this, args)
          }
        : function (this: object, ...args: unknown[]) {
            return run(this, args)
          }
  }
  return limited
}

function limitSql(sql: SqlStorage): void {
  const exec = sql.exec.bind(sql) as (query: string, ...bindings: unknown[]) => unknown
  Object.defineProperty(sql, 'exec', {
    value: (query: string, ...bindings: unknown[]) => {
      const bytes = bindings.reduce<number>((sum, value) => sum + bytesOf(value), 0)
      report.rowBytes = Math.max(report.rowBytes, bytes)
      report.parameters = Math.max(report.parameters, bindings.length)
      if (bytes > rowBytes) refuse('string or blob too big: SQLITE_TOOBIG')
      if (bindings.length > parameters) refuse('too many SQL variables: SQLITE_ERROR')
      if (query.length > statementBytes) refuse('statement too long: SQLITE_TOOBIG')
      return exec(query, ...bindings)
    },
  })
}

function bytesOf(value: unknown): number {
  if (typeof value === 'string') return Buffer.byteLength(value)
  return value instanceof ArrayBuffer || ArrayBuffer.isView(value) ? value.byteLength : 8
}

function limitBindings(env: Bindings): Bindings {
  const limited: Record<string, unknown> = { ...env }
  for (const [name, binding] of Object.entries(env as unknown as Record<string, unknown>)) {
    if (typeof binding !== 'object' || binding === null) continue
    if ('getByName' in binding) limited[name] = limitNamespace(binding as Namespace)
    else if ('prepare' in binding) limited[name] = countedD1(binding as D1Database, countQueries)
    else if ('put' in binding) limited[name] = limitBucket(binding as R2Bucket)
  }
  return limited as unknown as Bindings
}

function countQueries(statements: number): void {
  countSubrequest()
  const invocation = current.getStore()
  if (invocation === undefined) return
  invocation.queries += statements
  report.queries = Math.max(report.queries, invocation.queries)
  if (invocation.queries > D1_QUERIES_PER_INVOCATION) refuse('Too many API requests by single Worker invocation.')
}

interface Namespace {
  readonly getByName: (name: string, options?: object) => Methods
}

const limitNamespace = (namespace: Namespace): Namespace => ({
  getByName: (...which) => {
    const stub = namespace.getByName(...which)
    return new Proxy(stub, {
      get:
        (_, method: string) =>
        async (...args: unknown[]) => {
          countSubrequest()
          return (stub[method] as (...args: unknown[]) => unknown)(...args)
        },
    })
  },
})

function limitBucket(bucket: R2Bucket): R2Bucket {
  return new Proxy(bucket, {
    get(target, name: keyof R2Bucket) {
      const method: unknown = Reflect.get(target, name)
      if (typeof method !== 'function') return method
      return async (first: string | string[], ...rest: unknown[]) => {
        countSubrequest()
        for (const key of [first].flat())
          if (typeof key === 'string' && Buffer.byteLength(key) > r2KeyBytes) refuse('R2: the key is too long (10020)')
        if (name === 'delete' && Array.isArray(first) && first.length > r2Deletes) refuse('R2: too many keys (10010)')
        if (name === 'put') {
          const { customMetadata = {} } = (rest[1] ?? {}) as R2PutOptions
          if (Buffer.byteLength(JSON.stringify(customMetadata)) > r2MetadataBytes)
            refuse('R2: metadata too large (10012)')
          checkR2Write(first as string)
        }
        return (method as (...args: unknown[]) => unknown).call(target, first, ...rest)
      }
    },
  })
}

/** All that is sent through one of them belongs to the invocation that `open` began. */
function limitRemoteGroups(): void {
  const invocations = new WeakMap<object, Invocation>()
  const groups = RemoteGroups.prototype as unknown as Methods
  const forward = groups['forward'] as (...args: unknown[]) => unknown
  groups['forward'] = function (this: object, ...args: unknown[]) {
    const invocation = invocations.get(this) ?? begin('RemoteSender.open', this)
    invocations.set(this, invocation)
    return current.run(invocation, () => forward.apply(this, args))
  }
}

function limitGlobals(): void {
  const realFetch = globalThis.fetch
  globalThis.fetch = (async (...args: Parameters<typeof fetch>) => {
    countSubrequest()
    const invocation = current.getStore()
    if (invocation === undefined) return realFetch(...args)
    if (invocation.waiting >= connections) await new Promise<void>((resolve) => invocation.queue.push(resolve))
    invocation.waiting++
    report.waiting = Math.max(report.waiting, invocation.waiting + invocation.queue.length)
    try {
      return await realFetch(...args)
    } finally {
      invocation.waiting--
      invocation.queue.shift()?.()
    }
  }) as typeof fetch

  const timers = new Set<unknown>()
  const [realTimeout, realClear] = [globalThis.setTimeout, globalThis.clearTimeout]
  globalThis.setTimeout = ((callback: (...args: unknown[]) => void, ...rest: [number]) => {
    if (timers.size >= mostTimers) refuse('You have exceeded the number of active timers you may set.')
    const timer: unknown = realTimeout(
      (...args: unknown[]) => {
        timers.delete(timer)
        callback(...args)
      },
      ...rest,
    )
    timers.add(timer)
    report.timers = Math.max(report.timers, timers.size)
    return timer
  }) as typeof setTimeout
  globalThis.clearTimeout = ((timer: number | undefined) => {
    timers.delete(timer)
    realClear(timer)
  }) as typeof clearTimeout
}
