import { DurableObject } from 'cloudflare:workers'
import type { Billed } from '../core/billed.ts'
import type { Bindings, LaneRpc, LettersQuery } from '../core/bindings.ts'
import type { Cause, DeadLetter, DryRun, NewDeadLetter } from '../core/dead-letter.ts'
import type { Header } from '../core/envelope.ts'
import type { LaneRef } from '../core/inbox.ts'
import type { AdminAction, JobOrder, JobStatus, NumberedAction } from '../core/jobs.ts'
import { ActionLog } from './action-log.ts'
import { dryRunLetter, previewEvent } from './dry-run-letter.ts'
import type { JobRunner } from './job-runner.ts'
import { type LetterRoute, replayLetter } from './replay-letter.ts'

/** What the calls about letters work on. */
export interface LetterDesk extends LetterRoute {
  readonly jobs: JobRunner
  readonly billed: Billed
  /** Called after every change that the lane should store or act upon. */
  readonly changed: () => void
}

/** The calls of a lane that are about its dead letters. */
export abstract class LetterCalls
  extends DurableObject<Bindings>
  implements
    Pick<
      LaneRpc,
      | 'addDeadLetters'
      | 'letters'
      | 'letter'
      | 'causes'
      | 'letterText'
      | 'editDeadLetter'
      | 'replay'
      | 'discard'
      | 'dryRun'
      | 'preview'
      | 'startJob'
      | 'jobs'
      | 'cancelJob'
      | 'noteAction'
      | 'actions'
    >
{
  protected abstract readonly desk: LetterDesk

  async addDeadLetters(_ref: LaneRef, given: readonly NewDeadLetter[], isOfLoad = false): Promise<void> {
    const { billed, letters: all, port, ref, store, changed } = this.desk
    billed.calls++
    const letters = isOfLoad ? all.ofLoad(given, Date.now()) : given
    for (const letter of letters) {
      const { stage, code, reason, source, messageId } = letter
      all.add(letter, Date.now())
      // What a sender did wrong is told to the sender.
      const level = stage === 'ingest' ? 'warn' : 'error'
      port.log(level, 'an event is a dead letter', { ...ref, code, reason, source, messageId })
    }
    store.count('dead', letters.length)
    changed()
  }

  async letters(_ref: LaneRef, query: LettersQuery): Promise<DeadLetter[]> {
    this.desk.billed.calls++
    return this.desk.letters.list(query)
  }

  async letter(_ref: LaneRef, number: number): Promise<DeadLetter | null> {
    this.desk.billed.calls++
    return this.desk.letters.get(number)
  }

  async causes(_ref: LaneRef): Promise<Cause[]> {
    this.desk.billed.calls++
    return this.desk.letters.causes()
  }

  async letterText(_ref: LaneRef, number: number): Promise<string | null> {
    this.desk.billed.calls++
    return this.desk.letters.getStored(number)?.event ?? null
  }

  async editDeadLetter(
    _ref: LaneRef,
    number: number,
    event: string,
    before?: string,
  ): Promise<DeadLetter | 'changed' | null> {
    this.desk.billed.calls++
    return this.desk.letters.edit(number, event, before)
  }

  async replay(_ref: LaneRef, numbers: readonly number[]): Promise<number[]> {
    this.desk.billed.calls++
    const found: number[] = []
    for (const number of numbers) if (await replayLetter(number, this.desk)) found.push(number)
    this.desk.changed()
    return found
  }

  async dryRun(_ref: LaneRef, number: number): Promise<DryRun | null> {
    this.desk.billed.calls++
    return dryRunLetter(number, this.desk)
  }

  async preview(_ref: LaneRef, event: { readonly header: Header; readonly text: string }): Promise<DryRun> {
    this.desk.billed.calls++
    return previewEvent(event, this.desk)
  }

  async startJob(_ref: LaneRef, order: JobOrder): Promise<JobStatus> {
    this.desk.billed.calls++
    return this.desk.jobs.start(order)
  }

  async jobs(_ref: LaneRef): Promise<JobStatus[]> {
    this.desk.billed.calls++
    this.desk.changed()
    return this.desk.jobs.list()
  }

  async cancelJob(_ref: LaneRef, id: string): Promise<JobStatus | null> {
    this.desk.billed.calls++
    return this.desk.jobs.cancel(id)
  }

  async noteAction(_ref: LaneRef, action: AdminAction): Promise<void> {
    this.desk.billed.calls++
    new ActionLog(this.desk.store).add(action)
  }

  async actions(_ref: LaneRef, query: { readonly before?: number; readonly limit: number }): Promise<NumberedAction[]> {
    this.desk.billed.calls++
    return new ActionLog(this.desk.store).list(query)
  }

  async discard(_ref: LaneRef, numbers: readonly number[]): Promise<number[]> {
    const { billed, letters, store, changed } = this.desk
    billed.calls++
    const found = numbers.filter((number) => letters.remove(number))
    if (found.length > 0) store.count('discarded', found.length)
    changed()
    return found
  }
}
