// What the runtime can do at most: an object that does nothing but fetch in a loop, with as many requests at once as a lane.
import { DurableObject } from 'cloudflare:workers'

interface Env {
  readonly LOOP: DurableObjectNamespace<Loop>
  /** The network, as the lanes of the local server have it. */
  readonly OUTBOUND: Fetcher
}

/** What one run does. */
interface Run {
  readonly url: string
  readonly body: string
  readonly seconds: number
  readonly parallel: number
}

export class Loop extends DurableObject<Env> {
  /** Returns how many requests were answered. */
  async run({ url, body, seconds, parallel }: Run): Promise<number> {
    const end = Date.now() + seconds * 1_000
    const headers = { 'content-type': 'application/json' }
    let answered = 0
    const loop = async () => {
      while (Date.now() < end) {
        const response = await this.env.OUTBOUND.fetch(url, { method: 'POST', headers, body })
        await response.body?.cancel()
        answered++
      }
    }
    await Promise.all(Array.from({ length: parallel }, loop))
    return answered
  }
}

export default {
  async fetch(request, env) {
    return Response.json(await env.LOOP.getByName('0').run((await request.json()) as Run))
  },
} satisfies ExportedHandler<Env>
