import {
  type CommitTableRequest,
  type CreateTableRequest,
  IcebergError,
  IcebergRestCatalog,
  type LoadTableResult,
} from 'iceberg-js'
import { isPlatformError } from '../../../platform/platform-error.ts'
import { bytesWithin } from '../bytes-within.ts'
import { failure } from '../failure.ts'
import { withNumericIds, withoutBigNumbers } from './exact-json.ts'

/** Milliseconds that an answer may take. */
const timeoutMs = 60_000
/** Bytes of an answer: the metadata of a table, with the names and types of all schemas that it has had. */
const mostBytes = 32 * 1024 * 1024
/** Characters of what a catalog says that an error shows. */
const shownCharacters = 300

/** Where a catalog is, and the key to it. */
export interface CatalogSettings {
  readonly catalog: string
  readonly warehouse: string
  readonly token: string
}

/**
 * What became of a commit.
 *
 * - `committed`
 * - `conflict`: somebody else changed the table first, nothing was committed
 * - an error: whether it was committed is not known
 */
export type CommitOutcome = 'committed' | 'conflict' | Error

/**
 * A catalog of Iceberg tables, by its REST API: https://iceberg.apache.org/rest-catalog-spec/,
 * https://developers.cloudflare.com/r2-data-catalog/ (checked 2026-11-29)
 *
 * Ids of snapshots are the text of their digits, on both ways: a number of JavaScript would lose the last of them.
 */
export class Catalog {
  readonly #client: IcebergRestCatalog
  readonly #count: () => void
  readonly #token: string

  /** @param count told of each request, before it; what it throws is what the call rejects with */
  constructor({ catalog, warehouse, token }: CatalogSettings, count: () => void) {
    this.#count = count
    this.#token = token
    this.#client = new IcebergRestCatalog({
      baseUrl: catalog,
      warehouse,
      auth: { type: 'bearer', token },
      fetch: (url, init) => this.#fetch(url as string, init ?? {}),
    })
  }

  /** Sees to it that the namespace is there. */
  async prepare(namespace: readonly string[]): Promise<void> {
    await this.#asked('the namespace', () => this.#client.createNamespaceIfNotExists({ namespace: [...namespace] }))
  }

  /** The metadata of a table, of its snapshots only those that a branch or tag names; null when there is no such table. */
  async table(namespace: readonly string[], name: string): Promise<LoadTableResult | null> {
    return this.#asked(`table ${name}`, async () => {
      try {
        return await this.#client.loadTableResult({ namespace: [...namespace], name }, { snapshots: 'refs' })
      } catch (thrown) {
        if (thrown instanceof IcebergError && thrown.isNotFound()) return null
        throw thrown
      }
    })
  }

  /** Creates a table, and the namespace where it is missing; a table that is there stays as it is. */
  async create(namespace: readonly string[], request: CreateTableRequest): Promise<void> {
    const create = async () => {
      try {
        await this.#client.createTable({ namespace: [...namespace] }, request)
      } catch (thrown) {
        if (!(thrown instanceof IcebergError && thrown.isConflict())) throw thrown
      }
    }
    await this.#asked(`table ${request.name}`, async () => {
      try {
        await create()
      } catch (thrown) {
        if (!(thrown instanceof IcebergError && thrown.isNotFound())) throw thrown
        await this.#client.createNamespaceIfNotExists({ namespace: [...namespace] })
        await create()
      }
    })
  }

  /** Commits changes of a table, all or none. It rejects when they are refused for another reason than a conflict. */
  async commit(namespace: readonly string[], name: string, request: CommitTableRequest): Promise<CommitOutcome> {
    const asked = `commit of table ${name}`
    try {
      await this.#asked(asked, () => this.#client.commitTable({ namespace: [...namespace], name }, request))
      return 'committed'
    } catch (thrown) {
      const cause = (thrown as Error).cause
      if (!(cause instanceof IcebergError)) throw thrown
      if (cause.isConflict()) return 'conflict'
      if (cause.status === 0 || cause.status >= 500 || cause.isCommitStateUnknown) return thrown as Error
      throw thrown
    }
  }

  /** Asks after the prefix of paths first: the client would go on with a guess where that fails. */
  async #asked<T>(what: string, ask: () => Promise<T>): Promise<T> {
    try {
      await this.#client.loadConfig()
    } catch (thrown) {
      throw this.#failure(thrown, 'its configuration', true)
    }
    try {
      return await ask()
    } catch (thrown) {
      throw this.#failure(thrown, what, false)
    }
  }

  #failure(thrown: unknown, asked: string, isConfig: boolean): unknown {
    if (!(thrown instanceof IcebergError)) return thrown
    const { status, details } = thrown
    const said = thrown.message.replaceAll(this.#token, '***').slice(0, shownCharacters)
    if (status === 0) {
      // What `count` threw comes through the client, too.
      if ((details as { readonly code?: unknown } | undefined)?.code === 'warehouse_failed') return details
      const scope = isPlatformError(details) ? 'invocation' : 'warehouse'
      return failure(`the Iceberg catalog did not answer (${asked}): ${said}`, { cause: thrown, scope })
    }
    const reason = `HTTP ${status} of the Iceberg catalog to ${asked}: ${said}`
    if (status === 408 || status === 409 || status === 425 || status === 429 || status >= 500)
      return failure(reason, { cause: thrown })
    // A name or a type that a catalog does not take is of this table.
    if (!isConfig && (status === 400 || status === 406 || status === 422))
      return failure(reason, { cause: thrown, scope: 'table' })
    return failure(`${reason}. ${hintOf(status)}`, { cause: thrown, lasting: true })
  }

  async #fetch(url: string, init: RequestInit): Promise<Response> {
    this.#count()
    const { body } = init
    const response = await fetch(url, {
      ...init,
      headers: { ...(init.headers as Record<string, string>), 'user-agent': 'Sluiceway' },
      ...(typeof body === 'string' ? { body: withNumericIds(body) } : {}),
      redirect: 'manual',
      signal: AbortSignal.timeout(timeoutMs),
    })
    if (response.ok && init.method === 'POST' && /\/tables\/[^/]+$/.test(new URL(url).pathname)) {
      // The answer to a commit holds every snapshot that the table has. Nothing of it is needed.
      await response.body?.cancel()
      return Response.json({ 'metadata-location': 'not read' })
    }
    const bytes = await bytesWithin(response, mostBytes)
    if (bytes === undefined) throw new Error(`an answer of more than ${mostBytes} bytes; expire old snapshots`)
    const { status } = response
    const text = new TextDecoder().decode(bytes)
    const type = response.headers.get('content-type') ?? ''
    return new Response(
      status === 204 || status === 304 ? null : type.includes('json') ? withoutBigNumbers(text) : text,
      {
        status,
        headers: { 'content-type': type },
      },
    )
  }
}

const hintOf = (status: number): string =>
  status === 404
    ? 'Check `catalog` and `warehouse`, and that the catalog of the bucket is enabled.'
    : 'Check `token` of iceberg: docs/warehouse-lake.md says what it must be allowed to do.'
