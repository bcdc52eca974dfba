/** What a clock of a zone is ahead of UTC, asked once for every quarter of an hour: zones change their offset on quarters. */
export interface LocalClock {
  readonly zone: string
  /** Milliseconds ahead of UTC. */
  offsetAt(instant: number): number
  /** ISO 8601 with offset: `2026-11-21T08:15:00.000+08:00`. */
  iso(instant: number): string
}

const QUARTER_MS = 900_000
const MOST_KNOWN = 20_000
/** Beyond it `Date` has no instants. */
const LAST = 8.64e15

const two = (value: number): string => String(value).padStart(2, '0')

/** @param zone  of the IANA time zone database; throws RangeError when there is none of that name */
export const localClock = (zone: string): LocalClock => {
  const asked = new Intl.DateTimeFormat('en-US', { timeZone: zone, timeZoneName: 'longOffset' })
  const known = new Map<number, number>()
  const suffixes = new Map<number, string>()
  const offsetAt = (instant: number): number => {
    const quarter = Math.floor(instant / QUARTER_MS)
    let offset = known.get(quarter)
    if (offset === undefined) {
      const name = asked.formatToParts(quarter * QUARTER_MS).find(({ type }) => type === 'timeZoneName')?.value ?? 'GMT'
      const [, sign, hours = '0', minutes = '0', seconds = '0'] = /GMT([+-])(\d+):?(\d+)?:?(\d+)?/.exec(name) ?? []
      offset = (sign === '-' ? -1 : 1) * ((Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds)) * 1000
      if (known.size >= MOST_KNOWN) known.clear()
      known.set(quarter, offset)
    }
    return offset
  }
  const suffixOf = (offset: number): string => {
    let suffix = suffixes.get(offset)
    if (suffix === undefined) {
      const minutes = Math.floor(Math.abs(offset) / 60_000)
      suffix = `${offset < 0 ? '-' : '+'}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`
      suffixes.set(offset, suffix)
    }
    return suffix
  }
  return {
    zone,
    offsetAt,
    iso: (instant) => {
      const offset = offsetAt(instant)
      // Offsets with seconds (before 1901) have no place in ISO 8601.
      const whole = offset % 60_000 === 0 ? offset : 0
      return new Date(instant + whole).toISOString().replace('Z', suffixOf(whole))
    },
  }
}

/** Whether a number is an instant at all. */
export const isInstant = (value: number): boolean => Number.isFinite(value) && Math.abs(value) < LAST - 86_400_000
