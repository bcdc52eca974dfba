import { isUtf8 } from 'node:buffer'
import { ok, type Result } from '../core/index.ts'
import { fail, type SheetError } from './errors.ts'
import { type ByteSource, chunksOf } from './source.ts'

export const ENCODINGS = ['utf-8', 'gb18030', 'utf-16le', 'utf-16be'] as const
export type Encoding = (typeof ENCODINGS)[number]

/** How a file is written, and how many bytes of its beginning only say so. */
export interface Written {
  readonly encoding: Encoding
  readonly markBytes: number
}

const LINE_FEED = 0x0a
/** Han characters in UTF-8: three bytes, the first E4H to E9H. GBK text that looks so three times on one line by chance is not met. */
const HAN = /(?:[\xe4-\xe9][\x80-\xbf]{2})/g
const HAN_ENOUGH = 3

/**
 * Finds out how a CSV is written: by its byte order mark, else UTF-8 if it is that to its last byte, else GB18030, of which GBK and GB 2312
 * are parts. A NUL byte, or lines of both kinds in one file, have no right reading.
 *
 * @errors SHEET_NUL, SHEET_ENCODING, SHEET_CELL
 * @source GB 18030-2005; RFC 3629
 */
export const encodingOf = (source: ByteSource, longestLine = 4 * 1024 * 1024): Result<Written, SheetError> => {
  const head = source.read(0, 4)
  if (head[0] === 0xef && head[1] === 0xbb && head[2] === 0xbf) return bytewise(source, 3, longestLine)
  if (head[0] === 0xff && head[1] === 0xfe) return ok({ encoding: 'utf-16le', markBytes: 2 })
  if (head[0] === 0xfe && head[1] === 0xff) return ok({ encoding: 'utf-16be', markBytes: 2 })
  return bytewise(source, 0, longestLine)
}

/** The same for an encoding that somebody named: its byte order mark, if there is one, is no text. */
export const writtenIn = (source: ByteSource, encoding: Encoding): Written => {
  const mark = { 'utf-8': [0xef, 0xbb, 0xbf], 'utf-16le': [0xff, 0xfe], 'utf-16be': [0xfe, 0xff], gb18030: [] }[encoding]
  const head = source.read(0, mark.length)
  return { encoding, markBytes: mark.every((byte, at) => head[at] === byte) ? mark.length : 0 }
}

const bytewise = (source: ByteSource, markBytes: number, longestLine: number): Result<Written, SheetError> => {
  let line = 1
  let foreign: { readonly line: number; readonly byte: number; readonly value: number } | null = null
  let chinese: number | null = null
  let hasNul: number | null = null
  const judge = (bytes: Buffer): void => {
    if (isUtf8(bytes)) {
      chinese ??= (bytes.toString('latin1').match(HAN)?.length ?? 0) >= HAN_ENOUGH ? line : null
    } else if (foreign === null) {
      const byte = firstForeign(bytes)
      foreign = { line, byte: byte + 1, value: bytes[byte] ?? 0 }
    }
  }
  /** The line that is not whole yet, in the pieces it came in: put together once, else a line without an end is copied with every piece. */
  let rest: Buffer[] = []
  let restBytes = 0
  for (const chunk of chunksOf(source, markBytes)) {
    if (hasNul === null && chunk.includes(0)) hasNul = line + linesBefore(chunk, chunk.indexOf(0))
    if (hasNul !== null) return fail('SHEET_NUL', `line ${hasNul} has a NUL byte`, { line: hasNul })
    // A piece that ends between two characters is no UTF-8 by itself: only whole lines are judged.
    const end = chunk.lastIndexOf(LINE_FEED)
    if (end < 0) {
      rest.push(Buffer.from(chunk))
      restBytes += chunk.length
      if (restBytes > longestLine) return fail('SHEET_CELL', `line ${line} has more than ${longestLine} bytes`, { line })
      continue
    }
    const whole = Buffer.concat([...rest, chunk.subarray(0, end + 1)])
    if (foreign === null && chinese !== null && isUtf8(whole)) line += linesBefore(whole, whole.length)
    else
      for (const one of linesOf(whole)) {
        judge(one)
        if (one[one.length - 1] === LINE_FEED) line++
      }
    rest = [Buffer.from(chunk.subarray(end + 1))]
    restBytes = chunk.length - end - 1
  }
  if (restBytes > 0) judge(Buffer.concat(rest))
  if (foreign === null) return ok({ encoding: 'utf-8', markBytes })
  const { line: at, byte, value }: { line: number; byte: number; value: number } = foreign
  const shown = `${value.toString(16).toUpperCase()}H`
  if (markBytes > 0)
    return fail('SHEET_ENCODING', `line ${at} byte ${byte} is ${shown}, which is no UTF-8, as the file says it is`, { line: at, byte })
  if (chinese !== null)
    return fail('SHEET_ENCODING', `line ${chinese} is UTF-8 and line ${at} is not (byte ${byte} is ${shown}): two encodings in one file`, {
      line: at,
      byte,
    })
  return ok({ encoding: 'gb18030', markBytes })
}

/** The text of a file in pieces. @errors SHEET_ENCODING with the line and the byte; SHEET_NUL */
export function* textOf(source: ByteSource, { encoding, markBytes }: Written): Generator<Result<string, SheetError>, void> {
  const decoder = new TextDecoder(encoding, { fatal: true, ignoreBOM: true })
  let line = 1
  let since = 0
  for (const chunk of chunksOf(source, markBytes)) {
    let text: string
    try {
      text = decoder.decode(chunk, { stream: true })
    } catch {
      return yield fail('SHEET_ENCODING', `line ${placeOfBad(chunk, encoding, line, since)}, which is no ${encoding.toUpperCase()}`)
    }
    const nul = text.indexOf('\0')
    if (nul >= 0) return yield fail('SHEET_NUL', `line ${line + newLines(text.slice(0, nul))} has a NUL byte`)
    const added = newLines(text)
    line += added
    since = added > 0 ? chunk.length - chunk.lastIndexOf(LINE_FEED) - 1 : since + chunk.length
    if (text !== '') yield ok(text)
  }
  try {
    const end = decoder.decode()
    if (end !== '') yield ok(end)
  } catch {
    yield fail('SHEET_ENCODING', `line ${line} ends within a character: the file is cut, or it is no ${encoding.toUpperCase()}`)
  }
}

/** Line and byte of the first byte of a piece that cannot be decoded: found by halves, as the decoder does not say. */
const placeOfBad = (chunk: Buffer, encoding: Encoding, line: number, since: number): string => {
  const isGood = (length: number): boolean => {
    try {
      new TextDecoder(encoding, { fatal: true }).decode(chunk.subarray(0, length), { stream: true })
      return true
    } catch {
      return false
    }
  }
  let good = 0
  for (let bad = chunk.length; bad - good > 1; ) {
    const middle = (good + bad) >> 1
    if (isGood(middle)) good = middle
    else bad = middle
  }
  const before = linesBefore(chunk, good)
  const byte = before > 0 ? good - chunk.lastIndexOf(LINE_FEED, good - 1) : since + good + 1
  return `${line + before} byte ${byte} is ${(chunk[good] ?? 0).toString(16).toUpperCase().padStart(2, '0')}H`
}

function* linesOf(bytes: Buffer): Generator<Buffer, void> {
  for (let from = 0; from < bytes.length; ) {
    const end = bytes.indexOf(LINE_FEED, from)
    const to = end < 0 ? bytes.length : end + 1
    yield bytes.subarray(from, to)
    from = to
  }
}

const linesBefore = (bytes: Buffer, end: number): number => {
  let count = 0
  for (let at = bytes.indexOf(LINE_FEED); at >= 0 && at < end; at = bytes.indexOf(LINE_FEED, at + 1)) count++
  return count
}

const newLines = (text: string): number => {
  let count = 0
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) count++
  return count
}

/** Index of the first byte that is no part of a whole UTF-8 character. */
const firstForeign = (bytes: Buffer): number => {
  let good = 0
  for (let bad = bytes.length; bad - good > 1; ) {
    const middle = (good + bad) >> 1
    // Cut back to where a character begins, else a good one is taken for a bad one.
    let cut = middle
    while (cut > good && ((bytes[cut] ?? 0) & 0xc0) === 0x80) cut--
    if (cut === good || isUtf8(bytes.subarray(good, cut))) good = cut === good ? middle : cut
    else bad = cut
  }
  return good
}
