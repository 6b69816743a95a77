import { spillPrefix, stuckPrefix, summarizeSpills } from '../spill/spill.ts'
import { adminResponse, type AdminCall } from './responses.ts'

/** Pages of 1,000 objects that are counted. */
const pages = 20
/** Keys that are named. */
const keys = 10

/** GET /spill: what waits in R2 for the stream, and what was set aside because it cannot be stored. */
export async function listSpill(c: AdminCall): Promise<Response> {
  const [waiting, stuck] = await Promise.all([
    summarizeSpills(spillPrefix, c.env, { pages, keys }),
    summarizeSpills(stuckPrefix, c.env, { pages, keys }),
  ])
  return adminResponse(c, { ...waiting, stuck })
}
