// `sluiceway/transform`: the types of a transform, which is a module with one function and needs nothing else.
export type { Event } from '../core/event.ts'
export type { Metadata, MetadataOf, Transform, TransformResult } from '../core/transform.ts'
