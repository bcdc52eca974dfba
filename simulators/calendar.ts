import type { MeterTime } from '../src/core/adapter.ts'
import { ordinalOf, timeOfOrdinal } from '../src/core/wall-time.ts'

/**
 * Local time of the simulated field: China Standard Time, UTC+8 without daylight saving since 1991, so that a fixed shift is exact.
 * Instants are milliseconds since 1970 UTC.
 */
export const ZONE = 'Asia/Shanghai'
const SHIFT_MS = 8 * 3_600_000
export const DAY_MS = 86_400_000
export const SLOT_MS = 900_000
export const SLOTS_A_DAY = 96

/** The world's first instant: a Monday, 2020-01-06 00:00 local time. Every register counts from here. */
export const EPOCH = Date.UTC(2020, 0, 6) - SHIFT_MS

/** Wall-clock time of an instant. */
export const localTime = (at: number): MeterTime => timeOfOrdinal(at + SHIFT_MS)

/** Instant of a wall-clock time. */
export const instantOf = (time: MeterTime): number => ordinalOf(time) - SHIFT_MS

/** 0 = Sunday. */
export const weekday = (at: number): number => new Date(at + SHIFT_MS).getUTCDay()

/** Midnight that began the day of `at`, or `back` days earlier. */
export const startOfDay = (at: number, back = 0): number => Math.floor((at + SHIFT_MS) / DAY_MS - back) * DAY_MS - SHIFT_MS

/** Midnight of the first day of the month of `at`, or `back` months earlier. */
export const startOfMonth = (at: number, back = 0): number => {
  const date = new Date(at + SHIFT_MS)
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() - back, 1) - SHIFT_MS
}

/** `2026-11-21T08:15:00` in local time: how a meter's own time is written in the truth log. */
export const localText = (at: number): string => new Date(at + SHIFT_MS).toISOString().slice(0, 19)

/**
 * Tariff (费率) of each quarter hour: 1 sharp 尖, 2 peak 峰, 3 flat 平, 4 valley 谷.
 * 19-21 sharp, 8-11 and 17-19 peak, 23-7 valley, the rest flat.
 */
export const TARIFFS: Uint8Array = Uint8Array.from({ length: SLOTS_A_DAY }, (_, slot) => {
  const hour = slot >> 2
  if (hour >= 19 && hour < 21) return 1
  if ((hour >= 8 && hour < 11) || (hour >= 17 && hour < 19)) return 2
  return hour >= 23 || hour < 7 ? 4 : 3
})
