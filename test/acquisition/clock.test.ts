import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { dlt6452007 } from '../../protocols/dlt645/adapter.ts'
import { bindProtocol, Calendar, clockJob, driftOf, HalfDuplexLine, Poller, timeTeller } from '../../src/acquisition/index.ts'
import { anyAdapter, type MeterTime, systemClock } from '../../src/core/index.ts'
import { memoryTransport } from '../../src/transport/index.ts'

const SHANGHAI = new Calendar('Asia/Shanghai')
const PROFILE = { id: 'dlt645-2007/test', protocol: 'dlt645-2007', source: 'test', registers: [], wakeUps: 4 }
const ADDRESS = '202608150042'

describe('drift', () => {
  const now = Date.parse('2026-11-22T03:10:20.250Z')
  const clock = { now: () => now, monotonic: () => 5000, speed: 1 }
  const time = (text: string): MeterTime => {
    const [date = '', rest = ''] = text.split(' ')
    const [year = 0, month = 0, day = 0] = date.split('-').map(Number)
    const [hour = 0, minute = 0, second = 0] = rest.split(':').map(Number)
    return { year, month, day, hour, minute, second }
  }

  it.each([
    // Asked 400 ms ago, answered 200 ms ago: it looked 300 ms ago, at 11:10:19.950 local time.
    ['right', '2026-11-22 11:10:19', -450],
    ['a second ahead', '2026-11-22 11:10:20', 550],
    ['20 minutes behind', '2026-11-22 10:50:20', -1_199_450],
    ['on the day before', '2026-11-21 11:10:20', -86_399_450],
  ])('is the meter minus us at the middle of the exchange: %s', (_, shown, driftMs) =>
    expect(driftOf({ time: time(shown), timing: { askedAt: 4600, beganAt: 4800 } }, clock, SHANGHAI)).toEqual({
      ...{ at: now - 300, driftMs, uncertaintyMs: 600 },
    }),
  )

  it('grows more uncertain with the time the exchange took', () => {
    const of = (askedAt: number, beganAt: number) =>
      driftOf({ time: time('2026-11-22 11:10:20'), timing: { askedAt, beganAt } }, clock, SHANGHAI)?.uncertaintyMs
    expect([of(4999, 5000), of(4000, 5000), of(0, 5000)]).toEqual([501, 1000, 3000])
  })

  it('is no drift when the meter shows a date that is none', () =>
    expect(driftOf({ time: time('2026-02-30 11:10:20'), timing: { askedAt: 0, beganAt: 1 } }, clock, SHANGHAI)).toBeNull())

  it.each([
    ['in the hour that comes twice, first time', '2026-10-25T00:30:00Z', '2026-10-25 02:30:00', 500],
    ['in the hour that comes twice, second time', '2026-10-25T01:30:00Z', '2026-10-25 02:30:00', 500],
    ['a second behind at the end of the hour that comes twice', '2026-10-25T01:00:00Z', '2026-10-25 02:59:59', -500],
    ['a second behind just after the hour that never comes', '2026-03-29T01:00:00Z', '2026-03-29 01:59:59', -500],
    ['90 s ahead before it', '2026-03-29T00:59:00Z', '2026-03-29 03:00:30', 90_500],
  ])('is not an hour where the zone changes its offset: %s', (_, at, shown, driftMs) => {
    const there = { now: () => Date.parse(at), monotonic: () => 0, speed: 1 }
    expect(driftOf({ time: time(shown), timing: { askedAt: 0, beganAt: 0 } }, there, new Calendar('Europe/Berlin'))?.driftMs).toBe(driftMs)
  })
})

describe('over a line', () => {
  beforeEach(() => void vi.useFakeTimers({ now: Date.parse('2026-11-22T03:10:20.250Z') }))
  afterEach(() => void vi.useRealTimers())

  const until = async <T>(done: Promise<T>): Promise<T> => {
    let isOver = false
    const end = () => {
      isOver = true
    }
    done.then(end, end)
    while (!isOver) await vi.advanceTimersByTimeAsync(3)
    return done
  }

  /** A meter on a slow bus: it has heard a request when its last byte is there, looks at its clock, thinks, and answers byte by byte. */
  const open = (
    meter: { driftMs: number; beforeLookMs: number; afterLookMs: number; losesFirst?: boolean; noise?: boolean },
    characterMs: number,
  ) => {
    const { transport, far } = memoryTransport('bus', characterMs)
    const line = new HalfDuplexLine(transport, { id: 'bus', quietMs: 1, twinQuietMs: 1, allowWrites: true })
    const poller = new Poller(line, systemClock)
    const device = bindProtocol(anyAdapter(dlt6452007), line)({ id: 'M1', address: ADDRESS, profile: PROFILE, reactionMs: 600 })
    const heard: { control: number; data: string; wholeAt: number }[] = []
    let losesFirst = meter.losesFirst ?? false
    far.onBytes = (sent) => {
      const frame = Buffer.from(sent.subarray(sent.indexOf(0x68)))
      const wireMs = sent.length * characterMs
      setTimeout(() => {
        const data = Buffer.from(frame.subarray(10, -2).map((byte) => byte - 0x33))
        heard.push({ control: frame[8]!, data: data.toString('hex'), wholeAt: Date.now() })
        if (frame[8] !== 0x11) return
        if (meter.noise) far.send(Uint8Array.of(0x00, 0xff))
        setTimeout(() => {
          const own = new Date(Date.now() + meter.driftMs + 8 * 3_600_000)
          const bcd = (value: number) => (Math.floor(value / 10) << 4) | (value % 10)
          const said =
            data[0] === 1
              ? [own.getUTCDay(), bcd(own.getUTCDate()), bcd(own.getUTCMonth() + 1), bcd(own.getUTCFullYear() % 100)]
              : [bcd(own.getUTCSeconds()), bcd(own.getUTCMinutes()), bcd(own.getUTCHours())]
          const inner = [...frame.subarray(0, 8), 0x91, 4 + said.length, ...[...data, ...said].map((byte) => (byte + 0x33) & 0xff)]
          const answer = [...inner, inner.reduce((sum, byte) => sum + byte, 0) & 0xff, 0x16]
          if (losesFirst && data[0] === 2) {
            losesFirst = false
            setTimeout(() => far.send(Uint8Array.from(answer)), 900)
            return
          }
          setTimeout(() => {
            for (const [at, byte] of answer.entries()) setTimeout(() => far.send(Uint8Array.of(byte)), (at + 1) * characterMs)
          }, meter.afterLookMs)
        }, meter.beforeLookMs)
      }, wireMs)
    }
    return { line, poller, device, heard }
  }

  const drift = async (meter: Parameters<typeof open>[0], characterMs: number) => {
    const { poller, device, line } = open(meter, characterMs)
    const read = await until(clockJob(poller, device, { priority: 'curve' }, (conduct) => device.clock()!.read(conduct)))
    line.close()
    if (!read.ok) throw new Error(read.error.message)
    return driftOf(read.value, systemClock, SHANGHAI)!
  }

  it('the true drift always lies within the uncertainty, however slow the line and whenever the meter looks', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: -3_600_000, max: 3_600_000 }),
        fc.integer({ min: 1, max: 250 }),
        fc.integer({ min: 1, max: 250 }),
        fc.constantFrom(0, 1.1458, 4.5833),
        async (driftMs, beforeLookMs, afterLookMs, characterMs) => {
          const seen = await drift({ driftMs, beforeLookMs, afterLookMs }, characterMs)
          // Timers of the test have whole milliseconds.
          expect(Math.abs(seen.driftMs - driftMs)).toBeLessThanOrEqual(seen.uncertaintyMs + 3)
          // The time on the wire is not part of it: 250 ms on each side, no more.
          expect(seen.uncertaintyMs).toBeLessThanOrEqual(500 + (beforeLookMs + afterLookMs) / 2 + 6)
        },
      ),
      { numRuns: 60 },
    )
  })

  it('an answer that came after its time-out makes the drift uncertain, not wrong', async () => {
    const seen = await drift({ driftMs: 5000, beforeLookMs: 20, afterLookMs: 20, losesFirst: true }, 1.1458)
    expect(Math.abs(seen.driftMs - 5000)).toBeLessThanOrEqual(seen.uncertaintyMs)
  })

  it('noise before the answer does not pass for its beginning', async () => {
    const seen = await drift({ driftMs: 5000, beforeLookMs: 200, afterLookMs: 10, noise: true }, 1.1458)
    expect(Math.abs(seen.driftMs - 5000)).toBeLessThanOrEqual(seen.uncertaintyMs)
    expect(seen.uncertaintyMs).toBeGreaterThan(600)
  })

  it('a broadcast carries the time at which its last byte arrives, to the half second', async () => {
    // 300 baud would be 37 ms a character; 60 ms makes the frame last longer than a second.
    for (const [wait, characterMs] of [0, 130, 480, 760].flatMap((wait) => [4.5833, 60].map((each) => [wait, each] as const))) {
      const { poller, device, line, heard } = open({ driftMs: 0, beforeLookMs: 1, afterLookMs: 1 }, characterMs)
      await vi.advanceTimersByTimeAsync(wait)
      const teller = timeTeller(systemClock, SHANGHAI)
      const done = await until(clockJob(poller, device, { priority: 'reread' }, (conduct) => device.clock()!.broadcast!(teller, conduct)))
      line.close()
      expect(done.ok).toBe(true)
      const [frame] = heard
      const pairs = frame!.data.match(/../g)!.map(Number) as [number, number, number, number, number, number]
      const [second, minute, hour, day, month, year] = pairs
      const told = Date.UTC(2000 + year, month - 1, day, hour, minute, second) - 8 * 3_600_000
      expect(Math.abs(told - frame!.wholeAt)).toBeLessThanOrEqual(502)
      expect(frame!.control).toBe(0x08)
    }
  })

  it('a write to a clock is sent once, whatever becomes of it', async () => {
    const { poller, device, line, heard } = open({ driftMs: 0, beforeLookMs: 1, afterLookMs: 1 }, 1.1458)
    const who = { level: '02', password: '111111', operator: '00000000' }
    const teller = timeTeller(systemClock, SHANGHAI)
    const work = clockJob(poller, device, { priority: 'demand' }, (conduct) => device.clock()!.set!(teller, teller(0), who, conduct))
    expect(await until(work)).toMatchObject({ ok: false, error: { code: 'LINE_NO_REPLY' } })
    line.close()
    expect(heard.filter(({ control }) => control === 0x14)).toHaveLength(1)
  })

  it('waits behind other work and gives up when nobody wants it any more', async () => {
    const { poller, device, line } = open({ driftMs: 0, beforeLookMs: 1, afterLookMs: 1 }, 0)
    const order: string[] = []
    const read = (name: string, priority: 'curve' | 'demand', signal?: AbortSignal) =>
      clockJob(poller, device, { priority, ...(signal ? { signal } : {}) }, async (conduct) => {
        order.push(name)
        return device.clock()!.read(conduct)
      })
    const gone = new AbortController()
    const all = Promise.all([read('first', 'curve'), read('low', 'curve'), read('dropped', 'curve', gone.signal), read('high', 'demand')])
    gone.abort()
    const results = await until(all)
    line.close()
    expect(results.map((result) => (result.ok ? 'ok' : result.error.code))).toEqual(['ok', 'ok', 'READ_CANCELLED', 'ok'])
    expect(order.indexOf('high')).toBeLessThan(order.indexOf('low'))
  })

  it('does not ask a meter that is known to be silent', async () => {
    const { poller, device, line } = open({ driftMs: 0, beforeLookMs: 1, afterLookMs: 1 }, 0)
    device.health.failures = 5
    const work = () => clockJob(poller, device, { priority: 'curve' }, (conduct) => device.clock()!.read(conduct))
    expect(await until(work())).toMatchObject({ ok: false, error: { code: 'DEVICE_BACKED_OFF' } })
    expect(device.health.failures).toBe(5)
    line.close()
  })
})
