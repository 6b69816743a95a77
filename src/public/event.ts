// `sluiceway/event`: the types of an event, and of every event of the specification.
export type { Event, EventType, Json } from '../core/event.ts'
export { isTrack, type SpecEvent, type TrackEvent } from '../core/spec-event.ts'
export type { SpecProduct, SpecProperties } from '../core/spec-properties.ts'
