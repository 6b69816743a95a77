import * as z from 'zod/mini'
import type { LoaderRpc } from '../core/bindings.ts'
import type { Told } from '../core/unreadable.ts'
import { SluicewayError } from '../core/errors.ts'
import { textOf } from '../platform/body.ts'
import { limitUpTo, queryOf, wholeNumber } from './body.ts'
import { type AdminCall, adminResponse } from './responses.ts'
import { loadWarehouse } from './warehouses.ts'

/** Bytes of a mended file; what crosses to the loader may have twice as many. */
const mostBytes = 16_000_000

/** GET /warehouses/:name/unreadable: staging files that could not be read and were set aside. */
export async function listUnreadable(c: AdminCall): Promise<Response> {
  const { name, loader } = placeOf(c)
  return adminResponse(c, { files: await loader.unreadable(name) })
}

const linesQuery = z.object({ after: wholeNumber, limit: limitUpTo(1_000) })

/** GET /warehouses/:name/unreadable/:file: the lines of one that can be read, and what is in the way of the others. */
export async function readUnreadable(c: AdminCall): Promise<Response> {
  const { after = 0, limit = 100 } = queryOf(c, linesQuery)
  const { name, file, loader } = placeOf(c)
  return adminResponse(c, valueOf(await loader.readUnreadable(name, file, { after, limit })))
}
readUnreadable.query = linesQuery

/** PUT /warehouses/:name/unreadable/:file: puts a mended one in its place. */
export async function mendUnreadable(c: AdminCall): Promise<Response> {
  const text = await textOf(c.req.raw, mostBytes)
  const { name, file, loader } = placeOf(c)
  const mended = valueOf(await loader.mendUnreadable(name, file, text))
  c.set('about', mended)
  return adminResponse(c, { success: true, ...mended })
}
mendUnreadable.takesBody = true as const

/** POST /warehouses/:name/unreadable/:file/load: has it loaded again, at once. */
export async function reloadUnreadable(c: AdminCall): Promise<Response> {
  const { name, file, loader } = placeOf(c)
  valueOf(await loader.reloadUnreadable(name, file))
  return loadWarehouse(c)
}

/** DELETE /warehouses/:name/unreadable/:file: gives it up, with the events in it. */
export async function discardUnreadable(c: AdminCall): Promise<Response> {
  const { name, file, loader } = placeOf(c)
  const discarded = valueOf(await loader.discardUnreadable(name, file))
  c.set('about', { events: discarded.events, loadedEvents: discarded.loadedEvents })
  return adminResponse(c, { success: true, discarded })
}

function placeOf(c: AdminCall): { readonly name: string; readonly file: string; readonly loader: LoaderRpc } {
  const name = c.req.param('name') ?? ''
  if (c.env.resolved.targets.get(name)?.kind !== 'warehouse')
    throw new SluicewayError('not_found', `There is no warehouse "${name}" in the config.`)
  return { name, file: c.req.param('file') ?? '', loader: c.env.bindings.LOADER.getByName(name) }
}

function valueOf<T>(told: Told<T>): T {
  if ('refused' in told) throw new SluicewayError(told.code, told.refused)
  return told.value
}
