/** Words of terminals by hand, so that no codec of ours is on both sides of the measurement. */

const sum = (bytes: Uint8Array, from: number, to: number): number => {
  let total = 0
  for (let at = from; at < to; at++) total += bytes[at] ?? 0
  return total & 0xff
}

/**
 * Q/GDW 376.1, AFN 02: F1 login, F3 heartbeat of terminal 4510-`number`.
 *
 * @source 68 32 00 32 00 68 C9 A1 A1 A2 A2 00 02 7n 00 00 DT DT CS 16
 */
export const gw3761Word = (kind: 'login' | 'heartbeat', number: number, sequence: number): Uint8Array => {
  const frame = Uint8Array.of(
    0x68,
    0x32,
    0,
    0x32,
    0,
    0x68,
    0xc9,
    0x10,
    0x45,
    number & 0xff,
    number >> 8,
    0,
    2,
    0x70 | (sequence & 15),
    0,
    0,
    kind === 'login' ? 1 : 4,
    0,
    0,
    0x16,
  )
  frame[18] = sum(frame, 6, 18)
  return frame
}

/** CRC-16/X-25: "123456789" gives 906E. */
const crc = (bytes: Uint8Array, from: number, to: number): number => {
  let value = 0xffff
  for (let at = from; at < to; at++) {
    value ^= bytes[at] ?? 0
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >> 1) ^ 0x8408 : value >> 1
  }
  return value ^ 0xffff
}

/** DL/T 698.45, LINK-Request: type 0 login, 1 heartbeat of terminal 4510 and eight digits; its period is 300 s. */
export const dlt698Word = (kind: 'login' | 'heartbeat', number: number, sequence: number): Uint8Array => {
  const digits = `4510${String(number).padStart(8, '0')}`
  const address =
    digits
      .match(/../g)
      ?.map((pair) => Number.parseInt(pair, 16))
      .reverse() ?? []
  const time = [0x07, 0xea, 11, 21, 6, 10, 0, 0, 0, 0]
  const apdu = [1, sequence & 0x3f, kind === 'login' ? 0 : 1, 1, 0x2c, ...time]
  const head = [0x68, 0, 0, 0x81, 5, ...address, 0]
  const frame = Uint8Array.from([...head, 0, 0, ...apdu, 0, 0, 0x16])
  const length = frame.length - 2
  frame[1] = length & 0xff
  frame[2] = length >> 8
  const hcs = crc(frame, 1, head.length)
  frame.set([hcs & 0xff, hcs >> 8], head.length)
  const fcs = crc(frame, 1, frame.length - 3)
  frame.set([fcs & 0xff, fcs >> 8], frame.length - 3)
  return frame
}
