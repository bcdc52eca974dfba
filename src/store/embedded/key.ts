/**
 * The key under which the embedded store keeps a reading:
 *
 * key = ((hours since 2000 × 2^21) + series number) × 4096 + slot
 *
 * It stays below 2^53, so it is an exact JavaScript number and SQLite's own row number. Readings of one hour lie side by side
 * whatever their order of arrival; one meter's day is 24 short seeks. The slot is the second within the hour, 0…3599. Two readings
 * of one second that differ in their milliseconds cannot share it: the second to come takes a free overflow slot, 3600…4095.
 */
const EPOCH = Date.UTC(2000, 0, 1)
const HOUR = 3_600_000
export const DAY_MS = 24 * HOUR
/** Series numbers one file can give out. */
export const SERIES_LIMIT = 2 ** 21
/** First instant the key can hold, and the first one it cannot: 2000 to 2119. */
export const EARLIEST = EPOCH
export const LATEST = EPOCH + 2 ** 20 * HOUR
const SLOTS = 4096
/** First overflow slot. */
export const OVERFLOW = 3600
const PER_HOUR = SERIES_LIMIT * SLOTS

/** Is this a time the key can hold: a whole millisecond of the years 2000 to 2119? */
export const isStorable = (at: number): boolean => Number.isSafeInteger(at) && at >= EARLIEST && at < LATEST

/** Hours since 2000 of a storable time. */
export const hourOf = (at: number): number => Math.floor((at - EPOCH) / HOUR)

/** Key of a reading in its own second's slot. */
export const keyOf = (at: number, series: number): number => {
  const sinceEpoch = at - EPOCH
  const hour = Math.floor(sinceEpoch / HOUR)
  return hour * PER_HOUR + series * SLOTS + Math.floor((sinceEpoch - hour * HOUR) / 1000)
}

/** Milliseconds within the hour when the time has a part finer than a second, else -1. */
export const msOf = (at: number): number => (at % 1000 === 0 ? -1 : (at - EPOCH) % HOUR)

/** Smallest key of a series' hour; the keys up to the next series' are its slots. */
export const hourKey = (hour: number, series: number): number => hour * PER_HOUR + series * SLOTS

/** Smallest key of a series' hour, from any key within it. */
export const hourStartOf = (key: number): number => key - (key % SLOTS)

export const seriesOfKey = (key: number): number => Math.floor((key % PER_HOUR) / SLOTS)

/** The time a row's key and `ms` column stand for. */
export const timeOf = (key: number, ms: number | null): number =>
  EPOCH + Math.floor(key / PER_HOUR) * HOUR + (ms === null ? (key % SLOTS) * 1000 : ms)

/** Days since 2000 UTC; packed days are kept under day × 2^21 + series. */
export const dayOf = (at: number): number => Math.floor((at - EPOCH) / DAY_MS)
export const dayStart = (day: number): number => EPOCH + day * DAY_MS
export const packedKey = (day: number, series: number): number => day * SERIES_LIMIT + series
export const seriesOfPacked = (key: number): number => key % SERIES_LIMIT

/** A partition: months since January of year 0, UTC. */
export const monthOf = (at: number): number => {
  const date = new Date(at)
  return date.getUTCFullYear() * 12 + date.getUTCMonth()
}
export const monthStart = (month: number): number => Date.UTC(Math.floor(month / 12), month % 12, 1)
/** `2026-11.db` */
export const monthFile = (month: number): string =>
  `${String(Math.floor(month / 12)).padStart(4, '0')}-${String((month % 12) + 1).padStart(2, '0')}.db`
/** The month of a partition's file name; null for any other file. */
export const monthOfFile = (name: string): number | null => {
  const match = /^(\d{4})-(\d{2})\.db$/.exec(name)
  return match ? Number(match[1]) * 12 + Number(match[2]) - 1 : null
}
