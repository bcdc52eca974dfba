import { LOSS_FAULTS, LOSS_STATES, WATCHES } from '../anomaly/index.ts'
import { type Column, decimalOfFloat64, QUALITY, type Raw, type Reading, seriesOf, shapeOf } from '../core/index.ts'
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
    const values = [
      ...[item.supply, item.reverse, item.generation, item.sold, item.loss].map(decimalOf),
      ...[item.ofInput, item.ofNet, item.bound?.[0] ?? null, item.bound?.[2] ?? null].map((value) =>
        value === null ? null : decimalOfFloat64(value),
      ),
    ]
    const raws: (Raw | null)[] = values.map((value) => value?.raw ?? null)
    const absent = new Map(values.flatMap((value, at): [number, string][] => (value === null ? [[at, 'LOSS_UNKNOWN']] : [])))
    const integers = [
      values.reduce((bits, value, at) => (value === null ? bits : bits | (1 << at)), 0),
      ...[LOSS_STATES.indexOf(item.state), bitsOf(item.faults, LOSS_FAULTS), bitsOf(item.watches, WATCHES), item.meters, item.good],
      // -1 = nobody knows.
      ...[item.missing.length, item.energyPpm ?? -1, item.estimatedPpm, item.version],
    ]
    return {
      ...{ series, shape, raws: [...raws, ...integers], absent: absent.size > 0 ? absent : null, ratio: '1' },
      scalers: [...values.map((value) => value?.scaler ?? 0), ...integers.map(() => 0)],
      ...{ measuredAt: item.from, receivedAt: now },
      quality: (absent.size > 0 ? QUALITY.partial : 0) | (item.estimatedPpm > 0 ? QUALITY.estimated : 0),
    }
  })
}
