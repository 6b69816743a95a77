import type { LetterFilter } from './bindings.ts'

/** What is to be done in the background, in every lane that it is about. */
export interface JobOrder {
  /** The same in all lanes; starting it again is harmless. */
  readonly id: string
  /** The first two are about dead letters, the others about events of the log, which go to `target` or are only counted. */
  readonly kind: 'replay' | 'discard' | 'replay history' | 'count history'
  readonly target?: string | undefined
  readonly filter: LetterFilter
  /** Only events of this source. */
  readonly source?: string
  /** Events of all lanes together that are queued in one second at most; left out where nothing but the lanes bounds it. */
  readonly perSecond?: number
  /** Lanes that share `perSecond`; 1 when left out. */
  readonly lanes?: number
  /** Name of the admin token. */
  readonly by: string
}

/** How a job is doing, in one lane or in all. */
export interface JobStatus extends JobOrder {
  /** `running` until all are done, or somebody cancels it. */
  readonly state: 'running' | 'done' | 'canceled'
  /** Letters that were replayed or discarded; events that were queued, or counted. */
  readonly done: number
  /** Events of the log that were looked at; left out of jobs about letters. */
  readonly read?: number
  /** Letters that stay, because they cannot be replayed. */
  readonly failed: number
  /** Why the last of them failed, or why the job waits; left out when all is well. */
  readonly reason?: string
  /** Milliseconds since the epoch. */
  readonly startedAt: number
  /** Left out while it runs. */
  readonly endedAt?: number
}

/** What somebody did with the admin API. */
export interface AdminAction {
  /** Milliseconds since the epoch. */
  readonly at: number
  /** Name of the admin token. */
  readonly by: string
  /** Verb and path. */
  readonly action: string
  /** HTTP status of the answer. */
  readonly status: number
  /** What it was about, where the path does not say it: of at most 2,000 characters. */
  readonly about?: string
}

/** An action as it is listed; numbers grow. */
export interface NumberedAction extends AdminAction {
  readonly number: number
}
