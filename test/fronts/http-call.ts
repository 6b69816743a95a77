import { request as open } from 'node:http'

interface Sent {
  readonly method: string
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  /** What is no text is sent as JSON. */
  readonly body?: unknown
}

/** Sends a request exactly as it is, on a connection of its own: no header is added but the length. */
export function call(
  url: string,
  { method, path, headers = {}, body }: Sent,
): Promise<{ status: number; type: string | undefined; body: string }> {
  const text = body === undefined ? '' : typeof body === 'string' ? body : JSON.stringify(body)
  return new Promise((resolve, reject) => {
    const sent = open(
      `${url}${path}`,
      { method, agent: false, headers: { ...headers, 'content-length': Buffer.byteLength(text) } },
      (answer) => {
        const pieces: Buffer[] = []
        answer.on('data', (piece: Buffer) => pieces.push(piece))
        answer.on('end', () =>
          resolve({
            status: answer.statusCode ?? 0,
            type: answer.headers['content-type'],
            body: Buffer.concat(pieces).toString(),
          }),
        )
      },
    )
    sent.on('error', reject)
    sent.end(text)
  })
}
