import * as z from 'zod/mini'
import { SluicewayError } from '../core/errors.ts'
import { queryOf } from './body.ts'
import { type AdminCall, adminResponse } from './responses.ts'

/** UTF-16 units of a statement. */
const longestStatement = 16_000

const sqlQuery = z.object({
  q: z
    .string('must be the statement')
    .check(
      z.minLength(1, 'must be the statement'),
      z.maxLength(longestStatement, `must have at most ${longestStatement} characters`),
    ),
  source: z.optional(z.string()),
})

/** GET /warehouses/:name/sql: runs one statement that can do nothing but read, where the config allows it. */
export async function queryWarehouse(c: AdminCall): Promise<Response> {
  const { q, source } = queryOf(c, sqlQuery)
  const { resolved, bindings } = c.env
  const name = c.req.param('name') ?? ''
  const target = resolved.targets.get(name)
  if (target?.kind !== 'warehouse')
    throw new SluicewayError('not_found', `There is no warehouse "${name}" in the config.`)
  const { use, sql } = target.route
  if (sql !== true)
    throw new SluicewayError('not_found', `SQL is off for ${name}: turn it on with \`sql: true\` in the config.`)
  if (source !== undefined && !resolved.sources.has(source))
    throw new SluicewayError('bad_request', `source: there is no source "${source}" in the config`)
  c.set('about', { q })
  const [first = ''] = resolved.sources.keys()
  const engine = use.open({ ...bindings }, use.namespaceOf(source ?? first))
  try {
    const answer = await engine.query?.(q)
    if (answer === undefined) throw new SluicewayError('not_found', `The engine ${use.name} takes no queries here.`)
    return adminResponse(c, { success: true, ...answer })
  } finally {
    await engine.close().catch(() => {})
  }
}
queryWarehouse.query = sqlQuery
queryWarehouse.isNoted = true as const
