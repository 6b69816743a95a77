import { ingestRoutes } from '../../src/ingest/routes.ts'
import { streamed } from '../support/call.ts'
import type { FakeEdge } from '../support/fake-edge.ts'
import type { Recorded } from '../../scripts/record/recorder.ts'
import { bytesOf } from './fixtures.ts'

/**
 * Sends a recorded request to the HTTP surface, byte for byte.
 *
 * @param bytes another body than the recorded one
 */
export function replay(edge: FakeEdge, request: Recorded, bytes: Uint8Array<ArrayBuffer> = bytesOf(request)) {
  const { method, path, chunked } = request
  const headers = new Headers()
  for (const [name, value] of request.headers)
    headers.append(name, name.toLowerCase() === 'content-length' ? String(bytes.byteLength) : value)
  const body = chunked ? streamed(bytes) : bytes
  const asked = new Request(`https://edge.example${path}`, { method, headers, body, duplex: 'half' } as RequestInit)
  return Promise.resolve(ingestRoutes.fetch(asked, edge.context))
}
