import connect, { type Sql } from 'postgres'

/**
 * Connections at once. A Worker has six, and the loader needs some for R2.
 * https://developers.cloudflare.com/workers/platform/limits/ (checked 2026-11-29)
 */
const mostConnections = 3
/** Milliseconds to the server and back from which on more than one is worth it: nearer by, they are in each other's way. */
const farMs = 2

/** What the engines of one run of the loader share: connections, and what is known of tables, by their quoted names with schemas. */
export interface RunConnections {
  readonly sql: Sql
  /** Transactions that may be under way at once. */
  readonly atOnce: () => Promise<number>
  /** From now on one transaction at once: the server gives no more connections. */
  readonly stayWithOne: () => void
  /** Schemas that are there. */
  readonly schemas: Set<string>
  /** Tables that refuse a second row with the same id. */
  readonly keyed: Set<string>
  /** Types of the columns, as SQL; forgotten when a table is altered, or something fails. */
  readonly types: Map<string, ReadonlyMap<string, string>>
  /** Closes them once all engines have called it. */
  readonly close: () => Promise<void>
}

/** Gives the engines of a run the same connections, however many schemas it has. */
export class ConnectionsOfRuns {
  readonly #open = new WeakMap<object, { readonly connections: Omit<RunConnections, 'close'>; engines: number }>()

  /**
   * @param run an object that all engines of the run have
   * @param url connection string
   */
  of(run: object, url: string): RunConnections {
    let found = this.#open.get(run)
    if (found === undefined) {
      // A pooler in front may hand each transaction another connection: nothing may be prepared.
      const sql = connect(url, {
        max: mostConnections,
        prepare: false,
        fetch_types: false,
        onnotice: () => {},
        connect_timeout: 10,
      })
      let most: Promise<number> | undefined
      found = {
        connections: {
          sql,
          atOnce: () => (most ??= isFar(sql).then((far) => (far ? mostConnections : 1))),
          stayWithOne: () => (most = Promise.resolve(1)),
          schemas: new Set(),
          keyed: new Set(),
          types: new Map(),
        },
        engines: 0,
      }
      this.#open.set(run, found)
    }
    const shared = found
    shared.engines++
    let isOpen = true
    return {
      ...shared.connections,
      close: async () => {
        if (!isOpen) return
        isOpen = false
        if (--shared.engines > 0) return
        if (this.#open.get(run) === shared) this.#open.delete(run)
        await shared.connections.sql.end({ timeout: 5 })
      },
    }
  }
}

/** Whether the way to the server is long. The connection must be open. */
async function isFar(sql: Sql): Promise<boolean> {
  const start = Date.now()
  await sql.unsafe('SELECT 1')
  return Date.now() - start >= farMs
}
