import { DurableObject } from 'cloudflare:workers'
import type { Bindings } from '../core/bindings.ts'
import type { CatalogRpc, CatalogTopic } from '../core/topic.ts'
import { Database } from '../storage/database.ts'

/** Topics beside those of the config; each costs objects, and calls of the sweep. */
const mostTopics = 1_000
/** Groups; lists of them ask each one. */
const mostGroups = 1_000

/**
 * Knows which consumer groups there are, which topics were made by naming them, and which partitions may hold records: tables
 * `groups` and `topics`.
 */
export class CatalogObject extends DurableObject<Bindings> implements CatalogRpc {
  readonly #db: Database

  constructor(ctx: DurableObjectState, env: Bindings) {
    super(ctx, env)
    this.#db = new Database(ctx.storage.sql)
    this.#db.run('CREATE TABLE IF NOT EXISTS groups (name TEXT PRIMARY KEY) WITHOUT ROWID')
    this.#db.run(
      'CREATE TABLE IF NOT EXISTS topics (name TEXT PRIMARY KEY, made INTEGER NOT NULL, held INTEGER NOT NULL) WITHOUT ROWID',
    )
  }

  async addGroup(name: string): Promise<boolean> {
    if (this.#db.first('SELECT name FROM groups WHERE name = ?', name) !== undefined) return true
    const { count } = this.#db.first<{ count: number }>('SELECT count(*) AS count FROM groups') ?? { count: 0 }
    if (count >= mostGroups) return false
    this.#db.run('INSERT INTO groups (name) VALUES (?)', name)
    return true
  }

  async removeGroup(name: string): Promise<void> {
    this.#db.run('DELETE FROM groups WHERE name = ?', name)
  }

  async groups(): Promise<string[]> {
    return this.#db.all<{ name: string }>('SELECT name FROM groups ORDER BY name').map(({ name }) => name)
  }

  async addTopic(name: string, partitions: number): Promise<number | null> {
    const known = this.#topic(name)
    if (known !== undefined && known.made > 0) return known.made
    const { count } = this.#db.first<{ count: number }>('SELECT count(*) AS count FROM topics WHERE made > 0') ?? {
      count: 0,
    }
    if (count >= mostTopics) return null
    this.#db.run(
      'INSERT INTO topics (name, made, held) VALUES (?, ?, 0) ON CONFLICT DO UPDATE SET made = excluded.made',
      name,
      partitions,
    )
    return partitions
  }

  async holdTopic(name: string, held: number): Promise<void> {
    if ((this.#topic(name)?.held ?? 0) >= held) return
    this.#db.run(
      'INSERT INTO topics (name, made, held) VALUES (?, 0, ?) ON CONFLICT DO UPDATE SET held = excluded.held',
      name,
      held,
    )
  }

  async releaseTopic(name: string, held: number): Promise<void> {
    this.#db.run('UPDATE topics SET held = ? WHERE name = ? AND held > ?', held, name, held)
    this.#db.run('DELETE FROM topics WHERE name = ? AND held = 0 AND made = 0', name)
  }

  async removeTopic(name: string): Promise<void> {
    this.#db.run('UPDATE topics SET made = 0 WHERE name = ?', name)
    this.#db.run('DELETE FROM topics WHERE name = ? AND held = 0', name)
  }

  async topics(): Promise<CatalogTopic[]> {
    return this.#db.all<CatalogTopic>('SELECT name, made, held FROM topics ORDER BY name')
  }

  #topic(name: string): CatalogTopic | undefined {
    return this.#db.first<CatalogTopic>('SELECT name, made, held FROM topics WHERE name = ?', name)
  }
}
