import { instantOf, localTime, startOfDay } from '../calendar.ts'
import type { Instrument } from '../instrument.ts'
import { numberOf } from '../random.ts'
import type { TruthValue } from '../truth.ts'
import { answerItem } from './items.ts'
import { answer1997 } from './items1997.ts'
import { type Asked, isBroadcast, isMeant, pairsOf, speak } from './link.ts'
import { type Cut, pair } from './sheet.ts'
import { type Chunk, type MeterState, meterState } from './state.ts'

export interface Dlt645MeterOptions {
  readonly instrument: Instrument
  /** Twelve digits. */
  readonly address: string
  readonly variant?: '2007' | '1997'
  /** FEH bytes in front of an answer; absent = this meter's own habit. */
  readonly wakeUps?: number
  /** Longest data field of an answer; more goes into follow-up frames. */
  readonly frameLimit?: number
  /** Six digits of password level 2. */
  readonly password?: string
  /** Answers a wildcard with the wildcard, as some test meters do. */
  readonly echoWildcard?: boolean
}

/** An answer and the values in it. */
export interface Reply {
  readonly frame: Uint8Array
  readonly values: readonly TruthValue[]
}

/** A DL/T 645 meter without a line. */
export interface Dlt645Meter {
  readonly id: string
  readonly state: MeterState
  /** null = this request is not for it, or gets no answer. */
  answer(asked: Asked, at: number): Reply | null
}

const ERROR = { other: 1, noData: 2, notAuthorised: 4 } as const
const WAKE_UPS = [4, 4, 0, 2, 3, 7] as const
const LOCK_MS = 24 * 3_600_000
/** A broadcast corrects no more than this, and nothing this near to midnight. */
const TIME_STEP_MS = 5 * 60_000

/** A meter that speaks DL/T 645-2007, or 1997 only. */
export const dlt645Meter = (options: Dlt645MeterOptions): Dlt645Meter => {
  const { instrument } = options
  const variant = options.variant ?? '2007'
  const password = pairsOf((options.password ?? '000000').padStart(12, '0')).slice(0, 3)
  const state = meterState(instrument, pairsOf(options.address), variant, password)
  const wakeUps = options.wakeUps ?? WAKE_UPS[numberOf(options.address) % WAKE_UPS.length]!
  const limit = options.frameLimit ?? 200
  const reply = (asked: Asked, control: number, data: readonly number[], values: readonly TruthValue[] = []): Reply => ({
    frame: speak(options.echoWildcard ? asked.to : state.pairs, control, data, wakeUps),
    values,
  })
  return {
    id: instrument.id,
    state,
    answer(asked, at) {
      const fn = asked.control & 0x1f
      // An answer of somebody else on the same pair of wires.
      if ((asked.control & 0x80) !== 0) return null
      if (isBroadcast(asked.to)) {
        broadcast(state, fn, asked.data, at)
        return null
      }
      if (!isMeant(asked.to, state.pairs)) return null
      const tools: Tools = {
        state,
        asked,
        at,
        limit,
        done: (data = [], values = []) => reply(asked, 0x80 | fn, data, values),
        more: (data, values) => reply(asked, 0xa0 | fn, data, values),
        refused: (error) => reply(asked, 0xc0 | fn, [error]),
      }
      const work = (variant === '2007' ? WORK_2007 : WORK_1997)[fn]
      return work ? work(tools) : null
    },
  }
}

interface Tools {
  readonly state: MeterState
  readonly asked: Asked
  readonly at: number
  readonly limit: number
  done(data?: readonly number[], values?: readonly TruthValue[]): Reply
  more(data: readonly number[], values: readonly TruthValue[]): Reply
  refused(error: number): Reply
}
type Work = (tools: Tools) => Reply | null

/** Sends what fits, keeps the rest. */
const firstFrame = (tools: Tools, head: readonly number[], cuts: readonly Cut[]): Reply => {
  const { state, limit } = tools
  // The sequence number of a follow-up frame needs its place as well.
  const chunks = chunked(cuts, limit - head.length - 1)
  const first = chunks[0]!
  state.rest = chunks.length > 1 ? { head, chunks, next: 1 } : null
  return chunks.length > 1 ? tools.more([...head, ...first.bytes], first.values) : tools.done([...head, ...first.bytes], first.values)
}

const chunked = (cuts: readonly Cut[], size: number): Chunk[] => {
  const chunks: { bytes: number[]; values: TruthValue[] }[] = [{ bytes: [], values: [] }]
  for (const { bytes, said } of cuts) {
    for (const byte of bytes) {
      if (chunks.at(-1)!.bytes.length >= size) chunks.push({ bytes: [], values: [] })
      chunks.at(-1)!.bytes.push(byte)
    }
    if (said) chunks.at(-1)!.values.push(said)
  }
  return chunks
}

const read: Work = (tools) => {
  const { state, asked, at } = tools
  const [a, b, c, d] = asked.data
  if (a === undefined || b === undefined || c === undefined || d === undefined) return tools.refused(ERROR.other)
  const cuts = answerItem({ meter: state, at, di: [d, c, b, a], extra: asked.data.slice(4) })
  state.rest = null
  return cuts ? firstFrame(tools, [a, b, c, d], cuts) : tools.refused(ERROR.noData)
}

const readOn: Work = (tools) => {
  const { state, asked } = tools
  const { rest } = state
  const seq = asked.data[4]
  if (!rest || seq === undefined || rest.head.some((byte, index) => asked.data[index] !== byte)) return tools.refused(ERROR.noData)
  // The last number again: the answer was lost on the way.
  const chunk = seq === rest.next || seq === rest.next - 1 ? rest.chunks[seq] : undefined
  if (!chunk || seq === 0) return tools.refused(ERROR.noData)
  rest.next = seq + 1
  const data = [...rest.head, ...chunk.bytes, seq]
  return seq < rest.chunks.length - 1 ? tools.more(data, chunk.values) : tools.done(data, chunk.values)
}

const read1997: Work = (tools) => {
  const [low, high] = tools.asked.data
  if (low === undefined || high === undefined) return tools.refused(ERROR.other)
  const key = [high, low]
    .map((byte) => byte.toString(16).padStart(2, '0'))
    .join('')
    .toUpperCase()
  const cuts = answer1997(tools.state, key, tools.at)
  tools.state.rest = null
  return cuts ? firstFrame(tools, [low, high], cuts) : tools.refused(ERROR.noData)
}

const readOn1997: Work = (tools) => {
  const { rest } = tools.state
  const chunk = rest?.chunks[rest.next]
  if (!rest || !chunk) return tools.refused(ERROR.noData)
  rest.next++
  return rest.next < rest.chunks.length
    ? tools.more([...rest.head, ...chunk.bytes], chunk.values)
    : tools.done([...rest.head, ...chunk.bytes], chunk.values)
}

/** Password: three wrong ones in a row lock every write for a day. Returns the error, 0 = go on. */
const guarded = ({ state, at }: Tools, level: number | undefined, given: readonly number[]): number => {
  if (at < state.lockedUntil) return ERROR.notAuthorised
  if ((level === 2 || level === 4) && given.every((byte, index) => byte === state.password[index])) {
    state.wrong = 0
    return 0
  }
  state.wrong++
  if (state.wrong >= 3) {
    state.lockedUntil = at + LOCK_MS
    state.wrong = 0
  }
  return ERROR.notAuthorised
}

const write: Work = (tools) => {
  const { state, asked, at } = tools
  const [a, b, c, d, level] = asked.data
  const error = guarded(tools, level, asked.data.slice(5, 8))
  if (error !== 0 || a === undefined || b === undefined || c === undefined || d === undefined) return tools.refused(error || ERROR.other)
  const value = asked.data.slice(12)
  const key = [d, c, b, a]
    .map((byte) => byte.toString(16).padStart(2, '0'))
    .join('')
    .toUpperCase()
  const own = state.instrument.ownTime(at)
  if (key === '04000101' || key === '04000102') return writeClock(tools, key === '04000101', value)
  if (d !== 4 || !answerItem({ meter: state, at, di: [d, c, b, a], extra: [] })) return tools.refused(ERROR.noData)
  state.written.set(key, value)
  state.instrument.events.push({ code: 0x3000, at, start: own, end: own })
  return tools.done()
}

/** Date (WW DD MM YY) or time of day (ss mm hh) of the clock; the other of the two stays. */
const writeClock = ({ state, at, done, refused }: Tools, isDate: boolean, value: readonly number[]): Reply => {
  const now = localTime(state.instrument.ownTime(at))
  const [first, second, third, fourth] = value.map(pair)
  const wanted = isDate
    ? { ...now, day: second ?? 0, month: third ?? 0, year: 2000 + (fourth ?? 0) }
    : { ...now, second: first ?? 0, minute: second ?? 0, hour: third ?? 0 }
  return setTime(state, at, instantOf(wanted)) ? done() : refused(ERROR.other)
}

/** In 1997 only the clock can be written here; there is no operator code. */
const write1997: Work = (tools) => {
  const [low, high, level] = tools.asked.data
  const error = guarded(tools, level, tools.asked.data.slice(3, 6))
  if (error !== 0) return tools.refused(error)
  if (high !== 0xc0 || (low !== 0x10 && low !== 0x11)) return tools.refused(ERROR.noData)
  return writeClock(tools, low === 0x10, tools.asked.data.slice(6))
}

const setTime = (state: MeterState, at: number, wanted: number): boolean => {
  if (Number.isNaN(wanted)) return false
  state.instrument.events.push({ code: 0x3004, at, start: state.instrument.ownTime(at), end: wanted })
  state.instrument.setClock(at, wanted - at)
  return true
}

/** Broadcast: time (at most five minutes, once a day, not near midnight) and freeze. */
const broadcast = (state: MeterState, fn: number, data: readonly number[], at: number): void => {
  if (fn === 0x16) state.frozen.unshift(at)
  if (fn !== 0x08 || data.length !== 6) return
  const [second, minute, hour, day, month, year] = data.map(pair) as [number, number, number, number, number, number]
  const wanted = instantOf({ year: 2000 + year, month, day, hour, minute, second })
  const own = state.instrument.ownTime(at)
  const today = startOfDay(own)
  const nearMidnight = Math.min(own - today, today + 86_400_000 - own) < TIME_STEP_MS
  if (Number.isNaN(wanted) || Math.abs(wanted - own) > TIME_STEP_MS || nearMidnight || state.timeSetDay === today) return
  state.timeSetDay = today
  setTime(state, at, wanted)
}

const freeze: Work = (tools) => {
  tools.state.frozen.unshift(tools.at)
  return tools.done()
}

const relay: Work = (tools) => {
  const { state, asked, at } = tools
  const error = guarded(tools, asked.data[0], asked.data.slice(1, 4))
  if (error !== 0) return tools.refused(error)
  const command = asked.data[8]
  if (command === 0x1a) {
    state.instrument.relayOpen = true
    state.trips.push(at)
  } else if (command === 0x1b || command === 0x1c) {
    state.instrument.relayOpen = false
    state.closes.push(at)
  } else if (command === undefined || ![0x1d, 0x1e, 0x1f, 0x2a, 0x2b, 0x3a, 0x3b].includes(command)) return tools.refused(ERROR.other)
  return tools.done()
}

const writeAddress: Work = (tools) => {
  if (tools.asked.data.length !== 6) return tools.refused(ERROR.other)
  const answer = tools.done()
  tools.state.pairs = tools.asked.data.slice(0, 6)
  return answer
}

const changePassword: Work = (tools) => {
  const { data } = tools.asked
  const error = guarded(tools, data[4], data.slice(5, 8))
  if (error !== 0 || data.length !== 12) return tools.refused(error || ERROR.other)
  tools.state.password = data.slice(9, 12)
  return tools.done(data.slice(8, 12))
}

/** Clear demand, meter, events: only the meter clear changes something here, the registers start again. */
const clear =
  (everything: boolean): Work =>
  (tools) => {
    const error = guarded(tools, tools.asked.data[0], tools.asked.data.slice(1, 4))
    if (error !== 0) return tools.refused(error)
    if (everything) tools.state.instrument.exchange(tools.at)
    return tools.done()
  }

const WORK_2007: Readonly<Record<number, Work>> = {
  3: (tools) => tools.refused(ERROR.notAuthorised),
  8: (tools) => {
    broadcast(tools.state, 0x08, tools.asked.data, tools.at)
    return null
  },
  17: read,
  18: readOn,
  19: (tools) => tools.done(tools.state.pairs),
  20: write,
  21: writeAddress,
  22: freeze,
  23: (tools) => tools.done(tools.asked.data.slice(0, 1)),
  24: changePassword,
  25: clear(false),
  26: clear(true),
  27: clear(false),
  28: relay,
}

const WORK_1997: Readonly<Record<number, Work>> = {
  1: read1997,
  2: readOn1997,
  4: write1997,
  8: (tools) => {
    broadcast(tools.state, 0x08, tools.asked.data, tools.at)
    return null
  },
  10: writeAddress,
}
