import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { QUALITY } from '../../../src/core/index.ts'
import { PushNormaliser } from '../../../src/gateway/push-readings.ts'
import { ARRIVED, codes, decoded, KWH, mappingOf, shown } from './tools.ts'

type Value = NonNullable<Parameters<typeof mappingOf>[0][number]['values']>[number]
const one = (value: Partial<Value>, payload: unknown) =>
  decoded(
    mappingOf([{ meter: '{meter}', values: [{ path: '$.v', obis: '1.8.0', unit: 'kWh', ...value }] }]),
    JSON.stringify({ v: payload }),
    { explain: true },
  )
const read = (value: Partial<Value>, payload: unknown): string => {
  const outcome = one(value, payload)
  return shown(outcome)[0]?.replace(/^.*: \S+ = /, '') ?? codes(outcome)[0] ?? 'nothing'
}

describe('a value', () => {
  it.each<[string, Partial<Value>, unknown, string]>([
    ['a number', {}, 12.5, '12.5 kWh'],
    ['a quoted number', {}, '12.50', '12.50 kWh'],
    ['zero', {}, 0, '0 kWh'],
    ['with a sign', {}, -0.5, '-0.5 kWh'],
    ['blanks around text', {}, ' 12.5 ', '12.5 kWh'],
    ['a scale moves the point', { scale: -3 }, 1234, '1.234 kWh'],
    ['a scale upwards', { scale: 2 }, 12.5, '1250 kWh'],
    ['a decimal comma', { comma: true }, '10452,31', '10452.31 kWh'],
    ['a decimal comma, whole number', { comma: true }, '10452', '10452 kWh'],
    ['a decimal comma, and JSON numbers as they are', { comma: true }, 12.5, '12.5 kWh'],
    ['a suffix', { suffix: ' kWh' }, '1234.5 kWh', '1234.5 kWh'],
    ['a suffix without its blank', { suffix: ' kWh' }, '1234.5kWh', '1234.5 kWh'],
    ['a suffix that is missing', { suffix: ' kWh' }, '1234.5', '1234.5 kWh'],
    ['a suffix and a comma', { suffix: ' kWh', comma: true }, '1234,5 kWh', '1234.5 kWh'],
  ])('%s', (_, value, payload, expected) => expect(read(value, payload)).toBe(expected))

  it.each<[string, Partial<Value>, unknown, string]>([
    ['null', {}, null, '$.v MQTT_NULL'],
    ['empty text', {}, '', '$.v MQTT_FILLER'],
    ['blanks', {}, '  ', '$.v MQTT_FILLER'],
    ['words', {}, 'NaN', '$.v MQTT_NOT_NUMBER'],
    ['a boolean', {}, true, '$.v MQTT_NOT_NUMBER'],
    ['an object', {}, { v: 1 }, '$.v MQTT_NOT_NUMBER'],
    ['a list', {}, [1], '$.v MQTT_NOT_NUMBER'],
    ['a comma nobody announced', {}, '12,5', '$.v MQTT_NOT_NUMBER'],
    ['thousands parted', {}, '1,234.5', '$.v MQTT_NOT_NUMBER'],
    ['a point where a comma was announced: it may part thousands', { comma: true }, '1.234', '$.v MQTT_NOT_NUMBER'],
    ['both', { comma: true }, '1.234,5', '$.v MQTT_NOT_NUMBER'],
    ['another suffix', { suffix: ' kWh' }, '1234.5 MWh', '$.v MQTT_NOT_NUMBER'],
    ['a suffix with a prefix of units before it', { suffix: 'Wh' }, '12 kWh', '$.v MQTT_NOT_NUMBER'],
    ['a number beyond any register', {}, '1e70', '$.v MQTT_NUMBER_RANGE'],
    ['a filler', { absent: ['--'] }, '--', '$.v MQTT_FILLER'],
    ['a filler that is a number', { absent: [65535] }, 65535, '$.v MQTT_FILLER'],
    ['the same with decimals', { absent: [65535] }, '65535.0', '$.v MQTT_FILLER'],
    ['a filler written as text', { absent: ['-1'] }, -1, '$.v MQTT_FILLER'],
    ['a boolean filler', { absent: [false] }, false, '$.v MQTT_FILLER'],
    ['bad quality', { when: [{ of: '$.q', is: ['good'] }] }, 1, '$.v MQTT_BAD_QUALITY'],
  ])('%s is none', (_, value, payload, expected) => expect(read(value, payload)).toBe(expected))

  it('1e999 and NaN refuse the message: it is no JSON, or of no meter', () => {
    const mapping = mappingOf([KWH])
    expect(['{"kwh":1e999}', '{"kwh":NaN}', '{"kwh":nan}'].map((text) => decoded(mapping, text).refused?.code)).toEqual([
      'MQTT_JSON_LIMIT',
      'MQTT_JSON',
      'MQTT_JSON',
    ])
  })
  it('12345678.90 and 9007199254740993 arrive whole', () => {
    expect(shown(decoded(mappingOf([KWH]), '{"kwh":12345678.90}'))).toEqual(['m1 @ arrival: 1-0:1.8.0 = 12345678.90 kWh'])
    expect(shown(decoded(mappingOf([KWH]), '{"kwh":9007199254740993}'))).toEqual(['m1 @ arrival: 1-0:1.8.0 = 9007199254740993 kWh'])
  })
  it('what is absent stays absent', () => {
    expect(decoded(mappingOf([KWH]), { other: 1 })).toMatchObject({ records: [], skipped: [], refused: null, discard: null })
    expect(codes(decoded(mappingOf([KWH]), { other: 1 }, { explain: true }))).toEqual(['$.kwh MQTT_ABSENT'])
  })
  it('of several places the first that is there counts', () => {
    const mapping = mappingOf([{ meter: '{meter}', values: [{ path: ['$.a', '$.b'], obis: '1.8.0', unit: 'kWh' }] }])
    expect([{ a: 1, b: 2 }, { b: 2 }, { a: null, b: 2 }].map((payload) => shown(decoded(mapping, payload))[0])).toEqual([
      'm1 @ arrival: 1-0:1.8.0 = 1 kWh',
      'm1 @ arrival: 1-0:1.8.0 = 2 kWh',
      undefined,
    ])
  })
  it('one a phase when it is a list', () => {
    const mapping = mappingOf([
      { meter: '{meter}', values: [{ path: '$.p', obis: '16.7.0', unit: 'W', phases: ['36.7.0', '56.7.0', '76.7.0'] }] },
    ])
    expect(shown(decoded(mapping, { p: 5 }))).toEqual(['m1 @ arrival: 1-0:16.7.0 = 5 W'])
    expect(shown(decoded(mapping, { p: [1, null, 3] }))).toEqual(['m1 @ arrival: 1-0:36.7.0 = 1 W, 1-0:76.7.0 = 3 W'])
    expect(shown(decoded(mapping, { p: [1, 2] }))).toEqual(['m1 @ arrival: 1-0:36.7.0 = 1 W, 1-0:56.7.0 = 2 W'])
    expect(codes(decoded(mapping, { p: [1, 2, 3, 4] }))).toEqual(['$.p[3] MQTT_UNMAPPED'])
    expect(shown(decoded(mapping, { p: [] }))).toEqual([])
  })
  it('two for one quantity: the first stays, and it is said', () => {
    const mapping = mappingOf([{ meter: '{meter}', values: ['$.a', '$.b'].map((path) => ({ path, obis: '1.8.0', unit: 'kWh' })) }])
    const outcome = decoded(mapping, { a: 1, b: 2 })
    expect([shown(outcome), codes(outcome)]).toEqual([['m1 @ arrival: 1-0:1.8.0 = 1 kWh'], ['$.b MQTT_DUPLICATE_ITEM']])
  })
})

describe('units', () => {
  const mapping = mappingOf([
    { meter: '{meter}', values: [{ path: '$.v', obis: '1.8.0', unit: '$.unit' }], units: { 度: 'kWh', KWH: 'kWh' } },
  ])
  it.each([
    ['kWh', ['m1 @ arrival: 1-0:1.8.0 = 5 kWh']],
    ['Wh', ['m1 @ arrival: 1-0:1.8.0 = 5 Wh']],
    ['度', ['m1 @ arrival: 1-0:1.8.0 = 5 kWh']],
    [' kWh ', ['m1 @ arrival: 1-0:1.8.0 = 5 kWh']],
    ['m³', []],
    ['kwh', []],
    ['', []],
    [null, []],
    ['V', []],
    ['kW', []],
    ['constructor', []],
  ])('%j', (unit, expected) => {
    const outcome = decoded(mapping, { v: 5, unit })
    expect(shown(outcome)).toEqual(expected)
    if (expected.length === 0) expect(codes(outcome)).toEqual(['$.v MQTT_UNIT'])
  })
  it('are converted exactly', () =>
    fc.assert(
      fc.property(
        fc.bigInt({ min: 0n, max: 10n ** 15n }),
        fc.constantFrom(['Wh', 1], ['kWh', 1000], ['MWh', 1_000_000]),
        (raw, [unit, factor]) => {
          const { records } = decoded(mapping, `{"v":${raw},"unit":"${unit}"}`)
          const [reading] = normalised(records[0]!, { ct: 1, pt: 1 })
          const [value, scaler] = [reading!.raws[0]!, reading!.scalers?.[0] ?? reading!.shape.columns[0]!.scaler ?? 0]
          expect(BigInt(value) * 10n ** BigInt(scaler + 3)).toBe(raw * BigInt(factor))
        },
      ),
    ))
})

const normalised = (record: Parameters<PushNormaliser['readings']>[0], { ct, pt }: { ct: number; pt: number }) => {
  const decimal = (raw: number) => ({ raw, scaler: 0 })
  const facts = { meter: record.meter, point: 'P', area: 'A', ct: decimal(ct), pt: decimal(pt) }
  return new PushNormaliser({ facts, isRegistered: true }).readings(record, record.measuredAt ?? ARRIVED, ARRIVED)
}
const figures = (payload: object, ledger: { ct: number; pt: number }) => {
  const mapping = mappingOf([
    {
      meter: '{meter}',
      ct: '$.ct',
      pt: '$.pt',
      values: [
        { path: '$.wh', obis: '1.8.0', unit: 'kWh', ratio: 'ctpt' },
        { path: '$.ia', obis: '31.7.0', unit: 'A', ratio: 'ct' },
        { path: '$.ua', obis: '32.7.0', unit: 'V', ratio: 'pt' },
        { path: '$.f', obis: '14.7.0', unit: 'Hz' },
      ],
    },
  ])
  const outcome = decoded(mapping, payload)
  return {
    codes: codes(outcome),
    readings: outcome.records
      .flatMap((record) => normalised(record, ledger))
      .map(({ shape, raws, scalers, ratio }) =>
        [ratio, ...shape.columns.map(({ field, scaler }, at) => `${field} ${Number(`${raws[at]}e${scalers?.[at] ?? scaler ?? 0}`)}`)].join(
          ' ',
        ),
      ),
  }
}

describe('ratios', () => {
  const payload = { wh: 1234.56, ia: 1.25, ua: 100.5, f: 50 }
  it('in the message: registers as displayed with the ratio beside them, instantaneous values primary, each once', () =>
    expect(figures({ ...payload, ct: 40, pt: 10 }, { ct: 7, pt: 7 })).toEqual({
      codes: [],
      readings: ['400 1.8.0 1234.56', '1 14.7.0 50 31.7.0 50 32.7.0 1005'],
    }))
  it('not in the message: those of the ledger', () =>
    expect(figures(payload, { ct: 80, pt: 1 }).readings).toEqual(['80 1.8.0 1234.56', '1 14.7.0 50 31.7.0 100 32.7.0 100.5']))
  it('as text, and as a rating plate has them', () =>
    expect(figures({ ...payload, ct: '400/5', pt: '1' }, { ct: 7, pt: 7 }).readings).toEqual([
      '80 1.8.0 1234.56',
      '1 14.7.0 50 31.7.0 100 32.7.0 100.5',
    ]))
  it.each([0, -5, '', 'x', '400/0', '1/2/3', true])("%j is none: the ledger's, and it is said", (ct) => {
    const { codes: said, readings } = figures({ ia: 1.25, ct, pt: 1 }, { ct: 80, pt: 1 })
    expect([said, readings]).toEqual([['ct MQTT_RATIO'], ['1 31.7.0 100']])
  })
  it('that differ part the records', () => {
    const mapping = mappingOf([
      {
        each: [{ items: '$' }],
        meter: '{meter}',
        ct: '@.ct',
        values: [
          { path: '@.wh', obis: '1.8.0', unit: 'kWh', ratio: 'ct' },
          { path: '@.whn', obis: '2.8.0', unit: 'kWh', ratio: 'ct' },
        ],
      },
    ])
    expect(
      decoded(mapping, [
        { ct: 40, wh: 1 },
        { ct: 80, whn: 2 },
      ]).records.map(({ ct, values }) => [ct, values.length]),
    ).toEqual([
      ['40', 1],
      ['80', 1],
    ])
  })
})

describe('fan-out', () => {
  it('over a list, an object, and one in the other', () => {
    const mapping = mappingOf([
      {
        each: [{ members: '{device}', of: '$' }, { items: '@' }, { members: '{name}', of: '@.values' }],
        meter: '{device}',
        time: [{ of: '^.ts', form: 'ms' }],
        table: { by: '{name}', path: '@', entries: { kwh: { obis: '1.8.0', unit: 'kWh' }, u: { obis: '32.7.0', unit: 'V' } } },
      },
    ])
    const payload = {
      'Device A': [
        { ts: 1732178700000, values: { kwh: 1, u: 230 } },
        { ts: 1732178760000, values: { kwh: 2 } },
      ],
      B: [],
      C: 'x',
      D: [{ values: null }, 5, { values: {} }],
    }
    expect(shown(decoded(mapping, payload))).toEqual([
      'Device A @ 2024-11-21T08:45:00.000Z: 1-0:1.8.0 = 1 kWh, 1-0:32.7.0 = 230 V',
      'Device A @ 2024-11-21T08:46:00.000Z: 1-0:1.8.0 = 2 kWh',
    ])
  })
  it('with an index, and what is around a record', () => {
    const mapping = mappingOf([
      {
        each: [{ items: '$.rows' }, { items: '@.cells' }],
        meter: '{meter}/{^.id}/{index}',
        values: [{ path: '@', obis: '1.8.0', unit: 'kWh' }],
      },
    ])
    expect(
      shown(
        decoded(mapping, {
          rows: [
            { id: 'a', cells: [1, 2] },
            { id: 'b', cells: [3] },
          ],
        }),
      ),
    ).toEqual(['m1/a/0 @ arrival: 1-0:1.8.0 = 1 kWh', 'm1/a/1 @ arrival: 1-0:1.8.0 = 2 kWh', 'm1/b/0 @ arrival: 1-0:1.8.0 = 3 kWh'])
  })
  it('with a name cut in two at its last separator', () => {
    const mapping = mappingOf([
      {
        each: [{ items: '$.v', split: { of: '@.id', at: '.', into: ['tag', 'name'] } }],
        meter: '{tag}',
        table: { by: '{name}', path: '@.v', entries: { kwh: { obis: '1.8.0', unit: 'kWh' } } },
      },
    ])
    const outcome = decoded(mapping, { v: [{ id: 'Hall.M1.kwh', v: 1 }, { id: 'kwh', v: 2 }, { v: 3 }] })
    expect(shown(outcome)).toEqual(['Hall.M1 @ arrival: 1-0:1.8.0 = 1 kWh'])
    expect(codes(outcome)).toEqual(['$.v[1] MQTT_NO_METER', '$.v[2] MQTT_NO_METER'])
  })
  it('of up to 5000 records; more are refused', () => {
    const mapping = mappingOf([{ each: [{ items: '$' }], meter: 'm{index}', values: [{ path: '@', obis: '1.8.0', unit: 'kWh' }] }])
    const list = (length: number) => Array.from({ length }, (_, at) => at)
    expect(decoded(mapping, list(5000)).records).toHaveLength(5000)
    expect(decoded(mapping, list(5001))).toMatchObject({ records: [], refused: { code: 'MQTT_JSON_LIMIT' } })
  })
  it('values of one meter and instant become one record', () => {
    const mapping = mappingOf([
      {
        each: [{ items: '$' }],
        meter: '@.m',
        time: [{ of: '@.t', form: 's' }],
        table: { by: '@.k', path: '@.v', entries: { e: { obis: '1.8.0', unit: 'kWh' }, u: { obis: '32.7.0', unit: 'V' } } },
      },
    ])
    const items = Array.from({ length: 40 }, (_, at) => ({
      m: `m${at % 10}`,
      t: 1732178700 + (at % 20 < 10 ? 0 : 60),
      k: at < 20 ? 'e' : 'u',
      v: at,
    }))
    expect(decoded(mapping, items).records.map(({ values }) => values.length)).toEqual(Array(20).fill(2))
  })
  it('a doubtful time does not lend its record to a good one, nor the other way round', () => {
    const mapping = mappingOf([
      {
        each: [{ items: '$' }],
        meter: '{meter}',
        time: [{ of: '@.t', form: 's' }],
        table: { by: '@.k', path: '@.v', entries: { e: { obis: '1.8.0', unit: 'kWh' }, u: { obis: '32.7.0', unit: 'V' } } },
      },
    ])
    expect(
      decoded(mapping, [
        { k: 'e', v: 1 },
        { k: 'u', v: 2, t: 12 },
        { k: 'u', v: 3, t: 1600000000 },
      ]).records.map(({ flags }) => flags),
    ).toEqual([[], ['clock-unset'], ['time-implausible']])
  })
})

describe('a table', () => {
  const table = (more: object = {}) =>
    mappingOf([
      {
        each: [{ members: '{name}', of: '$' }],
        meter: '{meter}',
        table: {
          by: '{name}',
          path: ['@.value', '@'],
          entries: { kwh: { obis: '1.8.0', unit: 'kWh' }, t: { unit: '°C', absent: [327.67] } },
          ...more,
        },
      },
    ])
  it('finds what a name measures; others are shown and not stored', () => {
    const outcome = decoded(table(), { kwh: { value: 1 }, x: 2, t: 26.6 })
    expect(shown(outcome)).toEqual(['m1 @ arrival: 1-0:1.8.0 = 1 kWh, - = 2, - = 26.6 °C'])
    expect(codes(outcome)).toEqual(['$.x MQTT_UNMAPPED', '$.t MQTT_UNMAPPED'])
    expect(normalised(outcome.records[0]!, { ct: 1, pt: 1 }).flatMap(({ shape }) => shape.columns.map(({ field }) => field))).toEqual([
      '1.8.0',
    ])
  })
  it('or ignores others', () =>
    expect(shown(decoded(table({ others: 'ignore' }), { kwh: 1, x: 2, constructor: 3, toString: 4 }))).toEqual([
      'm1 @ arrival: 1-0:1.8.0 = 1 kWh',
    ]))
  it('a filler of one name is none of another', () =>
    expect(shown(decoded(table(), { kwh: 327.67, t: 327.67 }))).toEqual(['m1 @ arrival: 1-0:1.8.0 = 327.67 kWh']))
  it('knows an item that failed', () => {
    const mapping = mappingOf([
      {
        each: [{ items: '$' }],
        meter: '{meter}',
        table: { by: '@.n', path: '@.v', error: '@.err', errorFree: ['0', ''], entries: { kwh: { obis: '1.8.0', unit: 'kWh' } } },
      },
    ])
    const outcome = decoded(mapping, [
      { n: 'kwh', v: '1', err: '0' },
      { n: 'Ub', v: '7', err: '1' },
    ])
    expect([shown(outcome), outcome.failures]).toEqual([['m1 @ arrival: 1-0:1.8.0 = 1 kWh'], [{ device: 'm1', item: 'Ub', code: '1' }]])
  })
  it('with suffix and comma', () =>
    expect(shown(decoded(table({ suffix: 'kWh', comma: true }), { kwh: '1,5 kWh' }))).toEqual(['m1 @ arrival: 1-0:1.8.0 = 1.5 kWh']))
})

it('flags become quality bits', () => {
  const mapping = mappingOf([{ ...KWH, time: [{ of: '$.ts', form: 's' }], sender: [{ of: '$.id', same: '{meter}' }] }])
  const quality = (payload: object) => normalised(decoded(mapping, { kwh: 1, ...payload }).records[0]!, { ct: 1, pt: 1 })[0]!.quality
  expect(quality({ id: 'm1' })).toBe(0)
  expect(quality({ id: 'm2' })).toBe(QUALITY.quarantined)
  expect(quality({ id: 'm1', ts: 5 })).toBe(QUALITY.clockDoubtful | QUALITY.quarantined)
})
