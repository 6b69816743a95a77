import { WorkerEntrypoint } from 'cloudflare:workers'
import { type FetchRules, guardedFetch } from './guarded-fetch.ts'

/** The only way to the network that an isolate has: lets through what the config of its transform names. */
export class TransformFetch extends WorkerEntrypoint<unknown, FetchRules> {
  override fetch(request: Request): Promise<Response> {
    return guardedFetch(request, this.ctx.props, (one) => fetch(one))
  }
}
