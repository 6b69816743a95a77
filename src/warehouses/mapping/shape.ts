import type { MappedColumnType } from './types.ts'

/** Where a value of a column goes, and the shape that the row has then. */
export interface Step {
  readonly to: Shape
  /** Position among the values; that of an earlier value of the column where there is one. */
  readonly at: number
}

/** How the values of one row are laid over those of another one. */
export interface Overlay {
  readonly to: Shape
  /** Position in `to` of each value of the row above. */
  readonly at: readonly number[]
}

/** Names and types of shapes that are remembered, of 16 bytes. Events whose keys are never the same must not fill the memory. */
const mostCells = 500_000
/** What a shape takes beside its names and types, in such cells. */
const shapeCells = 25

/**
 * The columns of a row in order, with their types. Rows that were filled in the same way share one shape, so that a row itself
 * is no more than its values: what depends on the columns alone is worked out once for a shape.
 */
export class Shape {
  static #empty = new Shape([], [])
  static #cells = 0

  /** Names are final: cased, cut and escaped for the provider. */
  readonly names: readonly string[]
  readonly types: readonly MappedColumnType[]
  readonly #steps = new Map<string, Map<MappedColumnType, Step>>()
  readonly #overlays = new Map<Shape, Overlay>()
  #positions: ReadonlyMap<string, number> | undefined
  // Most rows are filled in the same way as the row before.
  #lastName: string | undefined
  #lastType: MappedColumnType | undefined
  #lastStep: Step | undefined

  private constructor(names: readonly string[], types: readonly MappedColumnType[]) {
    this.names = names
    this.types = types
  }

  /** The shape of a row without columns. It is another one whenever so much is remembered that all is forgotten. */
  static get empty(): Shape {
    if (Shape.#cells > mostCells) {
      Shape.#empty = new Shape([], [])
      Shape.#cells = 0
    }
    return Shape.#empty
  }

  /** The shape with these columns; no two may have the same name. */
  static of(columns: Iterable<readonly [name: string, type: MappedColumnType]>): Shape {
    const names: string[] = []
    const types: MappedColumnType[] = []
    for (const [name, type] of columns) {
      names.push(name)
      types.push(type)
    }
    return new Shape(names, types)
  }

  /** Position of a column, or -1. */
  positionOf(name: string): number {
    this.#positions ??= new Map(this.names.map((one, i) => [one, i]))
    return this.#positions.get(name) ?? -1
  }

  /** Adds a column, or gives one that is there another type. */
  with(name: string, type: MappedColumnType): Step {
    if (name === this.#lastName && type === this.#lastType) return this.#lastStep as Step
    const step = this.#steps.get(name)?.get(type) ?? this.#grow(name, type)
    this.#lastName = name
    this.#lastType = type
    this.#lastStep = step
    return step
  }

  /** Takes the column at a position away. */
  without(at: number): Shape {
    return new Shape(this.names.toSpliced(at, 1), this.types.toSpliced(at, 1))
  }

  /** Lays the columns of a row over those of this one: a column that both have gets the type of `above`. */
  under(above: Shape): Overlay {
    const before = this.#overlays.get(above)
    if (before !== undefined) return before
    const names = [...this.names]
    const types = [...this.types]
    const at = above.names.map((name, i) => {
      const found = this.positionOf(name)
      const position = found === -1 ? names.length : found
      names[position] = name
      types[position] = above.types[i] as MappedColumnType
      return position
    })
    const overlay = { to: new Shape(names, types), at }
    Shape.#cells += names.length + shapeCells
    this.#overlays.set(above, overlay)
    return overlay
  }

  #grow(name: string, type: MappedColumnType): Step {
    // Not `positionOf`: most shapes are only on the way to another one.
    const found = this.names.indexOf(name)
    const at = found === -1 ? this.names.length : found
    const to =
      found === -1
        ? new Shape([...this.names, name], [...this.types, type])
        : this.types[at] === type
          ? this
          : new Shape(this.names, this.types.with(at, type))
    const step = { to, at }
    let ofName = this.#steps.get(name)
    if (ofName === undefined) this.#steps.set(name, (ofName = new Map()))
    ofName.set(type, step)
    Shape.#cells += to.names.length + shapeCells
    return step
  }
}
