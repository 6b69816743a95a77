import { reasonOf, SluicewayError } from '../../core/errors.ts'
import { isPlatformError } from '../../platform/platform-error.ts'
import { type ClickHouseAddress, hintOf } from './failure-hint.ts'
import { scopeOfCode } from './failure-scope.ts'
import type { PositionalRows } from './rows.ts'

/** How to reach the HTTP interface of a ClickHouse. */
export interface ClickHouseAccess extends ClickHouseAddress {
  readonly url: string
  readonly password: string
}

/** Settings of one statement, by their names. */
export type QuerySettings = Readonly<Record<string, string | number>>

const longestCallMs = 120_000
/** UTF-16 units of an error that are told; the text of a parse error quotes rows. */
const longestReason = 600
/** Statements that name ids are long: the server takes 256 KiB unless it is told otherwise. */
const mostQueryBytes = 8_000_000
/** An integer beyond 2^53 would lose its last digits as a number. */
const readable = { output_format_json_quote_64bit_integers: 1, date_time_output_format: 'iso' }

/**
 * Speaks with ClickHouse over HTTP. The statement is the body, and so are the rows behind it: a URL has no room for the names of
 * 400 columns. https://clickhouse.com/docs/interfaces/http (checked 2026-11-29)
 */
export class ClickHouseHttp {
  readonly #access: ClickHouseAccess

  constructor(access: ClickHouseAccess) {
    this.#access = access
  }

  /**
   * Runs a statement, with its rows if it has some.
   *
   * @param body the statement with its rows, if it has some: as text, or as frames of zstd, one after the other
   * @param settings of this statement
   * @returns the answer as text
   * @throws {SluicewayError} warehouse_failed, with `scope` and `lasting` as the code of the exception says
   */
  async run(body: string | Uint8Array<ArrayBuffer>, settings: QuerySettings = {}): Promise<string> {
    const { url, user, password } = this.#access
    const target = new URL(url)
    // Until the end of the statement nothing is answered: else an error behind the first row would come with status 200.
    const all = { wait_end_of_query: 1, max_query_size: mostQueryBytes, ...settings }
    for (const [name, value] of Object.entries(all)) target.searchParams.set(name, String(value))
    let status: number | undefined
    try {
      const response = await fetch(target, {
        method: 'POST',
        headers: {
          'content-type': 'text/plain; charset=utf-8',
          'x-clickhouse-user': user,
          'x-clickhouse-key': password,
          ...(typeof body === 'string' ? {} : { 'content-encoding': 'zstd' }),
        },
        body,
        redirect: 'manual',
        signal: AbortSignal.timeout(longestCallMs),
      })
      status = response.status
      const text = await response.text()
      if (status === 200) return text
      throw this.#failure(text, status, Number(response.headers.get('x-clickhouse-exception-code') ?? Number.NaN))
    } catch (thrown) {
      if (thrown instanceof SluicewayError) throw thrown
      if (isPlatformError(thrown))
        throw new SluicewayError('warehouse_failed', `ClickHouse: ${reasonOf(thrown)}`, {
          cause: thrown,
          details: { scope: 'invocation' },
        })
      throw this.#failed(reasonOf(thrown) || 'no answer', { cause: thrown })
    }
  }

  /** Reads rows: each is a list of the values of its columns. */
  async rows(sql: string, settings: QuerySettings = {}): Promise<unknown[][]> {
    const text = await this.run(`${sql} FORMAT JSONCompactEachRow`, { ...readable, ...settings })
    return valuesOf(text)
  }

  /** Reads rows, and the names of their columns. */
  async named(sql: string, settings: QuerySettings = {}): Promise<PositionalRows> {
    const text = await this.run(`${sql} FORMAT JSONCompactEachRowWithNames`, { ...readable, ...settings })
    const [names = [], ...rows] = valuesOf(text)
    return { names: names as string[], rows }
  }

  #failure(text: string, status: number, header: number): SluicewayError {
    const found = Number.isNaN(header) ? Number(/^Code: (\d+)\./.exec(text)?.[1] ?? Number.NaN) : header
    const code = Number.isNaN(found) ? undefined : found
    const words = text.replace(/^Code: \d+\. (?:DB::Exception: )?/, '').trim()
    const reason = words.length > longestReason ? `${words.slice(0, longestReason)}…` : words
    return this.#failed(reason || `status ${status}`, { code, status, words })
  }

  #failed(
    reason: string,
    found: {
      readonly code?: number | undefined
      readonly status?: number
      readonly words?: string
      readonly cause?: unknown
    },
  ): SluicewayError {
    const { code, status, words = '', cause } = found
    const { scope, lasting } = scopeOfCode(code, words)
    const isDenied = code === undefined && (status === 401 || status === 403)
    const hint = hintOf(code, status, this.#access)
    return new SluicewayError(
      'warehouse_failed',
      `ClickHouse: ${reason}${code === undefined ? '' : ` (${code})`}${hint && `. ${hint}`}`,
      {
        ...(cause === undefined ? {} : { cause }),
        details: { scope, ...(code === undefined ? {} : { code }), ...(lasting || isDenied ? { lasting: true } : {}) },
      },
    )
  }
}

const valuesOf = (text: string): unknown[][] =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as unknown[])
