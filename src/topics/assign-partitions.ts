/** An instance of a group and what it wants to read: topics with their numbers of partitions. */
export interface Membership {
  readonly instance: string
  readonly topics: Readonly<Record<string, number>>
}

/** A partition that an instance reads. */
export interface Assigned {
  readonly topic: string
  readonly partition: number
}

/**
 * Shares partitions out among the instances of a group: topic by topic, so that no instance has more than one partition of it
 * more than another. A partition stays with the instance that read it last, as far as that is fair (Kafka: sticky).
 *
 * @param members in any order; an instance for which no partition is left has none
 * @param last the instance that read a partition last, by `<partition>:<topic>`
 * @returns what each instance reads, by its name
 */
export function assignPartitions(
  members: readonly Membership[],
  last: ReadonlyMap<string, string>,
): Map<string, Assigned[]> {
  const sorted = members.toSorted((a, b) => (a.instance < b.instance ? -1 : 1))
  const assigned = new Map<string, Assigned[]>(sorted.map(({ instance }) => [instance, []]))
  const topics = new Set(sorted.flatMap((member) => Object.keys(member.topics)))
  for (const topic of [...topics].toSorted()) {
    const readers = sorted.filter((member) => Object.hasOwn(member.topics, topic))
    const partitions = Math.max(...readers.map((member) => member.topics[topic] as number))
    const least = Math.floor(partitions / readers.length)
    let extra = partitions % readers.length
    const counts = new Map(readers.map(({ instance }) => [instance, 0]))
    const hasRoom = (instance: string): boolean => {
      const count = counts.get(instance)
      return count !== undefined && (count < least || (count === least && extra > 0))
    }
    const give = (instance: string, partition: number): void => {
      const count = (counts.get(instance) ?? 0) + 1
      counts.set(instance, count)
      if (count > least) extra--
      assigned.get(instance)?.push({ topic, partition })
    }
    const left: number[] = []
    for (let partition = 0; partition < partitions; partition++) {
      const owner = last.get(`${partition}:${topic}`)
      if (owner !== undefined && hasRoom(owner)) give(owner, partition)
      else left.push(partition)
    }
    for (const partition of left) {
      const reader = readers.find(({ instance }) => hasRoom(instance))
      if (reader !== undefined) give(reader.instance, partition)
    }
  }
  return assigned
}
