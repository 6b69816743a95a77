import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { build, type Plugin } from 'esbuild'
import { convertV4MiniflareOptions, Log, LogLevel, Miniflare } from 'miniflare'
import { filePositions, type SourceMap } from '../../scripts/build/positions.ts'
import { buildTransforms } from '../../scripts/build/transforms.ts'
import type { Event } from '../../src/core/event.ts'
import { mapStack } from '../../src/core/positions.ts'
import type { TransformRun } from '../../src/transforms/run.ts'

/** How a transform may run. */
export type Way = 'plain' | 'inline' | 'isolated'

/** What is run in the Worker. */
export interface ContractCall {
  /** Names of files, without the ending, each run in this way. */
  readonly transforms: readonly string[]
  readonly way: Way
  readonly events: readonly Event[]
  readonly options?: Readonly<Record<string, unknown>>
  readonly userCodeMs?: number
  /** Where they run; `crm` when left out; null where they are those of the source. */
  readonly destination?: string | null
  /** How often, from the text of the events each time: for measuring. Once when left out; the answer is that of the last time. */
  readonly times?: number
  /** Where the events come from; `web` when left out. */
  readonly source?: string
}

/** A Worker in the real runtime that runs transforms. */
export interface ContractWorker {
  readonly run: (call: ContractCall) => Promise<TransformRun>
  /** Shows a stack in the Worker's bundle by the lines of the files, as a dead letter shows it. */
  readonly shown: (stack: string) => string
  readonly stop: () => Promise<void>
}

const home = resolve(import.meta.dirname, '../..')

const micropython = createRequire(import.meta.url).resolve(
  '@micropython/micropython-webassembly-pyscript/micropython.wasm',
)

/** The runtime is given what wrangler would upload as compiled. */
const compiledWasm: Plugin = {
  name: 'compiled-wasm',
  setup: (given) => given.onResolve({ filter: /\.wasm$/ }, () => ({ path: './micropython.wasm', external: true })),
}

/**
 * Builds files as the config would import them, and starts a Worker that runs them through `runTransforms`.
 *
 * @param files their text by the path below `transforms/`
 * @param plain names of those that also run as plain modules
 */
export async function startContract(
  files: Readonly<Record<string, string>>,
  plain: readonly string[] = [],
): Promise<ContractWorker> {
  const root = mkdtempSync(join(tmpdir(), 'contract-'))
  for (const [path, text] of Object.entries(files)) {
    const file = join(root, 'transforms', path)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, text)
  }
  symlinkSync(join(home, 'node_modules'), join(root, 'node_modules'))
  const names = await buildTransforms({ root, home, say: (line) => process.stderr.write(`${line}\n`) })
  const entry = `
    import { knownMetadata } from '${home}/src/core/metadata.ts'
    import { runTransforms } from '${home}/src/transforms/run.ts'
    export { TransformFetch } from '${home}/src/transforms/transform-fetch.ts'
    ${names.map((name, i) => `import * as built${i} from './dist/transforms/${name}.js'`).join('\n')}
    ${plain.map((name, i) => `import * as plain${i} from './transforms/${name}.js'`).join('\n')}
    const built = { ${names.map((name, i) => `'${name}': built${i}`).join(', ')} }
    const plain = { ${plain.map((name, i) => `'${name}': { name: '${name}', ...plain${i} }`).join(', ')} }
    export default {
      async fetch(request) {
        const { transforms, way, events, options, userCodeMs, destination = 'crm', source = 'web', times = 1 } = await request.json()
        const target = destination === null ? {} : { target: { name: destination, route: { use: { name: 'webhook' } } } }
        const known = knownMetadata({ sourceName: source, sourceType: 'HTTP', receivedAt: '2026-11-28T10:00:00.000Z', ...target })
        const describe = () => known
        const list = transforms.map((name) =>
          way === 'plain' ? plain[name] : options === undefined ? built[name][way] : built[name][way](options))
        try {
          // As a lane gives them.
          const texts = events.map((event) => JSON.stringify(event))
          for (let i = 1; i < times; i++) await runTransforms(list, texts, describe, userCodeMs)
          return Response.json(await runTransforms(list, events, describe, userCodeMs))
        } catch (error) {
          return new Response(error.stack, { status: 500 })
        }
      },
    }`
  const { outputFiles } = await build({
    stdin: { contents: entry, resolveDir: root },
    bundle: true,
    format: 'esm',
    write: false,
    outfile: join(root, 'index.js'),
    sourcemap: 'external',
    keepNames: true,
    conditions: ['workerd'],
    external: ['node:*', 'cloudflare:*'],
    plugins: [compiledWasm],
  })
  const textOf = (ending: string) => outputFiles.find(({ path }) => path.endsWith(ending))?.text ?? ''
  const positions = filePositions(JSON.parse(textOf('.map')) as SourceMap, { folder: root, root, home })
  const modules = [
    { type: 'ESModule' as const, path: 'index.js', contents: textOf('.js') },
    { type: 'CompiledWasm' as const, path: 'micropython.wasm', contents: new Uint8Array(readFileSync(micropython)) },
  ]
  const miniflare = new Miniflare({
    ...convertV4MiniflareOptions({
      workers: [{ name: 'contract', compatibilityDate: '2026-10-01', modules, workerLoaders: { ISOLATES: {} } }],
    }),
    log: new Log(LogLevel.NONE),
    // The runtime tells of connections that it refuses.
    handleStructuredLogs: () => undefined,
  })
  await miniflare.ready
  return {
    run: async (call) => {
      const answer = await miniflare.dispatchFetch('http://localhost/', { method: 'POST', body: JSON.stringify(call) })
      if (answer.status !== 200) throw new Error(await answer.text())
      return (await answer.json()) as TransformRun
    },
    shown: (stack) => mapStack(stack, { 'index.js': positions }),
    stop: async () => {
      await miniflare.dispose()
      rmSync(root, { recursive: true })
    },
  }
}

/**
 * Runs the transform `marks`, which adds the userId of each event to what it has seen, at three places, and at the first again.
 *
 * @returns what it had seen each time
 */
export async function seenInPlaces(worker: ContractWorker, way: Way): Promise<unknown[]> {
  const seen: unknown[] = []
  for (const [source, destination] of [
    ['shop', null],
    ['app', null],
    ['shop', 'shop'],
    ['shop', null],
  ] as const) {
    const event: Event = {
      type: 'track',
      event: 'Order Completed',
      messageId: 'order-1843',
      userId: `${source} ${destination}`,
      properties: {},
    }
    const { events } = await worker.run({ transforms: ['marks'], events: [event], way, source, destination })
    seen.push(events[0]?.event.properties?.['seen'])
  }
  return seen
}
