import { connect, type Socket } from 'node:net'

/**
 * A Q/GDW 376.1 terminal made by hand from the fact sheet and captured frames (test/vectors/q376-1.json); it shares no line with the
 * gateway's codec. It answers what a test told it to and writes down what it was asked.
 */
export interface HandTerminal {
  /** Requests as they came, taken apart. */
  readonly asked: readonly Asked[]
  /** Frames of any kind from the gateway. */
  readonly heard: readonly Asked[]
  readonly isConnected: () => boolean
  send(bytes: Uint8Array): void
  /** A frame of this terminal around DATA. */
  frame(control: number, afn: number, seq: number, data: readonly number[]): Uint8Array
  login(): void
  hangUp(): void
}

export interface Asked {
  readonly control: number
  readonly msa: number
  readonly afn: number
  readonly seq: number
  /** Behind SEQ, all of it. */
  readonly data: Uint8Array
  /** Points and items of its identifiers, without content, where it is a read of class 1 or 2. */
  readonly items: readonly { readonly pn: number; readonly fn: number; readonly scale: readonly number[] }[]
}

export interface HandOptions {
  readonly port: number
  /** Address on the wire: region low byte first, number low byte first. */
  readonly address: readonly [number, number, number, number]
  /** DATA of the answer to a request, or nothing = it stays silent; `null` = denied (AFN00 F2). */
  readonly answer: (asked: Asked) => readonly number[] | null | undefined
  /** EC1 and EC2 it shows with every answer; absent: ACD stays 0. */
  readonly counters?: () => readonly [number, number] | null
}

export const bytesOf = (hex: string): number[] =>
  hex
    .trim()
    .split(/\s+/)
    .map((pair) => Number.parseInt(pair, 16))

export const frameOf = (
  address: readonly number[],
  msa: number,
  control: number,
  afn: number,
  seq: number,
  data: readonly number[],
): Uint8Array => {
  const user = [control, ...address, msa << 1, afn, seq, ...data]
  const length = (user.length << 2) | 2
  const sum = user.reduce((total, byte) => total + byte, 0) & 0xff
  return Uint8Array.from([0x68, length & 0xff, length >> 8, length & 0xff, length >> 8, 0x68, ...user, sum, 0x16])
}

/** Time scale bytes behind an identifier of a read: Td_d of freezes by day, Td_c of curves, none for class 1. */
const scaleBytes = (afn: number, fn: number): number => {
  if (afn !== 0x0d) return 0
  if ((fn >= 81 && fn <= 110) || (fn >= 145 && fn <= 148)) return 7
  return (fn >= 17 && fn <= 24) || (fn >= 177 && fn <= 184) ? 2 : 3
}

const points = (da1: number, da2: number): number[] =>
  da2 === 0 ? [0] : [0, 1, 2, 3, 4, 5, 6, 7].flatMap((bit) => (da1 & (1 << bit) ? [(da2 - 1) * 8 + bit + 1] : []))
const items = (dt1: number, dt2: number): number[] =>
  [0, 1, 2, 3, 4, 5, 6, 7].flatMap((bit) => (dt1 & (1 << bit) ? [dt2 * 8 + bit + 1] : []))

const takeApart = (frame: Uint8Array): Asked => {
  const [control = 0, afn = 0, seq = 0] = [frame[6], frame[12], frame[13]]
  let data = frame.slice(14, -2)
  // Tp, six bytes at the end, where SEQ says so.
  if (seq & 0x80) data = data.slice(0, -6)
  const found: Asked['items'][number][] = []
  if (afn === 0x0c || afn === 0x0d)
    for (let at = 0; at + 4 <= data.length; ) {
      const [da1 = 0, da2 = 0, dt1 = 0, dt2 = 0] = data.slice(at, at + 4)
      const fns = items(dt1, dt2)
      at += 4
      const size = scaleBytes(afn, fns[0] ?? 0)
      for (const pn of points(da1, da2)) for (const fn of fns) found.push({ pn, fn, scale: [...data.slice(at, at + size)] })
      at += size
    }
  return { control, msa: (frame[11] ?? 0) >> 1, afn, seq, data, items: found }
}

/** Dials in. Nothing is sent before `login`. */
export const dialIn = async ({ port, address, answer, counters }: HandOptions): Promise<HandTerminal> => {
  const heard: Asked[] = []
  let isConnected = true
  const socket: Socket = connect({ port, host: '127.0.0.1' })
  await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject))
  socket.on('error', () => socket.destroy())
  socket.on('close', () => {
    isConnected = false
  })
  const frame: HandTerminal['frame'] = (control, afn, seq, data) => frameOf(address, 0, control, afn, seq, data)
  const reply = (asked: Asked): void => {
    const said = answer(asked)
    if (said === undefined) return
    const shown = counters?.() ?? null
    const auxiliary = shown ? [...shown] : []
    const control = said === null ? 0x89 : 0x88
    const afn = said === null ? 0x00 : asked.afn
    const data = said ?? [0, 0, 2, 0]
    const whole = frameOf(address, asked.msa, control | (shown ? 0x20 : 0), afn, 0x60 | (asked.seq & 0x0f), [...data, ...auxiliary])
    socket.write(whole)
  }
  let rest = Buffer.alloc(0)
  socket.on('data', (bytes) => {
    rest = Buffer.concat([rest, bytes])
    for (;;) {
      const size = rest.length >= 6 ? (rest.readUInt16LE(1) >> 2) + 8 : Number.POSITIVE_INFINITY
      if (rest.length < size) return
      const asked = takeApart(new Uint8Array(rest.subarray(0, size)))
      rest = rest.subarray(size)
      heard.push(asked)
      // PRM = 1: it asks; otherwise it answers or confirms.
      if (asked.control & 0x40) reply(asked)
    }
  })
  return {
    heard,
    get asked() {
      return heard.filter(({ control }) => (control & 0x40) !== 0)
    },
    isConnected: () => isConnected,
    send: (bytes) => void socket.write(bytes),
    frame,
    login: () => void socket.write(frame(0xc9, 0x02, 0x71, bytesOf('00 00 01 00'))),
    hangUp: () => socket.destroy(),
  }
}

/** Identifier of one point and item. */
export const identifier = (pn: number, fn: number): number[] => [
  pn === 0 ? 0 : 1 << ((pn - 1) % 8),
  pn === 0 ? 0 : Math.floor((pn - 1) / 8) + 1,
  1 << ((fn - 1) % 8),
  Math.floor((fn - 1) / 8),
]
