import { type ArchivedEvent } from '../archive/line.ts'
import { readArchive } from '../archive/read-archive.ts'
import type { Bindings } from '../core/bindings.ts'
import { archiveTarget, laneName } from '../core/lanes.ts'
import type { Port } from '../core/port.ts'

/** How often, and after how many milliseconds each, it is looked whether the archive has written what it was asked to. */
const looks = 20
const lookMs = 250
/** What the age of a lane's oldest event is rounded by, and more. */
const roundedMs = 2_000

interface ArchiveTools {
  readonly bindings: Pick<Bindings, 'BUCKET' | 'LANE'>
  readonly port: Port
  readonly partition: number
  readonly spend: (subrequests: number) => void
}

/** Where reading goes on. */
interface ArchivePlace {
  readonly job: string
  readonly source: string | undefined
  /** Milliseconds since the epoch: the beginning of the hour, and the end. */
  readonly from: number
  readonly until: number
  readonly place: number
}

/** How much is read. */
interface ReadOptions {
  readonly most: number
  /** Called with each event; true where reading ends behind it. */
  readonly isEnough: (archived: ArchivedEvent) => boolean
}

/** The archive of a partition, as a job about history reads it: from where it was, without opening objects again if it can. */
export class ArchiveHistory {
  readonly #tools: ArchiveTools
  #open: (Pick<ArchivePlace, 'job' | 'until'> & { place: number; events: AsyncGenerator<ArchivedEvent> }) | undefined

  constructor(tools: ArchiveTools) {
    this.#tools = tools
  }

  /** Up to when a job goes on reading; undefined where it must begin anew. */
  openUntil(job: string, place: number): number | undefined {
    return this.#open?.job === job && this.#open.place === place ? this.#open.until : undefined
  }

  /**
   * Reads on.
   *
   * @param at which events
   * @param options how many of them
   * @returns true where there are no more
   */
  async read(at: ArchivePlace, { most, isEnough }: ReadOptions): Promise<boolean> {
    const { bindings, partition, spend } = this.#tools
    if (this.openUntil(at.job, at.place) === undefined) await this.close()
    const open = (this.#open ??= { ...at, events: readArchive(bindings.BUCKET, { ...at, partition }, spend) })
    // A failure leaves nothing open.
    this.#open = undefined
    for (let read = 0; read < most; read++) {
      const { done, value } = await open.events.next()
      if (done === true) return true
      open.place = value.place + 1
      if (isEnough(value)) break
    }
    this.#open = open
    return false
  }

  /** Ends reading: nothing stays open. */
  async close(): Promise<void> {
    await this.#open?.events.return(undefined)
    this.#open = undefined
  }

  /**
   * Has what was stored before a time written to the archive, as far as that is not done.
   *
   * @param time milliseconds since the epoch
   * @throws where the archive does not get there soon: it is to be tried again
   */
  async complete(time: number): Promise<void> {
    const { bindings, port, partition, spend } = this.#tools
    const ref = { target: archiveTarget, partition }
    const lane = bindings.LANE.getByName(laneName(ref))
    for (let look = 0; look < looks; look++) {
      spend(1)
      // A lane that was asleep does not know what its stream has. What it is told to write now is smaller than it might be.
      const { depth, oldestSeconds } = await (look === 0
        ? lane.poke(ref)
        : look % 8 === 1
          ? lane.resume(ref)
          : lane.status(ref))
      if (depth === 0 || port.now() - oldestSeconds * 1_000 > time + roundedMs) return
      await new Promise((resolve) => setTimeout(resolve, lookMs))
    }
    throw new Error('the archive is still being written up to there')
  }
}
