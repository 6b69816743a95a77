/** UTF-16 units that are compressed at once. */
const pieceUnits = 256_000

/**
 * Compresses lines by gzip, some at a time.
 *
 * @param lines without their ends
 * @returns the bytes of one object, in which each line ends with a line feed
 * @throws what the lines throw
 */
export async function gzipLines(lines: Iterable<string>): Promise<Uint8Array<ArrayBuffer>> {
  const { readable, writable } = new CompressionStream('gzip')
  const bytes = new Response(readable).arrayBuffer()
  const writer = writable.getWriter()
  const encoder = new TextEncoder()
  let text = ''
  try {
    for (const line of lines) {
      text += `${line}\n`
      if (text.length < pieceUnits) continue
      await writer.write(encoder.encode(text))
      text = ''
    }
    await writer.write(encoder.encode(text))
    await writer.close()
  } catch (thrown) {
    await writer.abort(thrown).catch(() => {})
    await bytes.catch(() => {})
    throw thrown
  }
  return new Uint8Array(await bytes)
}
