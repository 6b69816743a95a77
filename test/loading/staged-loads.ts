import type { Bindings } from '../../src/core/bindings.ts'
import type { NewDeadLetter } from '../../src/core/dead-letter.ts'
import { pack } from '../../src/core/envelope.ts'
import type { Event } from '../../src/core/event.ts'
import type { WarehouseRoute } from '../../src/core/config.ts'
import type { Engine } from '../../src/core/warehouse.ts'
import { EnginePool } from '../../src/loading/engine-pool.ts'
import { KnownSchema } from '../../src/loading/known-schema.ts'
import { LoadGroup } from '../../src/loading/load-group.ts'
import { LoadPosition } from '../../src/loading/load-position.ts'
import type { WaitingFile } from '../../src/loading/staged-files.ts'
import { RecentKeys } from '../../src/storage/recent-keys.ts'
import { realPort } from '../../src/platform/real-port.ts'
import { frame } from '../../src/storage/frame.ts'
import { FakeBucket } from '../support/fake-bucket.ts'
import type { RealWarehouse } from '../support/real-warehouses.ts'
import { Sqlite } from '../support/sqlite.ts'

/** The loader of one real warehouse in this process, with what it keeps from one load to the next. */
export class StagedLoads {
  readonly letters: NewDeadLetter[] = []
  /** Bytes of each call that brought dead letters. */
  readonly letterCalls: number[] = []
  /** Every event that was staged, by messageId. */
  readonly staged = new Map<string, Event>()
  /** Changes the engine before it is used. */
  wrap: (engine: Engine) => Engine = (engine) => engine
  /** Names an event that has no messageId, when it is mapped. */
  uuid: () => string = realPort.uuid
  readonly #warehouse: Pick<RealWarehouse, 'use' | 'bindings'>
  readonly #mapping: WarehouseRoute['mapping']
  readonly #bucket = new FakeBucket()
  readonly #schema: KnownSchema
  readonly #position: LoadPosition
  readonly #discarded: RecentKeys
  readonly #partition: number
  #files: WaitingFile[] = []
  #number = 0

  /** Loads of one warehouse that know nothing of each other have other partitions: files are named after them. */
  constructor(
    warehouse: Pick<RealWarehouse, 'use' | 'bindings'>,
    mapping: WarehouseRoute['mapping'] = {},
    partition = 0,
  ) {
    this.#partition = partition
    const db = new Sqlite().open()
    this.#warehouse = warehouse
    this.#mapping = mapping
    this.#schema = new KnownSchema(db)
    this.#position = new LoadPosition(db)
    this.#discarded = new RecentKeys(db, 'discarded')
  }

  async stage(events: readonly Event[], source = 'shop'): Promise<void> {
    const key = `staging/tables/${this.#partition}/${String(++this.#number).padStart(6, '0')}`
    const text = events
      .map((event) => {
        const id = event.messageId
        this.staged.set(id, event)
        const receivedAt = event.receivedAt ?? '2026-11-22T10:00:00.000Z'
        return pack({ id, key: 'ada', source, receivedAt, to: ['tables'], facts: {} }, event).text
      })
      .join('')
    await this.#bucket.put(key, frame(text))
    this.#files.push({ key, partition: 0, events: events.length, bytes: text.length, done: 0 })
  }

  /** One run of the loader; the reason when the warehouse failed. */
  async load(): Promise<{ readonly error?: string; readonly discards: number; readonly done: boolean }> {
    const { use, bindings } = this.#warehouse
    const wrapped = { ...use, open: (...args: Parameters<typeof use.open>) => this.wrap(use.open(...args)) }
    const engines = new EnginePool(wrapped, { ...bindings })
    const addDeadLetters = async (_: unknown, letters: readonly NewDeadLetter[]) => {
      this.letterCalls.push(Buffer.byteLength(JSON.stringify(letters)))
      this.letters.push(...letters)
    }
    const group = new LoadGroup({
      target: { kind: 'warehouse', name: 'tables', displayName: 'd1', route: { use, mapping: this.#mapping } } as never,
      engines,
      schema: this.#schema,
      position: this.#position,
      discarded: this.#discarded,
      bindings: { BUCKET: this.#bucket, LANE: { getByName: () => ({ addDeadLetters }) } } as unknown as Bindings,
      port: { ...realPort, log: () => {}, uuid: () => this.uuid() },
      loaded: ({ key }) => {
        this.#files = this.#files.filter((file) => file.key !== key)
      },
      deadline: Number.POSITIVE_INFINITY,
    })
    try {
      const done = await group.run(this.#files)
      return { discards: group.report.discards, done }
    } catch (thrown) {
      return { error: String(thrown), discards: group.report.discards, done: false }
    } finally {
      await engines.close()
    }
  }

  /** Stages events, and loads them. */
  async send(...events: readonly Event[]) {
    await this.stage(events)
    return this.load()
  }
}
