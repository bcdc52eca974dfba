import { closeSync, createReadStream, fstatSync, openSync, readSync } from 'node:fs'
import type { Readable } from 'node:stream'
import { constants, createGunzip } from 'node:zlib'
import type { ProblemList } from './problems.ts'

const [COMMA, SEMICOLON, TAB, QUOTE, LF, CR] = [0x2c, 0x3b, 0x09, 0x22, 0x0a, 0x0d]

/** One row as places in the bytes it came in: cells are made to text or numbers only where somebody wants them. */
export interface CsvRow {
  /** Line of the file, the header being 1. */
  line: number
  bytes: Buffer
  count: number
  readonly starts: Int32Array
  readonly ends: Int32Array
}

/** Most cells a row of ours can have; what is beyond is counted and not kept. */
const MOST_CELLS = 64

/**
 * Reads a table of fixed columns from a file, plain or gzip, as a stream: about a million rows a second, because no cell is made to text
 * that nobody asks for. Comma, semicolon or tab, whichever the header has; a byte order mark and CRLF are allowed; quotes too.
 *
 * @param onHeader  names of the columns, in lower case; false stops
 * @returns         lines read, the header among them
 */
export const readCsv = async (
  path: string,
  name: string,
  problems: ProblemList,
  onHeader: (names: readonly string[]) => boolean,
  onRow: (row: CsvRow) => void,
): Promise<number> => {
  const row: CsvRow = {
    line: 0,
    bytes: Buffer.alloc(0),
    count: 0,
    starts: new Int32Array(MOST_CELLS),
    ends: new Int32Array(MOST_CELLS),
  }
  let rest: Buffer = Buffer.alloc(0)
  let delimiter = COMMA
  let line = 0
  let wanted = true

  const onLine = (bytes: Buffer, from: number, to: number) => {
    line++
    let end = to
    if (end > from && bytes[end - 1] === CR) end--
    if (end === from) return
    if (!wanted) return
    if (line === 1) {
      const text = bytes.toString('utf8', from, end).replace(/^\uFEFF/, '')
      delimiter = [COMMA, SEMICOLON, TAB].find((sign) => text.includes(String.fromCharCode(sign))) ?? COMMA
      wanted = onHeader(text.split(String.fromCharCode(delimiter)).map((cell) => cell.trim().replaceAll('"', '').toLowerCase()))
      return
    }
    row.line = line
    row.bytes = bytes
    split(row, from, end, delimiter)
    onRow(row)
  }
  const onChunk = (chunk: Buffer) => {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    let from = 0
    for (;;) {
      const to = bytes.indexOf(LF, from)
      if (to < 0) break
      onLine(bytes, from, to)
      from = to + 1
    }
    rest = bytes.subarray(from)
  }

  const facts = look(path)
  if (typeof facts === 'string') {
    problems.add('file-unreadable', name, null, facts)
    return 0
  }
  if (facts.size === 0) {
    problems.add('file-empty', name, null, 'no byte in it')
    return 0
  }
  const seen = await drain(path, facts.isGzip, onChunk)
  if (rest.length > 0) onLine(rest, 0, rest.length)
  const isCut = facts.isGzip && seen.error === null && seen.bytes % 2 ** 32 !== facts.gzipSize && (await isTruncated(path))
  if (seen.error !== null || isCut)
    problems.add('file-broken', name, line, `${seen.error ?? 'the compressed data end too early'}; ${line} lines could be read`)
  else if (line === 0) problems.add('file-empty', name, null, 'no line in it')
  return line
}

const split = (row: CsvRow, from: number, end: number, delimiter: number): void => {
  const { bytes, starts, ends } = row
  let count = 0
  let at = from
  while (at <= end) {
    let stop: number
    if (bytes[at] === QUOTE) {
      const close = bytes.indexOf(QUOTE, at + 1)
      const last = close < 0 || close > end ? end : close
      starts[count] = at + 1
      ends[count] = last
      stop = last
      while (stop < end && bytes[stop] !== delimiter) stop++
    } else {
      stop = at
      while (stop < end && bytes[stop] !== delimiter) stop++
      starts[count] = at
      ends[count] = stop
    }
    if (count < MOST_CELLS - 1) count++
    at = stop + 1
  }
  row.count = count
}

export const textAt = ({ bytes, count, starts, ends }: CsvRow, cell: number): string =>
  cell < 0 || cell >= count ? '' : bytes.toString('utf8', starts[cell], ends[cell]).trim()

/** Whether a cell is this text, as far as that can be told without making text of it: never true when it is another. */
export const isText = ({ bytes, count, starts, ends }: CsvRow, cell: number, text: string): boolean => {
  const from = starts[cell] ?? 0
  if (cell < 0 || cell >= count || (ends[cell] ?? 0) - from !== text.length) return false
  for (let at = 0; at < text.length; at++) {
    const sign = text.charCodeAt(at)
    if (sign > 0x7f || bytes[from + at] !== sign) return false
  }
  return true
}

/** A number, NaN where the cell is empty or missing; `bad` when there is something else in it. */
export const numberAt = ({ bytes, count, starts, ends }: CsvRow, cell: number, bad: (cell: number) => void): number => {
  if (cell < 0 || cell >= count) return Number.NaN
  const [from, to] = [starts[cell] ?? 0, ends[cell] ?? 0]
  if (from === to) return Number.NaN
  let at = from
  const isNegative = bytes[at] === 0x2d
  if (isNegative) at++
  let digits = 0
  let value = 0
  let scale = 1
  let isFraction = false
  for (; at < to; at++) {
    const byte = bytes[at] ?? 0
    if (byte >= 0x30 && byte <= 0x39) {
      value = value * 10 + (byte - 0x30)
      if (isFraction) scale *= 10
      digits++
    } else if (byte === 0x2e && !isFraction) isFraction = true
    else break
  }
  if (at === to && digits > 0 && digits <= 15) return (isNegative ? -value : value) / scale
  const text = bytes.toString('latin1', from, to).trim()
  if (text === '') return Number.NaN
  const number = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?$/.test(text) ? Number(text) : Number.NaN
  if (!Number.isFinite(number)) {
    bad(cell)
    return Number.NaN
  }
  return number
}

/** Size and kind of a file, or why it cannot be read. */
const look = (path: string): { readonly size: number; readonly isGzip: boolean; readonly gzipSize: number } | string => {
  let file: number
  try {
    file = openSync(path, 'r')
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
  try {
    const stat = fstatSync(file)
    if (!stat.isFile()) return 'not a file'
    const head = Buffer.alloc(2)
    readSync(file, head, 0, 2, 0)
    const tail = Buffer.alloc(4)
    readSync(file, tail, 0, 4, Math.max(0, stat.size - 4))
    return { size: stat.size, isGzip: head[0] === 0x1f && head[1] === 0x8b, gzipSize: tail.readUInt32LE() }
  } finally {
    closeSync(file)
  }
}

/** Gives every chunk of the decompressed file; an error ends it, what came before it was given. */
const drain = (path: string, isGzip: boolean, onChunk: (chunk: Buffer) => void): Promise<{ bytes: number; error: string | null }> =>
  new Promise((resolve) => {
    let bytes = 0
    const source = createReadStream(path, { highWaterMark: 1 << 18 })
    // With a flush at the end the rows before a cut are not lost with it.
    const stream: Readable = isGzip ? source.pipe(createGunzip({ finishFlush: constants.Z_SYNC_FLUSH, chunkSize: 1 << 18 })) : source
    const end = (error: string | null) => {
      source.destroy()
      resolve({ bytes, error })
    }
    source.on('error', (error) => end(error.message))
    stream.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      onChunk(chunk)
    })
    stream.on('error', (error) => end(error.message))
    stream.on('end', () => end(null))
  })

/** Whether a gzip file ends before its data do. */
const isTruncated = (path: string): Promise<boolean> =>
  new Promise((resolve) => {
    const stream = createReadStream(path).pipe(createGunzip())
    stream.on('error', () => resolve(true))
    stream.on('end', () => resolve(false))
    stream.resume()
  })
