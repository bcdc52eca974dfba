import { ok, type Result } from '../core/index.ts'
import type { Caps } from './caps.ts'
import { serialText } from './dates.ts'
import { fail, type SheetError } from './errors.ts'
import type { Reading } from './reading.ts'
import { type CellKind, columnName, columnOf, type Sheet } from './row.ts'
import type { ByteSource } from './source.ts'
import { ownText, readWorkbook, unescaped, type Workbook } from './workbook.ts'
import { readXml, type XmlHandler } from './xml.ts'
import { readDirectory, type ZipEntry } from './zip.ts'

const LAST_ROW = 1_048_576

export const xlsxSheet = (name: string): Sheet => ({ name, place: (line, column) => `${name}!${columnName(column)}${line}` })

/**
 * Reads the visible sheets of a workbook row by row, in the order of their tabs, while they are unpacked.
 *
 * @errors SHEET_FORMAT, SHEET_DAMAGED, SHEET_BOMB, SHEET_COLUMNS, SHEET_ROWS, SHEET_CELL, SHEET_CANCELLED
 * @source ECMA-376 part 1, 18.3 worksheets
 */
export const readXlsx = async (source: ByteSource, caps: Caps, reading: Reading): Promise<Result<void, SheetError>> => {
  const directory = readDirectory(source, caps)
  if (!directory.ok) return directory
  const workbook = await readWorkbook(source, directory.value, caps, reading.signal)
  if (!workbook.ok) return workbook
  for (const { name, entry } of workbook.value.sheets) {
    const read = await readXml(source, entry, sheetHandler(xlsxSheet(name), entry, workbook.value, caps, reading), reading.signal)
    if (!read.ok) return read
  }
  return ok(undefined)
}

/** Builds rows out of the elements of one sheet. */
const sheetHandler = (
  sheet: Sheet,
  { name: part }: ZipEntry,
  { strings, dates, from1904 }: Workbook,
  caps: Caps,
  reading: Reading,
): XmlHandler => {
  let line = 0
  let column = -1
  let type = 'n'
  let style = 0
  let hasFormula = false
  let text = ''
  let isValue = false
  let inPhonetic = false
  let texts: string[] = []
  let kinds: CellKind[] = []

  const cellValue = (): Result<{ readonly text: string; readonly kind: CellKind }, SheetError> => {
    const kind = (found: CellKind): CellKind => (hasFormula && found !== 'error' ? 'formula' : found)
    // Written by a program that cannot calculate, and never opened by one that can.
    if (text === '' && hasFormula) return ok({ text: 'formula', kind: 'error' })
    if (type === 's') {
      const shared = strings[Number(text)]
      if (shared === undefined)
        return fail('SHEET_DAMAGED', `${sheet.place(line, column + 1)} shows shared string ${text}, which is not there`)
      return ok({ text: shared, kind: 'text' })
    }
    if (type === 'inlineStr' || type === 'str') return ok({ text: ownText(unescaped(text)), kind: kind('text') })
    if (type === 'b') return ok({ text: text === '1' ? 'true' : 'false', kind: kind('flag') })
    if (type === 'e') return ok({ text, kind: 'error' })
    if (type === 'd') return ok({ text, kind: kind('date') })
    const dated = dates[style] === true ? serialText(Number(text), from1904) : null
    return ok(dated === null ? { text: ownText(text), kind: kind('number') } : { text: dated, kind: kind('date') })
  }

  const endCell = (): Result<void, SheetError> | undefined => {
    const value = cellValue()
    if (!value.ok) return value
    if (value.value.text.trim() === '') return undefined
    if (column >= caps.columns)
      return fail('SHEET_COLUMNS', `${sheet.place(line, column + 1)}: column ${column + 1}, more than ${caps.columns}`, { line })
    while (texts.length < column) {
      texts.push('')
      kinds.push('text')
    }
    texts[column] = value.value.text
    kinds[column] = value.value.kind
    return undefined
  }

  const openCell = (reference: string | undefined): Result<void, SheetError> | undefined => {
    const named = reference === undefined ? column + 1 : columnOf(reference)
    if (named === null || named < column + 1) return fail('SHEET_DAMAGED', `${part} has cell ${reference} out of its order`)
    column = named
    return undefined
  }

  return {
    open: (name, attributes) => {
      if (name === 'c') {
        type = attributes.t ?? 'n'
        style = Number(attributes.s ?? 0)
        text = ''
        hasFormula = false
        return openCell(attributes.r)
      }
      if (name === 'v') isValue = true
      else if (name === 't') isValue = !inPhonetic && type === 'inlineStr'
      else if (name === 'f') hasFormula = true
      else if (name === 'rPh') inPhonetic = true
      else if (name === 'row') {
        const next = attributes.r === undefined ? line + 1 : Number(attributes.r)
        if (!Number.isInteger(next) || next <= line || next > LAST_ROW)
          return fail('SHEET_DAMAGED', `${part} has row ${attributes.r} after row ${line}`)
        line = next
        column = -1
        texts = []
        kinds = []
      }
      return undefined
    },
    text: (part) => {
      if (!isValue) return
      // A cell without an end is refused by its length, not by the memory it takes.
      if (text.length <= caps.cellChars) text += part
    },
    close: (name) => {
      if (name === 'v' || name === 't') isValue = false
      else if (name === 'rPh') inPhonetic = false
      else if (name === 'c') return text === '' && !hasFormula ? undefined : endCell()
      else if (name === 'row' && texts.length > 0) return reading.take({ sheet, line, texts, kinds })
      return undefined
    },
  }
}
