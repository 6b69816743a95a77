import { globSync, readFileSync } from 'node:fs'
import { basename, extname, resolve } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { ourFiles, written } from '../../scripts/ours.ts'
import type { Destination } from '../../src/core/destination.ts'
import { Envelope } from '../../src/core/envelope.ts'
import type { Event } from '../../src/core/event.ts'
import { deliver } from '../../src/lanes/deliver.ts'
import { fakePort } from '../support/fake-context.ts'
import { headerOf } from '../support/sample-events.ts'

/** One case of `test/destinations/<name>/*.json`: what a destination sends for some events, and what it makes of the answers. */
interface Case {
  readonly name: string
  readonly settings: Readonly<Record<string, unknown>>
  /** When it is sent; RFC 3339. */
  readonly now: string
  readonly events: readonly Event[]
  readonly requests: readonly {
    readonly method: string
    readonly url: string
    readonly headers: Readonly<Record<string, string>>
    /** A body that is JSON is compared as such. */
    readonly body: unknown
    /** What the destination answers; 200 without a body when left out. */
    readonly answer?: { readonly status: number; readonly headers?: Record<string, string>; readonly body?: string }
  }[]
  /** One for each event: `done`, `skip`, `retry`, `dead`, `pause`. */
  readonly verdicts: readonly string[]
  /** A part of each reason, where the case has them. */
  readonly reasons?: readonly string[]
}

const root = resolve(import.meta.dirname, '../..')

/** A `front` of the settings names a file of src/fronts, with the settings of the front. */
async function withFront({ front, ...rest }: Case['settings']): Promise<Case['settings']> {
  if (front === undefined) return rest
  const [[name, settings] = ['', {}]] = Object.entries(front as Readonly<Record<string, object>>)
  const module = (await import(resolve(root, 'src/fronts', `${name}.ts`))) as Record<string, (input: object) => object>
  return { ...rest, front: Object.values(module)[0]?.(settings) }
}

const isOurs = ourFiles(root)

for (const file of globSync(`destinations/*.${written}`, { cwd: root }).toSorted()) {
  const name = basename(file, extname(file))
  const files = globSync(`test/destinations/${name}/*.json`, { cwd: root }).toSorted()
  // A user's has cases where the user wants them.
  if (!isOurs(file) && files.length === 0) continue
  const cases = files.flatMap((path) => JSON.parse(readFileSync(resolve(root, path), 'utf8')) as Case[])

  describe(`destination ${name}`, async () => {
    const module = (await import(resolve(root, file))) as Record<string, unknown>
    const makers = Object.values(module).filter((value) => typeof value === 'function')
    const make = makers[0] as (input: unknown) => Destination

    test(`the destination ${name} is exported alone, under the name of its file, and has golden cases`, () => {
      expect(makers).toHaveLength(1)
      expect(make({}).name.replaceAll('_', '-')).toBe(name)
      expect(cases.length, `put cases into test/destinations/${name}/*.json`).toBeGreaterThan(0)
    })

    test(`the destination ${name} tells what is wrong with its settings instead of throwing`, () => {
      expect(make({ noSuchSetting: 1 }).problems.join()).toContain('"noSuchSetting" is no setting')
    })

    test.each(cases)(
      `the destination ${name} sends what its golden case says: $name`,
      async ({ settings, now, events, requests, verdicts, reasons }) => {
        const destination = make(await withFront(settings))
        expect(destination.problems).toEqual([])
        const sent: Request[] = []
        const port = fakePort({
          now: () => Date.parse(now),
          fetch: async (request) => {
            const { status, headers = {}, body = null } = requests[sent.push(request) - 1]?.answer ?? { status: 200 }
            return new Response(body, { status, headers })
          },
        })
        const delivery = await deliver(events.map(envelopeOf), destination, { port })
        const found = await Promise.all(
          sent.map(async ({ method, url, headers, body }) => ({
            method,
            url,
            ...readable(Object.fromEntries(headers), Buffer.from(await new Response(body).arrayBuffer())),
          })),
        )
        expect(found).toEqual(requests.map(({ answer: _, ...request }) => request))
        expect(delivery.outcomes.map(({ verdict }) => verdict.kind)).toEqual(verdicts)
        const given = delivery.outcomes.map(({ verdict }) => ('reason' in verdict ? verdict.reason : ''))
        expect(given).toEqual(reasons?.map((part) => expect.stringContaining(part) as string) ?? given)
      },
    )
  })
}

const envelopeOf = (event: Event): Envelope =>
  new Envelope(
    headerOf(event.messageId, {
      key: event.anonymousId ?? event.userId ?? '',
      receivedAt: event.receivedAt ?? '',
      to: [],
    }),
    JSON.stringify(event),
  )

/** A compressed body is compared as its text, without what is calculated of its bytes: another zlib makes others of them. */
function readable(headers: Record<string, string>, body: Buffer) {
  if (body[0] !== 0x1f || body[1] !== 0x8b) return { headers, body: jsonOr(body.toString()) }
  const { authorization: _, 'x-amz-content-sha256': __, ...others } = headers
  const lines = gunzipSync(body).toString().trimEnd().split('\n')
  return { headers: others, body: lines.map(jsonOr) }
}

function jsonOr(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
