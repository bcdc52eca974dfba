import { Temporal } from 'temporal-polyfill'
import { Instrument } from '../../simulators/instrument.ts'
import { PERIOD_SLOTS } from '../../simulators/village/load.ts'
import { decimalText } from '../../src/core/index.ts'
import type { RegisterRead } from '../../src/energy/index.ts'

/**
 * Four weeks of one three-phase meter in a zone with summer time, in which everything happens that makes energy wrong elsewhere. The
 * truth is the simulator's own integral in watt-seconds.
 */
export const ZONE = 'Europe/Berlin'
export const QUARTER = 900_000
export const local = (text: string) => Temporal.PlainDateTime.from(text).toZonedDateTime(ZONE).epochMilliseconds
export const midnights = (from: string, count: number) =>
  Array.from({ length: count + 1 }, (_, day) => Temporal.PlainDate.from(from).add({ days: day }).toZonedDateTime(ZONE).epochMilliseconds)

export const START = local('2026-10-11T00:00')
export const END = local('2026-11-08T00:00')
export const DAYS = midnights('2026-10-11', 28)
export const ROLLS = local('2026-10-14T10:07:30')
export const EXCHANGED = local('2026-10-19T14:20:00')
export const SILENT = [local('2026-10-22T00:00'), local('2026-10-23T00:00')] as const
export const CORRECTED = local('2026-10-28T09:00')
export const CT = 40
export const CORRECT_CT = 60
/** Six digits and two decimals. */
export const FACE = 100_000_000n

export const trace = () => {
  const slots = (of: (slot: number) => number) => Int32Array.from({ length: PERIOD_SLOTS }, (_, slot) => of(slot))
  const watts = [0, 1, 2].map((phase) => slots((slot) => 400 + ((slot * 7919 + phase * 104_729) % 3_731) + (slot % 96 > 68 ? 2_900 : 0)))
  return {
    watts,
    vars: watts.map((phase) => phase.map((value) => value >> 2)),
    volts: [0, 1, 2].map(() => Int16Array.from({ length: PERIOD_SLOTS }, () => 2300)),
  }
}
export const options = { id: '000000000042', seed: 7, trace: trace(), ct: CT }
/** The first meter for ever, and the one that took its place: it starts from zero. */
export const first = new Instrument(options)
first.rollAt(ROLLS, 1_000_000 * 3_600_000 * CT)
export const second = new Instrument(options)
second.exchange(EXCHANGED)

/** Hundredths of a kWh that have gone through a meter's face, never rolled over. */
export const counted = (instrument: Instrument, at: number): bigint => BigInt(instrument.energy(1, 0, 0, at)) / BigInt(36_000 * CT)
export const meterAt = (at: number) => (at < EXCHANGED ? first : second)
export const face = (instrument: Instrument, at: number) => ({ raw: Number(counted(instrument, at) % FACE), scaler: -2 })

/** Primary hundredths of a kWh from the start, out of the registers a perfect observer would have seen. */
export const truth = (at: number): bigint => {
  const secondary = (until: number): bigint =>
    until < EXCHANGED
      ? counted(first, until) - counted(first, START)
      : counted(first, EXCHANGED) - counted(first, START) + counted(second, until) - counted(second, EXCHANGED)
  return at <= CORRECTED
    ? secondary(at) * BigInt(CT)
    : secondary(CORRECTED) * BigInt(CT) + (secondary(at) - secondary(CORRECTED)) * BigInt(CORRECT_CT)
}
export const between = (from: number, to: number) => decimalText(truth(to) - truth(from), -2)

export const read = (at: number, change: Partial<RegisterRead> = {}): RegisterRead => {
  const instrument = meterAt(at)
  return {
    at,
    receivedAt: at + 2000,
    value: face(instrument, at),
    meter: instrument === first ? 'OLD' : 'NEW',
    source: 'curve',
    quality: 0,
    ...change,
  }
}
export const isSilent = (at: number) => at >= SILENT[0] && at <= SILENT[1]
export const quarters = (from: number, to: number) =>
  Array.from({ length: (to - from) / QUARTER + 1 }, (_, index) => from + index * QUARTER)

export const FALSE_ZEROS = [local('2026-10-16T08:15'), local('2026-10-17T23:45'), local('2026-10-18T00:00')]
export const curve = quarters(START, END)
  .filter((at) => !isSilent(at))
  .map((at) => (FALSE_ZEROS.includes(at) ? read(at, { value: { raw: 0, scaler: -2 } }) : read(at)))
/** The freezes of the silent day come two days late. */
export const freezes = SILENT.map((at) => read(at, { source: 'day-freeze', receivedAt: at + 2 * 86_400_000 }))
