import { v5 } from 'uuid'
import type { Memory, SourceTools } from '../../core/webhook-source.ts'
import { isRecord } from '../../core/json.ts'
import { listOf } from './products.ts'

/**
 * One way of tracking a shop, with what it remembers.
 *
 * Memory of the tracker: `<cart token>` (anonymousId) and `<cart token>:items`. Of the pixel: `pixel:<cart token>`
 * (anonymousId), `pixel:<anonymousId>` (userId) and `pixel:<cart token>:items`.
 */
export interface PixelGeneration {
  readonly pixel: boolean
  readonly prefix: '' | 'pixel:'
  readonly version: string
  /** How long it is known whose cart it is. */
  readonly cartSeconds: number
}

/** Shopify keeps a cart for two weeks after its last change. */
export const tracker: PixelGeneration = { pixel: false, prefix: '', version: '1.0.0', cartSeconds: 14 * 86_400 }

/** The web pixel, which knows a cart for half a day. */
export const pixel: PixelGeneration = { pixel: true, prefix: 'pixel:', version: '2.0.0', cartSeconds: 12 * 3600 }

/** How long it is known who a visitor is. */
const userSeconds = 24 * 3600

/** Ids come from browsers as well: what is longer is not remembered. */
const longestId = 200

/** An id as text; undefined when it is none, or too long to remember. */
export function idOf(value: unknown): string | undefined {
  const text = typeof value === 'number' ? String(value) : typeof value === 'string' ? value.trim() : ''
  return text === '' || text.length > longestId ? undefined : text
}

/** A cart's token, whether bare or at the end of a global id (`gid://shopify/Cart/<token>?key=…`). */
export function cartTokenOf(value: unknown): string | undefined {
  const token = idOf(typeof value === 'string' ? value.split(/[?#]/, 1)[0]?.replace(/^gid:\/\/.*\//, '') : value)
  return token !== undefined && /^[\w-]+$/.test(token) ? token : undefined
}

/** The UUID (version 5, in the namespace of URLs) that stands for a cart, or a call, of which nothing more is known. */
export const uuidOf = (name: string): string => v5(name, v5.URL)

/** Whose cart it is. */
export const rememberCart = (
  memory: Memory,
  { prefix, cartSeconds }: PixelGeneration,
  { cartToken, anonymousId }: { readonly cartToken: string; readonly anonymousId: string },
): Promise<void> => memory.set(`${prefix}${cartToken}`, anonymousId, cartSeconds)

/** Who a visitor is: only the pixel's events ask for it. */
export const rememberUser = (
  memory: Memory,
  { anonymousId, userId }: { readonly anonymousId: string; readonly userId: string },
): Promise<void> => memory.set(`${pixel.prefix}${anonymousId}`, userId, userSeconds)

/** The user that a visitor is known to be. */
export const userOf = async (memory: Memory, anonymousId: string): Promise<string | undefined> =>
  (await memory.get(`${pixel.prefix}${anonymousId}`)) ?? undefined

/** The visitor behind a server event. */
export interface ShopifyVisitor {
  readonly anonymousId: string
  /** False when the id was drawn for this call alone. */
  readonly lasting: boolean
  /** The session that the shop's script put into the cart. */
  readonly sessionId?: string | number
}

/**
 * Finds the visitor behind a server event: the cart's attribute `rudderAnonymousId`, else who is known to own the cart, else
 * an id that is the same for all events of the cart.
 *
 * Without a cart the id is drawn from the call's own id, so that Shopify's repeat of a call has the same one, or at random.
 */
export async function visitorOf(
  payload: Readonly<Record<string, unknown>>,
  from: {
    readonly generation: PixelGeneration
    readonly cartToken?: string | undefined
    readonly callId?: string | undefined
  },
  { memory, uuid }: Pick<SourceTools, 'memory' | 'uuid'>,
): Promise<ShopifyVisitor> {
  const { generation, cartToken, callId } = from
  const anonymousId = idOf(attribute(payload, 'rudderAnonymousId'))
  const session = idOf(attribute(payload, 'rudderSessionId'))
  const known = {
    lasting: true,
    ...(session === undefined ? {} : { sessionId: /^\d{1,15}$/.test(session) ? Number(session) : session }),
  }
  if (anonymousId !== undefined) return { anonymousId, ...known }
  if (cartToken !== undefined) {
    const owner = await memory.get(`${generation.prefix}${cartToken}`)
    return { anonymousId: owner ?? uuidOf(cartToken), ...known }
  }
  return { ...known, anonymousId: callId === undefined ? uuid() : uuidOf(callId), lasting: false }
}

/** An attribute of the cart, which orders and checkouts carry along as a list of names and values. */
function attribute({ note_attributes: notes }: Readonly<Record<string, unknown>>, name: string): unknown {
  if (isRecord(notes)) return Object.hasOwn(notes, name) ? notes[name] : undefined
  const found = listOf(notes).find((note) => isRecord(note) && note['name'] === name)
  return isRecord(found) ? found['value'] : undefined
}
