// `sluiceway/config`: what a config file needs, and the types of everything that stands in one.
export { defineConfig } from '../configure/define-config.ts'
export type {
  Config,
  ConfigOf,
  DemoConfig,
  EventChoice,
  FieldChoice,
  Route,
  SourceConfig,
  Vars,
  WarehouseRoute,
} from '../core/config.ts'
export type { Consent, ConsentRule } from '../core/consent.ts'
export type { Destination } from '../core/destination.ts'
export type { BotRules, EnrichmentConfig } from '../core/enrichment.ts'
export type { IdentityCookie } from '../core/identity-cookie.ts'
export type { PrivacyRules } from '../core/privacy.ts'
export type { RateLimit } from '../core/rate-limit.ts'
export type { Stream } from '../core/stream.ts'
export type { Transform } from '../core/transform.ts'
export type { Warehouse } from '../core/warehouse.ts'
export type { WebhookSource } from '../core/webhook-source.ts'
