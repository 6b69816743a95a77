import type { Socket } from 'node:net'

const headEnd = Buffer.from('\r\n\r\n')

/**
 * Reads HTTP/1.1 requests that have a `content-length` from a connection. Node's own server takes more of a core than what is
 * tested or measured may leave it.
 *
 * @param socket a connection that was just made
 * @param take gets the body of each request, in order, and the connection, for its answer
 */
export function takeBodies(socket: Socket, take: (body: Buffer, socket: Socket) => void): void {
  socket.setNoDelay(true)
  let rest: Buffer = Buffer.alloc(0)
  socket.on('error', () => socket.destroy())
  socket.on('data', (part: Buffer) => {
    rest = rest.byteLength === 0 ? part : Buffer.concat([rest, part])
    for (;;) {
      const body = bodyOf(rest)
      if (body === undefined) return
      rest = rest.subarray(body.byteOffset - rest.byteOffset + body.byteLength)
      take(body, socket)
    }
  })
}

/** The body of the first request in `bytes`; undefined while a part of it is missing. */
function bodyOf(bytes: Buffer): Buffer | undefined {
  const end = bytes.indexOf(headEnd)
  if (end < 0) return undefined
  const length = Number(/\r\ncontent-length: *(\d+)/i.exec(bytes.toString('latin1', 0, end))?.[1] ?? 0)
  const from = end + headEnd.byteLength
  return bytes.byteLength < from + length ? undefined : bytes.subarray(from, from + length)
}
