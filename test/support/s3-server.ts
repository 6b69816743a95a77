import { createHash, createHmac } from 'node:crypto'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A store that speaks S3 on this machine, and checks signatures. */
export interface S3Server {
  readonly endpoint: string
  /** Objects by their paths, `/<bucket>/<key>`, as the request had them. */
  readonly stored: Map<string, Buffer>
  /** Requests in their order: `PUT /<path>`, with their status. */
  readonly answers: string[]
  /** What is answered in place of the truth, while it is set. */
  refuse: ((request: string) => { readonly status: number; readonly body: string } | undefined) | undefined
  readonly stop: () => Promise<void>
}

const hmac = (key: string | Buffer, text: string) => createHmac('sha256', key).update(text).digest()
const sha256 = (bytes: Buffer | string) => createHash('sha256').update(bytes).digest('hex')
const etagOf = (bytes: Buffer) => `"${createHash('md5').update(bytes).digest('hex')}"`

/**
 * Whether a request is signed by AWS Signature Version 4.
 *
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html, in the words of the page.
 *
 * @param request as it came
 * @param body of the request
 * @param key the secret, and the service that the signature must be for
 */
export function isSigned(
  request: IncomingMessage,
  body: Buffer,
  key: { readonly secret: string; readonly service: string },
): boolean {
  const { method = '', url = '' } = request
  const [path = '', query = ''] = url.split('?')
  const headers = request.headers as Record<string, string>
  const [, scope = '', signed = '', signature = ''] =
    /Credential=[^/]+\/([^,]+), ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]+)/.exec(headers['authorization'] ?? '') ??
    []
  const canonical = [
    method,
    path,
    query.split('&').toSorted().join('&'),
    ...signed.split(';').map((name) => `${name}:${(headers[name] ?? '').trim()}`),
    '',
    signed,
    sha256(body),
  ].join('\n')
  const toSign = ['AWS4-HMAC-SHA256', headers['x-amz-date'] ?? '', scope, sha256(canonical)].join('\n')
  const { secret, service } = key
  const signing = scope.split('/').reduce<string | Buffer>((made, part) => hmac(made, part), `AWS4${secret}`)
  return (
    hmac(signing, toSign).toString('hex') === signature &&
    scope.endsWith(`/${service}/aws4_request`) &&
    // The other services hash the body, and have no header that says so.
    (service !== 's3' || headers['x-amz-content-sha256'] === sha256(body)) &&
    signed.split(';').includes('host')
  )
}

/** A page of at most ten keys: https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html */
function listing(stored: ReadonlyMap<string, Buffer>, { pathname, searchParams }: URL): string {
  const after = searchParams.get('continuation-token') ?? ''
  const keys = [...stored.keys()]
    .map((path) => decodeURIComponent(path).slice(pathname.length + 1))
    .filter((key) => key.startsWith(searchParams.get('prefix') ?? '') && key > after)
    .toSorted()
  const page = keys.slice(0, 10)
  const next = keys.length > 10 ? `<NextContinuationToken>${page.at(-1)}</NextContinuationToken>` : ''
  return `<ListBucketResult>${page.map((key) => `<Contents><Key>${key}</Key></Contents>`).join('')}${next}</ListBucketResult>`
}

/** Starts the store; whoever does not sign with `secret` is refused. */
export async function startS3(secret: string): Promise<S3Server> {
  const stored = new Map<string, Buffer>()
  const answers: string[] = []
  const answerOf = (
    request: IncomingMessage,
    body: Buffer,
  ): { status: number; body: string | Buffer; etag?: string } => {
    const { method = '', url = '', headers } = request
    const refused = server.refuse?.(`${method} ${url}`)
    if (refused !== undefined) return refused
    const error = (status: number, code: string) => ({ status, body: `<Error><Code>${code}</Code></Error>` })
    if (!isSigned(request, body, { secret, service: 's3' })) return error(403, 'SignatureDoesNotMatch')
    if (url.includes('?list-type=2&')) return { status: 200, body: listing(stored, new URL(url, 'http://store')) }
    if (method === 'DELETE') return { status: stored.delete(url) ? 204 : 404, body: '' }
    const there = stored.get(url)
    if (method === 'GET')
      return there === undefined ? error(404, 'NoSuchKey') : { status: 200, body: there, etag: etagOf(there) }
    const isMet =
      headers['if-none-match'] === '*'
        ? there === undefined
        : headers['if-match'] === undefined || (there !== undefined && headers['if-match'] === etagOf(there))
    if (!isMet) return error(412, 'PreconditionFailed')
    stored.set(url, body)
    return { status: 200, body: '', etag: etagOf(body) }
  }
  const http = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const { status, body, etag } = answerOf(request, Buffer.concat(chunks))
      answers.push(`${request.method} ${request.url} ${status}`)
      response.writeHead(status, etag === undefined ? {} : { etag }).end(body)
    })
  })
  await new Promise<void>((listening) => http.listen(0, '127.0.0.1', listening))
  const server: S3Server = {
    endpoint: `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
    stored,
    answers,
    refuse: undefined,
    stop: async () => {
      http.closeAllConnections()
      await new Promise((closed) => http.close(closed))
    },
  }
  return server
}
