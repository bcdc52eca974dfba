import type { LedgerProblem } from '../ledger/types.ts'

/** What may be wrong with a table that could be read, and what a person does about it. Rules of cells bring their own hints. */
const HINTS = {
  SHEET_HEADS: 'gridtally ledger template writes a table with every head; KIND.ATTRIBUTE, such as meter.address, always works',
  SHEET_HEAD_TWICE: 'two columns say the same thing: delete one, or give it a head of its own',
  SHEET_HEAD_EMPTY: 'give the column a head, or delete it',
  SHEET_HEAD_UNCLEAR: 'say whose it is: KIND.ATTRIBUTE, such as area.responsible, or 台区责任人',
  SHEET_NO_ID: 'give the row the number of what it describes, or clear its other cells',
  SHEET_CONTRADICTS: 'one of the two cells is wrong: correct it, or give the rows different dates',
  SHEET_MULTIPLIER: 'the overall multiplier is CT × PT: correct one of the three',
  SHEET_EMPTY: 'the file has no row below its head line',
} as const
export type SheetProblemCode = keyof typeof HINTS

/** More than one row has. */
const LATELY = 500

/** Problems of one file: all are counted, the first ones kept. */
export class ProblemList {
  readonly kept: LedgerProblem[] = []
  count = 0
  readonly #lately = new Set<string>()
  readonly #most: number

  constructor(most: number) {
    this.#most = most
  }

  add(code: SheetProblemCode, place: string, message: string, against: string | null = null): void {
    this.push({ code, place, against, message, hint: HINTS[code] })
  }

  push(problem: LedgerProblem): void {
    // One cell may be the number of a customer and the customer of a point: what is wrong with it is said once.
    const key = `${problem.code} ${problem.place} ${problem.message}`
    if (this.#lately.has(key)) return
    if (this.#lately.size >= LATELY) this.#lately.clear()
    this.#lately.add(key)
    this.count++
    if (this.kept.length < this.#most) this.kept.push(problem)
  }
}
