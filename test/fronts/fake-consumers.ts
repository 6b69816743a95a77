import type { FakeKafka, StoredRecord } from './fake-kafka.ts'

export interface Place {
  readonly topic: string
  readonly partition: number
}

/** A record with where it was. */
export type PolledRecord = Place & { readonly record: StoredRecord }

/** How one poll is bounded. */
export interface PollLimits {
  readonly timeoutMs: number
  readonly maxRecords: number
  readonly maxBytes: number
}

const nameOf = ({ topic, partition }: Place): string => `${topic}-${partition}`

/** A consumer instance in the memory of one front: what it is assigned, and where it stands. */
export class FakeInstance {
  readonly group: string
  readonly name: string
  readonly format: string
  readonly reset: string
  assigned: readonly Place[] = []
  subscribed: readonly string[] | undefined
  /** Milliseconds since the epoch of its last use. */
  usedAt = Date.now()
  readonly #kafka: FakeKafka
  readonly #positions = new Map<string, number>()
  #polls: Promise<unknown> = Promise.resolve()

  constructor(
    kafka: FakeKafka,
    options: { readonly group: string; readonly name: string; readonly format: string; readonly reset: string },
  ) {
    this.#kafka = kafka
    this.group = options.group
    this.name = options.name
    this.format = options.format
    this.reset = options.reset
  }

  assign(places: readonly Place[]): void {
    this.assigned = places
    this.#positions.clear()
  }

  owns(place: Place): boolean {
    return this.places.some((one) => nameOf(one) === nameOf(place))
  }

  seek(place: Place, offset: number): void {
    this.#positions.set(nameOf(place), offset)
  }

  /** The next offset; the group's when the instance was never placed, as Kafka's client does. */
  positionOf(place: Place): number {
    const { begin, end } = this.#kafka.bounds(place.topic, place.partition)
    const known = this.#positions.get(nameOf(place)) ?? this.#kafka.committed.get(this.group)?.get(nameOf(place))
    if (known !== undefined && known >= begin && known <= end) return known
    return this.reset === 'latest' ? end : begin
  }

  get places(): readonly Place[] {
    const { subscribed } = this
    if (subscribed === undefined) return this.assigned
    return subscribed.flatMap((topic) =>
      Array.from({ length: this.#kafka.sizeOf(topic) ?? 0 }, (_, partition) => ({ topic, partition })),
    )
  }

  /** One poll after the other. The position moves on even when nobody takes the answer. */
  poll(limits: PollLimits): Promise<readonly PolledRecord[]> {
    const poll = this.#polls.then(() => this.#poll(limits))
    this.#polls = poll.catch(() => undefined)
    return poll
  }

  /** Resolves once no poll is under way. */
  async idle(): Promise<void> {
    await this.#polls
  }

  async #poll({ timeoutMs, maxRecords, maxBytes }: PollLimits): Promise<readonly PolledRecord[]> {
    this.usedAt = Date.now()
    const end = Date.now() + timeoutMs
    for (;;) {
      const found: PolledRecord[] = []
      let bytes = 0
      for (const place of this.places.filter(({ topic, partition }) => this.#kafka.has(topic, partition))) {
        const from = this.positionOf(place)
        this.seek(place, from)
        for (const record of this.#kafka.read(place.topic, place.partition, from)) {
          const size = (record.key?.length ?? 0) + (record.value?.length ?? 0)
          if (found.length >= maxRecords || bytes + size >= maxBytes) break
          bytes += size
          found.push({ ...place, record })
          this.seek(place, record.offset + 1)
        }
      }
      const left = end - Date.now()
      if (found.length > 0 || left <= 0) return found
      await this.#kafka.wait(left)
    }
  }
}

/** The instances of one front; all are gone when its process ends. */
export class FakeConsumers {
  readonly #instances = new Map<string, FakeInstance>()
  /** Milliseconds after which an idle instance ends. */
  idleMs = Infinity

  get size(): number {
    return this.#instances.size
  }

  find(group: string, name: string): FakeInstance | undefined {
    const found = this.#instances.get(`${group}/${name}`)
    if (found !== undefined && Date.now() - found.usedAt > this.idleMs) {
      this.#instances.delete(`${group}/${name}`)
      return undefined
    }
    return found
  }

  add(instance: FakeInstance): void {
    this.#instances.set(`${instance.group}/${instance.name}`, instance)
  }

  remove(instance: FakeInstance): void {
    this.#instances.delete(`${instance.group}/${instance.name}`)
  }

  /** As a restart of the front, or a balancer that asks another one. */
  loseAll(): void {
    this.#instances.clear()
  }
}
