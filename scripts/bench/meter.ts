import type { ObjectUsage } from './bill.ts'
import type { State } from './sluiceway.ts'

type Counts = Omit<ObjectUsage, 'name'>

const nothing: Counts = { calls: 0, rowsWritten: 0, alarms: 0, r2Writes: 0, r2Reads: 0, d1RowsWritten: 0 }
const names = Object.keys(nothing) as readonly (keyof Counts)[]

/**
 * Adds up what objects say that they were billed for.
 *
 * They count since they came into memory: they must be asked more often than they may leave it (10 s). The calls that ask
 * are not counted.
 */
export class Meter {
  readonly #last = new Map<string, Counts>()
  readonly #sums = new Map<string, Counts>()

  /** Takes the next answer of all objects; the first one is where counting starts. */
  take(state: State): void {
    for (const { name, billed } of objectsOf(state)) {
      const before = this.#last.get(name)
      this.#last.set(name, billed)
      if (before === undefined) {
        this.#sums.set(name, nothing)
        continue
      }
      const restarted = billed.calls <= before.calls
      const sum = this.#sums.get(name) ?? nothing
      const grown = (field: keyof Counts) =>
        sum[field] + billed[field] - (restarted ? 0 : before[field]) - (field === 'calls' ? 1 : 0)
      this.#sums.set(name, Object.fromEntries(names.map((field) => [field, grown(field)])) as Counts)
    }
  }

  /** What was used between the first answer and the last. */
  get usage(): readonly ObjectUsage[] {
    return [...this.#sums].map(([name, counts]) => ({ name, ...counts }))
  }
}

const objectsOf = ({ logs, lanes, loaders }: State): { readonly name: string; readonly billed: Counts }[] =>
  [
    ...logs.map(({ partition, billed }) => ({ name: `log ${partition}`, billed })),
    ...lanes.map(({ target, partition, billed }) => ({ name: `lane ${target}:${partition}`, billed })),
    ...loaders.map(({ warehouse, billed }) => ({ name: `loader ${warehouse}`, billed })),
  ].map(({ name, billed }) => ({ name, billed: { ...nothing, ...billed } }))
