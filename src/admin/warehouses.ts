import * as z from 'zod/mini'
import type { LoaderStatus, LoadOptions } from '../core/bindings.ts'
import { reasonOf, SluicewayError } from '../core/errors.ts'
import { knownLayout } from '../core/known-layout.ts'
import { bodyOf, limitUpTo, queryOf, wholeNumber } from './body.ts'
import { adminResponse, type AdminCall } from './responses.ts'
import { assertAnswered, gather } from './gather.ts'
import { warehousesOf } from '../core/lanes.ts'

/** GET /warehouses: what is staged, what was loaded, the known tables; also of those that are gone from the config. */
export async function listWarehouses(c: AdminCall): Promise<Response> {
  const { resolved, bindings } = c.env
  const { values, failures } = await gather(
    warehousesOf(await knownLayout(c.env)),
    async (name): Promise<LoaderStatus & { readonly orphaned?: true }> => ({
      ...(await bindings.LOADER.getByName(name).status(name)),
      ...(resolved.targets.has(name) ? {} : { orphaned: true }),
    }),
    (name) => `loader ${name}`,
  )
  assertAnswered(values, failures)
  return adminResponse(c, { warehouses: values, failures })
}

/** GET /warehouses/:name: the same of one of them. */
export async function readWarehouse(c: AdminCall): Promise<Response> {
  const { resolved, bindings } = c.env
  const name = await knownName(c)
  const status = await askLoader(c, name, () => bindings.LOADER.getByName(name).status(name))
  return adminResponse(c, { warehouse: { ...status, ...(resolved.targets.has(name) ? {} : { orphaned: true }) } })
}

const syncsQuery = z.object({ before: wholeNumber, limit: limitUpTo(100) })

/** GET /warehouses/:name/syncs: what was loaded, newest first. */
export async function listSyncs(c: AdminCall): Promise<Response> {
  const { before, limit = 20 } = queryOf(c, syncsQuery)
  const name = await knownName(c)
  const query = { limit, ...(before === undefined ? {} : { before }) }
  const page = await askLoader(c, name, () => c.env.bindings.LOADER.getByName(name).syncs(name, query))
  return adminResponse(c, page)
}
listSyncs.query = syncsQuery

/** POST /warehouses/:name/load: loads now what is staged and what waits for tables, also while the loader waits. */
export const loadWarehouse = (c: AdminCall): Promise<Response> => load(c, { now: true })

const retryBody = z.strictObject({ table: z.optional(z.string()) })

/** POST /warehouses/:name/retry: loads now what waits for tables that refused it, or for one of them. */
export async function retryWarehouse(c: AdminCall): Promise<Response> {
  const { table } = await bodyOf(c, retryBody, {})
  if (table === undefined) return load(c, { retry: {} })
  const name = configuredName(c)
  const { waitingTables } = await askLoader(c, name, () => c.env.bindings.LOADER.getByName(name).status(name))
  if (waitingTables.some((one) => one.table === table)) return load(c, { retry: { table } })
  const waiting = waitingTables.map((one) => JSON.stringify(one.table)).join(', ')
  throw new SluicewayError(
    'not_found',
    `No rows wait for a table ${JSON.stringify(table)} of ${name}; ${waiting === '' ? 'none wait for any' : `some wait for ${waiting}`}.`,
  )
}
retryWarehouse.takesBody = true as const

async function load(c: AdminCall, options: LoadOptions): Promise<Response> {
  const name = configuredName(c)
  const report = await askLoader(c, name, () => c.env.bindings.LOADER.getByName(name).load(name, options))
  if (report.error === undefined) return adminResponse(c, { success: true, report })
  const message = `The load stopped before its end: ${report.error}`
  return adminResponse(c, { success: false, code: 'warehouse_failed', message, report }, 502)
}

/** The name of a warehouse that the config has. */
function configuredName(c: AdminCall): string {
  const name = c.req.param('name') ?? ''
  if (c.env.resolved.targets.get(name)?.kind === 'warehouse') return name
  throw new SluicewayError('not_found', `There is no warehouse "${name}" in the config.`)
}

/** The name of a warehouse that the config has or had. */
async function knownName(c: AdminCall): Promise<string> {
  const name = c.req.param('name') ?? ''
  if (warehousesOf(await knownLayout(c.env)).includes(name)) return name
  throw new SluicewayError('not_found', `There is no warehouse "${name}".`)
}

async function askLoader<T>({ env }: AdminCall, name: string, ask: () => Promise<T>): Promise<T> {
  try {
    return await ask()
  } catch (error) {
    env.port.log('error', 'a loader could not be reached', { warehouse: name, reason: reasonOf(error) })
    throw new SluicewayError('warehouse_failed', `The loader of ${name} does not answer.`, { cause: error })
  }
}
