/** CRC-16/X-25: start FFFF, reflected polynomial 8408, final exclusive-or FFFF. @source DL/T 698.45-2017 Annex, FCS of RFC 1171 */
const TABLE = Uint16Array.from({ length: 256 }, (_, byte) => {
  let rest = byte
  for (let bit = 0; bit < 8; bit++) rest = rest & 1 ? (rest >> 1) ^ 0x8408 : rest >> 1
  return rest
})

/** Check of the bytes from `from` up to but not including `to`; "123456789" gives 906EH. The wire carries the low byte first. */
export const crcOf = (bytes: Uint8Array, from: number, to: number): number => {
  let crc = 0xffff
  for (let at = from; at < to; at++) crc = TABLE[(crc ^ bytes[at]!) & 0xff]! ^ (crc >> 8)
  return crc ^ 0xffff
}
