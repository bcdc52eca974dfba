import { basename } from 'node:path'
import { many, ok, type Result } from '../core/index.ts'
import { CAPS, type Caps } from './caps.ts'
import { readCsv } from './csv.ts'
import type { Encoding } from './encoding.ts'
import { fail, type SheetError } from './errors.ts'
import { newReading } from './reading.ts'
import type { Row, Sheet } from './row.ts'
import { openSource } from './source.ts'
import { readXlsx } from './xlsx.ts'

export interface ReadOptions {
  /** As a person knows the file; absent: the last part of its path. */
  readonly name?: string
  /** Absent: by its first bytes. */
  readonly format?: 'csv' | 'xlsx'
  /** Of a CSV; absent: found out. */
  readonly encoding?: Encoding | null
  readonly caps?: Partial<Caps>
  readonly signal?: AbortSignal
}

export interface ReadCounts {
  readonly rows: number
  readonly cells: number
}

const ZIP = 'PK\x03\x04'
const EMPTY_ZIP = 'PK\x05\x06'
/** Compound file: `.xls`, and every workbook behind a password. @source MS-CFB 2.2 */
const OLE = '\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1'
const PDF = '%PDF-'

/**
 * Reads the tables of a CSV or XLSX row by row. Empty rows are left out, blank cells at the end of a row too.
 *
 * @param file   its path, or its bytes
 * @param onRow  called for every row, in the order of the file
 * @errors       any SHEET_ code; nothing of the file may then be used
 */
export const readRows = async (
  file: string | Uint8Array,
  { name = typeof file === 'string' ? basename(file) : 'file', format, encoding = null, caps: wanted, signal }: ReadOptions,
  onRow: (row: Row) => void,
): Promise<Result<ReadCounts, SheetError>> => {
  const caps = { ...CAPS, ...wanted }
  const opened = openSource(file)
  if (!opened.ok) return fail(opened.error.code, `${name} ${opened.error.message}`)
  const source = opened.value
  try {
    const isFault = (text: string) => fail('SHEET_FORMAT', `${name} ${text}`)
    if (source.size > caps.bytes) return fail('SHEET_SIZE', `${name} has ${many(source.size, 'byte')}; allowed are ${caps.bytes}`)
    const head = source.read(0, 8).toString('latin1')
    if (head.startsWith(OLE)) return isFault('is an old .xls file, or a workbook behind a password')
    if (head.startsWith(PDF)) return isFault('is a PDF')
    const isZip = head.startsWith(ZIP) || head.startsWith(EMPTY_ZIP)
    if (format === 'xlsx' && !isZip) return isFault('is no XLSX: it does not begin like one')
    if (format === 'csv' && isZip) return isFault('is an XLSX or a ZIP archive, no CSV')
    const reading = newReading(caps, onRow, signal)
    const read = isZip ? await readXlsx(source, caps, reading) : await readCsv(source, name, caps, reading, encoding)
    if (!read.ok) return { ok: false, error: { ...read.error, message: `${name}: ${read.error.message}` } }
    return ok(reading.counts)
  } finally {
    source.close()
  }
}

/** A whole file in memory: for tests, and for small ones. */
export const readTable = async (
  file: string | Uint8Array,
  options: ReadOptions = {},
): Promise<Result<readonly { readonly sheet: Sheet; readonly rows: readonly Row[] }[], SheetError>> => {
  const tables = new Map<string, { readonly sheet: Sheet; readonly rows: Row[] }>()
  const read = await readRows(file, options, (row) => {
    const table = tables.get(row.sheet.name) ?? { sheet: row.sheet, rows: [] }
    table.rows.push(row)
    tables.set(row.sheet.name, table)
  })
  return read.ok ? ok([...tables.values()]) : read
}
