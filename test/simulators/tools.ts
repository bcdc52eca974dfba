import { type ChildProcess, spawn } from 'node:child_process'
import { connect, type Socket } from 'node:net'

/** A raw socket that collects what comes. */
export interface Raw {
  readonly socket: Socket
  /**
   * Sends, then waits until `enough` bytes are there, or what is there is enough; nothing for `quietMs` ends it as well.
   * Where silence is expected `quietMs` is short, elsewhere long, so that a busy machine changes nothing.
   */
  ask(bytes: Uint8Array, enough: number | ((held: Buffer) => boolean), quietMs?: number): Promise<Buffer>
  close(): void
}

export const openRaw = (port: number): Promise<Raw> =>
  new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    socket.once('error', reject)
    socket.once('connect', () => {
      socket.off('error', reject)
      socket.on('error', () => {})
      resolve({
        socket,
        ask: (bytes, enough, quietMs = 3000) =>
          new Promise((done) => {
            let held: Buffer = Buffer.alloc(0)
            const finish = (): void => {
              clearTimeout(timer)
              socket.off('data', take)
              done(held)
            }
            let timer = setTimeout(finish, quietMs)
            const take = (part: Buffer): void => {
              held = Buffer.concat([held, part])
              clearTimeout(timer)
              if (typeof enough === 'number' ? held.length >= enough : enough(held)) finish()
              else timer = setTimeout(finish, quietMs)
            }
            socket.on('data', take)
            socket.write(bytes)
          }),
        close: () => socket.destroy(),
      })
    })
  })

export const hexBytes = (text: string): Buffer => Buffer.from(text.replace(/\s/g, ''), 'hex')
export const hexText = (bytes: Uint8Array): string =>
  Buffer.from(bytes)
    .toString('hex')
    .toUpperCase()
    .replace(/(..)(?=.)/g, '$1 ')

/** Runs a foreign program and gives what it printed. */
export const run = (
  command: string,
  args: readonly string[],
  input = '',
): Promise<{ readonly code: number | null; readonly out: string }> =>
  new Promise((resolve, reject) => {
    const child: ChildProcess = spawn(command, [...args], { stdio: ['pipe', 'pipe', 'pipe'] })
    let out = ''
    child.stdout?.on('data', (bytes: Buffer) => {
      out += bytes.toString()
    })
    child.stderr?.on('data', (bytes: Buffer) => {
      out += bytes.toString()
    })
    child.once('error', reject)
    child.once('close', (code) => resolve({ code, out }))
    child.stdin?.end(input)
  })

/** CRC-16/MODBUS by the book, for frames the test writes by hand. */
export const crc = (bytes: Uint8Array): Buffer => {
  let value = 0xffff
  for (const byte of bytes) {
    value ^= byte
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >> 1) ^ 0xa001 : value >> 1
  }
  return Buffer.from([value & 0xff, value >> 8])
}

export const rtu = (...bytes: readonly number[]): Buffer => Buffer.concat([Buffer.from(bytes), crc(Uint8Array.from(bytes))])

/** A clock that stands still until it is moved. */
export const handClock = (start: number): { now(): number; monotonic(): number; speed: number; to(at: number): void } => {
  let at = start
  return { now: () => at, monotonic: () => performance.now(), speed: 1, to: (wanted) => (at = wanted) }
}

/** A DL/T 645 answer taken apart by hand: FE dropped, checksum summed, 33H off. Throws when it is no frame. */
export const takeApart = (
  bytes: Uint8Array,
): { readonly address: string; readonly control: number; readonly data: number[]; readonly rest: Buffer } => {
  const all = Buffer.from(bytes)
  let start = 0
  while (all[start] === 0xfe) start++
  const frame = all.subarray(start)
  const length = frame[9] ?? 255
  const end = 10 + length
  if (frame[0] !== 0x68 || frame[7] !== 0x68 || frame[end + 1] !== 0x16) throw new Error(`no frame: ${hexText(all)}`)
  let sum = 0
  for (const byte of frame.subarray(0, end)) sum = (sum + byte) & 0xff
  if (sum !== frame[end]) throw new Error(`sum ${sum}, not ${frame[end]}: ${hexText(all)}`)
  return {
    address: Buffer.from(frame.subarray(1, 7)).reverse().toString('hex').toUpperCase(),
    control: frame[8]!,
    data: [...frame.subarray(10, end)].map((byte) => (byte - 0x33) & 0xff),
    rest: frame.subarray(end + 2),
  }
}

/** Whether a whole DL/T 645 answer has come. */
export const whole = (bytes: Buffer): boolean => {
  try {
    takeApart(bytes)
    return true
  } catch {
    return false
  }
}
/** For requests nobody answers: a short wait, whatever comes. */
export const SILENCE = [Infinity, 60] as const

/** A DL/T 645 request written by hand. */
export const request645 = (address: string, control: number, data: readonly number[]): Buffer => {
  const body = [0x68, ...Buffer.from(address, 'hex').reverse(), 0x68, control, data.length, ...data.map((byte) => (byte + 0x33) & 0xff)]
  return Buffer.from([...body, body.reduce((sum, byte) => sum + byte, 0) & 0xff, 0x16])
}

/** Identifier as typed, in wire order. */
export const di = (text: string): number[] => [...Buffer.from(text, 'hex').reverse()]
/** Digits of BCD bytes, lowest pair first. */
export const digits = (bytes: readonly number[]): string => Buffer.from([...bytes].reverse()).toString('hex')
