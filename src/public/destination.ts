// `sluiceway/destination`: what the author of a destination needs. `Envelope` and `done` are for its tests.
export { bucketFields, bucketProblems, type BucketSettings, bucketUrl } from '../configure/bucket.ts'
export { defineDestination, type DestinationSpec } from '../configure/define-destination.ts'
export type { Field, Fields, Input, Settings } from '../configure/settings.ts'
export type {
  Destination,
  ForgottenUser,
  HttpRequest,
  HttpResponse,
  Item,
  Limits,
  RequestContext,
  SendContext,
  SendResult,
} from '../core/destination.ts'
export { Envelope, type Facts, type Header } from '../core/envelope.ts'
export type { Event } from '../core/event.ts'
export { isRecord } from '../core/json.ts'
export { makeMapping, type Mapping, mappingProblem, valueAt } from '../core/mapping.ts'
export { perIsolate } from '../core/per-isolate.ts'
export { retryAfterSeconds } from '../core/retry.ts'
export { sha256Hex } from '../privacy/personal-value.ts'
export { type EventTemplate, headerPart, makeTemplate, templateProblem, urlPart } from '../core/template.ts'
export { done, type Verdict } from '../core/verdict.ts'
export { murmur2 } from '../storage/murmur2.ts'
