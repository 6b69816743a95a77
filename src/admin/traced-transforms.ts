import { applyPatch, type Operation } from 'rfc6902'
import type { AppContext } from '../core/app-context.ts'
import type { Difference } from '../core/dead-letter.ts'
import { differencesOf } from '../core/differences.ts'
import type { Envelope } from '../core/envelope.ts'
import type { Event } from '../core/event.ts'
import { knownMetadata, sourceTypeOf } from '../core/metadata.ts'
import type { KnownMetadata, Transform } from '../core/transform.ts'
import { namesOfTransforms, runTransforms } from '../transforms/run.ts'

/** What the transforms of its source did to an event, as far as that is known. */
interface TracedTransforms {
  /** The event as they got it. */
  readonly received?: Event
  /** What they changed. */
  readonly changes?: readonly Difference[]
  /** What each transform of today makes of it; only where that was asked for. */
  readonly steps?: readonly TracedStep[]
}

/** What one transform makes of an event: how what it gives differs from what it got, or why it gives nothing. */
interface TracedStep {
  readonly transform: string
  /** A list for each event that it makes of it. */
  readonly changes?: readonly (readonly Difference[])[]
  readonly dropped?: true
  readonly error?: string
}

/**
 * Says what the transforms of its source did to an event of which that was kept (`trace` of the config).
 *
 * @param app config
 * @param envelope as the log holds it
 * @param doesRun whether the transforms of today are run over it, one after the other
 * @returns nothing where it was not kept
 */
export async function transformsOf(
  { resolved }: AppContext,
  { header, event }: Envelope,
  doesRun: boolean,
): Promise<TracedTransforms> {
  if (header.before === undefined) return {}
  const received = structuredClone(event)
  applyPatch(received, structuredClone(header.before) as Operation[])
  const told = { received, changes: differencesOf(received, event) }
  const source = resolved.sources.get(header.source)
  if (!doesRun || source === undefined) return told
  const { name, transforms } = source
  const known = knownMetadata({
    sourceName: name,
    sourceType: sourceTypeOf(source),
    receivedAt: header.receivedAt,
  })
  return { ...told, steps: await stepsOf(transforms, received, { known, userCodeMs: resolved.limits.userCodeMs }) }
}

async function stepsOf(
  transforms: readonly Transform[],
  received: Event,
  { known, userCodeMs }: { readonly known: KnownMetadata; readonly userCodeMs: number },
): Promise<TracedStep[]> {
  const steps: TracedStep[] = []
  const names = namesOfTransforms(transforms)
  let passing: readonly Event[] = [received]
  for (const [i, transform] of transforms.entries()) {
    const given = passing.map((event) => JSON.stringify(event))
    const ran = await runTransforms(
      [transform],
      given.map((text) => JSON.parse(text) as Event),
      () => known,
      userCodeMs,
    )
    const error = ran.failed[0]?.error.message
    const differences = ran.events.map(({ event, index }) => differencesOf(JSON.parse(given[index] as string), event))
    steps.push({
      transform: names[i] as string,
      ...(ran.events.length === 0 ? {} : { changes: differences }),
      ...(ran.dropped.length === 0 ? {} : { dropped: true as const }),
      ...(error === undefined ? {} : { error }),
    })
    passing = ran.events.map(({ event }) => event)
    if (passing.length === 0) break
  }
  return steps
}
