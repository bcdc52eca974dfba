import { type ZipPart, zipOf } from './zip.ts'

const HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
const MAIN = 'http://schemas.openxmlformats.org/spreadsheetml/2006/main'
const PACKAGE = 'http://schemas.openxmlformats.org/package/2006'
const OFFICE = 'http://schemas.openxmlformats.org/officeDocument/2006/relationships'
const TYPE = 'application/vnd.openxmlformats-officedocument.spreadsheetml'

/** Cell formats: 0 general, 1 text, 2 head, 3 date and time. A column of texts keeps what is typed into it later as text too. */
export const CELL_STYLE = { general: 0, text: 1, head: 2, instant: 3 } as const
const STYLES = `${HEAD}<styleSheet xmlns="${MAIN}"><numFmts count="1"><numFmt numFmtId="164" formatCode="yyyy\\-mm\\-dd\\ hh:mm:ss"/></numFmts><fonts count="2"><font><sz val="11"/><name val="Calibri"/></font><font><b/><sz val="11"/><name val="Calibri"/></font></fonts><fills count="2"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill></fills><borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders><cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs><cellXfs count="4"><xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/><xf numFmtId="49" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/><xf numFmtId="49" fontId="1" fillId="0" borderId="0" xfId="0" applyNumberFormat="1" applyFont="1"/><xf numFmtId="164" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/></cellXfs><cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>`

/** One sheet: its name and the whole text of its part. */
export interface SheetPart {
  readonly name: string
  readonly text: Iterable<string> | AsyncIterable<string>
}

/**
 * Sheets as a workbook, in pieces. How many sheets there are need not be known before they are written.
 *
 * @source ECMA-376 part 1, 18.2 workbook, 18.3 worksheets, 18.8 styles; part 2, packages
 */
export const workbookOf = (sheets: Iterable<SheetPart> | AsyncIterable<SheetPart>, level?: number): AsyncGenerator<Buffer, void> =>
  zipOf(partsOf(sheets), level)

async function* partsOf(sheets: Iterable<SheetPart> | AsyncIterable<SheetPart>): AsyncGenerator<ZipPart, void> {
  yield {
    name: '_rels/.rels',
    text: [
      `${HEAD}<Relationships xmlns="${PACKAGE}/relationships"><Relationship Id="rId1" Type="${OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>`,
    ],
  }
  yield { name: 'xl/styles.xml', text: [STYLES] }
  const names: string[] = []
  for await (const { name, text } of sheets) {
    names.push(sheetName(name, names))
    yield { name: `xl/worksheets/sheet${names.length}.xml`, text }
  }
  const all = (text: (number: number, name: string) => string): string => names.map((name, at) => text(at + 1, name)).join('')
  yield {
    name: 'xl/workbook.xml',
    text: [
      `${HEAD}<workbook xmlns="${MAIN}" xmlns:r="${OFFICE}"><sheets>${all((number, name) => `<sheet name="${escapedXml(name)}" sheetId="${number}" r:id="rId${number}"/>`)}</sheets></workbook>`,
    ],
  }
  yield {
    name: 'xl/_rels/workbook.xml.rels',
    text: [
      `${HEAD}<Relationships xmlns="${PACKAGE}/relationships">${all((number) => `<Relationship Id="rId${number}" Type="${OFFICE}/worksheet" Target="worksheets/sheet${number}.xml"/>`)}<Relationship Id="rId${names.length + 1}" Type="${OFFICE}/styles" Target="styles.xml"/></Relationships>`,
    ],
  }
  yield {
    name: '[Content_Types].xml',
    text: [
      `${HEAD}<Types xmlns="${PACKAGE}/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/><Override PartName="/xl/workbook.xml" ContentType="${TYPE}.sheet.main+xml"/><Override PartName="/xl/styles.xml" ContentType="${TYPE}.styles+xml"/>${all((number) => `<Override PartName="/xl/worksheets/sheet${number}.xml" ContentType="${TYPE}.worksheet+xml"/>`)}</Types>`,
    ],
  }
}

const LONGEST_NAME = 31

/** A name that a spreadsheet takes for a sheet, and that no other sheet has. */
const sheetName = (wanted: string, taken: readonly string[]): string => {
  const fit = wanted.replace(/[[\]:*?/\\]/g, '-').replace(/^'|'$/g, '-') || 'sheet'
  for (let count = 1; ; count++) {
    const end = count === 1 ? '' : ` (${count})`
    const name = `${[...fit].slice(0, LONGEST_NAME - end.length).join('')}${end}`
    if (!taken.some((one) => one.toLowerCase() === name.toLowerCase())) return name
  }
}

/** Up to the first row below the heads, which stay in sight. @param styles  of the columns; text unless said */
export const sheetStart = (heads: readonly string[], styles: readonly number[] = []): string => {
  const widths = heads.map((head) =>
    Math.min(
      40,
      Math.max(
        10,
        [...head].reduce((sum, one) => sum + (one > '\u2000' ? 2 : 1), 2),
      ),
    ),
  )
  const columns = widths
    .map((width, at) => `<col min="${at + 1}" max="${at + 1}" width="${width}" style="${styles[at] ?? CELL_STYLE.text}" customWidth="1"/>`)
    .join('')
  const cells = heads.map((head, at) => textCell(`${columnName(at + 1)}1`, head, CELL_STYLE.head)).join('')
  return `${HEAD}<worksheet xmlns="${MAIN}"><sheetViews><sheetView workbookViewId="0"><pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/></sheetView></sheetViews><cols>${columns}</cols><sheetData><row r="1">${cells}</row>`
}
export const SHEET_END = '</sheetData></worksheet>'

/** A column as a spreadsheet names it: 1 is `A`, 27 `AA`. */
export const columnName = (column: number): string => {
  let name = ''
  for (let rest = column; rest > 0; rest = Math.floor((rest - 1) / 26)) name = String.fromCharCode(65 + ((rest - 1) % 26)) + name
  return name
}

/** Longer texts make a spreadsheet call the file damaged. @source Excel specifications and limits */
export const LONGEST_TEXT = 32_767

/** A text that can be no formula, whatever it looks like. */
export const textCell = (reference: string, text: string, style: number = CELL_STYLE.text): string =>
  text === '' ? '' : `<c r="${reference}" s="${style}" t="inlineStr"><is><t xml:space="preserve">${escapedXml(text)}</t></is></c>`

/** @param number  plain decimal text */
export const numberXml = (reference: string, number: string, style: number = CELL_STYLE.general): string =>
  `<c r="${reference}"${style === CELL_STYLE.general ? '' : ` s="${style}"`}><v>${number}</v></c>`

/** What XML cannot hold, would drop, or would be taken for an escape of ours. @source ECMA-376 part 1, 22.4.2.4 bstr; XML 1.0, 2.2 and 2.11 */
const UNFIT = /[^\P{Cc}\t\n]|[\ufffe\uffff]|\p{Cs}|_(?=x[0-9A-Fa-f]{4}_)/gu
const SPECIAL = /[&<>"]/
const ANY_UNFIT = new RegExp(`${UNFIT.source}|${SPECIAL.source}`, 'u')
const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }

const escapedXml = (text: string): string =>
  ANY_UNFIT.test(text)
    ? text
        .replace(UNFIT, (one) => `_x${one.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}_`)
        .replace(/[&<>"]/g, (one) => ENTITIES[one] ?? one)
    : text
