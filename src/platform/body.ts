import { gunzipSync } from 'node:zlib'
import { SluicewayError } from '../core/errors.ts'
import { joinBytes } from '../core/join-bytes.ts'

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
  const length = request.headers.get('content-length')
  if (length !== null && Number(length) > most) throw tooLargeError()
  if (!isPacked(request)) {
    // The runtime reads no more than the length that the request states.
    const text = length === null ? decoder.decode(await bytesOf(request, most)) : await read(() => request.text())
    if (text.length > most) throw tooLargeError()
    return text
  }
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
  if (Number(request.headers.get('content-length') ?? 0) > most) throw tooLargeError()
  const isGzip = isPacked(request)
  const bytes = await bytesOf(request, most)
  return isGzip ? inflate(bytes, most) : bytes
}

/** Compressions that are not read. Whatever else a client writes there, `utf-8` or `aws-chunked`, it means plain text. */
const compressions = new Set(
  'br deflate zstd compress x-compress dcb dcz exi pack200-gzip bzip2 lz4 snappy xz'.split(' '),
)

/**
 * Says whether a body is packed with gzip.
 *
 * @throws {SluicewayError} unsupported_encoding for any other compression, and for gzip in gzip
 */
function isPacked(request: Request): boolean {
  const header = request.headers.get('content-encoding')
  if (header === null || header === '') return false
  const names = header
    .toLowerCase()
    .split(',')
    .map((name) => name.trim())
  const layers = names.filter((name) => name === 'gzip' || name === 'x-gzip').length
  if (layers > 1 || names.some((name) => compressions.has(name))) throw unsupportedError()
  return layers === 1
}

/** Bytes of a refused body that are read: more than any SDK sends at once. */
const mostDropped = 16_777_216
/** Milliseconds that are spent on it. */
const dropMs = 3_000

/**
 * Reads what is left of the body of a request that is refused, and drops it. A client that is still writing when the connection
 * is closed sees a broken pipe instead of the answer, and sends the same again for ever.
 *
 * @param request its body may be read already, or be none
 * @returns once the body has ended, or after 16 MiB or 3 seconds; undefined when there is nothing to wait for
 */
export function dropBody(request: Request): Promise<void> | undefined {
  const { body } = request
  return body === null || body.locked || request.bodyUsed ? undefined : dropRest(body.getReader())
}

async function dropRest(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
  const { promise: late, resolve } = Promise.withResolvers<undefined>()
  const timer = setTimeout(() => resolve(undefined), dropMs)
  try {
    for (let left = mostDropped; left > 0;) {
      const piece = await Promise.race([reader.read(), late])
      if (piece?.done === true) return
      if (piece === undefined) break
      left -= piece.value.byteLength
    }
    reader.cancel().catch(() => {})
  } catch {
    // Whoever sent it is gone.
  } finally {
    clearTimeout(timer)
  }
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
      await dropRest(reader)
      throw tooLargeError()
    }
    parts.push(value)
  }
  return joinBytes(parts)
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
