import { errorOf, listOfAnswer } from './front-answer.ts'
import type { FrontCaller } from './front-call.ts'
import { messagesOf } from './v2-messages.ts'
import { binaryType, plainType } from './v2-profile.ts'

/** Reads of the group before a partition is believed to be empty; the first ones give nothing while it forms. */
const mostReads = 10
/** Milliseconds that one of them waits. */
const waitMs = 1_000

/**
 * Finds the oldest record of a partition where a front does not tell it: a consumer of a group of its own, which is given up
 * afterwards, begins there.
 *
 * @param place the partition
 * @param options `client` names the group
 * @throws {SluicewayError} kafka_unavailable, kafka_refused
 * @returns its offset, or undefined when the partition seems to be empty
 */
export async function oldestOffset(
  place: { readonly topic: string; readonly partition: number },
  options: { readonly caller: FrontCaller; readonly client: string; readonly signal: AbortSignal },
): Promise<number | undefined> {
  const { caller, client, signal } = options
  // A name of its own: what an earlier search has left behind in this group would share its partitions.
  const group = `/consumers/${encodeURIComponent(`${client}-oldest-${crypto.randomUUID()}`)}`
  const instance = `${group}/instances/oldest`
  const post = async (path: string, body: object) => {
    const answer = await caller.call({
      method: 'POST',
      path,
      headers: { 'content-type': plainType, accept: plainType },
      body: JSON.stringify(body),
      signal,
    })
    if (answer.status >= 300) throw errorOf(answer, `look for the oldest record of ${place.topic}`)
  }
  await post(group, {
    name: 'oldest',
    format: 'binary',
    'auto.offset.reset': 'earliest',
    'auto.commit.enable': 'false',
  })
  try {
    await post(`${instance}/subscription`, { topics: [place.topic] })
    for (let i = 0; i < mostReads; i++) {
      const answer = await caller.call({
        method: 'GET',
        path: `${instance}/records?timeout=${waitMs}&max_bytes=1000000`,
        headers: { accept: binaryType },
        signal,
      })
      if (answer.status !== 200) throw errorOf(answer, `look for the oldest record of ${place.topic}`)
      const found = messagesOf(listOfAnswer(answer, 'read records')).filter(
        ({ topic, partition }) => topic === place.topic && partition === place.partition,
      )
      if (found.length > 0) return Math.min(...found.map(({ offset }) => offset))
    }
    return undefined
  } finally {
    await caller
      .call({
        method: 'DELETE',
        path: instance,
        headers: { 'content-type': plainType },
        signal: AbortSignal.timeout(waitMs),
      })
      .catch(() => undefined)
  }
}
