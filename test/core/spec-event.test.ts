import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { expect, test } from 'vitest'
import type { Event } from '../../src/core/event.ts'
import { isTrack, type SpecEvent, type TrackEvent } from '../../src/core/spec-event.ts'
import type { Transform } from '../../src/core/transform.ts'
import { runTransforms } from '../../src/transforms/run.ts'
import { examples } from '../spec/examples.ts'

// `npm run check` compiles this file: where a type is not what is said here, it fails.

const order: TrackEvent<'Order Completed'> = {
  type: 'track',
  event: 'Order Completed',
  messageId: 'order-1843',
  userId: 'ada',
  properties: { order_id: '1843', currency: 'EUR', products: [{ sku: 'loom-1', price: 129.9, quantity: 1 }] },
}

/** A transform of a user with types. */
function withDearest(event: SpecEvent<{ 'Plan Upgraded': { plan: 'pro' | 'enterprise' } }>) {
  // @ts-expect-error no event has this name
  if (event.event === 'Order Compleated') return null
  switch (event.event) {
    case 'Order Completed': {
      const price: number | undefined = event.properties.products?.[0]?.price
      const id: string = event.properties.order_id
      // @ts-expect-error the price is a number
      const text: string | undefined = event.properties.products?.[0]?.price
      void text
      event.properties['dearest'] = `${id}: ${price}`
      return event
    }
    case 'Video Playback Paused': {
      const position: number | undefined = event.properties.position
      return position === 0 ? null : event
    }
    case 'Plan Upgraded': {
      const plan: 'pro' | 'enterprise' = event.properties.plan
      event.properties['is_big'] = plan === 'enterprise'
      return event
    }
    case undefined:
      break
    default:
      return event
  }
  if (event.type === 'identify') {
    const email: string | undefined = event.traits?.email
    event.context = { ...event.context, traits: email === undefined ? {} : { email } }
  }
  if (event.type === 'page') {
    const url: string | undefined = event.properties?.url ?? event.context?.page?.url
    event['shown'] = url
  }
  return event
}

test('a transform that names the events of the specification is a transform, and its events are events', async () => {
  const transform: Transform = { name: 'with-dearest', transformEvent: withDearest }
  const events: Event[] = [
    order,
    { type: 'identify', messageId: 'm-2', userId: 'ada', traits: { email: 'ada@example.com' } },
  ]
  const { events: out } = await runTransforms([transform], structuredClone(events), () => ({}) as never)
  expect(out.map(({ event }) => event.properties?.['dearest'] ?? event.context)).toEqual([
    '1843: 129.9',
    { traits: { email: 'ada@example.com' } },
  ])
})

test('isTrack tells an event of a name, whose properties the compiler then knows', () => {
  const revenueOf = (event: Event): number | undefined =>
    isTrack(event, 'Order Completed') ? event.properties.products?.[0]?.price : undefined
  expect(revenueOf(order)).toBe(129.9)
  expect(revenueOf({ ...order, event: 'Order Refunded' })).toBeUndefined()
  expect(revenueOf({ ...order, type: 'page' })).toBeUndefined()
  expect(revenueOf({ ...order, properties: 'none' as never })).toBeUndefined()
  // @ts-expect-error no event has this name
  expect(isTrack(order, 'Order Compleated')).toBe(false)
})

/** Events of the examples that are of nobody's specification. */
const own = new Set([
  'Lesson Opened',
  'Newsletter Subscribed',
  'Punched Cards Bought',
  'Workshop Booked',
  'Wheel Turned',
  'Card Punched',
])

test('every example of the specification has the type of its event', () => {
  const root = resolve(import.meta.dirname, '../..')
  const folder = mkdtempSync(join(tmpdir(), 'sluiceway-examples-'))
  try {
    const whole = examples.filter(
      ({ call, event }) => call !== 'track' || (event['event'] !== undefined && !own.has(String(event['event']))),
    )
    const lines = whole.map(({ title, call, event }, i) => {
      const filled = {
        // Browsers send null where a page has no name; the types leave that out.
        ...Object.fromEntries(Object.entries(event).filter(([, value]) => value !== null)),
        type: call,
        messageId: `m-${i}`,
        ...(call === 'track' ? { properties: event['properties'] ?? {} } : {}),
      }
      return `// ${title}\nexport const e${i}: SpecEvent = ${JSON.stringify(filled)}`
    })
    expect(lines.length).toBeGreaterThan(100)
    writeFileSync(
      join(folder, 'examples.ts'),
      [`import type { SpecEvent } from '${join(root, 'src/core/spec-event.ts')}'`, ...lines].join('\n'),
    )
    writeFileSync(
      join(folder, 'tsconfig.json'),
      JSON.stringify({ extends: join(root, 'tsconfig.base.json'), compilerOptions: { types: [] }, include: ['*.ts'] }),
    )
    const { stdout } = spawnSync(join(root, 'node_modules/.bin/tsc'), ['-p', folder], { encoding: 'utf8' })
    expect(stdout).toBe('')
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
