import type { Attempt } from '../core/dead-letter.ts'
import { Envelope, type Header, unpack } from '../core/envelope.ts'
import { unframe } from '../core/frame.ts'
import type { Port } from '../core/port.ts'
import type { Target } from '../core/resolve.ts'
import { backoffMs } from '../core/retry.ts'
import type { Chunk } from '../core/stream.ts'
import { Circuit } from './circuit.ts'
import type { DeadLetters } from './dead-letters.ts'
import type { Fate, Sent } from './deliver.ts'
import { forward } from './forward.ts'
import { Keys } from './keys.ts'
import type { LaneStore, WaitingRow } from './lane-store.ts'
import type { Work } from './work.ts'

/** What a lane holds in memory at most; above it, the rest stays in the stream. */
const holdEvents = 20_000
const holdLength = 16_000_000

/** One event on its way to the destination. */
interface Slot {
  readonly offset: number
  readonly at: number
  readonly key: string
  readonly envelope: Envelope
  readonly row: WaitingRow | undefined
  final: boolean
}

interface Tools {
  readonly store: LaneStore
  readonly letters: DeadLetters
  readonly port: Port
  /** Called after every change that the lane should store or act upon. */
  readonly changed: () => void
}

type DestinationTarget = Extract<Target, { kind: 'destination' }>

/**
 * Sends one partition's events to one destination: in order per key, several requests at once, with retries, a circuit
 * and dead letters.
 *
 * A healthy event lives in memory only, above the cursor. An event that must be retried gets a row, and so does every later
 * one of its key; other keys go on.
 */
export class Sender implements Work {
  readonly #target: DestinationTarget
  readonly #tools: Tools
  readonly #circuit: Circuit
  readonly #keys = new Keys<Slot>()
  readonly #rows = new Map<number, WaitingRow>()
  /** Offsets at or above the stored cursor that have a row or are dead: passed over when they are read again. */
  readonly #settled: Set<number>
  /** Everything in memory that came from the stream, in order; `#low` is the first that may not be final. */
  #slots: Slot[] = []
  #low = 0
  #length = 0
  /** Slots not yet looked at, in order, and slots that must go before them. */
  #fresh: Slot[] = []
  #freshAt = 0
  #urgent: Slot[] = []
  #active = 0
  taken: number

  constructor(target: DestinationTarget, tools: Tools) {
    this.#target = target
    this.#tools = tools
    const { store, letters } = tools
    this.taken = store.cursor
    this.#settled = letters.offsetsFrom(store.cursor)
    for (const row of store.waitingRows()) {
      this.#settled.add(row.offset)
      this.#addRow(row)
    }
    this.#circuit = Circuit.restore(store.get('circuit'))
  }

  get cursor(): number {
    return this.#slots[this.#low]?.offset ?? this.taken
  }

  get hasRoom(): boolean {
    // A destination that is down gets a few events to probe with, no more.
    if (this.#circuit.state !== 'closed') return this.#slots.length === this.#low
    return this.#slots.length - this.#low < holdEvents && this.#length < holdLength
  }

  get state(): Work['state'] {
    if (this.#circuit.state !== 'closed') return this.#circuit.state
    return this.#active > 0 || this.#slots.length > this.#low ? 'running' : 'idle'
  }

  get reason(): string | undefined {
    return this.#circuit.reason
  }

  get waiting(): number {
    return this.#rows.size
  }

  get oldest(): number | undefined {
    const row = this.#rows.values().next().value
    const slot = this.#slots[this.#low]
    if (row === undefined || slot === undefined) return row?.at ?? slot?.at
    return Math.min(row.at, slot.at)
  }

  take(chunk: Chunk): void {
    const { name } = this.#target
    unpack(unframe(chunk.data)).forEach((envelope, i) => {
      const offset = chunk.offset + i
      if (offset < this.taken || !envelope.header.to.includes(name) || this.#settled.delete(offset)) return
      const key = this.#target.route.ordered === false ? `#${offset}` : envelope.key
      const slot: Slot = { offset, at: chunk.at, key, envelope, row: undefined, final: false }
      this.#slots.push(slot)
      this.#fresh.push(slot)
      this.#length += envelope.text.length
    })
    this.taken = Math.max(this.taken, chunk.offset + chunk.count)
  }

  pump(): void {
    const { parallel } = this.#target.route.use.limits
    while (this.#active < parallel && this.#circuit.admits(this.#tools.port.now())) {
      const group = this.#pickRows() ?? this.#pickFresh()
      if (group === undefined) break
      void this.#send(group)
    }
  }

  due(): number | undefined {
    // What is under way pumps again when it ends.
    if (this.#circuit.probing || this.#active >= this.#target.route.use.limits.parallel) return undefined
    if (this.#circuit.state !== 'closed')
      return this.#rows.size > 0 || this.#slots.length > this.#low ? this.#circuit.probeAt : undefined
    let due: number | undefined
    for (const row of this.#rows.values())
      if (row.due !== null && !this.#keys.isBusy(row.key) && (due === undefined || row.due < due)) due = row.due
    return due
  }

  resume(): void {
    this.#circuit.resume(this.#tools.port.now())
    this.pump()
  }

  /** Queues an event again, behind everything of its key. `origin` is where the stream holds it, or -1. */
  replay(offset: number, origin: number, header: Header, event: string): void {
    const now = this.#tools.port.now()
    const key = this.#target.route.ordered === false ? `#${offset}` : header.key
    const row: WaitingRow = {
      offset,
      origin,
      key,
      id: header.id,
      due: this.#keys.hasRows(key) ? null : now,
      attempts: 0,
      first: 0,
      at: now,
      history: [],
    }
    this.#tools.store.putWaiting(row, JSON.stringify(header), event)
    this.#addRow(row)
  }

  rowOf(id: string): WaitingRow | undefined {
    return [...this.#rows.values()].find((row) => row.id === id)
  }

  /** False when the event at `offset` is in memory and has no verdict yet. */
  isFinal(offset: number): boolean {
    if (offset >= this.taken) return false
    return this.#slots.slice(this.#low).find((slot) => slot.offset === offset)?.final ?? true
  }

  #addRow(row: WaitingRow): void {
    this.#rows.set(row.offset, row)
    // Behind another of its key it has no time of its own; as the first of its key it is due at once.
    if (!this.#keys.hasRows(row.key)) row.due ??= 0
    else row.due = null
    this.#keys.addRow(row.key, row.offset)
  }

  #pickRows(): Slot[] | undefined {
    const now = this.#tools.port.now()
    const most = this.#circuit.state === 'closed' ? this.#target.route.use.limits.events : 1
    // A probe prefers an event that has not failed yet: one bad event must not keep the circuit open.
    if (this.#circuit.state !== 'closed' && this.#urgent.length + this.#fresh.length > this.#freshAt) return undefined
    const group: Slot[] = []
    for (const row of this.#rows.values()) {
      if (group.length >= most) break
      const late = this.#circuit.state !== 'closed'
      if (row.due === null || (row.due > now && !late) || this.#keys.isBusy(row.key)) continue
      const text = this.#tools.store.waitingText(row.offset)
      if (text === undefined) continue
      const envelope = new Envelope(JSON.parse(text.header) as Header, text.event)
      const slot: Slot = { offset: row.offset, at: row.at, key: row.key, envelope, row, final: false }
      this.#keys.take(row.key, slot, group)
      group.push(slot)
    }
    return group.length > 0 ? group : undefined
  }

  #pickFresh(): Slot[] | undefined {
    const { events, bytes } = this.#target.route.use.limits
    const most = this.#circuit.state === 'closed' ? events : 1
    const group: Slot[] = []
    let length = 0
    while (group.length < most && length < bytes) {
      const slot = this.#urgent.length > 0 ? (this.#urgent.shift() as Slot) : this.#fresh[this.#freshAt]
      if (slot === undefined) break
      if (slot === this.#fresh[this.#freshAt]) this.#freshAt++
      if (this.#keys.hasRows(slot.key)) this.#makeRow(slot, { due: null, attempts: 0, first: 0, history: [] })
      else if (this.#keys.take(slot.key, slot, group)) {
        group.push(slot)
        length += slot.envelope.text.length
      }
    }
    if (this.#freshAt > 4096 || this.#freshAt === this.#fresh.length) {
      this.#fresh = this.#fresh.slice(this.#freshAt)
      this.#freshAt = 0
    }
    this.#settle()
    return group.length > 0 ? group : undefined
  }

  async #send(group: readonly Slot[]): Promise<void> {
    this.#active++
    const probe = this.#circuit.state !== 'closed'
    if (probe) this.#circuit.probing = true
    const { fates, sent } = await forward(
      group.map(({ envelope }) => envelope),
      this.#target,
      this.#tools.port,
    )
    this.#active--
    const before = this.#circuit.save()
    this.#judge(sent, group)
    if (probe && sent.length === 0) this.#circuit.probing = false
    const after = this.#circuit.save()
    if (before !== after) this.#tools.store.set('circuit', after)
    const back: Slot[] = []
    group.forEach((slot, i) => {
      const fate = fates[i] as Fate
      const attempts = sent.filter(({ events }) => events.includes(i)).map(toAttempt)
      if (this.#apply(slot, fate, { attempts, probe })) back.push(slot)
    })
    for (const request of sent) this.#record(request, group)
    const freed = [...new Set(group.map(({ key }) => key))].flatMap((key) => this.#keys.release(key))
    if (back.length + freed.length > 0) this.#urgent = [...back, ...freed, ...this.#urgent]
    this.#settle()
    this.pump()
    this.#tools.changed()
  }

  /** Tells the circuit what the requests say of the destination as a whole. */
  #judge(sent: readonly Sent[], group: readonly Slot[]): void {
    const { port, store } = this.#tools
    for (const { verdict, reason = '', afterSeconds, events } of sent) {
      const at = { now: port.now(), random: port.random() }
      const repeat = events.every((i) => group[i]?.row !== undefined)
      // One event that is refused again and again, while others go through, says nothing of the credential.
      if (verdict === 'pause' && repeat && this.#circuit.state === 'closed') continue
      if (verdict === 'pause') {
        if (this.#circuit.state !== 'paused')
          port.log('error', 'a lane is paused: its destination refuses everything', {
            target: this.#target.name,
            reason,
          })
        this.#circuit.pause(reason, at.now, at.random)
      } else if (verdict === 'retry') {
        const was = this.#circuit.state
        const open = this.#circuit.fail(reason, {
          ...at,
          repeat,
          ...(afterSeconds === undefined ? {} : { afterSeconds }),
        })
        if (open && was === 'closed') {
          store.count('circuit opened')
          port.log('warn', 'a destination is down: its lane waits and probes', { target: this.#target.name, reason })
        }
      } else if (this.#circuit.succeed()) port.log('info', 'a destination is back', { target: this.#target.name })
    }
  }

  /** Carries out a fate; returns true when the event goes back into the queue as it is. */
  #apply(
    slot: Slot,
    { verdict, code, detail }: Fate,
    tried: { readonly attempts: Attempt[]; readonly probe: boolean },
  ): boolean {
    const { store, letters, port } = this.#tools
    const history = [...(slot.row?.history ?? []), ...tried.attempts].slice(-50)
    const bury = (reason: string) => {
      letters.bury(
        {
          stage: code === 'transform_failed' ? 'transform' : 'delivery',
          messageId: slot.envelope.id,
          source: slot.envelope.header.source,
          key: slot.envelope.key,
          reason,
          code,
          ...(detail === undefined ? {} : { detail }),
          receivedAt: slot.envelope.header.receivedAt,
          event: slot.envelope.text,
          attempts: history,
        },
        port.now(),
        slot.row === undefined ? slot.offset : slot.row.origin,
      )
      store.count('dead')
      this.#finish(slot)
    }
    if (verdict.kind === 'done') {
      store.count('done')
      this.#finish(slot)
    } else if (verdict.kind === 'skip') {
      store.count(`skip: ${verdict.reason}`)
      const { offset, row } = slot
      const place = row === undefined ? offset : row.origin
      store.record({ from: place, to: place, at: port.now(), status: 0, ms: 0, reason: `skip: ${verdict.reason}` })
      this.#finish(slot)
    } else if (verdict.kind === 'dead') bury(verdict.reason)
    else {
      const down = this.#circuit.state !== 'closed'
      store.count('retry')
      // While the destination is down events wait as they are; only a probe's event makes way for another.
      if (slot.row === undefined && down && !tried.probe) return true
      const now = port.now()
      const first = slot.row?.first || now
      const limitMs = (this.#target.route.retryDays ?? 14) * 86_400_000
      if (now - first >= limitMs) {
        bury(`not delivered within ${limitMs / 86_400_000} days: ${verdict.reason}`)
        return false
      }
      const attempts = (slot.row?.attempts ?? 0) + 1
      const asked = verdict.kind === 'retry' ? (verdict.afterSeconds ?? 0) * 1000 : 0
      const due = now + Math.max(asked, backoffMs(attempts, port.random()))
      if (slot.row === undefined) this.#makeRow(slot, { due, attempts, first, history })
      else {
        Object.assign(slot.row, { due, attempts, first, history })
        store.updateWaiting(slot.row)
      }
    }
    return false
  }

  #makeRow(slot: Slot, row: Pick<WaitingRow, 'due' | 'attempts' | 'first' | 'history'>): void {
    const { offset, key, at, envelope } = slot
    const made: WaitingRow = { offset, origin: offset, key, id: envelope.id, at, ...row }
    if (this.#keys.hasRows(key)) made.due = null
    this.#tools.store.putWaiting(made, JSON.stringify(envelope.header), envelope.text)
    this.#addRow(made)
    slot.final = true
  }

  #finish(slot: Slot): void {
    slot.final = true
    if (slot.row === undefined) return
    this.#tools.store.deleteWaiting(slot.row.offset)
    this.#rows.delete(slot.row.offset)
    const next = this.#rows.get(this.#keys.removeRow(slot.key, slot.row.offset) ?? -1)
    if (next !== undefined) next.due = this.#tools.port.now()
  }

  /** Notes a request so that every event in it can be traced. */
  #record(request: Sent, group: readonly Slot[]): void {
    const places = request.events.flatMap((i) => {
      const slot = group[i]
      if (slot === undefined) return []
      return [slot.row === undefined ? slot.offset : slot.row.origin]
    })
    const from = Math.min(...places)
    const to = Math.max(...places)
    const dense = to - from + 1 === places.length
    this.#tools.store.record({ from, to, ...toAttempt(request), ...(dense ? {} : { only: places }) })
  }

  /** Moves the low mark past everything final. */
  #settle(): void {
    while (this.#slots[this.#low]?.final === true) {
      this.#length -= (this.#slots[this.#low] as Slot).envelope.text.length
      this.#low++
    }
    if (this.#low > 4096 || this.#low === this.#slots.length) {
      this.#slots = this.#slots.slice(this.#low)
      this.#low = 0
    }
  }
}

const toAttempt = ({ at, status, ms, reason }: Attempt): Attempt => ({
  at,
  status,
  ms,
  ...(reason === undefined ? {} : { reason }),
})
