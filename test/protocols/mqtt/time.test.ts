import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { epochOf, parseTimePattern, patternTimeOf, textTimeOf } from '../../../protocols/mqtt/time.ts'
import { localInstants } from '../../../src/gateway/local-time.ts'
import { decoded, KWH, mappingOf, shown } from './tools.ts'

const iso = (instant: number | null | undefined): string | null =>
  instant === null || instant === undefined ? null : new Date(instant).toISOString()
const local = (text: string, zone: string) => {
  const read = textTimeOf(text, zone, localInstants)
  return read && [iso(read.instant), iso(read.alternative)]
}

describe('numbers since 1970', () => {
  it.each([
    ['1732178700', 's', '2024-11-21T08:45:00.000Z'],
    ['1708326852.5', 's', '2024-02-19T07:14:12.500Z'],
    ['1708326852.1239', 's', '2024-02-19T07:14:12.123Z'],
    ['1708326852.1234567890123456', 's', '2024-02-19T07:14:12.123Z'],
    ['1709222478.0', 's', '2024-02-29T16:01:18.000Z'],
    ['1.7321787e9', 's', '2024-11-21T08:45:00.000Z'],
    ['1732178700123', 'ms', '2024-11-21T08:45:00.123Z'],
    ['1.732178700123E12', 'ms', '2024-11-21T08:45:00.123Z'],
    ['1732178700123456', 'us', '2024-11-21T08:45:00.123Z'],
    ['1732178700123456789', 'ns', '2024-11-21T08:45:00.123Z'],
    [' 1732178700 ', 's', '2024-11-21T08:45:00.000Z'],
    ['0', 's', '1970-01-01T00:00:00.000Z'],
    ['5', 'ns', '1970-01-01T00:00:00.000Z'],
  ] as const)('%s %s', (text, form, expected) => expect(iso(epochOf(text, form)?.instant)).toBe(expected))
  it.each(['', '-1', 'now', '1e30', '1732178700 s', '99999999999999999999', '0x5', '1e999'])('are none of %j', (text) =>
    expect(epochOf(text, 's')).toBe(null),
  )
  it('agree in every form', () =>
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 4_000_000_000_000 }), (ms) => {
        const seconds = `${Math.floor(ms / 1000)}.${String(ms % 1000).padStart(3, '0')}`
        expect(
          [epochOf(seconds, 's'), epochOf(String(ms), 'ms'), epochOf(`${ms}456`, 'us'), epochOf(`${ms}456789`, 'ns')].map(
            (read) => read?.instant,
          ),
        ).toEqual([ms, ms, ms, ms])
      }),
    ))
})

describe('text', () => {
  it.each([
    ['2024-11-21T16:45:00+08:00', '2024-11-21T08:45:00.000Z'],
    ['2024-11-21T16:45:00+0800', '2024-11-21T08:45:00.000Z'],
    ['2024-11-21 16:45:00 +08', '2024-11-21T08:45:00.000Z'],
    ['2024-11-21T08:45:00Z', '2024-11-21T08:45:00.000Z'],
    ['2024-11-21t08:45:00z', '2024-11-21T08:45:00.000Z'],
    ['2023-11-23T00:06:01.156927957+00:00', '2023-11-23T00:06:01.156Z'],
    ['2024-11-21T03:15:00.5-05:30', '2024-11-21T08:45:00.500Z'],
    ['2024-11-21T08:45Z', '2024-11-21T08:45:00.000Z'],
  ])('with an offset: %s', (text, expected) => expect(local(text, 'Asia/Shanghai')).toEqual([expected, null]))
  it.each([
    ['2024-11-21 16:45:00', 'Asia/Shanghai', '2024-11-21T08:45:00.000Z'],
    ['2024/11/21 16:45:00', 'Asia/Shanghai', '2024-11-21T08:45:00.000Z'],
    ['2024-11-21T16:45', 'Asia/Shanghai', '2024-11-21T08:45:00.000Z'],
    ['2024/1/2 3:04:05', 'UTC', '2024-01-02T03:04:05.000Z'],
    ['2024-11-21T16:45:00.25', 'UTC', '2024-11-21T16:45:00.250Z'],
  ])('without: %s in %s', (text, zone, expected) => expect(local(text, zone)).toEqual([expected, null]))
  it.each([
    '2024-02-30T00:00:00',
    '2023-02-29T00:00:00Z',
    '2024-13-01T00:00:00',
    '2024-00-10T00:00:00',
    '2024-01-00T00:00:00Z',
    '2024-01-01T24:00:00',
    '2024-01-01T00:60:00Z',
    '2024-01-01T00:00:60Z',
    '2024-01-01T00:00:00+15:00',
    '2024-01-01T00:00:00+08:60',
    '2024-01-01',
    '12:00:00',
    '0000-00-00 00:00:00',
    'yesterday',
    '',
  ])('is no time: %j', (text) => expect(local(text, 'UTC')).toBe(null))
})

describe('summer time', () => {
  it.each([
    ['Europe/Berlin', '2024-10-27T02:30:00', '2024-10-27T00:30:00.000Z', '2024-10-27T01:30:00.000Z'],
    ['Europe/Berlin', '2024-10-27T01:59:59', '2024-10-26T23:59:59.000Z', null],
    ['Europe/Berlin', '2024-10-27T03:00:00', '2024-10-27T02:00:00.000Z', null],
    ['America/New_York', '2024-11-03T01:15:00', '2024-11-03T05:15:00.000Z', '2024-11-03T06:15:00.000Z'],
    ['America/New_York', '2024-11-03T02:00:00', '2024-11-03T07:00:00.000Z', null],
    ['Australia/Lord_Howe', '2024-04-07T01:45:00', '2024-04-06T14:45:00.000Z', '2024-04-06T15:15:00.000Z'],
    ['Australia/Lord_Howe', '2024-04-07T01:15:00', '2024-04-06T14:15:00.000Z', null],
  ])('ends: %s, %s is first %s, then %s', (zone, text, first, second) => expect(local(text, zone)).toEqual([first, second]))
  it.each([
    ['Europe/Berlin', '2024-03-31T02:30:00', '2024-03-31T01:30:00.000Z'],
    ['America/New_York', '2024-03-10T02:30:00', '2024-03-10T07:30:00.000Z'],
    ['Australia/Lord_Howe', '2024-10-06T02:15:00', '2024-10-05T15:45:00.000Z'],
  ])('begins: %s, %s is skipped and moves forward', (zone, text, expected) => expect(local(text, zone)).toEqual([expected, null]))
  it('a local time shows the instant it was made from, in the first or the second hour', () =>
    fc.assert(
      fc.property(
        fc.constantFrom('Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'Asia/Kathmandu', 'America/Sao_Paulo', 'UTC'),
        fc.integer({ min: Date.UTC(2010, 0, 1) / 1000, max: Date.UTC(2030, 0, 1) / 1000 }),
        (zone, seconds) => {
          const face = new Intl.DateTimeFormat('sv-SE', { timeZone: zone, dateStyle: 'short', timeStyle: 'medium' }).format(seconds * 1000)
          const read = textTimeOf(face, zone, localInstants)
          expect([read?.instant, read?.alternative]).toContain(seconds * 1000)
        },
      ),
    ))
})

describe('patterns', () => {
  const read = (pattern: string, text: string): string | null => {
    const parsed = parseTimePattern(pattern)
    return typeof parsed === 'string' ? parsed : iso(patternTimeOf(text, parsed, 'Asia/Shanghai', localInstants)?.instant)
  }
  it.each([
    ['yyyyMMddhhmmss', '20221008105559', '2022-10-08T02:55:59.000Z'],
    ['yyMMddhhmm', '2210081055', '2022-10-08T02:55:00.000Z'],
    ['dd.MM.yyyy hh:mm', '08.10.2022 10:55', '2022-10-08T02:55:00.000Z'],
    ['yyyy年MM月dd日 hh时mm分', '2022年10月08日 10时55分', '2022-10-08T02:55:00.000Z'],
    ['yyyyMMddhhmmss', '2022100810555', null],
    ['yyyyMMddhhmmss', '202210081055590', null],
    ['yyyyMMddhhmmss', '20221308105559', null],
    ['yyyyMMddhhmmss', '2022 008105559', null],
    ['dd.MM.yyyy hh:mm', '08-10-2022 10:55', null],
  ])('%s reads %s', (pattern, text, expected) => expect(read(pattern, text)).toBe(expected))
  it.each(['yyyyMMdd', 'yyyyMMddhhmmssdd', 'yyyyyMMddhhmm', 'yyyyMdhhmm', 'HHmm', ''])('%j is none, and why is said', (pattern) =>
    expect(read(pattern, '')).toContain(`is "${pattern}"`),
  )
})

describe('of a message', () => {
  const at = (...time: readonly object[]) => mappingOf([{ ...KWH, time: time as never }])
  it('the first that is there counts', () => {
    const mapping = at({ of: '$.ts', form: 's' }, { of: '$.time', form: 'text' })
    expect(shown(decoded(mapping, { ts: 1732178700, time: 'x', kwh: 1 }))).toEqual(['m1 @ 2024-11-21T08:45:00.000Z: 1-0:1.8.0 = 1 kWh'])
    expect(shown(decoded(mapping, { time: '2024-11-21T08:46:00Z', kwh: 1 }))).toEqual(['m1 @ 2024-11-21T08:46:00.000Z: 1-0:1.8.0 = 1 kWh'])
    expect(shown(decoded(mapping, { ts: null, kwh: 1 }))).toEqual(['m1 @ arrival: 1-0:1.8.0 = 1 kWh'])
  })
  it('the number of digits tells a form only where a mapping says so', () => {
    const mapping = at({ of: '$.ts', form: 'ms', digits: 13 }, { of: '$.ts', form: 's', digits: 10 })
    for (const ts of [1732178700, 1732178700000, '1732178700'])
      expect(decoded(mapping, { ts, kwh: 1 }).records[0]?.measuredAt).toBe(1732178700000)
  })
  it.each([
    ['seconds since the start of the device', { ts: 12.5 }, 'clock-unset', 'PUSH_CLOCK_UNSET'],
    ['1970', { ts: 0 }, 'clock-unset', 'PUSH_CLOCK_UNSET'],
    ['milliseconds where seconds were expected', { ts: 1732178700000 }, 'time-implausible', 'PUSH_TIME'],
    ['too old', { ts: 1600000000 }, 'time-implausible', 'PUSH_TIME'],
    ['an hour ahead', { ts: 1732183200 }, 'time-implausible', 'PUSH_TIME'],
    ['no time at all', { ts: 'soon' }, 'time-implausible', 'PUSH_TIME'],
  ])('%s: kept under the arrival, flagged', (_, time, flag, code) => {
    const outcome = decoded(at({ of: '$.ts', form: 's' }), { ...time, kwh: 1 })
    expect(outcome.records).toMatchObject([{ measuredAt: null, timeSource: 'arrival', flags: [flag] }])
    expect(outcome.findings).toMatchObject([{ code, device: 'm1' }])
  })
  it('a time that fits none of the forms is not passed over', () => {
    const outcome = decoded(at({ of: '$.ts', form: 'ms', digits: 13 }, { of: '$.ts', form: 's', digits: 10 }), { ts: 12, kwh: 1 })
    expect(outcome.records).toMatchObject([{ measuredAt: null, flags: ['time-implausible'] }])
  })
  it("a message ten minutes ahead is taken, one later is not; windows are the mapping's", () => {
    const rule = { ...KWH, time: [{ of: '$.ts', form: 's' as const }] }
    const flags = (seconds: number, window?: { past?: string; future?: string }) =>
      decoded(mappingOf([rule], window ? { window } : {}), { ts: Date.UTC(2024, 10, 21, 9) / 1000 + seconds, kwh: 1 }).records[0]?.flags
    expect([flags(600), flags(601), flags(601, { future: '1h' }), flags(-7200, { past: '1h' })]).toEqual([
      [],
      ['time-implausible'],
      [],
      ['time-implausible'],
    ])
  })
  it('index times period is added, to both instants of a doubled hour', () => {
    const mapping = mappingOf([
      {
        ...KWH,
        each: [{ items: '$.v' }],
        values: [{ path: '@', obis: '1.8.0', unit: 'kWh' }],
        time: [{ of: '$.time', form: 'text', zone: 'Europe/Berlin', plus: { index: '{index}', period: '$.period' } }],
      },
    ])
    const { records } = decoded(mapping, { time: '2024-10-27T02:30:00', period: 0.5, v: [1, 2] })
    expect(records.map(({ measuredAt, alternative, timeSource }) => [iso(measuredAt), iso(alternative), timeSource])).toEqual([
      ['2024-10-27T00:30:00.000Z', '2024-10-27T01:30:00.000Z', 'payload-local'],
      ['2024-10-27T00:30:00.500Z', '2024-10-27T01:30:00.500Z', 'payload-local'],
    ])
  })
  it.each([1e50, -1e50, 1e25, 'x', null, 8.64e12])('a period of %s is no time and no exception', (period) => {
    const mapping = mappingOf([
      {
        ...KWH,
        each: [{ items: '$.v' }],
        values: [{ path: '@', obis: '1.8.0', unit: 'kWh' }],
        time: [{ of: '$.ts', form: 's', plus: { index: '{index}', period: '$.period' } }],
      },
    ])
    for (const windows of [true, false]) {
      const { records } = decoded(mapping, { ts: 1732178700, period, v: [1, 2] }, { windows })
      expect(records.at(-1)).toMatchObject({ measuredAt: null, flags: ['time-implausible'] })
    }
  })
  it('the zone is that of the time, else of the mapping, else of the gateway', () => {
    const time = (zone?: string) => [{ of: '$.time', form: 'text' as const, ...(zone ? { zone } : {}) }]
    const measured = (zone: string | undefined, own: string | undefined) =>
      iso(
        decoded(mappingOf([{ ...KWH, time: time(own) }], zone ? { zone } : {}), { time: '2024-11-21T08:00:00', kwh: 1 }).records[0]
          ?.measuredAt,
      )
    expect([measured(undefined, undefined), measured('Europe/Berlin', undefined), measured('Asia/Shanghai', 'Europe/Berlin')]).toEqual([
      '2024-11-21T08:00:00.000Z',
      '2024-11-21T07:00:00.000Z',
      '2024-11-21T07:00:00.000Z',
    ])
  })
})
