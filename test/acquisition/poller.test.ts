import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { modbusRtu } from '../../protocols/modbus/adapter.ts'
import { bindProtocol, countTalk, type Device, HalfDuplexLine, isBackedOff, newTalkCounts, Poller } from '../../src/acquisition/index.ts'
import { anyAdapter, type RegisterPlan, systemClock } from '../../src/core/index.ts'
import { memoryTransport } from '../../src/transport/index.ts'
import { blockProfile, busOf } from '../support/bus.ts'

// Time is the test's own: what the figures say is line time, whatever else this machine is doing.
beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

/** A meter on a 2400 baud line: its reaction and the time its answer takes on the wire. */
const REACTION = 180
const TIMEOUT = 1000

/** Lets time pass until something is done. */
const until = async <T>(done: Promise<T>): Promise<T> => {
  let isOver = false
  const end = () => {
    isOver = true
  }
  done.then(end, end)
  while (!isOver) await vi.advanceTimersByTimeAsync(5)
  return done
}

const open = (meters: number, silent: ReadonlySet<number> = new Set()) => {
  const { transport, far } = memoryTransport()
  const bus = busOf(far, REACTION, silent)
  const line = new HalfDuplexLine(transport, { id: 'bus', quietMs: 0, twinQuietMs: 0 })
  const poller = new Poller(line, systemClock)
  const bind = bindProtocol(anyAdapter(modbusRtu), line)
  const devices = Array.from({ length: meters }, (_, at) =>
    bind({ id: `M${at + 1}`, address: String(at + 1), profile: blockProfile(4), reactionMs: TIMEOUT }),
  )
  const plans = new Map<Device, RegisterPlan>()
  for (const device of devices) {
    const plan = device.plan({ kind: 'current' })
    if (!plan.ok) throw new Error(plan.error.message)
    plans.set(device, plan.value)
  }
  const read = (device: Device, priority: 'current' | 'demand' = 'current') => {
    const plan = plans.get(device)
    if (!plan) throw new Error('no plan')
    return poller.read(device, plan, { priority, ...(priority === 'demand' ? { insist: true } : {}) })
  }
  /** One round over all meters; resolves with its duration when every living one was read. */
  const round = async (): Promise<number> => {
    const began = performance.now()
    const reads = devices.map(async (device) => ({ device, result: await read(device) }))
    for (const { device, result } of await Promise.all(reads)) if (!silent.has(Number(device.spec.address))) expect(result.ok).toBe(true)
    return performance.now() - began
  }
  return { bus, line, poller, devices, plans, read, round }
}

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0

it('lets one dead meter of 32 cost the others at most 10 %', async () => {
  const healthy = open(32)
  const ill = open(32, new Set([7]))
  const rounds: { healthy: number[]; ill: number[] } = { healthy: [], ill: [] }
  const probesOf = ({ bus }: typeof ill) => bus.asked.filter((unit) => unit === 7).length
  const probes = { before: 0 }
  // Side by side and without a pause: an idle line may probe as much as it likes.
  const run = async (site: typeof ill, times: number[]) => {
    for (let nth = 0; nth < 12; nth++) {
      if (nth === 2) probes.before = probesOf(ill)
      times.push(await site.round())
    }
  }
  await until(Promise.all([run(healthy, rounds.healthy), run(ill, rounds.ill)]))
  const sum = (values: readonly number[]) => values.slice(2).reduce((total, value) => total + value, 0)
  // What waiting for it takes of the time there was: a share, whatever machine this is.
  expect((probesOf(ill) - probes.before) * TIMEOUT).toBeLessThanOrEqual(0.1 * sum(rounds.ill) + TIMEOUT)
  // It is not forgotten: it goes on being probed.
  expect(ill.bus.asked.slice(-32 * 3).filter((unit) => unit === 7).length).toBeGreaterThan(0)
})

it('reads a revived meter again within two rounds', async () => {
  const silent = new Set([3])
  const { round, read, devices } = open(32, silent)
  for (let nth = 0; nth < 4; nth++) await until(round())
  silent.delete(3)
  const third = devices[2]
  if (!third) throw new Error('no device')
  expect(devices.filter(({ health }) => isBackedOff(health))).toEqual([third])
  const results: boolean[] = []
  for (let nth = 0; nth < 8 && !results.includes(true); nth++) {
    const others = Promise.all(devices.filter((device) => device !== third).map((device) => read(device)))
    results.push((await until(read(third))).ok)
    await until(others)
  }
  expect(results.indexOf(true)).toBeGreaterThanOrEqual(0)
  expect(results.indexOf(true)).toBeLessThanOrEqual(2)
  expect(isBackedOff(third.health)).toBe(false)
})

it('reads on demand before everything that waits, and between two exchanges of a running read', async () => {
  const { bus, read, devices } = open(8)
  const all = devices.map((device) => read(device))
  const last = devices[7]
  if (!last) throw new Error('no device')
  const urgent = read(last, 'demand')
  await until(urgent)
  expect(bus.asked.indexOf(8)).toBeLessThanOrEqual(1)
  await until(Promise.all(all))
})

it('drops reads that nobody wants any more, and ends them all when the line closes', async () => {
  const { bus, poller, devices, plans } = open(4)
  const over = new AbortController()
  const [first, second, third] = devices
  if (!first || !second || !third) throw new Error('no devices')
  const wanted = (device: Device, signal?: AbortSignal) => {
    const plan = plans.get(device)
    if (!plan) throw new Error('no plan')
    return poller.read(device, plan, { priority: 'current', ...(signal ? { signal } : {}) })
  }
  const running = wanted(first)
  const dropped = [wanted(second, over.signal), wanted(second, over.signal)]
  const kept = wanted(third)
  over.abort()
  expect((await until(running)).ok).toBe(true)
  expect((await until(kept)).ok).toBe(true)
  for (const each of dropped) expect(await until(each)).toMatchObject({ ok: false, error: { code: 'READ_CANCELLED' } })
  expect(bus.asked).not.toContain(2)
  const last = [wanted(first), wanted(second)]
  poller.queue.close()
  poller.line.close()
  for (const each of last) expect((await until(each)).ok).toBe(false)
})

it('gives every meter its turn: the one that has used the line least is next', async () => {
  const { bus, read, devices } = open(3)
  const [greedy, other, third] = devices
  if (!greedy || !other || !third) throw new Error('no devices')
  const many = Array.from({ length: 10 }, () => read(greedy))
  const one = [read(other), read(third)]
  await until(Promise.all(one))
  expect(bus.asked.length).toBeLessThanOrEqual(6)
  await until(Promise.all(many))
  expect(median(bus.asked)).toBe(1)
})

it('counts for each meter what its exchanges came to', async () => {
  const { devices, read } = open(2, new Set([2]))
  for (const device of devices) for (let nth = 0; nth < 2; nth++) await until(read(device))
  const [heard, silent] = devices.map(({ health }) => health.talk)
  expect(heard).toMatchObject({ exchanges: 2, answered: 2, noReply: 0, damaged: 0, foreign: 0 })
  expect(heard?.latencySumMs).toBeGreaterThanOrEqual(2 * REACTION)
  // A second attempt after the first silence, and none once it has failed before.
  expect(silent).toEqual({ exchanges: 3, answered: 0, noReply: 3, damaged: 0, foreign: 0, latencySumMs: 0 })
})

it.each([
  ['LINE_NO_REPLY', { exchanges: 1, noReply: 1 }],
  ['LINE_DAMAGED', { exchanges: 1, damaged: 1 }],
  ['LINE_STRANGER', { exchanges: 1, foreign: 1 }],
  ['LINE_DOWN', { exchanges: 0 }],
])('counts %s as what it says of the meter', (code, counts) => {
  const talk = newTalkCounts()
  countTalk(talk, 100, code)
  expect(talk).toEqual({ ...newTalkCounts(), ...counts })
})
