import type { CellKind } from './row.ts'

/** Why the text of an identifying cell cannot be believed, and what to do. */
export interface Distrust {
  readonly code: 'SHEET_ROUNDED' | 'SHEET_FORMULA' | 'SHEET_WIDTH' | 'SHEET_NOT_DIGITS' | 'SHEET_ZEROS'
  readonly message: string
  readonly hint: string
}

export type Identity = { readonly ok: true; readonly value: string } | ({ readonly ok: false } & Distrust)

export const AS_TEXT = 'format the column as text, then enter the number again from its source: the digits that are gone cannot be guessed'
/** A spreadsheet keeps so many digits of a number. @source IEEE 754 double precision, as Excel uses it */
export const EXACT_DIGITS = 15

/** `1.2E+11`, as a spreadsheet shows and exports a long number. */
const SCIENTIFIC = /^[+-]?\d+(?:\.\d+)?E\+\d+$/i
const FULL_WIDTH = /[\uff01-\uff5e]/
const INVISIBLE = /[\p{Cc}\p{Cf}\u2028\u2029]/u

/**
 * The text of a cell that identifies something, where every digit counts: an id, an address, a customer's number. Never corrected: two
 * texts that only look alike would else become one meter, or one meter two.
 *
 * @param cell  trimmed
 */
export const identityOf = (cell: string, kind: CellKind): Identity => {
  if (kind === 'formula')
    return {
      ok: false,
      code: 'SHEET_FORMULA',
      message: 'is a formula',
      hint: 'copy the column and insert it as values: what a formula shows may change by itself',
    }
  if (kind === 'number') return numberAsDigits(cell)
  if (kind === 'date')
    return { ok: false, code: 'SHEET_NOT_DIGITS', message: `has been made a date (${cell}) by the spreadsheet`, hint: AS_TEXT }
  if (SCIENTIFIC.test(cell))
    return {
      ok: false,
      code: 'SHEET_ROUNDED',
      message: `is ${cell}: the spreadsheet has cut it to ${cell.replace(/E.*/i, '').replace(/\D/g, '').length} digits`,
      hint: AS_TEXT,
    }
  if (FULL_WIDTH.test(cell))
    return {
      ok: false,
      code: 'SHEET_WIDTH',
      message: `has full-width characters; meant is perhaps "${cell.normalize('NFKC')}"`,
      hint: 'type it with the input method switched to half-width',
    }
  if (INVISIBLE.test(cell))
    return {
      ok: false,
      code: 'SHEET_NOT_DIGITS',
      message: 'has characters that cannot be seen',
      hint: 'type it again instead of pasting it',
    }
  return { ok: true, value: cell }
}

/** A number cell as digits: the spreadsheet keeps 15 of them, and no zero before. */
const numberAsDigits = (written: string): Identity => {
  const number = Number(written)
  if (!Number.isInteger(number) || number < 0)
    return { ok: false, code: 'SHEET_NOT_DIGITS', message: `is the number ${written}; digits are expected`, hint: AS_TEXT }
  const exact = BigInt(number).toString()
  // What a spreadsheet keeps of it, and would show.
  const digits = exact.slice(0, EXACT_DIGITS).padEnd(exact.length, '0')
  if (digits.length > EXACT_DIGITS)
    return {
      ok: false,
      code: 'SHEET_ROUNDED',
      message: `is a number with ${digits.length} digits (${digits}): a spreadsheet keeps ${EXACT_DIGITS} and makes the rest zeros`,
      hint: AS_TEXT,
    }
  return { ok: true, value: digits }
}

/** Zeros at the end of a text beyond the 15 digits that a spreadsheet keeps; 0 when there is another digit. */
export const cutZeros = (text: string): number => {
  if (!/^\d{16,}$/.test(text)) return 0
  return /^0+$/.test(text.slice(EXACT_DIGITS)) ? text.length - EXACT_DIGITS : 0
}

/** As many zeros in a column where nothing else stands are no chance any more: 1 in 1000. */
const ENOUGH_ZEROS = 3

/**
 * Watches one column of texts with more than 15 digits: when all of them end in zeros where a spreadsheet would have cut them, they were
 * numbers once. One number that happens to end so is believed.
 */
export class CutColumn<Place> {
  readonly #suspects: { readonly place: Place; readonly text: string }[] = []
  #zeros = 0
  #isHonest = false

  look(text: string, place: Place): void {
    if (this.#isHonest || text.length <= EXACT_DIGITS) return
    const zeros = cutZeros(text)
    if (zeros > 0) {
      this.#zeros += zeros
      if (this.#suspects.length < 1000) this.#suspects.push({ place, text })
    } else if (/^\d+$/.test(text)) {
      this.#isHonest = true
      this.#suspects.length = 0
    }
  }

  /** What cannot be believed, once the whole column was seen. */
  suspects(): readonly { readonly place: Place; readonly text: string }[] {
    return this.#isHonest || this.#zeros < ENOUGH_ZEROS ? [] : this.#suspects
  }
}
