import { gunzipSync } from 'node:zlib'
import { SluicewayError } from '../core/errors.ts'

const decoder = new TextDecoder()

/**
 * Reads the text of a request's body, plain or gzip, and never more of it than is allowed.
 *
 * Bytes that are no UTF-8 become U+FFFD.
 *
 * @param request its Content-Type does not matter: SDKs send JSON under several
 * @param most bytes after inflating
 * @throws {SluicewayError} body_too_large, as soon as that is known; unsupported_encoding; body_unreadable
 */
export async function textOf(request: Request, most: number): Promise<string> {
  const encoding = request.headers.get('content-encoding')
  const length = request.headers.get('content-length')
  if (length !== null && Number(length) > most) throw tooLargeError()
  if (encoding === null || encoding === 'identity') {
    // The runtime reads no more than the length that the request states.
    const text = length === null ? decoder.decode(await bytesOf(request, most)) : await read(() => request.text())
    if (text.length > most) throw tooLargeError()
    return text
  }
  if (encoding.toLowerCase() !== 'gzip') throw unsupportedError()
  const packed = length === null ? await bytesOf(request, most) : await read(() => request.arrayBuffer())
  return decoder.decode(inflate(packed, most))
}

/**
 * Reads the bytes of a request's body as `textOf` reads its text.
 *
 * @param request as for `textOf`
 * @param most bytes after inflating
 * @throws {SluicewayError} body_too_large, unsupported_encoding, body_unreadable
 */
export async function bytesIn(request: Request, most: number): Promise<Uint8Array> {
  const encoding = request.headers.get('content-encoding')
  if (Number(request.headers.get('content-length') ?? 0) > most) throw tooLargeError()
  const bytes = await bytesOf(request, most)
  if (encoding === null || encoding === 'identity') return bytes
  if (encoding.toLowerCase() !== 'gzip') throw unsupportedError()
  return inflate(bytes, most)
}

async function read<T>(reading: () => Promise<T>): Promise<T> {
  try {
    return await reading()
  } catch (cause) {
    throw unreadableError(cause)
  }
}

/** Reads a body whose length is not known, and stops where it gets too long. */
async function bytesOf(request: Request, most: number): Promise<Uint8Array> {
  if (request.body === null) return new Uint8Array(0)
  const reader = request.body.getReader() as ReadableStreamDefaultReader<Uint8Array>
  const parts: Uint8Array[] = []
  let size = 0
  for (;;) {
    const { done, value } = await read(() => reader.read())
    if (done) break
    size += value.byteLength
    if (size > most) {
      reader.cancel().catch(() => {})
      throw tooLargeError()
    }
    parts.push(value)
  }
  const whole = new Uint8Array(size)
  let offset = 0
  for (const part of parts) {
    whole.set(part, offset)
    offset += part.byteLength
  }
  return whole
}

/** In workerd less than half as dear as a DecompressionStream; it stops inflating at the limit as well. */
function inflate(packed: ArrayBuffer | Uint8Array, most: number): Uint8Array {
  try {
    return gunzipSync(packed, { maxOutputLength: most })
  } catch (cause) {
    throw cause instanceof RangeError ? tooLargeError() : unreadableError(cause)
  }
}

const tooLargeError = () => new SluicewayError('body_too_large', 'request size exceeds max limit')

const unsupportedError = () =>
  new SluicewayError('unsupported_encoding', 'content encoding is not supported; send gzip or none')

const unreadableError = (cause: unknown) =>
  new SluicewayError('body_unreadable', 'failed to read body from request', { cause })
