import { DurableObject } from 'cloudflare:workers'
import type { Bindings, IdentityRpc } from '../core/bindings.ts'
import { Database } from '../storage/database.ts'

/**
 * Remembers who is who for one webhook source: small texts that expire.
 *
 * Storage: `memory (key, value, expires)`, `expires` in milliseconds since the epoch. An alarm deletes what has expired, once
 * an hour while there is anything.
 */
export class IdentityObject extends DurableObject<Bindings> implements IdentityRpc {
  readonly #db: Database

  constructor(ctx: DurableObjectState, env: Bindings) {
    super(ctx, env)
    this.#db = new Database(ctx.storage.sql)
    this.#db.run(
      'CREATE TABLE IF NOT EXISTS memory (key TEXT PRIMARY KEY, value TEXT NOT NULL, expires INTEGER NOT NULL) WITHOUT ROWID',
    )
  }

  async get(key: string): Promise<string | null> {
    const row = this.#db.first<{ value: string }>(
      'SELECT value FROM memory WHERE key = ? AND expires > ?',
      key,
      Date.now(),
    )
    return row?.value ?? null
  }

  async set(key: string, value: string, seconds: number): Promise<void> {
    this.#db.run(
      'INSERT OR REPLACE INTO memory (key, value, expires) VALUES (?, ?, ?)',
      key,
      value,
      Date.now() + seconds * 1000,
    )
    if ((await this.ctx.storage.getAlarm()) === null) await this.ctx.storage.setAlarm(Date.now() + sweepMs)
  }

  override async alarm(): Promise<void> {
    this.#db.run('DELETE FROM memory WHERE expires <= ?', Date.now())
    if (this.#db.first('SELECT 1 FROM memory LIMIT 1') !== undefined)
      await this.ctx.storage.setAlarm(Date.now() + sweepMs)
  }
}

const sweepMs = 3_600_000
