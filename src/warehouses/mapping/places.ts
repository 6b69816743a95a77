import type { NameWriter } from './names.ts'
import type { JsonPaths } from './json-paths.ts'
import type { Provider } from './providers.ts'

/** What holds for everything that one event is flattened from. */
export interface FlattenRules {
  readonly provider: Provider
  readonly names: NameWriter
  readonly paths: JsonPaths | undefined
  /** Whether the legacy paths count too: tracks only. */
  readonly legacyPaths: boolean
  /** Columns that only we fill, in lower case; keys that would become them are left out. */
  readonly ownColumns: ReadonlySet<string>
  /** Whether objects below the third level become JSON text: cloud sources only. */
  readonly shallow: boolean
}

/** The column of a key. */
export interface KeyColumn {
  /** `''` where the key gives no name. */
  readonly name: string
  /** Whether a property may fill the column. */
  readonly isOpen: boolean
}

/** What becomes of the values of a key, worked out once. */
export interface KeyPlan {
  readonly key: string
  /** Whether values are kept whole, as JSON text. */
  readonly isJson: boolean
  /** Undefined until a value needs it: keys of objects have none. */
  column: KeyColumn | undefined
  /** Where objects under the key are; undefined until there is one. */
  below: Place | undefined
  /** The key that came behind it the last time. */
  next: KeyPlan | undefined
}

/** Keys that are remembered. Events whose keys are never the same must not fill the memory. */
const mostKeys = 20_000
/** UTF-16 units of a prefix below which keys are remembered. */
const longestPrefix = 256

/** The places of the events of one type, and what becomes of their keys: most events have the keys of the one before. */
export class Places {
  readonly rules: FlattenRules
  readonly #roots = new Map<string, Place>()
  keys = 0

  constructor(rules: FlattenRules) {
    this.rules = rules
  }

  /** Whether it must be made anew. */
  get isFull(): boolean {
    return this.keys > mostKeys
  }

  /**
   * The place with which flattening begins.
   *
   * @param path in front of the key's path from the root: `track_context_`
   * @param prefix in front of the column's raw name: `context_`
   * @param pathDepth how deep keys of this object are below the root
   */
  root(path: string, prefix: string, pathDepth: number): Place {
    let place = this.#roots.get(path)
    if (place === undefined) this.#roots.set(path, (place = new Place(this, { path, prefix, pathDepth, depth: 0 })))
    return place
  }
}

interface Where {
  readonly path: string
  readonly prefix: string
  readonly pathDepth: number
  readonly depth: number
}

/** Where in events an object is. */
export class Place implements Where {
  readonly path: string
  readonly prefix: string
  readonly pathDepth: number
  /** How deep keys of this object are below the object that flattening began with. */
  readonly depth: number
  readonly #places: Places
  readonly #plans = new Map<string, KeyPlan>()
  /** The key that came first the last time. */
  first: KeyPlan | undefined

  constructor(places: Places, { path, prefix, pathDepth, depth }: Where) {
    this.#places = places
    this.path = path
    this.prefix = prefix
    this.pathDepth = pathDepth
    this.depth = depth
  }

  get rules(): FlattenRules {
    return this.#places.rules
  }

  /** What becomes of a key. @param before the key in front of it, if there is one */
  plan(key: string, before: KeyPlan | undefined): KeyPlan {
    const guess = before === undefined ? this.first : before.next
    if (guess !== undefined && guess.key === key) return guess
    const plan = this.#plans.get(key) ?? this.#add(key)
    if (before === undefined) this.first = plan
    else before.next = plan
    return plan
  }

  /** The column of a key. */
  columnOf(plan: KeyPlan): KeyColumn {
    return (plan.column ??= this.#name(plan.key))
  }

  /** The place of an object under a key. */
  under(plan: KeyPlan): Place {
    if (plan.below !== undefined) return plan.below
    const { path, prefix, pathDepth, depth } = this
    const below = new Place(this.#places, {
      path: `${path}${plan.key}_`,
      prefix: `${prefix}${plan.key}_`,
      pathDepth: pathDepth + 1,
      depth: depth + 1,
    })
    if (below.prefix.length <= longestPrefix) plan.below = below
    return below
  }

  #add(key: string): KeyPlan {
    const plan = { key, isJson: this.#isJson(key), column: undefined, below: undefined, next: undefined }
    this.#plans.set(key, plan)
    this.#places.keys++
    return plan
  }

  #name(key: string): KeyColumn {
    const { names, provider, ownColumns } = this.rules
    const name = names.columnsUnder(this.prefix)(key)
    return { name, isOpen: name !== '' && !ownColumns.has(provider.upperCase ? name.toLowerCase() : name) }
  }

  #isJson(key: string): boolean {
    const { paths, legacyPaths } = this.rules
    if (paths === undefined) return false
    if (paths.rooted.get(this.path + key) === this.pathDepth) return true
    return legacyPaths && paths.legacy.get(this.prefix + key) === this.depth
  }
}
