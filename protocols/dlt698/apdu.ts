import {
  actionItem,
  actionResult,
  actResults,
  acts,
  getRequest,
  getResponse,
  proxyRequest,
  proxyResponse,
  reportNotification,
  reportResponse,
  setItem,
  setResult,
} from './apdu-exchange.ts'
import { connectRequest, connectResponse, linkRequest, linkResponse } from './apdu-link.ts'
import { dar, type Leaves, named, numbered, octets, piid, piidAcd, serverTail, timeTag } from './apdu-parts.ts'
import { type Apdu, SERVICES } from './apdu-types.ts'
import { type Cursor, cursorOf, hexText, left, lengthField, type Note, note, stop, take, u8 } from './cursor.ts'
import { readSid } from './data.ts'
import type { Dlt698Error } from './errors.ts'
import { readDateTimeS } from './time.ts'

/** Plain text is an APDU of its own; cipher text and MACs need the keys of an ESAM and stay as they came. */
const inner = (c: Cursor, isPlain: boolean): Leaves => {
  const size = lengthField(c)
  const from = c.at
  const bytes = take(c, size)
  c.at = from
  const hex = named(c, isPlain ? 'plain text' : 'cipher text', () => hexText(c, size, ' '))
  if (!isPlain || bytes.length === 0 || c.depth > 8) return { inner_hex: hex }
  const parsed = parseApdu(bytes, c.depth + 8)
  return { inner_hex: hex, ...(parsed.ok ? { inner: parsed.apdu } : { inner_error: parsed.error.message }) }
}

const sidLeaves = (c: Cursor): Leaves => ({ sid: readSid(c) })

const securityRequest = (c: Cursor): Leaves => {
  const kind = u8(c)
  if (kind > 1) stop(c, 'DLT698_APDU', `${kind} is no kind of text: 0 plain, 1 cipher`, c.at - 1)
  const head = { plain: kind === 0, kind: kind === 0 ? 'plain' : 'cipher', ...inner(c, kind === 0) }
  if (left(c) === 0) return { ...head, verify: null }
  const verify = u8(c)
  switch (verify) {
    case 0:
      return { ...head, verify: 'sid-mac', ...sidLeaves(c), mac: octets(c, 'MAC') }
    case 1:
      return { ...head, verify: 'random', random: octets(c, 'random') }
    case 2:
      return { ...head, verify: 'random-mac', random: octets(c, 'random'), mac: octets(c, 'MAC') }
    case 3:
      return { ...head, verify: 'sid', ...sidLeaves(c) }
    default:
      stop(c, 'DLT698_APDU', `${verify} is no way to verify: 0 to 3`, c.at - 1)
      return head
  }
}

const securityResponse = (c: Cursor): Leaves => {
  const kind = u8(c)
  if (kind > 2) stop(c, 'DLT698_APDU', `${kind} is no kind of answer: 0 plain, 1 cipher, 2 DAR`, c.at - 1)
  const name = (['plain', 'cipher', 'dar'] as const)[kind] ?? 'plain'
  const head = { plain: kind === 0, kind: name, ...(kind === 2 ? dar(c) : inner(c, kind === 0)) }
  if (left(c) === 0 || u8(c) === 0) return { ...head, mac: null }
  const verify = u8(c)
  if (verify !== 0) stop(c, 'DLT698_APDU', `${verify} is no way to verify an answer: 0 MAC`, c.at - 1)
  return { ...head, verify: 'mac', mac: octets(c, 'MAC') }
}

const errorService = (c: Cursor): Leaves => {
  const head = piid(c)
  const type = numbered(c, 'error', u8)
  return { ...head, type: (['', 'APDU cannot be read', 'service not supported'] as const)[type] || 'other', error: type, ...timeTag(c) }
}

const READERS: Readonly<Record<number, (c: Cursor) => Leaves>> = {
  1: linkRequest,
  129: linkResponse,
  2: connectRequest,
  130: connectResponse,
  3: (c) => ({ ...piid(c), ...timeTag(c) }),
  131: (c) => ({ ...piidAcd(c), result: numbered(c, 'result', u8), ...serverTail(c) }),
  132: (c) => ({
    ...piidAcd(c),
    connect_time: named(c, 'connected', (at) => readDateTimeS(at) ?? ''),
    server_time: named(c, 'server time', (at) => readDateTimeS(at) ?? ''),
    ...serverTail(c),
  }),
  5: getRequest,
  133: getResponse,
  6: acts(setItem, 'sets'),
  134: actResults(setResult),
  7: acts(actionItem, 'actions'),
  135: actResults(actionResult),
  8: reportResponse,
  136: reportNotification,
  9: proxyRequest,
  137: proxyResponse,
  16: securityRequest,
  144: securityResponse,
  110: errorService,
  238: errorService,
}

export type Parsed =
  | { readonly ok: true; readonly apdu: Apdu; readonly notes: readonly Note[] }
  | { readonly ok: false; readonly error: Dlt698Error; readonly service: string | null; readonly notes: readonly Note[] }

const attempt = (bytes: Uint8Array, depth: number, isFlat: boolean, notes: boolean): Parsed => {
  const c = cursorOf(bytes, { isFlat, notes })
  c.depth = depth
  const tag = u8(c)
  const service = SERVICES[tag]?.service ?? null
  note(c, 0, 'service', service ?? 'unknown')
  const reader = READERS[tag]
  if (reader === undefined && service === null)
    stop(c, 'DLT698_SERVICE', `${tag.toString(16).toUpperCase().padStart(2, '0')}H is no service`, 0)
  const leaves: Leaves = c.error !== null ? {} : reader ? reader(c) : { raw: hexText(c, left(c), ' ') }
  if (c.error === null && c.at < c.end) stop(c, 'DLT698_APDU', `${c.end - c.at} bytes behind the end of the APDU`)
  if (c.error !== null) return { ok: false, error: c.error, service, notes: c.notes ?? [] }
  return { ok: true, apdu: { tag, service: service ?? '', ...leaves }, notes: c.notes ?? [] }
}

/** Whether rows may have been meant the other way: a ROAD stands somewhere in it. */
const ROAD_TAGS: ReadonlySet<number> = new Set([133, 136, 137, 144])

/**
 * Takes an APDU apart. A ROAD column of a row is one value (an array) or one value for each of its attributes, as the device likes: what does
 * not come out even in the first way is tried in the second.
 *
 * @param depth  values within values so far, for an APDU within an APDU
 */
export const parseApdu = (bytes: Uint8Array, depth = 0, notes = false): Parsed => {
  const parsed = attempt(bytes, depth, false, notes)
  if (parsed.ok || !ROAD_TAGS.has(bytes[0] ?? 0) || depth > 8) return parsed
  const flat = attempt(bytes, depth, true, notes)
  return flat.ok ? flat : parsed
}
