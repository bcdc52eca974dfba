import fc from 'fast-check'
import { expect, it } from 'vitest'
import { decimalText, type PlannedValue, QUALITY, type Sample, scalerAt } from '../../src/core/index.ts'
import { normaliserOf, parseRatio } from '../../src/normalise/index.ts'

const NOW = Date.parse('2026-11-21T10:00:00Z')
const facts = { meter: 'M1', point: 'P1', area: 'A1', ct: { raw: 80, scaler: 0 }, pt: { raw: 1, scaler: 0 } }
const plan = (values: readonly PlannedValue[]) => ({ source: 'live' as const, values })
const sample = (raws: Sample['raws'], more: Partial<Sample> = {}): Sample => ({ at: null, raws, scalers: null, absent: null, ...more })
const value = (obis: string, unit: string, scaler: number | null, ratio: PlannedValue['ratio'] = 'none'): PlannedValue => ({
  obis,
  unit,
  scaler,
  ratio,
})
const shown = (readings: ReturnType<ReturnType<typeof normaliserOf>>) =>
  readings.map((reading) => ({
    measurement: reading.series.measurement,
    ratio: reading.ratio,
    values: Object.fromEntries(
      reading.shape.columns.map(({ field, unit }, at) => {
        const raw = reading.raws[at]
        return [field, raw === null || raw === undefined ? null : `${decimalText(raw, scalerAt(reading, at))} ${unit}`]
      }),
    ),
  }))

it('keeps registers as displayed with the ratio beside them, and makes instantaneous values primary, once', () => {
  const normalise = normaliserOf(
    facts,
    plan([value('1-0:1.8.0', 'kWh', -2, 'ctpt'), value('1-0:31.7.0', 'A', -3, 'ct'), value('1-0:32.7.0', 'V', -1, 'pt')]),
    () => null,
  )
  expect(shown(normalise(sample([12345678, 1500, 2302]), NOW))).toEqual([
    { measurement: 'register', ratio: '80', values: { '1.8.0': '123456.78 kWh' } },
    { measurement: 'instant', ratio: '1', values: { '31.7.0': '120.000 A', '32.7.0': '230.2 V' } },
  ])
})

it('leaves what is primary already as it is', () => {
  const normalise = normaliserOf(facts, plan([value('1-0:1.8.0', 'kWh', -2), value('1-0:16.7.0', 'W', -1)]), () => null)
  expect(shown(normalise(sample([100, -12345]), NOW))).toEqual([
    { measurement: 'register', ratio: '1', values: { '1.8.0': '1.00 kWh' } },
    { measurement: 'instant', ratio: '1', values: { '16.7.0': '-1.2345 kW' } },
  ])
})

it('stores energies in kWh and powers in kW without touching a digit', () => {
  const normalise = normaliserOf(
    { ...facts, ct: { raw: 1, scaler: 0 } },
    plan([value('1-0:1.8.0', 'Wh', 0), value('1-0:2.8.0', 'MWh', -3)]),
    () => null,
  )
  expect(shown(normalise(sample([9007199254740993n, 5]), NOW))).toEqual([
    { measurement: 'register', ratio: '1', values: { '1.8.0': '9007199254740.993 kWh', '2.8.0': '5 kWh' } },
  ])
})

it('stores a power factor without unit, also of meters that show per cent', () => {
  const normalise = normaliserOf(facts, plan([value('1-0:13.7.0', '%', -1), value('1-0:33.7.0', '', -3)]), () => null)
  expect(shown(normalise(sample([985, 985]), NOW))).toEqual([
    { measurement: 'instant', ratio: '1', values: { '13.7.0': '0.985 ', '33.7.0': '0.985 ' } },
  ])
})

it('never turns an absent value into zero: it stays away with its reason, and the reading is partial', () => {
  const normalise = normaliserOf(
    facts,
    plan([value('1-0:1.8.0', 'kWh', -2, 'ctpt'), value('1-0:1.8.1', 'kWh', -2, 'ctpt'), value('1-0:32.7.0', 'V', -1)]),
    () => null,
  )
  const error = { code: 'DLT645_BCD', message: '', hint: '', recovery: 'skip' as const, context: {} }
  const [register, instant] = normalise(sample([100, null, 2302], { absent: new Map([[1, error]]) }), NOW)
  expect(register?.raws).toEqual([100, null])
  expect([...(register?.absent ?? [])]).toEqual([[1, 'DLT645_BCD']])
  expect((register?.quality ?? 0) & QUALITY.partial).toBe(QUALITY.partial)
  expect(instant?.quality).toBe(0)
})

it('takes the instant of a freeze from the meter, and doubts a clock that is ahead or was never set', () => {
  const normalise = normaliserOf(facts, plan([value('1-0:1.8.0', 'kWh', -2)]), ({ year, month, day }) => Date.UTC(year, month - 1, day))
  const at = (year: number) => normalise(sample([1], { at: { year, month: 11, day: 21, hour: 0, minute: 0, second: 0 } }), NOW)[0]
  expect(at(2026)).toMatchObject({ measuredAt: Date.UTC(2026, 10, 21), receivedAt: NOW, quality: 0 })
  expect(at(2027)?.quality).toBe(QUALITY.clockDoubtful)
  expect(at(2000)?.quality).toBe(QUALITY.clockDoubtful)
})

it('carries the exponent of floats with each value', () => {
  const normalise = normaliserOf(facts, plan([value('1-0:32.7.0', 'V', null), value('1-0:16.7.0', 'W', null)]), () => null)
  expect(shown(normalise(sample([2302, -12345], { scalers: [-1, -1] }), NOW))).toEqual([
    { measurement: 'instant', ratio: '1', values: { '32.7.0': '230.2 V', '16.7.0': '-1.2345 kW' } },
  ])
})

it('gives every value back exactly, whatever unit, scaler and ratio', () =>
  fc.assert(
    fc.property(
      fc.integer(),
      fc.integer({ min: -6, max: 3 }),
      fc.constantFrom('W', 'kW', 'MW'),
      fc.integer({ min: 1, max: 20_000 }),
      (raw, scaler, unit, ct) => {
        const normalise = normaliserOf(
          { ...facts, ct: { raw: ct, scaler: 0 } },
          plan([value('1-0:16.7.0', unit, scaler, 'ct')]),
          () => null,
        )
        const [reading] = normalise(sample([raw]), NOW)
        if (!reading) throw new Error('nothing')
        const shift = unit === 'W' ? -3 : unit === 'MW' ? 3 : 0
        expect(decimalText(reading.raws[0] ?? 0, scalerAt(reading, 0))).toBe(decimalText(BigInt(raw) * BigInt(ct), scaler + shift))
      },
    ),
  ))

it.each([
  ['400/5', { raw: 80, scaler: 0 }],
  ['80', { raw: 80, scaler: 0 }],
  ['1.5', { raw: 15, scaler: -1 }],
  ['10000/100', { raw: 100, scaler: 0 }],
  ['75/5', { raw: 15, scaler: 0 }],
  ['0.5/0.25', { raw: 2, scaler: 0 }],
  ['100/3', { raw: 33333333333333, scaler: -12 }],
  ['0/5', null],
  ['-1', null],
  ['5/0', null],
  ['x', null],
])('reads the ratio %s', (text, ratio) => expect(parseRatio(text)).toEqual(ratio))
