import { LOSS_FAULTS, LOSS_STATES, WATCHES } from '../anomaly/index.ts'
import { type Column, type Decimal, decimalOfFloat64, QUALITY, type Raw, type Reading, seriesOf, shapeOf } from '../core/index.ts'
import { decimalOf } from './energy-figures.ts'
import type { LossItem } from './loss-types.ts'

export type LossPeriod = '15m' | 'day' | 'month'

const kwh = (field: string): Column => ({ field, obis: null, unit: 'kWh', scaler: null })
const figure = (field: string): Column => ({ field, obis: null, unit: '', scaler: null })
const integer = (field: string): Column => ({ field, obis: null, unit: '', scaler: 0, integer: true })

/** Fields that may be not known, in the order of their bits in `known`. A public interface: see docs/line-loss.md. */
const OPTIONAL = [
  'supply_kwh',
  'reverse_kwh',
  'generation_kwh',
  'sold_kwh',
  'loss_kwh',
  'loss_pct',
  'net_loss_pct',
  'low_kwh',
  'high_kwh',
] as const

const shape = shapeOf([
  ...OPTIONAL.map((field) => (field.endsWith('_kwh') ? kwh(field) : figure(field))),
  ...['known', 'state', 'faults', 'watches', 'meters', 'good_meters', 'missing', 'energy_ppm', 'estimated_ppm', 'version'].map(integer),
])

/** Bits of a list of words that has a fixed order. */
const bitsOf = (words: readonly string[], all: readonly string[]): number =>
  words.reduce((bits, word) => bits | (1 << all.indexOf(word)), 0)

/**
 * Rows of the measurement `area`. Every integer is written every time: where a row is written again, a field that is not named keeps its old
 * value in some stores, and `known` says which of them hold.
 */
export const lossRows = (area: string, period: LossPeriod, items: readonly LossItem[], now: number): Reading[] => {
  const series = seriesOf('area', { area, period })
  return items.map((item): Reading => {
    const raws: (Raw | null)[] = []
    const scalers: number[] = []
    let absent: Map<number, string> | null = null
    let known = 0
    const add = (value: Decimal | null): void => {
      if (value === null) {
        absent ??= new Map()
        absent.set(raws.length, 'LOSS_UNKNOWN')
      } else known |= 1 << raws.length
      raws.push(value?.raw ?? null)
      scalers.push(value?.scaler ?? 0)
    }
    for (const value of [item.supply, item.reverse, item.generation, item.sold, item.loss]) add(decimalOf(value))
    for (const value of [item.ofInput, item.ofNet, item.bound?.[0] ?? null, item.bound?.[2] ?? null])
      add(value === null ? null : decimalOfFloat64(value))
    raws.push(known, LOSS_STATES.indexOf(item.state), bitsOf(item.faults, LOSS_FAULTS), bitsOf(item.watches, WATCHES))
    // -1 = nobody knows.
    raws.push(item.meters, item.good, item.missing.length, item.energyPpm ?? -1, item.estimatedPpm, item.version)
    while (scalers.length < raws.length) scalers.push(0)
    return {
      ...{ series, shape, raws, scalers, absent, ratio: '1', measuredAt: item.from, receivedAt: now },
      quality: (absent === null ? 0 : QUALITY.partial) | (item.estimatedPpm > 0 ? QUALITY.estimated : 0),
    }
  })
}
