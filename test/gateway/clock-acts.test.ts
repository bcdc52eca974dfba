import { describe, expect, it, onTestFinished } from 'vitest'
import { Calendar, type ClockRead, type DeviceClock, JobQueue } from '../../src/acquisition/index.ts'
import { ClockStore } from '../../src/collection/clock-store.ts'
import type { ClocksConfig } from '../../src/config/clocks.ts'
import { Secret } from '../../src/config/secret.ts'
import { err, type GatewayError, type MeterTime, ok, type Result } from '../../src/core/index.ts'
import { ClockActs } from '../../src/gateway/clock-acts.ts'
import { type ClockDeps, ClockKeeper } from '../../src/gateway/clock-keeper.ts'
import type { FieldLine, FieldMeter } from '../../src/gateway/field.ts'
import { scratch } from '../support/processes.ts'

const CALENDAR = new Calendar('Asia/Shanghai')
const at = (text: string) => Date.parse(`2026-11-22T${text}+08:00`)
const error = (code: string): GatewayError => ({ code, message: `${code} happened`, recovery: 'retry', hint: '', context: {} })
const ordinal = ({ year, month, day, hour, minute, second }: MeterTime) =>
  Date.UTC(year, month - 1, day, hour, minute, second) - 8 * 3_600_000
const order = { who: 'li', second: null, why: 'new battery', acceptCrossing: false }

interface Meter {
  driftS: number
  /** What becomes of a write; null: it is taken. `lost`: it is taken and the answer is lost. */
  refuses?: string | 'lost' | null
  silent?: boolean
  /** Its model has no clock. */
  none?: boolean
}

/** Meters without a wire: they keep a drift and a count of what was written. */
const world = (meters: Record<string, Meter>, start: number, change: Partial<ClocksConfig> = {}) => {
  let now = start
  let mono = 1e6
  const clock = { now: () => now, monotonic: () => mono, speed: 1 }
  const pass = (ms: number) => {
    now += ms
    mono += ms
  }
  const writes: string[] = []
  const passwords: string[] = []
  const line = { id: 'bus', width: 1, state: 'up', stats: { retries: 0 } }
  const queue = new JobQueue(1)
  const poller = { line, queue, clock }
  const clockOf = (id: string, meter: Meter): DeviceClock => {
    const read = async (): Promise<Result<ClockRead>> => {
      if (meter.silent) return err(error('LINE_NO_REPLY'))
      const time = CALENDAR.meterTime(now + meter.driftS * 1000)
      return ok({ time, timing: { askedAt: mono, beganAt: mono } })
    }
    return {
      read,
      set: async (teller, _shows, { password }) => {
        writes.push(id)
        passwords.push(password)
        if (meter.refuses && meter.refuses !== 'lost') return err(error(meter.refuses))
        meter.driftS = Math.round((ordinal(teller(0)) - now) / 1000)
        return meter.refuses === 'lost' ? err(error('LINE_NO_REPLY')) : ok(null)
      },
      broadcast: async (teller) => {
        writes.push('all')
        for (const one of Object.values(meters)) if (Math.abs(one.driftS) <= 300) one.driftS = Math.round((ordinal(teller(0)) - now) / 1000)
        return ok(null)
      },
    }
  }
  const list = Object.entries(meters).map(([id, meter]) => {
    const own = clockOf(id, meter)
    const device = { spec: { id }, health: { failures: 0 }, clock: () => (meter.none ? null : own) }
    return {
      fact: { meter: id, point: `P-${id}`, line: 'bus', profile: 'p' },
      point: { id: `P-${id}`, area: 'A-1' },
      device,
      poller,
      bus: poller,
    } as unknown as FieldMeter
  })
  const lines = [{ config: { id: 'bus', allowWrites: true }, line, poller, meters: list }] as unknown as FieldLine[]
  const store = new ClockStore(scratch())
  onTestFinished(() => store.close())
  const rows: number[] = []
  const deps: ClockDeps = {
    field: { meter: (id) => list.find(({ fact }) => fact.meter === id) ?? null, meters: () => list.values(), lines, calendar: CALENDAR },
    store,
    clock,
    config: {
      ...{ sweep: true, fromMin: 150, toMin: 330, nearHourMs: 300_000, nearMidnightMs: 1_800_000, set: true, twoPersons: false },
      ...{ password: new Secret('020637'), level: '02', operator: '00000000', ...change },
    },
    put: async (readings) => {
      rows.push(...readings.map(({ raws }) => Number(raws[0])))
      return ok(undefined)
    },
    log: () => undefined,
  }
  const keeper = new ClockKeeper(deps)
  const acts = new ClockActs(keeper)
  const set = (id: string, more: Partial<typeof order> = {}) => acts.set(deps.field.meter(id)!, { ...order, ...more })
  const broadcast = () => acts.broadcast(lines[0]!, order)
  /** Lets the gateway live on until a time, looking for what is due every minute. */
  const live = async (until: number) => {
    while (now < until) {
      pass(60_000)
      keeper.tick()
      for (let turn = 0; turn < 30; turn++) await Promise.resolve()
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
  return {
    keeper,
    acts,
    store,
    writes,
    passwords,
    set,
    broadcast,
    live,
    pass,
    meters,
    rows,
    queue,
    step: (ms: number) => (now += ms),
    now: () => now,
  }
}
const codeOf = (result: Result<unknown>) => (result.ok ? 'ok' : result.error.code)

describe('setting one meter', () => {
  it('a write whose answer was lost is judged by what the clock shows', async () => {
    const { set, writes, store } = world({ M1: { driftS: -1200, refuses: 'lost' } }, at('02:40:00'))
    expect(codeOf(await set('M1'))).toBe('ok')
    expect(writes).toEqual(['M1'])
    expect(store.get('M1').lockedBy).toBeNull()
  })

  it('a write that was perhaps refused is not repeated before a person has looked', async () => {
    const { set, writes, store, acts } = world({ M1: { driftS: -1200, refuses: 'LINE_NO_REPLY' } }, at('02:40:00'))
    expect(codeOf(await set('M1'))).toBe('LINE_NO_REPLY')
    expect(codeOf(await set('M1'))).toBe('CLOCK_LOCKED')
    expect(writes).toEqual(['M1'])
    expect(store.actsOf('M1', 9)[0]).toMatchObject({ result: 'unknown', code: 'LINE_NO_REPLY' })
    expect(codeOf(acts.clear('M1', 'bus', order))).toBe('ok')
    expect(codeOf(acts.clear('M1', 'bus', order))).toBe('CLOCK_NOTHING')
  })

  it.each([
    ['a line that is down knows no password', 'LINE_DOWN', false],
    ['a wrong password', 'DLT645_UNAUTHORISED', true],
    ['a meter that would not', 'DLT645_REFUSED', false],
    ['a connection that ended', 'LINE_LOST', true],
  ])('what stops further writes: %s', async (_, code, locked) => {
    const { set, store, writes } = world({ M1: { driftS: -1200, refuses: code } }, at('02:40:00'))
    expect(codeOf(await set('M1'))).toBe(code)
    expect(writes).toHaveLength(1)
    expect(store.get('M1').lockedBy !== null).toBe(locked)
  })

  it('a silent meter is not written to', async () => {
    const { set, writes, store } = world({ M1: { driftS: -1200, silent: true } }, at('02:40:00'))
    expect(codeOf(await set('M1'))).toBe('LINE_NO_REPLY')
    expect(writes).toEqual([])
    expect(store.actsOf('M1', 9)).toEqual([])
  })

  it('what crosses an hour at every time of day needs to be accepted, and is then done away from the hours all the same', async () => {
    const { set, writes, pass } = world({ M1: { driftS: 5 * 3600 + 60 } }, at('12:30:00'))
    expect(codeOf(await set('M1'))).toBe('CLOCK_CROSSES')
    pass(27 * 60_000)
    expect(codeOf(await set('M1', { acceptCrossing: true }))).toBe('CLOCK_NOT_NOW')
    expect(writes).toEqual([])
    pass(20 * 60_000)
    expect(codeOf(await set('M1', { acceptCrossing: true }))).toBe('ok')
  })

  it('midnight is not crossed while there is a time of day that spares it, accepted or not', async () => {
    const { set } = world({ M1: { driftS: -5 * 3600 } }, at('02:30:00'))
    const refused = await set('M1', { acceptCrossing: true })
    expect(codeOf(refused)).toBe('CLOCK_NOT_NOW')
    if (!refused.ok) expect(refused.error.message).toContain('next allowed at 2026-11-22 05:30')
  })

  it('is given up when the line was busy until an hour came near', async () => {
    const { set, queue, pass, writes, store } = world({ M1: { driftS: -600 } }, at('02:54:00'))
    let free = () => {}
    const busy = (done: () => void) => {
      free = done
    }
    const work = { priority: 'demand', owner: 'other', isDropped: false, drop: () => undefined, run: busy } as const
    // It comes in between the reading and the writing.
    const setting = set('M1')
    queue.submit(work)
    for (let turn = 0; turn < 50; turn++) await Promise.resolve()
    pass(3 * 60_000)
    free()
    expect(codeOf(await setting)).toBe('CLOCK_NOT_NOW')
    expect(writes).toEqual([])
    expect(store.get('M1').lockedBy).toBeNull()
  })

  it('nobody sets anything by a clock that was just moved, or that most meters contradict', async () => {
    const moved = world({ M1: { driftS: -1200 } }, at('02:40:00'))
    moved.step(30_000)
    expect(codeOf(await moved.set('M1'))).toBe('CLOCK_OWN_DOUBT')
    moved.pass(2 * 3_600_000)
    expect(codeOf(await moved.set('M1'))).toBe('ok')
    const alone = world({ M1: { driftS: 200 }, M2: { driftS: 201 }, M3: { driftS: 199 } }, at('02:40:00'))
    for (const id of ['M1', 'M2', 'M3']) await alone.keeper.read(id, 'demand', { priority: 'demand' })
    expect(codeOf(await alone.set('M1'))).toBe('CLOCK_OWN_DOUBT')
    expect(codeOf(await alone.broadcast())).toBe('CLOCK_OWN_DOUBT')
    expect(alone.writes).toEqual([])
  })

  it('two settings in a month that did not help make a clock faulty', async () => {
    const { set, keeper, meters, pass } = world({ M1: { driftS: -1200 } }, at('02:40:00'))
    for (let time = 0; time < 2; time++) {
      expect(codeOf(await set('M1'))).toBe('ok')
      pass(86_400_000)
      meters.M1!.driftS = -1200
    }
    await keeper.read('M1', 'sweep', { priority: 'curve' })
    expect(keeper.judge('M1').state).toBe('faulty')
  })
})

describe('settings that change while something waits', () => {
  /** Keeps the line busy until it is let go. */
  const occupy = (queue: JobQueue) => {
    let free = () => {}
    const run = (done: () => void) => {
      free = done
    }
    queue.submit({ priority: 'demand', owner: 'other', isDropped: false, drop: () => undefined, run })
    return () => free()
  }
  const turns = async () => {
    for (let turn = 0; turn < 50; turn++) await Promise.resolve()
  }

  it.each([
    ['switched off', { set: false }, 'CLOCK_OFF'],
    ['without a password', { password: null }, 'CLOCK_NO_PASSWORD'],
    ['for two persons', { twoPersons: true }, 'CLOCK_SECOND'],
    ['kept away from hours further', { nearHourMs: 20 * 60_000 }, 'CLOCK_NOT_NOW'],
  ])('the setting of a meter that waits for its line ends unsent: %s', async (_, change, code) => {
    const { set, queue, keeper, writes, store } = world({ M1: { driftS: -600 } }, at('02:45:00'))
    const setting = set('M1')
    const free = occupy(queue)
    await turns()
    keeper.use({ ...keeper.config, ...change })
    free()
    expect(codeOf(await setting)).toBe(code)
    expect(writes).toEqual([])
    expect(store.get('M1').lockedBy).toBeNull()
    expect(store.actsOf('M1', 9)[0]).toMatchObject({ result: 'failed', code })
  })

  it('a password that was changed is the one that is sent', async () => {
    const { set, queue, keeper, writes, passwords } = world({ M1: { driftS: -600 } }, at('02:40:00'))
    const setting = set('M1')
    const free = occupy(queue)
    await turns()
    keeper.use({ ...keeper.config, password: new Secret('111111') })
    free()
    expect(codeOf(await setting)).toBe('ok')
    expect([writes, passwords]).toEqual([['M1'], ['111111']])
  })

  it('a broadcast that waits ends unsent when setting is switched off, before and after the clocks were looked at', async () => {
    for (const isKnown of [true, false]) {
      const { broadcast, keeper, queue, writes } = world({ M1: { driftS: 60 }, M2: { driftS: 61 } }, at('02:30:00'))
      if (isKnown) for (const id of ['M1', 'M2']) await keeper.read(id, 'demand', { priority: 'demand' })
      const free = occupy(queue)
      const sending = broadcast()
      await turns()
      keeper.use({ ...keeper.config, set: false })
      free()
      expect(codeOf(await sending)).toBe('CLOCK_OFF')
      expect(writes).toEqual([])
    }
  })

  it('the daily reading ends and begins with its switch and its window', async () => {
    const { keeper, live, rows } = world({ M1: { driftS: 3 } }, at('02:00:00'), { sweep: false, set: false })
    await live(at('06:00:00'))
    expect(rows).toEqual([])
    keeper.use({ ...keeper.config, sweep: true, fromMin: 420, toMin: 470 })
    await live(at('08:00:00'))
    expect(rows).toHaveLength(1)
  })
})

describe('a broadcast', () => {
  it('is refused where it would correct nothing, and says why', async () => {
    const right = world({ M1: { driftS: 3 } }, at('02:30:00'))
    expect(codeOf(await right.broadcast())).toBe('CLOCK_NOTHING')
    const far = world({ M1: { driftS: 1200 }, M2: { driftS: 3 } }, at('02:30:00'))
    const refused = await far.broadcast()
    expect(codeOf(refused)).toBe('CLOCK_TOO_FAR')
    if (!refused.ok) expect(refused.error.message).toContain('M1 +1200.5 s')
    expect([...right.writes, ...far.writes]).toEqual([])
  })

  it('is given up when the line was busy until an hour came near', async () => {
    const { broadcast, keeper, queue, pass, writes } = world({ M1: { driftS: 60 } }, at('02:45:00'))
    await keeper.read('M1', 'demand', { priority: 'demand' })
    let free = () => {}
    const run = (done: () => void) => {
      free = done
    }
    queue.submit({ priority: 'demand', owner: 'other', isDropped: false, drop: () => undefined, run })
    const sending = broadcast()
    for (let turn = 0; turn < 20; turn++) await Promise.resolve()
    pass(6 * 60_000)
    free()
    expect(codeOf(await sending)).toBe('CLOCK_NOT_NOW')
    expect(writes).toEqual([])
  })

  it('is sent once a day and line', async () => {
    const { broadcast, writes, pass, meters } = world({ M1: { driftS: 60 }, M2: { driftS: 3 } }, at('02:30:00'))
    expect(codeOf(await broadcast())).toBe('ok')
    meters.M1!.driftS = 60
    pass(60_000)
    expect(codeOf(await broadcast())).toBe('CLOCK_DONE_TODAY')
    pass(24 * 3_600_000)
    expect(codeOf(await broadcast())).toBe('ok')
    expect(writes).toEqual(['all', 'all'])
  })
})

describe('the sweep', () => {
  it('asks each meter once a day, a silent one twice, never near an hour, and keeps a row of each drift', async () => {
    const { live, store, rows, keeper } = world(
      { M1: { driftS: 3 }, M2: { driftS: -5 }, M3: { driftS: 0, silent: true } },
      at('00:00:00'),
      { set: false },
    )
    await live(at('23:59:00'))
    expect(store.history('M1', 9)).toHaveLength(1)
    expect(rows).toHaveLength(2)
    const minute = CALENDAR.meterTime(store.get('M1').point!.at).minute
    expect(minute >= 5 && minute <= 55).toBe(true)
    expect(store.get('M3').error?.code).toBe('LINE_NO_REPLY')
    await live(at('23:59:00') + 86_400_000)
    expect(store.history('M1', 9)).toHaveLength(2)
    await keeper.stop(100)
  })

  it('corrects by broadcast only when that is switched on, and only from a minute on', async () => {
    const of = async (driftS: number, set: boolean) => {
      const { live, writes, keeper } = world({ M1: { driftS }, M2: { driftS: 0 } }, at('02:00:00'), { set })
      await live(at('06:00:00'))
      await keeper.stop(100)
      return writes
    }
    expect(await of(90, false)).toEqual([])
    expect(await of(90, true)).toEqual(['all'])
    expect(await of(40, true)).toEqual([])
    expect(await of(400, true)).toEqual([])
  })

  it('writes models without a clock down a few at a time: a site has twenty thousand of them', async () => {
    const all = Object.fromEntries(Array.from({ length: 250 }, (_, n) => [`X${n}`, { driftS: 0, none: true }]))
    const { live, keeper, store, now } = world(all, at('02:40:00'))
    const known = () => Object.keys(all).filter((id) => store.get(id).isWithout).length
    await live(now() + 60_000)
    expect(known()).toBe(100)
    await live(now() + 5 * 60_000)
    expect(known()).toBe(250)
    await keeper.stop(100)
  })

  it('reads a clock again when its meter comes back from silence', async () => {
    const { live, store, keeper } = world({ M1: { driftS: 3 } }, at('12:10:00'))
    const { device } = keeper.deps.field.meter('M1')!
    device.health.failures = 3
    await live(at('12:20:00'))
    expect(store.get('M1').point).toBeNull()
    device.health.failures = 0
    await live(at('12:30:00'))
    expect(store.history('M1', 9).map(({ why }) => why)).toEqual(['back'])
    await keeper.stop(100)
  })
})
