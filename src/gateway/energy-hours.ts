import { type Decimal, decimalText, rescale } from '../core/index.ts'
import { ENERGY_FLAGS, sumOf } from '../energy/index.ts'
import type { EnergyDays, EnergyPeriod } from './energy-days.ts'
import { decimalOf, type Figure, type RegisterFigures } from './energy-figures.ts'

/**
 * Figures of a register by a period. One that is read quarter by quarter is kept so and has no hours of its own: they are the sums of its
 * quarter hours.
 */
export const figuresBy = ({ periods }: Pick<RegisterFigures, 'periods'>, period: EnergyPeriod, days: EnergyDays): readonly Figure[] =>
  periods[period] ?? (period === '1h' ? hoursOf(periods['15m'] ?? [], days) : [])

const HOUR_MS = 3_600_000

/** Quarter hours by the local hour they lie in, which ends with its day at the latest. */
export const byHour = <Quarter extends { readonly from: number }>(quarters: readonly Quarter[], days: EnergyDays) => {
  const hours = new Map<number, Quarter[]>()
  for (const quarter of quarters) {
    // Every zone begins its days at a quarter hour, and its hours from there.
    const midnight = days.start(days.of(quarter.from))
    const hour = midnight + Math.floor((quarter.from - midnight) / HOUR_MS) * HOUR_MS
    const members = hours.get(hour)
    if (members) members.push(quarter)
    else hours.set(hour, [quarter])
  }
  return [...hours].map(([from, members]) => ({ from, to: Math.min(from + HOUR_MS, days.end(days.of(from))), members }))
}

/** Hours whose quarters are all there, known or not: one that goes on is none yet. Of what is not known in part nothing is known. */
const hoursOf = (quarters: readonly Figure[], days: EnergyDays): Figure[] => {
  return byHour(quarters, days).flatMap(({ from, to, members }): Figure[] => {
    if (members.reduce((length, one) => length + one.to - one.from, 0) !== to - from) return []
    const values = members.flatMap(({ value }) => decimalOf(value) ?? [])
    const total = values.length === members.length ? sumOf(values) : null
    const flags = members.reduce((all, one) => all | one.flags, 0)
    return [
      {
        ...{ from, to, value: total && decimalText(total.raw, total.scaler), flags: total ? flags : flags | ENERGY_FLAGS.missing },
        quality: members.reduce((all, one) => all | one.quality, 0),
        estimatedPpm: total ? estimatedOf(members, total) : 0,
        coveredPpm: Math.round(members.reduce((sum, one) => sum + one.coveredPpm * (one.to - one.from), 0) / (to - from)),
        version: Math.max(...members.map(({ version }) => version)),
      },
    ]
  })
}

/** Estimated energy in millionths of all; of an hour without any the largest share of a quarter. */
const estimatedOf = (members: readonly Figure[], total: Decimal): number => {
  const guess = sumOf(
    members.flatMap(({ value, estimatedPpm }) => {
      const known = decimalOf(value)
      return known ? [{ raw: BigInt(known.raw) * BigInt(estimatedPpm), scaler: known.scaler }] : []
    }),
  )
  const scaler = Math.min(guess.scaler, total.scaler)
  const all = BigInt(rescale(total, scaler).raw)
  if (all <= 0n) return Math.max(...members.map(({ estimatedPpm }) => estimatedPpm))
  return Math.min(1_000_000, Number(BigInt(rescale(guess, scaler).raw) / all))
}
