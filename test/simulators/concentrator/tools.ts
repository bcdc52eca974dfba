import { createServer, type Server, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'
import { type Concentrators, type ConcentratorsOptions, startConcentrators } from '../../../simulators/index.ts'
import { hexBytes } from '../tools.ts'
import { cut698, linkAnswer, reportAnswer, request698, type Seen698 } from './tools698.ts'

/** A frame of 376.1 taken apart by hand: as little as a test needs, and none of the simulator's own code. */
export interface Seen {
  readonly hex: string
  readonly control: number
  readonly address: string
  readonly a3: number
  readonly afn: number
  readonly fir: boolean
  readonly fin: boolean
  readonly con: boolean
  readonly number: number
  /** Behind SEQ, with what stands at the end. */
  readonly data: string
}

export const spaced = (bytes: Uint8Array): string =>
  Buffer.from(bytes)
    .toString('hex')
    .toUpperCase()
    .replace(/(..)(?=.)/g, '$1 ')

/** Takes frames off the front of what came; checks length, delimiters and sum. */
export const cut3761 = (held: Buffer): { readonly seen: Seen[]; readonly rest: Buffer } => {
  const seen: Seen[] = []
  let at = 0
  while (held.length - at >= 16) {
    const size = (held.readUInt16LE(at + 1) >> 2) + 8
    if (held.length - at < size) break
    const frame = held.subarray(at, at + size)
    const sum = frame.subarray(6, size - 2).reduce((all, byte) => (all + byte) & 0xff, 0)
    if (frame[0] !== 0x68 || frame[5] !== 0x68 || frame[size - 1] !== 0x16 || frame[size - 2] !== sum)
      throw new Error(`no frame: ${spaced(frame)}`)
    if (frame.readUInt16LE(1) !== frame.readUInt16LE(3)) throw new Error(`two lengths: ${spaced(frame)}`)
    const seq = frame[13]!
    seen.push({
      hex: spaced(frame),
      control: frame[6]!,
      address: spaced(frame.subarray(7, 11)),
      a3: frame[11]!,
      afn: frame[12]!,
      fir: (seq & 0x40) !== 0,
      fin: (seq & 0x20) !== 0,
      con: (seq & 0x10) !== 0,
      number: seq & 15,
      data: spaced(frame.subarray(14, size - 2)),
    })
    at += size
  }
  return { seen, rest: held.subarray(at) }
}

/** A request as a master frames it. */
export const request3761 = (address: string, control: number, afn: number, seq: number, data: string, a3 = 4): Buffer => {
  const user = Buffer.concat([Buffer.from([control]), hexBytes(address), Buffer.from([a3, afn, seq]), hexBytes(data)])
  const length = (user.length << 2) | 2
  const sum = user.reduce((all, byte) => (all + byte) & 0xff, 0)
  const head = [0x68, length & 0xff, length >> 8, length & 0xff, length >> 8, 0x68]
  return Buffer.concat([Buffer.from(head), user, Buffer.from([sum, 0x16])])
}

export const PASSWORD = '00 '.repeat(16).trim()

/** A master station with one port: keeps what it hears, answers logins and heartbeats unless told not to. */
export interface Master {
  readonly port: number
  readonly heard: Buffer[]
  readonly sockets: Socket[]
  /** What 376.1 frames were heard, in order. */
  readonly seen: Seen[]
  /** Confirms what terminals begin: logins, heartbeats; and reports. */
  confirms: boolean
  confirmsReports: boolean
  /** The same of 698.45. */
  readonly seen698: Seen698[]
  /** To every connection: a terminal hears what is for it. */
  send(bytes: Uint8Array): void
  /** Sends an APDU and waits for one frame; a fragment counts as one. */
  ask698(apdu: string, options?: { readonly address?: string; readonly control?: number }): Promise<Seen698>
  /** Waits until something is so; looked at whenever bytes came. */
  until(ready: () => boolean): Promise<void>
  /** Sends a request and waits for whole answers to it: the last frame has FIN. */
  ask(control: number, afn: number, data: string, options?: { readonly address?: string; readonly seq?: number }): Promise<Seen[]>
}

export const startMaster = async (address = '10 45 15 00'): Promise<Master> => {
  const seen: Seen[] = []
  const seen698: Seen698[] = []
  const heard: Buffer[] = []
  const sockets: Socket[] = []
  let watchers: (() => void)[] = []
  let sequence = 0
  const master: Master = {
    port: 0,
    heard,
    sockets,
    seen,
    seen698,
    confirms: true,
    confirmsReports: true,
    send: (bytes) => {
      for (const socket of sockets) if (!socket.destroyed) socket.write(bytes)
    },
    ask: async (control, afn, data, options = {}) => {
      const seq = options.seq ?? 0x60 | (sequence++ & 15)
      const from = seen.length
      master.send(request3761(options.address ?? address, control, afn, seq, data))
      const answers = (): Seen[] => seen.slice(from).filter((frame) => (frame.control & 0x40) === 0)
      await until(() => answers().some(({ fin }) => fin))
      return answers()
    },
    ask698: async (apdu, options = {}) => {
      const from = seen698.length
      master.send(request698(options.address ?? '451000000021', apdu, options.control))
      const answer = (): Seen698 | undefined => seen698.slice(from).find(({ control }) => (control & 0xc3) === 0xc3)
      await until(() => answer() !== undefined)
      return answer()!
    },
    until: (ready) => until(ready),
  }
  const until = (ready: () => boolean): Promise<void> =>
    new Promise((done) => {
      const look = (): void => {
        if (!ready()) return
        watchers = watchers.filter((one) => one !== look)
        done()
      }
      watchers.push(look)
      look()
    })
  const server: Server = createServer((socket) => {
    sockets.push(socket)
    let held: Buffer = Buffer.alloc(0)
    socket.on('error', () => {})
    socket.on('data', (bytes) => {
      heard.push(bytes)
      held = Buffer.concat([held, bytes])
      if (held.length < 6) return
      if (held[5] !== 0x68 || held[1] !== held[3]) {
        const cut = cut698(held)
        held = cut.rest
        for (const frame of cut.seen) {
          seen698.push(frame)
          if (frame.control === 0x81 && master.confirms) socket.write(linkAnswer(frame))
          if (frame.control === 0x83 && master.confirmsReports) socket.write(reportAnswer(frame))
        }
        for (const look of watchers) look()
        return
      }
      const { seen: frames, rest } = cut3761(held)
      held = rest
      for (const frame of frames) {
        seen.push(frame)
        if (frame.con && (frame.afn === 2 ? master.confirms : master.confirmsReports))
          socket.write(request3761(frame.address, 0x0b, 0, 0x60 | frame.number, '00 00 01 00', frame.a3))
      }
      for (const look of watchers) look()
    })
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const at = server.address()
  return Object.assign(master, { port: typeof at === 'object' && at ? at.port : 0 })
}

/** Concentrators that dial this master. */
export const dialIn = async (master: Master, options: Partial<ConcentratorsOptions> = {}): Promise<Concentrators> => {
  const fleet = startConcentrators({ port: master.port, first: 21, ...options })
  onTestFinished(() => fleet.close())
  if (master.confirms && options.dials !== false) await fleet.whenOnline()
  return fleet
}
