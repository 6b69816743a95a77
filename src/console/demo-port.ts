import type { Port } from '../core/port.ts'

/** The host of `WEBHOOK_URL` in `.dev.vars`. Names below .localhost are this machine's own (RFC 6761 §6.3). */
const demoHost = 'demo.localhost'

/**
 * Lets a webhook whose host is `demo.localhost` reach the Worker that sends it: `wrangler dev` takes another port when its own is
 * in use, which the config cannot know.
 *
 * @param port the world
 * @param self sends a request to this Worker
 * @returns a world that hands requests to `http://demo.localhost` to `self`, and all others to the network
 */
export const demoPort = (port: Port, self: { readonly fetch: Port['fetch'] }): Port => {
  const { fetch, send } = port
  const isDemo = (url: string) => /demo\.localhost/i.test(url) && new URL(url).hostname === demoHost
  return {
    ...port,
    fetch: (request) => (isDemo(request.url) ? self.fetch(request) : fetch(request)),
    ...(send === undefined
      ? {}
      : { send: (url, init) => (isDemo(url) ? self.fetch(new Request(url, init)) : send(url, init)) }),
  }
}
