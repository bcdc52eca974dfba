import { decimalOf } from '../../protocols/index.ts'
import { type Column, type Obis, QUALITY, type Raw, type Reading, seriesOf, shapeOf } from '../core/index.ts'
import type { MeterFacts } from '../normalise/index.ts'

const ACTIVE: Column = { field: 'active', obis: null, unit: '', scaler: 0, integer: true }
const figure = (field: string): Column => ({ field, obis: null, unit: '', scaler: null })

const PLAIN = shapeOf([ACTIVE])
const WITH_VALUE = shapeOf([ACTIVE, figure('value')])
const CONFLICT = shapeOf([ACTIVE, figure('kept'), figure('refused')])

interface Figure {
  readonly raw: Raw
  readonly scaler: number
}

const LONGEST_CODE = 100

/**
 * An event (事件) of a meter as a reading, so that it is as safe as one and goes where they go.
 *
 * @param code   what happened; part of the series, so few and short
 * @param value  what the meter said with it, where that is a number
 */
export const eventReading = (
  { meter, point, area }: Pick<MeterFacts, 'meter' | 'point' | 'area'>,
  code: string,
  at: number,
  receivedAt: number,
  options: { readonly value?: string; readonly isRegistered: boolean },
): Reading => {
  const value = options.value === undefined ? null : decimalOf(options.value)
  const series = seriesOf('event', { meter, point, area, code: code.slice(0, LONGEST_CODE) })
  const quality = options.isRegistered ? 0 : QUALITY.unregistered
  const base = { series, absent: null, ratio: '1', measuredAt: at, receivedAt, quality }
  return value === null
    ? { ...base, shape: PLAIN, raws: [1], scalers: null }
    : { ...base, shape: WITH_VALUE, raws: [1, value.raw], scalers: [0, value.scaler] }
}

/** Two values for one quantity at one instant: the first was kept. */
export const conflictReading = (
  { meter, point, area }: Pick<MeterFacts, 'meter' | 'point' | 'area'>,
  field: Obis | string,
  at: number,
  isRegistered: boolean,
  kept: Figure,
  refused: Figure,
): Reading => ({
  series: seriesOf('event', { meter, point, area, code: `PUSH_CONFLICT ${field}` }),
  shape: CONFLICT,
  raws: [1, kept.raw, refused.raw],
  scalers: [0, kept.scaler, refused.scaler],
  absent: null,
  ratio: '1',
  measuredAt: at,
  receivedAt: at,
  quality: isRegistered ? 0 : QUALITY.unregistered,
})

/** The same claim about the same meter is said again after this long, milliseconds. */
const AGAIN_MS = 15 * 60_000
const MOST_REMEMBERED = 20_000

/** Lets a claim through once in a while: a meter with a wrong clock says so with every message. */
export class Once {
  readonly #said = new Map<string, number>()

  isDue(key: string, at: number): boolean {
    const before = this.#said.get(key)
    if (before !== undefined && at - before < AGAIN_MS) return false
    if (this.#said.size >= MOST_REMEMBERED) this.#said.clear()
    this.#said.set(key, at)
    return true
  }
}
