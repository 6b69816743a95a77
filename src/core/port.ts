import type { Credentials } from './destination.ts'

/** The world as handed to pure code, so that every test hands in its own. */
export interface Port {
  readonly fetch: (request: Request) => Promise<Response>
  /** As `fetch`, where no Request needs to be made: that costs as much as a fifth of sending it. */
  readonly send?: (url: string, init: RequestInit) => Promise<Response>
  /** Milliseconds since the epoch. */
  readonly now: () => number
  /** A number in [0, 1). */
  readonly random: () => number
  /** A random UUID, version 4. */
  readonly uuid: () => string
  readonly log: (level: 'info' | 'warn' | 'error', message: string, fields?: Readonly<Record<string, unknown>>) => void
  /** Of the destination of a lane that renews what it has. */
  readonly credentials?: Credentials
  /** Says where in users' files a stack is; never rejects. Left out where code runs as it is written. */
  readonly mapStack?: (stack: string) => Promise<string>
}
