import type { Bindings } from '../core/bindings.ts'
import { joinFrames } from '../core/frame.ts'
import type { LaneRef } from '../core/stream.ts'

/** Stages one event by itself, as a replayed letter of a warehouse needs it. Resolves once the loader knows the file. */
export async function stageOne(
  bindings: Bindings,
  ref: LaneRef,
  file: { readonly name: string; readonly data: Uint8Array },
): Promise<void> {
  const key = `staging/${ref.target}/${ref.partition}/${file.name}`
  const bytes = joinFrames([file.data])
  await bindings.BUCKET.put(key, bytes)
  await bindings.LOADER.getByName(ref.target).register(ref.target, {
    key,
    partition: ref.partition,
    events: 1,
    bytes: bytes.byteLength,
  })
}
