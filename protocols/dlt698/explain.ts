import type { ExplainedError, ExplainedField } from '../../src/core/explained.ts'
import { bytesOf, hexOf } from '../../src/core/hex.ts'
import { parseApdu } from './apdu.ts'
import { type Apdu, type RecordItem, type ResultItem, SERVICES } from './apdu-types.ts'
import { crcOf } from './crc.ts'
import type { Note } from './cursor.ts'
import { type Dlt698Error, errorOf } from './errors.ts'
import { CONTROL, decodeFrame, type Frame, readHeader, START, WAKE_UP } from './frame.ts'
import { objectOf, type Scaled, scaledOf } from './objects.ts'

/**
 * A frame explained field by field, or where it breaks and what to do. The other members are named as in the vector files.
 * In `hex` scrambled application data stand without the 33H.
 */
export interface Explanation {
  readonly [leaf: string]: unknown
  readonly protocol: 'dlt698'
  readonly fields: readonly ExplainedField[]
  readonly error?: ExplainedError
}

const hexByte = (value: number): string => value.toString(16).toUpperCase().padStart(2, '0')
const word = (low: number, high: number): string => `0x${hexByte(high)}${hexByte(low)}`

/** Sequence of the decimals as JSON has them: integers beyond 2^53 become the nearest number. */
const plain = (value: unknown): unknown => {
  if (typeof value === 'bigint') return Number(value)
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, plain(one)]))
}

const scaledResults = (results: readonly ResultItem[]): Scaled[] =>
  results.flatMap(({ oad, data, results: more, get }) => [
    ...(oad !== undefined && data !== undefined ? [scaledOf(oad, data)].filter((one) => one !== null) : []),
    ...(more ? scaledResults(more) : []),
    ...(get ? scaledResults([get]) : []),
  ])

const scaledRows = ({ columns, rows = [] }: RecordItem): Scaled[] =>
  rows.flatMap((row) => {
    const oads = columns.flatMap((column) => ('road' in column ? column.road.columns : [column.oad]))
    const isFlat = row.length === oads.length
    const cells = isFlat
      ? row
      : columns.flatMap((column, at) => {
          const cell = row[at]
          if (!('road' in column) || !cell) return cell ? [cell] : []
          return cell.t === 'array' || cell.t === 'structure' ? cell.v : [cell]
        })
    return cells.flatMap((cell, at) => {
      const oad = oads[at]
      const scaled = oad === undefined ? null : scaledOf(oad, cell)
      return scaled ? [scaled] : []
    })
  })

/** Every value of an answer or report in its unit, in the order in which they stand. */
const scaledLeaves = (apdu: Apdu): { readonly scaled?: readonly Scaled[] } => {
  if (apdu.inner) return scaledLeaves(apdu.inner)
  if (SERVICES[apdu.tag]?.side !== 'server') return {}
  const scaled = [
    ...scaledResults(apdu.results ?? []),
    ...[...(apdu.record ? [apdu.record] : []), ...(apdu.records ?? [])].flatMap(scaledRows),
  ]
  return scaled.length > 0 ? { scaled } : {}
}

/** What is well formed but breaks a rule. */
const anomalyOf = (frame: Frame, apdu: Apdu | null): string | null => {
  const { sa, control } = frame
  if (sa.type === 'single' && /^(AA)+$/.test(sa.address))
    return `address bytes are all AA but the SA byte says single (${hexByte(sa.length - 1)}H); the wildcard type is ${hexByte(0x40 | (sa.length - 1))}H`
  if (!apdu) return null
  const side = SERVICES[apdu.tag]?.side
  const isServer = (control & CONTROL.dir) !== 0
  if (side === 'client' && isServer)
    return control & CONTROL.prm ? 'direction bit says server though the APDU is a request' : 'client APDU in a server-initiated frame'
  if (side === 'server' && !isServer)
    return `direction bit says client though the APDU is a ${apdu.service.endsWith('-Request') ? 'request' : apdu.service.endsWith('-Notification') ? 'notification' : 'response'}`
  return null
}

const headLeaves = (bytes: Uint8Array, start: number, size: number, bodyAt: number, frame: Frame) => ({
  length: size - 2,
  control: `0x${hexByte(frame.control)}`,
  dir: frame.control >> 7,
  prm: (frame.control >> 6) & 1,
  fragment: (frame.control >> 5) & 1,
  scramble: (frame.control >> 3) & 1,
  function: frame.control & CONTROL.function,
  sa: { type: frame.sa.type, logic_address: frame.sa.logical, length: frame.sa.length, address: frame.sa.address },
  ca: frame.ca,
  hcs: word(bytes[start + bodyAt - 2]!, bytes[start + bodyAt - 1]!),
  fcs: word(bytes[start + size - 3]!, bytes[start + size - 2]!),
})

const broken = (bytes: Uint8Array, start: number, error: Dlt698Error): ExplainedError => {
  const at = typeof error.context.at === 'number' ? error.context.at : 0
  const byte = bytes[start + at]
  return { code: error.code, message: error.message, hint: error.hint, offset: start + at, byte: byte === undefined ? null : hexByte(byte) }
}

const controlMeaning = ({ control }: Frame): string =>
  [
    control & CONTROL.dir ? 'from server' : 'from client',
    control & CONTROL.prm ? 'client began' : 'server began',
    control & CONTROL.fragment ? 'fragment' : '',
    control & CONTROL.scramble ? 'scrambled' : '',
    (control & CONTROL.function) === 1 ? 'link management' : (control & CONTROL.function) === 3 ? 'user data' : `function ${control & 7}`,
  ]
    .filter(Boolean)
    .join(', ')

/** Adds the name of an object to its number. */
const noteMeaning = ({ name, meaning }: Note): string => {
  const object = /^(OAD|column)$/.test(name) ? objectOf(meaning) : null
  return object ? `${meaning} ${object.en}` : meaning
}

/** Explains the bytes of one frame, wake-up bytes included. Never throws. */
export const explainBytes = (bytes: Uint8Array, options: { readonly passwords?: boolean } = {}): Explanation => {
  let start = 0
  while (bytes[start] === WAKE_UP) start++
  const field = (offset: number, length: number, name: string, meaning: string, hex?: string): ExplainedField => ({
    offset,
    length,
    hex: hex ?? hexOf(bytes.subarray(offset, offset + length)),
    name,
    meaning,
  })
  const wakeUp = start > 0 ? [field(0, start, 'wake-up bytes', `${start} times FEH`)] : []
  const decoded = bytes.length === start ? null : decodeFrame(bytes, start)
  const header = decoded?.ok ? readHeader(bytes, start, bytes.length) : null
  if (!decoded?.ok || !header?.ok) {
    const error = decoded && !decoded.ok ? decoded.error : errorOf('DLT698_TRUNCATED', 'no bytes of a frame', { at: 0 })
    const rest = bytes.length > start ? [field(start, bytes.length - start, 'bytes', 'no whole frame')] : []
    return { protocol: 'dlt698', preamble_fe: start, fields: [...wakeUp, ...rest], error: broken(bytes, start, error) }
  }
  const frame = decoded.value
  const { bodyAt, end, caAt } = header.value
  const apduAt = start + bodyAt + (frame.fragment ? 2 : 0)
  // A block of a message is no APDU: only all of them together are.
  const parsed = frame.fragment ? null : parseApdu(frame.apdu, 0, true)
  const apdu = parsed?.ok ? parsed.apdu : null
  const notes = (parsed?.notes ?? []).map((note) =>
    field(
      apduAt + note.at,
      note.to - note.at,
      note.name,
      noteMeaning(note),
      note.isSecret && !options.passwords ? '**' : hexOf(frame.apdu.subarray(note.at, note.to)),
    ),
  )
  const body = frame.fragment
    ? [
        field(start + bodyAt, 2, 'fragment header', `block ${frame.fragment.index}, ${frame.fragment.kind}`),
        // A password of the archive may lie across two blocks: nobody sees one but who asked for secrets.
        ...(frame.apdu.length > 0
          ? [field(apduAt, frame.apdu.length, 'fragment', 'part of an APDU', options.passwords ? hexOf(frame.apdu) : '**')]
          : []),
      ]
    : notes
  const size = end
  const fields = [
    ...wakeUp,
    field(start, 1, 'start', '68H'),
    field(start + 1, 2, 'length', `${size - 2} bytes without the delimiters, low byte first`),
    field(start + 3, 1, 'control', controlMeaning(frame)),
    field(start + 4, 1, 'server address byte', `${frame.sa.type}, logical address ${frame.sa.logical}, ${frame.sa.length} bytes`),
    field(start + 5, caAt - 5, 'server address', `${frame.sa.address}, low byte first`),
    field(start + caAt, 1, 'client address', String(frame.ca)),
    field(start + caAt + 1, 2, 'header check', 'CRC-16/X-25 from the length on, low byte first'),
    ...body,
    field(start + size - 3, 2, 'frame check', 'CRC-16/X-25 from the length on, header check included'),
    field(start + size - 1, 1, 'end', '16H'),
    ...(bytes.length > start + size ? [field(start + size, bytes.length - start - size, 'bytes behind the frame', 'not part of it')] : []),
  ]
  const head = headLeaves(bytes, start, size, bodyAt, frame)
  const anomaly = anomalyOf(frame, apdu)
  const hasSecret = notes.some(({ hex }) => hex === '**')
  const leaves = frame.fragment
    ? { fragment_header: frame.fragment, ...(options.passwords ? { fragment_hex: hexOf(frame.apdu) } : {}) }
    : {
        ...(hasSecret ? {} : { apdu_hex: hexOf(frame.apdu) }),
        ...(apdu && !hasSecret ? { apdu: plain(apdu), ...scaledLeaves(apdu) } : {}),
        ...(apdu && hasSecret ? { apdu: { tag: apdu.tag, service: apdu.service } } : {}),
      }
  const error = parsed && !parsed.ok ? { error: broken(bytes, apduAt, parsed.error) } : {}
  return { protocol: 'dlt698', preamble_fe: start, ...head, ...leaves, ...(anomaly ? { anomaly } : {}), fields, ...error }
}

/** Explains hexadecimal text; text that is none is an error too. */
export const explain = (hex: string, options: { readonly passwords?: boolean } = {}): Explanation => {
  const bytes = bytesOf(hex)
  if (bytes) return explainBytes(bytes, options)
  const { code, message, hint } = errorOf('DLT698_DELIMITER', 'not hexadecimal text: an odd number of digits, or a character that is none')
  return { protocol: 'dlt698', fields: [], error: { code, message, hint, offset: 0, byte: null } }
}

/** A frame as anybody may see it: secrets are zero, and the frame check, which could give them away, fits the zeros. */
export const cleanBytes = (
  bytes: Uint8Array,
): { readonly bytes: Uint8Array; readonly hidden: readonly { readonly at: number; readonly size: number }[] } => {
  const { fields, error } = explainBytes(bytes)
  const secrets = fields.filter(({ hex }) => hex === '**')
  const check = fields.find(({ name }) => name === 'frame check')
  const start = fields.find(({ name }) => name === 'start')
  if (secrets.length === 0 || !check || !start) {
    const from = error ? secretFrom(bytes) : bytes.length
    const clean = bytes.slice()
    clean.fill(0, from)
    return { bytes: from < bytes.length ? clean : bytes, hidden: from < bytes.length ? [{ at: from, size: bytes.length - from }] : [] }
  }
  const clean = bytes.slice()
  for (const { offset, length } of secrets) clean.fill(0, offset, offset + length)
  const crc = crcOf(clean, start.offset + 1, check.offset)
  clean[check.offset] = crc & 0xff
  clean[check.offset + 1] = crc >> 8
  return { bytes: clean, hidden: [...secrets, check].map(({ offset, length }) => ({ at: offset, size: length })) }
}

/** Where a secret may lie in bytes that are no whole frame: behind the first header. The length when there is none. */
export const secretFrom = (bytes: Uint8Array): number => {
  for (let at = 0; at < bytes.length; at++) {
    if (bytes[at] !== START) continue
    const header = readHeader(bytes, at, bytes.length)
    if (header.ok) return Math.min(bytes.length, at + header.value.bodyAt)
  }
  return bytes.length
}

const subject = (apdu: Apdu): string => {
  if (apdu.inner) return `${subject(apdu.inner)} (secured)`
  const oads = apdu.oads ?? (apdu.results ?? []).map(({ oad, omd, tsa }) => oad ?? omd ?? tsa ?? '')
  const records = [...(apdu.record ? [apdu.record] : []), ...(apdu.records ?? [])]
  const tables = records.map(({ oad, rows, dar_name: dar }) => `${oad}${rows ? ` ${rows.length} rows` : dar ? ` ${dar}` : ''}`)
  const refused = (apdu.results ?? []).flatMap(({ dar, dar_name: name }) => (dar ? [String(name)] : []))
  const [first] = oads
  const name = first ? objectOf(first)?.en : undefined
  const rest = [
    ...oads.slice(0, 4),
    ...(oads.length > 4 ? [`and ${oads.length - 4} more`] : []),
    ...(name ? [name] : []),
    ...tables,
    ...refused,
  ]
  return [apdu.service, apdu.choice ?? apdu.type ?? '', ...rest].filter(Boolean).join(' ')
}

/** One line about a frame, for traces; it shows no values, so no secrets either. */
export const describe = (bytes: Uint8Array, direction: 'tx' | 'rx'): string => {
  const arrow = direction === 'tx' ? '→' : '←'
  let start = 0
  while (bytes[start] === WAKE_UP) start++
  const decoded = decodeFrame(bytes, start)
  if (!decoded.ok) return `${arrow} ${bytes.length} bytes, ${decoded.error.message}`
  const { sa, fragment, apdu } = decoded.value
  if (fragment) return `${arrow} ${sa.address} block ${fragment.index}, ${fragment.kind}, ${apdu.length} bytes`
  const parsed = parseApdu(apdu)
  return `${arrow} ${sa.address} ${parsed.ok ? subject(parsed.apdu) : parsed.error.message}`
}
