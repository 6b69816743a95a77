import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import type { Bindings } from '../../src/core/bindings.ts'
import { unpack } from '../../src/core/envelope.ts'
import type { Stream, TriggerContext } from '../../src/core/stream.ts'
import { qstash } from '../../src/streams/qstash.ts'
import { fakePort } from '../support/fake-context.ts'
import type { FakeQstash } from './fake-qstash.ts'
import { currentKey, nextKey, token } from './qstash-signature.ts'

/** The address that QStash is told; where it leads is told to the fake. */
export const address = 'https://events.example.com'

type Settings = Parameters<typeof qstash>[0]

/** The stream on a QStash at `qstashUrl`; one that cannot be reached when left out. */
export const qstashAt = (qstashUrl = 'https://qstash.example.com', more: Partial<Settings> = {}): Stream =>
  qstash({
    url: address,
    qstashUrl,
    token,
    currentSigningKey: currentKey,
    nextSigningKey: nextKey,
    allowPrivate: true,
    ...more,
  })

/** Lanes that write down what they are given. */
export class Lanes {
  /** Event ids in the order in which they were stored, by the names of lanes. */
  readonly got = new Map<string, string[]>()
  /** JSON of the events, in the same order. */
  readonly texts: string[] = []
  /** While true, no lane takes anything. */
  areBroken = false
  /** So many of the next calls are refused. */
  refusals = 0
  /** Lines of the log, as JSON. */
  readonly logged: string[] = []

  get context(): TriggerContext {
    const LANE = {
      getByName: (name: string) => ({
        push: async (_ref: unknown, text: string) => {
          if (this.areBroken || this.refusals-- > 0) throw new Error('the lane is unavailable')
          for (const envelope of unpack(text)) {
            this.got.set(name, [...(this.got.get(name) ?? []), envelope.id])
            this.texts.push(envelope.text)
          }
        },
      }),
    }
    return {
      bindings: { LANE } as unknown as Bindings,
      port: fakePort({
        now: Date.now,
        log: (level, message, fields) => void this.logged.push(JSON.stringify({ level, message, ...fields })),
      }),
    }
  }
}

/** Serves `/qstash` of a stream over HTTP, where the fake then finds it. */
export async function serveCalls(stream: Stream, context: TriggerContext, fake: FakeQstash) {
  const server = createServer((incoming, outgoing) => {
    void (async () => {
      const body = await buffer(incoming)
      const headers = new Headers(
        Object.entries(incoming.headers).map(([name, value]): [string, string] => [name, [value].flat().join(', ')]),
      )
      const request = new Request(`${address}${incoming.url}`, {
        method: incoming.method ?? 'POST',
        headers,
        body: new Uint8Array(body),
      })
      const answer = (await stream.triggers.fetch?.(request, context)) ?? new Response(null, { status: 404 })
      outgoing.writeHead(answer.status, Object.fromEntries(answer.headers)).end(await answer.text())
      // The fake may end while it calls.
    })().catch(() => outgoing.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  fake.originOf = () => `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
}
