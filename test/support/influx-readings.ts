import { type Column, type Raw, type Reading, seriesOf, shapeOf } from '../../src/core/index.ts'

const column = (field: string, unit: Column['unit'], scaler: number | null = -2, integer = false): Column => ({
  field,
  obis: `1-0:${field}`,
  unit,
  scaler,
  ...(integer ? { integer } : {}),
})

export const energyShape = shapeOf([column('1.8.0', 'kWh'), column('2.8.0', 'kWh')])
/** The same field as an integer: what a wrong profile would do, and the server refuses. */
export const poisonShape = shapeOf([column('1.8.0', 'kWh', 0, true), column('2.8.0', 'kWh')])

export const START = Date.UTC(2026, 9, 1)

/** A register reading; only what a test speaks of has to be given. */
export const readingOf = (
  meter: string,
  measuredAt: number,
  raws: readonly (Raw | null)[] = [1234567, 89],
  more: Partial<Reading> = {},
): Reading => ({
  series: seriesOf('register', { meter, point: `P-${meter}`, area: 'A1', source: 'live' }),
  shape: energyShape,
  raws,
  scalers: null,
  absent: null,
  ratio: '1',
  measuredAt,
  receivedAt: measuredAt + 1500,
  quality: 0,
  ...more,
})

/** `count` readings of as many meters at one instant; the value on each face is its number. */
export const batchOf = (count: number, measuredAt = START, prefix = 'm'): Reading[] =>
  Array.from({ length: count }, (_, index) => readingOf(`${prefix}${index}`, measuredAt, [index, 1]))
