/**
 * Compresses pieces of text as one member of gzip, a piece at a time.
 *
 * @param pieces of UTF-8, made when they are needed
 * @returns the bytes of a `.gz` file
 */
export async function gzip(pieces: Iterable<Uint8Array<ArrayBuffer>>): Promise<Uint8Array<ArrayBuffer>> {
  const given = pieces[Symbol.iterator]()
  const text = new ReadableStream<Uint8Array<ArrayBuffer>>({
    pull(controller) {
      const { done, value } = given.next()
      if (done === true) controller.close()
      else controller.enqueue(value)
    },
  })
  return new Uint8Array(await new Response(text.pipeThrough(new CompressionStream('gzip'))).arrayBuffer())
}

/** Reads the lines of a `.gz` file as they come; none of them has its newline. */
export async function* gunzipLines(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  let rest = ''
  const inflated = body.pipeThrough(new DecompressionStream('gzip') as ReadableWritablePair<Uint8Array, Uint8Array>)
  for await (const bytes of inflated) {
    const lines = (rest + decoder.decode(bytes, { stream: true })).split('\n')
    rest = lines.pop() ?? ''
    yield* lines
  }
  if (rest !== '') yield rest
}
