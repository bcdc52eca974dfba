import { connect, type Socket } from 'node:net'
import { expect, onTestFinished, vi } from 'vitest'
import {
  type ListenerSettings,
  type TalkOf,
  type TerminalNotice,
  type TerminalReport,
  type TerminalSettings,
  Terminals,
  type TerminalsDeps,
} from '../../../src/acquisition/index.ts'
import type { Clock, Result } from '../../../src/core/index.ts'
import { deframerOf, type Frame, fakeAdapter, frameOf, MARKS } from './fake-protocol.ts'

/** A clock the test moves. */
export const manualClock = () => {
  let [wall, ran] = [Date.parse('2026-11-21T10:00:00+08:00'), 1000]
  const clock: Clock = { now: () => wall, monotonic: () => ran, speed: 1 }
  return {
    clock,
    pass: (ms: number) => {
      wall += ms
      ran += ms
    },
  }
}

export const until = (met: () => boolean): Promise<void> => vi.waitFor(() => expect(met()).toBe(true), { timeout: 60_000, interval: 2 })

export interface SiteOptions {
  readonly listeners?: readonly Partial<ListenerSettings>[]
  readonly settings?: Partial<TerminalSettings>
  /** Ledger ids by address; T1 at address 1 and so on unless said. */
  readonly find?: TerminalsDeps['find']
  readonly take?: (report: TerminalReport) => Promise<Result<void>>
}

const settingsOf = (id: string, address: string, protocol: 'gw3761' | 'dlt698', more: Partial<TerminalSettings>): TerminalSettings => ({
  ...{ id, address, protocol, allowWrites: false, frameLimit: 200, heartbeatMs: null, window: 1, answerMs: 5000, fieldAnswerMs: 90_000 },
  ...more,
})

/** A head-end with a clock of its own, and terminals that dial it. */
export const site = async (options: SiteOptions = {}) => {
  const { clock, pass } = manualClock()
  const notices: TerminalNotice[] = []
  const taken: TerminalReport[] = []
  const logged: string[] = []
  let more = options.settings ?? {}
  const take = options.take ?? (async () => ({ ok: true as const, value: undefined }))
  const terminals = new Terminals(
    (options.listeners ?? [{}]).map((listener, at) => ({
      ...{ id: `port-${at}`, host: '127.0.0.1', port: 0, protocols: ['gw3761'], maxSessions: 500, maxPerPeer: 500 },
      ...{ firstFrameMs: 20_000, frameMs: 15_000, heartbeatMs: 60_000, admitUnknown: false },
      ...listener,
    })),
    {
      clock,
      wallNow: () => ({ year: 2026, month: 11, day: 21, hour: 10, minute: 0, second: 0 }),
      adapterOf: (id) => (id === 'gw3761' || id === 'dlt698' ? fakeAdapter(id) : null),
      find:
        options.find ??
        ((protocol, address) =>
          Number(address) < 1000 ? settingsOf(protocol === 'gw3761' ? `T${address}` : `D${address}`, address, protocol, more) : null),
      take: async (report) => {
        taken.push(report)
        return take(report)
      },
      notice: (notice) => void notices.push(notice),
      log: (level, message) => void logged.push(`${level} ${message}`),
    },
  )
  const listening = await terminals.listen()
  if (!listening.ok) throw new Error(listening.error.message)
  onTestFinished(() => terminals.close())
  const ports = terminals.listening.map(({ port }) => port)
  return {
    ...{ terminals, notices, taken, logged, ports, pass, clock },
    /** Moves the clock and has the deadlines looked at. */
    later: (ms: number) => {
      pass(ms)
      for (let tick = 0; tick < 10; tick++) terminals.tick()
    },
    settle: (settings: Partial<TerminalSettings>) => {
      more = { ...more, ...settings }
    },
    dial: (port = 0, protocol: 'gw3761' | 'dlt698' = 'gw3761') => dial(ports[port] ?? 0, protocol),
    ask: (terminal: string, text: string, priority: 'demand' | 'freeze' | 'curve' = 'freeze', signal?: AbortSignal) =>
      terminals.ask(terminal, asking(terminal, text), { priority, ...(signal ? { signal } : {}) }),
    told: (kind: TerminalNotice['kind']) => notices.filter((notice) => notice.kind === kind),
  }
}

/** A question of the made-up protocol to a terminal whose ledger id is a letter and its address. */
export const asking =
  (terminal: string, text: string): TalkOf<unknown> =>
  (adapter) =>
    adapter.getParameter(terminal.slice(1), text, null)

/** A terminal on a real socket, moved by hand. */
export const dial = async (port: number, protocol: 'gw3761' | 'dlt698' = 'gw3761') => {
  const mark = MARKS[protocol]
  const heard: Frame[] = []
  let isClosed = false
  const deframer = deframerOf(mark)
  const socket: Socket = connect({ host: '127.0.0.1', port })
  const far = {
    socket,
    heard,
    /** Answers by question; null = says nothing. */
    onQuestion: (_text: string): string | null => null,
    get isClosed() {
      return isClosed
    },
    say: (kind: string, number: number, address: number, text = '') => void socket.write(frameOf(mark, kind, number, address, text)),
    raw: (bytes: Uint8Array) => void socket.write(bytes),
    /** Logs in and waits for the answer. */
    logIn: async (address: number, text = '') => {
      far.say('L', 1, address, text)
      await until(() => isClosed || heard.some(({ kind }) => kind === 'C'))
    },
    questions: () => heard.filter(({ kind }) => kind === 'Q'),
    hangUp: () => void socket.destroy(),
  }
  socket.on('data', (bytes: Buffer) => {
    for (const item of deframer.push(bytes)) {
      if ('discarded' in item) continue
      heard.push(item)
      if (item.kind !== 'Q') continue
      const answer = far.onQuestion(item.text)
      if (answer !== null) far.say('A', item.number, item.address, `${item.text}=${answer}`)
    }
  })
  socket.on('error', () => undefined)
  socket.on('close', () => {
    isClosed = true
  })
  onTestFinished(() => void socket.destroy())
  await new Promise<void>((resolve) => socket.once('connect', () => resolve()))
  return far
}
