import type { Event } from '../core/event.ts'
import type { Signature } from './signature.ts'

/** An event as the webhook sink received it. */
export interface SinkDelivery {
  readonly id: string
  readonly type: string
  readonly name?: string
  /** Milliseconds since the epoch at which the sink had it. */
  readonly at: number
  /** Milliseconds from the event's acceptance at the edge to the sink. */
  readonly delayMs?: number
  readonly signature: Signature
  readonly event: Event
}

/** A request that the sink takes. */
export interface Received {
  readonly at: number
  readonly signature: Signature
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  readonly events: number
}

/** Requests that are kept. */
const kept = 200

const table = `CREATE TABLE IF NOT EXISTS demo_sink (id INTEGER PRIMARY KEY, at INTEGER NOT NULL, signature TEXT NOT NULL,
  headers TEXT NOT NULL, body TEXT NOT NULL, total INTEGER NOT NULL)`

/** The demo's webhook sink: table `demo_sink` of D1, one row a request; `total` counts events up to and with the row. */
export class DemoSink {
  readonly #db: D1Database

  constructor(db: D1Database) {
    this.#db = db
  }

  /** Stores a request and forgets what is older than the last 200. */
  async add({ at, signature, headers, body, events }: Received): Promise<void> {
    await this.#db.batch([
      this.#db.prepare(table),
      this.#db
        .prepare(
          `INSERT INTO demo_sink (at, signature, headers, body, total)
           SELECT ?, ?, ?, ?, coalesce(max(total), 0) + ? FROM demo_sink`,
        )
        .bind(at, signature, JSON.stringify(headers), body, events),
      this.#db.prepare(`DELETE FROM demo_sink WHERE id <= (SELECT max(id) FROM demo_sink) - ${kept}`),
    ])
  }

  /** The newest events, newest first, and how many came in all. */
  async newest(events: number): Promise<{ total: number; items: SinkDelivery[] }> {
    const results = await this.#db.batch<Record<string, unknown>>([
      this.#db.prepare(table),
      this.#db.prepare('SELECT at, signature, body, total FROM demo_sink ORDER BY id DESC LIMIT ?').bind(events),
    ])
    const rows = results[1]?.results ?? []
    return {
      total: Number(rows[0]?.total ?? 0),
      items: rows.flatMap((row) => deliveriesOf(row)).slice(0, events),
    }
  }
}

/**
 * Reads a webhook body: one event, or an array of them.
 *
 * @param body JSON text
 * @returns the events, none when the text is no JSON or holds no object
 */
export function eventsOf(body: string): Event[] {
  let parsed: unknown
  try {
    parsed = JSON.parse(body)
  } catch {
    return []
  }
  return (Array.isArray(parsed) ? parsed : [parsed]).filter(
    (one): one is Event => typeof one === 'object' && one !== null && !Array.isArray(one),
  )
}

const deliveriesOf = (row: Readonly<Record<string, unknown>>): SinkDelivery[] =>
  eventsOf(String(row.body))
    .toReversed()
    .map((event) => {
      const at = Number(row.at)
      const accepted = Date.parse(String(event.receivedAt))
      const name = event.event ?? event.name
      return {
        id: event.messageId,
        type: event.type,
        ...(typeof name === 'string' ? { name } : {}),
        at,
        ...(Number.isFinite(accepted) ? { delayMs: Math.max(0, at - accepted) } : {}),
        signature: row.signature as Signature,
        event,
      }
    })
