import type { LetterFilter } from './bindings.ts'

/** What is to be done in the background, in every lane that it is about. */
export interface JobOrder {
  /** The same in all lanes; starting it again is harmless. */
  readonly id: string
  readonly kind: 'replay' | 'discard'
  readonly target?: string | undefined
  readonly filter: LetterFilter
  /** Name of the admin token. */
  readonly by: string
}

/** How a job is doing, in one lane or in all. */
export interface JobStatus extends JobOrder {
  /** `running` until all are done, or somebody cancels it. */
  readonly state: 'running' | 'done' | 'canceled'
  /** Letters that were replayed or discarded. */
  readonly done: number
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
