import type { ReadingJson } from './reading-json.ts'

/** What a spreadsheet takes for the start of a formula, full-width forms included; blanks and control characters before it do not help. */
const FORMULA = /^[\s\p{Cc}]*[=+\-@＝＋－＠]|^[\t\r\n]/u

/** A text cell: quoted, and with an apostrophe before anything a spreadsheet would run. */
export const textCell = (text: string): string => `"${(FORMULA.test(text) ? `'${text}` : text).replaceAll('"', '""')}"`

/** A number stays a number, negative ones too. @param text  decimal text of ours */
export const numberCell = (text: string): string => (/^-?\d+(\.\d+)?$/.test(text) ? text : textCell(text))

const COLUMNS = [
  'measuredAt',
  'receivedAt',
  'point',
  'meter',
  'measurement',
  'source',
  'quality',
  'ratio',
  'obis',
  'name',
  'unit',
  'value',
  'primary',
  'absent',
]

/** Byte order mark, so that a spreadsheet sees UTF-8, and the line of column names. */
export const csvHead = `\uFEFF${COLUMNS.join(',')}\r\n`

/** One line for each value of a reading; an absent value leaves `value` and `primary` empty and its reason in `absent`. */
export const csvLines = (reading: ReadingJson): string => {
  const { measuredAt, receivedAt, point, meter, measurement, source, quality, ratio } = reading
  const head = `${measuredAt},${receivedAt},${[point, meter, measurement, source, quality.join(' ')].map(textCell).join(',')},${numberCell(ratio)}`
  let lines = ''
  for (const { obis, name, unit, value, primary } of reading.values)
    lines += `${head},${textCell(obis)},${textCell(name)},${textCell(unit)},${numberCell(value)},${primary === null ? '' : numberCell(primary)},\r\n`
  for (const { obis, name, code } of reading.absent) lines += `${head},${textCell(obis)},${textCell(name)},"",,,${textCell(code)}\r\n`
  return lines
}
