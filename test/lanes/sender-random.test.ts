import { expect, test } from 'vitest'
import type { Random } from '../../scripts/bench/random.ts'
import { withSeed } from '../support/seed.ts'
import { SimulatedLane, type PendingRequest } from '../support/simulated-lane.ts'

/** What arrived at the destination, and how it answers. */
class Sink {
  readonly arrived: string[] = []
  notBefore = new Map<string, number>()
  readonly early: string[] = []
  healed = false
  mode: 'well' | 'down' | 'locked' = 'well'
  readonly #random: Random

  constructor(random: Random) {
    this.#random = random
  }

  /** Takes the request in, maybe, and says what the answer is. */
  judge({ ids, at }: PendingRequest, now: number): { status: number; headers?: Record<string, string> } | 'broken' {
    for (const id of ids) if (at < (this.notBefore.get(id) ?? 0)) this.early.push(id)
    if (ids.some((id) => id.includes('bad'))) return { status: 400 }
    if (!this.healed) {
      if (this.mode === 'down') return this.#random.next() < 0.3 ? 'broken' : { status: 503 }
      if (this.mode === 'locked') return { status: 401 }
      if (ids.some((id) => id.includes('sick'))) return { status: 500 }
      const chance = this.#random.next()
      if (chance < 0.08) return { status: 500 }
      if (chance < 0.12) return 'broken'
      if (chance < 0.18) {
        const seconds = 1 + Math.floor(this.#random.next() * 20)
        for (const id of ids) this.notBefore.set(id, now + seconds * 1000)
        return { status: 429, headers: { 'retry-after': `${seconds}` } }
      }
      if (chance < 0.21) {
        this.arrived.push(...ids)
        return 'broken'
      }
    }
    this.arrived.push(...ids)
    return { status: 200 }
  }
}

interface World {
  /** True where the lane loses its memory now and then. */
  readonly crashes?: boolean
  /** True where other invocations send for the lane, too, and die now and then. */
  readonly remote?: boolean
}

async function story(random: Random, { crashes = false, remote = false }: World): Promise<number> {
  const below = (n: number) => Math.floor(random.next() * n)
  const lane = new SimulatedLane({
    limits: { events: 1 + below(5), parallel: remote ? 6 : 1 + below(4) },
    random: () => random.next(),
    remote,
  })
  const sink = new Sink(random)
  const keys = 1 + below(remote ? 60 : 8)
  let invocations = 0
  let made = 0

  /** By event: the last refused batch that was halved for it, as it was before its halves were halved. */
  const halved = new Map<string, readonly string[]>()

  const respond = async (request: PendingRequest) => {
    const answer = sink.judge(request, lane.now)
    if (answer !== 'broken' && (answer.status === 400 || answer.status === 401))
      for (const id of request.ids) {
        const isHalf = request.ids.every((one) => halved.get(id)?.includes(one))
        if (!isHalf) halved.set(id, request.ids)
      }
    if (answer === 'broken') await request.breakOff()
    else await request.answer(answer.status, answer.headers)
  }
  const check = () => {
    const { committed: cursor } = lane.sender
    const rows = new Set(lane.rows())
    const dead = new Set(lane.letters.list({ limit: 1000 }).map(({ messageId }) => messageId))
    const lost = lane.events.filter(
      ({ offset, id }) => offset < cursor && !rows.has(id) && !dead.has(id) && !sink.arrived.includes(id),
    )
    expect(lost, 'below the cursor, and nowhere').toEqual([])
  }

  /** What was under way and is gone may or may not have arrived. */
  const lose = (lost: readonly PendingRequest[]) => {
    const asked = new Map(sink.notBefore)
    for (const request of lost) if (random.next() < 0.5) sink.judge(request, lane.now)
    // An answer that never came asks for nothing; that to one half of a batch is noted with that to the other half.
    const unanswered = new Set(lost.flatMap(({ ids }) => ids))
    for (const id of asked.keys()) if (halved.get(id)?.some((other) => unanswered.has(other)) === true) asked.delete(id)
    sink.notBefore = asked
  }

  for (let step = 0; step < (remote ? 200 : 120); step++) {
    const dice = random.next()
    if (dice < 0.25) {
      lane.append(
        Array.from({ length: 1 + below(remote ? 30 : 6) }, () => {
          const kind = random.next() < 0.04 ? 'bad' : random.next() < 0.04 ? 'sick' : 'good'
          return { id: `${kind} ${++made}`, key: `ada-${below(keys)}` }
        }),
      )
      await lane.feed()
    } else if (dice < 0.7) {
      const request = lane.requests[below(lane.requests.length)]
      if (request !== undefined) await respond(request)
    } else if (dice < 0.8) await lane.pass(below(4000))
    else if (dice < 0.9) {
      lane.checkpoint()
      check()
    } else if (dice < 0.94) sink.mode = (['well', 'well', 'down', 'locked'] as const)[below(4)] ?? 'well'
    else if (dice < 0.97) await lane.feed()
    else if (remote && random.next() < 0.7) {
      const open = lane.invocations.filter(({ isOpen }) => isOpen)
      const before = lane.requests
      open[below(open.length)]?.die('Worker exceeded CPU time limit.')
      lose(before.filter((request) => !lane.requests.includes(request)))
      await lane.settled()
    } else if (crashes) {
      invocations += lane.invocations.length
      lose(lane.crash().lost)
      await lane.feed()
    }
  }

  sink.healed = true
  for (let round = 0; ; round++) {
    expect(round, 'rounds until all is quiet').toBeLessThan(2000)
    await lane.feed()
    const request = lane.requests[0]
    if (request !== undefined) {
      await respond(request)
      continue
    }
    const due = lane.sender.due()
    if (due === undefined && lane.sender.position === lane.head) break
    await lane.pass(Math.max(1, (due ?? lane.now) - lane.now))
  }
  lane.checkpoint()
  check()

  const all = lane.events
  const bad = all.filter(({ id }) => id.includes('bad')).map(({ id }) => id)
  const letters = lane.letters.list({ limit: 10_000 })
  expect(lane.sender.committed, 'the cursor at the end').toBe(lane.head)
  expect(lane.sender.waiting, 'rows at the end').toBe(0)
  expect(lane.rows()).toEqual([])
  expect(letters.map(({ messageId }) => messageId).toSorted(), 'dead letters').toEqual(bad.toSorted())
  expect(letters.filter(({ attempts }) => attempts.at(-1)?.status !== 400)).toEqual([])
  expect(sink.early, 'asked again before Retry-After').toEqual([])
  const first = new Map<string, number>()
  sink.arrived.forEach((id, i) => first.has(id) || first.set(id, i))
  const good = all.filter(({ id }) => !id.includes('bad'))
  expect(
    good.filter(({ id }) => !first.has(id)),
    'lost',
  ).toEqual([])
  const late = new Map<string, number>()
  const disorder = good.filter(({ id, key }) => {
    const place = first.get(id) as number
    const before = late.get(key) ?? -1
    late.set(key, Math.max(before, place))
    return place < before
  })
  expect(disorder, 'overtaken by a later event of the same key').toEqual([])
  return invocations + lane.invocations.length
}

/** Each story has a seed of its own, so that a failure is repeated by one story alone. */
const tell = (world: World) => withSeed((random) => story(random, world).then(() => undefined), { runs: 120 })

test(
  'whatever a destination answers, nothing is lost, nothing overtakes its key, each dead letter comes once',
  { timeout: 180_000 },
  () => tell({}),
)

test(
  'nothing is lost, overtaken or doubled either when the lane loses its memory at any moment',
  { timeout: 180_000 },
  () => tell({ crashes: true }),
)

test(
  'nothing is lost, overtaken or doubled where other invocations send for the lane and die, and it loses its memory',
  { timeout: 180_000 },
  async () => {
    let invocations = 0
    await withSeed(
      async (random) => {
        invocations += await story(random, { crashes: true, remote: true })
      },
      { runs: 8 },
    )
    expect(invocations, 'invocations of all stories').toBeGreaterThan(0)
  },
)
