import { emptyLayout, intersectLayouts, joinLayouts, type Layout } from '../core/layout.ts'
import type { LaneStore } from './lane-store.ts'

/**
 * What the lane of the edge remembers of the layout: `layout` in its table `meta`, as JSON. It only grows, until the sweep
 * says that what is beyond `kept` holds nothing any more.
 */
export class LayoutRecord {
  readonly #store: LaneStore

  constructor(store: LaneStore) {
    this.#store = store
  }

  /** Notes what there is, and gives all that there may be. Writes a row only when that is new. */
  note({ seen, kept }: { readonly seen: Layout; readonly kept?: Layout }): Layout {
    const stored = this.#store.get('layout')
    const known = stored === undefined ? emptyLayout : (JSON.parse(stored) as Layout)
    const layout = joinLayouts(kept === undefined ? known : intersectLayouts(known, kept), seen)
    const text = JSON.stringify(layout)
    if (text !== stored) this.#store.set('layout', text)
    return layout
  }
}
