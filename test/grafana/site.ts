import { type Column, QUALITY, type Raw, type Reading, seriesOf, shapeOf } from '../../src/core/index.ts'
import { CLOCK_SHAPE } from '../../src/gateway/clock-keeper.ts'
import { COMM_SHAPES } from '../../src/gateway/comm.ts'
import { intervalRows, type RegisterFigures } from '../../src/gateway/energy-figures.ts'
import { lossRows } from '../../src/gateway/loss-rows.ts'
import type { LossItem } from '../../src/gateway/loss-types.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR
/** Now, and where days of the site begin. */
export const NOW = Date.parse('2026-11-20T12:00:00Z')
const MIDNIGHT = Date.parse('2026-11-19T16:00:00Z')

const codes = (list: readonly string[], unit: Column['unit']): Column[] =>
  list.map((field) => ({ field, obis: `1-0:${field}`, unit, scaler: -1 }))

const row = (
  series: Reading['series'],
  shape: Reading['shape'],
  measuredAt: number,
  raw: (at: number) => Raw | null,
  quality = 0,
): Reading => ({
  ...{ series, shape, ratio: '1', measuredAt, receivedAt: measuredAt + 1000, quality, absent: null },
  raws: shape.columns.map((_, at) => raw(at)),
  scalers: shape.columns.some(({ scaler }) => scaler === null) ? shape.columns.map(() => 0) : null,
})

const comm = (kind: string, id: string, shape: Reading['shape'], at: number): Reading =>
  row(seriesOf('comm', { kind, id, area: kind === 'meter' || kind === 'concentrator' ? 'A-1' : '' }), shape, at, (column) => 90 - column)

const figure = (from: number, to: number, value: string | null) => ({
  ...{ from, to, value, quality: 0, flags: value === null ? 256 : 0, estimatedPpm: 0, coveredPpm: 1_000_000, version: 1 },
})
const register = (field: string): RegisterFigures => ({
  ...{ field, obis: `1-0:${field}`, unit: 'kWh', dense: '1h', across: ['', ''] },
  periods: {
    day: [figure(MIDNIGHT - DAY, MIDNIGHT, '10.25'), figure(MIDNIGHT, MIDNIGHT + DAY, null)],
    '1h': [figure(MIDNIGHT, MIDNIGHT + HOUR, '0.50')],
    '15m': [figure(MIDNIGHT, MIDNIGHT + HOUR / 4, '0.10')],
  },
})

const loss = (change: Partial<LossItem>): LossItem => ({
  ...{
    from: MIDNIGHT - DAY,
    to: MIDNIGHT,
    supply: '800.00',
    reverse: '0.00',
    generation: '1.00',
    measured: '780.00',
    sold: '780.00',
    loss: '20.00',
  },
  ...{ ofInput: 2.5, ofNet: 2.5, meters: 2, good: 2, meterPpm: 1_000_000, energyPpm: 1_000_000, estimatedPpm: 0, state: 'qualified' },
  ...{ grade: null, judgedIn: '%', faults: [], missing: [], bound: [1, 20, 30], stepKwh: 1, watches: [], version: 1 },
  ...change,
})
const notComputable = (from: number): Partial<LossItem> => ({
  ...{ from, to: from + DAY, sold: null, loss: null, ofInput: null, ofNet: null, state: 'not-computable', faults: ['meters-missing'] },
  bound: [20, 100, 400],
})

/** A day of a small site, in the rows the gateway itself makes: each panel has something to show. */
export const siteRows = (): Reading[] => {
  const meter = { meter: 'M-1', point: 'P-1', area: 'A-1' }
  const instants = shapeOf([
    ...codes(['32.7.0', '52.7.0', '72.7.0'], 'V'),
    ...codes(['31.7.0', '51.7.0', '71.7.0', '91.7.0'], 'A'),
    ...codes(['16.7.0', '36.7.0', '56.7.0', '76.7.0'], 'kW'),
    ...codes(['13.7.0', '33.7.0', '53.7.0', '73.7.0'], ''),
  ])
  const registers = shapeOf(codes(['1.8.0', '1.8.1', '1.8.2', '1.8.3', '1.8.4', '2.8.0'], 'kWh'))
  const rows: Reading[] = []
  for (let at = NOW - 6 * HOUR; at < NOW; at += HOUR / 4) {
    rows.push(row(seriesOf('instant', { ...meter, source: 'live' }), instants, at, (column) => 2300 + column))
    rows.push(comm('line', 'line-1', COMM_SHAPES.line, at), comm('meter', 'M-1', COMM_SHAPES.meter, at))
    rows.push(comm('meter', 'M-2', COMM_SHAPES.pushed, at), comm('broker', 'broker-1', COMM_SHAPES.broker, at))
    rows.push(comm('concentrator', 'T-1', COMM_SHAPES.concentrator, at), comm('meter', 'M-1', CLOCK_SHAPE, at + 1))
  }
  const freeze = seriesOf('register', { ...meter, source: 'day-freeze' })
  rows.push(
    row(freeze, registers, MIDNIGHT, (column) => 12_345 + column),
    row(freeze, registers, MIDNIGHT - DAY, () => 1, QUALITY.clockDoubtful),
  )
  const active = shapeOf([{ field: 'active', obis: null, unit: '', scaler: 0, integer: true }])
  rows.push(row(seriesOf('event', { ...meter, code: 'COVER_OPEN' }), active, MIDNIGHT + HOUR, () => 1))
  for (const period of ['day', '1h', '15m'] as const)
    rows.push(...intervalRows({ point: 'P-1', area: 'A-1', period, now: NOW }, [register('1.8.0'), register('2.8.0')], () => true))
  rows.push(...lossRows('A-1', 'day', [loss({}), loss(notComputable(MIDNIGHT - 2 * DAY))], NOW))
  rows.push(...lossRows('A-1', '15m', [loss({ from: MIDNIGHT, to: MIDNIGHT + HOUR / 4 })], NOW))
  rows.push(...lossRows('A-1', 'month', [loss({ from: MIDNIGHT - 19 * DAY })], NOW))
  return rows
}
