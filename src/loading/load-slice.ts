import type { LoadPosition } from './load-position.ts'
import type { Slice } from './slice.ts'
import { SliceLoader, type SliceTools } from './slice-loader.ts'

/**
 * Loads a slice, one namespace after the other: all rows first, then what was discarded of them. Rows that are refused become
 * dead letters of the slice.
 *
 * @param tools `position` notes where the slice ends before the first discard is written
 * @returns how many rows and discards
 * @throws {SluicewayError} warehouse_failed when the warehouse, not a row or table, is the reason; all may be repeated
 */
export async function loadSlice(
  slice: Slice,
  tools: SliceTools & { readonly position: LoadPosition },
): Promise<{ readonly rows: number; readonly discards: number }> {
  const { position } = tools
  const loaders = slice.parts.map((part) => new SliceLoader(part, tools))
  let rows = 0
  for (const loader of loaders) rows += await loader.loadRows()
  const written = () => loaders.reduce((sum, { discards }) => sum + discards, 0)
  if (loaders.some(({ hasDiscards }) => hasDiscards)) position.fixEnd(slice.end)
  try {
    for (const loader of loaders) await loader.loadDiscards()
  } catch (thrown) {
    if (written() === 0) position.fixEnd(undefined)
    throw thrown
  }
  for (const loader of loaders) loader.noteDiscards()
  return { rows, discards: written() }
}
