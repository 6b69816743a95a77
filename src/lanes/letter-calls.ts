import { DurableObject } from 'cloudflare:workers'
import type { Billed } from '../core/billed.ts'
import type { Bindings, LaneRpc, LettersQuery } from '../core/bindings.ts'
import type { Cause, DeadLetter, NewDeadLetter } from '../core/dead-letter.ts'
import type { LaneRef } from '../core/inbox.ts'
import { type LetterRoute, replayLetter } from './replay-letter.ts'

/** What the calls about letters work on. */
export interface LetterDesk extends LetterRoute {
  readonly billed: Billed
  /** Called after every change that the lane should store or act upon. */
  readonly changed: () => void
}

/** The calls of a lane that are about its dead letters. */
export abstract class LetterCalls
  extends DurableObject<Bindings>
  implements
    Pick<LaneRpc, 'addDeadLetters' | 'letters' | 'letter' | 'causes' | 'editDeadLetter' | 'replay' | 'discard'>
{
  protected abstract readonly desk: LetterDesk

  async addDeadLetters(_ref: LaneRef, letters: readonly NewDeadLetter[]): Promise<void> {
    const { billed, letters: all, port, ref, store, changed } = this.desk
    billed.calls++
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

  async editDeadLetter(_ref: LaneRef, number: number, event: string): Promise<DeadLetter | null> {
    this.desk.billed.calls++
    return this.desk.letters.edit(number, event)
  }

  async replay(_ref: LaneRef, numbers: readonly number[]): Promise<number[]> {
    this.desk.billed.calls++
    const found: number[] = []
    for (const number of numbers) if (await replayLetter(number, this.desk)) found.push(number)
    this.desk.changed()
    return found
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
