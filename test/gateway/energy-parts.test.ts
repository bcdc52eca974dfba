import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { adapterOf } from '../../protocols/index.ts'
import { QUALITY } from '../../src/core/index.ts'
import { ENERGY_FLAGS } from '../../src/energy/index.ts'
import { EnergyDays } from '../../src/gateway/energy-days.ts'
import { type EnergyLedger, pointFacts, RegisterModels } from '../../src/gateway/energy-facts.ts'
import type { Figure, RegisterFigures } from '../../src/gateway/energy-figures.ts'
import { EnergyMarks } from '../../src/gateway/energy-marks.ts'
import { kwhAt, packFigures, unpackColumns, unpackFigures } from '../../src/gateway/energy-pack.ts'
import { workMonth } from '../../src/gateway/energy-work.ts'
import { openProfiles } from '../../src/gateway/profiles.ts'
import type { MeterFact } from '../../src/ledger/index.ts'
import { rowOf } from './energy-site.ts'

const days = new EnergyDays('Europe/Berlin')
const models = new RegisterModels(openProfiles(null), adapterOf)

describe('days of a zone with summer time', () => {
  it.each([
    ['2026-03-29', 92, 23],
    ['2026-10-25', 100, 25],
    ['2026-11-22', 96, 24],
  ])('%s has %i quarter hours', (day, quarters, hours) => {
    expect(days.marks(day, '15m')).toHaveLength(quarters + 1)
    expect(days.marks(day, '1h')).toHaveLength(hours + 1)
    expect(days.end(day) - days.start(day)).toBe(hours * 3_600_000)
    expect([days.of(days.start(day)), days.of(days.end(day) - 1)]).toEqual([day, day])
  })

  it('knows months and the days between', () => {
    expect(days.ofMonth('2028-02')).toHaveLength(29)
    expect(days.between('2026-12-30', '2027-01-02')).toEqual(['2026-12-30', '2026-12-31', '2027-01-01', '2027-01-02'])
  })
})

describe('what a model says of a register', () => {
  it('knows how far a DL/T 645 register counts, and that it is secondary', () => {
    expect(models.of('dlt645-2007/three-phase', '1.8.0')).toEqual({ ratio: 'ctpt', capacity: { raw: 1, scaler: 6 }, scaler: -2 })
  })
  it('knows that floats never roll over and that some models are primary already', () => {
    expect(models.of('eastron-sdm630', '1.8.0')).toEqual({ ratio: 'none', capacity: null, scaler: null })
  })
  it('knows nothing of a model nobody has', () => {
    expect(models.of('unheard/of', '1.8.0')).toBeNull()
  })
})

describe('facts of a point', () => {
  const fact = (change: Partial<MeterFact>): MeterFact => ({
    ...{ meter: 'M', point: 'P', line: '', address: '1', profile: 'dlt645-2007/three-phase', ct: '400/5', pt: '1', timeoutMs: null },
    ...{ from: 0, to: null, state: 'in-service', concentrator: '', ...change },
  })
  const ledger = (history: readonly MeterFact[], attributes: Record<string, string> = {}): EnergyLedger => ({
    seq: 1,
    history: () => [...history],
    exchanges: () => [
      {
        ...{ id: 1, kind: 'ct', point: 'P', at: 500, oldMeter: null, newMeter: null, oldRatio: '80', newRatio: '60', by: ['a', 'b'] },
        ...{ end: { '1-0:1.8.0': '7.00' }, start: {}, proposed: { end: null, start: null }, reason: 'r', deviation: null, change: 1 },
        ...{ acknowledged: null, undoneBy: null },
      },
    ],
    get: (kind, id) => (kind === 'point' ? { kind, id, version: 1, attributes: { area: 'A', ...attributes } } : null),
    facts: () => [],
    change: () => null,
    changes: () => [],
    list: () => [],
    touchedPages: () => [],
  })
  const of = (history: readonly MeterFact[], attributes = {}, stored = new Set<string>()) =>
    pointFacts(ledger(history, attributes), models, 'P', 1000)?.of('1.8.0', '1-0:1.8.0', stored)

  it('joins facts of one meter and keeps its ratios apart', () => {
    const input = of([fact({ to: 500 }), fact({ from: 500, ct: '60' })])
    expect(input?.meters).toEqual([{ meter: 'M', from: 0, to: null, capacity: { raw: 1, scaler: 6 } }])
    expect(input?.ratios).toEqual([
      { from: 0, to: 500, ratio: { raw: 80, scaler: 0 } },
      { from: 500, to: null, ratio: { raw: 60, scaler: 0 } },
    ])
    expect(input?.exchanges).toEqual([{ at: 500, oldMeter: 'M', newMeter: 'M', end: { raw: 700, scaler: -2 }, start: null }])
  })

  it('says how much power can flow, and who says so', () => {
    expect(of([fact({})], { contractKva: '12.5' })?.plausibility).toEqual({
      maxKw: { raw: 375, scaler: -1 },
      source: '3 times the contract capacity of 12.5 kVA',
    })
    expect(of([fact({})])?.plausibility).toMatchObject({ maxKw: { raw: 400, scaler: 0 }, source: 'what a CT of ratio 80 can carry (6 A)' })
    expect(of([fact({ ct: '1' })])?.plausibility.maxKw).toEqual({ raw: 83, scaler: 0 })
  })

  it('multiplies no register that is primary already, and asks the stored rows where the model is unknown', () => {
    const one = { raw: 1, scaler: 0 }
    expect(of([fact({ profile: 'eastron-sdm630' })])?.ratios[0]?.ratio).toEqual(one)
    expect(of([fact({ profile: 'mqtt/x' })], {}, new Set(['1']))?.ratios[0]?.ratio).toEqual(one)
    expect(of([fact({ profile: 'mqtt/x' })], {}, new Set(['80']))?.ratios[0]?.ratio).toEqual({ raw: 80, scaler: 0 })
  })
})

const figure = (change: Partial<Figure> = {}): Figure => ({
  ...{ from: 0, to: 1, value: '1.50', quality: 0, flags: 0, estimatedPpm: 0, coveredPpm: 1_000_000, version: 1, ...change },
})

it('packs figures and gives back the same, and the same numbers column by column', () => {
  const places = fc.constantFrom('0.05', '12.50', '-3.25', '-0.00', '0.00', '007.10', '.50', '1e3', '5')
  const text = fc.oneof(fc.constant(null), fc.bigInt({ min: 0n, max: 10n ** 20n }).map(String), places)
  const figures = fc.array(
    fc
      .record({ from: fc.nat(), value: text, flags: fc.nat(8191), version: fc.nat(99) })
      .map((drawn) => figure({ ...drawn, to: drawn.from + 5 })),
  )
  fc.assert(
    fc.property(figures, figures, (quarters, whole) => {
      const registers: RegisterFigures[] = [
        {
          ...{ field: '1.8.0', obis: '1-0:1.8.0', unit: 'kWh', dense: '15m', across: ['a', ''] },
          periods: { '15m': quarters, day: whole },
        },
      ]
      const bytes = packFigures(registers)
      expect(unpackFigures(bytes)).toEqual(registers)
      const columns = unpackColumns(bytes)[0]?.periods['15m']
      if (columns === undefined) throw new Error('no columns')
      const numbers = quarters.map((_, at) => kwhAt(columns, at))
      // -0.00 is 0.00: nothing is added up otherwise.
      expect(numbers.map((one) => one + 0)).toEqual(quarters.map(({ value }) => (value === null ? Number.NaN : Number(value) + 0)))
    }),
  )
})

it('reads figures as an energy.db of before has them', () => {
  const former =
    'ZY3BDoIwEET/Zc5rs60UsT/ioekBbY2NCIbKwRD+3QD1oOweNjvzMmNHXGNoPAykqASD0J1jmt8dm680tPEFg/vpBoIPbQozoB8g1Je+SwnGAgQ4wjP0sfMJZlwIYy3TkechsFAaxMtKXkXpyGY/n3ZoGmJSuvzD1OGHgxSbtL1zBF+/196qLDKqCiF5W+2myX0A'
  const at = (from: number, to: number, value: string | null, change: Partial<Figure> = {}) => figure({ from, to, value, ...change })
  expect(unpackFigures(Buffer.from(former, 'base64'))).toEqual([
    {
      ...{ field: '1.8.0', obis: '1-0:1.8.0', unit: 'kWh', dense: '15m', across: ['', ''] },
      periods: {
        '15m': [at(0, 900_000, '0.25'), at(900_000, 1_800_000, null, { flags: 256 }), at(2_700_000, 3_600_000, '1.5', { version: 3 })],
        day: [at(0, 86_400_000, '24.10')],
      },
    },
  ])
})

describe('a month', () => {
  const day = (date: string, change: Partial<Figure>, across: RegisterFigures['across'] = ['', '']) => ({
    day: date,
    registers: [
      {
        ...{ field: '1.8.0', obis: '1-0:1.8.0', unit: 'kWh' as const, dense: null, across },
        periods: { day: [figure({ from: days.start(date), to: days.end(date), ...change })] },
      },
    ],
  })
  const month = (change: (date: string) => Partial<Figure> | null, across?: (date: string) => RegisterFigures['across']) =>
    workMonth(days, '2026-11', () =>
      days.ofMonth('2026-11').flatMap((date) => {
        const changed = change(date)
        return changed ? [day(date, changed, across?.(date))] : []
      }),
    )[0]?.periods.month?.[0]

  it('is the sum of its days', () => {
    expect(month(() => ({}))).toMatchObject({ value: '45.00', quality: 0, estimatedPpm: 0, coveredPpm: 1_000_000 })
  })
  it('is not known while a day is not', () => {
    expect(month((date) => (date === '2026-11-10' ? { value: null, flags: ENERGY_FLAGS['register-reset'] } : {}))).toMatchObject({
      value: null,
      flags: ENERGY_FLAGS['register-reset'],
    })
    expect(month((date) => (date === '2026-11-10' ? null : {}))).toMatchObject({ value: null, flags: ENERGY_FLAGS.missing })
  })
  it('loses nothing to days without a meter', () => {
    expect(month((date) => (date < '2026-11-11' ? { value: null, flags: ENERGY_FLAGS['no-meter'] } : {}))).toMatchObject({
      ...{ value: '30.00', quality: QUALITY.partial },
    })
  })
  it('is measured where only its inside was split, and a guess where a gap lies across its end', () => {
    const split = { flags: ENERGY_FLAGS.split, estimatedPpm: 1_000_000, quality: QUALITY.estimated }
    expect(month((date) => (date === '2026-11-10' ? split : {}))).toMatchObject({ value: '45.00', estimatedPpm: 0, quality: 0 })
    const last = ['2026-11-29', '2026-11-30']
    const across = (date: string): RegisterFigures['across'] => [date === last[1] ? 'gap' : '', last.includes(date) ? 'gap' : '']
    expect(month((date) => (last.includes(date) ? split : {}), across)).toMatchObject({
      ...{ value: '45.00', estimatedPpm: 66_666, quality: QUALITY.estimated, flags: ENERGY_FLAGS.split },
    })
  })
})

describe('marks', () => {
  const at = days.start('2026-11-21')
  const open = () => {
    const kept: string[] = []
    const place = { end: 10 }
    const marks = new EnergyMarks({
      ...{ days, settleMs: 100, openEveryMs: 1000, end: () => place.end, now: () => at },
      book: {
        together: (work) => work(),
        markDirty: (point, day) => kept.push(`${point} ${day}`),
        clean: (point, day) => kept.splice(kept.indexOf(`${point} ${day}`), 1),
        dirty: () => [],
        see: () => {},
        seen: () => null,
      },
    })
    const read = (instant: number) =>
      rowOf({ at: instant, receivedAt: instant, value: { raw: 1, scaler: 0 }, meter: 'M', source: 'curve', quality: 0 }, '1')
    return { kept, place, marks, read }
  }

  it('waits until the store has what marked the day, and a moment for more', () => {
    const { marks, read } = open()
    marks.takeReadings([read(at + 5)], () => [])
    expect(marks.next(at + 99, 10)).toBeNull()
    expect(marks.next(at + 100, 9)).toBeNull()
    expect(marks.state(9)).toEqual({ dirty: 1, oldest: '2026-11-21', waitingForStore: 1 })
    expect(marks.next(at + 100, 10)).toMatchObject({ point: 'P-1', day: '2026-11-21' })
  })

  it('marks both days at midnight', () => {
    const { kept, marks, read } = open()
    marks.takeReadings([read(at)], () => [])
    expect(kept).toEqual(['P-1 2026-11-20', 'P-1 2026-11-21'])
  })

  it('stays marked when something came while it was worked out', () => {
    const { kept, marks, read } = open()
    marks.takeReadings([read(at + 5)], () => [])
    const taken = marks.next(at + 100, 10)!
    marks.takeReadings([read(at + 6)], () => [])
    marks.done(taken)
    expect(kept).toHaveLength(1)
    marks.done(marks.next(at + 300, 10)!)
    expect(kept).toEqual([])
  })

  it('works a day that goes on out every so often, not with every reading', () => {
    const { marks, read } = open()
    marks.takeReadings([read(at + 5)], () => [])
    marks.pause(marks.next(at + 100, 10)!, at + 100, days.end('2026-11-21'))
    marks.takeReadings([read(at + 200)], () => [])
    expect(marks.next(at + 900, 10)).toBeNull()
    expect(marks.next(at + 1100, 10)).not.toBeNull()
  })
})
