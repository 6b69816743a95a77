import type { Client } from '@upstash/qstash'
import { reasonOf } from '../../core/errors.ts'
import type { Port } from '../../core/port.ts'
import { withTimeout } from '../../core/with-timeout.ts'

/** The label of all messages of Sluiceway: what else lies in the dead-letter queue is not ours to send again. */
export const label = 'sluiceway'

/** Messages of one call of the API, and calls of one run: 5,000 messages a minute. */
const callMessages = 100
const mostCalls = 50
/** Milliseconds that one call may take, and that a run goes on. */
const callMs = 10_000
const runMs = 25_000

/**
 * Has QStash send again what it gave up: it keeps that in its dead-letter queue for some days only.
 *
 * @param client of the account
 * @param url that the messages are for
 * @param port clock and log
 */
export async function fetchDeadLetters(client: Client, url: string, port: Pick<Port, 'now' | 'log'>): Promise<void> {
  const end = port.now() + runMs
  let messages = 0
  try {
    let cursor: string | undefined
    for (let calls = 0; calls < mostCalls && port.now() < end; calls++) {
      const answer = await withTimeout(
        client.dlq.retry({ filter: { url, label }, count: callMessages, ...(cursor === undefined ? {} : { cursor }) }),
        callMs,
        'QStash',
      )
      messages += answer.responses.length
      cursor = answer.cursor
      if (cursor === undefined) break
    }
  } catch (error) {
    port.log('error', 'the dead-letter queue of QStash could not be asked', { reason: reasonOf(error) })
  }
  if (messages > 0)
    port.log('warn', 'messages that QStash gave up are sent again from its dead-letter queue', { messages })
}
