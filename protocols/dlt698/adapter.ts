import { bytesOf } from '../../src/core/hex.ts'
import { ok } from '../../src/core/result.ts'
import type { ForwardSettings, TerminalAdapter, TerminalTalk } from '../../src/core/terminal.ts'
import { comdcbOf, deleteArchive, portOad, readArchive, writeArchive } from './archive.ts'
import { getOne, setOne } from './ask.ts'
import { refusal } from './dar.ts'
import { createDeframer } from './deframer.ts'
import { createEar } from './ear.ts'
import { type Out, put16, putBytes, putLength, putOad } from './encode.ts'
import { fail } from './errors.ts'
import { readEvents, readRoutes } from './event-records.ts'
import { exchange, type Peer } from './exchange.ts'
import { describe } from './explain.ts'
import { CONTROL, type Frame, LONGEST_FRAME, readHeader, START, WAKE_UP } from './frame.ts'
import { getParameter, PARAMETERS, setParameter } from './parameters.ts'
import { planRead } from './plan.ts'
import { query } from './query.ts'
import { read } from './read.ts'
import { timeOf, timeText } from './time.ts'

const CLOCK = '40000200'
/** Tags of APDUs that only a client sends. */
const CLIENT_TAGS: ReadonlySet<number> = new Set([0x02, 0x03, 0x05, 0x06, 0x07, 0x08, 0x09, 0x10, 0x45, 0x46, 0x49, 0x6e, 0x81])

/** Passes bytes through a port (PROXY 7) and gives what came back. @errors DLT698_SILENT_METER, DLT698_DAR */
const forward = function* (peer: Peer, settings: ForwardSettings, bytes: Uint8Array): TerminalTalk<Uint8Array, Frame> {
  const port = portOad(settings.port)
  const body: Out = []
  putOad(body, port)
  putBytes(body, comdcbOf(settings))
  put16(body, Math.max(1, Math.ceil(settings.waitMs / 1000)))
  put16(body, settings.byteWaitMs)
  putLength(body, bytes.length)
  putBytes(body, bytes)
  body.push(0)
  const answer = yield* exchange(peer, {
    tag: 9,
    choice: 7,
    body: Uint8Array.from(body),
    reach: 'field',
    isOurs: (apdu) => apdu.port === port,
  })
  if (!answer.ok) return answer
  const { dar, inner_hex: hex } = answer.value
  if (typeof dar === 'number') return { ok: false, error: refusal(dar, `port ${port}`) }
  const came = bytesOf(hex ?? '') ?? new Uint8Array(0)
  return came.length > 0 ? ok(came) : fail('DLT698_SILENT_METER', `port ${port}: nothing came back`)
}

/**
 * DL/T 698.45 as terminals speak it that dial in: concentrators, energy controllers, and meters with a module of their own.
 *
 * @param client  client address (CA) of the master; 0 = do not care
 */
export const dlt698 = (client: number): TerminalAdapter<Frame> => {
  const peer = (terminal: string): Peer => ({ terminal, client })
  return {
    id: 'dlt698',
    longestFrame: LONGEST_FRAME,
    maxSequence: 63,
    bytesOf: ({ raw }) => raw,
    claims(first) {
      let at = 0
      while (first[at] === WAKE_UP) at++
      if (at === first.length) return 'more'
      if (first[at] !== START) return 'no'
      const header = readHeader(first, at, first.length)
      if (header.ok) return 'yes'
      return header.error.code === 'DLT698_TRUNCATED' ? 'more' : 'no'
    },
    deframer: createDeframer,
    ear: createEar,
    address(text) {
      const digits = text.trim()
      if (!/^\d{1,32}$/.test(digits)) return fail('DLT698_ADDRESS', `"${text}" is no address of a terminal: 1 to 32 digits`)
      return ok(digits)
    },
    sender({ sa, apdu, control, fragment }) {
      const isClient = fragment === null && apdu[0] !== undefined ? CLIENT_TAGS.has(apdu[0]) : (control & CONTROL.dir) === 0
      if (sa.type !== 'single' || isClient || !/^\d+$/.test(sa.address)) return null
      return sa.address
    },
    plan: planRead,
    read: (terminal, plan, meters, frameLimit, now) => read(peer(terminal), plan, meters, frameLimit, now),
    *clock(terminal) {
      const got = yield* getOne(peer(terminal), CLOCK)
      if (!got.ok) return got
      const time = got.value.t === 'date_time_s' ? timeOf(got.value.v) : null
      return time ? ok(time) : fail('DLT698_VALUE', 'the clock shows no time')
    },
    setClock: (terminal, time) => setOne(peer(terminal), CLOCK, { t: 'date_time_s', v: timeText(time) }),
    archive: (terminal, numbers) => readArchive(peer(terminal), numbers),
    writeArchive: (terminal, records, frameLimit) => writeArchive(peer(terminal), records, frameLimit),
    deleteArchive: (terminal, numbers) => deleteArchive(peer(terminal), numbers),
    events: (terminal, level, from, to) => readEvents(peer(terminal), level, from, to),
    // biome-ignore lint/correctness/useYield: the protocol has no counters, so there is nothing to ask
    *eventCounters() {
      return fail('DLT698_COMMAND', 'DL/T 698.45 has no event counters: events are read by their records')
    },
    routes: (terminal, meters) => readRoutes(peer(terminal), new Set(meters.map(({ address }) => address))),
    parameters: PARAMETERS,
    getParameter: (terminal, id) => getParameter(peer(terminal), id),
    setParameter: (terminal, id, _pn, value) => setParameter(peer(terminal), id, value),
    forward: (terminal, settings, bytes) => forward(peer(terminal), settings, bytes),
    query: (terminal, question) => query(peer(terminal), question),
    // biome-ignore lint/correctness/useYield: nothing is sent
    *control(_terminal, act) {
      return fail('DLT698_CONTROL', `${act} was not sent`)
    },
    describe,
  }
}
