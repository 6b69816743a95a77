import * as z from 'zod/mini'
import { reasonOf } from '../core/errors.ts'
import { queryOf } from './body.ts'
import { filterFields, filterOf, lanesFor } from './letter-filter.ts'
import { LetterPages } from './letter-pages.ts'
import { type AdminCall, answerHeaders } from './responses.ts'

/** Letters of one part of the answer: the next is read when it has gone out. */
const partLetters = 50

const exportQuery = z.object(filterFields)
const encoder = new TextEncoder()

/**
 * GET /dead-letters/export: all that a filter lets through, as NDJSON, newest first.
 *
 * What cannot be read breaks the answer off: whoever reads it must not take a part for the whole.
 */
export async function exportLetters(c: AdminCall): Promise<Response> {
  const given = queryOf(c, exportQuery)
  const lanes = await lanesFor(c, given.target)
  const filter = filterOf(given)
  let feed = new LetterPages(c.env, { filter, lanes })
  const body = new ReadableStream<Uint8Array>({
    pull: async (controller) => {
      try {
        const { found, more } = await feed.take(partLetters)
        if (feed.failures.length > 0) throw new Error(feed.failures.join('; '))
        // A feed anew: what the one before has read ahead is not kept.
        feed = new LetterPages(c.env, { filter, lanes, cursor: feed.cursor })
        const text = found.map(({ letter }) => `${JSON.stringify(letter)}\n`).join('')
        if (text !== '') controller.enqueue(encoder.encode(text))
        if (!more) controller.close()
      } catch (error) {
        c.env.port.log('error', 'an export of dead letters broke off', { reason: reasonOf(error) })
        controller.error(error)
      }
    },
  })
  const name = `dead-letters-${new Date(c.env.port.now()).toISOString().slice(0, 10)}.ndjson`
  return new Response(body, {
    headers: {
      ...answerHeaders,
      'content-type': 'application/x-ndjson',
      'content-disposition': `attachment; filename="${name}"`,
    },
  })
}
exportLetters.query = exportQuery
