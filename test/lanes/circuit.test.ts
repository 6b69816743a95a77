import { expect, test } from 'vitest'
import { Circuit } from '../../src/lanes/circuit.ts'

const failure = (now: number, more: object = {}) => ({ now, random: 0.5, probe: false, ...more })
const opened = () => {
  const circuit = new Circuit()
  for (let i = 0; i < 5; i++) circuit.fail('HTTP 503', failure(1000))
  return circuit
}

test('five failures in a row open the circuit of a lane, four and a success do not', () => {
  const circuit = new Circuit()
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < 4; i++) expect(circuit.fail('HTTP 503', failure(1000))).toBe(false)
    circuit.succeed()
  }
  for (let i = 0; i < 4; i++) circuit.fail('HTTP 503', failure(1000))
  expect(circuit.fail('HTTP 503', failure(1000))).toBe(true)
  expect([circuit.state, circuit.reason, circuit.probeAt]).toEqual(['open', 'HTTP 503', 1750])
})

test('an event that failed before does not count while the circuit is closed', () => {
  const circuit = new Circuit()
  for (let i = 0; i < 20; i++) expect(circuit.fail('HTTP 500', failure(1000, { repeat: true }))).toBe(false)
  expect(circuit.state).toBe('closed')
})

test('an open circuit admits one probe at its time, and nothing before', () => {
  const circuit = opened()
  expect([circuit.admits(1749), circuit.admits(1750)]).toEqual([false, true])
  circuit.probing = true
  expect(circuit.admits(1750)).toBe(false)
})

test('each failed probe doubles the wait, up to five minutes; a success ends it', () => {
  const circuit = opened()
  const waits = Array.from({ length: 10 }, () => {
    const now = circuit.probeAt
    circuit.fail('HTTP 503', failure(now, { probe: true }))
    return circuit.probeAt - now
  })
  expect(waits).toEqual([1500, 3000, 6000, 12_000, 24_000, 48_000, 96_000, 192_000, 225_000, 225_000])
  expect(circuit.succeed()).toBe(true)
  expect([circuit.state, circuit.succeed(), circuit.admits(0)]).toEqual(['closed', false, true])
})

test('failures of requests that were under way when the circuit opened double nothing, but their Retry-After counts', () => {
  const circuit = opened()
  circuit.fail('HTTP 503', failure(1000))
  circuit.fail('HTTP 503', failure(1000))
  expect(circuit.probeAt).toBe(1750)
  circuit.fail('HTTP 429', failure(1000, { afterSeconds: 60 }))
  expect(circuit.probeAt).toBe(61_000)
})

test('a refused credential pauses a lane at once; more of the same is the same pause', () => {
  const circuit = new Circuit()
  circuit.pause('HTTP 401', failure(0))
  circuit.pause('HTTP 401', failure(0))
  expect([circuit.state, circuit.probeAt]).toEqual(['paused', 22_500])
  circuit.pause('HTTP 401', failure(22_500, { probe: true }))
  expect(circuit.probeAt).toBe(22_500 + 45_000)
  circuit.fail('HTTP 503', failure(70_000, { probe: true }))
  expect(circuit.state).toBe('paused')
})

test('a lane that is resumed admits a probe now', () => {
  const circuit = opened()
  circuit.resume(1001)
  expect(circuit.admits(1001)).toBe(true)
})

test('a circuit goes on after a restart as it was', () => {
  const circuit = opened()
  circuit.fail('HTTP 502', failure(2000, { probe: true }))
  const again = Circuit.restore(circuit.save())
  expect([again.state, again.reason, again.probeAt]).toEqual(['open', 'HTTP 502', 3500])
  again.fail('HTTP 502', failure(3500, { probe: true }))
  expect(again.probeAt).toBe(6500)
  again.succeed()
  expect(again.save()).toBe(undefined)
  expect(Circuit.restore(undefined).state).toBe('closed')
})
