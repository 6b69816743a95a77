import type { TransformAnswer, TransformBatch } from '../core/transform.ts'

/**
 * What the runtime says where the code of an isolate used up what it may: the isolate is gone, and the whole call with it.
 * https://developers.cloudflare.com/support/troubleshooting/http-status-codes/cloudflare-1xxx-errors/error-1102/ and the logs of
 * https://github.com/bobrware/bobrchat/issues/76, https://github.com/besidka/besidka/issues/221 (checked 2026-11-29)
 */
const usedUp = /exceeded .*\b(?:cpu|memory|resource limits)\b|\b(?:cpu|memory)\b.* (?:limit|exceeded)/i
/** What it says where an answer is too large for a call (32 MiB), or cannot be passed. */
const tooLarge = /serialized rpc|limited to 32\s*mib/i
/** What it says where the code cannot even be loaded. */
const notLoaded = /failed to start worker|no such module|SyntaxError/i

/** What it says where the code ended its own call. */
const endedItself = /process\.exit\(|code had hung/i
/** What it says of itself, also where the isolate passes it on. */
const ofThePlatform =
  /network connection lost|internal error|too many (?:subrequests|api requests|concurrent dynamic workers)|dynamic worker concurrency limit|number of active timeouts/i

/** Whether the code broke what answers for it (it can reach all of its isolate): the runtime marks what an isolate throws. */
const isThrownInside = (thrown: unknown, message: string): boolean =>
  (thrown as { readonly remote?: unknown } | undefined)?.remote === true && !ofThePlatform.test(message)

/**
 * Runs a batch in an isolate. Where an event makes the isolate use up its CPU or memory, or the code breaks or ends the call, or
 * the answer is larger than a call may be, halves of the batch run by themselves, until the events are found that it fails for:
 * the others are not harmed.
 *
 * `transformBatch` gets its whole batch or nothing: there, all events have failed.
 *
 * @param batch the events
 * @param run runs them once
 * @param functions which of the two the module has
 * @returns what became of every event
 * @throws what the platform says of itself, which is no verdict on an event
 */
export async function runHalves(
  batch: TransformBatch,
  run: (batch: TransformBatch) => Promise<TransformAnswer>,
  functions: readonly string[],
): Promise<TransformAnswer> {
  try {
    return await run(batch)
  } catch (thrown) {
    const message = thrown instanceof Error ? thrown.message : String(thrown)
    const isLoading = notLoaded.test(message)
    const isOwnFault = [usedUp, tooLarge, endedItself].some((texts) => texts.test(message))
    if (!isLoading && !isOwnFault && !isThrownInside(thrown, message)) throw thrown
    if (isLoading || batch.texts.length === 1 || functions.includes('transformBatch'))
      return { events: [], dropped: [], failed: batch.texts.map((_, from) => ({ from, message, stack: message })) }
  }
  const middle = Math.ceil(batch.texts.length / 2)
  // One after the other: both at once would be twice the memory.
  const first = await runHalves(partOf(batch, 0, middle), run, functions)
  const second = await runHalves(partOf(batch, middle, batch.texts.length), run, functions)
  return {
    events: [...first.events, ...second.events.map((one) => ({ ...one, from: one.from + middle }))],
    dropped: [...first.dropped, ...second.dropped.map((from) => from + middle)],
    failed: [...first.failed, ...second.failed.map((one) => ({ ...one, from: one.from + middle }))],
    logs: [...(first.logs ?? []), ...(second.logs ?? [])],
  }
}

const partOf = ({ texts, known, ...rest }: TransformBatch, start: number, end: number): TransformBatch => ({
  ...rest,
  texts: texts.slice(start, end),
  known: known.slice(start, end),
})
