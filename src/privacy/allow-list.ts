import type { FieldPath } from './field-path.ts'
import { isRecord } from '../core/json.ts'

/** What may stay below one place. */
interface Node {
  /** Everything may. */
  whole: boolean
  readonly members: Map<string, Node>
  /** Below every member. */
  any: Node | undefined
}

const createNode = (): Node => ({ whole: false, members: new Map(), any: undefined })

/** Paths that may stay, by their segments. */
export class AllowList {
  readonly #root = createNode()

  constructor(paths: readonly FieldPath[]) {
    for (const path of paths) {
      let node = this.#root
      for (const segment of path) node = childOf(node, segment)
      node.whole = true
    }
  }

  /**
   * Removes, in place, what is in none of the paths, and what is empty then.
   *
   * @returns whether anything of `holder`'s member stays; it is for the caller to remove it
   */
  prune(holder: Readonly<Record<string, unknown>>, key: string): boolean {
    return pruneValue(holder[key], nodesBelow([this.#root], key))
  }
}

function childOf(node: Node, segment: string): Node {
  if (segment === '*') return (node.any ??= createNode())
  let child = node.members.get(segment)
  if (child === undefined) node.members.set(segment, (child = createNode()))
  return child
}

const nodesBelow = (nodes: readonly Node[], key: string): Node[] =>
  nodes.flatMap(({ members, any }) => [members.get(key), any].filter((one) => one !== undefined))

function pruneValue(value: unknown, nodes: readonly Node[]): boolean {
  if (nodes.some(({ whole }) => whole)) return true
  if (nodes.length === 0) return false
  if (Array.isArray(value)) {
    // As a path goes through an array: a `*` stands for its elements, anything else for members of these.
    const own = nodes.flatMap(({ members, any }) => [
      ...(members.size > 0 ? [{ whole: false, members, any: undefined }] : []),
      ...(any === undefined ? [] : [any]),
    ])
    const kept: unknown[] = value.filter((one) => pruneValue(one, own))
    value.splice(0, value.length, ...kept)
    return value.length > 0
  }
  if (!isRecord(value)) return false
  let some = false
  for (const key of Object.keys(value)) {
    if (pruneValue(value[key], nodesBelow(nodes, key))) some = true
    else delete value[key]
  }
  return some
}
