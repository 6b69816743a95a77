import { afterAll, beforeAll, beforeEach } from 'vitest'
import { Server } from './server.ts'
import { Sink, sinkSecret } from './sink.ts'

interface Served<Name extends string> {
  readonly server: Server
  readonly sinks: Readonly<Record<Name, Sink>>
}

interface Options<Name extends string> {
  /** Name of a config in `test/e2e`. */
  readonly config: string
  /** By variable of the config's env: the sink whose URL it gets. */
  readonly sinks: Readonly<Record<string, Name>>
}

/**
 * Serves a config for the tests of the file or block that calls it. Before each test, its sinks listen and take everything.
 *
 * @param options the config, and the sinks of its destinations
 * @param ready gets the server and the sinks before the first test
 */
export function serveWithSinks<Name extends string>(
  { config, sinks: names }: Options<Name>,
  ready: (served: Served<Name>) => void,
): void {
  const sinks = new Map<Name, Sink>()
  let server: Server | undefined

  beforeAll(async () => {
    for (const name of new Set(Object.values<Name>(names))) sinks.set(name, await Sink.open())
    const urls = Object.entries<Name>(names).map(([variable, name]) => [variable, sinks.get(name)?.url ?? ''])
    server = await Server.start({ config, vars: { ...Object.fromEntries(urls), WEBHOOK_SECRET: sinkSecret } })
    ready({ server, sinks: Object.fromEntries(sinks) as Record<Name, Sink> })
  })

  afterAll(async () => {
    await server?.stop()
    for (const sink of sinks.values()) await sink.close()
  })

  beforeEach(async () => {
    for (const sink of sinks.values()) {
      await sink.reopen()
      sink.answer = () => undefined
    }
  })
}
