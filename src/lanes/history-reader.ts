import { hourOf } from '../archive/object-name.ts'
import type { AppContext } from '../core/app-context.ts'
import type { LogRpc } from '../core/bindings.ts'
import type { Envelope } from '../core/envelope.ts'
import type { JobOrder, JobStatus } from '../core/jobs.ts'
import { archiveTarget, logOf } from '../core/lanes.ts'
import { ArchiveHistory } from './archive-history.ts'
import { type HistoryStep, isWanted, stepHistory } from './history-step.ts'

/** Of a job, until it was looked where it begins. */
export const unknown = -1
/** Events of the archive that one step looks at. */
const stepLines = 5_000

/** How far a job about history has come. */
export interface HistoryPlace {
  /** The offset at which to go on, `unknown` at first; while the archive is read, the place. */
  readonly after: number
  /** The offset of the log at which to end. */
  readonly last: number
  /** While the archive is read, the hour at which to go on, in milliseconds since the epoch. */
  readonly hour?: number
  /** When the newest event that was looked at was stored. */
  readonly at?: number
}

interface HistorySources {
  /** Undefined where the stream of the deployment is another. */
  readonly log: (() => Pick<LogRpc, 'read' | 'offsetAt' | 'status'>) | undefined
  /** Undefined where it is switched off. */
  readonly archive: ArchiveHistory | undefined
  /** Which of these events the target of the lane may get. */
  readonly mayGet: (envelopes: readonly Envelope[]) => Promise<readonly boolean[]>
}

type Job = Pick<JobOrder, 'id' | 'filter' | 'source'> & Pick<JobStatus, 'startedAt'> & HistoryPlace

/** What a step found, and where to go on. */
export type HistoryResult = Pick<HistoryStep, 'matched' | 'read' | 'isOver'> & { readonly place: HistoryPlace }

/**
 * Reads what one partition has kept, for jobs about history: hours that the log has no more from the archive, then the log.
 *
 * The log forgets whole hours, and an object of the archive is of one hour: each hour is wholly in the one or the other.
 */
export class HistoryReader {
  readonly #sources: HistorySources

  constructor(sources: HistorySources) {
    this.#sources = sources
  }

  /**
   * Reads on.
   *
   * @param job which events, and where it is
   * @param most events to give
   * @throws what the log or R2 throw, and while the archive has not come so far: it is to be tried again
   */
  async step(job: Job, most: number): Promise<HistoryResult> {
    const at = job.after === unknown && job.hour === undefined ? await this.#begin(job) : job
    return at.hour === undefined ? this.#stepLog(job, at, most) : this.#stepArchive(job, { ...at, hour: at.hour }, most)
  }

  async #begin({ filter: { from = 0 } }: Job): Promise<HistoryPlace> {
    const { log, archive } = this.#sources
    const last = log === undefined ? 0 : (await log().status()).head
    if (archive !== undefined && hourOf(from) < (await this.#logBegins())) return { after: 0, last, hour: hourOf(from) }
    return { after: log === undefined ? 0 : await log().offsetAt(from), last }
  }

  /** The hour of the oldest event that the log has, as its beginning; Infinity where it has none. */
  async #logBegins(): Promise<number> {
    const { log } = this.#sources
    if (log === undefined) return Infinity
    const { first } = await log().status()
    const [oldest] = (await log().read(first, 1)).chunks
    return oldest === undefined ? Infinity : hourOf(oldest.at)
  }

  async #stepLog(job: Job, { after, last, at }: HistoryPlace, most: number): Promise<HistoryResult> {
    const { log, archive, mayGet } = this.#sources
    if (log === undefined) return { matched: [], read: 0, isOver: true, place: { after, last } }
    const step = await stepHistory(log(), job, { after, last, most, mayGet, stopsAtGap: archive !== undefined })
    const { matched, read, isOver, isGone, at: newest = at } = step
    const place = { after: step.after, last, ...(newest === undefined ? {} : { at: newest }) }
    if (!isGone) return { matched, read, isOver, place }
    // The log has forgotten the next hour meanwhile.
    return { matched, read, isOver: false, place: { ...place, hour: hourOf(newest ?? job.filter.from ?? 0) } }
  }

  async #stepArchive(job: Job, here: HistoryPlace & { readonly hour: number }, most: number): Promise<HistoryResult> {
    const { log, archive, mayGet } = this.#sources
    if (archive === undefined) throw new Error('the archive is switched off: switch it on, or cancel the job')
    const { from = 0, to = Infinity } = job.filter
    const { after, last, hour } = here
    const end = archive.openUntil(job.id, after) ?? (await this.#archiveEnds(job, archive))
    const matched: Envelope[] = []
    let place: HistoryPlace = here
    let read = 0
    const isDone = await archive.read(
      { job: job.id, source: job.source, from: hour, until: end, place: after },
      {
        most: stepLines,
        isEnough: ({ at, place: number, envelope }) => {
          place = { after: number + 1, last, hour: hourOf(at), at }
          read++
          if (at >= from && at < end && isWanted(envelope, job.filter, job.source)) matched.push(envelope)
          return matched.length >= most
        },
      },
    )
    const allowed = await mayGet(matched)
    const found = { matched: matched.filter((_, i) => allowed[i] === true), read }
    if (!isDone) return { ...found, isOver: false, place }
    const begins = await this.#logBegins()
    if (log === undefined || to <= end || begins === Infinity) return { ...found, isOver: true, place }
    // The log may have forgotten more meanwhile.
    if (begins > end) return { ...found, isOver: false, place: { ...place, hour: end } }
    const next = await log().offsetAt(Math.max(from, begins))
    return { ...found, isOver: false, place: { after: next, last, at: begins } }
  }

  /** Up to when the archive is to be read, once it has come so far; milliseconds since the epoch. */
  async #archiveEnds({ filter: { to = Infinity }, startedAt }: Job, archive: ArchiveHistory): Promise<number> {
    const begins = await this.#logBegins()
    // Where there is no log, what comes after the start of the job is not history yet.
    const end = Math.min(to, begins === Infinity ? startedAt + 1 : begins)
    await archive.complete(Math.min(end, startedAt))
    return end
  }
}

/**
 * Makes the reader of a partition for a deployment.
 *
 * @param partition of the lane that asks
 * @param tools config, bindings, clock, and the budget of the invocation
 * @param mayGet see HistorySources; all when left out
 */
export function readerOfHistory(
  partition: number,
  tools: Pick<AppContext, 'resolved' | 'bindings' | 'port'> & { readonly spend: (subrequests: number) => void },
  mayGet: HistorySources['mayGet'] = async (envelopes) => envelopes.map(() => true),
): HistoryReader {
  const { resolved } = tools
  return new HistoryReader({
    log: resolved.stream.log === undefined ? undefined : () => logOf(tools, partition),
    archive: resolved.targets.has(archiveTarget) ? new ArchiveHistory({ ...tools, partition }) : undefined,
    mayGet,
  })
}
