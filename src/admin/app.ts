import { Hono } from 'hono'
import { SluicewayError } from '../core/errors.ts'
import { adminNameOf } from '../core/admin-name.ts'
import { listActions, noteAction } from './actions.ts'
import { assertNoBody, assertQueryIsKnown, type QuerySchema } from './body.ts'
import { type AdminCall, type AdminEnv, adminErrorResponse } from './responses.ts'
import { discardLetter, discardLetters, listLetters, readLetter, replayLetter, replayLetters } from './dead-letters.ts'
import { listCauses } from './causes.ts'
import { dryRun } from './dry-run.ts'
import { editLetter, patchLetter } from './edit-letter.ts'
import { exportLetters } from './export-letters.ts'
import { replayHistory } from './history.ts'
import { cancelJob, listJobs, readJob, startLetterJob } from './jobs.ts'
import { deleteGroup, deleteTopic, listKafka, resetGroup } from './kafka.ts'
import { listLanes, drainLanes, pauseLanes, resumeLane, resumeLanes, skipLanes, sweepNow } from './lanes.ts'
import { listEvents, listLog } from './log.ts'
import { listSources, listStream } from './sources.ts'
import { listSpill } from './spill.ts'
import { checkSuppressed, listDeletions, listSuppressed, suppress, unsuppress } from './suppression.ts'
import { trace } from './trace.ts'
import { testCode, testDeployed, testRun } from './transformations.ts'
import { diffTransform } from './transformation-diff.ts'
import { discardUnreadable, listUnreadable, mendUnreadable, readUnreadable, reloadUnreadable } from './unreadable.ts'
import { queryWarehouse } from './warehouse-sql.ts'
import { listSyncs, listWarehouses, loadWarehouse, readWarehouse, retryWarehouse } from './warehouses.ts'

interface Handler {
  (c: AdminCall): Promise<Response>
  /** What its query may have; nothing when left out. */
  readonly query?: QuerySchema
  /** True when it reads a body; any other call that has one is refused. */
  readonly takesBody?: true
  /** True for a call that changes nothing, whatever its verb: it is not noted as an action. */
  readonly onlyReads?: true
  /** True for a call that is noted as an action though it changes nothing. */
  readonly isNoted?: true
}

/** Every path with its verbs. Fixed paths stand before those with parameters that would match them too. */
const routes: Readonly<Record<string, Readonly<Record<string, Handler>>>> = {
  '/dead-letters': { GET: listLetters },
  '/dead-letters/causes': { GET: listCauses },
  '/dead-letters/export': { GET: exportLetters },
  '/dead-letters/jobs': { POST: startLetterJob },
  '/dead-letters/replay': { POST: replayLetters },
  '/dead-letters/discard': { POST: discardLetters },
  '/dead-letters/:id': { GET: readLetter, PUT: editLetter, PATCH: patchLetter, DELETE: discardLetter },
  '/dead-letters/:id/replay': { POST: replayLetter },
  '/dead-letters/:id/dry-run': { POST: dryRun },
  '/history': { POST: replayHistory },
  '/jobs': { GET: listJobs },
  '/jobs/:id': { GET: readJob },
  '/jobs/:id/cancel': { POST: cancelJob },
  '/actions': { GET: listActions },
  '/lanes': { GET: listLanes },
  '/lanes/:target/pause': { POST: pauseLanes },
  '/lanes/:target/drain': { POST: drainLanes },
  '/lanes/:target/resume': { POST: resumeLanes },
  '/lanes/:target/skip': { POST: skipLanes },
  '/lanes/:target/:partition/resume': { POST: resumeLane },
  '/warehouses': { GET: listWarehouses },
  '/warehouses/:name': { GET: readWarehouse },
  '/warehouses/:name/syncs': { GET: listSyncs },
  '/warehouses/:name/sql': { GET: queryWarehouse },
  '/warehouses/:name/unreadable': { GET: listUnreadable },
  '/warehouses/:name/unreadable/:file': { GET: readUnreadable, PUT: mendUnreadable, DELETE: discardUnreadable },
  '/warehouses/:name/unreadable/:file/load': { POST: reloadUnreadable },
  '/warehouses/:name/load': { POST: loadWarehouse },
  '/warehouses/:name/retry': { POST: retryWarehouse },
  '/kafka': { GET: listKafka },
  '/kafka/groups/:group': { DELETE: deleteGroup },
  '/kafka/groups/:group/offsets': { POST: resetGroup },
  '/kafka/topics/:topic': { DELETE: deleteTopic },
  '/sources': { GET: listSources },
  '/stream': { GET: listStream },
  '/log': { GET: listLog },
  '/events': { GET: listEvents },
  '/trace/:messageId': { GET: trace },
  '/spill': { GET: listSpill },
  '/suppression': { GET: listSuppressed, POST: suppress },
  '/suppression/remove': { POST: unsuppress },
  '/suppression/check': { GET: checkSuppressed },
  '/suppression/deletions': { GET: listDeletions },
  '/transformations/test': { POST: testCode },
  '/transformations/testRun': { POST: testRun },
  '/transformations/:name/test': { POST: testDeployed },
  '/transformations/:name/diff': { POST: diffTransform },
  '/sweep': { POST: sweepNow },
}

/**
 * The JSON API that looks after a deployment, mounted at `/admin`.
 *
 * Every call brings `Authorization: Bearer <admin token>`. Without a token in the config nothing is here; with one, nothing
 * is told, not even what exists, to a caller who has not got it.
 */
export const admin = new Hono<AdminEnv>()

admin.use('*', async (c, next) => {
  const { adminToken } = c.env.resolved
  if (adminToken === undefined) return adminErrorResponse(c, notFoundError(c))
  const [, given] = /^bearer +(\S+) *$/i.exec(c.req.header('authorization') ?? '') ?? []
  const by = await adminNameOf(given ?? '', c.env.resolved)
  if (by === undefined)
    return adminErrorResponse(
      c,
      new SluicewayError('unauthorized', 'Send the admin token as "Authorization: Bearer …".'),
    )
  c.set('by', by)
  return next()
})

for (const [path, verbs] of Object.entries(routes))
  admin.all(path, async (c) => {
    const handler = verbs[c.req.method === 'HEAD' ? 'GET' : c.req.method]
    if (handler !== undefined) {
      assertQueryIsKnown(c, handler.query)
      if (handler.takesBody !== true) await assertNoBody(c)
      const onlyReads = verbs['GET'] === handler || handler.onlyReads === true
      if (onlyReads && handler.isNoted !== true) return handler(c)
      const response = await handler(c).catch((error: unknown) => adminErrorResponse(c, error))
      await noteAction(c, response.status)
      return response
    }
    const allow = Object.keys(verbs).join(', ')
    c.header('allow', allow)
    return adminErrorResponse(
      c,
      new SluicewayError('method_not_allowed', `This path takes ${allow}, not ${c.req.method}.`),
    )
  })

admin.all('*', (c) => adminErrorResponse(c, notFoundError(c)))
admin.onError((error, c) => adminErrorResponse(c, error))

const notFoundError = (c: AdminCall): SluicewayError =>
  new SluicewayError('not_found', `There is nothing at ${c.req.path}.`)
