import { type Column, type Reading, type Series, seriesOf, shapeOf } from '../src/core/reading.ts'

/** Steps are a quarter of an hour apart. */
export const STEP_MS = 900_000
/** Meters of one transformer area. */
export const METERS_AN_AREA = 100
/** Values of one row. */
export const FIELDS = 12

const column = (code: string, unit: Column['unit'], scaler: number): Column => ({ field: code, obis: `1-0:${code}`, unit, scaler })

/** What a three-phase meter reports in one sweep, as its scaled integers. */
export const meterShape = shapeOf([
  column('32.7.0', 'V', -1),
  column('52.7.0', 'V', -1),
  column('72.7.0', 'V', -1),
  column('31.7.0', 'A', -3),
  column('51.7.0', 'A', -3),
  column('71.7.0', 'A', -3),
  column('1.7.0', 'kW', -4),
  column('3.7.0', 'kvar', -4),
  column('13.7.0', '', -3),
  column('14.7.0', 'Hz', -2),
  column('1.8.0', 'kWh', -2),
  column('2.8.0', 'kWh', -2),
])

/** A repeatable stream of numbers in [0, 1), so that every run and every store gets the same rows. */
const randomOf = (seed: number) => {
  let state = seed >>> 0
  return (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

export const meterSeries = (meter: number): Series =>
  seriesOf('register', {
    meter: String(202_611_000_000 + meter),
    point: `P${String(meter).padStart(6, '0')}`,
    area: `A${String(Math.floor(meter / METERS_AN_AREA)).padStart(4, '0')}`,
    source: 'live',
  })

/**
 * Rows as a field of meters sends them: all meters of one quarter of an hour, then the next; noisy voltages, loads that come and
 * go, registers that follow the load. A tenth of the meters feed in at noon.
 *
 * @yields  one step: a reading of every meter
 */
export function* meterRows(meters: number, steps: number, start: number): Generator<readonly Reading[]> {
  const random = randomOf(20_261_121)
  const series = Array.from({ length: meters }, (_, meter) => meterSeries(meter))
  const taken = Float64Array.from({ length: meters }, () => Math.floor(random() * 3_000_000))
  const given = Float64Array.from({ length: meters }, (_, meter) => (meter % 10 === 0 ? Math.floor(random() * 500_000) : 0))
  const load = Float64Array.from({ length: meters }, () => random() * 8)
  for (let step = 0; step < steps; step++) {
    const measuredAt = start + step * STEP_MS
    const hour = (step / 4) % 24
    const readings: Reading[] = new Array(meters)
    for (let meter = 0; meter < meters; meter++) {
      load[meter] = Math.max(0.05, load[meter]! + (random() - 0.5) * 2)
      const ampere = load[meter]! * (hour > 6 && hour < 23 ? 1 : 0.4)
      const volt = 2310 - ampere * 4 + random() * 20
      const raws = [volt, volt + random() * 12 - 6, volt + random() * 12 - 6].map(Math.floor)
      const currents = [ampere, ampere * (0.8 + random() * 0.3), ampere * (0.7 + random() * 0.4)].map((value) => Math.floor(value * 1000))
      const factor = 0.9 + random() * 0.09
      const kw = ((raws[0]! * currents[0]! + raws[1]! * currents[1]! + raws[2]! * currents[2]!) / 1e7) * factor
      const feeds = meter % 10 === 0 && hour > 10 && hour < 15
      if (feeds) given[meter] = given[meter]! + Math.floor(random() * 80)
      else taken[meter] = taken[meter]! + kw * 25
      readings[meter] = {
        series: series[meter]!,
        shape: meterShape,
        raws: [
          ...raws,
          ...currents,
          Math.floor(kw * 1e4) * (feeds ? -1 : 1),
          Math.floor(kw * 1e4 * Math.sqrt(1 / (factor * factor) - 1)),
          Math.floor(factor * 1000),
          4995 + Math.floor(random() * 10),
          Math.floor(taken[meter]!),
          given[meter]!,
        ],
        scalers: null,
        absent: null,
        ratio: '1',
        measuredAt,
        receivedAt: measuredAt + 1000 + Math.floor(random() * 8000),
        quality: 0,
      }
    }
    yield readings
  }
}
