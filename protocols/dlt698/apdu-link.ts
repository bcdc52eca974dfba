import { dateTime, hexField, type Leaves, named, numbered, octets, piid, piidAcd, serverTail, timeTag } from './apdu-parts.ts'
import { type Cursor, lengthField, note, noteSecret, stop, take, u8, u16, u32 } from './cursor.ts'

export const linkRequest = (c: Cursor): Leaves => {
  const head = piidAcd(c)
  const from = c.at
  const number = u8(c)
  const type = (['login', 'heartbeat', 'logout'] as const)[number] ?? `type ${number}`
  note(c, from, 'type', type)
  return { ...head, type, heartbeat_s: numbered(c, 'heartbeat', u16, ' s'), request_time: dateTime(c, 'request time') }
}

export const linkResponse = (c: Cursor): Leaves => {
  const head = piid(c)
  const from = c.at
  const flags = u8(c)
  note(c, from, 'result', `${flags & 7}${flags & 0x80 ? ', clock trusted' : ''}`)
  return {
    ...head,
    clock_trusted: (flags & 0x80) !== 0,
    result: flags & 7,
    request_time: dateTime(c, 'request time'),
    receive_time: dateTime(c, 'receive time'),
    response_time: dateTime(c, 'response time'),
  }
}

const sizes = (c: Cursor): Leaves => ({
  version: numbered(c, 'version', u16),
  protocol_conformance: hexField(c, 'protocol conformance', 8),
  function_conformance: hexField(c, 'function conformance', 16),
  send_size: numbered(c, 'largest frame sent', u16),
  recv_size: numbered(c, 'largest frame received', u16),
  window: numbered(c, 'window', u8),
  max_apdu: numbered(c, 'largest APDU', u16),
  timeout: numbered(c, 'timeout', u32, ' s'),
})

const mechanism = (c: Cursor): Leaves => {
  const number = numbered(c, 'mechanism', u8)
  if (number === 0) return { mechanism: number }
  if (number === 1) {
    const from = c.at
    const size = lengthField(c)
    const password = ascii(c, size)
    noteSecret(c, from, size)
    return { mechanism: number, password }
  }
  if (number > 3) stop(c, 'DLT698_APDU', `${number} is no mechanism: 0 public, 1 password, 2 symmetric, 3 signature`, c.at - 1)
  return { mechanism: number, cipher1: octets(c, 'cipher 1'), signature1: octets(c, 'signature 1') }
}

export const connectRequest = (c: Cursor): Leaves => ({ ...piid(c), ...sizes(c), ...mechanism(c), ...timeTag(c) })

const ascii = (c: Cursor, size: number): string =>
  Array.from(take(c, size), (byte) =>
    byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, '0')}`,
  ).join('')

const characters = (c: Cursor, name: string, size: number): string => named(c, name, () => ascii(c, size))

export const connectResponse = (c: Cursor): Leaves => {
  const head = {
    ...piidAcd(c),
    factory_version: {
      manufacturer: characters(c, 'manufacturer', 4),
      software_version: characters(c, 'software version', 4),
      software_date: characters(c, 'software date', 6),
      hardware_version: characters(c, 'hardware version', 4),
      hardware_date: characters(c, 'hardware date', 6),
      extension: characters(c, 'extension', 8),
    },
    ...sizes(c),
    result: numbered(c, 'result', u8),
  }
  const secured = u8(c)
  if (secured > 1) stop(c, 'DLT698_APDU', `${secured} is no mark of security data: 0 absent, 1 present`, c.at - 1)
  const security = secured === 1 ? { random: octets(c, 'random'), signature: octets(c, 'signature') } : null
  return { ...head, security_data: security, ...serverTail(c) }
}
