import { DurableObject } from 'cloudflare:workers'
import type { Bindings } from '../../src/core/bindings.ts'
import type { NewDeadLetter } from '../../src/core/dead-letter.ts'
import { SluicewayError } from '../../src/core/errors.ts'
import type { Warehouse } from '../../src/core/warehouse.ts'
import { LoaderObject } from '../../src/loading/loader-object.ts'
import { d1 } from '../../src/warehouses/d1.ts'
import { recordsOf } from '../support/load-of.ts'
import { limitedD1 } from '../support/limited-d1.ts'
import type { Port } from '../../src/core/port.ts'
import { realPort } from '../../src/platform/real-port.ts'
import type { ResolvedConfig } from '../../src/core/resolved-config.ts'

/** What a test sets through `POST /setup`, for the whole isolate. */
interface Setup {
  /** Added to the clock. */
  aheadMs?: number
  /** Queries of D1 in one load; those of the paid plan when left out. */
  queries?: number
  /** A table that refuses its rows. */
  refuses?: string | undefined
  /** Milliseconds that the engine waits before it loads rows. */
  slowMs?: number | undefined
  /** Settings of the warehouse. */
  route?: object | undefined
  /** What happens once, after the engine has loaded the rows of this table. */
  after?: { readonly table: string; readonly what: 'kill' | 'fail' | 'refuse' | 'deny' } | undefined
}

let setup: Setup = {}
let kill = (): void => {}
const logged: object[] = []

/** D1 with accidents. */
function accidental(inner: Warehouse): Warehouse {
  return {
    ...inner,
    open: (bindings, namespace) => {
      const limited = limitedD1(bindings['DB'] as D1Database, setup.queries)
      const engine = inner.open({ ...bindings, DB: limited }, namespace)
      return {
        provider: engine.provider,
        kept: engine.kept,
        rowColumns: engine.rowColumns,
        probe: () => engine.probe(),
        foresee: async (tables) => engine.foresee?.(tables),
        columns: (table) => engine.columns(table),
        widen: (table, added) => engine.widen(table, added),
        ...(engine.widerType === undefined ? {} : { widerType: engine.widerType }),
        retype: async (table, changed) => engine.retype?.(table, changed),
        close: () => engine.close(),
        ...(setup.after === undefined && setup.refuses === undefined && setup.slowMs === undefined
          ? { loadTogether: async (loads) => engine.loadTogether?.(loads) }
          : {}),
        load: async (load) => {
          const { after, slowMs } = setup
          if (slowMs !== undefined) await new Promise((resolve) => setTimeout(resolve, slowMs))
          if (after?.what === 'refuse' && recordsOf(load).some((row) => row['order_id'] === 'o-refused'))
            throw new SluicewayError('warehouse_failed', 'value refused', { details: { scope: 'rows' } })
          if (after?.what === 'deny')
            throw new SluicewayError('warehouse_failed', 'the password is wrong', { details: { lasting: true } })
          if (load.table === setup.refuses)
            throw new SluicewayError('warehouse_failed', `permission denied for table ${load.table}`, {
              details: { scope: 'table' },
            })
          await engine.load(load)
          if (load.table !== after?.table || after.what === 'refuse') return
          setup.after = undefined
          if (after.what === 'kill') kill()
          throw new SluicewayError('warehouse_failed', 'the connection was lost')
        },
      }
    },
  }
}

const use = accidental(d1())
const resolved = {
  targets: new Map([
    [
      'tables',
      {
        kind: 'warehouse',
        name: 'tables',
        displayName: 'd1',
        get route() {
          return { ...setup.route, use }
        },
      },
    ],
  ]),
} as unknown as ResolvedConfig

export class Loader extends LoaderObject {
  protected override readonly port: Port = {
    ...realPort,
    now: () => Date.now() + (setup.aheadMs ?? 0),
    log: (level, message, fields) => void logged.push({ level, message, ...fields }),
  }

  constructor(ctx: DurableObjectState, env: Bindings) {
    super(ctx, env, resolved)
    kill = () => ctx.abort('killed by the test')
  }
}

/** Keeps the dead letters of the loader. */
export class Lane extends DurableObject {
  readonly #letters: NewDeadLetter[] = []

  addDeadLetters(_ref: unknown, letters: readonly NewDeadLetter[]): void {
    this.#letters.push(...letters)
  }

  letters(): readonly NewDeadLetter[] {
    return this.#letters
  }
}

export default {
  async fetch(request: Request, env: Bindings): Promise<Response> {
    const [, object, method = ''] = new URL(request.url).pathname.split('/')
    const args = (await request.json()) as unknown[]
    if (object === 'logged') return Response.json(logged.splice(0))
    if (object === 'setup') {
      setup = args[0] as Setup
      return Response.json({})
    }
    const stub = object === 'lane' ? env.LANE.getByName('tables:0') : env.LOADER.getByName('tables')
    const call = (stub as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>)[method]
    try {
      return Response.json((await call?.(...args)) ?? null)
    } catch (thrown) {
      return Response.json({ thrown: String(thrown) }, { status: 500 })
    }
  },
}
