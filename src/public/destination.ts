// `sluiceway/destination`: what the author of a destination needs. `Envelope` and `done` are for its tests.
export { defineDestination, type DestinationSpec } from '../configure/define-destination.ts'
export type { Field, Fields, Input, Settings } from '../configure/settings.ts'
export type { Destination, HttpRequest, HttpResponse, Item, Limits, RequestContext } from '../core/destination.ts'
export { Envelope, type Facts, type Header } from '../core/envelope.ts'
export type { Event } from '../core/event.ts'
export { done, type Verdict } from '../core/verdict.ts'
export { murmur2 } from '../storage/murmur2.ts'
