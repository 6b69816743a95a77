import { createHash } from 'node:crypto'
import type { Memory } from '../../core/webhook-source.ts'
import type { PixelGeneration } from './identity.ts'
import { listOf } from './products.ts'

/** A cart that is changed within this time of its creation, and is empty, was just created. */
const newbornMs = 10_000

/**
 * Says whether a `carts_update` tells nothing new: the cart holds what it held at the last one, or is empty and just made.
 * Remembers what it holds.
 *
 * A call that Shopify repeats under the same id is as new as it was the first time: its event may not have been stored then.
 */
export async function isOldNews(
  payload: Readonly<Record<string, unknown>>,
  cart: {
    readonly generation: PixelGeneration
    readonly cartToken?: string | undefined
    readonly callId?: string | undefined
  },
  memory: Memory,
): Promise<boolean> {
  const { generation, cartToken, callId = '' } = cart
  const lines = listOf(payload['line_items'])
  const age = timeOf(payload['updated_at']) - timeOf(payload['created_at'])
  if (lines.length === 0 && age <= newbornMs) return true
  if (cartToken === undefined) return false
  const key = `${generation.prefix}${cartToken}:items`
  const hash = createHash('sha256').update(JSON.stringify(lines)).digest('hex')
  const [before, teller = ''] = ((await memory.get(key)) ?? '').split(' ')
  if (before === hash) return callId === '' || callId !== teller
  await memory.set(key, `${hash} ${callId}`.trim(), generation.cartSeconds)
  return false
}

/** Milliseconds since the epoch, or NaN. */
const timeOf = (value: unknown): number => (typeof value === 'string' ? Date.parse(value) : Number.NaN)
