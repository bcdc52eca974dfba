import type { Said } from './items3761.ts'
import { Pen } from './pen.ts'
import { putRows, type Record698, type Row698 } from './records698.ts'

/** An answer as an APDU. */
export interface Answered {
  readonly apdu: Uint8Array
  readonly said: readonly Said[]
  /** A meter was asked over the power line. */
  readonly reach?: 'line'
}

/** FollowReport and TimeTag, both absent. */
export const TRAILER = [0, 0] as const

export interface Filled698 {
  readonly record: Record698
  readonly rows: readonly Row698[]
}

/** More bytes than a link fragment's number can count are never put into one APDU. */
const LONGEST = 60_000
const HEAD = 64

/** Records as one APDU, or, when it does not fit and the terminal blocks, as the blocks of choice 5, the first one first. */
export const recordAnswers = (
  filled: readonly Filled698[],
  how: { readonly choice: number; readonly piid: number; readonly room: number; readonly isBlocked: boolean },
): Answered[] => {
  const size = filled.reduce((sum, { rows }) => sum + HEAD + rows.reduce((bytes, row) => bytes + row.bytes.length, 0), 0)
  if (size <= (how.isBlocked ? how.room : LONGEST)) {
    const pen = new Pen(size).byte(0x85).byte(how.choice).byte(how.piid)
    if (how.choice === 4) pen.byte(filled.length)
    for (const { record, rows } of filled) putRows(pen, record, rows)
    return [{ apdu: pen.put(TRAILER).done(), said: filled.flatMap(({ rows }) => rows.flatMap(({ said }) => said)) }]
  }
  const pieces = filled.flatMap((one) => cut(one, Math.min(how.room, LONGEST)))
  return pieces.map(({ record, rows }, at) => {
    const pen = new Pen(how.room).byte(0x85).byte(5).byte(how.piid)
    pen
      .byte(at === pieces.length - 1 ? 1 : 0)
      .wordHighFirst(at + 1)
      .byte(2)
      .byte(1)
    return { apdu: putRows(pen, record, rows).put(TRAILER).done(), said: rows.flatMap(({ said }) => said) }
  })
}

const cut = ({ record, rows }: Filled698, room: number): Filled698[] => {
  const pieces: Filled698[] = []
  let here: Row698[] = []
  let bytes = HEAD
  for (const row of rows) {
    if (here.length > 0 && bytes + row.bytes.length > room) {
      pieces.push({ record, rows: here })
      here = []
      bytes = HEAD
    }
    here.push(row)
    bytes += row.bytes.length
  }
  return [...pieces, { record, rows: here }]
}
