import { expect, test } from 'vitest'
import type { Draft, WebhookCall } from '../../src/core/webhook-source.ts'
import { validateEvent } from '../../src/edge/validate-event.ts'
import { casesOf, makerOf } from './golden-cases.ts'

/** What a field may turn out to be, whatever the vendor's documentation says. */
const odd = [null, '', ' ', 0, 1.5, true, 'x', [], ['x'], {}, { a: 1 }, [null]]

/** Every way to replace one value in a body, at any depth. */
function* mangled(body: unknown): Generator {
  if (typeof body !== 'object' || body === null) return
  for (const [key, value] of Object.entries(body)) {
    const copy = (other: unknown): unknown =>
      Array.isArray(body) ? body.with(Number(key), other) : { ...body, [key]: other }
    for (const other of odd) yield copy(other)
    for (const other of mangled(value)) yield copy(other)
  }
}

const hookOf = (body: unknown, text: string): WebhookCall => ({
  method: 'POST',
  url: '/v1/webhook',
  proto: 'HTTP/2',
  headers: {},
  query: {},
  bytes: new TextEncoder().encode(text),
  body,
})

const tools = { now: () => 0, uuid: () => 'uuid', memory: { get: async () => null, set: async () => {} } }

/** Sources that hand on events as they come are not among them: the edge judges those. */
test.each([
  'appcenter',
  'appsflyer',
  'canny',
  'close-crm',
  'cordial',
  'extole',
  'facebook-lead-ads',
  'facebook-lead-ads-native',
  'formsort',
  'gainsightpx',
  'mailjet',
  'mailmodo',
  'olark',
  'ortto',
  'refiner',
  'revenuecat',
  'satismeter',
  'signl4',
])('the source %s makes an event that the edge accepts of any call, or says why it cannot', async (name) => {
  const make = await makerOf(name)
  const cases = casesOf(name)
  let accepted = 0
  const problems: string[] = []
  for (const { settings, request } of cases.filter(({ events, request: { body, raw } }) => events && (body ?? raw))) {
    const body = (request.body ?? JSON.parse(request.raw ?? 'null')) as Draft
    const source = make(settings)
    // Olark's JSON is in a field of a form.
    for (const one of mangled(typeof body['data'] === 'string' ? JSON.parse(body['data']) : body)) {
      const text = JSON.stringify(one)
      const mapped = await source.map(hookOf(one, text), tools).catch((error: unknown) => {
        if (!(error instanceof TypeError && sentence.test(error.message))) problems.push(`${String(error)}: ${text}`)
      })
      if (mapped === undefined || 'reply' in mapped) continue
      for (const event of mapped) {
        const fault = validateEvent(event)?.reason ?? namesFault(event)
        if (fault === undefined) accepted++
        else problems.push(`${fault}: ${text}`)
      }
    }
  }
  expect(problems).toEqual([])
  expect(accepted).toBeGreaterThan(50)
})

/** A sentence of the source's own, not one of the engine about undefined. */
const sentence = /(?: is missing| are missing| no \w.*| neither .*| must be a JSON object)$/

function namesFault({ type, event, messageId }: Draft): string | undefined {
  if (typeof (messageId ?? '') !== 'string') return 'messageId is no text'
  return type !== 'track' || (typeof event === 'string' && event.trim() !== '') ? undefined : 'event has no name'
}
