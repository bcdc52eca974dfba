import { onTestFinished } from 'vitest'
import { Calendar } from '../../src/acquisition/index.ts'
import type { TalkOf, TerminalSettings } from '../../src/acquisition/terminals/types.ts'
import { ClockStore } from '../../src/collection/clock-store.ts'
import {
  type ArchiveRecord,
  anyTerminalAdapter,
  failWith,
  type MeterTime,
  ok,
  type Profile,
  type Result,
  type TerminalAdapter,
  type TerminalEvent,
  type TerminalTalk,
} from '../../src/core/index.ts'
import type { ArchivedMeter } from '../../src/gateway/archive-wanted.ts'
import { ClockKeeper } from '../../src/gateway/clock-keeper.ts'
import { openConcentrators } from '../../src/gateway/start-concentrators.ts'
import { Ledger } from '../../src/ledger/index.ts'
import { scratch } from '../support/processes.ts'

const CALENDAR = new Calendar('Asia/Shanghai')
export const at = (text: string) => Date.parse(`2026-11-22T${text}+08:00`)
const fail = failWith({
  TERMINAL_OFFLINE: { recovery: 'wait', hint: 'wait' },
  TERMINAL_NO_REPLY: { recovery: 'retry', hint: 'wait' },
  FAKE_REFUSED: { recovery: 'stop', hint: 'look' },
  FAKE_NO_DATA: { recovery: 'skip', hint: 'later' },
})

export const recordOf = (number: number, change: Partial<ArchiveRecord> = {}): ArchiveRecord => ({
  ...{
    number,
    pn: number,
    port: 31,
    baud: 0,
    protocol: 'dlt645-2007',
    address: String(number).padStart(12, '0'),
    password: '000000000000',
  },
  ...{ tariffs: 4, integerDigits: 6, decimals: 2, collector: '000000000000', userClass: 5, userSubclass: 0, ...change },
})

export const meterOf = (number: number, change: Partial<ArchivedMeter> = {}): ArchivedMeter => ({
  ...{ id: `M-${number}`, address: String(number), profile: 'gw3761/usual', measuringPoint: null, archiveNumber: null, port: null },
  ...{ collector: null, ...change },
})

/** A request as it goes over the wire of these tests, and its answer. */
interface Said {
  readonly what: string
  readonly args: readonly unknown[]
}
interface Frame {
  readonly answer: unknown
}

/** What a terminal of these tests remembers and how it behaves. */
export interface FakeTerminal {
  online: boolean
  records: Map<number, ArchiveRecord>
  parameters: Map<string, unknown>
  driftMs: number
  events: readonly TerminalEvent[]
  /** Told of everything that reaches it; what it returns is the answer, undefined = it answers as usual. */
  before: (said: Said) => Result<unknown> | undefined
  /** Every request that left for it. */
  readonly sent: (Said & { readonly writes: boolean })[]
}

const encode = (said: Said): Uint8Array => new TextEncoder().encode(JSON.stringify(said))

/** Whatever is asked goes over one request. */
function* one<T>(what: string, args: readonly unknown[], writes = false, reach: 'terminal' | 'field' = 'terminal'): TerminalTalk<T, Frame> {
  const frames = yield { make: () => encode({ what, args }), judge: () => 'last', reach, ...(writes ? { writes } : {}) }
  if (!frames.ok) return frames
  // The terminal of these tests answers with what was asked for.
  return ok(frames.value[0]?.answer as T)
}

export const fakeAdapter: TerminalAdapter<Frame> = {
  ...{ id: 'gw3761', longestFrame: 1000, maxSequence: 15, claims: () => 'yes' },
  deframer: () => ({ push: () => [], flush: () => null }),
  ear: () => ({ hear: () => [], counters: () => null, eventsWait: () => false }),
  ...{ address: (text) => ok(text), sender: () => null },
  plan: (_profile, { kind }) =>
    ok({
      ...{ kind, key: kind, source: 'live', metersPerRequest: () => 8 },
      values: [{ obis: '1-0:1.8.0', unit: 'kWh', scaler: -2, ratio: 'ctpt' }],
    }),
  read: function* (_terminal, _plan, meters) {
    const answer = yield* one<Record<string, number | null>>('read', [meters.map(({ pn, address }) => pn ?? address)])
    if (!answer.ok) return answer
    return ok(
      meters.map(({ id, pn, address }) => {
        const raw = answer.value[String(pn ?? address)]
        return raw === undefined ? fail('FAKE_NO_DATA', `nothing of ${id}`) : ok([{ at: null, raws: [raw], scalers: null, absent: null }])
      }),
    )
  },
  clock: () => one('clock', []),
  setClock: (_terminal, time) => one('setClock', [time], true),
  archive: (_terminal, numbers) => one('archive', [numbers ?? null]),
  writeArchive: (_terminal, records) => one('writeArchive', [records], true),
  deleteArchive: (_terminal, numbers) => one('deleteArchive', [numbers], true),
  events: (_terminal, level, from, to) => one('events', [level, from, to]),
  eventCounters: () => one('eventCounters', []),
  routes: (_terminal, meters) => one('routes', [meters.map(({ pn }) => pn)], false, 'field'),
  parameters: [
    {
      ...{ id: 'F1', label: { en: 'up-link', zh: '终端通信参数' }, perPoint: false, isSettable: true },
      schema: { type: 'object', required: ['heartbeatMin'], properties: { heartbeatMin: { type: 'integer', minimum: 1, maximum: 255 } } },
    },
    { ...{ id: 'F25', label: { en: 'point basics', zh: '测量点基本参数' }, perPoint: true, isSettable: true }, schema: { type: 'object' } },
    { ...{ id: 'F7', label: { en: 'own IP', zh: '终端IP' }, perPoint: false, isSettable: false }, schema: { type: 'object' } },
  ],
  getParameter: (_terminal, id, pn) => one('get', [id, pn]),
  setParameter: (_terminal, id, pn, value) => one('set', [id, pn, value], true),
  forward: (_terminal, settings, bytes) =>
    (function* (): TerminalTalk<Uint8Array, Frame> {
      const answer = yield* one<readonly number[]>('forward', [settings.port, [...bytes]], false, 'field')
      return answer.ok ? ok(Uint8Array.from(answer.value)) : answer
    })(),
  query: (_terminal, { item, meter }) =>
    (function* () {
      const answer = yield* one<string>('query', [item, meter?.pn ?? 0])
      if (!answer.ok) return answer
      return ok([{ item, label: null, meter: null, facts: [{ name: 'value', value: answer.value, unit: 'V' }], raw: Uint8Array.of(1, 2) }])
    })(),
  control: function* (_terminal, act, target) {
    return act === 'close' ? fail('FAKE_REFUSED', 'there is no close') : yield* one<null>('control', [act, target], true)
  },
  describe: () => 'a frame',
}

const timeOf = (instant: number): MeterTime => CALENDAR.meterTime(instant)

const answerOf = (terminal: FakeTerminal, { what, args }: Said, now: number): unknown => {
  const key = ([id, pn]: readonly unknown[]) => `${String(id)} ${String(pn)}`
  const answers: Readonly<Record<string, () => unknown>> = {
    clock: () => timeOf(now + terminal.driftMs),
    setClock: () => {
      terminal.driftMs = 0
      return null
    },
    archive: () => [...terminal.records.values()],
    writeArchive: () => {
      const [records] = args as [readonly ArchiveRecord[]]
      for (const record of records) terminal.records.set(record.number, record)
      return records.map(() => ok(null))
    },
    deleteArchive: () => {
      const [numbers] = args as [readonly number[]]
      for (const number of numbers) terminal.records.delete(number)
      return numbers.map(() => ok(null))
    },
    events: () => terminal.events,
    eventCounters: () => ({ important: 12, normal: 3 }),
    routes: () => [{ meter: { pn: 1 }, facts: { signal: 9, hops: null } }],
    get: () => terminal.parameters.get(key(args)) ?? { heartbeatMin: 5 },
    set: () => {
      terminal.parameters.set(key(args), args[2])
      return null
    },
    read: () => ({ '1': 12345, '2': null }),
    query: () => '230.1',
    forward: () => [],
    control: () => null,
  }
  return answers[what]?.() ?? null
}

/** A site with concentrator C-1 and terminals that answer out of memory. */
export const concentratorSite = (meters: readonly ArchivedMeter[] = [], start = at('10:20:00')) => {
  let now = start
  let allowWrites = true
  let mayControl = true
  const directory = scratch()
  const clock = { now: () => now, monotonic: () => now, speed: 1 }
  const ledger = new Ledger(directory)
  const terminal: FakeTerminal = {
    ...{ online: true, records: new Map(), parameters: new Map(), driftMs: 0, events: [], before: () => undefined, sent: [] },
  }
  const put = (list: readonly ArchivedMeter[]) => {
    const done = ledger.apply(
      [
        { kind: 'concentrator', id: 'C-1', from: null, set: { address: '4510-21', protocol: 'gw3761', name: 'Mill' } },
        ...list.flatMap(({ id, address, profile, measuringPoint, archiveNumber, port, collector }) => [
          { kind: 'point' as const, id: `P-${id}`, from: null, set: { name: id } },
          {
            ...{ kind: 'meter' as const, id, from: null },
            set: { point: `P-${id}`, line: 'C-1', address, profile, measuringPoint, archiveNumber, port, collector },
          },
        ]),
      ],
      { what: 'import', who: 'test', why: 'test', workOrder: null, at: now },
    )
    if (!done.ok) throw new Error(JSON.stringify(done.error))
  }
  put(meters)
  const settings = (): TerminalSettings => ({
    ...{ id: 'C-1', address: '4510-21', protocol: 'gw3761', allowWrites, frameLimit: 1000, heartbeatMs: null, window: 1 },
    ...{ answerMs: 1000, fieldAnswerMs: 1000 },
  })
  const store = new ClockStore(directory)
  const keeper = new ClockKeeper({
    field: { meter: () => null, meters: () => [].values(), lines: [], calendar: CALENDAR },
    ...{ store, clock, put: async () => ok(undefined), log: () => undefined },
    config: {
      ...{ sweep: false, fromMin: 0, toMin: 0, nearHourMs: 300_000, nearMidnightMs: 1_800_000, set: true, twoPersons: false },
      ...{ password: null, level: '02', operator: '00000000' },
    },
  })
  const listeners = new Set<(what: 'tx' | 'rx', bytes: Uint8Array) => void>()
  const ask = async <T>(id: string, talk: TalkOf<T>): Promise<Result<T>> => {
    if (id !== 'C-1' || !terminal.online) return fail('TERMINAL_OFFLINE', `${id} is not connected`)
    await new Promise((resolve) => setImmediate(resolve))
    const going = talk(fakeAdapter)
    let step = going.next()
    while (!step.done) {
      const bytes = step.value.make(0)
      const said: Said = JSON.parse(new TextDecoder().decode(bytes))
      terminal.sent.push({ ...said, writes: step.value.writes === true })
      for (const listener of listeners) listener('tx', bytes)
      const own = terminal.before(said)
      const answer = own ?? ok(answerOf(terminal, said, now))
      for (const listener of answer.ok ? listeners : []) listener('rx', bytes)
      step = going.next(answer.ok ? ok([{ answer: answer.value }]) : answer)
    }
    return step.value
  }
  const strangers: string[] = []
  const taken: TerminalEvent[] = []
  const profiles = new Map<string, Profile>([
    ['gw3761/usual', { id: 'gw3761/usual', protocol: 'gw3761', live: 'dlt645-2007/usual' }],
    ['gw3761/old', { id: 'gw3761/old', protocol: 'gw3761', live: 'dlt645-1997/usual' }],
  ])
  const open = () => {
    const opened = openConcentrators({
      ...{ directory, clock, ledger, keeper, log: () => undefined },
      apply: async (patches, act) => ledger.apply(patches, act),
      terminals: {
        ask,
        status: (id) => (id === 'C-1' && terminal.online ? STATUS : null),
        figures: () => null,
        trace: (_id, listener) => {
          const hear = (what: 'tx' | 'rx', bytes: Uint8Array) =>
            listener({ line: 'C-1', at: now, what, bytes, text: '', device: null, protocol: 'gw3761', again: false })
          listeners.add(hear)
          return () => listeners.delete(hear)
        },
      },
      settingsOf: (id) => (id === 'C-1' ? settings() : null),
      adapterOf: (protocol) => (protocol === 'gw3761' ? anyTerminalAdapter(fakeAdapter) : null),
      profiles,
      strangers: {
        noteStranger: ({ address }) => {
          strangers.push(address)
          return null
        },
      },
      mayControl: () => mayControl,
      takeEvents: async (_id, events) => {
        taken.push(...events)
        return ok(undefined)
      },
      events: () => [],
    })
    return opened
  }
  let opened = open()
  onTestFinished(async () => {
    await opened.stop(100)
    opened.close()
    store.close()
    ledger.close()
  })
  const by = { who: 'li', why: 'order 7' }
  return {
    ...{ terminal, ledger, put, by, profiles, strangers, taken, keeper },
    get port() {
      return opened.port
    },
    get opened() {
      return opened
    },
    pass: (ms: number) => {
      now += ms
    },
    now: () => now,
    allow: (is: boolean) => {
      allowWrites = is
    },
    control: (is: boolean) => {
      mayControl = is
    },
    restart: () => {
      opened.close()
      opened = open()
    },
    /** Orders something and waits for its end. */
    done: async (order: Parameters<typeof opened.port.begin>[1]) => {
      const begun = opened.port.begin('C-1', order, by)
      if (!begun.ok) return { refused: begun.error.error, because: begun.error.because, job: null }
      const ended = await opened.port.wait('C-1', begun.value.id, 5000)
      return { refused: null, because: null, job: ended.ok ? ended.value : null }
    },
  }
}

const STATUS = {
  ...{ address: '4510-21', protocol: 'gw3761' as const, id: 'C-1', peer: '10.0.0.9:1', listener: 'l', since: 1, lastFrameAt: 2 },
  ...{ heartbeatMs: 60_000, queued: 0, underWay: 0 },
  figures: {
    ...{ logins: 1, heartbeats: 0, reports: 0, requests: 0, answered: 0, noReply: 0, refused: 0, damagedBytes: 0, strangers: 0 },
    ...{ latencySumMs: 0, bytesIn: 0, bytesOut: 0 },
  },
}

export const silence = (): Result<never> => fail('TERMINAL_NO_REPLY', 'no answer')
export const refusal = (): Result<never> => fail('FAKE_REFUSED', 'it refused')
export const refusedRecord = (): Result<null> => fail('FAKE_REFUSED', 'it refused this record')
