// messageIds of copies, through the transforms of a source and then those of a target, in batches of any size.
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Event } from '../../src/core/event.ts'
import type { KnownMetadata, Transform } from '../../src/core/transform.ts'
import { runHalves } from '../../src/transforms/halves.ts'
import { runTransforms } from '../../src/transforms/run.ts'
import { runStep } from '../../src/transforms/step.ts'

/** What a transform does with an event, by the number of copies that its id and this seed give. */
interface Splitter {
  readonly kind: 'event' | 'batch' | 'isolated'
  /** Copies of the event at the place `(length of its path + its number) % copies.length`. */
  readonly copies: readonly number[]
  readonly ids: 'kept' | 'lost' | 'text'
}

/** Where an event comes from: its own number, then its place among the copies of each transform. */
const pathOf = (event: Event): readonly number[] => event.properties?.['path'] as number[]

function copiesOf({ copies, ids, kind }: Splitter, event: Event): Event[] {
  const path = pathOf(event)
  const sum = path.reduce((total, one) => total + one, 0)
  return Array.from({ length: copies[sum % copies.length] ?? 1 }, (_, place) => {
    const copy: Partial<Event> = { ...event, properties: { path: [...path, place] } }
    // In a batch, what has no id belongs to its first event.
    if (ids === 'lost' && kind !== 'batch') delete (copy as { messageId?: string }).messageId
    if (ids === 'text' && kind !== 'batch') copy.messageId = ''
    return copy as Event
  })
}

function transformOf(splitter: Splitter): Transform {
  const transformEvent = (event: Event) => copiesOf(splitter, event)
  if (splitter.kind === 'event') return { transformEvent }
  if (splitter.kind === 'batch')
    return { transformBatch: (events) => events.flatMap((event) => copiesOf(splitter, event)) }
  return {
    transformEvent,
    // As an isolate that cannot hold more than three events: halves run by themselves.
    runBatch: (batch) =>
      runHalves(
        batch,
        async ({ texts, known, userCodeMs, mark }) => {
          if (texts.length > 3) throw new Error('Worker exceeded memory limit.')
          const items = texts.map((text, i) => ({
            event: JSON.parse(text) as Event,
            known: known[i] as KnownMetadata,
          }))
          const { events, dropped } = await runStep({ transformEvent }, items, userCodeMs, mark)
          return { events, dropped, failed: [] }
        },
        ['transformEvent'],
      ),
  }
}

async function through(
  splitters: readonly Splitter[],
  events: readonly Event[],
  destinationName?: string,
): Promise<Event[]> {
  const { events: made, failed } = await runTransforms(splitters.map(transformOf), structuredClone(events), () => ({
    sourceName: 'shop',
    receivedAt: '2026-11-28T10:00:00.000Z',
    ...(destinationName === undefined ? {} : { destinationName }),
  }))
  expect(failed).toEqual([])
  return made.map(({ event }) => event)
}

/** Runs events in batches of these sizes, over and over. */
async function inBatches(
  sizes: readonly number[],
  events: readonly Event[],
  run: (batch: readonly Event[]) => Promise<Event[]>,
): Promise<Event[]> {
  const made: Event[] = []
  for (let from = 0, n = 0; from < events.length; n++) {
    const size = sizes[n % sizes.length] as number
    made.push(...(await run(events.slice(from, from + size))))
    from += size
  }
  return made
}

const splitter = fc.record<Splitter>({
  kind: fc.constantFrom('event', 'batch', 'isolated'),
  copies: fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 3 }),
  ids: fc.constantFrom('kept', 'lost', 'text'),
})
const sizes = fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 4 })
const ids = fc.uniqueArray(fc.oneof(fc.uuid(), fc.stringMatching(/^[a-z0-9.:_-]{1,4}$/)), {
  minLength: 1,
  maxLength: 12,
})

test('copies have ids of their own, and the same ones in every run, whatever the batches at the edge and in the lane are', async () => {
  await fc.assert(
    fc.asyncProperty(
      ids,
      fc.array(splitter, { maxLength: 3 }),
      fc.array(splitter, { maxLength: 3 }),
      fc.tuple(sizes, sizes, sizes, sizes),
      async (given, atEdge, inLane, [first, second, third, fourth]) => {
        const events = given.map((messageId, i): Event => ({ type: 'track', messageId, properties: { path: [i] } }))
        const whole = async (edgeSizes: readonly number[], laneSizes: readonly number[]) => {
          const stored = await inBatches(edgeSizes, events, (batch) => through(atEdge, batch))
          return inBatches(laneSizes, stored, (batch) => through(inLane, batch, 'crm'))
        }
        const made = await whole(first, second)
        const idByPath = (all: readonly Event[]) =>
          Object.fromEntries(all.map((event) => [pathOf(event).join('.'), event.messageId]))
        expect(new Set(made.map(({ messageId }) => messageId)).size).toBe(made.length)
        expect(idByPath(await whole(third, fourth))).toEqual(idByPath(made))
        // The first of what becomes of an event keeps its id.
        for (const event of made) {
          const [number = 0, ...places] = pathOf(event)
          if (places.every((place) => place === 0)) expect(event.messageId).toBe(given[number])
        }
      },
    ),
    { numRuns: 300 },
  )
})

test('copies of copies say which transform made them', async () => {
  const twice: Splitter = { kind: 'event', copies: [2], ids: 'kept' }
  const order: Event = { type: 'track', messageId: 'order-1843', properties: { path: [0] } }
  const stored = await through([twice, twice], [order])
  expect(stored.map(({ messageId }) => messageId)).toEqual([
    'order-1843',
    'order-1843#2.1',
    'order-1843#1',
    'order-1843#1#2.1',
  ])
  const sent = await through([twice], stored.slice(0, 3), 'crm')
  expect(sent.map(({ messageId }) => messageId)).toEqual([
    'order-1843',
    'order-1843~1',
    'order-1843#2.1',
    'order-1843#2.1~1',
    'order-1843#1',
    'order-1843#1~1',
  ])
})
