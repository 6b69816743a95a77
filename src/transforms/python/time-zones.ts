/** What a zone's clock says at a moment: seconds that it is ahead of UTC, the name of that, and seconds of daylight saving in it. */
export type ZoneTime = readonly [offset: number, name: string, saved: number]

const mostZones = 50

/** Time zones as the runtime knows them. */
export class TimeZones {
  readonly #formats = new Map<string, { readonly offset: Intl.DateTimeFormat; readonly name: Intl.DateTimeFormat }>()

  /**
   * Looks up a zone's clock.
   *
   * @param zone such as `Europe/Berlin`
   * @param seconds since 1970
   * @throws {RangeError} where the zone is not known
   */
  at(zone: string, seconds: number): ZoneTime {
    const { offset, name } = this.#formatsOf(zone)
    const ahead = offsetOf(offset, seconds)
    const short = partOf(name, seconds)
    // Abbreviations are those of the language alone: where it has none, Python says the offset.
    const shown = /^(?:GMT|UTC)[+-]/.test(short) ? signed(ahead) : short
    const year = new Date(seconds * 1000).getUTCFullYear()
    const winter = Math.min(...[0, 6].map((month) => offsetOf(offset, Date.UTC(year, month, 1) / 1000)))
    return [ahead, shown, ahead - winter]
  }

  #formatsOf(zone: string) {
    const known = this.#formats.get(zone)
    if (known !== undefined) return known
    const formats = {
      offset: new Intl.DateTimeFormat('en-US', { timeZone: zone, timeZoneName: 'longOffset' }),
      name: new Intl.DateTimeFormat('en-US', { timeZone: zone, timeZoneName: 'short' }),
    }
    if (this.#formats.size >= mostZones) this.#formats.clear()
    this.#formats.set(zone, formats)
    return formats
  }
}

const partOf = (format: Intl.DateTimeFormat, seconds: number): string =>
  format.formatToParts(seconds * 1000).find(({ type }) => type === 'timeZoneName')?.value ?? ''

/** `GMT+05:30`, `GMT-03:06:28`, or `GMT` alone. */
function offsetOf(format: Intl.DateTimeFormat, seconds: number): number {
  const [, sign, hours, minutes = '0', rest = '0'] =
    /^GMT([+-])(\d+)(?::(\d+))?(?::(\d+))?$/.exec(partOf(format, seconds)) ?? []
  if (sign === undefined) return 0
  const ahead = Number(hours) * 3600 + Number(minutes) * 60 + Number(rest)
  return sign === '-' ? -ahead : ahead
}

function signed(ahead: number): string {
  const minutes = Math.trunc(Math.abs(ahead) / 60)
  const [hours, rest] = [Math.trunc(minutes / 60), minutes % 60].map((one) => String(one).padStart(2, '0'))
  return `${ahead < 0 ? '-' : '+'}${hours}${rest === '00' ? '' : rest}`
}
