import { expect, test } from 'vitest'
import { logbook } from '../../scripts/start/logbook.ts'

const line = (message: string, more: object = {}) =>
  JSON.stringify({ time: '2026-11-28T12:00:00.000Z', level: 'error', message, ...more })

test('npm start shows what the Worker logs with its time, its level and its fields, and other lines as they are', async () => {
  const said: string[] = []
  const log = logbook((text) => said.push(text))
  log.add(line('a destination is down: its lane waits and probes', { target: 'webhook', reason: 'HTTP 503' }))
  expect([said, (await log.find('a destination is down: its lane waits and probes'))?.['reason']]).toEqual([
    [],
    'HTTP 503',
  ])
  log.open()
  log.add('{"order_id":"1843"}')
  log.add('{ no JSON')
  expect(said).toEqual([
    '2026-11-28T12:00:00.000Z error a destination is down: its lane waits and probes {"target":"webhook","reason":"HTTP 503"}',
    '{"order_id":"1843"}',
    '{ no JSON',
  ])
})
