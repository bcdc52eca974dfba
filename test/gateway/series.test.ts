import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { EnergyItemView, LossItemView, SeriesPlan, SeriesQuestion } from '../../src/api/index.ts'
import { decimalText, ok, QUALITY, type Reading, seriesOf, shapeOf } from '../../src/core/index.ts'
import { EnergyDays } from '../../src/gateway/energy-days.ts'
import { openSeries, type SeriesDeps } from '../../src/gateway/series.ts'
import { spansBefore, spansOf } from '../../src/gateway/series-buckets.ts'
import { cadenceOf, changeOf, foldSamples, NOTHING, quotient, type Sample } from '../../src/gateway/series-values.ts'

const SHANGHAI = new EnergyDays('Asia/Shanghai')
const BERLIN = new EnergyDays('Europe/Berlin')
const LATE = Date.parse('2030-01-01T00:00:00Z')
const at = (text: string) => Date.parse(text)
const HOUR = 3_600_000

describe('buckets', () => {
  it('are whole ones of the calendar, with 23 to 25 hours a day', () => {
    const spans = spansOf(BERLIN, 'day', at('2026-10-24T12:00:00+02:00'), at('2026-10-25T12:00:00+01:00'), LATE)
    expect(spans.map(({ from, to }) => (to - from) / HOUR)).toEqual([24, 25])
    expect(spansOf(BERLIN, '1h', at('2026-03-29T00:00:00+01:00'), at('2026-03-30T00:00:00+02:00'), LATE)).toHaveLength(23)
    expect(spansOf(BERLIN, '15m', at('2026-10-25T00:00:00+02:00'), at('2026-10-26T00:00:00+01:00'), LATE)).toHaveLength(100)
    expect(spansOf(SHANGHAI, 'month', at('2026-01-31T23:00:00+08:00'), at('2026-02-01T01:00:00+08:00'), LATE)).toHaveLength(2)
    expect(
      spansOf(SHANGHAI, 'day', at('2026-11-20T00:00:00+08:00'), at('2026-11-25T00:00:00+08:00'), at('2026-11-21T12:00:00+08:00')),
    ).toHaveLength(2)
  })
  it('stand beside the same day of the year before, and beside nothing where there was none', () => {
    const spans = spansOf(SHANGHAI, 'day', at('2028-02-28T00:00:00+08:00'), at('2028-03-02T00:00:00+08:00'), LATE)
    expect(spansBefore(SHANGHAI, 'day', 'yoy', spans, 0).map((span) => span && SHANGHAI.of(span.from))).toEqual([
      '2027-02-28',
      null,
      '2027-03-01',
    ])
  })
  it('of a month stand beside the month before, day by day', () => {
    const spans = spansOf(SHANGHAI, 'day', at('2026-03-01T00:00:00+08:00'), at('2026-04-01T00:00:00+08:00'), LATE)
    const before = spansBefore(SHANGHAI, 'day', 'mom', spans, spans.at(-1)?.to ?? 0).map((span) => span && SHANGHAI.of(span.from))
    expect([before[0], before[27], before[28], before[30]]).toEqual(['2026-02-01', '2026-02-28', null, null])
  })
  it('of some days stand beside as many days before, of some hours beside as many hours', () => {
    const week = spansOf(SHANGHAI, '1h', at('2026-11-16T00:00:00+08:00'), at('2026-11-23T00:00:00+08:00'), LATE)
    expect(spansBefore(SHANGHAI, '1h', 'mom', week, week.at(-1)?.to ?? 0)[0]).toEqual({
      from: at('2026-11-09T00:00:00+08:00'),
      to: at('2026-11-09T01:00:00+08:00'),
    })
    const hours = spansOf(SHANGHAI, '1h', at('2026-11-16T08:00:00+08:00'), at('2026-11-16T12:00:00+08:00'), LATE)
    expect(spansBefore(SHANGHAI, '1h', 'mom', hours, hours.at(-1)?.to ?? 0)[0]?.from).toBe(at('2026-11-16T04:00:00+08:00'))
    const months = spansOf(SHANGHAI, 'month', at('2026-01-01T00:00:00+08:00'), at('2026-04-01T00:00:00+08:00'), LATE)
    expect(spansBefore(SHANGHAI, 'month', 'mom', months, months.at(-1)?.to ?? 0).map((span) => span && SHANGHAI.of(span.from))).toEqual([
      '2025-10-01',
      '2025-11-01',
      '2025-12-01',
    ])
  })
  it('keep the wall clock where summer time begins on another day', () => {
    const spans = spansOf(BERLIN, '1h', at('2026-03-29T12:00:00+02:00'), at('2026-03-29T13:00:00+02:00'), LATE)
    expect(spansBefore(BERLIN, '1h', 'yoy', spans, 0)).toEqual([
      { from: at('2025-03-29T12:00:00+01:00'), to: at('2025-03-29T13:00:00+01:00') },
    ])
  })
})

describe('values of a bucket', () => {
  const sample = (minute: number, raw: number, quality = 0): Sample => ({ at: minute * 60_000, value: { raw, scaler: -1 }, quality })
  const HOURS = [
    { from: 0, to: HOUR },
    { from: HOUR, to: 2 * HOUR },
    { from: 2 * HOUR, to: 3 * HOUR },
  ]
  const samples = [
    sample(0, 2301),
    sample(15, 2299),
    sample(30, 9999, QUALITY.quarantined),
    sample(45, 2302, QUALITY.estimated),
    sample(120, 2310),
  ]
  it('have coverage, worst quality and what was excluded; a bucket without any is a gap', () => {
    expect(foldSamples(samples, HOURS, 'mean', 'good', 900_000, LATE)).toEqual([
      { value: '230.0667', coverage: 0.5, quality: 'estimated', count: 3, excluded: 1 },
      { value: null, coverage: 0, quality: null, count: 0, excluded: 0 },
      { value: '231.0000', coverage: 0.25, quality: 'good', count: 1, excluded: 0 },
    ])
  })
  it.each([
    ['min', '229.9'],
    ['max', '230.2'],
    ['last', '230.2'],
    ['sum', '690.2'],
  ] as const)('%s is %s', (fn, value) => {
    expect(foldSamples(samples, HOURS, fn, 'good', 900_000, LATE)[0]?.value).toBe(value)
  })
  it('use what is doubtful only when asked to, and say so', () => {
    expect(foldSamples(samples, HOURS, 'max', 'any', 900_000, LATE)[0]).toEqual({
      value: '999.9',
      coverage: 0.5,
      quality: 'quarantined',
      count: 4,
      excluded: 0,
    })
  })
  it('have no coverage where nobody knows how many were due', () => {
    expect(foldSamples([sample(0, 1)], HOURS, 'last', 'good', null, LATE).map(({ coverage }) => coverage)).toEqual([null, 0, 0])
  })
  it('are due only so far as time has gone on', () => {
    expect(foldSamples([sample(0, 1), sample(15, 1)], HOURS, 'last', 'good', 900_000, 30 * 60_000)[0]?.coverage).toBe(1)
  })
  it('have a rhythm that gaps do not hide', () => {
    expect(cadenceOf([0, 15, 30, 60, 75, 600].map((minute) => ({ at: minute * 60_000 })))).toBe(900_000)
    expect(cadenceOf([{ at: 0 }])).toBeNull()
  })
  it.each([10, 120, 180, 1200, 2 * 3600, 6 * 3600])('of a rhythm of %i s are all due: half of them are half', (seconds) => {
    const all = Array.from({ length: 48 }, (_, at): Sample => ({ at: at * seconds * 1000, value: { raw: 1, scaler: 0 }, quality: 0 }))
    const cadence = cadenceOf(all)
    expect(cadence).toBe(seconds * 1000)
    const half = { from: 24 * seconds * 1000, to: 48 * seconds * 1000 }
    const some = all.filter((_, at) => at < 24 || at >= 36)
    expect(cadenceOf(some)).toBe(cadence)
    expect(foldSamples(some, [half], 'mean', 'good', cadenceOf(some), LATE)).toMatchObject([{ count: 12, coverage: 0.5 }])
  })
  it('of polls that come early or late have the rhythm they were asked in', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(1, 5, 15, 30, 60),
        fc.array(fc.integer({ min: -100, max: 100 }), { minLength: 60, maxLength: 60 }),
        (minutes, late) => {
          const polls = late.map((share, at) => ({ at: (at + share / 1000) * minutes * 60_000 }))
          expect(cadenceOf(polls)).toBe(minutes * 60_000)
        },
      ),
    )
  })
  it('sum, mean and extremes agree with exact arithmetic', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -1e9, max: 1e9 }), { minLength: 1, maxLength: 60 }), (raws) => {
        const all = raws.map((raw, minute) => sample(minute, raw))
        const of = (fn: 'sum' | 'mean' | 'min' | 'max') => foldSamples(all, [{ from: 0, to: HOUR }], fn, 'good', null, LATE)[0]?.value
        const sum = raws.reduce((a, b) => a + BigInt(b), 0n)
        expect(of('sum')).toBe(decimalText(sum, -1))
        expect(of('min')).toBe(decimalText(Math.min(...raws), -1))
        expect(of('max')).toBe(decimalText(Math.max(...raws), -1))
        expect(Math.abs(Number(of('mean')) - Number(sum) / 10 / raws.length)).toBeLessThan(1e-4)
      }),
    )
  })
  it('quotients are rounded half away from zero', () => {
    expect(
      [quotient({ raw: 1, scaler: 0 }, 8n, 2), quotient({ raw: -1, scaler: 0 }, 8n, 2)].map(({ raw, scaler }) => decimalText(raw, scaler)),
    ).toEqual(['0.13', '-0.13'])
  })
  it.each([
    ['110', '100', '10', '10.0000'],
    ['90', '100', '-10', '-10.0000'],
    ['-5', '-10', '5', '50.0000'],
    ['5', '0', '5', null],
    ['0', '3', '-3', '-100.0000'],
    [null, '3', null, null],
    ['3', null, null, null],
  ])('%s beside %s', (value, before, difference, percent) => {
    expect(changeOf({ ...NOTHING, value }, { ...NOTHING, value: before, coverage: 0.5 })).toEqual({
      value: before,
      coverage: 0.5,
      difference,
      percent,
    })
  })
})

const shape = shapeOf([
  { field: '1.8.0', obis: '1-0:1.8.0', unit: 'kWh', scaler: -2 },
  { field: '32.7.0', obis: '1-0:32.7.0', unit: 'V', scaler: -1 },
])
const reading = (
  when: string,
  raws: Reading['raws'],
  source = 'curve',
  quality = 0,
  measurement: 'register' | 'instant' = 'instant',
): Reading => ({
  series: seriesOf(measurement, { meter: 'M', point: 'P', area: 'A', source }),
  ...{ shape, raws, scalers: null, absent: null, ratio: '40', measuredAt: at(when), receivedAt: at(when), quality },
})
const energyItem = (from: number, to: number, value: string | null, change: Partial<EnergyItemView> = {}): EnergyItemView => ({
  ...{ from, to, value, quality: ['good'], reasons: [], estimatedPpm: 0, coveredPpm: 1_000_000, version: 1, evidence: null },
  ...change,
})
const portOf = (change: Partial<SeriesDeps> = {}) =>
  openSeries({
    ...{ days: SHANGHAI, now: () => LATE },
    store: { range: async () => ok({ readings: [], next: null }) },
    energy: { energy: async () => ok({ zone: 'Asia/Shanghai', pending: false, registers: [] }) },
    loss: { areaLoss: () => ok({ zone: 'Asia/Shanghai', pending: false, thresholds: { version: 1, inForce: [] }, items: [] }) },
    ...change,
  })
const question = (change: Partial<SeriesQuestion> = {}): SeriesQuestion => ({
  ...{
    kind: 'instant',
    from: at('2026-11-21T00:00:00+08:00'),
    to: at('2026-11-22T00:00:00+08:00'),
    bucket: '1h',
    fn: 'mean',
    quality: 'good',
    compare: 'none',
  },
  ...{ codes: null, sources: null },
  ...change,
})
const planned = (port: ReturnType<typeof portOf>, asked: SeriesQuestion): SeriesPlan => {
  const plan = port.plan(asked)
  if (!plan.ok) throw new Error(plan.error.error.code)
  return plan.value
}
const linesOf = async (port: ReturnType<typeof portOf>, asked: SeriesQuestion, id = 'P') => {
  const lines = await port.lines(planned(port, asked), id)
  if (!lines.ok) throw new Error(lines.error.error.code)
  return lines.value
}

describe('a series', () => {
  it.each([
    [{ kind: 'register', fn: 'sum' }, 'SERIES_SUM'],
    [{ kind: 'register', fn: 'mean', codes: ['1-0:1.8.0'] }, 'SERIES_SUM'],
    [{ kind: 'instant', fn: 'increase' }, 'SERIES_SUM'],
    [{ kind: 'energy', fn: 'increase' }, 'SERIES_SUM'],
    [{ kind: 'area', fn: 'mean' }, 'SERIES_FIELD'],
    [{ kind: 'area', fn: 'sum', codes: ['1.8.0'] }, 'SERIES_FIELD'],
    [{ from: 0 }, 'SERIES_RANGE'],
  ] as const)('%j has no sense and is refused', (change, code) => {
    const plan = portOf().plan(question(change))
    expect(plan.ok ? null : plan.error).toMatchObject({ because: 'not-possible', error: { code } })
  })
  it('may take the mean of a demand register, which does not count up', () => {
    expect(portOf().plan(question({ kind: 'register', fn: 'mean', codes: ['1-0:1.6.0'] })).ok).toBe(true)
  })
  it('takes one value for an instant, of the best source', async () => {
    const readings = [
      reading('2026-11-21T00:00:00+08:00', [null, 2300], 'live'),
      reading('2026-11-21T00:00:00+08:00', [null, 2400], 'curve'),
      reading('2026-11-21T00:15:00+08:00', [null, 9000], 'curve', QUALITY.quarantined),
      reading('2026-11-21T00:15:00+08:00', [null, 2420], 'live'),
    ]
    const port = portOf({ store: { range: async () => ok({ readings, next: null }) } })
    const [line, ...others] = await linesOf(port, question({ codes: ['1-0:32.7.0'] }))
    expect(others).toEqual([])
    expect(line).toMatchObject({ code: '1-0:32.7.0', unit: 'V', direction: '', ratioApplied: true })
    expect(line?.values).toHaveLength(24)
    expect(line?.values[0]).toEqual({ value: '241.0000', coverage: 0.5, quality: 'good', count: 2, excluded: 0 })
    expect(line?.values.slice(1).every(({ value, coverage }) => value === null && coverage === 0)).toBe(true)
  })
  it('of registers is as displayed, and its increase is energy with the ratio applied', async () => {
    const readings = [reading('2026-11-21T00:00:00+08:00', [12345, null], 'curve', 0, 'register')]
    const from = at('2026-11-21T00:00:00+08:00')
    const items = [energyItem(from, from + 86_400_000, '100.00', { estimatedPpm: 250_000 })]
    const port = portOf({
      store: { range: async () => ok({ readings, next: null }) },
      energy: {
        energy: async () =>
          ok({
            zone: '',
            pending: false,
            registers: [
              { register: '1.8.0', obis: '1-0:1.8.0', unit: 'kWh', total: null, known: 1, due: 1, estimatedPpm: 0, items, findings: [] },
            ],
          }),
      },
    })
    const asked = { kind: 'register', bucket: 'day', codes: ['1-0:1.8.0'] } as const
    expect((await linesOf(port, question({ ...asked, fn: 'last' })))[0]).toMatchObject({
      direction: 'import',
      ratioApplied: false,
      values: [{ value: '123.45' }],
    })
    expect((await linesOf(port, question({ ...asked, fn: 'increase' })))[0]).toMatchObject({
      ratioApplied: true,
      values: [{ value: '100.00', coverage: 0.75, quality: 'estimated' }],
    })
  })
  it('that was asked for by its code is there although nothing is known of it', async () => {
    const [line] = await linesOf(portOf(), question({ kind: 'energy', bucket: 'day', fn: 'sum', codes: ['1-0:1.8.0'] }))
    expect(line?.values).toEqual([NOTHING])
  })
  it('stands beside the year before, where both are known', async () => {
    const of = (when: string, value: string) => energyItem(at(when), at(when) + 86_400_000, value)
    const items = [of('2026-11-20T00:00:00+08:00', '120'), of('2026-11-21T00:00:00+08:00', '90'), of('2025-11-20T00:00:00+08:00', '100')]
    const port = portOf({
      energy: {
        energy: async (_, { from, to }) =>
          ok({
            zone: '',
            pending: false,
            registers: [
              {
                register: '1.8.0',
                obis: '1-0:1.8.0',
                unit: 'kWh',
                total: null,
                known: 1,
                due: 1,
                estimatedPpm: 0,
                items: items.filter((item) => item.from >= from && item.from < to),
                findings: [],
              },
            ],
          }),
      },
    })
    const [line] = await linesOf(
      port,
      question({ kind: 'energy', bucket: 'day', fn: 'sum', compare: 'yoy', from: at('2026-11-20T00:00:00+08:00') }),
    )
    expect(line?.before).toEqual([
      { value: '100', coverage: 1, difference: '20', percent: '20.0000' },
      { value: null, coverage: 0, difference: null, percent: null },
    ])
  })
  it('of a month that goes on stands beside the month before, and what is not over is no less than what was', async () => {
    const now = at('2026-11-21T10:00:00+08:00')
    const items: EnergyItemView[] = []
    for (let day = '2026-09-01'; day <= '2026-11-21'; day = SHANGHAI.add(day, 1))
      items.push(energyItem(SHANGHAI.start(day), SHANGHAI.end(day), String(Number(day.slice(8)) + 10 * Number(day.slice(5, 7)))))
    const register = { register: '1.8.0', obis: '1-0:1.8.0', unit: 'kWh', total: null, known: 1, due: 1, estimatedPpm: 0, findings: [] }
    const port = portOf({
      now: () => now,
      energy: {
        energy: async (_, { from, to }) =>
          ok({
            zone: '',
            pending: false,
            registers: [{ ...register, items: items.filter((item) => item.from >= from && item.from < to) }],
          }),
      },
    })
    const november = { from: at('2026-11-01T00:00:00+08:00'), to: at('2026-12-01T00:00:00+08:00') }
    const asked = question({ kind: 'energy', bucket: 'day', fn: 'sum', compare: 'mom', ...november })
    const plan = planned(port, asked)
    expect(plan.before.map((span) => span && SHANGHAI.of(span.from))).toEqual(
      plan.spans.map(({ from }) => SHANGHAI.of(from).replace('-11-', '-10-')),
    )
    const [line] = await linesOf(port, asked)
    expect(line?.before).toHaveLength(21)
    expect(line?.before[19]).toEqual({ value: '120', coverage: 1, difference: '10', percent: '8.3333' })
    expect(line?.before[20]).toEqual({ value: '121', coverage: 1, difference: null, percent: null })
  })
  it('of an area by hours is the sum of its quarter hours, and not known when one is not', async () => {
    const from = at('2026-11-21T00:00:00+08:00')
    const item = (quarter: number, loss: string | null): LossItemView => ({
      ...{
        from: from + quarter * 900_000,
        to: from + (quarter + 1) * 900_000,
        supply: '10',
        reverse: '0',
        generation: '0',
        measured: '9',
        sold: loss && '9',
        loss,
      },
      ...{
        ofInput: 10,
        ofNet: 10,
        meters: 4,
        good: 4,
        meterPpm: 1_000_000,
        energyPpm: 1_000_000,
        estimatedPpm: 0,
        state: 'qualified',
        grade: null,
        judgedIn: null,
      },
      ...{ faults: [], missing: [], bound: null, stepKwh: 0.1, watches: [], version: 1, sumOfDays: null },
    })
    const items = [0, 1, 2, 3, 4, 5, 6].map((quarter) => item(quarter, quarter === 5 ? null : '1'))
    const port = portOf({ loss: { areaLoss: () => ok({ zone: '', pending: false, thresholds: { version: 1, inForce: [] }, items }) } })
    const lines = await linesOf(port, question({ kind: 'area', fn: 'sum', codes: ['loss', 'rate'] }), 'A')
    expect(lines.map(({ code, unit, values }) => [code, unit, values[0]?.value, values[1]?.value])).toEqual([
      ['loss', 'kWh', '4', null],
      ['rate', '%', '10', null],
    ])
  })
})
