import type { IncomingMessage } from 'node:http'
import { BridgeError } from './errors.ts'

/** Bytes of requests that are not answered yet, which are bounded. */
export class Buffered {
  readonly #limits: { readonly bodyBytes: number; readonly bufferBytes: number }
  #held = 0

  constructor(limits: { readonly bodyBytes: number; readonly bufferBytes: number }) {
    this.#limits = limits
  }

  /** Bytes that are held now. */
  get held(): number {
    return this.#held
  }

  /**
   * Reads the body of a request; its bytes are held until `release`.
   *
   * @param request whose body it is
   * @returns the text, and what to call once it is answered
   * @throws BridgeError 413 over the limit of a body, 429 when the buffer is full, 415 for one that is compressed
   */
  async read(request: IncomingMessage): Promise<{ readonly text: string; readonly release: () => void }> {
    const { bodyBytes, bufferBytes } = this.#limits
    if ((request.headers['content-encoding'] ?? 'identity') !== 'identity')
      throw new BridgeError(415, 'The bridge takes bodies that are not compressed')
    let mine = 0
    const release = () => {
      this.#held -= mine
      mine = 0
    }
    const hold = (bytes: number) => {
      if (mine + bytes > bodyBytes)
        throw new BridgeError(413, `The body is larger than ${bodyBytes} bytes; send less at once`)
      if (this.#held + bytes > bufferBytes)
        throw new BridgeError(
          429,
          `The bridge holds ${bufferBytes} bytes that the brokers have not taken yet; send this again later`,
        )
      mine += bytes
      this.#held += bytes
    }
    try {
      const told = Number(request.headers['content-length'] ?? 0)
      hold(told)
      const chunks: Buffer[] = []
      let read = 0
      for await (const chunk of request as AsyncIterable<Buffer>) {
        read += chunk.length
        if (read > mine) hold(read - mine)
        chunks.push(chunk)
      }
      return {
        text: new TextDecoder('utf-8', { fatal: true, ignoreBOM: false }).decode(Buffer.concat(chunks)),
        release,
      }
    } catch (thrown) {
      release()
      if (thrown instanceof TypeError) throw new BridgeError(400, 'The body is not UTF-8')
      throw thrown
    }
  }
}

/**
 * Parses a body.
 *
 * @param text of the body
 * @returns what it holds; undefined for an empty one
 * @throws BridgeError 400 when it is not JSON
 */
export function jsonOf(text: string): unknown {
  if (text.trim() === '') return undefined
  try {
    return JSON.parse(text)
  } catch (thrown) {
    throw new BridgeError(400, `The body is not JSON: ${thrown instanceof Error ? thrown.message : ''}`)
  }
}
