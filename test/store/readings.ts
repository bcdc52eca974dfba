import { decimalNumber, decimalText } from '../../src/core/decimal.ts'
import { type Column, type Reading, type Series, scalerAt, seriesOf, shapeOf } from '../../src/core/reading.ts'

const column = (field: string, unit: Column['unit'], scaler: number | null = -2): Column => ({ field, obis: `1-0:${field}`, unit, scaler })
export const energy = shapeOf([column('1.8.0', 'kWh'), column('2.8.0', 'kWh')])
export const electric = shapeOf([column('32.7.0', 'V', -1), column('31.7.0', 'A', -3), column('1.7.0', 'kW', null)])

/** A register reading of one meter; only what a test speaks of has to be given. */
export const registers = (meter: string, measuredAt: number, more: Partial<Reading> & { source?: string; area?: string } = {}): Reading => {
  const { source = 'live', area = 'A1', ...rest } = more
  const series: Series = seriesOf('register', { meter, point: `P-${meter}`, area, source })
  return {
    series,
    shape: energy,
    raws: [1234567, 89],
    scalers: null,
    absent: null,
    ratio: '1',
    measuredAt,
    receivedAt: measuredAt + 1500,
    quality: 0,
    ...rest,
  }
}

/** A reading as every store must give it back: values by field, in their unit; absent ones are not there. */
export const face = (reading: Reading) => ({
  series: reading.series.key,
  at: new Date(reading.measuredAt).toISOString(),
  ratio: reading.ratio,
  quality: reading.quality,
  values: Object.fromEntries(
    reading.shape.columns.flatMap(({ field }, index) => {
      const raw = reading.raws[index]
      return raw === null || raw === undefined ? [] : [[field, decimalNumber(raw, scalerAt(reading, index))]]
    }),
  ),
})

/** The same to the last digit. */
export const exactFace = (reading: Reading) => ({
  ...face(reading),
  shape: reading.shape.key,
  texts: reading.shape.columns.map((_, index) => {
    const raw = reading.raws[index]
    return raw === null || raw === undefined ? null : decimalText(raw, scalerAt(reading, index))
  }),
})

export const inOrder = (faces: readonly { at: string; series: string }[]) =>
  [...faces].sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : a.series < b.series ? -1 : 1))
