import {
  anyTerminalAdapter,
  type Deframer,
  type Discarded,
  failWith,
  type Heard,
  ok,
  type TerminalAdapter,
  type TerminalPlan,
  type TerminalRequest,
  type TerminalTalk,
} from '../../../src/core/index.ts'

/**
 * A protocol of terminals made up for tests: `mark length kind number address(2) text… sum`, the mark is what the protocol begins with.
 * Kinds: L login, H heartbeat, B goodbye, R report, A last frame of an answer, P part of one, Q question; C and K are the master's words.
 */
export interface Frame {
  readonly kind: string
  readonly number: number
  readonly address: number
  readonly text: string
  readonly raw: Uint8Array
}

const fail = failWith({ FAKE_NOISE: { recovery: 'resync', hint: 'noise' }, FAKE_ABSENT: { recovery: 'skip', hint: 'nothing there' } })

export const MARKS = { gw3761: 0x68, dlt698: 0x69 } as const
const HEAD = 6

export const frameOf = (mark: number, kind: string, number: number, address: number, text = ''): Uint8Array => {
  const body = new TextEncoder().encode(text)
  const bytes = new Uint8Array(HEAD + body.length + 1)
  bytes.set([mark, bytes.length, kind.charCodeAt(0), number, address >> 8, address & 0xff])
  bytes.set(body, HEAD)
  bytes[bytes.length - 1] = bytes.subarray(0, -1).reduce((sum, byte) => (sum + byte) & 0xff, 0)
  return bytes
}

const decode = (raw: Uint8Array): Frame => ({
  kind: String.fromCharCode(raw[2] ?? 0),
  number: raw[3] ?? 0,
  address: ((raw[4] ?? 0) << 8) | (raw[5] ?? 0),
  text: new TextDecoder().decode(raw.subarray(HEAD, -1)),
  raw,
})

export const deframerOf = (mark: number): Deframer<Frame> => {
  const held: number[] = []
  const noise = (bytes: readonly number[]): Discarded => ({
    discarded: Uint8Array.from(bytes),
    error: fail('FAKE_NOISE', `${bytes.length} bytes of noise`).error,
  })
  return {
    push(bytes) {
      const out: (Frame | Discarded)[] = []
      for (const byte of bytes) held.push(byte)
      for (;;) {
        const start = held.indexOf(mark)
        if (start !== 0) {
          const thrown = held.splice(0, start < 0 ? held.length : start)
          if (thrown.length > 0) out.push(noise(thrown))
        }
        const size = held[1]
        if (size !== undefined && size <= HEAD) {
          out.push(noise(held.splice(0, 1)))
          continue
        }
        if (size === undefined || held.length < size) return out
        const sum = held.slice(0, size - 1).reduce((before, byte) => (before + byte) & 0xff, 0)
        if (sum !== held[size - 1]) out.push(noise(held.splice(0, 1)))
        else out.push(decode(Uint8Array.from(held.splice(0, size))))
      }
    },
    flush() {
      return held.length > 0 ? noise(held.splice(0)) : null
    },
  }
}

/** What the fake terminals are asked, by name. */
const request = (mark: number, terminal: string, text: string, more: Partial<TerminalRequest<Frame>> = {}): TerminalRequest<Frame> => ({
  make: (number) => frameOf(mark, 'Q', number, Number(terminal), text),
  judge: (frame, number) =>
    frame.number !== number || !frame.text.startsWith(`${text}=`)
      ? 'stranger'
      : frame.kind === 'A' || frame.kind === 'R'
        ? 'last'
        : frame.kind === 'P'
          ? 'part'
          : 'stranger',
  reach: 'terminal',
  ...more,
})

/** Asks one thing; gives the texts behind `=`, joined. */
function* question(mark: number, terminal: string, text: string, more: Partial<TerminalRequest<Frame>> = {}): TerminalTalk<string, Frame> {
  const answer = yield request(mark, terminal, text, more)
  if (!answer.ok) return answer
  return ok(answer.value.map((frame) => frame.text.slice(text.length + 1)).join(''))
}

const never = (): never => {
  throw new Error('not in this protocol')
}

export const fakeProtocol = (id: 'gw3761' | 'dlt698'): TerminalAdapter<Frame> => {
  const mark = MARKS[id]
  const ask = (terminal: string, text: string, more: Partial<TerminalRequest<Frame>> = {}) => question(mark, terminal, text, more)
  return {
    id,
    longestFrame: 255,
    maxSequence: 15,
    claims: (first) => (first.length === 0 ? 'more' : first[0] !== mark ? 'no' : first.length < 2 ? 'more' : 'yes'),
    deframer: () => deframerOf(mark),
    ear: () => ({
      hear: (frame): readonly Heard<Frame>[] => {
        const { kind, number, address, text } = frame
        const reply = frameOf(mark, 'C', number, address)
        if (kind === 'L' || kind === 'H' || kind === 'B') {
          const seconds = /^hb(\d+)/.exec(text)?.[1]
          return [
            {
              kind: kind === 'L' ? 'login' : kind === 'H' ? 'heartbeat' : 'logout',
              reply,
              clock: text.startsWith('clock') ? { year: 2026, month: 11, day: 21, hour: 1, minute: 2, second: 3 } : null,
              heartbeatMs: seconds ? Number(seconds) * 1000 : null,
            },
          ]
        }
        if (kind === 'R')
          return [
            {
              kind: 'report',
              values: [],
              events: [],
              unknown: [{ what: text, raw: frame.raw }],
              confirm: frameOf(mark, 'K', number, address, text),
              frame,
            },
          ]
        if (kind === 'A' || kind === 'P') return [{ kind: 'answer', frame }]
        return [{ kind: 'other', why: `kind ${kind}`, frame }]
      },
      counters: ({ text }) => {
        const told = /ec(\d+),(\d+)/.exec(text)
        return told ? { important: Number(told[1]), normal: Number(told[2]) } : null
      },
      eventsWait: ({ text }) => text.includes('acd'),
    }),
    address: (text) => ok(text),
    sender: ({ kind, address }) => (kind === 'C' || kind === 'K' || kind === 'Q' ? null : String(address)),
    plan: (_profile, selection) => {
      const plan: TerminalPlan = {
        source: 'day-freeze',
        values: [],
        kind: selection.kind,
        key: `${selection.kind} ${selection.nth}`,
        metersPerRequest: () => 4,
      }
      return ok(plan)
    },
    *read(terminal, plan, meters) {
      const answer = yield* ask(terminal, `read ${plan.key} ${meters.map(({ address }) => address).join(',')}`)
      if (!answer.ok) return answer
      const values = answer.value.split(',')
      return ok(
        meters.map(({ address }, at) =>
          values[at] === undefined || values[at] === '-'
            ? fail('FAKE_ABSENT', `no value of ${address}`)
            : ok([{ at: null, raws: [Number(values[at])], scalers: null, absent: null }]),
        ),
      )
    },
    *clock(terminal) {
      const answer = yield* ask(terminal, 'clock')
      return answer.ok ? ok({ year: 2026, month: 1, day: 1, hour: 0, minute: 0, second: Number(answer.value) }) : answer
    },
    *setClock(terminal, { second }) {
      const answer = yield* ask(terminal, `set ${second}`, { writes: true })
      return answer.ok ? ok(null) : answer
    },
    archive: never,
    writeArchive: never,
    deleteArchive: never,
    events: never,
    eventCounters: never,
    routes: never,
    parameters: [],
    // `field x`, `write x`: those; `a; b; next c`: one after another, `next` directly behind the one before.
    *getParameter(terminal, id) {
      const said: string[] = []
      for (const text of id.split('; ')) {
        const answer = yield* ask(terminal, text, {
          ...(text.startsWith('field') ? { reach: 'field' as const } : {}),
          ...(text.startsWith('write') ? { writes: true } : {}),
          ...(text.startsWith('next') ? { follows: true } : {}),
        })
        if (!answer.ok) return answer
        said.push(answer.value)
      }
      return ok(said.join(';'))
    },
    setParameter: never,
    *forward(terminal, { port }, bytes) {
      const answer = yield* ask(terminal, `forward ${port} ${Buffer.from(bytes).toString('hex')}`, { reach: 'field' })
      return answer.ok ? ok(Uint8Array.from(Buffer.from(answer.value, 'hex'))) : answer
    },
    control: never,
    describe: (bytes) => `${String.fromCharCode(bytes[2] ?? 0)}${bytes[3]} ${decode(bytes).text}`,
    bytesOf: ({ raw }) => raw,
  }
}

export const fakeAdapter = (id: 'gw3761' | 'dlt698') => anyTerminalAdapter(fakeProtocol(id))
