import { Temporal } from 'temporal-polyfill'
import type { MeterTime } from '../core/index.ts'

interface Offsets {
  /** What is taken off the local time to have the instant, milliseconds. */
  readonly first: number
  readonly second: number | null
}

/** Clocks change on quarters of an hour. @source IANA time zone database, since 1972 */
const QUARTER_MS = 15 * 60_000
const MOST_KNOWN = 20_000
const zones = new Map<string, Map<number, Offsets>>()

/**
 * The instants of a wall-clock time: two in the hour that occurs twice at the end of summer time, the first one being summer time.
 * A time that is skipped moves forward. What a quarter of an hour's offset is, is asked of Temporal once.
 *
 * @returns  null for an impossible date
 */
export const localInstants = (
  { year, month, day, hour, minute, second }: MeterTime,
  zone: string,
): { readonly first: number; readonly second: number | null } | null => {
  const face = Date.UTC(year, month - 1, day, hour, minute, second)
  const date = new Date(face)
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day || hour > 23 || minute > 59 || second > 59) return null
  let known = zones.get(zone)
  if (!known) {
    known = new Map()
    zones.set(zone, known)
  }
  const quarter = Math.floor(face / QUARTER_MS)
  let offsets = known.get(quarter)
  if (!offsets) {
    if (known.size >= MOST_KNOWN) known.clear()
    offsets = offsetsOf(quarter * QUARTER_MS, zone)
    known.set(quarter, offsets)
  }
  return { first: face - offsets.first, second: offsets.second === null ? null : face - offsets.second }
}

const offsetsOf = (face: number, zone: string): Offsets => {
  const plain = Temporal.Instant.fromEpochMilliseconds(face).toZonedDateTimeISO('UTC').toPlainDateTime()
  const at = (disambiguation: 'earlier' | 'later' | 'compatible') => plain.toZonedDateTime(zone, { disambiguation })
  const [first, second] = [at('earlier'), at('later')]
  if (first.epochMilliseconds === second.epochMilliseconds) return { first: face - first.epochMilliseconds, second: null }
  // In the hour that is skipped the two differ as well, but neither shows the time that was asked for.
  if (!first.toPlainDateTime().equals(plain)) return { first: face - at('compatible').epochMilliseconds, second: null }
  return { first: face - first.epochMilliseconds, second: face - second.epochMilliseconds }
}

/** Whether there is such a zone in the IANA time zone database. */
export const isZone = (name: string): boolean => {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name })
    return true
  } catch {
    return false
  }
}

/** What a clock of the zone shows at an instant. */
export const wallClock = (instant: number, zone: string): MeterTime => {
  const { year, month, day, hour, minute, second } = Temporal.Instant.fromEpochMilliseconds(instant).toZonedDateTimeISO(zone)
  return { year, month, day, hour, minute, second }
}
