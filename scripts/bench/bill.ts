import { idleSeconds, objectGigabytes, prices } from './prices.ts'
import type { Billed } from '../../src/core/billed.ts'

/** What a run used of one Durable Object. */
export interface ObjectUsage extends Readonly<Billed> {
  /** `log 0`, `lane sink:0`, … */
  readonly name: string
  /** By the loader, in tables that are in D1. */
  readonly d1RowsWritten: number
}

/** What a run used. */
export interface Usage {
  readonly events: number
  readonly seconds: number
  readonly workerRequests: number
  /** At most: the CPU of the Durable Objects, which is not billed, may be in it. NaN when it is not known. */
  readonly workerCpuMs: number
  readonly objects: readonly ObjectUsage[]
  /** What the log keeps of the events, in bytes, and for how long. */
  readonly stored: { readonly bytes: number; readonly days: number }
  /** 0 when the tables are elsewhere. */
  readonly d1RowsWritten: number
}

/** One line of a bill. */
export interface Part {
  readonly about: string
  /** In units of the price's name, for a million events. */
  readonly perMillionEvents: number
  readonly dollars: number
}

/** The bill of one million events. */
export interface Bill {
  readonly parts: readonly Part[]
  /** What Cloudflare takes for the way from the SDK to the webhook and to the staged files. */
  readonly dollars: number
  /** What the tables cost in addition, when they are in D1. */
  readonly d1: Part
}

/**
 * Works out what a million events cost, at the rate and in the requests of a run.
 *
 * @param usage what the run used; nothing that the plan includes is taken off
 * @returns every part of the sum
 */
export function billOf(usage: Usage): Bill {
  const { events, objects, stored } = usage
  const part = (about: string, used: number, pricePerMillion: number): Part => {
    const perMillionEvents = (used / events) * 1e6
    return { about, perMillionEvents, dollars: (perMillionEvents / 1e6) * pricePerMillion }
  }
  const sum = (count: (object: ObjectUsage) => number) => objects.reduce((total, object) => total + count(object), 0)
  const cpu = Number.isNaN(usage.workerCpuMs) ? 0 : usage.workerCpuMs
  const parts = [
    part('Worker requests', usage.workerRequests, prices.workerRequests),
    part('Worker CPU, ms (at most)', cpu, prices.workerCpuMs),
    ...objects.map((object) => part(`requests to ${object.name}`, requestsTo(object), prices.objectRequests)),
    ...objects.map(({ name, rowsWritten }) => part(`rows written in ${name}`, rowsWritten, prices.objectRowsWritten)),
    part(
      'Durable Objects in memory, GB-s',
      sum((object) => activeSeconds(object, usage.seconds)) * objectGigabytes,
      prices.objectGigabyteSeconds,
    ),
    part(
      `GB-months of the log, kept ${stored.days} days`,
      (stored.bytes / 1e9) * (stored.days / 30),
      prices.objectGigabyteMonth * 1e6,
    ),
    part(
      'writes to R2',
      sum(({ r2Writes }) => r2Writes),
      prices.r2Writes,
    ),
    part(
      'reads from R2',
      sum(({ r2Reads }) => r2Reads),
      prices.r2Reads,
    ),
  ]
  return {
    parts,
    dollars: parts.reduce((total, { dollars }) => total + dollars, 0),
    d1: part('rows written in D1', usage.d1RowsWritten, prices.d1RowsWritten),
  }
}

const requestsTo = ({ calls, alarms }: ObjectUsage): number => calls + alarms

/** An object stays in memory until it has had nothing to do for some seconds; one that is never idle so long, always. */
export const activeSeconds = (object: ObjectUsage, seconds: number): number =>
  Math.min(seconds, requestsTo(object) * idleSeconds)
