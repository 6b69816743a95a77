/** A record as the broker keeps it. */
export interface StoredRecord {
  readonly offset: number
  /** Milliseconds since the epoch. */
  readonly timestamp: number
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: readonly (readonly [name: string, value: Buffer | null])[]
}

/** A record as a front hands it to the broker. */
export type NewRecord = Omit<StoredRecord, 'offset' | 'timestamp'> & { readonly timestamp?: number }

interface Partition {
  begin: number
  readonly records: StoredRecord[]
  /** The next offset. */
  end: number
}

/** A small Kafka in memory: what the fakes of the fronts stand before. */
export class FakeKafka {
  readonly #topics = new Map<string, Partition[]>()
  readonly #waiting = new Set<() => void>()
  /** Next offsets by group, then by `<topic>-<partition>`: what Kafka itself would hold. */
  readonly committed = new Map<string, Map<string, number>>()
  /** Bytes of a record with overhead, as `message.max.bytes`. */
  maxRecordBytes = 1_048_576

  createTopic(name: string, partitions = 1): void {
    this.#topics.set(
      name,
      Array.from({ length: partitions }, () => ({ begin: 0, end: 0, records: [] })),
    )
  }

  deleteTopic(name: string): void {
    this.#topics.delete(name)
  }

  get topics(): readonly string[] {
    return [...this.#topics.keys()]
  }

  /** Undefined where there is no such topic. */
  sizeOf(topic: string): number | undefined {
    return this.#topics.get(topic)?.length
  }

  has(topic: string, partition: number): boolean {
    return this.#topics.get(topic)?.[partition] !== undefined
  }

  /** @returns the offset, or what the broker says of a record that is too large */
  append(topic: string, partition: number, record: NewRecord): number | string {
    const size =
      88 +
      (record.key?.length ?? 0) +
      (record.value?.length ?? 0) +
      record.headers.reduce((sum, [name, value]) => sum + name.length + (value?.length ?? 0), 0)
    if (size > this.maxRecordBytes)
      return `The message is ${size} bytes when serialized which is larger than ${this.maxRecordBytes}, which is the value of the max.request.size configuration.`
    const place = this.#at(topic, partition)
    const offset = place.end++
    place.records.push({ timestamp: Date.now(), ...record, offset })
    for (const wake of this.#waiting) wake()
    return offset
  }

  /** The oldest offset that is kept, and the next one. */
  bounds(topic: string, partition: number): { readonly begin: number; readonly end: number } {
    const { begin, end } = this.#at(topic, partition)
    return { begin, end }
  }

  read(topic: string, partition: number, from: number): readonly StoredRecord[] {
    return this.#topics.get(topic)?.[partition]?.records.filter(({ offset }) => offset >= from) ?? []
  }

  /** All values of a partition as text, tombstones as null. */
  values(topic: string, partition = 0): readonly (string | null)[] {
    return this.read(topic, partition, 0).map(({ value }) => value?.toString() ?? null)
  }

  /** Forgets what is older than an offset, as retention does. */
  trim(topic: string, partition: number, begin: number): void {
    const place = this.#at(topic, partition)
    place.begin = begin
    place.end = Math.max(place.end, begin)
    place.records.splice(0, place.records.findLastIndex(({ offset }) => offset < begin) + 1)
  }

  commit(group: string, { topic, partition, next }: { topic: string; partition: number; next: number }): void {
    const offsets = this.committed.get(group) ?? new Map<string, number>()
    this.committed.set(group, offsets.set(`${topic}-${partition}`, next))
  }

  /** Resolves when something has been written, or after so many milliseconds. */
  wait(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const end = () => {
        clearTimeout(timer)
        this.#waiting.delete(end)
        resolve()
      }
      const timer = setTimeout(end, ms)
      this.#waiting.add(end)
    })
  }

  #at(topic: string, partition: number): Partition {
    const place = this.#topics.get(topic)?.[partition]
    if (place === undefined) throw new Error(`there is no ${topic}-${partition}`)
    return place
  }
}
