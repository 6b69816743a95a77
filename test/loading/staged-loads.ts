import type { Bindings } from '../../src/core/bindings.ts'
import { createBill } from '../../src/core/billed.ts'
import type { NewDeadLetter } from '../../src/core/dead-letter.ts'
import { pack } from '../../src/core/envelope.ts'
import type { Event } from '../../src/core/event.ts'
import type { WarehouseRoute } from '../../src/core/config.ts'
import type { Engine } from '../../src/core/warehouse.ts'
import { Erasures } from '../../src/loading/erasures.ts'
import { HeldRows } from '../../src/loading/held-rows.ts'
import { KnownSchema } from '../../src/loading/known-schema.ts'
import { LoadPosition } from '../../src/loading/load-position.ts'
import { type LoaderMemory, runLoad } from '../../src/loading/load-run.ts'
import { StagedFiles } from '../../src/loading/staged-files.ts'
import { RecentKeys } from '../../src/storage/recent-keys.ts'
import { realPort } from '../../src/platform/real-port.ts'
import { frame, joinFrames } from '../../src/storage/frame.ts'
import { gathering } from './gathering.ts'
import { FakeBucket } from '../support/fake-bucket.ts'
import type { RealWarehouse } from '../support/real-warehouses.ts'
import { Sqlite } from '../support/sqlite.ts'

interface LoadedRun {
  readonly error?: string
  readonly discards: number
  /** Whether nothing is staged any more. */
  readonly done: boolean
}

/** Calls of an engine that take time. */
const calls = ['columns', 'widen', 'retype', 'load', 'loadTogether', 'appendTogether', 'probe']

/** A run of the loader, which may crash. */
interface RunUnderWay {
  hasCrashed: boolean
  crash: () => void
}

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
  /** When no slice is begun any more, as a run begins. */
  deadline: () => number = () => Number.POSITIVE_INFINITY
  readonly #warehouse: Pick<RealWarehouse, 'use' | 'bindings'>
  readonly #mapping: WarehouseRoute['mapping']
  readonly #bucket = new FakeBucket()
  readonly #db = new Sqlite().open()
  readonly #ofLoads = new Set<string>()
  readonly #partition: number
  readonly #gathers: boolean
  #memory: LoaderMemory
  #number = 0
  /** Milliseconds that the clock is ahead. */
  aheadMs = 0
  /** Called before and after everything that takes time: where it gives true, the run comes to its end there, as by a crash. */
  crashes: (where: string) => boolean = () => false

  /**
   * Loads of one warehouse that know nothing of each other have other partitions: files are named after them. With `gathers`, the
   * engine has its slices merged together, whatever it is.
   */
  constructor(
    warehouse: Pick<RealWarehouse, 'use' | 'bindings'>,
    mapping: WarehouseRoute['mapping'] = {},
    { partition = 0, gathers = false } = {},
  ) {
    this.#partition = partition
    this.#gathers = gathers
    this.#warehouse = warehouse
    this.#mapping = mapping
    this.#memory = this.#remember()
  }

  /** What a loader knows that begins anew: what is stored. */
  #remember(): LoaderMemory {
    const db = this.#db
    return {
      files: new StagedFiles(db),
      schema: new KnownSchema(db),
      position: new LoadPosition(db),
      held: new HeldRows(db),
      erasures: new Erasures(db),
      discarded: new RecentKeys(db, 'discarded'),
    }
  }

  /** Ends the loader as a crash does, and starts another. */
  restart(): void {
    this.#memory = this.#remember()
  }

  get erasures(): Erasures {
    return this.#memory.erasures
  }

  get held(): HeldRows {
    return this.#memory.held
  }

  get position(): LoadPosition {
    return this.#memory.position
  }

  /** Makes a file one that cannot be read behind its events. */
  async damage(key: string): Promise<void> {
    const bytes = new Uint8Array(await ((await this.#bucket.get(key)) as R2ObjectBody).arrayBuffer())
    await this.#bucket.put(key, joinFrames([bytes, frame('lost').fill(0x41, 4)]))
  }

  /** Keys in R2. */
  get objects(): string[] {
    return this.#bucket.keys
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
    const bytes = frame(text)
    await this.#bucket.put(key, bytes)
    this.#memory.files.register({ key, partition: 0, events: events.length, bytes: bytes.byteLength }, this.now())
  }

  now(): number {
    return Date.now() + this.aheadMs
  }

  /** One run of the loader, with every table whose time has come; the reason when the warehouse failed. */
  async load(): Promise<LoadedRun> {
    const run: RunUnderWay = { hasCrashed: false, crash: () => {} }
    const crash = new Promise<LoadedRun>((resolve) => {
      run.crash = () => resolve({ error: 'crashed', discards: 0, done: false })
    })
    return Promise.race([this.#load(run), crash])
  }

  async #load(run: RunUnderWay): Promise<LoadedRun> {
    const { use, bindings } = this.#warehouse
    const open: typeof use.open = (...args) => {
      const wrapped = this.wrap(use.open(...args))
      const engine = this.#fragile(this.#gathers ? gathering()(wrapped) : wrapped, calls, run)
      const gather = engine.gather?.bind(engine)
      if (gather === undefined) return engine
      return new Proxy(engine, {
        get: (target, name) =>
          name === 'gather'
            ? (id: string) => this.#fragile(gather(id), ['stage', 'merge', 'drop'], run)
            : Reflect.get(target, name, target),
      })
    }
    const addDeadLetters = async (_: unknown, letters: readonly NewDeadLetter[], isOfLoad = false) => {
      this.letterCalls.push(Buffer.byteLength(JSON.stringify(letters)))
      for (const letter of letters) {
        const id = JSON.stringify([letter.source, letter.messageId, letter.receivedAt])
        if (!isOfLoad || !this.#ofLoads.has(id)) this.letters.push(letter)
        this.#ofLoads.add(id)
      }
    }
    const bucket = this.#bucket
    const lane = this.#fragile({ addDeadLetters }, ['addDeadLetters'], run)
    const route = { use: { ...use, open }, mapping: this.#mapping }
    const order = {
      target: { kind: 'warehouse', name: 'tables', displayName: 'd1', route } as never,
      until: this.now(),
      tables: this.held.due(this.now()),
      isAsked: false,
      deadline: this.deadline(),
      noted: () => {},
    }
    const { report, failed } = await runLoad(order, this.#memory, {
      bindings: {
        ...bindings,
        BUCKET: this.#fragile(bucket, ['get', 'put', 'delete'], run),
        LANE: { getByName: () => lane },
      } as unknown as Bindings,
      port: { ...realPort, now: () => this.now(), log: () => {}, uuid: () => this.uuid() },
      billed: createBill(),
    })
    const { error, discards } = report
    return {
      ...(error === undefined ? {} : { error }),
      discards,
      done: !failed && this.#memory.files.waiting().files === 0,
    }
  }

  /** The same, with methods that a crash may cut off before and after they are done. */
  #fragile<T extends object>(of: T, names: readonly string[], run: RunUnderWay): T {
    return new Proxy(of, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name, target)
        if (typeof value !== 'function') return value
        const method = value.bind(target) as (...args: unknown[]) => Promise<unknown>
        if (typeof name !== 'string' || !names.includes(name)) return method
        return async (...args: unknown[]) => {
          await this.#pass(`before ${name}`, run)
          const answer = await method(...args)
          await this.#pass(`after ${name}`, run)
          return answer
        }
      },
    })
  }

  /** Comes to no end once the run has crashed: nothing of it goes on beside the next one. */
  async #pass(where: string, run: RunUnderWay): Promise<void> {
    if (!run.hasCrashed && !this.crashes(where)) return
    run.hasCrashed = true
    run.crash()
    await new Promise(() => {})
  }

  /** Stages events, and loads them. */
  async send(...events: readonly Event[]) {
    await this.stage(events)
    return this.load()
  }
}
