import { expect, test } from 'vitest'
import { LaneWorld, type OnItsWay } from '../support/lane-world.ts'

/** A small generator of random numbers (mulberry32), so that a seed tells the whole story. */
function generator(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

/** What the destination saw, and how it answers. */
class Sink {
  readonly arrived: string[] = []
  notBefore = new Map<string, number>()
  readonly early: string[] = []
  healed = false
  mode: 'well' | 'down' | 'locked' = 'well'
  readonly #random: () => number

  constructor(random: () => number) {
    this.#random = random
  }

  /** Takes the request in, maybe, and says what the answer is. */
  judge({ ids, at }: OnItsWay, now: number): { status: number; headers?: Record<string, string> } | 'broken' {
    for (const id of ids) if (at < (this.notBefore.get(id) ?? 0)) this.early.push(id)
    if (ids.some((id) => id.includes('bad'))) return { status: 400 }
    if (!this.healed) {
      if (this.mode === 'down') return this.#random() < 0.3 ? 'broken' : { status: 503 }
      if (this.mode === 'locked') return { status: 401 }
      if (ids.some((id) => id.includes('sick'))) return { status: 500 }
      const chance = this.#random()
      if (chance < 0.08) return { status: 500 }
      if (chance < 0.12) return 'broken'
      if (chance < 0.18) {
        const seconds = 1 + Math.floor(this.#random() * 20)
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

async function story(seed: number, crashes: boolean): Promise<void> {
  const random = generator(seed)
  const below = (n: number) => Math.floor(random() * n)
  const world = new LaneWorld({ limits: { events: 1 + below(5), parallel: 1 + below(4) }, random })
  const sink = new Sink(random)
  const keys = 1 + below(8)
  let made = 0

  const respond = async (request: OnItsWay) => {
    const answer = sink.judge(request, world.now)
    if (answer === 'broken') await request.breakOff()
    else await request.answer(answer.status, answer.headers)
  }
  const check = () => {
    const { committed: cursor } = world.sender
    const rows = new Set(world.rows())
    const dead = new Set(world.letters.list({ limit: 1000 }).map(({ messageId }) => messageId))
    const lost = world.events.filter(
      ({ offset, id }) => offset < cursor && !rows.has(id) && !dead.has(id) && !sink.arrived.includes(id),
    )
    expect(lost, 'below the cursor, and nowhere').toEqual([])
  }

  for (let step = 0; step < 120; step++) {
    const dice = random()
    if (dice < 0.25) {
      world.append(
        Array.from({ length: 1 + below(6) }, () => {
          const kind = random() < 0.04 ? 'bad' : random() < 0.04 ? 'sick' : 'good'
          return { id: `${kind} ${++made}`, key: `ada-${below(keys)}` }
        }),
      )
      await world.feed()
    } else if (dice < 0.7) {
      const request = world.requests[below(world.requests.length)]
      if (request !== undefined) await respond(request)
    } else if (dice < 0.8) await world.pass(below(4000))
    else if (dice < 0.9) {
      world.checkpoint()
      check()
    } else if (dice < 0.94) sink.mode = (['well', 'well', 'down', 'locked'] as const)[below(4)] ?? 'well'
    else if (dice < 0.97) await world.feed()
    else if (crashes) {
      // What was under way may or may not have arrived.
      const asked = new Map(sink.notBefore)
      for (const request of world.crash().lost) if (random() < 0.5) sink.judge(request, world.now)
      // An answer that never came asks for nothing.
      sink.notBefore = asked
      await world.feed()
    }
  }

  sink.healed = true
  for (let round = 0; ; round++) {
    expect(round, 'rounds until all is quiet').toBeLessThan(2000)
    await world.feed()
    const request = world.requests[0]
    if (request !== undefined) {
      await respond(request)
      continue
    }
    const due = world.sender.due()
    if (due === undefined && world.sender.position === world.head) break
    await world.pass(Math.max(1, (due ?? world.now) - world.now))
  }
  world.checkpoint()
  check()

  const all = world.events
  const bad = all.filter(({ id }) => id.includes('bad')).map(({ id }) => id)
  const letters = world.letters.list({ limit: 10_000 })
  expect(world.sender.committed, 'the cursor at the end').toBe(world.head)
  expect(world.sender.waiting, 'rows at the end').toBe(0)
  expect(world.rows()).toEqual([])
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
}

const seeds = (from: number, count: number) => Array.from({ length: count }, (_, i) => from + i)

test('whatever a destination answers, nothing is lost, nothing overtakes its key, each dead letter comes once', async () => {
  for (const seed of seeds(1, 120)) await story(seed, false).catch(named(seed))
})

test('the same holds when the lane loses its memory at any moment', async () => {
  for (const seed of seeds(1001, 120)) await story(seed, true).catch(named(seed))
})

const named = (seed: number) => (error: unknown) => {
  throw new Error(`seed ${seed}: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
}
