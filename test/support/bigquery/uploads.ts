import { type Answer, errorOf, type SeenRequest } from './answer.ts'

interface Upload {
  /** Of the job that its end makes. */
  readonly body: unknown
  bytes: Buffer
  /** What was answered at its end. */
  ended?: Answer
}

/** Bytes of which each piece but the last has a multiple. */
const pieceBytes = 262_144

/** Whether a request begins an upload, or belongs to one that was begun. */
export const isUploadCall = ({ path }: SeenRequest): boolean => path.includes('uploadType=resumable')

/**
 * Uploads that come in pieces.
 *
 * Each piece says where it belongs; its size is a multiple of 256 KiB unless it is the last, which says the size of the whole. Until
 * then the answer is 308, with the bytes that are there in `range`, or without where there are none. A piece that is taken in part is
 * sent again from there. A range without bytes asks how far the upload is. The last byte makes the job, whose resource is the answer, also to
 * who asks later. An upload that expired is not found.
 * https://cloud.google.com/bigquery/docs/reference/api-uploads#resumable (stored copy, read 2026-11-30)
 */
export class Uploads {
  readonly #taken: (bytes: number) => number
  readonly #uploads = new Map<string, Upload>()
  #number = 0

  /** @param taken how many bytes of a piece are taken that could all be */
  constructor(taken: (bytes: number) => number) {
    this.#taken = taken
  }

  /** Ends them all. */
  expire(): void {
    this.#uploads.clear()
  }

  /** Does what a request asks; `createJob` carries out the request that an upload stands for, with its lines. */
  async answer(
    seen: SeenRequest,
    raw: Buffer,
    url: string,
    createJob: (request: SeenRequest) => Promise<Answer>,
  ): Promise<Answer> {
    const id = new URL(seen.path, url).searchParams.get('upload_id')
    if (id === null) return this.#begin(seen, url)
    const upload = this.#uploads.get(id)
    if (seen.method !== 'PUT' || upload === undefined) return errorOf(404, 'notFound', 'Not Found')
    if (upload.ended !== undefined) return upload.ended
    const [, from, to, total] = /^bytes (?:(\d+)-(\d+)|\*)\/(\d+|\*)$/.exec(seen.range ?? '') ?? []
    if (total === undefined) return wrong(`no range: ${seen.range}`)
    if (from !== undefined) {
      const isLast = total !== '*' && Number(to) + 1 === Number(total)
      if (raw.length !== Number(to) - Number(from) + 1) return wrong('the range is not that of the bytes')
      if (Number(from) !== upload.bytes.length) return wrong(`${upload.bytes.length} bytes are there, not ${from}`)
      if (!isLast && raw.length % pieceBytes > 0) return wrong('a piece is no multiple of 256 KB')
      upload.bytes = Buffer.concat([upload.bytes, raw.subarray(0, this.#taken(raw.length))])
    }
    const { length } = upload.bytes
    if (total === '*' || length < Number(total))
      return { status: 308, headers: length === 0 ? {} : { range: `bytes=0-${length - 1}` } }
    const lines = upload.bytes.toString().replace(/\n$/, '').split('\n')
    const answer = await createJob({ method: 'POST', path: '/jobs', body: upload.body, lines })
    upload.ended = answer
    return answer
  }

  #begin({ body }: SeenRequest, url: string): Answer {
    const id = `upload-${++this.#number}`
    this.#uploads.set(id, { body, bytes: Buffer.alloc(0) })
    const location = `${url}/upload/bigquery/v2/projects/acme-analytics/jobs?uploadType=resumable&upload_id=${id}`
    return { status: 200, headers: { location } }
  }
}

const wrong = (words: string): Answer => errorOf(400, 'badRequest', words)
