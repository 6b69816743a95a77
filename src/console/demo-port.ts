import type { Port } from '../core/port.ts'

/** The host of `WEBHOOK_URL` in `.dev.vars`. Names below .localhost are this machine's own (RFC 6761 §6.3). */
const demoHost = 'demo.localhost'

/**
 * Lets a webhook whose host is `demo.localhost` reach the Worker that sends it: `wrangler dev` takes another port when its own is
 * in use, which the config cannot know.
 *
 * @param port the world
 * @param self sends a request to this Worker
 * @returns a world whose `fetch` hands requests to `http://demo.localhost` to `self`, and all others to the network
 */
export const demoPort = (port: Port, self: { readonly fetch: Port['fetch'] }): Port => ({
  ...port,
  fetch: (request) => (new URL(request.url).hostname === demoHost ? self.fetch(request) : port.fetch(request)),
})
