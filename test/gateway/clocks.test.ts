import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pino } from 'pino'
import { describe, expect, it, onTestFinished } from 'vitest'
import { stringify } from 'yaml'
import { startDlt645Line } from '../../simulators/index.ts'
import { turnOf } from '../../src/collection/clock-rules.ts'
import { loadGatewayConfig } from '../../src/config/index.ts'
import { scaledClock } from '../../src/core/index.ts'
import { startGateway } from '../../src/main.ts'
import { scratch, TOKEN } from '../support/processes.ts'

interface ClockJson {
  readonly meter: string
  readonly state: string
  readonly newest: { readonly at: string; readonly driftMs: number; readonly uncertaintyMs: number } | null
  readonly error: { readonly code: string } | null
  readonly isLocked: boolean
}
interface ActJson {
  readonly kind: string
  readonly who: string
  readonly why: string
  readonly result: string
  readonly code: string | null
  readonly meters: readonly {
    readonly meter: string
    readonly before: { driftMs: number } | null
    readonly after: { driftMs: number } | null
  }[]
}
type DetailJson = ClockJson & { readonly acts: readonly ActJson[]; readonly history: readonly { readonly why: string }[] }

const PASSWORD = '020637'
const METERS = [
  { id: 'M-A', address: '000000000001', driftS: 3 },
  { id: 'M-B', address: '000000000002', driftS: 90 },
  { id: 'M-C', address: '000000000003', driftS: -1200 },
  { id: 'M-D', address: '000000000004', driftS: 0 },
] as const

interface SiteOptions {
  /** Site time at the start. */
  readonly at: string
  readonly speed?: number
  readonly clocks?: object
  readonly allowWrites?: boolean
  readonly password?: string
  readonly directory?: string
}

/** A gateway on four simulated meters of one line, three of which have clocks that are off; the fourth never answers. */
const site = async ({ at, speed = 1, clocks = {}, allowWrites = false, password = PASSWORD, directory = scratch() }: SiteOptions) => {
  const start = Date.parse(`${at}+08:00`)
  const realStart = Date.now()
  const clock = scaledClock(start, realStart, speed)
  const line = await startDlt645Line({ meters: METERS.map(({ address }) => ({ address, wakeUps: 4, password: PASSWORD })), clock, seed: 5 })
  onTestFinished(() => line.close())
  for (const { address, driftS } of METERS) line.instruments.get(address)!.setClock(clock.now(), driftS * 1000)
  line.field.desk.order({ kind: 'silent', meter: METERS[3].address, from: start - 1000 })
  const ledger = join(directory, 'ledger.yaml')
  writeFileSync(
    ledger,
    stringify({
      version: 1,
      points: METERS.map(({ id }) => ({ id: `P${id}` })),
      meters: METERS.map(({ id, address }) => ({
        ...{ id, point: `P${id}`, line: 'bus', address, profile: 'dlt645-2007/energy-only', timeoutMs: 80 },
      })),
    }),
  )
  const file = join(directory, 'gateway.yaml')
  writeFileSync(
    file,
    stringify({
      version: 1,
      gateway: { id: 'site', timezone: 'Asia/Shanghai' },
      clock: { start: new Date(start).toISOString(), realStart: new Date(realStart).toISOString(), speed },
      http: { port: 0 },
      ledger,
      lines: [{ id: 'bus', transport: { kind: 'tcp', host: '127.0.0.1', port: line.port }, allowWrites }],
      tasks: [],
      clocks,
    }),
  )
  const environment = { GRIDTALLY_TOKEN: TOKEN, METER_PASSWORD: password }
  const config = loadGatewayConfig(file, environment)
  if (!config.ok) throw new Error(JSON.stringify(config.problems))
  const started = await startGateway(config.value, pino({ level: 'silent' }), environment)
  if (!started.ok) throw new Error(started.message)
  const gateway = started.value
  onTestFinished(() => gateway.close())
  /** Control codes that left, in order. */
  const sent: number[] = []
  gateway.field.lines[0]!.line.trace(({ what, bytes }) => {
    if (what === 'tx') sent.push(bytes[bytes.indexOf(0x68) + 8]!)
  })
  /** A gateway that has just started on a busy machine may say first that it is busy. */
  const call = async (path: string, body?: object) => {
    for (const deadline = Date.now() + 60_000; ; await new Promise((resolve) => setTimeout(resolve, 200))) {
      const answer = await callOnce(path, body)
      if (answer.body.code !== 'API_BUSY' || Date.now() > deadline) return answer
    }
  }
  const callOnce = async (path: string, body?: object) => {
    const response = await fetch(`${gateway.address}/api/v1${path}`, {
      ...(body && { method: 'POST', body: JSON.stringify(body) }),
      headers: { authorization: `Bearer ${TOKEN}`, ...(body && { 'content-type': 'application/json' }) },
    })
    return { status: response.status, body: (await response.json()) as Record<string, unknown> }
  }
  const clocksNow = async () => (await call('/clocks')).body.items as ClockJson[]
  return {
    gateway,
    directory,
    sent,
    call,
    clock,
    clocksNow,
    detail: async (meter: string) => (await call(`/clocks/${meter}`)).body as unknown as DetailJson,
    statesNow: async () => Object.fromEntries((await clocksNow()).map(({ meter, state }) => [meter, state])),
    /** How far the meter itself is off, seconds. */
    errorS: (at: number) => {
      const instrument = line.instruments.get(METERS[at]!.address)!
      const now = clock.now()
      return (instrument.ownTime(now) - now) / 1000
    },
  }
}

/** What the site's clock goes on, milliseconds, in a second of a busy machine: nothing is known more exactly than that. */
const SECOND_OF_OURS = 60_000
const SWEEP = { from: '02:30', to: '02:48' }
const BROADCAST = 0x08
const WRITE = 0x14

describe('the daily sweep', () => {
  it('reads every clock once and says what it is worth; nothing that changes a clock leaves the gateway', async () => {
    const { statesNow, clocksNow, sent, gateway, call, detail } = await site({
      at: '2026-11-22T02:29:30',
      speed: 60,
      clocks: SWEEP,
      allowWrites: true,
    })
    await expect
      .poll(statesNow, { timeout: 60_000, interval: 250 })
      .toEqual({ 'M-A': 'good', 'M-B': 'off', 'M-C': 'far-off', 'M-D': 'unknown' })
    await expect.poll(async () => (await detail('M-D')).error?.code, { timeout: 60_000, interval: 250 }).toBe('LINE_NO_REPLY')
    for (const [at, { newest }] of (await clocksNow()).slice(0, 3).entries()) {
      // At this speed the site's own clock moves in steps of 60 ms.
      expect(Math.abs(newest!.driftMs - METERS[at]!.driftS * 1000)).toBeLessThanOrEqual(newest!.uncertaintyMs + 2 * 60)
      expect(newest!.uncertaintyMs).toBeLessThan(SECOND_OF_OURS)
    }
    const local = new Date(Date.parse((await clocksNow())[0]!.newest!.at) + 8 * 3_600_000).toISOString()
    expect(local.slice(11, 16) >= '02:30' && local.slice(11, 16) < '02:48').toBe(true)
    // Its turn has come for everybody; nobody is asked twice who has answered.
    await expect.poll(() => gateway.clock.now(), { timeout: 60_000 }).toBeGreaterThan(Date.parse('2026-11-22T02:48:30+08:00'))
    expect((await detail('M-B')).history).toHaveLength(1)
    expect(sent).not.toContain(BROADCAST)
    expect(sent).not.toContain(WRITE)
    expect((await call('/lines/bus/clock-sync', { why: 'trial' })).body.code).toBe('CLOCK_OFF')
    const health = (await (await fetch(`${gateway.address}/health/ready`)).json()) as { parts: { part: string; sentence: string }[] }
    expect(health.parts.find(({ part }) => part === 'clocks')?.sentence).toBe('of 3 meter clocks seen, 1 off, 1 far-off')
    const metrics = await (await fetch(`${gateway.address}/metrics`, { headers: { authorization: `Bearer ${TOKEN}` } })).text()
    expect(metrics).toContain('gridtally_clocks{state="far-off"} 1')
  })

  it('tells the line the time when that was switched on: what is off by less than five minutes is right then, once a day', async () => {
    const { statesNow, errorS, sent, detail } = await site({
      ...{ at: '2026-11-22T02:29:30', speed: 60, clocks: { ...SWEEP, set: true }, allowWrites: true },
    })
    await expect.poll(async () => (await statesNow())['M-B'], { timeout: 60_000, interval: 250 }).toBe('good')
    expect(Math.abs(errorS(1)) * 1000).toBeLessThan(SECOND_OF_OURS)
    expect(errorS(2)).toBe(-1200)
    expect(sent.filter((control) => control === BROADCAST)).toHaveLength(1)
    expect((await statesNow())['M-C']).toBe('far-off')
    const { acts, history } = await detail('M-B')
    expect(history.map(({ why }) => why)).toEqual(['after', 'sweep'])
    expect(acts).toMatchObject([{ kind: 'broadcast', who: 'sweep', result: 'done', meters: [{ meter: 'M-B' }] }])
    expect(acts[0]!.why).not.toBe('')
    expect(Math.abs(acts[0]!.meters[0]!.before!.driftMs - 90_000)).toBeLessThan(SECOND_OF_OURS)
    expect(Math.abs(acts[0]!.meters[0]!.after!.driftMs)).toBeLessThan(SECOND_OF_OURS)
    expect((await detail('M-C')).acts).toEqual([])
  })
})

describe('setting clocks by hand', () => {
  const clocks = { sweep: false, set: true, password: '$' + '{METER_PASSWORD}' }

  it('sets a clock that is far off, reads it before and after, and writes down who and why', async () => {
    const { call, errorS, sent, detail, statesNow } = await site({ at: '2026-11-22T02:40:00', clocks, allowWrites: true })
    const { status, body } = await call('/clocks/M-C/set', { why: 'battery replaced, order 118' })
    expect([status, body.result]).toEqual([200, 'done'])
    expect(Math.abs(errorS(2))).toBeLessThan(5)
    expect(sent.filter((control) => control === WRITE)).toHaveLength(1)
    expect(sent).not.toContain(BROADCAST)
    const { acts } = await detail('M-C')
    expect(acts).toMatchObject([{ kind: 'set', why: 'battery replaced, order 118', result: 'done', meters: [{ meter: 'M-C' }] }])
    expect(acts[0]!.who).not.toBe('')
    expect(Math.abs(acts[0]!.meters[0]!.before!.driftMs + 1_200_000)).toBeLessThan(5000)
    expect(Math.abs(acts[0]!.meters[0]!.after!.driftMs)).toBeLessThan(5000)
    expect((await statesNow())['M-C']).toBe('good')
    expect((await call('/clocks/M-C/set', { why: 'once more' })).body.code).toBe('CLOCK_NOTHING')
  })

  it('sends a refused password exactly once, ever: not on demand, not after a restart, until a person clears it', async () => {
    const first = await site({ at: '2026-11-22T02:40:00', clocks, allowWrites: true, password: '111111' })
    const refused = await first.call('/clocks/M-C/set', { why: 'trial' })
    expect([refused.status, refused.body.code]).toEqual([422, 'DLT645_UNAUTHORISED'])
    expect((await first.call('/clocks/M-C/set', { why: 'again' })).body.code).toBe('CLOCK_LOCKED')
    expect(first.sent.filter((control) => control === WRITE)).toHaveLength(1)
    expect(await first.detail('M-C')).toMatchObject({ isLocked: true, acts: [{ result: 'refused', code: 'DLT645_UNAUTHORISED' }] })
    await first.gateway.close()
    const second = await site({ at: '2026-11-22T02:40:00', clocks, allowWrites: true, directory: first.directory })
    expect((await second.call('/clocks/M-C/set', { why: 'after a restart' })).body.code).toBe('CLOCK_LOCKED')
    expect(second.sent).not.toContain(WRITE)
    expect((await second.call('/clocks/M-C/clear', { why: 'password of the batch looked up' })).status).toBe(200)
    expect((await second.call('/clocks/M-C/set', { why: 'with the right one' })).body.result).toBe('done')
    expect((await second.detail('M-C')).acts.map(({ kind, result }) => `${kind} ${result}`)).toEqual([
      'set done',
      'clear done',
      'set refused',
    ])
  })

  it.each([
    // The meter is not even asked near our own hour: only ours counts for the time that is named.
    ['near midnight', '2026-11-22T23:50:00', /next allowed at 2026-11-23 00:30/],
    ['near a full hour', '2026-11-22T02:58:00', /next allowed at 2026-11-22 03:05/],
    // 20 minutes behind, give or take what a second more or less makes of a whole minute.
    ['across the hour', '2026-11-22T03:10:00', /next allowed at 2026-11-22 03:2[56]/],
  ])('refuses %s even on demand, says when it may be done, and writes nothing', async (_, at, next) => {
    const { call, sent } = await site({ at, clocks, allowWrites: true })
    const { status, body } = await call('/clocks/M-C/set', { why: 'cannot wait' })
    expect([status, body.code]).toEqual([422, 'CLOCK_NOT_NOW'])
    expect(body.detail).toMatch(next)
    expect(sent).not.toContain(WRITE)
    if (at.includes('03:10')) return
    expect(sent).toEqual([])
    expect((await call('/lines/bus/clock-sync', { why: 'cannot wait' })).body.code).toBe('CLOCK_NOT_NOW')
    expect(sent).toEqual([])
  })

  it('needs every switch: setting, the line, a password, two persons', async () => {
    const order = { why: 'trial' }
    const codeOf = async (options: Omit<SiteOptions, 'at'>) =>
      (await (await site({ at: '2026-11-22T02:40:00', ...options })).call('/clocks/M-C/set', order)).body.code
    expect(await codeOf({ allowWrites: true, clocks: { ...clocks, set: false } })).toBe('CLOCK_OFF')
    expect(await codeOf({ allowWrites: false, clocks })).toBe('CLOCK_READ_ONLY')
    expect(await codeOf({ allowWrites: true, clocks: { set: true } })).toBe('CLOCK_NO_PASSWORD')
    expect(await codeOf({ allowWrites: true, clocks: { ...clocks, twoPersons: true } })).toBe('CLOCK_SECOND')
  })

  it('a broadcast on demand reads the line before and after, and is refused a second time that day', async () => {
    const { call, errorS, sent } = await site({ at: '2026-11-22T14:30:00', clocks, allowWrites: true })
    const { status, body } = await call('/lines/bus/clock-sync', { why: 'after the outage' })
    expect(status).toBe(200)
    expect(body).toMatchObject({ kind: 'broadcast', result: 'done', meters: [{ meter: 'M-B', before: {}, after: {} }] })
    expect(Math.abs(errorS(1))).toBeLessThan(5)
    expect(errorS(2)).toBe(-1200)
    expect((await call('/lines/bus/clock-sync', { why: 'again' })).body.code).toBe('CLOCK_DONE_TODAY')
    expect(sent.filter((control) => control === BROADCAST)).toHaveLength(1)
    expect((await call('/lines/nowhere/clock-sync', { why: 'trial' })).status).toBe(404)
  })
})

it('has turns that leave the sweep of these tests time for second tries', () => {
  for (const { id } of METERS) expect(turnOf(id, { fromMin: 150, toMin: 168 })).toBeLessThan(164)
})
