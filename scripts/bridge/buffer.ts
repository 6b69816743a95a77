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
      const body = await this.#bytesOf(request, (read) => {
        if (read > mine) hold(read - mine)
      })
      return { text: utf8.decode(body), release }
    } catch (thrown) {
      release()
      if (thrown instanceof TypeError) throw new BridgeError(400, 'The body is not UTF-8')
      throw thrown
    }
  }
  #bytesOf(request: IncomingMessage, check: (read: number) => void): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const chunks: Buffer[] = []
      let read = 0
      request.on('data', (chunk: Buffer) => {
        chunks.push(chunk)
        read += chunk.length
        try {
          check(read)
        } catch (thrown) {
          request.removeAllListeners('data')
          reject(thrown as Error)
        }
      })
      request.once('end', () => resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)))
      request.once('error', reject)
      request.once('aborted', () => reject(new BridgeError(400, 'The caller went before the body was whole')))
    })
  }
}

/** With a mark of its order of bytes, or without. */
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false })

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
