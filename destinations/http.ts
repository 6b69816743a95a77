import {
  defineDestination,
  headerPart,
  type HttpRequest,
  makeTemplate,
  mappingProblem,
  templateProblem,
  urlPart,
} from 'sluiceway/destination'
import { credentialProblems, credentialsOf } from './http/auth.ts'
import { placeProblem, planOf } from './http/plan.ts'
import { elementProblem } from './http/xml.ts'

/** Headers that the destination sets. */
const taken = /^(content-type|content-length|transfer-encoding|host|connection)$/i

const contentTypes: Readonly<Record<string, string>> = {
  json: 'application/json',
  form: 'application/x-www-form-urlencoded',
  xml: 'application/xml',
}

const headersProblem = (headers: Readonly<Record<string, string>>): string | undefined => {
  const name = Object.keys(headers).find((one) => taken.test(one))
  if (name !== undefined) return `cannot set "${name}": the destination sets it`
  return Object.values(headers)
    .map(templateProblem)
    .find((problem) => problem !== undefined)
}

/**
 * Sends events to any HTTP API: method, URL, headers, authorization, and a body of the shape that the API wants.
 *
 * What RudderStack's HTTP destination does (https://www.rudderstack.com/docs/destinations/streaming-destinations/http-webhook/,
 * checked 2026-11-29). Expressions are written as in JSONPath (RFC 9535): `$.properties.total`.
 *
 * @param input `url`, and what else the API wants; see docs/destinations.md
 * @returns the destination, for `destinations` in the config
 * @example http({ url: 'https://api.example.com/people/${userId}', method: 'PUT', auth: 'bearer', token: env.API_TOKEN,
 *   body: { name: '$.traits.name', plan: '$.traits.plan' } })
 */
export const http = defineDestination({
  name: 'http',
  settings: {
    url: {
      type: 'url',
      about: 'Where events are sent; parts of an event may be in its path and query, as ${userId}.',
      insecureWhen: 'allowPrivate',
      check: templateProblem,
    },
    method: {
      type: 'choice',
      choices: ['POST', 'PUT', 'PATCH', 'GET', 'DELETE'],
      about: 'The HTTP method; GET and DELETE have no body.',
      default: 'POST',
    },
    headers: {
      type: 'headers',
      about: 'More headers; parts of an event may be in them, as ${messageId}.',
      optional: true,
      check: headersProblem,
    },
    auth: {
      type: 'choice',
      choices: ['none', 'basic', 'bearer', 'header'],
      about: 'How requests are authorized.',
      default: 'none',
    },
    username: { type: 'string', about: 'For basic.', optional: true },
    password: { type: 'string', about: 'For basic.', secret: true, optional: true },
    token: { type: 'string', about: 'For bearer and header.', secret: true, optional: true },
    authHeader: { type: 'string', about: 'Name of the header that holds the token, for header.', optional: true },
    body: {
      type: 'json',
      about:
        'The shape of what is sent of an event, with expressions such as $.properties.total; without it, the event.',
      optional: true,
      check: mappingProblem,
    },
    format: {
      type: 'choice',
      choices: ['json', 'form', 'xml'],
      about: 'How the body is written: JSON, the fields of a form, or XML.',
      default: 'json',
    },
    xmlRoot: {
      type: 'string',
      about: 'Name of the element around the body, for xml.',
      default: 'root',
      check: elementProblem,
    },
    batch: { type: 'boolean', about: 'Sends several events in one request.', default: false },
    maxBatch: {
      type: 'number',
      about: 'The most events in one request.',
      default: 100,
      min: 1,
      max: 10_000,
      whole: true,
    },
    maxBatchBytes: {
      type: 'number',
      about: 'The most bytes of the events in one request, as UTF-16 code units.',
      default: 1_000_000,
      min: 1_000,
      max: 50_000_000,
      whole: true,
    },
    arrayPath: {
      type: 'string',
      about: 'Where in the body the array of a batch is, as data.events; without it, the body is the array.',
      optional: true,
      check: placeProblem,
    },
    around: { type: 'json', about: 'What is in the body of a batch beside its array.', optional: true },
    timeoutSeconds: { type: 'number', about: 'Seconds until a request is given up.', default: 10, min: 1, max: 100 },
    forgetUrl: {
      type: 'url',
      about: 'Where a user is deleted, with ${userId}, ${anonymousId} or ${email} in it.',
      insecureWhen: 'allowPrivate',
      optional: true,
      check: templateProblem,
    },
    forgetMethod: {
      type: 'choice',
      choices: ['DELETE', 'POST'],
      about: 'The HTTP method of the request that deletes a user.',
      default: 'DELETE',
    },
    allowPrivate: {
      type: 'boolean',
      about: 'Allows http and hosts that are not public, for tests on one machine.',
      default: false,
    },
  },
  check: (settings) => {
    const { batch, method, format, body, arrayPath, around, url, headers = {} } = settings
    const hasBody = method !== 'GET' && method !== 'DELETE'
    const hasParts = [url, ...Object.values(headers)].some((text) => text.includes('${'))
    return [
      ...credentialProblems(settings),
      ...(batch && !hasBody ? [`"batch" needs a body, which ${method} has not`] : []),
      ...(batch && format === 'form' ? ['"batch" cannot be the fields of a form'] : []),
      ...(batch && format === 'xml' ? ['"batch" is sent as JSON, and cannot be XML'] : []),
      ...(batch && hasParts ? ['"url" and "headers" cannot hold parts of an event where "batch" is true'] : []),
      ...(!batch && (arrayPath !== undefined || around !== undefined)
        ? ['"arrayPath" and "around" have a meaning with "batch" only']
        : []),
      ...(around !== undefined && arrayPath === undefined ? ['"around" needs "arrayPath", for the array in it'] : []),
      ...(!hasBody && body !== undefined ? [`"body" is not sent with ${method}`] : []),
    ]
  },
  limits: ({ batch, maxBatch, maxBatchBytes, timeoutSeconds }) => ({
    events: batch ? maxBatch : 1,
    bytes: maxBatchBytes,
    timeoutSeconds,
  }),
  encode: ({ id, event }, settings) => ({ id, text: planOf(settings).encode(event) }),
  request: (items, settings) => {
    const { url, headers, body } = planOf(settings).request(items.map(({ text }) => text))
    const type = contentTypes[settings.format] ?? ''
    return {
      method: settings.method as HttpRequest['method'],
      url,
      headers: {
        'user-agent': 'Sluiceway',
        ...headers,
        ...credentialsOf(settings),
        ...(body === undefined ? {} : { 'content-type': type }),
      },
      ...(body === undefined ? {} : { body }),
    }
  },
  forget: (user, settings) => {
    const { forgetUrl, forgetMethod } = settings
    if (forgetUrl === undefined) throw new Error('"forgetUrl" of the destination is not set')
    const url = makeTemplate(forgetUrl, urlPart)({ type: 'forget', messageId: '', ...user })
    if (url === undefined) throw new Error('"forgetUrl" has a part that is not known of this user')
    const constant = Object.entries(settings.headers ?? {}).filter(([, text]) => !text.includes('${'))
    return {
      method: forgetMethod as HttpRequest['method'],
      url,
      headers: {
        'user-agent': 'Sluiceway',
        ...Object.fromEntries(constant.map(([name, text]) => [name.toLowerCase(), headerPart(text)])),
        ...credentialsOf(settings),
      },
    }
  },
})
