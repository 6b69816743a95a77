import type { Draft, SourceTools } from '../../core/webhook-source.ts'
import { isRecord } from '../../core/json.ts'
import { draftOf, valueAt } from '../shared/fields.ts'
import { cartTokenOf, type PixelGeneration, idOf, pixel, rememberCart, rememberUser, userOf } from './identity.ts'
import { cartInPath, contextOf, pageOf } from './pixel-context.ts'
import { pixelEventOf } from './pixel-events.ts'
import { integrationsOf, libraryOf } from './server-events.ts'

/** What a visitor's browser sends: an event of the pixel, or who has which cart. Never an event of Shopify's server. */
export type ClientCall =
  | { readonly kind: 'pixel'; readonly payload: Readonly<Record<string, unknown>> }
  | { readonly kind: 'identifier'; readonly payload: Readonly<Record<string, unknown>> }

/** Reads a body that a browser sent; undefined when it is one of Shopify's server. Goes by the body alone. */
export function clientCallOf(body: unknown): ClientCall | undefined {
  if (!isRecord(body)) return undefined
  if (body['event'] === 'rudderIdentifier') return { kind: 'identifier', payload: body }
  const { pixelEventLabel: label, clientId, name } = body
  const fromPixel = Boolean(label) || (idOf(clientId) !== undefined && pixelEventOf(name) !== undefined)
  return fromPixel ? { kind: 'pixel', payload: body } : undefined
}

/**
 * Makes the event of a visitor, and remembers whose cart it is. None for an event that has no counterpart in the event
 * specification, such as `clicked`.
 */
export async function clientEvents({ kind, payload }: ClientCall, generation: PixelGeneration, tools: SourceTools) {
  if (kind === 'pixel') return pixelEvents(payload, tools)
  await remember(payload, generation, tools)
  return []
}

async function pixelEvents(payload: ClientCall['payload'], { memory, uuid }: SourceTools): Promise<Draft[]> {
  const { name, data, context, timestamp } = payload
  const found = pixelEventOf(name)
  if (found === undefined) return []
  const { pixelEventLabel: _, ...shopifyDetails } = payload
  const clientId = idOf(payload['clientId'])
  const cartToken = cartTokenOf(valueAt(data, 'cart.id') ?? cartInPath(context))
  if (clientId !== undefined && cartToken !== undefined)
    await rememberCart(memory, pixel, { cartToken, anonymousId: clientId })
  const { type, event, properties } = found
  const traits = found.traits?.(data) ?? {}
  return [
    {
      ...draftOf('SHOPIFY', {
        type,
        event,
        messageId: idOf(payload['id']),
        anonymousId: clientId ?? uuid(),
        userId: clientId === undefined ? undefined : await userOf(memory, clientId),
        timestamp,
        ...(type === 'page' ? { name: 'Page View' } : {}),
        properties: type === 'page' ? pageOf(context) : properties(data, payload),
        context: {
          library: libraryOf(pixel, 'client'),
          topic: name,
          cart_token: cartToken,
          ...contextOf(context),
          ...(Object.keys(traits).length === 0 ? {} : { traits }),
          shopifyDetails,
        },
      }),
      integrations: integrationsOf(pixel, type),
    },
  ]
}

/** Remembers what the shop's script tells: `anonymousId` with `cartToken` (or `cart.token`), with `userId`, or both. */
async function remember(
  payload: ClientCall['payload'],
  generation: PixelGeneration,
  { memory }: SourceTools,
): Promise<void> {
  const anonymousId = idOf(payload['anonymousId'])
  if (anonymousId === undefined) return
  const cartToken = cartTokenOf(payload['cartToken'] ?? valueAt(payload, 'cart.token'))
  if (cartToken !== undefined) await rememberCart(memory, generation, { cartToken, anonymousId })
  const userId = idOf(payload['userId'])
  if (userId !== undefined && generation.pixel) await rememberUser(memory, { anonymousId, userId })
}
