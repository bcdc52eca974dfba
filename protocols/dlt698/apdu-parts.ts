import type { RecordItem, ResultItem } from './apdu-types.ts'
import { type Cursor, countField, hexText, left, lengthField, note, several, stop, u8 } from './cursor.ts'
import { darName } from './dar.ts'
import { readColumns, readDatum, readOad, readSelector, readTi, readTsa } from './data.ts'
import type { ColumnSelector } from './datum.ts'
import { readDateTime, readDateTimeS } from './time.ts'

/** What a reader of one service adds to the head. */
export type Leaves = Readonly<Record<string, unknown>>

export const choiceOf = <T extends string>(c: Cursor, choices: readonly T[]): T | '' => {
  const from = c.at
  const number = u8(c)
  const choice = choices[number]
  if (choice === undefined || number === 0) {
    stop(c, 'DLT698_APDU', `${number} is no choice of this service: 1 to ${choices.length - 1}`, from)
    return ''
  }
  note(c, from, 'choice', choice)
  return choice
}

export const piid = (c: Cursor): Leaves => {
  const from = c.at
  const byte = u8(c)
  if (c.notes !== null) note(c, from, 'PIID', `sequence ${byte & 0x3f}${byte & 0x80 ? ', high priority' : ''}`)
  return { piid: { seq: byte & 0x3f, priority: byte >> 7 } }
}

export const piidAcd = (c: Cursor): Leaves => {
  const from = c.at
  const byte = u8(c)
  if (c.notes !== null) note(c, from, 'PIID-ACD', `sequence ${byte & 0x3f}${byte & 0x40 ? ', events wait' : ''}`)
  return { piid_acd: { seq: byte & 0x3f, priority: byte >> 7, acd: (byte >> 6) & 1 } }
}

export const named = (c: Cursor, name: string, read: (c: Cursor) => string): string => {
  const from = c.at
  const text = read(c)
  note(c, from, name, text)
  return text
}
export const oad = (c: Cursor): string => named(c, 'OAD', readOad)
export const omd = (c: Cursor): string => named(c, 'OMD', readOad)
export const tsa = (c: Cursor): string => named(c, 'TSA', readTsa)

export const numbered = (c: Cursor, name: string, read: (c: Cursor) => number, unit = ''): number => {
  const from = c.at
  const value = read(c)
  if (c.notes !== null) note(c, from, name, `${value}${unit}`)
  return value
}

export const dar = (c: Cursor): { readonly dar: number; readonly dar_name: string } => {
  const from = c.at
  const number = u8(c)
  note(c, from, 'DAR', `${number} ${darName(number)}`)
  return { dar: number, dar_name: darName(number) }
}

/** `00` DAR or `01` Data. */
export const result = (c: Cursor): Pick<ResultItem, 'data' | 'dar' | 'dar_name'> => {
  const choice = u8(c)
  if (choice === 0) return dar(c)
  if (choice === 1) return { data: readDatum(c) }
  stop(c, 'DLT698_APDU', `${choice} is no choice of a result: 0 DAR, 1 data`, c.at - 1)
  return {}
}

export const normalResult = (c: Cursor): ResultItem => ({ oad: oad(c), ...result(c) })

export const rowWidth = (c: Cursor, columns: readonly ColumnSelector[]): number =>
  c.isFlat ? columns.reduce((sum, column) => sum + ('road' in column ? column.road.columns.length : 1), 0) : columns.length

/** A table: columns, then `00` DAR or `01` rows; a row has one value a column and no count byte. */
export const recordResult = (c: Cursor): RecordItem => {
  const table = oad(c)
  const columns = readColumns(c)
  const choice = u8(c)
  if (choice === 0) return { oad: table, columns, ...dar(c) }
  if (choice !== 1) stop(c, 'DLT698_APDU', `${choice} is no choice of a record result: 0 DAR, 1 rows`, c.at - 1)
  const width = rowWidth(c, columns)
  const from = c.at
  const count = countField(c, width)
  note(c, from, 'rows', String(count))
  if (width === 0 && count > 0) stop(c, 'DLT698_APDU', `${count} rows without a column`)
  return { oad: table, columns, rows: several(c, count, () => several(c, width, readDatum)) }
}

export const recordRequest = (c: Cursor): RecordItem => ({ oad: oad(c), selector: readSelector(c), columns: readColumns(c) })

export const oadList = (c: Cursor): readonly string[] => several(c, countField(c, 4), oad)

/** Trailer of a client: an optional time tag. Senders that leave it out are understood. */
export const timeTag = (c: Cursor): Leaves => {
  if (left(c) === 0) return { time_tag: null }
  const from = c.at
  const present = u8(c)
  if (present > 1) stop(c, 'DLT698_APDU', `${present} is no mark of a time tag: 0 absent, 1 present`, from)
  const tag = present === 1 ? { time: readDateTimeS(c), ti: readTi(c) } : null
  note(c, from, 'time tag', tag ? `${tag.time}` : 'absent')
  return { time_tag: tag }
}

/** Trailer of a server: optional results that follow, then an optional time tag. */
export const serverTail = (c: Cursor): Leaves => {
  if (left(c) === 0) return { follow_report: null, time_tag: null }
  const from = c.at
  const present = u8(c)
  note(c, from, 'follow report', present === 0 ? 'absent' : 'present')
  if (present > 1) stop(c, 'DLT698_APDU', `${present} is no mark of a follow report: 0 absent, 1 present`, from)
  if (present === 0) return { follow_report: null, ...timeTag(c) }
  const choice = choiceOf(c, ['', 'list', 'record-list'])
  const follow =
    choice === 'list'
      ? { choice, results: several(c, countField(c, 6), normalResult) }
      : { choice, records: several(c, countField(c, 6), recordResult) }
  return { follow_report: follow, ...timeTag(c) }
}

export const dateTime = (c: Cursor, name: string) => {
  const from = c.at
  const time = readDateTime(c)
  note(c, from, name, `${time.time} weekday ${time.weekday}`)
  return time
}

export const hexField = (c: Cursor, name: string, size: number): string => named(c, name, () => hexText(c, size, ' '))
export const octets = (c: Cursor, name: string): string => named(c, name, () => hexText(c, lengthField(c), ' '))
