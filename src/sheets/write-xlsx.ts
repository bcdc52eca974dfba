import { columnName, guarded } from './row.ts'
import type { OutCell, OutTable } from './write-csv.ts'
import { type ZipPart, zipOf } from './write-zip.ts'

const HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
const MAIN = 'http://schemas.openxmlformats.org/spreadsheetml/2006/main'
const PACKAGE = 'http://schemas.openxmlformats.org/package/2006'
const OFFICE = 'http://schemas.openxmlformats.org/officeDocument/2006/relationships'
const TYPE = 'application/vnd.openxmlformats-officedocument.spreadsheetml'

/** Cell formats: 0 general, 1 text, 2 head. A column of texts keeps what is typed into it later as text too. */
const TEXT = 1
const HEADING = 2
const STYLES = `${HEAD}<styleSheet xmlns="${MAIN}"><fonts count="2"><font><sz val="11"/><name val="Calibri"/></font><font><b/><sz val="11"/><name val="Calibri"/></font></fonts><fills count="2"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill></fills><borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders><cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs><cellXfs count="3"><xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/><xf numFmtId="49" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/><xf numFmtId="49" fontId="1" fillId="0" borderId="0" xfId="0" applyNumberFormat="1" applyFont="1"/></cellXfs></styleSheet>`

const PIECE_CHARS = 64 * 1024

/**
 * Tables as a workbook, in pieces, one sheet each. Texts are text cells and can be no formula; they are guarded like those of a CSV all
 * the same, so that both are read by one rule and survive being saved as the other.
 *
 * @source ECMA-376 part 1, 18.2 workbook, 18.3 worksheets, 18.8 styles; part 2, packages
 */
export const xlsxOf = (tables: readonly OutTable[]): AsyncGenerator<Buffer, void> => zipOf(partsOf(tables))

function* partsOf(tables: readonly OutTable[]): Generator<ZipPart, void> {
  const numbered = tables.map((table, at) => ({ ...table, number: at + 1 }))
  const all = (text: (sheet: (typeof numbered)[number]) => string): string => numbered.map(text).join('')
  yield {
    name: '[Content_Types].xml',
    text: [
      `${HEAD}<Types xmlns="${PACKAGE}/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/><Override PartName="/xl/workbook.xml" ContentType="${TYPE}.sheet.main+xml"/><Override PartName="/xl/styles.xml" ContentType="${TYPE}.styles+xml"/>${all(({ number }) => `<Override PartName="/xl/worksheets/sheet${number}.xml" ContentType="${TYPE}.worksheet+xml"/>`)}</Types>`,
    ],
  }
  yield {
    name: '_rels/.rels',
    text: [
      `${HEAD}<Relationships xmlns="${PACKAGE}/relationships"><Relationship Id="rId1" Type="${OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>`,
    ],
  }
  yield {
    name: 'xl/workbook.xml',
    text: [
      `${HEAD}<workbook xmlns="${MAIN}" xmlns:r="${OFFICE}"><sheets>${all(({ name, number }) => `<sheet name="${escaped(name)}" sheetId="${number}" r:id="rId${number}"/>`)}</sheets></workbook>`,
    ],
  }
  yield {
    name: 'xl/_rels/workbook.xml.rels',
    text: [
      `${HEAD}<Relationships xmlns="${PACKAGE}/relationships">${all(({ number }) => `<Relationship Id="rId${number}" Type="${OFFICE}/worksheet" Target="worksheets/sheet${number}.xml"/>`)}<Relationship Id="rId${numbered.length + 1}" Type="${OFFICE}/styles" Target="styles.xml"/></Relationships>`,
    ],
  }
  yield { name: 'xl/styles.xml', text: [STYLES] }
  for (const table of numbered) yield { name: `xl/worksheets/sheet${table.number}.xml`, text: sheetOf(table) }
}

function* sheetOf({ heads, rows }: OutTable): Generator<string, void> {
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
    .map((width, at) => `<col min="${at + 1}" max="${at + 1}" width="${width}" style="${TEXT}" customWidth="1"/>`)
    .join('')
  const names = heads.map((_, at) => columnName(at + 1))
  let piece = `${HEAD}<worksheet xmlns="${MAIN}"><sheetViews><sheetView workbookViewId="0"><pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/></sheetView></sheetViews><cols>${columns}</cols><sheetData><row r="1">${heads.map((head, at) => textCell(`${names[at]}1`, head, HEADING)).join('')}</row>`
  let line = 1
  for (const row of rows) {
    line++
    piece += `<row r="${line}">`
    for (const [at, cell] of row.entries()) piece += cellOf(`${names[at] ?? columnName(at + 1)}${line}`, cell)
    piece += '</row>'
    if (piece.length < PIECE_CHARS) continue
    yield piece
    piece = ''
  }
  yield `${piece}</sheetData></worksheet>`
}

const cellOf = (reference: string, cell: OutCell): string =>
  cell === null ? '' : typeof cell === 'string' ? textCell(reference, guarded(cell), TEXT) : `<c r="${reference}"><v>${cell.number}</v></c>`

const textCell = (reference: string, text: string, style: number): string =>
  text === '' ? '' : `<c r="${reference}" s="${style}" t="inlineStr"><is><t xml:space="preserve">${escaped(text)}</t></is></c>`

/** What XML cannot hold, would drop, or would be taken for an escape of ours. @source ECMA-376 part 1, 22.4.2.4 bstr; XML 1.0, 2.2 and 2.11 */
const UNFIT = /[^\P{Cc}\t\n]|[\ufffe\uffff]|\p{Cs}|_(?=x[0-9A-Fa-f]{4}_)/gu
const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }

const escaped = (text: string): string =>
  text
    .replace(UNFIT, (one) => `_x${one.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}_`)
    .replace(/[&<>"]/g, (one) => ENTITIES[one] ?? one)
