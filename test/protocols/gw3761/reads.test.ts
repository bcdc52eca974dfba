import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { gw3761 } from '../../../protocols/gw3761/adapter.ts'
import type { Sample, Selection } from '../../../src/core/adapter.ts'
import type { Result } from '../../../src/core/result.ts'
import type { TerminalMeter } from '../../../src/core/terminal.ts'
import { at, bytes, offline, run, type Script, type Told, valueIn, wire } from './terminal.ts'

const adapter = gw3761(1)
const T = '3301-1001'
const profile = (name: string) => JSON.parse(readFileSync(new URL(`../../../config/profiles/gw3761/${name}.json`, import.meta.url), 'utf8'))
const single = profile('single-phase')
const meter = (pn: number | null): TerminalMeter => ({ id: `m${pn}`, address: '000000000001', pn })
const now = at('2024-07-21 09:20:11')

const planned = (selection: Selection, json = single) => {
  const plan = adapter.plan(json, selection)
  if (!plan.ok) throw new Error(plan.error.message)
  return plan.value
}
const read = (
  selection: Selection,
  points: readonly (number | null)[],
  script: Script,
  { frameLimit = 1024, json = single, first = 1, when = now } = {},
) => run(adapter.read(T, planned(selection, json), points.map(meter), frameLimit, when), script, first)

/** Samples as text, for short expectations. */
const shown = (result: Result<readonly Sample[]> | undefined) => {
  if (!result) return 'nothing'
  if (!result.ok) return result.error.code
  return result.value.map(({ at: time, raws }) => {
    const two = (value: number) => String(value).padStart(2, '0')
    const text = time ? `${time.year}-${two(time.month)}-${two(time.day)} ${two(time.hour)}:${two(time.minute)}` : 'now'
    return `${text} ${raws.map((raw) => raw ?? '-').join(' ')}`
  })
}

/** F161 of a point and day: total 1000 + pn kWh, all of it in tariff 1, 5 bytes each. */
const bcd = (value: number, size: number) => {
  const digits = String(value).padStart(size * 2, '0')
  return (digits.match(/../g) ?? []).reverse().join(' ')
}
const identifier = (pn: number, fn: number) => {
  const pair = (one: number, plus: number) =>
    [2 ** ((one - 1) % 8), Math.floor((one - 1) / 8) + plus].map((byte) => byte.toString(16).padStart(2, '0')).join(' ')
  return `${pair(pn, 1)} ${pair(fn, 0)}`
}
const f161 = (pn: number, day = '20 07 24', value = 1000 + pn) =>
  `${identifier(pn, 161)} ${day} 05 00 21 07 24 01 ${bcd(value * 10_000, 5)} ${bcd(value * 10_000, 5)}`
/** Points a request names one by one, each with a time of so many bytes. */
const points = ({ data }: Told, scale: number): number[] => {
  const raw = bytes(data)
  const found: number[] = []
  for (let from = 0; from < raw.length; from += 4 + scale) found.push((raw[from + 1]! - 1) * 8 + Math.log2(raw[from]!) + 1)
  return found
}
const only = (obis: string, kind: Selection['kind'], more: Partial<Selection> = {}): Selection => ({ kind, obis: [obis], ...more })

describe('a daily freeze', () => {
  const request = '68 3E 00 3E 00 68 4B 01 33 E9 03 02 0D 62 01 02 01 14 20 07 24 3F 16'
  const answer =
    '68 BA 00 BA 00 68 88 01 33 E9 03 02 0D 62 01 02 01 14 20 07 24 05 00 21 07 24 04 00 07 81 21 00 00 50 00 03 00 00 00 00 09 00 00 57 80 05 00 00 00 00 04 00 B6 16'

  it('is asked for as the day that ended, and stored at the instant that ended it', () => {
    const { result, told } = read({ kind: 'day-freeze', nth: 1 }, [9], () => [bytes(answer)], { first: 2 })
    expect(told[0]?.raw).toBe(request)
    expect(told).toHaveLength(1)
    expect(shown(result.ok ? result.value[0] : undefined)).toEqual(['2024-07-21 00:00 21810700 3005000 9000000 5805700 4000000'])
    expect(planned({ kind: 'day-freeze' }).values.map(({ obis, unit, scaler }) => `${obis} ${unit} ${scaler}`)).toEqual([
      '1-0:1.8.0 kWh -4',
      '1-0:1.8.1 kWh -4',
      '1-0:1.8.2 kWh -4',
      '1-0:1.8.3 kWh -4',
      '1-0:1.8.4 kWh -4',
    ])
  })

  it('counts days back over months and years, and reads several by their instants', () => {
    const ask = (selection: Selection, when: string) =>
      read(selection, [1], () => null, { when: at(when) }).told.flatMap(({ data }) => data.match(/01 14 (.. .. ..)/)?.[1] ?? [])
    expect(ask({ kind: 'day-freeze', nth: 1 }, '2024-03-01 00:05')).toEqual(['29 02 24'])
    expect(ask({ kind: 'day-freeze', nth: 3 }, '2025-01-01 12:00')).toEqual(['29 12 24'])
    const several = read({ kind: 'day-freeze', since: at('2024-12-31 00:00'), until: at('2025-01-02 10:00') }, [1], () => null, {
      when: at('2025-01-02 10:00'),
    })
    expect(several.told[0]?.data).toBe('01 01 01 14 30 12 24 01 01 01 14 31 12 24 01 01 01 14 01 01 25')
  })

  it('of several days of which one is not there: the others keep their own day, and nothing is asked again', () => {
    const three: Selection = { kind: 'day-freeze', obis: ['1-0:1.8.0'], since: at('2024-07-19 00:00'), until: now }
    const { result, told } = read(three, [1], () => [wire('0D', '61', `${f161(1, '19 07 24', 5)} ${f161(1, '20 07 24', 6)}`)])
    expect(told.map(({ data }) => data)).toEqual(['01 01 01 14 18 07 24 01 01 01 14 19 07 24 01 01 01 14 20 07 24'])
    expect(shown(result.ok ? result.value[0] : undefined)).toEqual(['2024-07-20 00:00 50000', '2024-07-21 00:00 60000'])
  })

  it('of another day than the one asked for keeps its own day, and is no answer', () => {
    const { result, told } = read(only('1-0:1.8.0', 'day-freeze'), [1], () => [wire('0D', '61', f161(1, '18 07 24'))])
    expect(told).toHaveLength(1)
    expect(shown(result.ok ? result.value[0] : undefined)).toEqual(['2024-07-19 00:00 10010000'])
  })

  it('of a month is stored at the first of the next', () => {
    const { result, told } = read(
      only('1-0:1.8.0', 'month-freeze'),
      [3],
      () => [wire('0D', '61', '04 01 01 16 12 23 10 00 01 01 24 00 00 00 34 12 00')],
      { when: at('2024-01-15 10:00') },
    )
    expect(told[0]?.data).toBe('04 01 01 16 12 23')
    expect(shown(result.ok ? result.value[0] : undefined)).toEqual(['2024-01-01 00:00 12340000'])
  })

  it('of nobody: an unknown measuring point is an error of its own, and nothing is sent for it', () => {
    const { result, told } = read({ kind: 'day-freeze' }, [null, 9, 4000], () => [bytes(answer)], { first: 2 })
    expect(told).toHaveLength(1)
    expect(result.ok && result.value.map(shown)).toEqual([
      'GW3761_POINT',
      ['2024-07-21 00:00 21810700 3005000 9000000 5805700 4000000'],
      'GW3761_POINT',
    ])
  })

  it('that is filled is absent, never zero, and says so', () => {
    const all = wire('0D', '61', `01 01 01 14 20 07 24 ${'EE '.repeat(31)}`)
    expect(shown(valueIn(read({ kind: 'day-freeze' }, [1], () => [all]))[0])).toBe('GW3761_NO_DATA')
    const some = wire(
      '0D',
      '61',
      '01 01 01 14 20 07 24 05 00 21 07 24 04 00 00 10 00 00 EE EE EE EE EE FF FF FF FF FF EF EF EF EF EF 00 00 05 00 00',
    )
    const [sample] = valueIn(read({ kind: 'day-freeze' }, [1], () => [some]))
    expect(shown(sample)).toEqual(['2024-07-21 00:00 100000 - - - 50000'])
    expect(sample?.ok && [...(sample.value[0]?.absent ?? [])].map(([column, { code }]) => `${column} ${code}`)).toEqual([
      '1 GW3761_NO_DATA',
      '2 GW3761_NO_DATA',
      '3 GW3761_NO_DATA',
    ])
  })

  it('of amounts is read with a time of reading in front and without', () => {
    const json = {
      id: 'x',
      protocol: 'gw3761',
      source: 'test',
      registers: [],
      dayFreeze: {
        registers: [0, 1].map((index) => ({
          obis: `1-0:1.9.${index}`,
          fn: 'F5',
          index,
          scaler: -4,
          unit: 'kWh',
          sample: { hex: '00 00 12 00', value: 12 },
        })),
      },
    }
    const plain = '01 01 10 00 20 07 24 01 00 50 12 00 00 50 10 00'
    const timed = '01 01 10 00 20 07 24 05 00 21 07 24 01 00 50 12 00 00 50 10 00'
    for (const answer of [plain, timed])
      expect(shown(valueIn(read({ kind: 'day-freeze' }, [1], () => [wire('0D', '61', answer)], { json }))[0])).toEqual([
        '2024-07-21 00:00 125000 105000',
      ])
  })

  it('of demands is read from between their times', () => {
    const json = profile('three-phase-registers')
    const answer =
      '01 01 01 17 20 07 24 05 00 21 07 24 01 34 12 00 15 10 20 07 56 34 00 30 11 20 07 01 01 04 17 20 07 24 05 00 21 07 24 00 EE EE EE EE EE EE EE'
    const { result } = read({ kind: 'day-freeze', obis: ['1-0:1.6.0', '1-0:2.6.0'] }, [1], () => [wire('0D', '61', answer)], { json })
    expect(shown(result.ok ? result.value[0] : undefined)).toEqual(['2024-07-21 00:00 1234 -'])
    const blocks = profile('three-phase')
    const f3 = '01 01 04 00 20 07 24 05 00 21 07 24 01 34 12 00 56 34 00 15 10 20 07 30 11 20 07 78 56 00 90 78 00 15 10 20 07 30 11 20 07'
    expect(
      shown(valueIn(read({ kind: 'day-freeze', obis: ['1-0:1.6.0'] }, [1], () => [wire('0D', '61', f3)], { json: blocks }))[0]),
    ).toEqual(['2024-07-21 00:00 1234'])
  })

  it('of fewer tariffs than the profile has leaves the others absent', () => {
    const [sample] = valueIn(read({ kind: 'day-freeze' }, [1], () => [wire('0D', '61', f161(1))]))
    expect(shown(sample)).toEqual(['2024-07-21 00:00 10010000 10010000 - - -'])
  })
})

describe('many meters', () => {
  const hundred = Array.from({ length: 100 }, (_, index) => index + 1)
  const full: Script = (told) => [
    wire(
      '0D',
      `6${told.number}`,
      points(told, 3)
        .map((pn) => f161(pn))
        .join(' '),
    ),
  ]

  it('share requests up to the frame limit, on both ways', () => {
    const { result, told } = read(only('1-0:1.8.0', 'day-freeze'), hundred, full)
    expect(told.flatMap((each) => points(each, 3))).toEqual(hundred)
    for (const each of told) {
      expect(bytes(each.raw).length).toBeLessThanOrEqual(1024)
      // An answer with four tariffs: identifier 4, day 3, time 5, M 1, five values of 5 bytes.
      expect(24 + points(each, 3).length * 38).toBeLessThanOrEqual(1024)
    }
    expect(told).toHaveLength(4)
    expect(result.ok && result.value.every((one, index) => one.ok && one.value[0]?.raws[0] === (1001 + index) * 10_000)).toBe(true)
    expect(planned(only('1-0:1.8.0', 'day-freeze')).metersPerRequest(1024)).toBe(26)
  })

  it('of a small frame limit go one by one', () => {
    const { told, result } = read(only('1-0:1.8.0', 'day-freeze'), [1, 2, 3], full, { frameLimit: 64 })
    expect(told).toHaveLength(3)
    expect(result.ok && result.value.every(({ ok }) => ok)).toBe(true)
  })

  it('keep their order whatever the order of their points, and one point may be asked for twice', () => {
    const { result, told } = read(only('1-0:1.8.0', 'day-freeze'), [7, 2, 7], full)
    expect(told).toHaveLength(1)
    expect(result.ok && result.value.map((one) => one.ok && one.value[0]?.raws[0])).toEqual([10_070_000, 10_020_000, 10_070_000])
  })

  it('of which the terminal sends only the first: what is behind them is asked for again, and nothing else', () => {
    const cut: Script = (told) => [
      wire(
        '0D',
        `6${told.number}`,
        points(told, 3)
          .slice(0, 4)
          .map((pn) => f161(pn))
          .join(' '),
      ),
    ]
    const { result, told } = read(only('1-0:1.8.0', 'day-freeze'), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10], cut)
    expect(told.map((each) => points(each, 3))).toEqual([
      [1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
      [5, 6, 7, 8, 9, 10],
      [9, 10],
    ])
    expect(result.ok && result.value.every(({ ok }) => ok)).toBe(true)
  })

  it('of which it leaves one out: that one is an error, and is not asked for again', () => {
    const { result, told } = read(only('1-0:1.8.0', 'day-freeze'), [1, 2, 3], () => [wire('0D', '61', `${f161(1)} ${f161(3)}`)])
    expect(told).toHaveLength(1)
    expect(result.ok && result.value.map((one) => (one.ok ? 'ok' : one.error.code))).toEqual(['ok', 'GW3761_NOT_ANSWERED', 'ok'])
  })

  it('for one of which all are denied: halves are asked until only that one is left', () => {
    const strict: Script = (told) =>
      points(told, 3).includes(3)
        ? [wire('00', `6${told.number}`, '00 00 02 00')]
        : [
            wire(
              '0D',
              `6${told.number}`,
              points(told, 3)
                .map((pn) => f161(pn))
                .join(' '),
            ),
          ]
    const { result } = read(only('1-0:1.8.0', 'day-freeze'), [1, 2, 3, 4], strict)
    expect(result.ok && result.value.map((one) => (one.ok ? 'ok' : one.error.code))).toEqual(['ok', 'ok', 'GW3761_DENIED', 'ok'])
  })

  it('of which the terminal has not every item: that item is found out once, and not for each meter', () => {
    const wanted: Selection = { kind: 'day-freeze', obis: ['1-0:1.8.0', '1-0:3.8.0', '1-0:5.8.0'] }
    const identifiers = ({ data }: Told) => (data.match(/.. .. .. .. .. .. ../g) ?? []).map((one) => one.slice(0, 11))
    const without165: Script = (told) =>
      identifiers(told).some((one) => one.endsWith('10 14'))
        ? [wire('00', `6${told.number}`, '00 00 02 00')]
        : [
            wire(
              '0D',
              `6${told.number}`,
              identifiers(told)
                .map((one) => `${one} 20 07 24 05 00 21 07 24 00 ${one.endsWith('01 14') ? '00 ' : ''}00 10 00 00`)
                .join(' '),
            ),
          ]
    const { result, told } = read(wanted, hundred.slice(0, 60), without165, { json: profile('three-phase-registers') })
    expect(told.length).toBeLessThan(30)
    expect(
      result.ok &&
        new Set(
          result.value.map((one) =>
            one.ok ? `${one.value[0]?.raws} ${[...(one.value[0]?.absent?.values() ?? [])].map(({ code }) => code)}` : one.error.code,
          ),
        ),
    ).toEqual(new Set(['100000,1000, GW3761_DENIED']))
  })

  it('of which the first are unknown: nothing is concluded about the others', () => {
    const wanted: Selection = { kind: 'day-freeze', obis: ['1-0:1.8.0', '1-0:3.8.0'] }
    const strict: Script = (told) => {
      const asked = (told.data.match(/.. .. .. .. .. .. ../g) ?? []).map((one) => one.slice(0, 11))
      return asked.some((one) => /^0[1248] 01/.test(one))
        ? [wire('00', `6${told.number}`, '00 00 02 00')]
        : [
            wire(
              '0D',
              `6${told.number}`,
              asked.map((one) => `${one} 20 07 24 05 00 21 07 24 00 ${one.endsWith('01 14') ? '00 ' : ''}00 10 00 00`).join(' '),
            ),
          ]
    }
    const { result } = read(wanted, hundred.slice(0, 20), strict, { json: profile('three-phase-registers') })
    expect(result.ok && result.value.map((one) => (one.ok ? 'ok' : one.error.code))).toEqual(
      hundred.slice(0, 20).map((pn) => (pn <= 4 ? 'GW3761_DENIED' : 'ok')),
    )
  })

  it('of which some are denied by name with their error number', () => {
    const script: Script = (told, turn) =>
      turn === 1
        ? [wire('00', `6${told.number}`, `00 00 04 00 0D ${identifier(1, 161)} 00 ${identifier(2, 161)} 07`)]
        : [
            wire(
              '0D',
              `6${told.number}`,
              points(told, 3)
                .map((pn) => f161(pn))
                .join(' '),
            ),
          ]
    const { result, told } = read(only('1-0:1.8.0', 'day-freeze'), [1, 2], script)
    expect(told.map((each) => points(each, 3))).toEqual([[1, 2], [1]])
    expect(result.ok && result.value.map((one) => (one.ok ? 'ok' : `${one.error.code} ${one.error.context.err}`))).toEqual([
      'ok',
      'GW3761_DENIED 7',
    ])
  })

  it('in an answer of several frames, under one number or counting on', () => {
    for (const count of [0, 1]) {
      const script: Script = () => [
        wire('0D', '41', f161(1)),
        wire('0D', `0${1 + count}`, f161(2)),
        wire('0D', `2${1 + 2 * count}`, f161(3)),
      ]
      const { result, told, strangers } = read(only('1-0:1.8.0', 'day-freeze'), [1, 2, 3], script)
      expect([told.length, strangers]).toEqual([1, 0])
      expect(result.ok && result.value.every(({ ok }) => ok)).toBe(true)
    }
  })

  it('in an answer that is cut in the middle of a value', () => {
    const whole = `${f161(1)} ${f161(2)}`.split(' ')
    const script: Script = () => [wire('0D', '41', whole.slice(0, 30).join(' ')), wire('0D', '21', whole.slice(30).join(' '))]
    const { result, told } = read(only('1-0:1.8.0', 'day-freeze'), [1, 2], script)
    expect(told).toHaveLength(1)
    expect(result.ok && result.value.every(({ ok }) => ok)).toBe(true)
  })

  it('in several whole frames, each as if it were all: what came is kept, the rest is asked for, a late one is taken too', () => {
    const late = wire('0D', '61', f161(2))
    const script: Script = (told, turn) => (turn === 1 ? [wire('0D', '61', f161(1)), late] : [late, wire('0D', `6${told.number}`, f161(3))])
    const { result, told } = read(only('1-0:1.8.0', 'day-freeze'), [1, 2, 3], script)
    expect(told.map((each) => points(each, 3))).toEqual([
      [1, 2, 3],
      [2, 3],
    ])
    expect(result.ok && result.value.every(({ ok }) => ok)).toBe(true)
  })

  it('whose last part never comes: what came is kept', () => {
    const script: Script = (told, turn) => (turn === 1 ? [wire('0D', '41', f161(1))] : [wire('0D', `6${told.number}`, f161(2))])
    const { result, told } = read(only('1-0:1.8.0', 'day-freeze'), [1, 2], script)
    expect(told.map((each) => points(each, 3))).toEqual([[1, 2], [2]])
    expect(result.ok && result.value.every(({ ok }) => ok)).toBe(true)
  })

  it('are not asked for on and on when nobody answers', () => {
    const { result, told } = read(only('1-0:1.8.0', 'day-freeze'), hundred, () => null)
    expect(told).toHaveLength(2)
    expect(result).toMatchObject({ ok: false, error: { code: 'TERMINAL_NO_REPLY' } })
    expect(read(only('1-0:1.8.0', 'day-freeze'), hundred, () => offline).told).toHaveLength(1)
  })

  it('of an answer about others, other items or another terminal are not mixed up', () => {
    const script: Script = () => [
      wire('0D', '62', f161(1)),
      wire('0D', '61', f161(9)),
      wire('0C', '61', f161(1)),
      wire('0D', '61', f161(1), { a2: 'EA 03' }),
      wire('0D', '61', f161(1), { control: '4B' }),
    ]
    expect(read(only('1-0:1.8.0', 'day-freeze'), [1], script)).toMatchObject({ strangers: 5, result: { ok: false } })
  })

  it('are marked as the answer by some terminals as words of their own: CB, C4', () => {
    for (const control of ['CB', 'C4', '98', '8B', 'A8'])
      expect(
        read(only('1-0:1.8.0', 'day-freeze'), [1], () => [wire('0D', '61', f161(1) + (control === 'A8' ? ' 4F 00' : ''), { control })])
          .result,
      ).toMatchObject({ ok: true })
  })
})

describe('current values', () => {
  it('carry the time at which the meter was read', () => {
    const answer = wire(
      '0C',
      '61',
      '20 01 01 10 35 17 25 01 14 04 00 79 92 00 00 00 00 00 00 00 00 97 32 00 00 00 88 45 00 00 00 94 13 00 00',
    )
    const { result, told } = read({ kind: 'current', obis: ['1-0:1.8.0', '1-0:1.8.2'] }, [6], () => [answer])
    expect(told[0]?.data).toBe('20 01 01 10')
    expect(told[0]?.request.reach).toBe('field')
    expect(shown(result.ok ? result.value[0] : undefined)).toEqual(['2014-01-25 17:35 927900 329700'])
  })

  it('of points and items of one group are named by one identifier, eight meters at most', () => {
    const { told } = read({ kind: 'current', obis: ['1-0:1.8.0', '1-0:2.8.0'] }, [1, 2, 3, 9, 10, 20, 21, 22, 23, 24], () => offline)
    expect(told[0]?.data).toBe('07 01 05 10 03 02 05 10 38 03 05 10')
    expect(planned({ kind: 'current' }).metersPerRequest(1024)).toBe(8)
    const plain = read({ kind: 'current', obis: ['1-0:1.8.0', '1-0:2.8.0'] }, [1, 2], () => offline, {
      json: { ...single, combine: false },
    })
    expect(plain.told[0]?.data).toBe('01 01 01 10 01 01 04 10 02 01 01 10 02 01 04 10')
  })

  it('come point by point, inside each by rising item', () => {
    const answer =
      '68 22 01 22 01 68 88 01 33 E9 03 02 0C 67 05 01 03 10 00 11 21 07 24 01 00 50 10 00 00 00 50 10 00 00 00 11 21 07 24 01 25 01 00 00 25 01 00 00 00 11 21 07 24 01 00 75 20 00 00 00 75 20 00 00 00 11 21 07 24 01 50 02 00 00 50 02 00 00 88 16'
    const { result } = read({ kind: 'current', obis: ['1-0:1.8.0', '1-0:3.8.0'] }, [1, 3], () => [bytes(answer)], {
      first: 7,
      json: profile('three-phase'),
    })
    expect(result.ok && result.value.map(shown)).toEqual([['2024-07-21 11:00 105000 125'], ['2024-07-21 11:00 207500 250']])
  })

  it('of F25: signs, percents as thousandths, fill as nothing', () => {
    const answer =
      '68 3E 01 3E 01 68 88 01 33 E9 03 02 0C 61 01 01 01 03 45 10 21 07 24 45 23 81 00 40 80 00 40 80 45 43 80 00 10 00 00 02 00 00 03 00 00 05 00 91 89 87 89 92 89 94 89 98 22 01 23 10 23 50 17 80 40 17 80 80 18 80 20 00 00 00 24 01 00 41 00 00 41 00 00 42 00 9B 16'
    const wanted = ['1-0:16.7.0', '1-0:151.7.0', '1-0:13.7.0', '1-0:72.7.0', '1-0:31.7.0', '1-0:91.7.0', '1-0:9.7.0']
    const json = profile('three-phase')
    const { result } = read({ kind: 'current', obis: wanted }, [1], () => [bytes(answer)], { json })
    expect(shown(result.ok ? result.value[0] : undefined)).toEqual(['2024-07-21 10:45 -12345 200 -991 2310 -1750 20 12400'])
    const { values } = planned({ kind: 'current', obis: wanted }, json)
    // The order is that of the profile.
    expect(values.map(({ obis, unit, scaler, ratio }) => `${obis} ${unit} ${scaler} ${ratio}`)).toEqual([
      '1-0:16.7.0 kW -4 ctpt',
      '1-0:151.7.0 kvar -4 ctpt',
      '1-0:13.7.0  -3 none',
      '1-0:72.7.0 V -1 pt',
      '1-0:31.7.0 A -3 ct',
      '1-0:91.7.0 A -3 ct',
      '1-0:9.7.0 kVA -4 ctpt',
    ])
    const filled = wire('0C', '61', `01 01 01 03 41 14 28 09 18 ${'EE '.repeat(62)}`)
    expect(shown(valueIn(read({ kind: 'current', obis: wanted }, [1], () => [filled], { json }))[0])).toBe('GW3761_NO_DATA')
  })
})

describe('a curve', () => {
  const volts = (more: Partial<Selection>): Selection => only('1-0:32.7.0', 'curve', more)
  const day = volts({ since: at('2024-07-20 00:15'), until: at('2024-07-20 01:00') })

  it('is asked for by start, density and points, and comes with its own', () => {
    const answer = '68 6E 00 6E 00 68 88 01 33 E9 03 02 0D 63 01 01 01 0B 15 00 20 07 24 01 04 01 23 99 22 EE EE 12 23 7D 16'
    const { result, told } = read(day, [1], () => [bytes(answer)], { first: 3 })
    expect(told[0]?.raw).toBe('68 4E 00 4E 00 68 4B 01 33 E9 03 02 0D 63 01 01 01 0B 15 00 20 07 24 01 04 50 16')
    // The third point is filled: a gap, no reading.
    expect(shown(result.ok ? result.value[0] : undefined)).toEqual([
      '2024-07-20 00:15 2301',
      '2024-07-20 00:30 2299',
      '2024-07-20 01:00 2312',
    ])
    expect(told).toHaveLength(1)
  })

  it('that is cut is asked for again from where it stopped', () => {
    const script: Script = ({ number }, turn) => [
      wire(
        '0D',
        `6${number}`,
        turn === 1 ? '01 01 01 0B 15 00 20 07 24 01 03 01 23 02 23 03 23' : '01 01 01 0B 00 01 20 07 24 01 01 04 23',
      ),
    ]
    const { result, told } = read(day, [1], script)
    expect(told.map(({ data }) => data)).toEqual(['01 01 01 0B 15 00 20 07 24 01 04', '01 01 01 0B 00 01 20 07 24 01 01'])
    expect(shown(result.ok ? result.value[0] : undefined)).toHaveLength(4)
  })

  it('whose newest points are not there yet is not asked for twice', () => {
    const newest = volts({ since: at('2024-07-21 08:00'), until: now })
    const { told, result } = read(newest, [1], () => [wire('0D', '61', '01 01 01 0B 00 08 21 07 24 01 03 01 23 02 23 03 23')])
    expect(told.map(({ data }) => data)).toEqual(['01 01 01 0B 00 08 21 07 24 01 06'])
    expect(shown(result.ok ? result.value[0] : undefined)).toHaveLength(3)
  })

  it('that begins later, or has another density, is taken as it is', () => {
    const { result, told } = read(day, [1], () => [wire('0D', '61', '01 01 01 0B 30 00 20 07 24 02 02 01 23 02 23')])
    expect(shown(result.ok ? result.value[0] : undefined)).toEqual(['2024-07-20 00:30 2301', '2024-07-20 01:00 2302'])
    expect(told).toHaveLength(1)
    for (const [density, minutes] of [
      [254, 5],
      [255, 1],
      [3, 60],
    ] as const) {
      const code = density.toString(16).padStart(2, '0')
      const other = read(day, [1], () => [wire('0D', '61', `01 01 01 0B 15 00 20 07 24 ${code} 02 01 23 02 23`)])
      const last = at('2024-07-20 00:15').minute + minutes
      expect(valueIn(other)[0]).toMatchObject({
        ok: true,
        value: [{ at: { minute: 15 } }, { at: { hour: Math.floor(last / 60), minute: last % 60 } }],
      })
    }
  })

  it('with an unknown density or no points is no answer, and the talk ends', () => {
    const empty = read(day, [1], () => [wire('0D', '61', '01 01 01 0B 15 00 20 07 24 01 00')])
    expect([empty.told.length, shown(valueIn(empty)[0])]).toEqual([1, 'GW3761_NOT_ANSWERED'])
    const odd = read(day, [1], () => [wire('0D', '61', '01 01 01 0B 15 00 20 07 24 09 02 01 23 02 23')])
    expect([odd.told.length, shown(valueIn(odd)[0])]).toEqual([1, 'GW3761_NOT_ANSWERED'])
  })

  it('of several days is split at midnight, of a small frame at the frame', () => {
    const two = volts({ since: at('2024-07-18 23:30'), until: at('2024-07-19 00:30') })
    expect(read(two, [1], () => null).told[0]?.data).toBe('01 01 01 0B 30 23 18 07 24 01 02 01 01 01 0B 00 00 19 07 24 01 03')
    const long = volts({ since: at('2024-07-18 00:00'), until: at('2024-07-18 23:45') })
    const answered: Script = ({ data, number }) => [wire('0D', `6${number}`, `${data} ${'01 23 '.repeat(bytes(data)[10]!)}`)]
    const { told, result } = read(long, [1], answered, { frameLimit: 120 })
    expect(told.map(({ data }) => data)).toEqual([
      '01 01 01 0B 00 00 18 07 24 01 2A',
      '01 01 01 0B 30 10 18 07 24 01 2A',
      '01 01 01 0B 00 21 18 07 24 01 0C',
    ])
    expect(shown(result.ok ? result.value[0] : undefined)).toHaveLength(96)
    for (const { data } of told) expect(24 + 11 + bytes(data)[10]! * 2).toBeLessThanOrEqual(120)
  })

  it('of several quantities is one row an instant', () => {
    const both: Selection = {
      kind: 'curve',
      obis: ['1-0:32.7.0', '1-0:31.7.0'],
      since: at('2024-07-20 00:15'),
      until: at('2024-07-20 00:30'),
    }
    const { result, told } = read(both, [2], () => [
      wire('0D', '61', '02 01 01 0B 15 00 20 07 24 01 02 01 23 02 23 02 01 08 0B 15 00 20 07 24 01 02 00 15 00 EE EE EE'),
    ])
    expect(told).toHaveLength(1)
    const [samples] = valueIn({ result })
    expect(shown(samples)).toEqual(['2024-07-20 00:15 2301 1500', '2024-07-20 00:30 2302 -'])
  })

  it('without a beginning is the last hour', () => {
    expect(read(volts({}), [1], () => null).told[0]?.data).toBe('01 01 01 0B 30 08 21 07 24 01 04')
  })

  it('of which one of many is denied: the others are kept', () => {
    const script: Script = ({ number }) => [
      wire(
        '0D',
        `6${number}`,
        '01 01 01 0B 15 00 20 07 24 01 04 01 23 02 23 03 23 04 23 04 01 01 0B 15 00 20 07 24 01 04 01 23 02 23 03 23 04 23',
      ),
    ]
    const { result } = read(day, [1, 2, 3], script)
    expect(result.ok && result.value.map((one) => (one.ok ? one.value.length : one.error.code))).toEqual([4, 'GW3761_NOT_ANSWERED', 4])
  })
})

describe('a plan', () => {
  it('has a key that is the same for the same read only', () => {
    const keys = [
      planned({ kind: 'day-freeze' }),
      planned({ kind: 'day-freeze', nth: 1 }),
      planned({ kind: 'day-freeze', nth: 2 }),
      planned({ kind: 'month-freeze', nth: 1 }),
      planned({ kind: 'current' }),
      planned({ kind: 'curve', since: now }),
      planned({ kind: 'curve', since: at('2024-07-21 09:15') }),
    ].map(({ key }) => key)
    expect(new Set(keys).size).toBe(7)
    expect(planned({ kind: 'curve', since: now }).key).toBe(planned({ kind: 'curve', since: { ...now } }).key)
  })

  it.each([
    ['a kind the profile has not', { ...single, curve: undefined }, { kind: 'curve' }],
    ['a code the profile has not', single, { kind: 'current', obis: ['1-0:99.8.0'] }],
    ['a freeze too far back', single, { kind: 'day-freeze', nth: 63 }],
    ['a profile that is none', { ...single, registers: 5 }, { kind: 'current' }],
    ['an interval without a code', { ...single, curve: { ...single.curve, minutes: 7 } }, { kind: 'curve' }],
    ['a curve among freezes', { ...single, dayFreeze: { registers: single.curve.registers } }, { kind: 'day-freeze' }],
  ] as const)('of %s is refused', (_, json, selection) => {
    const copy = JSON.parse(JSON.stringify(json))
    expect(adapter.plan(copy, selection as Selection)).toMatchObject({ ok: false, error: { code: 'GW3761_PROFILE' } })
  })

  it('of another protocol is not carried out', () => {
    const { work: _, ...foreign } = { ...planned({ kind: 'current' }), work: 0 }
    expect(run(adapter.read(T, foreign, [meter(1)], 1024, now), () => null)).toMatchObject({
      told: [],
      result: { ok: false, error: { code: 'GW3761_PROFILE' } },
    })
  })
})

it('reads nothing with a write, a control or a reset', () => {
  const told = (['current', 'day-freeze', 'month-freeze', 'curve'] as const).flatMap((kind) => read({ kind }, [1, 2], () => null).told)
  expect(told.every(({ request, afn }) => !request.writes && (afn === '0C' || afn === '0D'))).toBe(true)
})
