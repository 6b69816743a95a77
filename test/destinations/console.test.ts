import { afterEach, expect, test, vi } from 'vitest'
import { console as consoleDestination } from '../../destinations/console.ts'
import { Envelope } from '../../src/core/envelope.ts'
import { deliver } from '../../src/lanes/deliver.ts'
import { fakePort } from '../support/fake-context.ts'
import { headerOf, plainOrder } from '../support/sample-events.ts'

afterEach(() => {
  vi.restoreAllMocks()
})

test('the console prints one line for each event, with its label, and takes all of them', async () => {
  const printed: unknown[] = []
  vi.spyOn(globalThis.console, 'log').mockImplementation((line) => void printed.push(line))
  const envelopes = ['order-1', 'order-2'].map((id) => new Envelope(headerOf(id), JSON.stringify(plainOrder(id))))
  const { outcomes } = await deliver(envelopes, consoleDestination({ label: 'shop' }), { port: fakePort() })
  expect(printed).toEqual(envelopes.map(({ text }) => `shop ${text}`))
  expect(outcomes.map(({ verdict }) => verdict.kind)).toEqual(['done', 'done'])
})
