// `sluiceway/event`: the types of an event.
export type { Event, EventType, Json } from '../core/event.ts'
