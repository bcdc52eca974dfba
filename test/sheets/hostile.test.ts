import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'
import { type Part, sheetXml, workbookParts, zip } from './zips.ts'

const folder = mkdtempSync(join(tmpdir(), 'gridtally-hostile-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const MIB = 1024 * 1024
const LIMIT_BYTES = 50 * MIB

/** Reads a file in a process of its own: what it says, and by how much its memory grew. */
const readApart = (name: string, bytes: Buffer): { code: string | null; message: string; grown: number } => {
  const file = join(folder, name)
  writeFileSync(file, bytes)
  const room = pathToFileURL(join(import.meta.dirname, '../../dist/src/sheets/index.js')).href
  const script = `
    const { readFileSync } = await import('node:fs')
    const { readRows } = await import(${JSON.stringify(room)})
    await readRows(Buffer.from('a,b\\n1,2\\n'), { name: 'warm.csv' }, () => {})
    const peak = () => Number(/VmHWM:\\s+(\\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8'))[1]) * 1024
    const before = peak()
    const read = await readRows(${JSON.stringify(file)}, {}, () => {})
    console.log(JSON.stringify({ code: read.ok ? null : read.error.code, message: read.ok ? '' : read.error.message, grown: peak() - before }))`
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { cwd: folder, encoding: 'utf8' })
  if (stdout === '') throw new Error(stderr)
  return JSON.parse(stdout)
}

const plain = sheetXml('<row r="1"><c r="A1"><v>1</v></c></row>')
const big = Buffer.alloc(42 * MIB, ' ')
const strings = (count: number, head = ''): Part => ({
  name: 'xl/sharedStrings.xml',
  content: `<sst${head}>${Array.from({ length: count }, (_, at) => `<si><t>${at}</t></si>`).join('')}</sst>`,
})
const dtd = (body: string) => `<?xml version="1.0"?><!DOCTYPE x [${body}]>${plain}`

describe('a file that is made to do harm', () => {
  it.each<[string, string, () => Buffer, string, RegExp]>([
    [
      '42 kB that say 4 GB',
      'bomb.xlsx',
      () =>
        zip(workbookParts('').map((part) => (part.name.endsWith('sheet1.xml') ? { ...part, content: big, claims: 4_294_967_000 } : part))),
      'SHEET_BOMB',
      /unpacks to 4294967000 bytes/,
    ],
    [
      '42 kB that say a kilobyte',
      'liar.xlsx',
      () => zip(workbookParts('').map((part) => (part.name.endsWith('sheet1.xml') ? { ...part, content: big, claims: 1000 } : part))),
      'SHEET_BOMB',
      /more than the 1000 bytes its directory promises/,
    ],
    [
      '42 kB that say 42 MB',
      'ratio.xlsx',
      () => zip(workbookParts('').map((part) => (part.name.endsWith('sheet1.xml') ? { ...part, content: big } : part))),
      'SHEET_BOMB',
      /200 to 1/,
    ],
    [
      '100,000 entries',
      'many.xlsx',
      () =>
        zip(
          workbookParts(
            plain,
            Array.from({ length: 100_000 }, (_, at) => ({ name: `x/${at}`, content: '', method: 0 })),
          ),
        ),
      'SHEET_BOMB',
      /holds \d+ files/,
    ],
    [
      'a ZIP in a ZIP',
      'nested.xlsx',
      () => zip([{ name: 'inner.xlsx', content: zip(workbookParts(plain)) }]),
      'SHEET_FORMAT',
      /without a workbook/,
    ],
    ['a million shared strings', 'strings.xlsx', () => zip(workbookParts(plain, [], strings(1_000_000))), 'SHEET_BOMB', /shared strings/],
    [
      'a million shared strings, announced',
      'announced.xlsx',
      () => zip(workbookParts(plain, [], strings(10, ' uniqueCount="1000000"'))),
      'SHEET_BOMB',
      /1000000 shared strings/,
    ],
    [
      'entities that double',
      'laugh.xlsx',
      () => zip(workbookParts(dtd('<!ENTITY a "ha"><!ENTITY b "&a;&a;">'))),
      'SHEET_BOMB',
      /document type/,
    ],
    [
      'an entity of another file',
      'external.xlsx',
      () => zip(workbookParts(dtd('<!ENTITY e SYSTEM "file:///etc/passwd">'))),
      'SHEET_BOMB',
      /document type/,
    ],
    [
      'a name that leads out',
      'dots.xlsx',
      () => zip(workbookParts(plain, [{ name: '../../outside.txt', content: 'x' }])),
      'SHEET_BOMB',
      /leads out of the archive/,
    ],
    [
      'an absolute name',
      'absolute.xlsx',
      () => zip(workbookParts(plain, [{ name: '/etc/x', content: 'x' }])),
      'SHEET_BOMB',
      /leads out of the archive/,
    ],
    [
      'a name of Windows',
      'windows.xlsx',
      () => zip(workbookParts(plain, [{ name: 'C:\\x', content: 'x' }])),
      'SHEET_BOMB',
      /leads out of the archive/,
    ],
    [
      'two files of one name',
      'twice.xlsx',
      () => zip(workbookParts(plain, [{ name: 'xl/workbook.xml', content: 'x' }])),
      'SHEET_BOMB',
      /two files with the name/,
    ],
    ['an encrypted entry', 'secret.xlsx', () => zip([{ name: 'xl/workbook.xml', content: 'x', flags: 1 }]), 'SHEET_FORMAT', /encrypted/],
    ['an .xls', 'old.xlsx', () => Buffer.concat([Buffer.from('d0cf11e0a1b11ae1', 'hex'), Buffer.alloc(5000)]), 'SHEET_FORMAT', /\.xls/],
    ['a PDF', 'scan.xlsx', () => Buffer.from('%PDF-1.7 …'), 'SHEET_FORMAT', /PDF/],
    ['half an archive', 'half.xlsx', () => zip(workbookParts(plain)).subarray(0, 300), 'SHEET_DAMAGED', /its end is missing/],
    [
      'a cell in column XFD',
      'wide.xlsx',
      () => zip(workbookParts(sheetXml('<row r="1"><c r="XFD1"><v>1</v></c></row>'))),
      'SHEET_COLUMNS',
      /Sheet1!XFD1: column 16384/,
    ],
    [
      'rows that go backwards',
      'back.xlsx',
      () => zip(workbookParts(sheetXml('<row r="2"/><row r="1"/>'))),
      'SHEET_DAMAGED',
      /row 1 after row 2/,
    ],
    ['a NUL byte', 'nul.csv', () => Buffer.from('户号,户名\n1,a\n2,\0\n'), 'SHEET_NUL', /line 3 has a NUL byte/],
    ['10,001 columns', 'columns.csv', () => Buffer.from(`${'a,'.repeat(10_000)}a\n`), 'SHEET_COLUMNS', /10001 columns, more than 1000/],
    ['a line without an end', 'line.csv', () => Buffer.alloc(60 * MIB, 'a'), 'SHEET_CELL', /line 1 has more than/],
    [
      'a quote without an end',
      'quote.csv',
      () => Buffer.concat([Buffer.from('户号,户名\n1,"'), Buffer.alloc(20 * MIB, 'a\n')]),
      'SHEET_CELL',
      /begins on line 2 has more than/,
    ],
    [
      'GBK below UTF-8',
      'mixed.csv',
      () => Buffer.concat([Buffer.from('户号,户名,用电地址\n1,李明,新村\n2,'), Buffer.from([0xc0, 0xee, 0xc3, 0xf7, 0x0a])]),
      'SHEET_ENCODING',
      /line 1 is UTF-8 and line 3 is not \(byte 3 is C0H\)/,
    ],
    [
      'more bytes than are looked at',
      'large.csv',
      () => Buffer.alloc(65 * MIB, 'a\n'),
      'SHEET_SIZE',
      /68157440 bytes; allowed are 67108864/,
    ],
  ])('%s: refused with the reason, and without memory', (_, name, bytes, code, reason) => {
    const found = readApart(name, bytes())
    expect(found).toMatchObject({ code, message: expect.stringMatching(reason) })
    expect(found.message.startsWith(`${name}`)).toBe(true)
    expect(found.grown).toBeLessThan(LIMIT_BYTES)
    // Nothing of an archive ever became a file.
    expect(readdirSync(folder).every((one) => /\.(xlsx|csv)$/.test(one))).toBe(true)
  })
})
