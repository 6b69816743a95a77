import { globSync, readFileSync } from 'node:fs'
import { basename, resolve } from 'node:path'
import type { Draft, WebhookSource } from '../../src/core/webhook-source.ts'

/** One case of `test/sources/golden/<name>.json` or `<name>/*.json`: what a source makes of one call. */
export interface GoldenCase {
  readonly name: string
  readonly settings?: Readonly<Record<string, unknown>>
  /** When the call comes; RFC 3339. 2026-11-22T10:00:00.000Z when left out. */
  readonly now?: string
  /** What the source remembers from before. */
  readonly memory?: Readonly<Record<string, string>>
  readonly request: {
    readonly method?: 'GET' | 'POST'
    readonly url?: string
    readonly query?: Readonly<Record<string, readonly string[]>>
    readonly headers?: Readonly<Record<string, string>>
    /** JSON, sent as such. */
    readonly body?: unknown
    /** Text, sent as it is, instead of `body`. */
    readonly raw?: string
  }
  /** One of the four, or events with a reply. An id drawn at random is `uuid-1`, `uuid-2`, … */
  readonly events?: readonly Draft[]
  readonly reply?: { readonly body: string; readonly contentType: string }
  readonly error?: string
  /** Part of the reason for which `verify` refuses the call. */
  readonly refused?: string
  /** What it remembers afterwards, beside what it did before. */
  readonly remembers?: Readonly<Record<string, string>>
}

type Make = (input?: unknown) => WebhookSource

const sources = resolve(import.meta.dirname, '../../src/sources')
const golden = resolve(import.meta.dirname, 'golden')

/** Names of all webhook sources: their files, but for the object that remembers for them, and the source that reads topics. */
export const sourceNames: readonly string[] = globSync('*.ts', { cwd: sources })
  .map((file) => basename(file, '.ts'))
  .filter((name) => name !== 'identity-object' && name !== 'kafka')
  .toSorted()

/** The golden cases of a source, in the order of their files. */
export const casesOf = (name: string): GoldenCase[] =>
  globSync([`${name}.json`, `${name}/*.json`], { cwd: golden })
    .toSorted()
    .flatMap((path) => JSON.parse(readFileSync(resolve(golden, path), 'utf8')) as GoldenCase[])

/** The functions that the file of a source exports: one, which makes it. */
export const makersOf = async (name: string): Promise<Make[]> =>
  Object.values((await import(resolve(sources, `${name}.ts`))) as Record<string, unknown>).filter(
    (value): value is Make => typeof value === 'function',
  )

/** The function that makes a source. */
export async function makerOf(name: string): Promise<Make> {
  const [make] = await makersOf(name)
  if (make === undefined) throw new Error(`src/sources/${name}.ts exports no source`)
  return make
}
