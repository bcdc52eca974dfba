import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readContent } from '../../../protocols/gw3761/content.ts'
import { writeContent } from '../../../protocols/gw3761/content-write.ts'
import { eventOf } from '../../../protocols/gw3761/event-bodies.ts'
import { readTime, type TimeFormatId, timeText, writeTime } from '../../../protocols/gw3761/formats.ts'
import type { Field, Layout } from '../../../protocols/gw3761/layout.ts'
import { readRaws, timesOf } from '../../../protocols/gw3761/raws.ts'
import { answerSize, contentSize, slotAt, slotsOf, timeOfRaw } from '../../../protocols/gw3761/slots.ts'
import { allTables, rowOf } from '../../../protocols/gw3761/tables.ts'
import { decimalNumber } from '../../../src/core/decimal.ts'
import { hexOf } from '../../../src/core/hex.ts'
import { bytes } from './wire.ts'

type Dice = () => number
const dice = (seed: number): Dice => {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}
const below = (roll: Dice, limit: number) => Math.floor(roll() * limit)

const someTime = (roll: Dice, format: TimeFormatId) => {
  const parts = {
    year: 2000 + below(roll, 100),
    month: 1 + below(roll, 12),
    day: 1 + below(roll, 28),
    hour: below(roll, 24),
    minute: below(roll, 60),
    second: below(roll, 60),
  }
  const time = readTime(writeTime(parts, format), 0, format)!
  return { text: timeText(time), weekday: time.weekday }
}

const scalar = (field: Extract<Field, { kind: 'number' | 'uint' | 'time' }>, roll: Dice): unknown => {
  if (field.kind === 'number') {
    if (below(roll, 8) === 0) return null
    const { max, signed, scaler, floating } = field.format
    const raw = floating ? below(roll, 999) * 1000 : below(roll, max + 1) * (signed && below(roll, 2) === 1 ? -1 : 1)
    return decimalNumber(raw === 0 ? 0 : raw, scaler)
  }
  if (field.kind === 'uint') {
    const value = below(roll, 256 ** field.size - (field.fills ? 2 : 0))
    const isFilled = field.fills && [0xee, 0xef].some((fill) => value === Number.parseInt(fill.toString(16).repeat(field.size), 16))
    return field.shape === 'hex'
      ? `0x${value
          .toString(16)
          .toUpperCase()
          .padStart(field.size * 2, '0')}`
      : isFilled
        ? null
        : value
  }
  const { text, weekday } = someTime(roll, field.format)
  return field.shape === 'text' ? text : { time: text, weekday }
}

/** Values a layout could hold, as reading would give them. */
const someValues = (layout: Layout, roll: Dice, counts: Record<string, number>): Record<string, unknown> => {
  const values: Record<string, unknown> = {}
  for (const field of layout) {
    switch (field.kind) {
      case 'number':
      case 'uint':
      case 'time': {
        const one =
          field.times === null ? scalar(field, roll) : Array.from({ length: timesOf(field.times, counts) }, () => scalar(field, roll))
        if (field.kind === 'time' && field.shape === 'spread' && typeof one === 'object') Object.assign(values, one)
        else values[field.name] = one
        break
      }
      case 'count':
        values[field.name] = counts[field.counter] = 1 + below(roll, Math.min(4, field.max))
        break
      case 'hex':
        values[field.name] = hexOf(
          Uint8Array.from({ length: typeof field.size === 'number' ? field.size : (counts[field.size] ?? 0) }, () => below(roll, 256)),
        )
        break
      case 'digits':
        values[field.name] = Array.from({ length: field.size * 2 }, () => below(roll, 10)).join('')
        break
      case 'text':
        values[field.name] = Array.from({ length: below(roll, field.size + 1) }, () => String.fromCharCode(0x41 + below(roll, 26))).join('')
        break
      case 'ip':
        values[field.name] = Array.from({ length: 4 }, () => below(roll, 256)).join('.')
        break
      case 'bits': {
        const word = Array.from({ length: field.size * 8 }, () => below(roll, 2))
        for (const part of field.parts)
          values[part.name] = word.slice(part.from, part.from + part.width).reduce((sum, bit, at) => sum + bit * 2 ** at, 0) + part.plus
        break
      }
      case 'each': {
        const records = Array.from({ length: field.counter === null ? 2 : (counts[field.counter] ?? 0) + field.plus }, () =>
          someValues(field.of, roll, counts),
        )
        if (!field.columns) values[field.name] = records
        else for (const one of field.of) if ('name' in one) values[one.name] = records.map((record) => record[one.name])
        break
      }
      case 'identifier':
        Object.assign(values, { pn: below(roll, 2041), fn: 1 + below(roll, 248) })
        break
      case 'identifiers':
        values[field.name] = Array.from({ length: field.counter === null ? 2 : (counts[field.counter] ?? 0) }, () => ({
          pn: below(roll, 2041),
          fn: 1 + below(roll, 248),
        }))
        break
      case 'optional':
        Object.assign(values, someValues(field.of, roll, counts))
        break
      case 'rest':
        values[field.name] = hexOf(Uint8Array.from({ length: 3 }, () => below(roll, 256)))
        break
      case 'events':
        values[field.name] = [
          {
            erc: 200,
            length: 5,
            body_hex: hexOf(writeTime({ year: 2024, month: 2, day: 29, hour: 1, minute: 2 }, 'A.15')),
            time: '2024-02-29 01:02',
          },
        ]
    }
  }
  return values
}

const layouts: [string, Layout][] = [
  ...allTables()
    .filter(({ afn }) => afn !== 0x0a)
    .flatMap(({ afn, rows }) =>
      [...rows.values()].flatMap(({ fn, en, bodies, ask }): [string, Layout][] => [
        ...(bodies ?? []).map((body, at): [string, Layout] => [
          `AFN ${afn.toString(16)} F${fn} ${en}${at > 0 ? ', other edition' : ''}`,
          body,
        ]),
        ...(ask.length > 0 ? [[`request of AFN ${afn.toString(16)} F${fn} ${en}`, ask] satisfies [string, Layout]] : []),
      ]),
    ),
  ...Array.from({ length: 64 }, (_, erc) => eventOf(erc)).flatMap((event) =>
    (event?.bodies ?? []).map((body, at): [string, Layout] => [`ERC ${event?.erc} ${event?.en}${at > 0 ? ' (2)' : ''}`, body]),
  ),
]

describe('every layout of the tables', () => {
  it('is there: several hundred', () => expect(layouts.length).toBeGreaterThan(250))

  it.each(layouts)('%s: what is written comes back, read slowly and fast', (_, layout) =>
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const counts: Record<string, number> = { points: 1 + (seed % 5) }
        const values = someValues(layout, dice(seed), counts)
        const written = writeContent(layout, values, { points: counts.points! })
        // A curve says how many points it has in its time.
        const withPoints = usesPoints(layout) ? { points: counts.points! } : {}
        const read = readContent(layout, written, 0, written.length, withPoints)
        expect(read.error).toBe(null)
        expect(read.end).toBe(written.length)
        expect(read.leaves).toMatchObject(values)
        const raws: number[] = []
        expect(readRaws(layout, written, 0, written.length, { ...withPoints }, raws)).toBe(written.length)
        if (
          !layout.some(
            ({ kind }) => kind === 'each' || kind === 'identifiers' || kind === 'optional' || kind === 'rest' || kind === 'events',
          )
        )
          expect(contentSize(layout, counts)).toBe(written.length)
        let next = 0
        for (const { at, size } of read.pieces) {
          expect(at).toBe(next)
          next = at + size
        }
        expect(next).toBe(written.length)
      }),
      { numRuns: 30 },
    ),
  )

  it.each(layouts)('%s: cut short, it says so and throws nothing', (_, layout) =>
    fc.assert(
      fc.property(fc.nat(), fc.nat(), (seed, cut) => {
        const counts: Record<string, number> = { points: 1 + (seed % 5) }
        const written = writeContent(layout, someValues(layout, dice(seed), counts), { points: 1 + (seed % 5) })
        const short = written.subarray(0, cut % (written.length + 1))
        const end = readRaws(layout, short, 0, short.length, { ...counts }, [])
        const read = readContent(layout, short, 0, short.length, counts)
        expect(read.end).toBeLessThanOrEqual(short.length)
        expect(end).toBeLessThanOrEqual(short.length)
        if (end >= 0) expect(read.error).toBe(null)
      }),
      { numRuns: 10 },
    ),
  )

  it('has a source in every row, an English and a Chinese name', () => {
    for (const { rows } of allTables())
      for (const { en, zh, source } of rows.values()) {
        expect(en).toMatch(/^[\x20-\x7e]{4,}$/)
        expect(zh).toMatch(/[\u4e00-\u9fff]/)
        expect(source.length).toBeGreaterThan(10)
      }
  })
})

const usesPoints = (layout: Layout): boolean =>
  layout.some(
    (field) =>
      (field.kind === 'each' && field.counter === 'points') ||
      ((field.kind === 'number' || field.kind === 'uint' || field.kind === 'time') &&
        typeof field.times === 'object' &&
        field.times?.counter === 'points'),
  )

describe('the items the work names are known', () => {
  const named: readonly [string, number, readonly number[]][] = [
    ['confirm', 0x00, [1, 2, 3]],
    ['link', 0x02, [1, 2, 3]],
    ['parameters', 0x04, [1, 3, 4, 7, 8, 9, 10, 25, 26, 33, 35, 38, 39, 65, 66, 67, 68]],
    ['control', 0x05, [1, 2, 25, 26, 28, 29, 31, 33, 34, 36, 37, 38, 39, 49, 50, 51, 52, 53]],
    ['configuration', 0x09, [1]],
    [
      'class 1',
      0x0c,
      [
        2, 3, 4, 7, 8, 9, 10, 11, 25, 26, 27, 28, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 48, 49, 57, 58, 89, 116, 129, 130, 131, 132,
        133, 134, 135, 136, 137, 144, 145, 148, 149, 152, 161, 165, 166, 167, 168, 169, 170,
      ],
    ],
    [
      'class 2',
      0x0d,
      [
        1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 39, 49, 51, 53, 54, 73,
        76, 81, 88, 89, 91, 92, 95, 97, 100, 101, 104, 105, 108, 109, 110, 113, 118, 121, 123, 145, 146, 147, 148, 153, 160, 161, 168, 169,
        176, 177, 184, 185, 196, 209, 213, 214, 215, 216, 217, 218,
      ],
    ],
    ['events', 0x0e, [1, 2]],
    ['forwarding', 0x10, [1]],
  ]
  it.each(named)('%s', (_, afn, items) => expect(items.filter((fn) => !rowOf(afn, fn)?.bodies)).toEqual([]))
})

describe('places of values', () => {
  it('finds a value among the raws, tariffs counted', () => {
    const layout = rowOf(0x0c, 33)?.bodies?.[0] ?? []
    const counters = { tariffs: 4 }
    expect([
      slotAt(layout, 'time', 0, counters),
      slotAt(layout, 'active_kWh', 0, counters),
      slotAt(layout, 'active_kWh', 4, counters),
      slotAt(layout, 'reactive_kvarh', 0, counters),
    ]).toEqual([0, 1, 5, 6])
    expect([
      slotAt(layout, 'active_kWh', 5, counters),
      slotAt(layout, 'colour', 0, counters),
      slotAt(layout, 'active_kWh', -1, counters),
    ]).toEqual([-1, -1, -1])
    expect(slotsOf(layout).map(({ name, unit, scaler }) => [name, unit, scaler])).toEqual([
      ['time', '', 0],
      ['active_kWh', 'kWh', -4],
      ['reactive_kvarh', 'kvarh', -2],
      ['reactive_q1_kvarh', 'kvarh', -2],
      ['reactive_q4_kvarh', 'kvarh', -2],
    ])
  })

  it('knows how long an answer is', () => {
    expect(answerSize(rowOf(0x0d, 161)!, 4)).toBe(4 + 3 + 5 + 1 + 25)
    expect(answerSize(rowOf(0x0d, 89)!, 0, 96)).toBe(4 + 7 + 192)
    expect(answerSize(rowOf(0x0c, 25)!, 0)).toBe(4 + 67)
    expect(answerSize(rowOf(0x0c, 5)!, 0)).toBe(0)
    expect(contentSize(rowOf(0x04, 10)?.bodies?.[0] ?? [], { meters: 10 })).toBe(2 + 270)
    expect(contentSize(rowOf(0x04, 3)?.bodies?.[0] ?? [], {})).toBe(28)
  })

  it('turns raw times into instants', () => {
    expect(timeOfRaw(2401152359, 'A.15')).toEqual({ year: 2024, month: 1, day: 15, hour: 23, minute: 59, second: 0 })
    expect(timeOfRaw(2312312400, 'A.15')).toEqual({ year: 2024, month: 1, day: 1, hour: 0, minute: 0, second: 0 })
    expect([timeOfRaw(Number.NaN, 'A.15'), timeOfRaw(2402301200, 'A.15'), timeOfRaw(2413011200, 'A.15'), timeOfRaw(1530, 'A.19')]).toEqual([
      null,
      null,
      null,
      null,
    ])
  })
})

describe('contents that are written', () => {
  const body = (afn: number, fn: number) => rowOf(afn, fn)?.bodies?.[0] ?? []

  it('a captured parameter, byte for byte', () => {
    const master = { main_ip: '180.97.81.190', main_port: 20005, backup_ip: '0.0.0.0', backup_port: 0, apn: 'cmnet' }
    expect(writeContent(body(0x04, 3), master)).toEqual(
      bytes('B4 61 51 BE 25 4E 00 00 00 00 00 00 63 6D 6E 65 74 00 00 00 00 00 00 00 00 00 00 00'),
    )
  })

  it.each([
    [
      'an address that is none',
      3,
      { main_ip: '1.2.3', main_port: 1, backup_ip: '0.0.0.0', backup_port: 0, apn: '' },
      /main_ip: wanted an address/,
    ],
    [
      'a port too large',
      3,
      { main_ip: '1.2.3.4', main_port: 70000, backup_ip: '0.0.0.0', backup_port: 0, apn: '' },
      /main_port: 70000 does not fit 2 bytes/,
    ],
    [
      'a name too long',
      3,
      { main_ip: '1.2.3.4', main_port: 1, backup_ip: '0.0.0.0', backup_port: 0, apn: 'x'.repeat(17) },
      /apn: wanted up to 16/,
    ],
    ['nothing at all', 3, {}, /main_ip: wanted .*got nothing/],
    ['a digit too many', 25, { PT: 1, CT: 1, rated_U_V: 220.05 }, /rated_U_V: wanted at most 1 digits/],
    ['a list that is none', 35, { sequence_numbers: 5 }, /count: wanted a whole number/],
    ['a bit too many', 67, { state: 256 }, /state: 256 does not fit/],
    [
      'a time that is none',
      33,
      { ports: [{ port: 1, control_word: 0, reading_days_bitmap: 0, reading_time_hhmm: 'noon' }] },
      /ports\[0\].reading_time_hhmm: wanted a time like 07:30/,
    ],
    ['a part too large', 65, { period: 64, period_unit: 0, base_time: null, curve_step: 1, items: [] }, /period: wanted 0 to 63/],
  ])('refuses %s and names the place', (_, fn, values, message) => expect(() => writeContent(body(0x04, fn), values)).toThrow(message))
})
