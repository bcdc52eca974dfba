/**
 * CRC-16/MODBUS over `bytes[from, to)`: polynomial 0xA001 reflected, start 0xFFFF. It is sent low byte first.
 *
 * @source MODBUS over Serial Line V1.02, 6.2.2 CRC generation
 */
export const crc16 = (bytes: Uint8Array, from: number, to: number): number => {
  let crc = 0xffff
  for (let at = from; at < to; at++) crc = (crc >> 8) ^ TABLE[(crc ^ bytes[at]!) & 0xff]!
  return crc
}

const TABLE = Uint16Array.from({ length: 256 }, (_, index) => {
  let crc = index
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >> 1) ^ 0xa001 : crc >> 1
  return crc
})

/**
 * Longitudinal check of an ASCII frame: two's complement of the sum of the bytes before it.
 *
 * @source MODBUS over Serial Line V1.02, 6.2.1 LRC generation
 */
export const lrc8 = (bytes: Uint8Array, from: number, to: number): number => {
  let sum = 0
  for (let at = from; at < to; at++) sum += bytes[at]!
  return -sum & 0xff
}
