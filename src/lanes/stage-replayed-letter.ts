import type { Bindings } from '../core/bindings.ts'
import type { LaneRef } from '../core/inbox.ts'

/** Stages one event by itself, or what transforms made of it, as a replayed letter of a warehouse needs it. Resolves once the loader knows the file. */
export async function stageReplayedLetter(
  bindings: Bindings,
  ref: LaneRef,
  file: {
    readonly name: string
    readonly data: Uint8Array
    readonly events: number
    readonly event: { readonly id: string; readonly source: string }
  },
): Promise<void> {
  const key = `staging/${ref.target}/${ref.partition}/${file.name}`
  await bindings.BUCKET.put(key, file.data)
  await bindings.LOADER.getByName(ref.target).register(ref.target, {
    key,
    partition: ref.partition,
    events: file.events,
    bytes: file.data.byteLength,
    replayed: file.event,
  })
}
