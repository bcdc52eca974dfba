import { decimalText, parseDecimal } from '../core/index.ts'
import type { AttributeSpec, Value, ValueType } from '../ledger/kinds.ts'
import { plainHead } from './columns.ts'
import { dayOf, instantOf, serialText } from './dates.ts'
import { identityOf } from './digits.ts'
import type { CellKind } from './row.ts'

/** A cell's text, trimmed and without its guarding apostrophe, and what the cell was. */
export interface CellText {
  readonly text: string
  readonly kind: CellKind
}

export type CellValue =
  | { readonly ok: true; readonly value: Value }
  | { readonly ok: false; readonly code: ValueCode; readonly message: string; readonly hint: string }

export type ValueCode = 'SHEET_VALUE' | 'SHEET_ROUNDED' | 'SHEET_FORMULA' | 'SHEET_WIDTH' | 'SHEET_NOT_DIGITS' | 'SHEET_ZEROS'

const good = (value: Value): CellValue => ({ ok: true, value })
const wrong = (message: string, hint: string): CellValue => ({ ok: false, code: 'SHEET_VALUE', message, hint })

const shown = (text: string): string => JSON.stringify(text.length > 60 ? `${text.slice(0, 57)}...` : text)

/** Number text without exponent: as typed where it was text, as the spreadsheet shows it (15 digits) where it was a number. */
const decimalOf = ({ text, kind }: CellText): string | null => {
  const plain = text.normalize('NFKC').replace(/\s/g, '')
  const isNumber = kind === 'number' || (kind === 'formula' && Number.isFinite(Number(plain)))
  const parsed = parseDecimal(isNumber ? String(Number(Number(plain).toPrecision(15))) : plain)
  if (!parsed || (!isNumber && !/^-?\d+(\.\d+)?$/.test(plain))) return null
  return isNumber ? decimalText(parsed.raw, parsed.scaler) : plain
}

/** Days since 1900, where a spreadsheet kept a date as a plain number. */
const asDate = ({ text, kind }: CellText): string =>
  kind !== 'text' && /^\d{5}(\.\d+)?$/.test(text) ? (serialText(Number(text)) ?? text) : text

const READERS: Readonly<Record<ValueType, (cell: CellText, spec: AttributeSpec, zone: string) => CellValue>> = {
  text: (cell, { digits = false, longest = 200 }) => {
    if (digits) return identityOf(cell.text, cell.kind)
    const text = cell.kind === 'number' ? (decimalOf(cell) ?? cell.text) : cell.text
    if (text.length > longest) return wrong(`has ${text.length} characters; allowed are ${longest}`, 'shorten it')
    if (/[\p{Cc}\p{Bidi_Control}\u2028\u2029]/u.test(text))
      return wrong('has a line break or a character that cannot be seen', 'write it on one line')
    return good(text)
  },
  integer: (cell) => {
    const number = decimalOf(cell)
    return number !== null && /^\d{1,15}$/.test(number)
      ? good(Number(number))
      : wrong(`is ${shown(cell.text)}; must be a whole number`, 'write digits only, without a unit')
  },
  decimal: (cell) => {
    const number = decimalOf(cell)
    return number === null
      ? wrong(`is ${shown(cell.text)}; must be a number`, 'write 12.5: a point, no unit and no separators of thousands')
      : good(number)
  },
  ratio: (cell) => {
    if (cell.kind === 'date')
      return wrong(`has been made a date (${cell.text}) by the spreadsheet`, 'format the column as text, then enter the ratio again')
    const plain = cell.text.normalize('NFKC').replace(/\s/g, '').replace(/[:∶]/, '/')
    if (/^\d+(\.\d+)?\/\d+(\.\d+)?$/.test(plain)) return good(plain)
    const number = decimalOf(cell)
    return number === null || number.startsWith('-') || Number(number) === 0
      ? wrong(`is ${shown(cell.text)}; must be a ratio above 0`, 'write 400/5 or 80')
      : good(number)
  },
  date: (cell) => {
    const day = dayOf(asDate(cell))
    return day === null
      ? wrong(`is ${shown(cell.text)}; must be a day that exists`, 'write 2026-11-21, or format the cell as a date')
      : good(day)
  },
  instant: (cell, _, zone) => {
    const at = instantOf(asDate(cell), zone)
    return at === null
      ? wrong(`is ${shown(cell.text)}; must be a day or an instant`, 'write 2026-11-21, 2026-11-21 08:30 or 2026-11-21T08:30:00+08:00')
      : good(at)
  },
  choice: ({ text }, { choices = {} }) => {
    const value = choiceOf(text, choices)
    return value === null
      ? wrong(`is ${shown(text)}; allowed: ${choiceText(choices)}`, 'write one of the allowed words, in either language')
      : good(value)
  },
  flag: ({ text }) => {
    const plain = plainHead(text) || text
    const value = FLAGS.get(plain) ?? null
    return value === null ? wrong(`is ${shown(text)}; must be yes or no`, 'write 是 or 否, yes or no') : good(value)
  },
  reference: ({ text, kind }) => identityOf(text, kind),
}

const FLAGS: ReadonlyMap<string, boolean> = new Map([
  ...['yes', 'y', 'true', '1', '是', '有', '√'].map((word) => [word, true] as const),
  ...['no', 'n', 'false', '0', '否', '无', '×'].map((word) => [word, false] as const),
])

const choiceCache = new WeakMap<object, ReadonlyMap<string, string>>()

/** A word as words are compared: signs are punctuation beside letters, and all there is to tell `-1` from `1`. */
const wordForm = (word: string): string => {
  const plain = word
    .normalize('NFKC')
    .replace(/\s/g, '')
    .replace(/[−‒–—]/g, '-')
  return /^[+-]\d*$/.test(plain) ? plain : plainHead(word)
}

/** The value that a word of either language names. */
const choiceOf = (word: string, choices: Readonly<Record<string, readonly string[]>>): string | null => {
  let words = choiceCache.get(choices)
  if (!words) {
    words = new Map(
      Object.entries(choices).flatMap(([value, others]) =>
        [value, ...others].flatMap((other): [string, string][] => (wordForm(other) === '' ? [] : [[wordForm(other), value]])),
      ),
    )
    choiceCache.set(choices, words)
  }
  return words.get(wordForm(word)) ?? null
}

/** `customer (用户), area-supply (台区总表)`. */
export const choiceText = (choices: Readonly<Record<string, readonly string[]>>): string =>
  Object.entries(choices)
    .map(([value, words]) => (words[0] ? `${value} (${words[0]})` : value))
    .join(', ')

/**
 * The value of a cell under an attribute.
 *
 * @param cell  not empty
 * @param zone  IANA name of the gateway's zone
 */
export const cellValue = (cell: CellText, spec: AttributeSpec, zone: string): CellValue => {
  if (cell.kind === 'error')
    return {
      ok: false,
      code: 'SHEET_FORMULA',
      message: cell.text.startsWith('#') ? `shows the error ${cell.text}` : 'is a formula that was never calculated',
      hint: 'open the file in a spreadsheet and save it, or write the value instead of the formula',
    }
  return READERS[spec.type](cell, spec, zone)
}

/** A fact as a cell shows it; choices in the words of the language, flags too. */
export const shownValue = (value: Value, spec: AttributeSpec, language: 'en' | 'zh'): string => {
  if (value === null) return ''
  if (spec.type === 'choice' && typeof value === 'string' && language === 'zh') return spec.choices?.[value]?.[0] || value
  if (spec.type === 'flag') return value === true ? (language === 'zh' ? '是' : 'yes') : language === 'zh' ? '否' : 'no'
  if (spec.type === 'instant' && typeof value === 'number') return new Date(value).toISOString()
  return String(value)
}
