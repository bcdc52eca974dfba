import { expect, it } from 'vitest'
import { bandOf, type SignalLevel, signalFigures } from '../../../src/anomaly/index.ts'
import { HOUR, type Made, made, of, onBus, poll, START, silence, viewAt } from './made.ts'

const figures = (area: Made, level: SignalLevel, from = 0, to = 120) => {
  const { frame, comm } = viewAt(area, 5)
  if (!comm) throw new Error('no comm')
  return signalFigures(
    [{ fact: { ...frame.fact, zone: 'Z' }, meters: frame.meters.map(({ fact }) => fact), comm }],
    level,
    START + from * HOUR,
    START + to * HOUR,
  )
}

it('puts the farthest below the median of its zone first', () => {
  const area = made(41)
  silence(area, ['M03'], 0, 60)
  silence(area, ['M15'], 0, 12)
  const [first, second] = figures(area, 'meter')
  expect([first?.id, first?.readPct, first?.zoneMedianPct, first?.belowZonePct]).toEqual(['M03', 50, 100, 50])
  expect(second).toMatchObject({ id: 'M15', readPct: 90, completeHoursPct: 90, area: 'A', zone: 'Z', bus: 'B1', concentrator: 'C1' })
})

it.each<[SignalLevel, readonly string[]]>([
  ['bus', ['B1', 'B0', 'B2']],
  ['concentrator', ['C1', 'C2']],
  ['area', ['A']],
  ['zone', ['Z']],
])('sums a %s up', (level, ids) => {
  const area = made(42, 5, 0)
  silence(area, onBus(area, 'B1'), 0, 12)
  const found = figures(area, level)
  expect(found.map(({ id }) => id)).toEqual(ids)
  expect(found.reduce((sum, { polls, read }) => sum + polls - read, 0)).toBe(8 * 12 * 4)
})

it('counts what repeats saved', () => {
  const area = made(43, 5, 0)
  const { ok, timeouts, crcErrors } = of(area, 'M03')
  // 10 polls lost after two attempts each, 6 saved by the second.
  for (let hour = 0; hour < 10; hour++) ok[hour] = 3
  timeouts.fill(2, 0, 10)
  crcErrors.fill(1, 20, 26)
  const [first] = figures(area, 'meter')
  expect(first).toMatchObject({ id: 'M03', polls: 480, read: 470, timeouts: 20, crcErrors: 6 })
  expect(first?.firstTryPct).toBeCloseTo((100 * 464) / 480, 9)
})

it('looks at the hours that are asked for', () => {
  const area = made(44)
  silence(area, ['M03'], 50, 60)
  expect(figures(area, 'meter', 50, 60)[0]).toMatchObject({ id: 'M03', polls: 40, read: 0 })
  expect(figures(area, 'meter', 60, 120).every(({ belowZonePct }) => (belowZonePct ?? 0) < 5)).toBe(true)
})

it('says nothing where nothing was asked', () => {
  const area = made(45)
  of(area, 'M03').polls.fill(Number.NaN)
  expect(figures(area, 'meter').find(({ id }) => id === 'M03')).toMatchObject({
    polls: 0,
    readPct: null,
    belowZonePct: null,
    band: expect.any(String),
  })
})

it.each([
  ['hplc', 10.1, null, 0, 'good'],
  ['hplc', 10, null, 0, 'watch'],
  ['hplc', 5, null, 0, 'watch'],
  ['hplc', 4.9, null, 0, 'bad'],
  ['rf', 20, -85.5, 0, 'watch'],
  ['4g', null, -111, 0, 'bad'],
  ['rs485', null, null, 0, 'good'],
  ['rs485', null, null, 1, 'watch'],
  ['rs485', null, null, 11, 'bad'],
  [null, null, null, 0, 'good'],
])('%s with %d dB, %d dBm and %d failures of 1000 is %s', (link, snr, rssi, failed, band) =>
  expect(bandOf(link, snr, rssi, { failed, attempts: 1000 })).toBe(band),
)

it('knows no band of what was never asked', () => expect(bandOf('rs485', null, null, { failed: 0, attempts: 0 })).toBe('unknown'))

it('is not disturbed by noise that is the same everywhere', () => {
  const area = made(46)
  for (const { id } of area.facts) for (let hour = 0; hour < 120; hour++) poll(area, id, hour, 0.2, 0.5)
  expect(Math.max(...figures(area, 'meter').map(({ belowZonePct }) => belowZonePct ?? 0))).toBeLessThan(5)
})
