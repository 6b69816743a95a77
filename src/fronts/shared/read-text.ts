import { reasonOf } from '../../core/errors.ts'

/** Bytes of an answer: a read asks for less, unless single records are larger than brokers take by default. */
const mostBytes = 24_000_000

/** The body of an answer. */
export interface ReadText {
  readonly text: string
  /** Why the text is not all of it. */
  readonly cut?: string
}

/**
 * Reads the body of an answer as text; never rejects.
 *
 * @param response whose body is read to its end, or until the signal aborts
 * @param signal ends a body that never ends: not every runtime ends it by itself
 */
export async function readText(response: Response, signal: AbortSignal): Promise<ReadText> {
  const reader = response.body?.getReader()
  if (reader === undefined) return { text: '' }
  const decoder = new TextDecoder()
  let text = ''
  let bytes = 0
  const { promise: aborted, reject } = Promise.withResolvers<never>()
  aborted.catch(() => undefined)
  const abort = () => reject(signal.reason)
  if (signal.aborted) abort()
  signal.addEventListener('abort', abort, { once: true })
  try {
    for (;;) {
      const { done, value } = await Promise.race([reader.read(), aborted])
      if (done) return { text: text + decoder.decode() }
      bytes += value.byteLength
      if (bytes > mostBytes)
        throw new RangeError(
          `the answer has more than ${mostBytes} bytes; let the front hand out fewer records at once`,
        )
      text += decoder.decode(value, { stream: true })
    }
  } catch (cause) {
    void reader.cancel().catch(() => undefined)
    return { text, cut: reasonOf(cause) }
  } finally {
    signal.removeEventListener('abort', abort)
  }
}
