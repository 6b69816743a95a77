import { joinBytes } from '../../core/join-bytes.ts'

/**
 * Reads the body of an answer, and never much more of it than is allowed.
 *
 * @param response an answer whose body nobody has read
 * @param most bytes
 * @returns the bytes; undefined when there are more, and the rest is not read then
 */
export async function bytesWithin(response: Response, most: number): Promise<Uint8Array<ArrayBuffer> | undefined> {
  if (response.body === null) return new Uint8Array()
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
    size += chunk.byteLength
    // To leave the loop cancels the body.
    if (size > most) return undefined
    chunks.push(chunk)
  }
  return joinBytes(chunks)
}
