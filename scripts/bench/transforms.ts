// What transforms take: events a second inline, isolated and in Python, beside the same code in isolated-vm, where RudderStack runs it.
import { isDeepStrictEqual } from 'node:util'
import type { Event } from '../../src/core/event.ts'
import { type ContractWorker, startContract, type Way } from '../../test/support/contract.ts'
import { numbersFrom } from './flags.ts'
import { median } from './median.ts'
import { session } from './session.ts'
import { fixed, table, whole } from './table.ts'

const help = `Usage: npm run bench:transforms -- [options]

Runs one transform over orders of about 300 bytes, in batches of 1, 20 and 200 events, one batch after the other: in workerd inline,
isolated and in Python, and in isolated-vm in this process, with a fresh isolate for each batch and with one that is kept: events go
in and out as text, the fastest way (targets are against it), or as copies. Each gets and gives objects. isolated-vm checks nothing
that comes back, and has no deadline for promises. It is no dependency; without it the yardstick is left out:
  npm install --no-save isolated-vm@7.0.1

  --seconds <n>   length of a round (default: 1)
  --rounds <n>    rounds of each, in turn; medians are shown (default: 5)
  --help          show this
`

const flags = numbersFrom(help, { seconds: 1, rounds: 5 })
const say = (text: string) => process.stdout.write(`${text}\n`)
/** Events of a batch. */
const sizes = [1, 20, 200] as const

const javaScript = `
export function transformEvent(event, metadata) {
  const { properties } = event
  if (properties.products.length === 0) return null
  const total = properties.products.reduce((sum, { price, quantity }) => sum + price * quantity, 0)
  properties.total_cents = Math.round(total * 100)
  properties.is_large = total > 100
  properties.source = metadata(event).sourceName
  return event
}
`
const python = `
def transformEvent(event, metadata):
    properties = event["properties"]
    if len(properties["products"]) == 0:
        return None
    total = 0
    for product in properties["products"]:
        total += product["price"] * product["quantity"]
    properties["total_cents"] = round(total * 100)
    properties["is_large"] = total > 100
    properties["source"] = metadata(event)["sourceName"]
    return event
`

const ordersOf = (count: number): Event[] =>
  Array.from({ length: count }, (_, i) => ({
    type: 'track',
    event: 'Order Completed',
    messageId: `order-${1_800 + i}`,
    userId: `user-${i}`,
    timestamp: '2026-11-28T17:45:30.123Z',
    properties: {
      order_id: `${1_800 + i}`,
      currency: 'EUR',
      products: Array.from({ length: 1 + (i % 3) }, (_product, n) => ({
        sku: `SKU-${n}`,
        quantity: n + 1,
        price: 12.5 + 40 * n,
      })),
    },
  }))

/** Runs a batch so often, one after the other; gives the events of the last time. */
type Runs = (events: readonly Event[], times: number) => Promise<readonly Event[]>

const inWorkerd =
  (worker: ContractWorker, transform: string, way: Way): Runs =>
  async (events, times) => {
    const ran = await worker.run({ transforms: [transform], way, events, times })
    if (ran.failed[0] !== undefined) throw new Error(ran.failed[0].error.stack)
    return ran.events.map(({ event }) => event)
  }

/** What is used of isolated-vm. */
interface IsolatedVm {
  readonly Isolate: new (options: { memoryLimit: number }) => VmIsolate
}
interface VmIsolate {
  readonly createContext: () => Promise<VmContext>
  readonly compileScript: (code: string) => Promise<{ readonly run: (context: VmContext) => Promise<unknown> }>
  readonly dispose: () => void
}
interface VmContext {
  readonly global: {
    readonly get: (name: string, options: { reference: true }) => Promise<VmFunction>
  }
}
interface VmFunction {
  readonly apply: (
    self: undefined,
    args: readonly unknown[],
    options: Readonly<Record<string, unknown>>,
  ) => Promise<unknown>
}

/** The module as a script, and what calls it for a batch: text in, text out, as ours has it; or objects. */
const script = `
${javaScript.replace('export ', '')}
function run(batch) { return JSON.stringify(runObjects(JSON.parse(batch))) }
function runObjects({ events, metadata }) {
  const byId = new Map(metadata.map((one) => [one.messageId, one]))
  const of = (event) => byId.get(event.messageId) ?? {}
  return events.flatMap((event) => transformEvent(event, of) ?? [])
}
`

async function opened({ Isolate }: IsolatedVm) {
  const isolate = new Isolate({ memoryLimit: 128 })
  const context = await isolate.createContext()
  await (await isolate.compileScript(script)).run(context)
  const run = await context.global.get('run', { reference: true })
  const runObjects = await context.global.get('runObjects', { reference: true })
  return { run, runObjects, dispose: () => isolate.dispose() }
}

/**
 * Runs batches in isolated-vm.
 *
 * @param vm the package
 * @param isFresh whether each batch has an isolate of its own
 * @param isCopied whether objects are copied in and out; else they go as text
 */
async function inIsolatedVm(vm: IsolatedVm, isFresh: boolean, isCopied = false): Promise<Runs> {
  const kept = isFresh ? undefined : await opened(vm)
  return async (given, times) => {
    const text = JSON.stringify(given)
    let done: readonly Event[] = []
    for (let i = 0; i < times; i++) {
      const events = JSON.parse(text) as Event[]
      const metadata = events.map(({ messageId, type, event: eventName }) => ({
        messageId,
        eventType: type,
        eventName,
        sourceName: 'web',
        receivedAt: '2026-11-28T10:00:00.000Z',
      }))
      const { run, runObjects, dispose } = kept ?? (await opened(vm))
      const timeout = 4_000
      if (isCopied) {
        const copies = { arguments: { copy: true }, result: { copy: true }, timeout }
        done = (await runObjects.apply(undefined, [{ events, metadata }], copies)) as Event[]
      } else
        done = JSON.parse(
          (await run.apply(undefined, [JSON.stringify({ events, metadata })], { timeout })) as string,
        ) as Event[]
      if (isFresh) dispose()
    }
    return done
  }
}

async function isolatedVm(): Promise<IsolatedVm | undefined> {
  // Not a dependency: its install script builds from source where it has no prebuilt file.
  const name = 'isolated-vm'
  try {
    return ((await import(name)) as { readonly default: IsolatedVm }).default
  } catch (thrown) {
    say(
      `isolated-vm is left out (${(thrown as Error).message.split('\n')[0]}); npm install --no-save isolated-vm@7.0.1`,
    )
    return undefined
  }
}

const names = {
  inline: 'inline',
  isolated: 'isolated',
  pythonInline: 'Python, inline',
  pythonIsolated: 'Python, isolated',
  fresh: 'isolated-vm, fresh',
  kept: 'isolated-vm, kept',
  freshCopies: 'isolated-vm, fresh, copies',
  keptCopies: 'isolated-vm, kept, copies',
} as const

await session(async (keep) => {
  const worker = await keep(startContract({ 'score.js': javaScript, 'score-python.py': python }))
  const vm = await isolatedVm()
  const contenders = new Map<string, Runs>([
    [names.inline, inWorkerd(worker, 'score', 'inline')],
    [names.isolated, inWorkerd(worker, 'score', 'isolated')],
    [names.pythonInline, inWorkerd(worker, 'score-python', 'inline')],
    [names.pythonIsolated, inWorkerd(worker, 'score-python', 'isolated')],
  ])
  if (vm !== undefined) {
    contenders.set(names.fresh, await inIsolatedVm(vm, true))
    contenders.set(names.kept, await inIsolatedVm(vm, false))
    contenders.set(names.freshCopies, await inIsolatedVm(vm, true, true))
    contenders.set(names.keptCopies, await inIsolatedVm(vm, false, true))
  }
  const rates = new Map<string, number[]>()
  const keyOf = (name: string, size: number) => `${name} ${size}`
  for (const size of sizes) {
    const events = ordersOf(size)
    const expected = await contenders.get(names.inline)?.(events, 1)
    const rateOf = async (run: Runs, times: number) => {
      const began = performance.now()
      await run(events, times)
      return (times / (performance.now() - began)) * 1_000
    }
    // Batches of a round: found by shorter ones, which are for the compiler, too.
    const times = new Map<string, number>()
    for (const [name, run] of contenders) {
      // MicroPython keeps no order of keys.
      if (!isDeepStrictEqual(await run(events, 1), expected)) throw new Error(`${name} makes other events of the same`)
      await rateOf(run, Math.ceil(400 / size))
      times.set(name, Math.max(2, Math.ceil((await rateOf(run, Math.ceil(2_000 / size))) * flags.seconds)))
    }
    for (let round = 0; round < flags.rounds; round++)
      for (const [name, run] of contenders) {
        const key = keyOf(name, size)
        rates.set(key, [...(rates.get(key) ?? []), (await rateOf(run, times.get(name) ?? 1)) * size])
      }
  }
  const rateOf = (name: string, size: number) => median(rates.get(keyOf(name, size)) ?? [])
  const bytes = JSON.stringify(ordersOf(200)).length / 200
  say(`\nevents/s, orders of ${whole(bytes)} bytes, in batches of so many; Node ${process.versions.node}`)
  say(
    table([
      ['', ...sizes.map(String)],
      ...[...contenders.keys()].map((name) => [name, ...sizes.map((size) => whole(rateOf(name, size)))]),
    ]),
  )
  say('')
  const compare = (ours: string, theirs: string, size: number, target: number) => {
    const ratio = rateOf(ours, size) / rateOf(theirs, size)
    say(
      `${ours}, ${size} events: ${fixed(ratio, 2)} × ${theirs}, target ≥ ${target}: ${ratio >= target ? 'met' : 'MISSED'}`,
    )
  }
  if (vm !== undefined) {
    compare(names.isolated, names.fresh, 20, 8)
    compare(names.isolated, names.kept, 200, 1.2)
  }
  compare(names.inline, names.isolated, 200, 4)
  const [pythonTarget, pythonRate] = [10_000, rateOf(names.pythonIsolated, 200)]
  say(
    `${names.pythonIsolated}, 200 events: ${whole(pythonRate)} events/s, target ≥ ${whole(pythonTarget)}: ${pythonRate >= pythonTarget ? 'met' : 'MISSED'}`,
  )
})
