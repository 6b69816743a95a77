import { AwsClient } from 'aws4fetch'
import type { SluicewayError } from '../../core/errors.ts'
import { failureOfAnswer, failureOfStatement, failureOfThrown, failureOfTime } from './failure.ts'
import { isPassing, type RedshiftAddress } from './failure.ts'

/** How to reach the Data API, and the database behind it. */
export interface DataApiAccess {
  readonly region: string
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly endpoint: string
  readonly database: string
  readonly cluster?: string | undefined
  readonly workgroup?: string | undefined
  readonly dbUser?: string | undefined
  readonly secretArn?: string | undefined
}

/** A value of a result, as text. */
export type ResultValue = string | null

/** Values of `:name` in a statement. */
export type Parameters = Readonly<Record<string, string>>

/** https://docs.aws.amazon.com/redshift-data/latest/APIReference/API_Field.html (checked 2026-11-29) */
interface Field {
  readonly isNull?: boolean
  readonly stringValue?: string
  readonly longValue?: number
  readonly doubleValue?: number
  readonly booleanValue?: boolean
}

interface Described {
  readonly Id?: string
  readonly Status?: string
  readonly Error?: string
}

/**
 * Seconds that the API waits for the end of a statement before it answers; 30 at most.
 * https://docs.aws.amazon.com/redshift/latest/mgmt/data-api-calling-considerations-long-polling.html (checked 2026-11-29)
 */
const waitSeconds = 20
const callMs = 60_000
/** A workgroup that was idle takes up to a minute to wake. */
const longestStatementMs = 240_000
/** Milliseconds before a request that failed in passing is sent again. */
const pausesMs = [200, 1_000, 3_000]
const longestPauseMs = 5_000

/**
 * Runs statements by the Data API of Redshift, whose requests are signed by AWS Signature Version 4.
 *
 * A request is sent again after a cut connection: its `ClientToken` lets the API know it, and the statement runs once.
 * https://docs.aws.amazon.com/redshift-data/latest/APIReference/Welcome.html (checked 2026-11-29)
 */
export class DataApi {
  readonly #client: AwsClient
  readonly #access: DataApiAccess
  readonly #address: RedshiftAddress

  constructor(access: DataApiAccess, address: RedshiftAddress) {
    const { accessKeyId, secretAccessKey, region } = access
    this.#client = new AwsClient({ accessKeyId, secretAccessKey, region, service: 'redshift-data', retries: 0 })
    this.#access = access
    this.#address = address
  }

  /**
   * Runs statements in one transaction: at most 40, each of at most 100 KB.
   *
   * @throws {SluicewayError} warehouse_failed, and nothing of the transaction is kept
   */
  async transaction(statements: readonly string[]): Promise<void> {
    await this.#run('BatchExecuteStatement', { Sqls: statements })
  }

  /** Runs a statement that is a transaction of its own. */
  async run(statement: string): Promise<void> {
    await this.#run('ExecuteStatement', { Sql: statement })
  }

  /**
   * Reads rows.
   *
   * @param parameters no value is empty: the API takes none that is
   */
  async rows(statement: string, parameters: Parameters): Promise<ResultValue[][]> {
    const given = Object.entries(parameters).map(([name, value]) => ({ name, value }))
    // A list of parameters has one at least.
    const id = await this.#run('ExecuteStatement', {
      Sql: statement,
      ...(given.length === 0 ? {} : { Parameters: given }),
    })
    const rows: ResultValue[][] = []
    for (let token: string | undefined; ;) {
      const page = await this.#call<{ readonly Records?: readonly (readonly Field[])[]; readonly NextToken?: string }>(
        'GetStatementResult',
        { Id: id, ...(token === undefined ? {} : { NextToken: token }) },
      )
      rows.push(...(page.Records ?? []).map((record) => record.map(valueOf)))
      token = page.NextToken
      if (token === undefined || token === '') return rows
    }
  }

  async #run(action: string, what: object): Promise<string> {
    const { database, cluster, workgroup, dbUser, secretArn } = this.#access
    const begun = await this.#call<Described>(action, {
      ...what,
      Database: database,
      ClientToken: crypto.randomUUID(),
      WaitTimeSeconds: waitSeconds,
      ...(cluster === undefined ? {} : { ClusterIdentifier: cluster }),
      ...(workgroup === undefined ? {} : { WorkgroupName: workgroup }),
      ...(dbUser === undefined ? {} : { DbUser: dbUser }),
      ...(secretArn === undefined ? {} : { SecretArn: secretArn }),
    })
    const id = begun.Id ?? ''
    if (begun.Status !== 'FINISHED') await this.#finished(id)
    return id
  }

  async #finished(id: string): Promise<void> {
    const end = Date.now() + longestStatementMs
    for (let pause = pausesMs[0] ?? 0; ; pause = Math.min(2 * pause, longestPauseMs)) {
      const asked = Date.now()
      const { Status, Error: words = '' } = await this.#call<Described>('DescribeStatement', {
        Id: id,
        WaitTimeSeconds: waitSeconds,
      })
      if (Status === 'FINISHED') return
      if (Status === 'FAILED' || Status === 'ABORTED')
        throw failureOfStatement(words || `the statement was ${Status.toLowerCase()}`, this.#address)
      if (Date.now() >= end) {
        await this.#call('CancelStatement', { Id: id }).catch(() => {})
        throw failureOfTime(longestStatementMs / 1000)
      }
      // An endpoint that does not wait answers at once.
      if (Date.now() - asked < pause) await sleep(pause)
    }
  }

  async #call<T>(action: string, body: object): Promise<T> {
    for (let attempt = 0; ; attempt++) {
      const pause = pausesMs[attempt]
      try {
        return (await this.#send(action, body)) as T
      } catch (thrown) {
        if (!(thrown instanceof PassingFailure)) throw thrown
        if (pause === undefined) throw thrown.failure
        await sleep(pause)
      }
    }
  }

  async #send(action: string, body: object): Promise<unknown> {
    const request = {
      method: 'POST',
      headers: { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': `RedshiftData.${action}` },
      body: JSON.stringify(body),
    }
    const signed = await this.#client.sign(this.#access.endpoint, request)
    let status: number
    let text: string
    let type: string
    try {
      const response = await fetch(signed.url, {
        ...request,
        headers: signed.headers,
        redirect: 'manual',
        signal: AbortSignal.timeout(callMs),
      })
      status = response.status
      type = response.headers.get('x-amzn-errortype') ?? ''
      text = await response.text()
    } catch (thrown) {
      const failure = failureOfThrown(thrown, this.#address)
      throw failure.details['scope'] === 'invocation' ? failure : new PassingFailure(failure)
    }
    const answer = parsed(text)
    if (status === 200) return answer
    // `com.amazonaws.redshiftdata#ValidationException`, with `:` and an address behind it in the header.
    const code = (type || String(answer['__type'] ?? '')).replace(/:.*$/, '').replace(/^.*#/, '')
    const words = String(answer['message'] ?? answer['Message'] ?? '')
    const failure = failureOfAnswer({ status, code, words }, this.#address)
    throw isPassing(status, code) ? new PassingFailure(failure) : failure
  }
}

/** A failure after which the same request may do better. */
class PassingFailure extends Error {
  readonly failure: SluicewayError

  constructor(failure: SluicewayError) {
    super(failure.message)
    this.failure = failure
  }
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

function parsed(text: string): Readonly<Record<string, unknown>> {
  try {
    return JSON.parse(text) as Record<string, unknown>
  } catch {
    return {}
  }
}

function valueOf({ isNull, stringValue, longValue, doubleValue, booleanValue }: Field): ResultValue {
  const value = stringValue ?? longValue ?? doubleValue ?? booleanValue
  return isNull === true || value === undefined ? null : String(value)
}
