// What transforms take: events a second inline, isolated and in Python, beside the same code in isolated-vm, where RudderStack runs it.
import { isDeepStrictEqual } from 'node:util'
import type { Event } from '../../src/core/event.ts'
import { type ContractWorker, startContract, type Way } from '../../test/support/contract.ts'
import { workerds } from '../../test/support/workerd.ts'
import { cpuSeconds } from './cpu.ts'
import { numbersFrom } from './flags.ts'
import { median } from './median.ts'
import { session } from './session.ts'
import { fixed, table, whole } from './table.ts'

const help = `Usage: npm run bench:transforms -- [options]

Runs one transform over orders of about 300 bytes, in batches of 1, 20 and 200 events, one batch after the other: in workerd inline,
isolated and in Python, and in isolated-vm in this process, with a fresh isolate for each batch and with one that is kept. Each does
what a lane does: it is given the JSON of each event, tells the code what it knows of it, looks whether what comes back are events,
and gives the JSON of each. Events cross to isolated-vm as copies, as RudderStack's transformer has it (targets are against it), or as
one text, which is faster. isolated-vm has no deadline for promises. It is no dependency; without it the yardstick is left out:
  npm install --no-save isolated-vm@7.0.1

Beside events a second, which other work on the machine makes fewer of, it shows events for each second of CPU of the process that
runs them, in all its threads: targets are looked at in these.

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

interface Rate {
  readonly bySecond: number
  /** For each second of CPU. */
  readonly byCpu: number
}

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
function runObjects({ events, known }) {
  const byId = new Map(events.map(({ messageId, type, event }) =>
    [messageId, { messageId, eventType: type, eventName: event, ...known }]))
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
    const texts = given.map((event) => JSON.stringify(event))
    let done: readonly string[] = []
    for (let i = 0; i < times; i++) {
      const known = { sourceName: 'web', destinationName: 'crm', receivedAt: '2026-11-28T10:00:00.000Z' }
      const { run, runObjects, dispose } = kept ?? (await opened(vm))
      const timeout = 4_000
      let values: readonly Event[]
      if (isCopied) {
        const events = texts.map((text) => JSON.parse(text) as Event)
        const copies = { arguments: { copy: true }, result: { copy: true }, timeout }
        values = (await runObjects.apply(undefined, [{ events, known }], copies)) as Event[]
      } else {
        const batch = `{"events":[${texts.join(',')}],"known":${JSON.stringify(known)}}`
        values = JSON.parse((await run.apply(undefined, [batch], { timeout })) as string) as Event[]
      }
      done = values.map((event) => {
        if (typeof event.messageId !== 'string') throw new Error('no event came back')
        return JSON.stringify(event)
      })
      if (isFresh) dispose()
    }
    return done.map((text) => JSON.parse(text) as Event)
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
  fresh: 'isolated-vm, fresh, text',
  kept: 'isolated-vm, kept, text',
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
  const [runtime] = workerds()
  const rates = new Map<string, Rate[]>()
  const keyOf = (name: string, size: number) => `${name} ${size}`
  for (const size of sizes) {
    const events = ordersOf(size)
    const expected = await contenders.get(names.inline)?.(events, 1)
    const rateOf = async (run: Runs, times: number) => {
      const used = () => cpuSeconds(runtime) + cpuSeconds(process.pid)
      const began = performance.now()
      const before = used()
      await run(events, times)
      const seconds = (performance.now() - began) / 1_000
      return { bySecond: times / seconds, byCpu: times / (used() - before) }
    }
    // Batches of a round: found by shorter ones, which are for the compiler, too.
    const times = new Map<string, number>()
    for (const [name, run] of contenders) {
      // MicroPython keeps no order of keys.
      if (!isDeepStrictEqual(await run(events, 1), expected)) throw new Error(`${name} makes other events of the same`)
      await rateOf(run, Math.ceil(400 / size))
      times.set(name, Math.max(2, Math.ceil((await rateOf(run, Math.ceil(2_000 / size))).bySecond * flags.seconds)))
    }
    for (let round = 0; round < flags.rounds; round++)
      for (const [name, run] of contenders) {
        const key = keyOf(name, size)
        const { bySecond, byCpu } = await rateOf(run, times.get(name) ?? 1)
        rates.set(key, [...(rates.get(key) ?? []), { bySecond: bySecond * size, byCpu: byCpu * size }])
      }
  }
  const rateOf = (name: string, size: number, by: keyof Rate) =>
    median((rates.get(keyOf(name, size)) ?? []).map((rate) => rate[by]))
  const bytes = JSON.stringify(ordersOf(200)).length / 200
  for (const [by, what] of [
    ['bySecond', 'second'],
    ['byCpu', 'second of CPU'],
  ] as const) {
    say(`\nevents a ${what}, orders of ${whole(bytes)} bytes, in batches of so many; Node ${process.versions.node}`)
    say(
      table([
        ['', ...sizes.map(String)],
        ...[...contenders.keys()].map((name) => [name, ...sizes.map((size) => whole(rateOf(name, size, by)))]),
      ]),
    )
  }
  say('')
  const verdict = (isMet: boolean) => (isMet ? 'met' : 'MISSED')
  const compare = (ours: string, theirs: string, size: number, target?: number) => {
    const ratio = (by: keyof Rate) => rateOf(ours, size, by) / rateOf(theirs, size, by)
    const told = target === undefined ? '' : `, target ≥ ${target}: ${verdict(ratio('byCpu') >= target)}`
    say(
      `${ours}, ${size} events: ${fixed(ratio('byCpu'), 2)} × ${theirs} (${fixed(ratio('bySecond'), 2)} by the clock)${told}`,
    )
  }
  if (vm !== undefined) {
    // What RudderStack does: `new ivm.ExternalCopy(events).copyInto()` (rudder-transformer, src/util/customTransformer.js, August 2026).
    compare(names.isolated, names.freshCopies, 20, 8)
    compare(names.isolated, names.keptCopies, 200, 1.2)
    compare(names.isolated, names.fresh, 20)
    compare(names.isolated, names.kept, 200)
  }
  compare(names.inline, names.isolated, 200, 4)
  const [pythonTarget, pythonRate] = [10_000, rateOf(names.pythonIsolated, 200, 'byCpu')]
  say(
    `${names.pythonIsolated}, 200 events: ${whole(pythonRate)} events a second, target ≥ ${whole(pythonTarget)}: ${verdict(pythonRate >= pythonTarget)}`,
  )
})
