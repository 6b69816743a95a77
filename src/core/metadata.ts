import type { Source, Target } from './resolved-config.ts'
import type { KnownMetadata } from './transform.ts'

/** There is one workspace: the deployment. SDKs are told the same; see ingest/source-config.ts. */
export const workspaceId = 'sluiceway'

/**
 * Tells the kind of a source, as RudderStack's definitions of sources do.
 *
 * @param source of the config
 * @returns `HTTP` where SDKs and clients send, else the name of the vendor, or `kafka`
 */
export const sourceTypeOf = ({ webhook, kafka }: Pick<Source, 'webhook' | 'kafka'>): string =>
  webhook?.name ?? kafka?.name ?? 'HTTP'

/** Where an event is on its way. */
interface Way {
  readonly sourceName: string
  /** Left out where the config has no such source any more. */
  readonly sourceType: string | undefined
  readonly receivedAt: string
  /** Left out before the stream. */
  readonly target?: Target
}

/**
 * Makes what a transform may know about an event beside its content.
 *
 * @param way where it comes from and goes to
 */
export const knownMetadata = ({ sourceName, sourceType, receivedAt, target }: Way): KnownMetadata => ({
  sourceName,
  ...(sourceType === undefined ? {} : { sourceType }),
  ...(target?.route.use === undefined
    ? {}
    : { destinationName: target.name, destinationType: target.route.use.name.toUpperCase() }),
  workspaceId,
  receivedAt,
})
