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

test('each failed probe doubles the wait, up to 15 seconds, or a minute in a long outage; a success ends it', () => {
  const circuit = opened()
  const waits = Array.from({ length: 10 }, () => {
    const now = circuit.probeAt
    circuit.fail('HTTP 503', failure(now, { probe: true }))
    return circuit.probeAt - now
  })
  expect(waits).toEqual([1500, 3000, 6000, ...Array<number>(7).fill(11_250)])
  const late = 1000 + 86_400_000
  circuit.fail('HTTP 503', failure(late, { probe: true }))
  expect(circuit.probeAt - late).toBe(45_000)
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

const refusal = (now: number, more: object = {}) => ({
  ...failure(now),
  fresh: 1 as const,
  isContradicted: false,
  ...more,
})

test('a refusal that nothing contradicts pauses at once; more of the same is the same pause', () => {
  const circuit = new Circuit()
  circuit.refuse('HTTP 401', refusal(0))
  circuit.refuse('HTTP 401', refusal(0))
  expect([circuit.state, circuit.probeAt]).toEqual(['paused', 22_500])
  circuit.refuse('HTTP 401', refusal(22_500, { probe: true }))
  expect(circuit.probeAt).toBe(22_500 + 45_000)
  circuit.fail('HTTP 503', failure(70_000, { probe: true }))
  expect(circuit.state).toBe('paused')
})

test('while others are delivered a refusal pauses nothing, until five different events in a row are refused', () => {
  const circuit = new Circuit()
  const contradicted = { isContradicted: true }
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < 4; i++) expect(circuit.refuse('HTTP 404', refusal(1000, contradicted))).toBe(false)
    expect(circuit.refuse('HTTP 404', refusal(1000, { ...contradicted, fresh: 0 })), 'a repeat').toBe(false)
    circuit.succeed()
  }
  for (let i = 0; i < 4; i++) circuit.refuse('HTTP 404', refusal(1000, contradicted))
  expect(circuit.refuse('HTTP 404', refusal(1000, contradicted))).toBe(true)
  expect([circuit.state, circuit.isDoubtful, circuit.admits(1000)]).toEqual(['paused', false, false])
})

test('until then, other events are tried at once while it is paused, also after a restart, and double no wait', () => {
  const circuit = new Circuit()
  circuit.refuse('HTTP 403', refusal(0))
  for (let i = 0; i < 3; i++) {
    expect([circuit.isDoubtful, circuit.admits(0)]).toEqual([true, true])
    circuit.refuse('HTTP 403', refusal(0))
  }
  expect(Circuit.restore(circuit.save()).isDoubtful).toBe(true)
  circuit.fail('HTTP 503', failure(0))
  expect([circuit.isDoubtful, circuit.admits(0), circuit.probeAt]).toEqual([false, false, 22_500])
  circuit.succeed()
  expect([circuit.state, circuit.refused]).toEqual(['closed', 0])
})

test('resume admits a probe now', () => {
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

test('two events that fail for ten seconds with no success between open the circuit, and others are still tried at once', () => {
  const circuit = new Circuit()
  const fail = (now: number, different: number, repeat: boolean) =>
    circuit.fail('HTTP 503', failure(now, { different, repeat }))
  expect([fail(0, 1, false), fail(10, 2, false), circuit.isFailing]).toEqual([false, false, false])
  expect([fail(600, 2, true), fail(2_000, 2, true), circuit.isFailing]).toEqual([false, false, true])
  expect([fail(9_999, 2, true), circuit.state, circuit.since]).toEqual([false, 'closed', 0])
  expect([fail(10_000, 2, true), circuit.state, circuit.isDoubtful]).toEqual([true, 'open', true])
})

test('one event alone never opens the circuit, however often it fails, and the lane says that its destination fails', () => {
  const circuit = new Circuit()
  for (let n = 0; n < 1000; n++)
    expect(circuit.fail('HTTP 500', failure(n * 10_000, { different: 1, repeat: n > 0 }))).toBe(false)
  expect([circuit.state, circuit.isFailing, circuit.trouble]).toEqual(['closed', true, 'HTTP 500'])
  const again = Circuit.restore(circuit.save())
  expect([again.state, again.isFailing, again.trouble, again.since]).toEqual(['closed', true, 'HTTP 500', 0])
  expect([again.fail('HTTP 500', failure(1e8, { different: 1 })), again.isFailing]).toEqual([false, true])
})
