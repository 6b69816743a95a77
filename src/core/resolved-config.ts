import type { ArchiveConfig, Config, DemoConfig, Route, TraceConfig, WarehouseRoute } from './config.ts'
import type { Enrichment } from './enrichment.ts'
import type { KafkaSource } from './kafka-source.ts'
import type { IdentityCookie } from './identity-cookie.ts'
import type { PrivacyRules } from './privacy.ts'
import type { RateLimit } from './rate-limit.ts'
import type { Stream } from './stream.ts'
import type { Transform } from './transform.ts'
import type { WebhookSource } from './webhook-source.ts'

/** A source with everything decided. */
export interface Source {
  readonly name: string
  /** Empty for a source that takes no requests. */
  readonly writeKey: string
  readonly enabled: boolean
  readonly transforms: readonly Transform[]
  readonly targets: readonly Target[]
  readonly enrich: Enrichment
  /** Left out, like the others below, where the config has none. */
  readonly webhook?: WebhookSource
  readonly kafka?: KafkaSource
  readonly privacy?: PrivacyRules
  readonly identityCookie?: IdentityCookie
  readonly rate?: Required<RateLimit>
}

/** A destination or warehouse with everything decided, or the archive, which gets every event. */
export type Target = AnyTarget &
  (
    | { readonly kind: 'destination'; readonly route: Route }
    | { readonly kind: 'warehouse'; readonly route: WarehouseRoute }
    | { readonly kind: 'archive'; readonly route: ArchiveRoute }
  )

/** The archive has no rules of its own: what it holds is what was accepted. */
export interface ArchiveRoute extends ArchiveConfig {
  readonly use?: never
  readonly consent?: never
  readonly privacy?: never
  readonly transforms?: never
}

interface AnyTarget {
  readonly name: string
  readonly displayName: string
  /** Of all sources of the config, by name: what its transforms are told. */
  readonly sourceTypes?: ReadonlyMap<string, string>
}

/** The config as the code uses it. */
export interface ResolvedConfig {
  readonly stream: Stream
  readonly earlierStreams: readonly Stream[]
  readonly sourcesByKey: ReadonlyMap<string, Source>
  readonly sources: ReadonlyMap<string, Source>
  readonly targets: ReadonlyMap<string, Target>
  /** Undefined where there is no admin API: neither `admin.token` nor one of `admin.tokens` has a value. */
  readonly adminToken: string | undefined
  /** Those of `admin.tokens` by their names; left out where there are none. */
  readonly adminTokens?: ReadonlyMap<string, string>
  /** Left out where the config has none. */
  readonly trace?: TraceConfig
  readonly demo: boolean | DemoConfig
  readonly limits: Required<NonNullable<Config['limits']>>
  readonly paths: Required<NonNullable<Config['paths']>>
}
