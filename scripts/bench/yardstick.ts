import { join } from 'node:path'
import { serveWorker, type ServedWorker } from './serve-worker.ts'

/**
 * `parse` parses the body and answers · `write` parses it and writes it as one row in a Durable Object · `checks`
 * parses, and does all that Sluiceway's edge does before the append · `hop` also calls an empty Durable Object with the
 * events · `commit` calls Sluiceway's log instead, behind which there is no lane · `slice` is `commit` with everything
 * switched off that can be, `validateWith` with everything on, `enriched` with everything but privacy rules (see features.ts).
 */
export const yardsticks = ['parse', 'write', 'checks', 'hop', 'commit', 'slice', 'enriched', 'checked'] as const

export type Yardstick = (typeof yardsticks)[number]

/** The yardsticks, each listening on a port of its own, all in one workerd. */
export type Yardsticks = ServedWorker<Yardstick>

/**
 * Serves the yardsticks in a workerd of their own, straight from its sockets, on loopback.
 *
 * @returns once they listen
 */
export const startYardsticks = (): Promise<Yardsticks> =>
  serveWorker({
    file: join(import.meta.dirname, 'yardstick-worker.ts'),
    objects: { LOG: 'Log', EMPTY: 'Empty', WRITE: 'Write' },
    entrypoints: yardsticks,
  })
