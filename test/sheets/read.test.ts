import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { csvOf, guarded, type OutCell, type OutTable, readTable, unguarded, xlsxOf } from '../../src/sheets/index.ts'
import { sheetXml, workbookParts, zip } from './zips.ts'

const fixture = (name: string) => join(import.meta.dirname, 'fixtures', name)
const csv = (text: string | Buffer) => readTable(Buffer.from(text), { name: 'f.csv' })
const rowsOf = async (file: Buffer | string, options = {}) => {
  const read = await readTable(typeof file === 'string' ? file : file, { name: 'f.csv', ...options })
  if (!read.ok) throw new Error(`${read.error.code} ${read.error.message}`)
  return read.value.flatMap(({ rows }) => rows.map(({ line, texts }) => [line, ...texts]))
}
const collected = async (pieces: AsyncIterable<Buffer>): Promise<Buffer> => {
  const all: Buffer[] = []
  for await (const piece of pieces) all.push(piece)
  return Buffer.concat(all)
}

describe('a CSV', () => {
  const chinese = '户号,户名\n0012,李明\n'
  it.each([
    ['UTF-8', Buffer.from(chinese)],
    ['UTF-8 with a mark', Buffer.from(`\ufeff${chinese}`)],
    ['UTF-16 LE', Buffer.from(`\ufeff${chinese}`, 'utf16le')],
    ['UTF-16 BE', Buffer.from(`\ufeff${chinese}`, 'utf16le').swap16()],
    ['GBK', Buffer.from('bba7bac52cbba7c3fb0a303031322cc0eec3f70a', 'hex')],
  ])('is read in %s', async (_, bytes) => {
    expect(await rowsOf(bytes)).toEqual([
      [1, '户号', '户名'],
      [2, '0012', '李明'],
    ])
  })

  it('has the four-byte characters of GB18030', async () => {
    expect(await rowsOf(Buffer.from('612c62 0a 95329031 2c 31 0a'.replaceAll(' ', ''), 'hex'))).toEqual([
      [1, 'a', 'b'],
      [2, '\u{20087}', '1'],
    ])
  })

  it.each([
    ['commas', 'a,b;c,d\n1,2;3,4', ['a', 'b;c', 'd']],
    ['semicolons', 'a;"b,c,d,e";f\n1;2;3', ['a', 'b,c,d,e', 'f']],
    ['tabs', 'a\tb,c\td\n1\t2\t3', ['a', 'b,c', 'd']],
  ])('has %s by its head line', async (_, text, heads) => {
    expect((await rowsOf(Buffer.from(text)))[0]).toEqual([1, ...heads])
  })

  it('names the line where a row begins, over empty rows, quoted line ends and blanks at the end', async () => {
    expect(await rowsOf(Buffer.from('a,b\r\n1,"x\r\ny"\r\n\r\n , ,\r\n3,4, ,\r\n'))).toEqual([
      [1, 'a', 'b'],
      [2, '1', 'x\r\ny'],
      [6, '3', '4'],
    ])
  })

  it.each([
    [
      'a quote that is never closed',
      'a,b\n1,2\n3,"4\n5,6\n',
      'SHEET_QUOTES',
      'f.csv: a quote in the row that begins on line 3 is never closed',
    ],
    ['text behind a quote', 'a,b\n1,"2"3\n', 'SHEET_QUOTES', 'f.csv: the row that begins on line 2 has a quote in the middle of a cell'],
    ['a quote inside a cell', 'a,b\n1,2"3\n', 'SHEET_QUOTES', 'f.csv: the row that begins on line 2 has a quote in the middle of a cell'],
    [
      'a cell longer than any',
      `a,b\n1,${'x'.repeat(40_000)}\n`,
      'SHEET_CELL',
      'f.csv: f.csv:2 column 2: 40000 characters, more than 32767',
    ],
    [
      'a cut character',
      Buffer.from('efbbbf612c620ae6', 'hex'),
      'SHEET_ENCODING',
      'f.csv: line 2 byte 1 is E6H, which is no UTF-8, as the file says it is',
    ],
    ['a byte of no encoding', Buffer.from('612c620a312cff0a', 'hex'), 'SHEET_ENCODING', 'f.csv: line 2 byte 3 is FFH, which is no GB18030'],
  ])('is refused with %s', async (_, bytes, code, message) => {
    expect(await csv(bytes)).toMatchObject({ ok: false, error: { code, message } })
  })

  it('is read in the encoding somebody names', async () => {
    expect(await rowsOf(Buffer.from('a,b\nä,2\n', 'utf16le'), { encoding: 'utf-16le' })).toEqual([
      [1, 'a', 'b'],
      [2, 'ä', '2'],
    ])
    expect(await readTable(Buffer.from('a,b\n\xc0\n', 'latin1'), { name: 'f.csv', encoding: 'utf-8' })).toMatchObject({
      error: { message: 'f.csv: line 2 byte 1 is C0H, which is no UTF-8' },
    })
  })

  it('stops when nobody waits any more', async () => {
    const signal = AbortSignal.abort()
    expect(await readTable(Buffer.from('a,b\n1,2\n'), { name: 'f.csv', signal })).toMatchObject({ error: { code: 'SHEET_CANCELLED' } })
  })
})

describe('an XLSX', () => {
  // Written by openpyxl 3.0.9: title in a merged cell, an empty row, dates, a formula without a value, a second sheet.
  it('of openpyxl keeps rows, dates as days, and knows a formula that was never calculated', async () => {
    const read = await readTable(fixture('openpyxl.xlsx'))
    if (!read.ok) throw new Error(read.error.message)
    expect(read.value.map(({ sheet, rows }) => [sheet.name, rows.length])).toEqual([
      ['台账', 4],
      ['说明', 1],
    ])
    const [title, heads, first, second] = read.value[0]?.rows ?? []
    expect(title).toMatchObject({ line: 1, texts: ['城东供电所台账'] })
    expect(heads?.line).toBe(3)
    expect(first?.texts.slice(0, 3)).toEqual(['0012345678', '李明 & <张三>', 'TG0007'])
    expect([first?.texts[7], first?.kinds[7], first?.texts[12], first?.kinds[12]]).toEqual(['1', 'number', '2026-03-01', 'date'])
    expect(second?.kinds[7]).toBe('error')
    expect(second?.sheet.place(second.line, 8)).toBe('台账!H5')
  })

  // Written by XlsxWriter 3.0.2 with its shared strings.
  it('of XlsxWriter says which cells are numbers, dates and formulas', async () => {
    const read = await readTable(fixture('xlsxwriter-numbers.xlsx'))
    if (!read.ok) throw new Error(read.error.message)
    const rows = read.value[0]?.rows ?? []
    expect(rows[1]?.kinds).toEqual(['text', 'number', 'number', 'number', 'text', 'date', 'date'])
    expect(rows[2]?.kinds.slice(0, 3)).toEqual(['text', 'formula', 'text'])
    expect(rows[1]?.texts[5]).toBe('2026-10-05')
  })

  it('may count from 1904, skip cells, prefix its elements and hide sheets', async () => {
    const parts = workbookParts(
      '<x:worksheet xmlns:x="m"><x:sheetData><x:row r="4"><x:c r="B4" s="1"><x:v>1</x:v></x:c><x:c r="D4" t="str"><x:f>A1</x:f><x:v>&#x4E2D;_x000D_</x:v></x:c></x:row></x:sheetData></x:worksheet>',
    ).map((part) =>
      part.name === 'xl/workbook.xml'
        ? {
            ...part,
            content:
              '<workbook xmlns:r="r"><workbookPr date1904="1"/><sheets><sheet name="no" state="hidden" r:id="rId1"/><sheet name="表" r:id="rId1"/></sheets></workbook>',
          }
        : part.name.endsWith('.rels') && part.name.startsWith('xl')
          ? { ...part, content: String(part.content).replace('</Rel', '<Relationship Id="s" Type="x/styles" Target="styles.xml"/></Rel') }
          : part,
    )
    const styles = {
      name: 'xl/styles.xml',
      content:
        '<styleSheet><cellStyleXfs><xf numFmtId="9"/></cellStyleXfs><cellXfs><xf numFmtId="0"/><xf numFmtId="14"/></cellXfs></styleSheet>',
    }
    const read = await readTable(zip([...parts, styles]))
    if (!read.ok) throw new Error(read.error.message)
    expect(read.value).toHaveLength(1)
    expect(read.value[0]?.rows[0]).toMatchObject({
      line: 4,
      texts: ['', '1904-01-02', '', '中\r'],
      kinds: ['text', 'date', 'text', 'formula'],
    })
  })

  it('with another checksum than it says is refused', async () => {
    const bytes = zip(workbookParts(sheetXml('<row r="1"><c r="A1"><v>1</v></c></row>')).map((part) => ({ ...part, method: 0 })))
    bytes[bytes.indexOf('<v>1</v>') + 3] = 0x32
    expect(await readTable(bytes, { name: 'x.xlsx' })).toMatchObject({
      error: { code: 'SHEET_DAMAGED', message: expect.stringContaining('checksum') },
    })
  })
})

describe('what is written', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 30 }),
    fc.string({
      unit: fc.constantFrom("'", '=', '+', '-', '@', '\t', '\r', '\n', '＝', '空', ' ', '"', ',', ';', '_x000A_', '中', '0', 'E+1'),
      maxLength: 6,
    }),
  )
  const table = fc.array(fc.array(text, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 5 })
  /** Rows as a reader gives them back: without blank cells at the end, without blank rows. */
  const expected = (rows: readonly (readonly string[])[]) =>
    rows.flatMap((row) => {
      let width = row.length
      // Guarded blanks are text.
      while (width > 0 && (row[width - 1] ?? '') === '') width--
      return width === 0 ? [] : [row.slice(0, width)]
    })
  const meant = (rows: readonly (readonly (string | number)[])[]) =>
    rows.slice(1).map(([, ...cells]) => cells.map((cell) => unguarded(String(cell)) ?? String(cell)))

  it('as CSV is read back, whatever the text', async () => {
    await fc.assert(
      fc.asyncProperty(table, async (rows) => {
        const clean = rows.map((row) => row.map((cell) => Buffer.from(cell).toString().replaceAll('\0', '')))
        const bytes = Buffer.from([...csvOf({ heads: ['a', 'b'], rows: clean })].join(''))
        expect(meant(await rowsOf(bytes))).toEqual(expected(clean))
      }),
    )
  })

  it('as XLSX is read back, whatever the text', async () => {
    await fc.assert(
      fc.asyncProperty(table, async (rows) => {
        const bytes = await collected(xlsxOf([{ name: 'T & <t>', heads: ['a', 'b'], rows }]))
        expect(meant(await rowsOf(bytes))).toEqual(expected(rows))
      }),
    )
  })

  it.each(['=1+1', '+86', '-5', '@x', '\tx', '\rx', '＝1', '＋1', '－1', '＠a', '-', '空', ' a', 'a '])(
    'guards %j, and takes it back',
    (one) => {
      expect(guarded(one)).toBe(`'${one}`)
      expect(unguarded(`'${one}`)).toBe(one)
    },
  )

  it.each(['a', "'a", 'a=b', '0012', "it's", '5-3'])('leaves %j alone', (one) => {
    expect(guarded(one)).toBe(one)
    expect(unguarded(one)).toBeNull()
  })

  it('never guards a guarded text into another', () => {
    fc.assert(fc.property(text, (one) => (unguarded(guarded(one)) ?? guarded(one)) === one))
  })

  it('keeps numbers numbers, negative ones too, and has no formula in a workbook', async () => {
    const rows: OutCell[][] = [[{ number: '-5.5' }, '-5.5']]
    const tables: OutTable[] = [{ name: 'T', heads: ['a', 'b'], rows }]
    expect([...csvOf({ heads: ['a', 'b'], rows })].join('')).toBe('\ufeff"a","b"\r\n-5.5,"\'-5.5"\r\n')
    const read = await readTable(await collected(xlsxOf(tables)), { name: 'x.xlsx' })
    expect(read.ok && read.value[0]?.rows[1]).toMatchObject({ texts: ['-5.5', "'-5.5"], kinds: ['number', 'text'] })
  })
})
