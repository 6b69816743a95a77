import { DurableObject } from 'cloudflare:workers'
import type { Bindings, Suppressed, SuppressionRpc } from '../core/bindings.ts'
import { Database } from '../core/database.ts'
import { fingerprint } from '../core/fingerprint.ts'

/** Keeps the list of users whose events are not taken any more. Storage: `users (kind, id, at)`, `version (n)`. */
export class SuppressionObject extends DurableObject<Bindings> implements SuppressionRpc {
  readonly #db: Database
  #prints: Uint32Array | undefined
  #version: number

  constructor(ctx: DurableObjectState, env: Bindings) {
    super(ctx, env)
    this.#db = new Database(ctx.storage.sql)
    this.#db.run(
      'CREATE TABLE IF NOT EXISTS users (kind TEXT NOT NULL, id TEXT NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (kind, id)) WITHOUT ROWID',
    )
    this.#db.run('CREATE TABLE IF NOT EXISTS version (one INTEGER PRIMARY KEY, n INTEGER NOT NULL)')
    this.#version = this.#db.first<{ n: number }>('SELECT n FROM version')?.n ?? 0
  }

  async add(users: readonly Pick<Suppressed, 'kind' | 'id'>[]): Promise<void> {
    for (const { kind, id } of users)
      this.#db.run('INSERT OR IGNORE INTO users (kind, id, at) VALUES (?, ?, ?)', kind, id, Date.now())
    this.#changed()
  }

  async remove(users: readonly Pick<Suppressed, 'kind' | 'id'>[]): Promise<number> {
    let removed = 0
    for (const { kind, id } of users)
      removed += this.#db.all('DELETE FROM users WHERE kind = ? AND id = ? RETURNING 1', kind, id).length
    if (removed > 0) this.#changed()
    return removed
  }

  async list({ after, limit }: { after?: string; limit: number }): Promise<Suppressed[]> {
    return this.#db.all<Suppressed & Record<string, never>>(
      "SELECT kind, id, at FROM users WHERE kind || ':' || id > ? ORDER BY kind, id LIMIT ?",
      after ?? '',
      limit,
    )
  }

  async snapshot(version: number | undefined): Promise<{ version: number; prints: Uint32Array } | null> {
    if (version === this.#version) return null
    this.#prints ??= this.#read()
    return { version: this.#version, prints: this.#prints }
  }

  #changed(): void {
    this.#version++
    this.#prints = undefined
    this.#db.run('INSERT OR REPLACE INTO version (one, n) VALUES (0, ?)', this.#version)
  }

  #read(): Uint32Array {
    const users = this.#db.all<{ kind: string; id: string }>('SELECT kind, id FROM users')
    const prints = new Uint32Array(users.length * 2)
    users.forEach(({ kind, id }, i) => fingerprint(kind, id, prints, i * 2))
    return prints
  }
}
