import * as z from 'zod/mini'
import { SluicewayError } from '../core/errors.ts'
import type { Event } from '../core/event.ts'
import { knownMetadata } from '../core/metadata.ts'
import type { KnownMetadata, Metadata, Transform, TransformAnswer } from '../core/transform.ts'
import { runTransforms, type TransformRun } from '../transforms/run.ts'
import { bodyOf } from './body.ts'
import { type AdminCall, adminResponse } from './responses.ts'
import { code, credentials, failed, type Given, givenCode, library, noCode, runFailure } from './transformation-code.ts'

/** UTF-16 code units of one answer. */
export const answerLength = 8_000_000
const mostEvents = 1_000

const text = z.string()
const anything = z.record(z.string(), z.unknown())
const events = z.optional(z.array(z.looseObject({ message: anything, metadata: z.optional(anything) })))

const testBody = z.strictObject({
  events,
  trRevCode: z.optional(code),
  libraryVersionIDs: z.optional(z.array(text)),
  libraries: z.optional(z.array(library)),
  credentials,
})

const testRunBody = z.strictObject({
  input: events,
  codeRevision: z.optional(code),
  dependencies: z.optional(z.looseObject({ libraries: z.optional(z.array(library)), credentials })),
})

const deployedBody = z.strictObject({ events })

type Inputs = z.output<typeof events>
/** What one run takes. */
interface Run extends Given {
  readonly inputs: Inputs
}

/** What came of one event. */
type Outcome = { readonly metadata: object } & ({ readonly event: Event } | { readonly error: string })

interface Outcomes {
  readonly outcomes: readonly Outcome[]
  readonly logs: readonly string[]
}

/** POST /transformations/test: runs code of the request, in an isolate; RudderStack's `/transformation/test`. */
export async function testCode(c: AdminCall): Promise<Response> {
  return answered(c, async () => {
    const body = await bodyOf(c, testBody)
    const { trRevCode, libraryVersionIDs = [] } = body
    if (trRevCode?.codeVersion === undefined) throw failed(noCode)
    const libraries = [...(body.libraries ?? []), ...libraryVersionIDs.map((versionId) => ({ versionId }))]
    const ran = await runCode(c, { code: trRevCode, inputs: body.events, libraries, credentials: body.credentials })
    return { transformedEvents: ran.outcomes.map(messageOf), logs: ran.logs }
  })
}
testCode.takesBody = true as const
testCode.onlyReads = true as const

/** POST /transformations/testRun: the same in the shape of RudderStack's `/transformation/testRun`. */
export async function testRun(c: AdminCall): Promise<Response> {
  return answered(c, async () => {
    const { input, codeRevision, dependencies } = await bodyOf(c, testRunBody)
    const { libraries = [], credentials: given } = dependencies ?? {}
    const ran = await runCode(c, { code: codeRevision, inputs: input, libraries, credentials: given })
    return { transformedEvents: ran.outcomes.map(withMetadata), logs: ran.logs }
  })
}
testRun.takesBody = true as const
testRun.onlyReads = true as const

/** POST /transformations/:name/test: runs a transform of the config, where and with what it is deployed. */
export async function testDeployed(c: AdminCall): Promise<Response> {
  return answered(c, async () => {
    const { events: inputs } = await bodyOf(c, deployedBody)
    const ran = await runOn(c, deployedTransform(c, c.req.param('name') ?? ''), inputs)
    return { transformedEvents: ran.outcomes.map(withMetadata), logs: ran.logs }
  })
}
testDeployed.takesBody = true as const
testDeployed.onlyReads = true as const

/** Answers, a failure in RudderStack's shape beside ours. */
async function answered(c: AdminCall, run: () => Promise<object>): Promise<Response> {
  try {
    const answer = await run()
    const length = JSON.stringify(answer).length
    if (length > answerLength)
      throw new SluicewayError(
        'body_too_large',
        `The answer would have ${length} characters, of at most ${answerLength}: test with fewer events.`,
      )
    return adminResponse(c, answer)
  } catch (thrown) {
    if (!(thrown instanceof SluicewayError) || thrown.code !== 'bad_request') throw thrown
    const { code: word, message } = thrown
    return adminResponse(c, { success: false, code: word, message, error: message }, 400)
  }
}

const messageOf = (one: Outcome): object => ('event' in one ? one.event : { error: one.error })

const withMetadata = ({ metadata, ...one }: Outcome): object =>
  'event' in one ? { transformedEvent: one.event, metadata } : { error: one.error, metadata }

/** A transform, and where the config has it. */
export interface TransformPlace {
  readonly kind: 'source' | 'destination' | 'warehouse'
  readonly name: string
  readonly transform: Transform
}

/** All transforms of the config, with those of sources first. */
export function transformPlaces(c: AdminCall): TransformPlace[] {
  const { sources, targets } = c.env.resolved
  return [
    ...[...sources.values()].map(({ name, transforms }) => ({ kind: 'source' as const, name, transforms })),
    ...[...targets.values()].flatMap(({ kind, name, route }) =>
      kind === 'archive' ? [] : [{ kind, name, transforms: route.transforms ?? [] }],
    ),
  ].flatMap(({ transforms, ...place }) => transforms.map((transform) => ({ ...place, transform })))
}

/** The error of a name that there is not. */
export function unknownName(what: string, name: string, known: Iterable<string | undefined>): SluicewayError {
  const names = [...new Set(known)].filter((one) => one !== undefined).toSorted()
  return new SluicewayError(
    'not_found',
    `No ${what} is called ${JSON.stringify(name)}; there ${names.length === 0 ? 'is none' : `are ${names.join(', ')}`}.`,
  )
}

/** The transform that the config calls so. */
function deployedTransform(c: AdminCall, name: string): Transform {
  const all = transformPlaces(c).map(({ transform }) => transform)
  const found = all.find((one) => one.name === name)
  if (found !== undefined) return found
  throw unknownName(
    'transform of the config',
    name,
    all.map((one) => one.name),
  )
}

async function runCode(c: AdminCall, { inputs, ...given }: Run): Promise<Outcomes> {
  const { transform, functions, show } = await givenCode(c, given)
  const { outcomes, logs } = await runOn(c, transform, inputs, functions).catch((thrown: unknown) => {
    const isFailure = thrown instanceof SluicewayError && thrown.code === 'bad_request'
    throw isFailure ? failed(show(thrown.message)) : thrown
  })
  return { outcomes: outcomes.map((one) => ('error' in one ? { ...one, error: show(one.error) } : one)), logs }
}

async function runOn(
  c: AdminCall,
  transform: Transform,
  inputs: Inputs,
  functions: readonly string[] = [],
): Promise<Outcomes> {
  if (inputs === undefined || inputs.length === 0) throw failed('Invalid request. Missing events')
  if (inputs.length > mostEvents) throw failed(`At most ${mostEvents} events at once, not ${inputs.length}`)
  const logs: string[] = []
  const given = inputs.map(({ message }, i): Event => {
    const { messageId, type } = message
    return {
      ...message,
      type: typeof type === 'string' ? type : 'track',
      messageId: typeof messageId === 'string' && messageId !== '' ? messageId : `test-${i + 1}`,
    } as Event
  })
  const known = knownMetadata({ sourceName: 'test', sourceType: 'HTTP', receivedAt: new Date().toISOString() })
  const about = given.map((event, i): Metadata => ({
    ...known,
    messageId: event.messageId,
    eventType: event.type,
    ...(typeof event.event === 'string' ? { eventName: event.event } : {}),
    ...inputs[i]?.metadata,
  }))
  const ran = await runTest(c, transform, given, { describe: (index) => about[index] as Metadata, logs })
  const isWhole = ran.failed.length === given.length
  const aboutOf = (index: number): object => about[index] ?? {}
  const errors = isWhole && functions.includes('transformBatch') ? ran.failed.slice(0, 1) : ran.failed
  const outcomes = [
    ...ran.events.map(({ event, index }) => ({ index, one: { event, metadata: aboutOf(index) } })),
    ...errors.map(({ index, error }) => ({ index, one: { error: error.stack, metadata: aboutOf(index) } })),
  ]
  // What a batch becomes is in the order of the code, and its errors follow.
  const isBatch = transform.transformEvent === undefined
  const inOrder = isBatch ? outcomes : outcomes.toSorted((a, b) => a.index - b.index)
  return { outcomes: inOrder.map(({ one }) => one), logs }
}

/**
 * Runs a transform beside live events: an isolated one in an isolate of its own.
 *
 * @param c the call
 * @param transform which
 * @param given events of its own
 * @param options `describe` gives the metadata by the place in `given`; `logs` takes what an isolated one logs
 * @throws {SluicewayError} conflict where its settings are wrong; bad_request where no event could run, whatever it is
 */
export async function runTest(
  c: AdminCall,
  transform: Transform,
  given: readonly Event[],
  { describe, logs = [] }: { readonly describe: (index: number) => KnownMetadata; readonly logs?: string[] },
): Promise<TransformRun> {
  const { problems = [], runBatch } = transform
  if (problems.length > 0) throw new SluicewayError('conflict', problems.join('; '))
  const test = crypto.randomUUID()
  const tested: Transform =
    runBatch === undefined
      ? transform
      : {
          ...transform,
          runBatch: async (batch): Promise<TransformAnswer> => {
            const answer = await runBatch({ ...batch, test })
            logs.push(...(answer.logs ?? []))
            return answer
          },
        }
  const { userCodeMs } = c.env.resolved.limits
  const ran = await runTransforms([tested], given, describe, userCodeMs)
  const { message, stack } = ran.failed[0]?.error ?? { message: '', stack: '' }
  if (ran.failed.length === given.length && isRunFailure(message))
    throw failed(runFailure(stack.startsWith('Traceback ') ? stack : message))
  return ran
}

/** Says whether this ended the whole run, whatever the events were. */
const isRunFailure = (message: string): boolean =>
  /failed to start worker|no such module|syntaxerror|ImportError: no module named|exceeded .*\b(?:cpu|memory)\b|Expected one of transformEvent/i.test(
    message,
  )
