import type { ResolvedConfig } from './resolved-config.ts'

/** The lanes of one target: those of the partitions below a number. */
export interface TargetLanes {
  readonly name: string
  readonly kind: 'destination' | 'warehouse' | 'archive'
  readonly partitions: number
}

/**
 * Which objects may hold something of a deployment: those of its config now, and those of its earlier configs. Partitions
 * above the number of now, and targets that are gone, still have what was accepted for them.
 */
export interface Layout {
  /** Partitions of the log below this number; 0 where the log was never the stream. */
  readonly partitions: number
  readonly targets: readonly TargetLanes[]
  /** True once it was looked for partitions that were used before the layout was remembered. */
  readonly isSearched?: true
}

/** The layout of a deployment of which nothing is known. */
export const emptyLayout: Layout = { partitions: 0, targets: [] }

/** The layout that a config asks for. */
export const layoutOf = ({ stream, targets }: ResolvedConfig): Layout => ({
  partitions: stream.log === undefined ? 0 : stream.partitions,
  targets: [...targets.values()].map(({ name, kind }) => ({ name, kind, partitions: stream.partitions })),
})

/** All that either of two layouts has; the targets of `first` come first. */
export function joinLayouts(first: Layout, second: Layout): Layout {
  const targets = new Map(first.targets.map((target) => [target.name, target]))
  for (const target of second.targets) {
    const known = targets.get(target.name) ?? target
    targets.set(target.name, { ...known, partitions: Math.max(known.partitions, target.partitions) })
  }
  return {
    partitions: Math.max(first.partitions, second.partitions),
    targets: [...targets.values()],
    ...(first.isSearched === true || second.isSearched === true ? { isSearched: true } : {}),
  }
}

/** What of `first` is in `second`, too. */
export function intersectLayouts(first: Layout, second: Layout): Layout {
  const most = new Map(second.targets.map(({ name, partitions }) => [name, partitions]))
  return {
    ...first,
    partitions: Math.min(first.partitions, second.partitions),
    targets: first.targets
      .map((target) => ({ ...target, partitions: Math.min(target.partitions, most.get(target.name) ?? 0) }))
      .filter(({ partitions }) => partitions > 0),
  }
}

/** Targets of a layout that are no longer in the config: their lanes are `orphaned`. */
export const orphansIn = (layout: Layout, { targets }: ResolvedConfig): TargetLanes[] =>
  layout.targets.filter(({ name }) => !targets.has(name))
