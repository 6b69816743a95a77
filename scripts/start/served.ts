import type { ConfigSummary } from '../../src/configure/summarize-config.ts'

/** What a start serves, as its Worker says: only keys and addresses that it answers to. */
export interface Served {
  /** Put before the routes of events; empty for none. */
  readonly ingest: string
  readonly sources: ConfigSummary['sources']
  /** The source to send a first event to: that of WRITE_KEY if there is one, else the first that takes events. */
  readonly first: ConfigSummary['sources'][number] | undefined
  /** `other`: the config takes a token, which is not ADMIN_TOKEN. */
  readonly admin: 'token' | 'other' | 'none'
  readonly demo: boolean
  readonly kafkaUsers: ConfigSummary['kafkaUsers']
}

interface Keys {
  readonly writeKey: string
  readonly adminToken: string
}

/**
 * Finds out which of the keys that the start handed to a config the config really takes.
 *
 * @param summary what the Worker says of its config
 * @param url where it is served
 * @param keys what env has as WRITE_KEY and ADMIN_TOKEN
 */
export async function servedBy(summary: ConfigSummary, url: string, keys: Keys): Promise<Served> {
  const { sources, ingest, demo, kafkaUsers } = summary
  const open = sources.filter(({ enabled, webhook }) => enabled && webhook === undefined)
  return {
    ingest,
    sources,
    first: open.find(({ writeKey }) => writeKey === keys.writeKey) ?? open[0],
    admin: !summary.admin ? 'none' : (await isTaken(url, keys.adminToken)) ? 'token' : 'other',
    demo,
    kafkaUsers,
  }
}

/** Nothing is at this path, which only a caller with the right token is told. */
async function isTaken(url: string, token: string): Promise<boolean> {
  if (!/^[!-~]+$/.test(token)) return false
  const { status } = await fetch(`${url}/admin/nothing`, {
    headers: { authorization: `Bearer ${token}` },
    signal: AbortSignal.timeout(10_000),
  })
  return status !== 401
}
