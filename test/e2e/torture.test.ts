// Everything at once: destinations that fail in all the ways in which they do, one event a request, and a kill every few seconds.
// TORTURE_EVENTS=5000 makes it short.
import { expect, test } from 'vitest'
import { torture } from '../support/torture.ts'
import { latenciesOf, reportOf } from '../support/verify-deliveries.ts'

const events = Number(process.env['TORTURE_EVENTS'] ?? 50_000)
const users = 2_000
const rate = 600
/** Two thirds of the load of the whole run; of a short one enough for the server to start in. */
const hourSeconds = Math.max(45, Math.round((60 * events) / 50_000))

test(
  'five destinations of which one is slow, one flaps, one is down for an hour and one refuses an event of a hundred get everything in order under kills, and the healthy one does not wait for them',
  { timeout: 420_000 },
  async () => {
    const run = await torture({ events, users, rate, hourSeconds, killEveryMs: 3_500 })
    const { verified, acceptedAt, refused, upAgainAt, downSeconds } = run
    console.log(
      [
        `${acceptedAt.size} events of ${users} users in ${run.seconds.load.toFixed(0)} s, all delivered in ${run.seconds.all.toFixed(0)} s`,
        `${run.kills} kills; ${run.failures} requests of clients repeated`,
        `an event had waited ${downSeconds} s on the clock of the lane whose destination was down`,
        reportOf(verified),
      ].join('\n'),
    )
    expect(acceptedAt.size).toBe(events)
    expect(Object.keys(verified)).toEqual(['healthy', 'slow', 'flapping', 'down', 'choosy'])
    for (const [name, { lost, repeatedForNothing, disorderedArrivals, disorderedTaken, dead }] of Object.entries(
      verified,
    ))
      expect({ name, lost, repeatedForNothing, disorderedArrivals, disorderedTaken, dead: dead.toSorted() }).toEqual({
        name,
        lost: [],
        repeatedForNothing: [],
        disorderedArrivals: [],
        disorderedTaken: [],
        dead: name === 'choosy' ? refused.toSorted() : [],
      })

    // It has been what it says: kills met work under way, and an hour passed for the lane whose destination was down.
    expect(run.kills).toBeGreaterThanOrEqual(3)
    expect(run.failures).toBeGreaterThan(0)
    expect(refused.length).toBeGreaterThan(events / 200)
    expect(verified.flapping?.failed).toBeGreaterThan(0)
    expect(downSeconds).toBeGreaterThan(2_700)

    // Of the events that waited half of that hour, the healthy destination got nearly all at once. How many milliseconds it took
    // is of the machine, and the subject of `npm run bench:torture`; what held one lane up for another would take half the hour.
    const halfMs = (hourSeconds * 1_000) / 2
    const early = [...acceptedAt].flatMap(([id, at]) => (at < upAgainAt - halfMs ? [id] : []))
    expect(early.length).toBeGreaterThan(0)
    const quantile = (name: 'healthy' | 'down', share: number) =>
      latenciesOf(early.map((id) => verified[name]?.delayMs.get(id) as number)).quantile(share)
    expect(quantile('down', 0)).toBeGreaterThanOrEqual(halfMs)
    expect(quantile('healthy', 0.99)).toBeLessThan(halfMs)
  },
)
