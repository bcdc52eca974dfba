import { ok, type Result } from '../core/index.ts'
import type { Caps } from './caps.ts'
import { fail, type SheetError } from './errors.ts'
import type { ByteSource } from './source.ts'
import { readXml } from './xml.ts'
import type { ZipEntry } from './zip.ts'

/** What a workbook says about itself: its visible sheets, its shared strings, and which cell formats are dates. */
export interface Workbook {
  readonly sheets: readonly { readonly name: string; readonly entry: ZipEntry }[]
  readonly strings: readonly string[]
  /** By number of the cell format. */
  readonly dates: readonly boolean[]
  /** Days count from 1904 instead of 1900. */
  readonly from1904: boolean
}

interface Relation {
  readonly id: string
  readonly type: string
  readonly target: string
}

/** @errors SHEET_FORMAT, SHEET_DAMAGED, SHEET_BOMB  @source ECMA-376 part 1, 18.2 workbook, 18.4 shared strings, 18.8 styles */
export const readWorkbook = async (
  source: ByteSource,
  entries: readonly ZipEntry[],
  caps: Caps,
  signal?: AbortSignal,
): Promise<Result<Workbook, SheetError>> => {
  const byName = new Map(entries.map((entry) => [entry.name.toLowerCase(), entry]))
  const part = (name: string): ZipEntry | null => byName.get(name.toLowerCase()) ?? null
  const roots = await relationsOf(source, part('_rels/.rels'), '', signal)
  if (!roots.ok) return roots
  const path = roots.value.find(({ type }) => type === 'officeDocument')?.target ?? 'xl/workbook.xml'
  const main = part(path)
  if (!main) return fail('SHEET_FORMAT', 'is a ZIP archive without a workbook in it')
  const folder = path.slice(0, path.lastIndexOf('/') + 1)
  const relations = await relationsOf(source, part(`${folder}_rels/${path.slice(folder.length)}.rels`), folder, signal)
  if (!relations.ok) return relations
  const found: { name: string; id: string }[] = []
  let from1904 = false
  const read = await readXml(
    source,
    main,
    {
      open: (name, attributes) => {
        if (name === 'workbookPr') from1904 = ['1', 'true'].includes(attributes.date1904 ?? '')
        if (name === 'sheet' && (attributes.state ?? 'visible') === 'visible')
          found.push({ name: attributes.name ?? '', id: Object.entries(attributes).find(([key]) => /(^|:)id$/.test(key))?.[1] ?? '' })
        return found.length > caps.sheets ? fail('SHEET_BOMB', `has more than ${caps.sheets} sheets`) : undefined
      },
    },
    signal,
  )
  if (!read.ok) return read
  const targets = new Map(relations.value.map(({ id, type, target }) => [id, { type, target }]))
  const sheets = found.flatMap(({ name, id }) => {
    const relation = targets.get(id)
    const entry = relation?.type === 'worksheet' ? part(relation.target) : null
    return entry ? [{ name, entry }] : []
  })
  if (sheets.length === 0) return fail('SHEET_FORMAT', 'is a workbook without a visible sheet')
  const total = sheets.reduce((sum, { entry }) => sum + entry.unpacked, 0)
  const [styles, shared] = ['styles', 'sharedStrings'].map((wanted) => {
    const target = relations.value.find(({ type }) => type === wanted)?.target
    return target === undefined ? null : part(target)
  })
  if (total + (shared?.unpacked ?? 0) + (styles?.unpacked ?? 0) > caps.unpackedBytes)
    return fail('SHEET_BOMB', `its sheets unpack to more than ${caps.unpackedBytes} bytes`)
  const dates = styles ? await datesOf(source, styles, signal) : ok([])
  if (!dates.ok) return dates
  const strings = shared ? await stringsOf(source, shared, total, caps, signal) : ok([])
  return strings.ok ? ok({ sheets, strings: strings.value, dates: dates.value, from1904 }) : strings
}

const relationsOf = async (
  source: ByteSource,
  entry: ZipEntry | null,
  folder: string,
  signal?: AbortSignal,
): Promise<Result<readonly Relation[], SheetError>> => {
  const relations: Relation[] = []
  if (!entry) return ok(relations)
  const read = await readXml(
    source,
    entry,
    {
      open: (name, { Id: id = '', Type: type = '', Target: target = '', TargetMode: mode }) => {
        if (name === 'Relationship' && mode !== 'External')
          relations.push({
            id,
            type: type.slice(type.lastIndexOf('/') + 1),
            target: target.startsWith('/') ? target.slice(1) : folder + target,
          })
        return relations.length > MOST_RELATIONS ? fail('SHEET_BOMB', `${entry.name} has more than ${MOST_RELATIONS} relations`) : undefined
      },
    },
    signal,
  )
  return read.ok ? ok(relations) : read
}

const MOST_RELATIONS = 10_000
/** Built-in number formats that show a date or a time. @source ECMA-376 part 1, 18.8.30 */
const isBuiltInDate = (id: number): boolean =>
  (id >= 14 && id <= 22) || (id >= 27 && id <= 36) || (id >= 45 && id <= 47) || (id >= 50 && id <= 58)
const MOST_FORMATS = 100_000

const datesOf = async (source: ByteSource, entry: ZipEntry, signal?: AbortSignal): Promise<Result<readonly boolean[], SheetError>> => {
  const custom = new Map<number, boolean>()
  const dates: boolean[] = []
  let inCellFormats = false
  const read = await readXml(
    source,
    entry,
    {
      open: (name, { numFmtId = '0', formatCode = '' }) => {
        if (name === 'numFmt') custom.set(Number(numFmtId), isDateCode(formatCode))
        if (name === 'cellXfs') inCellFormats = true
        if (name === 'xf' && inCellFormats) dates.push(custom.get(Number(numFmtId)) ?? isBuiltInDate(Number(numFmtId)))
        return dates.length + custom.size > MOST_FORMATS
          ? fail('SHEET_BOMB', `${entry.name} has more than ${MOST_FORMATS} formats`)
          : undefined
      },
      close: (name) => {
        if (name === 'cellXfs') inCellFormats = false
        return undefined
      },
    },
    signal,
  )
  return read.ok ? ok(dates) : read
}

/** Whether a number format shows a date: y, m, d, h or s outside quotes, escapes and brackets. */
const isDateCode = (code: string): boolean => /[ymdhs]/i.test(code.slice(0, 255).replace(/"[^"]*"|\\.|_.|\*.|\[[^\]]*\]/g, ''))

/** Bytes of the shortest cell that can show a shared string: `<c t="s"><v>0</v></c>`. */
const LEAST_CELL = 22
const ALWAYS_FINE = 10_000

const stringsOf = async (
  source: ByteSource,
  entry: ZipEntry,
  sheetBytes: number,
  caps: Caps,
  signal?: AbortSignal,
): Promise<Result<readonly string[], SheetError>> => {
  // Strings that no cell can show are there to fill the memory.
  const most = Math.min(caps.strings, Math.max(ALWAYS_FINE, Math.floor(sheetBytes / LEAST_CELL)))
  const tooMany = (count: number) =>
    fail('SHEET_BOMB', `has ${count} shared strings or more; its sheets have room for ${most} that are used`, { count })
  if (entry.unpacked > caps.stringBytes)
    return fail('SHEET_BOMB', `its shared strings have ${entry.unpacked} bytes; allowed are ${caps.stringBytes}`)
  const strings: string[] = []
  let text = ''
  let isText = false
  let inPhonetic = false
  const read = await readXml(
    source,
    entry,
    {
      open: (name, { uniqueCount }) => {
        if (name === 'si') text = ''
        else if (name === 't') isText = !inPhonetic
        else if (name === 'rPh') inPhonetic = true
        else if (name === 'sst' && Number(uniqueCount) > most) return tooMany(Number(uniqueCount))
        return undefined
      },
      text: (part) => {
        if (isText) text += part
      },
      close: (name) => {
        if (name === 't') isText = false
        else if (name === 'rPh') inPhonetic = false
        else if (name === 'si') {
          if (strings.push(ownText(unescaped(text))) > most) return tooMany(strings.length)
          if (text.length > caps.cellChars) return fail('SHEET_CELL', `a shared string has more than ${caps.cellChars} characters`)
        } else return undefined
        return undefined
      },
    },
    signal,
  )
  return read.ok ? ok(strings) : read
}

/** A part of a string keeps the whole alive: texts that stay are copied. Shorter ones the engine copies by itself. */
export const ownText = (text: string): string => (text.length < 13 ? text : Buffer.from(text, 'utf16le').toString('utf16le'))

/** Characters that XML cannot hold stand as `_x0001_`. @source ECMA-376 part 1, 22.4.2.4 bstr */
export const unescaped = (text: string): string =>
  text.includes('_x') ? text.replace(/_x([0-9A-Fa-f]{4})_/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))) : text
