import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decimalText, type Raw, type Reading, seriesOf, shapeOf } from '../../src/core/index.ts'
import { LineBatch, LineNames } from '../../src/store/influx/line-protocol.ts'
import { nameProblem } from '../../src/store/influx/names.ts'
import { energyShape, readingOf, START } from '../support/influx-readings.ts'

const text = (batch: LineBatch, from?: number, to?: number) => Buffer.from(batch.slice(from, to)).toString('utf8')

const lineOf = (reading: Reading): string => {
  const batch = new LineBatch(1)
  const error = batch.add(reading, 0, new LineNames())
  if (error) throw new Error(`${error.code} ${error.message}`)
  return text(batch)
}

const codeOf = (reading: Reading): string | undefined => new LineBatch(1).add(reading, 0, new LineNames())?.code

/** One line taken apart by the rules of the line protocol reference, with no help from the writer. */
const parseLine = (line: string) => {
  const cut = (source: string, separator: string): string[] => {
    const parts = ['']
    for (let at = 0; at < source.length; at++) {
      const escaped = source[at] === '\\' && ', ='.includes(source[at + 1] ?? 'x')
      if (escaped) parts[parts.length - 1] += source[at]! + source[++at]!
      else if (source[at] === separator) parts.push('')
      else parts[parts.length - 1] += source[at]!
    }
    return parts
  }
  const plain = (part: string) => part.replace(/\\([, =])/g, '$1')
  const pairs = (parts: string[]) =>
    parts.map((part) => {
      const [key = '', value = '', ...more] = cut(part, '=')
      expect(more).toEqual([])
      return [plain(key), plain(value)] as const
    })
  const [head = '', fields = '', time = '', ...more] = cut(line, ' ')
  expect(more).toEqual([])
  const [measurement = '', ...tags] = cut(head, ',')
  return { measurement, tags: pairs(tags), fields: pairs(cut(fields, ',')), time: Number(time) }
}

describe('a row of line protocol', () => {
  it('has the whole tag set in order, the row’s own fields, and the registers as displayed', () => {
    expect(lineOf(readingOf('202608150042', START, [12345678, 5], { ratio: '40', quality: 1 }))).toBe(
      'register,area=A1,meter=202608150042,point=P-202608150042,source=live ' +
        'ratio=40,quality=1i,received=1790812801500i,1.8.0=123456.78,2.8.0=0.05,absent=0i 1790812800000\n',
    )
  })

  it('has no ratio beside primary values', () => {
    const series = seriesOf('instant', { meter: '7', source: 'live' })
    const shape = shapeOf([{ field: '31.7.0', obis: '1-0:31.7.0', unit: 'A', scaler: -3 }])
    expect(lineOf(readingOf('7', START, [-1250], { series, shape }))).toBe(
      'instant,area=-,meter=7,point=-,source=live quality=0i,received=1790812801500i,31.7.0=-1.250,absent=0i 1790812800000\n',
    )
  })

  it('marks counts as integers', () => {
    const series = seriesOf('comm', { kind: 'line', id: 'rs485-3' })
    const shape = shapeOf([
      { field: 'due', obis: null, unit: '', scaler: 0, integer: true },
      { field: 'latency', obis: null, unit: 's', scaler: null },
    ])
    expect(lineOf(readingOf('7', START, [96, 25], { series, shape, scalers: [0, -3] }))).toBe(
      'comm,area=-,id=rs485-3,kind=line quality=0i,received=1790812801500i,due=96i,latency=0.025,absent=0i 1790812800000\n',
    )
  })

  it('leaves absent values out and counts them, even when nothing else is left', () => {
    expect(lineOf(readingOf('7', START, [null, 5]))).toContain('i,2.8.0=0.05,absent=1i ')
    expect(lineOf(readingOf('7', START, [null, null]))).toContain('received=1790812801500i,absent=2i ')
  })

  it.each<[Raw, number, string]>([
    [0, -2, '0.00'],
    [-1, -2, '-0.01'],
    [100, 0, '100'],
    [5, 3, '5000'],
    [Number.MAX_SAFE_INTEGER, -1, '900719925474099.1'],
    [-Number.MAX_SAFE_INTEGER, 0, '-9007199254740991'],
    [2 ** 31, -9, '2.147483648'],
    [2 ** 31 - 1, -9, '2.147483647'],
    [999_999_999_999_999, -3, '999999999999.999'],
    [18446744073709551615n, -2, '184467440737095516.15'],
    [1, -40, '1e-40'],
    [7, 30, '7e30'],
  ])('writes (%s, %s) as %s', (raw, scaler, expected) => {
    expect(lineOf(readingOf('7', START, [raw, 0], { shape: shapeOf([{ ...energyShape.columns[0]!, scaler }]) }))).toContain(
      `,1.8.0=${expected},absent=`,
    )
  })

  it('writes every number digit for digit', () =>
    fc.assert(
      fc.property(
        fc.array(
          fc.tuple(
            fc.oneof(fc.maxSafeInteger(), fc.integer({ min: -99999, max: 99999 }), fc.bigInt(-(2n ** 70n), 2n ** 70n)),
            fc.integer({ min: -20, max: 10 }),
          ),
          {
            minLength: 1,
            maxLength: 20,
          },
        ),
        (values) => {
          const shape = shapeOf(
            values.map((_, at) => ({ field: `1.8.${at}`, obis: null, unit: 'kWh', scaler: at % 2 ? null : values[at]![1] })),
          )
          const line = lineOf(
            readingOf(
              '7',
              START,
              values.map(([raw]) => raw),
              { shape, scalers: values.map(([, scaler]) => scaler) },
            ),
          )
          expect(parseLine(line.trimEnd()).fields.slice(3, -1)).toEqual(
            values.map(([raw, scaler], at) => [`1.8.${at}`, decimalText(raw, scaler)]),
          )
        },
      ),
    ))

  it('gives the same bytes for the same readings, in any batch', () => {
    const readings = Array.from({ length: 300 }, (_, at) => readingOf(`m${at % 7}`, START + at, [at * 7919, null]))
    const names = new LineNames()
    const one = new LineBatch(1)
    for (const [index, reading] of readings.entries()) one.add(reading, index, names)
    const first = text(one)
    expect(first).toBe(readings.map(lineOf).join(''))
    one.clear()
    for (const [index, reading] of readings.entries()) one.add(reading, index, names)
    expect(text(one)).toBe(first)
    expect(text(one, 17, 19)).toBe(lineOf(readings[17]!) + lineOf(readings[18]!))
    expect(text(one.pick([250, 3]))).toBe(lineOf(readings[250]!) + lineOf(readings[3]!))
    expect(one.pick([250, 3]).indexes).toEqual([250, 3])
  })
})

describe('names', () => {
  it('come out as they went in, or are refused: nobody can write a second row or another tag', () => {
    const name = fc.oneof(
      fc.string({
        unit: fc.constantFrom('a', '\\', ',', ' ', '=', '"', "'", '\n', '\r', '\0', '电', '😀', '\u202e', 'é'),
        minLength: 1,
        maxLength: 8,
      }),
      fc.string({ unit: 'binary', minLength: 1 }),
    )
    fc.assert(
      fc.property(name, name, (meter, area) => {
        const reading = readingOf('7', START, [1, 2], { series: seriesOf('register', { meter, area, point: 'P', source: 'live' }) })
        const refused = nameProblem(meter) !== null || nameProblem(area) !== null
        expect(codeOf(reading)).toBe(refused ? 'INFLUX_NAME' : undefined)
        if (refused) return
        const lines = lineOf(reading).split('\n')
        expect(lines).toHaveLength(2)
        const { tags, time, fields } = parseLine(lines[0]!)
        expect(tags).toEqual([
          ['area', area],
          ['meter', meter],
          ['point', 'P'],
          ['source', 'live'],
        ])
        expect(fields).toHaveLength(6)
        expect(time).toBe(START)
      }),
      { numRuns: 2000 },
    )
  })

  it.each([
    ['a line feed', 'a\nregister,meter=b 1.8.0=1'],
    ['a zero byte', 'a\0'],
    ['a C1 control', 'a\u0085b'],
    ['a backslash at the end', 'a\\'],
    ['a backslash before a comma', 'a\\,b'],
    ['two backslashes', '\\\\server'],
    ['half an emoji', '\ud83d'],
    ['1,025 bytes', `${'电'.repeat(341)}aa`],
  ])('refuses %s and names the tag', (_, meter) => {
    const error = new LineBatch().add(readingOf(meter, START), 0, new LineNames())
    expect(error).toMatchObject({ code: 'INFLUX_NAME', recovery: 'skip', context: { tag: 'meter' } })
  })

  it.each([
    ['a tag', 'meter', 'INFLUX_FIELD'],
    ['a field of every row', 'quality', 'INFLUX_FIELD'],
    ['the time', 'time', 'INFLUX_FIELD'],
    ['a quoted text', 'a"b', 'INFLUX_NAME'],
    ['nothing', '', 'INFLUX_NAME'],
  ])('refuses a value with the name of %s', (_, field, code) => {
    expect(codeOf(readingOf('7', START, [1], { shape: shapeOf([{ field, obis: null, unit: '', scaler: 0 }]) }))).toBe(code)
  })

  it('keeps names like __proto__ and constructor as names', () => {
    for (const name of ['__proto__', 'constructor', 'toString']) {
      const shape = shapeOf([{ field: name, obis: null, unit: '', scaler: 0 }])
      expect(lineOf(readingOf(name, START, [5], { shape }))).toMatch(new RegExp(`meter=${name},.*,${name}=5,`))
    }
  })
})

describe('values no meter has', () => {
  const integer = shapeOf([{ field: 'due', obis: null, unit: '', scaler: null, integer: true }])
  it.each<[string, Partial<Reading>]>([
    ['a fraction as raw', { raws: [1.5, 0] }],
    ['not a number', { raws: [Number.NaN, 0] }],
    ['infinity', { raws: [Number.POSITIVE_INFINITY, 0] }],
    ['beyond a double', { raws: [1, 0], shape: shapeOf([{ ...energyShape.columns[0]!, scaler: 400 }]) }],
    ['no time', { measuredAt: Number.NaN }],
    ['a ratio that is a field of its own', { ratio: '1,1.8.0=5' }],
    ['half a count', { shape: integer, raws: [5], scalers: [-1] }],
    ['a count beyond 64 bits', { shape: integer, raws: [2n ** 63n], scalers: [0] }],
  ])('are refused: %s', (_, more) => expect(codeOf(readingOf('7', START, [1, 2], more))).toBe('INFLUX_VALUE'))

  it('leave no half row behind', () => {
    const batch = new LineBatch()
    const names = new LineNames()
    batch.add(readingOf('7', START, [1, 2]), 0, names)
    batch.add(readingOf('8', START, [1, Number.NaN]), 1, names)
    batch.add(readingOf('9', START, [3, 4]), 2, names)
    expect(text(batch)).toBe(lineOf(readingOf('7', START, [1, 2])) + lineOf(readingOf('9', START, [3, 4])))
    expect(batch.indexes).toEqual([0, 2])
  })
})
