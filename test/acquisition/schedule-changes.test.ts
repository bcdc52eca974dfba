import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import {
  Calendar,
  type Device,
  newTalkCounts,
  type Poller,
  Schedule,
  type Taken,
  type TaskDefinition,
} from '../../src/acquisition/index.ts'
import type { Clock, GatewayError, ReadKind, Result } from '../../src/core/index.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

const T0 = Date.parse('2026-11-21T10:07:00+08:00')
const MINUTE = 60_000
const QUARTER = { unit: 'ms' as const, ms: 15 * MINUTE }
const CURRENT: TaskDefinition = { id: 'current', read: 'current', period: QUARTER, offsetMs: 0, spreadMs: 0 }
const DAYS: TaskDefinition = { id: 'days', read: 'day-freeze', period: { unit: 'day', count: 1 }, offsetMs: 0, spreadMs: 0 }

const deviceOf = (id: string): Device => ({
  spec: { id, address: '1', profile: { id: 'p', protocol: 'x' }, reactionMs: 100 },
  health: {
    failures: 0,
    lastAnswerAt: null,
    lastError: null,
    usualMs: null,
    due: 0,
    read: 0,
    firstTry: 0,
    missed: 0,
    late: 0,
    reasons: new Map(),
    talk: newTalkCounts(),
  },
  plan: ({ kind }) => ({ ok: true, value: { source: kind === 'current' ? 'live' : kind, values: [] } }),
  read: () => Promise.reject(new Error('not used')),
  clock: () => null,
  probe: () => Promise.reject(new Error('not used')),
})

const cancelled = (code = 'READ_CANCELLED'): Result<Taken> => {
  const error: GatewayError = { code, message: code, hint: '', recovery: 'retry', context: {} }
  return { ok: false, error }
}

/** Devices whose answers a test gives by hand, or which answer at once. */
const site = (tasks: readonly TaskDefinition[], ids: readonly string[], stored: number | null = null) => {
  const shift = T0 - Date.now()
  const clock: Clock = { now: () => Date.now() + shift, monotonic: () => performance.now(), speed: 1 }
  const calendar = new Calendar('Asia/Shanghai')
  const devices = new Map(ids.map((id) => [id, deviceOf(id)]))
  const asked: { id: string; at: number; kind: ReadKind | 'live'; device: Device }[] = []
  const held: { id: string; signal: AbortSignal | undefined; end: (result: Result<Taken>) => void; answer: () => void }[] = []
  const told: string[] = []
  let holds: (id: string) => boolean = () => false
  const read: Poller['read'] = (device, plan, { signal }) => {
    const { id } = device.spec
    asked.push({ id, at: clock.now(), kind: plan.source as ReadKind, device })
    // A freeze is of midnight, whichever it is.
    const taken: Taken = {
      device,
      plan,
      samples: [{ at: null, raws: [], scalers: null, absent: null }],
      receivedAt: clock.now(),
      isFirstTry: true,
    }
    if (!holds(id)) return Promise.resolve({ ok: true, value: taken })
    return new Promise((resolve) => held.push({ id, signal, end: resolve, answer: () => resolve({ ok: true, value: taken }) }))
  }
  const taken: string[] = []
  const schedule = new Schedule({
    clock,
    calendar,
    tasks: tasks.map((task) => ({ ...task, devices: ids })),
    find: (id) => {
      const device = devices.get(id)
      return device ? { device, poller: { read } } : null
    },
    take: async ({ device }) => {
      taken.push(device.spec.id)
      return { ok: true, value: undefined }
    },
    newest: () => stored,
    log: () => undefined,
    longestWaitMs: 1000,
    events: {
      due: ({ id }, device) => told.push(`due ${id} ${device}`),
      read: ({ id }, device) => told.push(`read ${id} ${device}`),
      missed: ({ id }, device, _label, _tries, code) => told.push(`missed ${id} ${device} ${code}`),
      failed: ({ id }, device, _label, _tries, code) => told.push(`failed ${id} ${device} ${code}`),
    },
  })
  const hold = (which: (id: string) => boolean) => {
    holds = which
  }
  const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms)
  return { schedule, asked, held, hold, told, taken, devices, pass, clock }
}
const IN = new Set(['current'])
const OUT = new Set<string>()

it('leaves everybody else to the millisecond alone when a device joins, leaves or is replaced', async () => {
  const { schedule, asked, devices, pass } = site([{ ...CURRENT, spreadMs: 5 * MINUTE }], ['A', 'B'], T0)
  schedule.start()
  await pass(20 * MINUTE)
  devices.set('C', deviceOf('C'))
  schedule.place('C', IN, false)
  await pass(3 * MINUTE)
  schedule.place('B', OUT, false)
  devices.set('C', deviceOf('C'))
  schedule.place('C', IN, true)
  await pass(59 * MINUTE)
  const times = asked.filter(({ id }) => id === 'A').map(({ at }) => at)
  expect(times.length).toBeGreaterThanOrEqual(5)
  for (const [at, time] of times.entries()) if (at > 0) expect(time - (times[at - 1] ?? 0)).toBe(15 * MINUTE)
  expect(schedule.status()).toMatchObject([{ devices: 2, open: 0 }])
  await schedule.stop(0)
})

it('reads a device that joins within two seconds, and not again what is stored already', async () => {
  for (const [stored, reads] of [
    [null, 1],
    [T0, 0],
  ] as const) {
    const { schedule, asked, devices, pass } = site([{ ...CURRENT, spreadMs: 10 * MINUTE }], [], stored)
    schedule.start()
    await pass(1000)
    devices.set('N', deviceOf('N'))
    schedule.place('N', IN, false)
    await pass(2500)
    expect(asked.filter(({ id }) => id === 'N')).toHaveLength(reads)
    await schedule.stop(0)
  }
})

it('fetches the freezes of the last days for a device that joins', async () => {
  const { schedule, asked, devices, pass } = site([CURRENT, DAYS], [])
  schedule.start()
  devices.set('N', deviceOf('N'))
  schedule.place('N', new Set(['current', 'days']), false)
  await pass(1000)
  expect(asked.map(({ kind }) => kind).sort()).toEqual(['day-freeze', 'day-freeze', 'day-freeze', 'live'])
  await schedule.stop(0)
})

it('gives up what is open for a device that leaves, but counts an answer that is on its way', async () => {
  const { schedule, held, hold, told, taken, devices, pass } = site([CURRENT], ['A', 'B', 'C'])
  hold(() => true)
  schedule.start()
  await pass(10)
  expect(held.map(({ id }) => id)).toEqual(['A', 'B', 'C'])
  for (const id of ['A', 'B', 'C']) {
    schedule.place(id, OUT, false)
    devices.delete(id)
  }
  expect(held.every(({ signal }) => signal?.aborted)).toBe(true)
  held[0]?.answer()
  held[1]?.end(cancelled())
  held[2]?.end(cancelled('LINE_NO_REPLY'))
  await pass(60 * MINUTE)
  expect(told.slice(3).sort()).toEqual(['missed current B READ_WITHDRAWN', 'missed current C READ_WITHDRAWN', 'read current A'])
  expect(taken).toEqual(['A'])
  expect(schedule.totals()).toMatchObject({ due: 3, read: 1, missed: 2 })
  expect(schedule.status()).toMatchObject([{ devices: 0, open: 0 }])
  await schedule.stop(0)
})

it('asks again, without counting a try, what was taken off a line that is replaced', async () => {
  const { schedule, held, hold, told, devices, asked, pass } = site([CURRENT], ['A'])
  hold(() => true)
  schedule.start()
  await pass(10)
  devices.set('A', deviceOf('A'))
  schedule.place('A', IN, true)
  held[0]?.end(cancelled())
  hold(() => false)
  await pass(1000)
  expect(asked.map(({ device }) => device === devices.get('A'))).toEqual([false, true])
  expect(told).toEqual(['due current A', 'read current A'])
  expect(schedule.totals()).toMatchObject({ due: 1, read: 1, firstTry: 1, missed: 0 })
  await schedule.stop(0)
})

it('changes the period of a task without touching what is open, and keeps its counters', async () => {
  const { schedule, asked, pass, clock } = site([CURRENT], ['A'], null)
  schedule.start()
  await pass(10 * MINUTE)
  const before = asked.length
  schedule.define([{ ...CURRENT, period: { unit: 'ms', ms: MINUTE } }])
  await pass(5 * MINUTE + 500)
  expect(asked.length - before).toBeGreaterThanOrEqual(5)
  const minutes = asked.slice(before + 1).map(({ at }) => at % MINUTE)
  for (const off of minutes) expect(off).toBeLessThan(1000)
  expect(schedule.status()).toMatchObject([{ id: 'current', everyMs: MINUTE, devices: 1 }])
  expect(schedule.totals().due).toBe(asked.length)
  expect(schedule.status()[0]?.nextAt).toBeGreaterThan(clock.now() - 1)
  await schedule.stop(0)
})

it('does not ask again for a freeze that is asked for at another time from now on', async () => {
  const { schedule, asked, told, pass } = site([DAYS], ['A', 'B'])
  schedule.start()
  await pass(5000)
  const before = asked.length
  expect(before).toBeGreaterThan(0)
  schedule.define([{ ...DAYS, offsetMs: 5 * MINUTE }])
  await pass(5000)
  expect(asked.length).toBe(before)
  expect(told.some((text) => text.startsWith('missed'))).toBe(false)
  // The next one is asked for, at its new time.
  await pass(14 * 60 * MINUTE)
  expect(asked.length).toBe(before + 2)
  await schedule.stop(0)
})

it('forgets no figure of a task that is taken away, and waits for what it has under way', async () => {
  const { schedule, held, hold, told, pass } = site([CURRENT], ['A', 'B'])
  hold((id) => id === 'B')
  schedule.start()
  await pass(10)
  schedule.define([])
  expect(schedule.status()).toEqual([])
  expect(schedule.totals()).toMatchObject({ due: 2, read: 1, missed: 0 })
  held[0]?.answer()
  await pass(10)
  expect(schedule.totals()).toMatchObject({ due: 2, read: 2, missed: 0 })
  schedule.define([{ ...CURRENT, id: 'other' }])
  expect(schedule.totals()).toMatchObject({ due: 2, read: 2 })
  expect(told.at(-1)).toBe('read current B')
  schedule.place('A', new Set(['other']), false)
  await pass(10)
  expect(schedule.status()).toMatchObject([{ id: 'other', due: 1, read: 1 }])
  await schedule.stop(0)
})

it('gives up what is open when a task reads something else from now on', async () => {
  const { schedule, hold, told, held, asked, pass } = site([CURRENT], ['A'])
  hold(() => true)
  schedule.start()
  await pass(10)
  schedule.define([{ ...DAYS, id: 'current' }])
  held[0]?.end(cancelled())
  hold(() => false)
  await pass(3000)
  expect(told.filter((line) => line.startsWith('missed'))).toEqual(['missed current A READ_WITHDRAWN'])
  expect(asked.filter(({ kind }) => kind === 'day-freeze')).toHaveLength(3)
  const { due, read, missed } = schedule.totals()
  expect(due).toBe(read + missed)
  await schedule.stop(0)
})
