// `sluiceway/source`: what the author of a webhook source needs.
export { defineSource, type SourceSpec } from '../configure/define-source.ts'
export type { Field, Fields, Input, Settings } from '../configure/settings.ts'
export { sameSecret } from '../core/secret.ts'
export type { Draft, Mapped, Memory, Reply, SourceTools, WebhookCall, WebhookSource } from '../core/webhook-source.ts'
