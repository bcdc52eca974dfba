import { Temporal } from 'temporal-polyfill'

/** Days as a wall clock of one zone counts them. */
export interface LocalDay {
  readonly day: string
  /** Its two midnights, milliseconds since 1970 UTC. */
  readonly start: number
  readonly end: number
  readonly isWeekend: boolean
}

/** A zone as labelled areas write it (`UTC+1`, `+01:00`) or as IANA names it; null = there is no such zone. */
export const zoneOf = (name: string): string | null => {
  const fixed = /^(?:UTC|GMT)?([+-])(\d{1,2})(?::?(\d{2}))?$/.exec(name.trim())
  const zone = fixed ? `${fixed[1]}${(fixed[2] ?? '').padStart(2, '0')}:${fixed[3] ?? '00'}` : name.trim()
  try {
    Temporal.Instant.fromEpochMilliseconds(0).toZonedDateTimeISO(zone)
    return zone
  } catch {
    return null
  }
}

/** Whole local days that lie in [from, to]. */
export const localDays = (zone: string, from: number, to: number): LocalDay[] => {
  const days: LocalDay[] = []
  const first = Temporal.Instant.fromEpochMilliseconds(from).toZonedDateTimeISO(zone)
  let day = first.startOfDay()
  if (day.epochMilliseconds < from) day = day.add({ days: 1 }).startOfDay()
  for (;;) {
    const next = day.add({ days: 1 }).startOfDay()
    if (next.epochMilliseconds > to) return days
    days.push({
      day: day.toPlainDate().toString(),
      start: day.epochMilliseconds,
      end: next.epochMilliseconds,
      isWeekend: day.dayOfWeek >= 6,
    })
    day = next
  }
}

/** The instant of a wall-clock time without a zone, milliseconds; NaN when it is none. */
export const localInstant = (text: string, zone: string): number => {
  try {
    return Temporal.PlainDateTime.from(text.trim().replace(' ', 'T')).toZonedDateTime(zone).epochMilliseconds
  } catch {
    return Number.NaN
  }
}

/** Local date of an instant. */
export const localDate = (at: number, zone: string): string =>
  Temporal.Instant.fromEpochMilliseconds(at).toZonedDateTimeISO(zone).toPlainDate().toString()

/** An instant as text with the offset of the zone. */
export const instantText = (at: number, zone: string): string =>
  Temporal.Instant.fromEpochMilliseconds(at).toZonedDateTimeISO(zone).toString({ timeZoneName: 'never', smallestUnit: 'second' })
