import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { Event } from '../../src/core/event.ts'
import { Sink } from './sink.ts'
import { unpackStates } from './state-files.ts'
import type { Letter, StateFixture, Waiting } from './state-fixture.ts'
import { serveState, type StateServer } from './state-server.ts'

const folder = resolve(import.meta.dirname, '../fixtures')

/** Names of the fixtures, one for each layout version. */
export const fixtureNames: readonly string[] = globSync('state-*.json', { cwd: folder })
  .map((file) => file.replace(/\.json$/, ''))
  .toSorted()

/** What must come out of a fixture. */
export const readFixture = (name: string): StateFixture =>
  JSON.parse(readFileSync(join(folder, `${name}.json`), 'utf8')) as StateFixture

const destinations = ['sink', 'choosy', 'paused'] as const

/** A fixture that is opened by today's code, with a sink for each of its destinations. */
export class FixtureRun {
  readonly state: string
  readonly sinks: Readonly<Record<(typeof destinations)[number], Sink>>
  readonly server: StateServer
  readonly #parent: string

  private constructor(parent: string, state: string, opened: Pick<FixtureRun, 'sinks' | 'server'>) {
    this.#parent = parent
    this.state = state
    this.sinks = opened.sinks
    this.server = opened.server
  }

  /**
   * Unpacks a fixture and serves one of its folders.
   *
   * @param name of the fixture
   * @param folderName which of its folders
   * @param vars for the config's env; they win over the URLs of the sinks
   */
  static async open(
    name: string,
    folderName: 'log' | 'queues' | 'idle' | 'topics' | 'reader',
    vars: Readonly<Record<string, string>> = {},
  ): Promise<FixtureRun> {
    const parent = mkdtempSync(join(tmpdir(), 'sluiceway-opened-'))
    unpackStates(join(folder, `${name}.tar.zst`), parent)
    const [sink, choosy, paused] = await Promise.all(destinations.map(() => Sink.open()))
    const sinks = { sink: sink as Sink, choosy: choosy as Sink, paused: paused as Sink }
    const state = join(parent, folderName)
    const urls = { SINK: sinks.sink.url, CHOOSY: sinks.choosy.url, PAUSED: sinks.paused.url }
    return new FixtureRun(parent, state, { sinks, server: await serveState(state, { ...urls, ...vars }) })
  }

  async close(): Promise<void> {
    await this.server.stop()
    for (const sink of Object.values(this.sinks)) await sink.close()
    rmSync(this.#parent, { recursive: true, force: true })
  }

  async letters(): Promise<readonly Letter[]> {
    return (await this.server.admin<{ deadLetters: Letter[] }>('/dead-letters?limit=1000')).deadLetters
  }

  async lanes(): Promise<readonly LaneSeen[]> {
    return (await this.server.admin<{ lanes: LaneSeen[] }>('/lanes')).lanes
  }

  /** A counter of a target, summed over its lanes. */
  async counter(target: string, name: string): Promise<number> {
    return (await this.lanes()).reduce(
      (sum, lane) => sum + (lane.target === target ? (lane.counters[name] ?? 0) : 0),
      0,
    )
  }

  /** What one lane says of an event: `done`, `waiting`, … */
  async traced(messageId: string, target: string): Promise<string | undefined> {
    const { lanes } = await this.server.admin<{ lanes: (Trace & { target: string })[] }>(`/trace/${messageId}`)
    const lane = lanes.find((one) => one.target === target)
    return lane === undefined ? undefined : statusOf(lane)
  }
}

/** The part of a lane's status that is read here. */
export interface LaneSeen {
  readonly target: string
  readonly partition: number
  readonly state: string
  readonly counters: Readonly<Record<string, number>>
}

interface Trace {
  readonly status?: string
  /** What `status` was called first. */
  readonly fate?: string
}

const statusOf = ({ status, fate }: Trace): string | undefined => status ?? fate

/** What the admin API calls a lane whose destination is down; it was `open` first. */
export const downStates: readonly string[] = ['open', 'down']

/** Those of the waited-for events that were taken, by key, in the order of arrival. */
export function arrivedOf(waiting: Waiting, delivered: readonly Event[]): Record<string, string[]> {
  const wanted = new Set(Object.values(waiting).flat())
  const arrived: Record<string, string[]> = {}
  for (const { anonymousId = '', messageId } of delivered)
    if (wanted.has(messageId)) (arrived[anonymousId] ??= []).push(messageId)
  return arrived
}
