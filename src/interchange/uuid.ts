import { createHash } from 'node:crypto'

/** The space in which this house names things; chosen once, for ever. */
const HOUSE = Buffer.from('6d1f3f0e4c0a5e7f9a7b2f8c51d0b3a4', 'hex')

/**
 * A name that is always the same for the same thing: version 5 of UUID. The parts are kept apart by their lengths, so that no two lists of
 * parts have one name. Two gateways of one utility that know the same metering point give it the same name.
 *
 * @source RFC 9562 5.5
 */
export const stableId = (...parts: readonly string[]): string => {
  const bytes = createHash('sha1').update(HOUSE).update(JSON.stringify(parts)).digest().subarray(0, 16)
  bytes[6] = (bytes[6]! & 0x0f) | 0x50
  bytes[8] = (bytes[8]! & 0x3f) | 0x80
  const hex = bytes.toString('hex')
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
}
