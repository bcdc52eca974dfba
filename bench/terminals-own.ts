/**
 * The two ends of the anchors of terminals as programs of their own.
 *
 *   node --expose-gc terminals-own.js listen              prints its port; then answers each line on stdin with what it holds, as JSON
 *   node terminals-own.js dial PORT COUNT RATE SECONDS    logs COUNT terminals in, half of each protocol; on a line of stdin sends RATE heartbeats a
 *                                                         second; prints JSON after each
 */
import { connect, type Socket } from 'node:net'
import { createInterface } from 'node:readline'
import { terminalAdapterOf } from '../protocols/index.ts'
import { type TerminalSettings, Terminals } from '../src/acquisition/index.ts'
import { ok, systemClock } from '../src/core/index.ts'
import { dlt698Word, gw3761Word } from './terminals-frames.ts'

/** What the listening process holds. */
export interface Held {
  readonly sessions: number
  readonly rss: number
  readonly heap: number
  readonly heartbeats: number
  /** Microseconds of processor since the start. */
  readonly cpuUs: number
}

export interface Dialled {
  /** From the first connection to the last answered login, milliseconds. */
  readonly loginMs: number
}

export interface Beaten {
  readonly sent: number
  readonly answered: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly worstMs: number
}

const say = (what: object): void => void process.stdout.write(`${JSON.stringify(what)}\n`)

const listen = async (): Promise<void> => {
  const settings = new Map<string, TerminalSettings>()
  const terminals = new Terminals(
    [
      {
        ...{ id: 'bench', host: '127.0.0.1', port: 0, protocols: ['gw3761', 'dlt698'], maxSessions: 20_000, maxPerPeer: 20_000 },
        ...{ firstFrameMs: 20_000, frameMs: 15_000, heartbeatMs: 300_000, admitUnknown: false },
      },
    ],
    {
      clock: systemClock,
      wallNow: () => ({ year: 2026, month: 11, day: 21, hour: 10, minute: 0, second: 0 }),
      adapterOf: (id) => terminalAdapterOf(id),
      find: (protocol, address) => {
        const key = `${protocol} ${address}`
        const known = settings.get(key) ?? {
          ...{ id: key, address, protocol, allowWrites: false, frameLimit: 1024, heartbeatMs: null, window: 1 },
          ...{ answerMs: 10_000, fieldAnswerMs: 90_000 },
        }
        settings.set(key, known)
        return known
      },
      take: () => Promise.resolve(ok(undefined)),
      notice: () => undefined,
      log: (level, message) => {
        if (level === 'warn') process.stderr.write(`${message}\n`)
      },
    },
  )
  const listening = await terminals.listen()
  if (!listening.ok) throw new Error(listening.error.message)
  process.stdout.write(`${terminals.listening[0]?.port}\n`)
  for await (const _ of createInterface({ input: process.stdin })) {
    for (let round = 0; round < 3; round++) global.gc?.()
    const { rss, heapUsed, external } = process.memoryUsage()
    const { user, system } = process.cpuUsage()
    const sessions = terminals.sessions()
    const heartbeats = sessions.reduce((all, { figures }) => all + figures.heartbeats, 0)
    say({ sessions: sessions.length, rss, heap: heapUsed + external, heartbeats, cpuUs: user + system } satisfies Held)
  }
  await terminals.close()
}

const CONNECTING = 256

const dial = async (port: number, count: number, rate: number, seconds: number): Promise<void> => {
  const waiting = new Map<Socket, (at: number) => void>()
  const sockets: Socket[] = []
  const word = (n: number) => (n % 2 === 0 ? gw3761Word : dlt698Word)
  const answered = (socket: Socket): Promise<number> => new Promise((resolve) => waiting.set(socket, resolve))
  const open = async (n: number): Promise<void> => {
    const socket = connect({ host: '127.0.0.1', port, localAddress: `127.0.${1 + (n >> 12)}.1`, noDelay: true })
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve)
      socket.once('error', reject)
    })
    socket.on('error', () => undefined)
    socket.on('data', () => {
      const told = waiting.get(socket)
      waiting.delete(socket)
      told?.(performance.now())
    })
    const answer = answered(socket)
    socket.write(word(n)('login', 1 + (n >> 1), n))
    await answer
    sockets[n] = socket
  }
  let next = 0
  const began = performance.now()
  const lane = async (): Promise<void> => {
    for (let n = next++; n < count; n = next++) await open(n)
  }
  await Promise.all(Array.from({ length: CONNECTING }, lane))
  say({ loginMs: performance.now() - began } satisfies Dialled)
  for await (const _ of createInterface({ input: process.stdin })) {
    const took: number[] = []
    let sent = 0
    const start = performance.now()
    await new Promise<void>((resolve) => {
      const timer = setInterval(() => {
        const now = performance.now()
        for (const due = Math.min(rate * seconds, ((now - start) * rate) / 1000); sent < due; sent++) {
          // Far apart, so that no terminal beats twice before it was answered.
          const n = (sent * 7) % count
          const socket = sockets[n]
          if (!socket) continue
          const at = performance.now()
          void answered(socket).then((heard) => took.push(heard - at))
          socket.write(word(n)('heartbeat', 1 + (n >> 1), sent))
        }
        if (sent < rate * seconds && now - start < 2000 * seconds) return
        clearInterval(timer)
        setTimeout(resolve, 1000)
      }, 5)
    })
    took.sort((a, b) => a - b)
    const at = (share: number) => took[Math.min(took.length - 1, Math.floor(took.length * share))] ?? Number.NaN
    say({ sent, answered: took.length, p50Ms: at(0.5), p99Ms: at(0.99), worstMs: at(1) } satisfies Beaten)
  }
  for (const socket of sockets) socket.destroy()
}

// Also imported for its types: it runs only when it is the program.
const [, program = '', role, ...figures] = process.argv
if (/terminals-own\.[jt]s$/.test(program)) {
  const [port = 0, count = 0, rate = 0, seconds = 0] = figures.map(Number)
  await (role === 'listen' ? listen() : dial(port, count, rate, seconds))
}
