import { AwsClient } from 'aws4fetch'
import {
  bucketFields,
  bucketProblems,
  type BucketSettings,
  bucketUrl,
  defineDestination,
  type Item,
  perIsolate,
  type SendContext,
  type Verdict,
} from 'sluiceway/destination'
import { gzip, hexOfHash, objectsOf, type StoredObject } from './object-store/objects.ts'
import { verdictOfAnswer } from './object-store/verdict.ts'

/** Objects that are written at once. */
const atOnce = 4

/**
 * Writes events into a bucket as compressed lines of JSON: of R2, S3, Google Cloud Storage, or anything that speaks S3.
 *
 * What waits for the bucket becomes one object for each date and event: `<prefix>/<event>/date=2026-11-29/<time>-<hash>.ndjson.gz`.
 * The name is made of the messageIds in it, so that a repeat of the same events writes the same object again. Events that are
 * sent again in another company stand in two objects: readers tell them by messageId. Requests are signed by AWS Signature
 * Version 4, which Google takes with HMAC keys.
 *
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html,
 * https://developers.cloudflare.com/r2/api/s3/api/, https://cloud.google.com/storage/docs/interoperability (checked 2026-11-29)
 *
 * @param input `provider`, `bucket`, `accessKeyId`, `secretAccessKey`, and what the provider needs; optionally `prefix`, `folders`
 * @returns the destination, for `destinations` in the config
 * @example objectStore({ provider: 'r2', accountId: env.ACCOUNT_ID, bucket: 'events', accessKeyId: env.R2_KEY_ID,
 *   secretAccessKey: env.R2_SECRET })
 */
export const objectStore = defineDestination({
  name: 'object-store',
  settings: {
    provider: { type: 'choice', choices: ['r2', 's3', 'gcs', 'other'], about: 'Whose bucket it is.' },
    ...bucketFields,
    prefix: {
      type: 'string',
      about: 'Begins the name of every object.',
      default: 'events',
      check: (prefix: string) =>
        /^[\w!.*'()-]+(\/[\w!.*'()-]+)*$/.test(prefix) && !/(^|\/)\.\.?(\/|$)/.test(prefix)
          ? undefined
          : 'must be names with "/" between them',
    },
    folders: {
      type: 'choice',
      choices: ['event', 'type', 'none'],
      about: 'Whether each event name, or each type, has a folder of its own above the dates.',
      default: 'event',
    },
    maxEvents: {
      type: 'number',
      about: 'The most events in one object.',
      default: 5_000,
      min: 1,
      max: 20_000,
      whole: true,
    },
    allowPrivate: {
      type: 'boolean',
      about: 'Allows http and hosts that are not public, for tests on one machine.',
      default: false,
    },
  },
  check: bucketProblems,
  limits: ({ maxEvents }) => ({ events: maxEvents, bytes: 8_000_000, parallel: 1, timeoutSeconds: 60 }),
  encode: ({ id, text }) => ({ id, text }),
  send: async (items, settings, context) => {
    const objects = objectsOf(items, settings)
    const verdicts: Verdict[] = []
    const failures: unknown[] = []
    let status = 200
    const put = async ({ places }: StoredObject, request: Request) => {
      const outcome = await putObject(request, context).catch((error: unknown) => {
        failures.push(error)
        return undefined
      })
      if (outcome !== undefined && outcome.verdict.kind !== 'done') status = outcome.status
      for (const place of places) verdicts[place] = outcome?.verdict ?? { kind: 'retry', reason: 'no connection' }
    }
    for (let i = 0; i < objects.length; i += atOnce) {
      const ready: (readonly [StoredObject, Request])[] = []
      for (const object of objects.slice(i, i + atOnce))
        ready.push([object, await requestOf(object, { items, settings, context })])
      await Promise.all(ready.map(([object, request]) => put(object, request)))
    }
    // Nothing went out: whoever called knows better what that means.
    if (failures.length === objects.length) throw failures[0]
    if (failures.length > 0 && status === 200) status = 0
    return { status, body: '', verdicts }
  },
})

const clientOf = perIsolate(({ accessKeyId, secretAccessKey, region = 'auto' }: BucketSettings) => {
  const client = new AwsClient({ accessKeyId, secretAccessKey, service: 's3', region, retries: 0 })
  return { client }
})

async function requestOf(
  { key, places }: StoredObject,
  tools: { readonly items: readonly Item[]; readonly settings: BucketSettings; readonly context: SendContext },
): Promise<Request> {
  const { items, settings, context } = tools
  const own = places.map((place) => items[place] as Item)
  const body = await gzip(`${own.map(({ text }) => text).join('\n')}\n`)
  const name = await hexOfHash(Uint8Array.from(new TextEncoder().encode(own.map(({ id }) => id).join('\n'))))
  const path = `${key}-${name.slice(0, 16)}.ndjson.gz`.split('/').map(encodeURIComponent).join('/')
  const signed = await clientOf(settings).client.sign(`${bucketUrl(settings)}/${path}`, {
    method: 'PUT',
    body,
    headers: {
      'user-agent': 'Sluiceway',
      'content-type': 'application/gzip',
      'x-amz-content-sha256': await hexOfHash(body),
    },
    aws: { datetime: new Date(context.now).toISOString().replaceAll(/[:-]|\.\d{3}/g, '') },
  })
  const { signal } = context
  return new Request(signed.url, { method: 'PUT', headers: signed.headers, body, redirect: 'manual', signal })
}

async function putObject(
  request: Request,
  context: SendContext,
): Promise<{ readonly status: number; readonly verdict: Verdict }> {
  const response = await context.fetch(request)
  const { status, headers } = response
  const body = response.ok ? '' : (await response.text()).slice(0, 10_000)
  if (response.ok) await response.body?.cancel()
  return { status, verdict: verdictOfAnswer({ status, headers, body }, context.now) }
}
