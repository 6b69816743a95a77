import { describe, expect, test } from 'vitest'
import { allLanes, laneName, lanesOf } from '../../src/core/lanes.ts'
import { emptyLayout, intersectLayouts, joinLayouts, type Layout, orphansIn } from '../../src/core/layout.ts'
import type { ResolvedConfig } from '../../src/core/resolved-config.ts'

const destination = (name: string, partitions: number) => ({ name, kind: 'destination', partitions }) as const
const four: Layout = { partitions: 4, targets: [destination('crm', 4), destination('constructor', 1)] }
const two: Layout = { partitions: 2, targets: [destination('hook', 2), destination('crm', 2)] }

describe('what a deployment has and had', () => {
  test('two layouts are joined to all that either has, the targets of the first one first', () => {
    expect(joinLayouts(two, four)).toEqual({
      partitions: 4,
      targets: [destination('hook', 2), destination('crm', 4), destination('constructor', 1)],
    })
    expect(joinLayouts(two, emptyLayout)).toEqual(two)
  })

  test('a layout is cut to what another one has, too', () => {
    expect(intersectLayouts(four, two)).toEqual({ partitions: 2, targets: [destination('crm', 2)] })
    expect(intersectLayouts(four, four)).toEqual(four)
  })

  test('the lanes of a layout are the edge’s and those of every target, as many as it ever had', () => {
    const known: Layout = { partitions: 2, targets: [destination('hook', 2), destination('crm', 1)] }
    expect(allLanes(known).map(laneName)).toEqual(['@edge:0', 'hook:0', 'hook:1', 'crm:0'])
  })

  test('a target that no layout knows is looked for in every partition', () => {
    expect(lanesOf('old-crm', two).map(laneName)).toEqual(['old-crm:0', 'old-crm:1'])
    expect(lanesOf('@edge', two).map(laneName)).toEqual(['@edge:0'])
  })

  test('targets that are in a layout and not in the config are orphans', () => {
    const resolved = { targets: new Map([['hook', {}]]) } as unknown as ResolvedConfig
    expect(orphansIn(two, resolved).map(({ name }) => name)).toEqual(['crm'])
  })
})
