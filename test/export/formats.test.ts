import { spawnSync } from 'node:child_process'
import fc from 'fast-check'
import { parquetMetadata, parquetReadObjects, parquetSchema } from 'hyparquet'
import { describe, expect, it } from 'vitest'
import { type Cell, type ExportColumn, encode, guardedText, RowsStopped, unguardedText } from '../../src/export/index.ts'
import { localClock } from '../../src/export/local.ts'
import { xlsxPieces } from '../../src/export/xlsx.ts'
import { readTable } from '../../src/sheets/index.ts'
import { COLUMNS, fileOf, ROWS, sourceOf } from './sources.ts'

const hasPython = spawnSync('python3', ['--version']).status === 0
const bufferOf = (bytes: Buffer): ArrayBuffer => new Uint8Array(bytes).buffer
const HOSTILE = ['=1+1', '+1', '-1+2', '@A1', '\t=1', '\r=1', '\n=1', ' =1', '＝1', '＋1', '－1', '＠1', "'=1", "''=1", '\u00a0=1']
const anyText = fc.oneof(fc.constantFrom(...HOSTILE), fc.string({ unit: 'grapheme' }), fc.string({ unit: 'binary' }))
/** Lone surrogates are no characters: every format writes U+FFFD for them. */
const wellFormed = (text: string) => Buffer.from(text).toString()
const decimalText = fc.tuple(fc.bigInt({ min: -(10n ** 17n), max: 10n ** 17n }), fc.integer({ min: 0, max: 8 })).map(([raw, places]) => {
  const digits = String(raw)
    .replace('-', '')
    .padStart(places + 1, '0')
  const text = places === 0 ? digits : `${digits.slice(0, -places)}.${digits.slice(-places)}`
  return raw < 0n ? `-${text}` : text
})

describe('a text that a spreadsheet would run', () => {
  it.each(HOSTILE)('%j is written behind an apostrophe, and comes back', (text) => {
    expect(guardedText(text)).toBe(`'${text}`)
    expect(unguardedText(guardedText(text))).toBe(text)
  })
  it('comes back whatever it is', () => {
    fc.assert(fc.property(anyText, (text) => unguardedText(guardedText(text)) === text))
  })
})

describe('CSV', () => {
  it('has a byte order mark, quotes round everything, heads with unit and direction, and nothing where nothing is known', async () => {
    const text = (await fileOf(sourceOf([ROWS.slice(0, 3)]), 'csv')).toString()
    expect(text).toBe(
      [
        '\ufeff"point","measured at (Asia/Shanghai)","1.8.0 import kWh (as displayed)","energy kWh (ratio applied)","count","share","good"',
        '"P-1","2026-11-01T00:00:00.000+08:00","123456.78","9876542.4000","4","0.5","true"',
        '"000000000012","2026-11-01T00:15:00.000+08:00","-0.10","-12.5","-1","-2.5","false"',
        '"\'=HYPERLINK(""http://x"",""y"")",,,,,,',
        '',
      ].join('\r\n'),
    )
  })
  it('speaks Chinese', async () => {
    expect((await fileOf(sourceOf([]), 'csv', { language: 'zh' })).toString()).toContain(
      '"测量时间 (Asia/Shanghai)","正向有功总 kWh（表码，未乘倍率）"',
    )
  })
  it('a text in a column of numbers is guarded like any text', async () => {
    const columns: ExportColumn[] = [{ name: 'n', title: { en: 'n', zh: 'n' }, type: 'decimal' }]
    expect((await fileOf(sourceOf([[['=1'], ['-1']]], columns), 'csv')).toString()).toContain('"\'=1"\r\n"-1"')
  })
  it.skipIf(!hasPython)('is read by another program as it was written', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(anyText, fc.option(decimalText)), { minLength: 1, maxLength: 30 }), async (rows) => {
        const columns: ExportColumn[] = [
          { name: 't', title: { en: 't', zh: 't' }, type: 'text' },
          { name: 'd', title: { en: 'd', zh: 'd' }, type: 'decimal' },
        ]
        const file = await fileOf(sourceOf([rows], columns), 'csv')
        const script =
          "import sys,csv,json,io;sys.stdout.write(json.dumps(list(csv.reader(io.TextIOWrapper(sys.stdin.buffer,encoding='utf-8-sig',newline='')))))"
        const { stdout, status } = spawnSync('python3', ['-c', script], { input: file })
        expect(status).toBe(0)
        const read: string[][] = JSON.parse(stdout.toString())
        expect(read.slice(1).map(([text = '', number]) => [unguardedText(text), number])).toEqual(
          rows.map(([text, number]) => [wellFormed(text), number ?? '']),
        )
      }),
      { numRuns: 15 },
    )
  })
})

describe('NDJSON', () => {
  it('has decimals as strings, instants with offset, null where nothing is known', async () => {
    const lines = (await fileOf(sourceOf([ROWS]), 'ndjson')).toString().trimEnd().split('\n')
    expect(lines[0]).toBe(
      '{"point":"P-1","measured_at":"2026-11-01T00:00:00.000+08:00","value":"123456.78","energy":"9876542.4000","count":4,"share":0.5,"good":true}',
    )
    expect(JSON.parse(lines[2] ?? '')).toEqual({
      ...{ point: '=HYPERLINK("http://x","y")', measured_at: null, value: null },
      ...{ energy: null, count: null, share: null, good: null },
    })
    expect(JSON.parse(lines[4] ?? '')).toMatchObject({ value: '123456789012345678901234567.123456789012', count: '9007199254740993' })
    expect(JSON.parse(lines[5] ?? '')).toMatchObject({ share: null })
  })
  it('brings every text back', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyText), async (texts) => {
        const columns: ExportColumn[] = [{ name: '"name', title: { en: 't', zh: 't' }, type: 'text' }]
        const text = (await fileOf(sourceOf([texts.map((one) => [one])], columns), 'ndjson')).toString()
        expect(
          text
            .split('\n')
            .slice(0, -1)
            .map((line) => JSON.parse(line)['"name']),
        ).toEqual(texts)
      }),
    )
  })
})

describe('XLSX', () => {
  const read = async (file: Buffer) => {
    const found = await readTable(file, { name: 'f.xlsx' })
    if (!found.ok) throw new Error(found.error.message)
    return found.value
  }
  it('has numbers as numbers, ids as texts, instants as dates of the zone, no formula, and says what it is', async () => {
    const [data, about] = await read(await fileOf(sourceOf([ROWS]), 'xlsx'))
    expect(data?.rows[0]?.texts.slice(0, 4)).toEqual([
      'point',
      'measured at (Asia/Shanghai)',
      '1.8.0 import kWh (as displayed)',
      'energy kWh (ratio applied)',
    ])
    expect(data?.rows[1]).toMatchObject({
      texts: ['P-1', '2026-11-01', '123456.78', '9876542.4000', '4', '0.5', expect.anything()],
      kinds: ['text', 'date', 'number', 'number', 'number', 'number', 'flag'],
    })
    expect(data?.rows[2]).toMatchObject({ texts: expect.arrayContaining(['000000000012', '-0.10']) })
    expect(data?.rows[3]).toMatchObject({ texts: ['\'=HYPERLINK("http://x","y")'], kinds: ['text'] })
    expect(data?.rows.every(({ kinds }) => !kinds.includes('formula'))).toBe(true)
    expect(about?.rows.map(({ texts }) => texts)).toContainEqual(['zone', 'Asia/Shanghai'])
  })
  it('goes on in a further sheet where one is full', async () => {
    const rows = Array.from({ length: 7 }, (_, at): Cell[] => [`P-${at}`])
    const source = sourceOf([rows.slice(0, 2), [], rows.slice(2)], COLUMNS.slice(0, 1))
    const pieces: Buffer[] = []
    async function* feed() {
      for await (const { rows } of source.rows(new AbortController().signal)) yield rows
    }
    for await (const piece of xlsxPieces(source, feed(), { clock: localClock('UTC'), language: 'en', rowsOfSheet: 3 })) pieces.push(piece)
    const sheets = await read(Buffer.concat(pieces))
    expect(sheets.map(({ rows: found }) => found.map(({ texts }) => texts[0]))).toEqual([
      ['point', 'P-0', 'P-1', 'P-2'],
      ['point', 'P-3', 'P-4', 'P-5'],
      ['point', 'P-6'],
      ['what', 'question', 'zone', 'point'],
    ])
  })
  it('brings texts and numbers back', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(anyText, decimalText), { minLength: 1, maxLength: 20 }), async (rows) => {
        const columns: ExportColumn[] = [
          { name: 't', title: { en: 't', zh: 't' }, type: 'text' },
          { name: 'd', title: { en: 'd', zh: 'd' }, type: 'decimal' },
        ]
        const [data] = await read(await fileOf(sourceOf([rows], columns), 'xlsx'))
        expect(data?.rows.slice(1).map(({ texts }) => texts[1])).toEqual(rows.map(([, number]) => number))
        for (const [at, [text]] of rows.entries())
          if (text.trim() === text) expect(unguardedText(data?.rows[at + 1]?.texts[0] ?? '').trim()).toBe(text.trim())
      }),
      { numRuns: 30 },
    )
  })
})

describe('Parquet', () => {
  it('has decimals, UTC instants, nullable columns under the names of programs, and every digit', async () => {
    const file = bufferOf(await fileOf(sourceOf([ROWS.slice(0, 3), ROWS.slice(3)]), 'parquet'))
    const metadata = parquetMetadata(file)
    expect(Number(metadata.num_rows)).toBe(ROWS.length)
    const types = parquetSchema(metadata).children.map(({ element }) => [
      element.name,
      element.converted_type ?? element.type,
      element.precision,
      element.scale,
    ])
    expect(types).toEqual([
      ['point', 'UTF8', undefined, undefined],
      ['measured_at', 'TIMESTAMP_MILLIS', undefined, undefined],
      ['value', 'DECIMAL', 38, 9],
      ['value_exact', 'UTF8', undefined, undefined],
      ['energy', 'DECIMAL', 18, 4],
      ['count', 'INT64', undefined, undefined],
      ['share', 'DOUBLE', undefined, undefined],
      ['good', 'BOOLEAN', undefined, undefined],
    ])
    const rows = await parquetReadObjects({ file })
    expect(rows[0]).toMatchObject({ point: 'P-1', measured_at: new Date('2026-10-31T16:00:00Z'), value_exact: null, count: 4n, good: true })
    expect(rows[0]?.value).toBeCloseTo(123456.78, 6)
    expect(rows[0]?.energy).toBeCloseTo(9876542.4, 6)
    expect(rows[2]).toEqual({
      ...{ point: '=HYPERLINK("http://x","y")', measured_at: null, value: null, value_exact: null },
      ...{ energy: null, count: null, share: null, good: null },
    })
    expect(rows[4]).toMatchObject({ value_exact: '123456789012345678901234567.123456789012', count: 9007199254740993n })
    expect(rows[5]).toMatchObject({ value: 0, value_exact: '0.00000000012', share: null })
    const about = Object.fromEntries((metadata.key_value_metadata ?? []).map(({ key, value }) => [key, value]))
    expect(about['gridtally.zone']).toBe('Asia/Shanghai')
    expect(JSON.parse(about['gridtally.columns'] ?? '')).toMatchObject({ value: '1.8.0 import kWh (as displayed)' })
  })
  it('refuses what a set column cannot hold rather than round it', async () => {
    const broken = fileOf(sourceOf([[['P', 0, '1', '0.00001', 1, 1, true]]]), 'parquet')
    await expect(broken).rejects.toThrow(RowsStopped)
    await expect(broken).rejects.toThrow(/EXPORT_DIGITS energy is 0.00001/)
  })
})

describe('a file of any format', () => {
  it.each(['csv', 'xlsx', 'parquet', 'ndjson'] as const)('%s breaks off when its rows do, and never looks whole', async (format) => {
    const source = sourceOf(
      (async function* () {
        yield ROWS
        throw new Error('the store is out')
      })(),
    )
    await expect(fileOf(source, format)).rejects.toThrow('the store is out')
  })
  it.each(['csv', 'xlsx', 'parquet', 'ndjson'] as const)(
    '%s asks for rows only as fast as it is taken, and stops when nobody waits',
    async (format) => {
      let asked = 0
      let isOver = false
      const source = sourceOf([], COLUMNS, {
        rows: async function* () {
          try {
            for (;;) {
              asked++
              yield { rows: Array.from({ length: 1000 }, (_, at) => ROWS[at % 2] ?? []) }
            }
          } finally {
            isOver = true
          }
        },
      })
      const stop = new AbortController()
      const file = encode(source, format, { zone: 'UTC', language: 'en' }, stop.signal)
      await file.next()
      await file.next()
      const before = asked
      await new Promise((resolve) => setImmediate(resolve))
      expect(asked - before).toBeLessThan(60)
      stop.abort()
      await expect(
        (async () => {
          for await (const _ of file);
        })(),
      ).rejects.toThrow(/EXPORT_CANCELLED/)
      expect(isOver).toBe(true)
    },
  )
})

it('a day of an hour that occurs twice has both offsets', () => {
  const { iso } = localClock('Europe/Berlin')
  expect(iso(Date.parse('2026-10-25T00:30:00Z'))).toBe('2026-10-25T02:30:00.000+02:00')
  expect(iso(Date.parse('2026-10-25T01:30:00Z'))).toBe('2026-10-25T02:30:00.000+01:00')
  expect(localClock('Asia/Kathmandu').iso(0)).toBe('1970-01-01T05:30:00.000+05:30')
})
