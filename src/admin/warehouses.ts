import type { LoaderStatus } from '../core/bindings.ts'
import { reasonOf, SluicewayError } from '../core/errors.ts'
import { knownLayout } from '../core/known-layout.ts'
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

/** POST /warehouses/:name/load: loads now what is staged, also while the loader waits after a failure. */
export async function loadWarehouse(c: AdminCall): Promise<Response> {
  const { resolved } = c.env
  const name = c.req.param('name') ?? ''
  if (resolved.targets.get(name)?.kind !== 'warehouse')
    throw new SluicewayError('not_found', `There is no warehouse "${name}" in the config.`)
  return loadNow(c, name)
}

/** Loads a warehouse now, and answers with what became of it. */
export async function loadNow(c: AdminCall, name: string): Promise<Response> {
  const { bindings, port } = c.env
  try {
    const report = await bindings.LOADER.getByName(name).load(name, { now: true })
    if (report.error === undefined) return adminResponse(c, { success: true, report })
    const message = `The load stopped before its end: ${report.error}`
    return adminResponse(c, { success: false, code: 'warehouse_failed', message, report }, 502)
  } catch (error) {
    port.log('error', 'a loader could not be reached', { warehouse: name, reason: reasonOf(error) })
    throw new SluicewayError('warehouse_failed', `The loader of ${name} does not answer.`, { cause: error })
  }
}
