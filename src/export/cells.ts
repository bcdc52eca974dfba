import type { Cell, CellType, ExportColumn } from './types.ts'

/** Language of the heads of a file. */
export type Language = 'en' | 'zh'

/**
 * What a spreadsheet takes for the start of a formula, full-width forms included; blanks and control characters before it do not help.
 * Apostrophes before it change nothing, so that guarding can be taken back without a doubt.
 *
 * @source OWASP, CSV injection
 */
const FORMULA = /^'*(?:[\s\p{Cc}]*[=+\-@＝＋－＠]|[\t\r\n])/u

/** A text as it is written into a cell: with an apostrophe before anything a spreadsheet would run. */
export const guardedText = (text: string): string => (FORMULA.test(text) ? `'${text}` : text)

/** The text that was guarded. */
export const unguardedText = (cell: string): string => (cell.startsWith("'") && FORMULA.test(cell.slice(1)) ? cell.slice(1) : cell)

const PLAIN = /^-?\d+(?:\.\d+)?$/

/** A decimal, integer or float cell as plain decimal text; null where there is none. What is no number stays the text it is. */
export const numberText = (cell: Cell): string | null => {
  if (cell === null || cell === '') return null
  if (typeof cell === 'number') return Number.isFinite(cell) ? plainText(cell) : null
  return String(cell)
}
export const isPlainNumber = (text: string): boolean => PLAIN.test(text)

/** Without exponent: a spreadsheet and a database read `0.0000001` alike. */
const plainText = (value: number): string => {
  const text = String(value)
  if (!text.includes('e')) return text
  const [digits = '0', exponent = '0'] = text.split('e')
  const [whole = '0', fraction = ''] = digits.replace('-', '').split('.')
  const places = Number(exponent)
  const shifted =
    places < 0 ? `0.${'0'.repeat(-places - whole.length)}${whole}${fraction}` : `${whole}${fraction}`.padEnd(whole.length + places, '0')
  return value < 0 ? `-${shifted}` : shifted
}

const NUMERIC: ReadonlySet<CellType> = new Set<CellType>(['decimal', 'integer', 'float'])
export const isNumeric = ({ type }: ExportColumn): boolean => NUMERIC.has(type)

/** The head of a column; an instant says the zone it is written in. */
export const headText = ({ title, type }: ExportColumn, language: Language, zone: string): string =>
  type === 'instant' ? `${title[language]} (${zone})` : title[language]

/** Any cell as text, for a column of texts. */
export const textOf = (cell: Cell): string | null => (cell === null ? null : String(cell))
