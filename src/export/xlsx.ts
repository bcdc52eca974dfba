import { guardedText, headText, isNumeric, isPlainNumber, type Language, numberText, textOf } from './cells.ts'
import { isInstant, type LocalClock } from './local.ts'
import type { Cell, ExportColumn, ExportRow, RowSource } from './types.ts'
import { CELL_STYLE, columnName, LONGEST_TEXT, numberXml, SHEET_END, type SheetPart, sheetStart, textCell, workbookOf } from './workbook.ts'

/** Rows of a sheet without its heads. @source Excel specifications and limits: 1,048,576 rows */
export const ROWS_OF_SHEET = 1_048_575
/** Characters of a sheet's part: below 4 GiB in any writing. */
const CHARS_OF_SHEET = 1_000_000_000
/** Quick: text that repeats itself this much packs nearly as well. */
const LEVEL = 2
const PIECE_CHARS = 128 * 1024
const DAY_MS = 86_400_000
/** Days from 30 December 1899 to 1970. */
const EPOCH_DAYS = 25_569
/** 9 µs: a third of a day is no binary fraction, and what cuts instead of rounding would show 07:59:59 for 08:00. */
const NUDGE_DAYS = 1e-10
/** 1 March 1900: before it a spreadsheet counts a day that never was. */
const FIRST_DAY = 61

type Writer = (reference: string, cell: Cell) => string

const shortened = (text: string): string => (text.length > LONGEST_TEXT ? `${text.slice(0, LONGEST_TEXT - 1)}…` : text)

const writerOf = (column: ExportColumn, clock: LocalClock): Writer => {
  if (isNumeric(column))
    return (reference, cell) => {
      const text = numberText(cell)
      return text === null ? '' : isPlainNumber(text) ? numberXml(reference, text) : textCell(reference, shortened(guardedText(text)))
    }
  if (column.type === 'instant')
    return (reference, cell) => {
      if (typeof cell !== 'number' || !isInstant(cell)) return ''
      const days = (cell + clock.offsetAt(cell)) / DAY_MS + EPOCH_DAYS + NUDGE_DAYS
      return days < FIRST_DAY ? textCell(reference, clock.iso(cell)) : numberXml(reference, String(days), CELL_STYLE.instant)
    }
  if (column.type === 'boolean')
    return (reference, cell) => (typeof cell === 'boolean' ? `<c r="${reference}" t="b"><v>${cell ? 1 : 0}</v></c>` : '')
  return (reference, cell) => {
    const text = textOf(cell)
    return text === null ? '' : textCell(reference, shortened(guardedText(text)))
  }
}

/**
 * Rows as a workbook: numbers are numbers, ids and addresses texts, instants dates of the zone that the head names. Rows that do not go
 * into a sheet go into further ones; the last sheet says what the file is.
 *
 * @param rowsOfSheet  of tests
 */
export async function* xlsxPieces(
  source: RowSource,
  pieces: AsyncIterable<readonly ExportRow[]>,
  {
    clock,
    language,
    rowsOfSheet = ROWS_OF_SHEET,
  }: { readonly clock: LocalClock; readonly language: Language; readonly rowsOfSheet?: number },
): AsyncGenerator<Buffer, void> {
  const { columns, name } = source
  const heads = columns.map((column) => headText(column, language, clock.zone))
  const names = columns.map((_, at) => columnName(at + 1))
  const writers = columns.map((column) => writerOf(column, clock))
  const styles = columns.map((column) =>
    isNumeric(column) || column.type === 'boolean' ? CELL_STYLE.general : column.type === 'instant' ? CELL_STYLE.instant : CELL_STYLE.text,
  )
  const feed = pieces[Symbol.asyncIterator]()
  let rest: readonly ExportRow[] = []
  let at = 0
  let isOver = false
  const next = async (): Promise<boolean> => {
    while (!isOver && at >= rest.length) {
      const found = await feed.next()
      isOver = found.done === true
      rest = found.done === true ? [] : found.value
      at = 0
    }
    return !isOver
  }
  async function* sheet(): AsyncGenerator<string, void> {
    let text = sheetStart(heads, styles)
    let chars = 0
    for (let line = 2; line <= rowsOfSheet + 1 && chars < CHARS_OF_SHEET; ) {
      if (!(await next())) break
      for (; at < rest.length && line <= rowsOfSheet + 1; at++, line++) {
        const row = rest[at] ?? []
        text += `<row r="${line}">`
        for (let column = 0; column < writers.length; column++) {
          const cell = row[column] ?? null
          if (cell !== null) text += writers[column]?.(`${names[column]}${line}`, cell) ?? ''
        }
        text += '</row>'
        if (text.length < PIECE_CHARS) continue
        chars += text.length
        yield text
        text = ''
      }
    }
    yield `${text}${SHEET_END}`
  }
  async function* sheets(): AsyncGenerator<SheetPart, void> {
    // An empty result is a sheet with heads.
    do yield { name, text: sheet() }
    while (await next())
    yield { name: language === 'zh' ? '说明' : 'about', text: aboutSheet(source, heads, language) }
  }
  try {
    yield* workbookOf(sheets(), LEVEL)
  } finally {
    await feed.return?.()
  }
}

function* aboutSheet({ about, columns }: RowSource, heads: readonly string[], language: Language): Generator<string, void> {
  yield sheetStart(language === 'zh' ? ['项目', '内容'] : ['what', 'is'])
  let line = 1
  const entries = [...Object.entries(about), ...columns.map(({ name }, at) => [name, heads[at] ?? ''] as const)]
  for (const [key, value] of entries) {
    line++
    yield `<row r="${line}">${textCell(`A${line}`, shortened(guardedText(key)))}${textCell(`B${line}`, shortened(guardedText(value)))}</row>`
  }
  yield SHEET_END
}
