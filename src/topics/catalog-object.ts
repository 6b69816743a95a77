import { DurableObject } from 'cloudflare:workers'
import type { Bindings } from '../core/bindings.ts'
import type { CatalogRpc } from '../core/topic.ts'
import { Database } from '../storage/database.ts'

/** Topics beside those of the config; each costs objects, and a sweep a minute. */
const mostTopics = 1_000

/** Knows which consumer groups there are, and which topics were made by naming them: tables `groups` and `topics`. */
export class CatalogObject extends DurableObject<Bindings> implements CatalogRpc {
  readonly #db: Database

  constructor(ctx: DurableObjectState, env: Bindings) {
    super(ctx, env)
    this.#db = new Database(ctx.storage.sql)
    this.#db.run('CREATE TABLE IF NOT EXISTS groups (name TEXT PRIMARY KEY) WITHOUT ROWID')
    this.#db.run('CREATE TABLE IF NOT EXISTS topics (name TEXT PRIMARY KEY, partitions INTEGER NOT NULL) WITHOUT ROWID')
  }

  async addGroup(name: string): Promise<void> {
    this.#db.run('INSERT OR IGNORE INTO groups (name) VALUES (?)', name)
  }

  async groups(): Promise<string[]> {
    return this.#db.all<{ name: string }>('SELECT name FROM groups ORDER BY name').map(({ name }) => name)
  }

  async addTopic(name: string, partitions: number): Promise<number | null> {
    const known = this.#db.first<{ partitions: number }>('SELECT partitions FROM topics WHERE name = ?', name)
    if (known !== undefined) return known.partitions
    const { count } = this.#db.first<{ count: number }>('SELECT count(*) AS count FROM topics') ?? { count: 0 }
    if (count >= mostTopics) return null
    this.#db.run('INSERT INTO topics (name, partitions) VALUES (?, ?)', name, partitions)
    return partitions
  }

  async topics(): Promise<Record<string, number>> {
    const rows = this.#db.all<{ name: string; partitions: number }>('SELECT name, partitions FROM topics ORDER BY name')
    return Object.fromEntries(rows.map(({ name, partitions }) => [name, partitions]))
  }
}
