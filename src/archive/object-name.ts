/** What keys of archived events begin with. */
export const archivePrefix = 'archive/'

/** The type of their bodies. It is no encoding: a client that took it for one would store them unpacked. */
export const archiveType = 'application/gzip'

const hourMs = 3_600_000
const placeDigits = 16

/** Which events an object of the archive holds: those of one source and partition, from one place on, of one hour. */
export interface ArchiveObject {
  /** Milliseconds since the epoch at which its hour begins. */
  readonly hour: number
  readonly source: string
  readonly partition: number
  /** Of its first event. */
  readonly place: number
}

/** The hour that a time is in, as milliseconds since the epoch. */
export const hourOf = (time: number): number => Math.floor(time / hourMs) * hourMs

/** When an hour ends. */
export const endOfHour = (hour: number): number => hour + hourMs

/** What keys of an hour begin with: `archive/date=2026-11-29/hour=05/`. Tools read the names as columns. */
export function hourPrefix(hour: number): string {
  const iso = new Date(hour).toISOString()
  return `${archivePrefix}date=${iso.slice(0, 10)}/hour=${iso.slice(11, 13)}/`
}

/** Writes a key: `archive/date=2026-11-29/hour=05/source=web/0-0000000000001234.ndjson.gz`. Keys sort by time. */
export const keyOf = ({ hour, source, partition, place }: ArchiveObject): string =>
  `${hourPrefix(hour)}source=${source}/${partition}-${String(place).padStart(placeDigits, '0')}.ndjson.gz`

const pattern = /^archive\/date=(\d{4}-\d\d-\d\d)\/hour=(\d\d)\/source=([^/]+)\/(\d+)-(\d+)\.ndjson\.gz$/

/** Reads a key; undefined for one that Sluiceway has not written. */
export function readKey(key: string): ArchiveObject | undefined {
  const [, date, hour, source = '', partition, place] = pattern.exec(key) ?? []
  if (date === undefined) return undefined
  return { hour: Date.parse(`${date}T${hour}:00:00Z`), source, partition: Number(partition), place: Number(place) }
}
