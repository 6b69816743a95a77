// Sends the visit with one of the Node SDKs, which lie in the current folder: node.ts <package> <url> <write key> <visit.json>
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { resolve } from 'node:path'

type Call = Record<string, unknown> & { readonly type: string; readonly timestamp: string }
type Client = Record<string, (message?: object) => unknown>
type Make = new (...options: readonly unknown[]) => Client

const [name = '', url = '', writeKey = '', visit = ''] = process.argv.slice(2)
const sdk = createRequire(resolve('package.json'))(name) as Make & {
  readonly default?: Make
  readonly Analytics?: Make
}
const Analytics = sdk.Analytics ?? sdk.default ?? sdk

/** What differs: how a client is made, and what sends the last of it. */
const clients: Readonly<Record<string, () => { readonly client: Client; readonly last: string }>> = {
  '@rudderstack/rudder-sdk-node': () => ({
    client: new Analytics(writeKey, { dataPlaneUrl: url, flushAt: 4 }),
    last: 'flush',
  }),
  'analytics-node': () => ({ client: new Analytics(writeKey, { host: url, flushAt: 4 }), last: 'flush' }),
  '@segment/analytics-node': () => ({
    client: new Analytics({ writeKey, host: url, flushAt: 4 }),
    last: 'closeAndFlush',
  }),
  '@customerio/cdp-analytics-node': () => ({
    client: new Analytics({ writeKey, host: url, flushAt: 4 }),
    last: 'closeAndFlush',
  }),
}

const made = clients[name]?.()
if (made === undefined) throw new Error(`there is no client for ${name}`)
const { client, last } = made
for (const { type, timestamp, ...call } of JSON.parse(readFileSync(visit, 'utf8')) as Call[])
  client[type]?.({ ...call, timestamp: new Date(timestamp) })
await client[last]?.()
