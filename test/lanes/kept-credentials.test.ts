// Credentials that are renewed while they are used: the first lane of a destination keeps them, and renews them once for all.
import { expect, test } from 'vitest'
import type { LaneRpc } from '../../src/core/bindings.ts'
import type { Destination } from '../../src/core/destination.ts'
import type { Target } from '../../src/core/resolved-config.ts'
import { deliver } from '../../src/lanes/deliver.ts'
import { credentialsOf, KeptCredentials } from '../../src/lanes/kept-credentials.ts'
import { LaneStore } from '../../src/lanes/lane-store.ts'
import { Envelope } from '../../src/core/envelope.ts'
import { fakePort, now } from '../support/fake-context.ts'
import { fakeDestination } from '../support/fake-destination.ts'
import { headerOf } from '../support/sample-events.ts'
import { Sqlite } from '../support/sqlite.ts'

const targetOf = (use: Partial<Destination>): Extract<Target, { kind: 'destination' }> => ({
  kind: 'destination',
  name: 'crm',
  displayName: 'CRM',
  route: { use: fakeDestination('crm', use) },
})

/** The first lane of a destination whose `renew` counts tokens up. */
function keeper(sqlite = new Sqlite()) {
  const asked: (string | null)[] = []
  const renew = async (kept: string | null) => {
    asked.push(kept)
    await new Promise((resolve) => setTimeout(resolve, 1))
    return `token ${Number(kept?.slice(6) ?? 0) + 1}`
  }
  const target = targetOf({ renew })
  const kept = new KeptCredentials(target, { store: new LaneStore(sqlite.open(), now), port: fakePort() })
  return { asked, target, kept, sqlite }
}

test('credentials are renewed once for all lanes that ask at the same time, and for a latecomer not at all', async () => {
  const { kept, asked } = keeper()
  expect(kept.current()).toBe(null)
  expect(await Promise.all([kept.renew(null), kept.renew(null), kept.renew(null)])).toEqual(Array(3).fill('token 1'))
  expect(await kept.renew(null)).toBe('token 1')
  expect(await kept.renew('token 1')).toBe('token 2')
  expect(asked).toEqual([null, 'token 1'])
})

test('renewed credentials outlive a restart of the object that keeps them', async () => {
  const { kept, sqlite } = keeper()
  await kept.renew(null)
  expect(keeper(sqlite).kept.current()).toBe('token 1')
})

test('a renewal that fails leaves what was kept, and the next one is tried', async () => {
  let fails = true
  const target = targetOf({
    renew: async () => {
      if (fails) throw new Error('the tokens are refused: HTTP 400')
      return 'token 1'
    },
  })
  const kept = new KeptCredentials(target, { store: new LaneStore(new Sqlite().open(), now), port: fakePort() })
  await expect(kept.renew(null)).rejects.toThrow('HTTP 400')
  expect(kept.current()).toBe(null)
  fails = false
  expect(await kept.renew(null)).toBe('token 1')
})

test('a destination that renews credentials sends with those that its first lane keeps', async () => {
  const { kept, target } = keeper()
  const names: string[] = []
  const lanes = {
    getByName: (name: string) => {
      names.push(name)
      return {
        credentials: async (_ref: unknown, renewing?: { readonly used: string | null }) =>
          renewing === undefined ? kept.current() : kept.renew(renewing.used),
      } as unknown as LaneRpc
    },
  }
  const sentWith: (string | null | undefined)[] = []
  const use: Destination = {
    ...target.route.use,
    send: async (items, { credentials }) => {
      const current = (await credentials?.current()) ?? null
      sentWith.push(current, await credentials?.renew(current))
      return { status: 200, body: '', verdicts: items.map(() => ({ kind: 'done' })) }
    },
  }
  const port = fakePort(credentialsOf({ ...target, route: { use } }, lanes))
  await deliver([new Envelope(headerOf('order-1'), '{}')], use, { port })
  expect(sentWith).toEqual([null, 'token 1'])
  expect(names).toEqual(['crm:0', 'crm:0'])
  expect(credentialsOf(targetOf({}), lanes)).toEqual({})
})
