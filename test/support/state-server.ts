import { resolve } from 'node:path'
import { startServing } from './serving.ts'

const config = resolve(import.meta.dirname, '../e2e/state-fixture.config.ts')

/** A state folder as `npm start` serves it with the config of the state fixture. */
export interface StateServer {
  readonly url: string
  readonly writeKey: string
  /** Sends a body to an ingest route, with the folder's write key when no other is given. */
  readonly post: (path: string, body: unknown, writeKey?: string) => Promise<Response>
  /** Sends events as one batch; throws unless all of them are accepted. */
  readonly accept: (events: readonly object[], writeKey?: string) => Promise<void>
  /** Calls the admin API; throws on any status that is not 2xx. */
  readonly admin: <T>(path: string, init?: RequestInit) => Promise<T>
  /** Ends it as Ctrl-C does; the folder stays. */
  readonly stop: () => Promise<unknown>
}

/**
 * Serves a state folder, with the scheduled functions run every second.
 *
 * @param state absolute path of the folder
 * @param vars values for the config's env, see state-fixture.config.ts
 */
export async function serveState(state: string, vars: Readonly<Record<string, string>>): Promise<StateServer> {
  const { ready, stop } = await startServing({
    state,
    args: [
      '--tick',
      '1',
      '--config',
      config,
      ...Object.entries(vars).flatMap(([name, value]) => ['--var', `${name}=${value}`]),
    ],
  })
  const { url, writeKey, adminToken } = ready
  const post: StateServer['post'] = (path, body, key = writeKey) =>
    fetch(`${url}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Basic ${btoa(`${key}:`)}` },
      body: JSON.stringify(body),
    })
  return {
    url,
    writeKey,
    post,
    async accept(events, key) {
      const response = await post('/v1/batch', { batch: events }, key)
      const text = await response.text()
      const { accepted } = JSON.parse(text) as { accepted?: number }
      if (accepted !== events.length)
        throw new Error(`${events.length} events were answered ${response.status} ${text}`)
    },
    async admin<T>(path: string, init: RequestInit = {}): Promise<T> {
      const response = await fetch(`${url}/admin${path}`, {
        ...init,
        headers: { authorization: `Bearer ${adminToken}`, 'content-type': 'application/json' },
      })
      const text = await response.text()
      if (!response.ok) throw new Error(`${init.method ?? 'GET'} /admin${path} answered ${response.status}: ${text}`)
      return JSON.parse(text) as T
    },
    stop: () => stop(),
  }
}
