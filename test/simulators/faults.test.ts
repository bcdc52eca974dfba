import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import {
  type Fault,
  FaultDesk,
  openTruth,
  parseFault,
  plainField,
  startDlt645Line,
  startModbusTcpMeter,
  startRtuOverTcp,
} from '../../simulators/index.ts'
import { di, digits, handClock, openRaw, request645, rtu, SILENCE, takeApart, whole } from './tools.ts'

const now = Date.UTC(2026, 10, 21, 4, 10)
const REQUEST = rtu(1, 3, 0, 5, 0, 2)
const ANSWER = rtu(1, 3, 4, 0, 5, 0, 6)

const rtuWith = async (...faults: readonly Fault[]) => {
  const clock = handClock(now)
  const bus = await startRtuOverTcp({ profile: 'address', units: [1, 2], clock })
  onTestFinished(() => bus.close())
  for (const fault of faults) bus.field.desk.order(fault)
  const raw = await openRaw(bus.port)
  onTestFinished(() => raw.close())
  return {
    bus,
    clock,
    ask: (bytes = REQUEST, enough = ANSWER.length) => raw.ask(bytes, enough),
    unheard: (bytes = REQUEST) => raw.ask(bytes, ...SILENCE),
  }
}

describe('faults to order', () => {
  it.each<readonly [string, Fault, Buffer | ((heard: Buffer) => void)]>([
    ['silent', { kind: 'silent' }, Buffer.alloc(0)],
    ['echo', { kind: 'echo' }, Buffer.concat([REQUEST, ANSWER])],
    ['wrong unit', { kind: 'wrong-unit' }, rtu(2, 3, 4, 0, 5, 0, 6)],
    ['wrong function', { kind: 'wrong-function' }, rtu(1, 4, 4, 0, 5, 0, 6)],
    ['an exception', { kind: 'exception', code: 4 }, rtu(1, 0x83, 4)],
    ['busy', { kind: 'busy' }, rtu(1, 0x83, 6)],
    ['truncated', { kind: 'truncated', bytes: 2 }, ANSWER.subarray(0, -2)],
    ['doubled', { kind: 'doubled' }, Buffer.concat([ANSWER, ANSWER])],
    ['split', { kind: 'split' }, ANSWER],
    [
      'noise before',
      { kind: 'noise', bytes: 3 },
      (heard) => expect([heard.length, heard.subarray(3)]).toEqual([ANSWER.length + 3, ANSWER]),
    ],
    ['noise after', { kind: 'noise', where: 'after' }, (heard) => expect(heard.subarray(0, -3)).toEqual(ANSWER)],
    [
      'noise inside',
      { kind: 'noise', where: 'inside', bytes: 1 },
      (heard) => expect([heard.length, heard[0], heard.at(-1)]).toEqual([ANSWER.length + 1, 1, ANSWER.at(-1)]),
    ],
  ])('%s', async (_, fault, expected) => {
    const { ask, unheard } = await rtuWith(fault)
    const heard =
      typeof expected === 'function'
        ? await ask(REQUEST, ANSWER.length + (fault.bytes ?? 3))
        : expected.length > 0
          ? await ask(REQUEST, expected.length)
          : await unheard()
    if (typeof expected === 'function') expected(heard)
    else expect(heard).toEqual(expected)
  })

  it('late: the answer comes after its time', async () => {
    const { ask } = await rtuWith({ kind: 'late', ms: 120 })
    const begin = performance.now()
    expect(await ask()).toEqual(ANSWER)
    expect(performance.now() - begin).toBeGreaterThan(118)
  })

  it('glued: the answer before comes again', async () => {
    const { ask } = await rtuWith({ kind: 'glued' })
    await ask(rtu(1, 3, 0, 9, 0, 1), 7)
    expect(await ask(REQUEST, 7 + ANSWER.length)).toEqual(Buffer.concat([rtu(1, 3, 2, 0, 9), ANSWER]))
  })

  it('reboot: silent for its time, then well', async () => {
    const { ask, unheard, clock } = await rtuWith({ kind: 'reboot', from: now, seconds: 10 })
    expect(await unheard()).toHaveLength(0)
    clock.to(now + 10_000)
    expect(await ask()).toEqual(ANSWER)
  })

  it('strikes one meter, one span of time, a number of times', async () => {
    const { ask, unheard, clock } = await rtuWith(
      { kind: 'silent', meter: 'U1', from: now + 1000, until: now + 2000 },
      { kind: 'silent', meter: 'U2', count: 1 },
    )
    expect(await ask()).toEqual(ANSWER)
    expect(await unheard(rtu(2, 3, 0, 5, 0, 2))).toHaveLength(0)
    expect(await ask(rtu(2, 3, 0, 5, 0, 2))).toEqual(rtu(2, 3, 4, 0, 5, 0, 6))
    clock.to(now + 1500)
    expect(await unheard()).toHaveLength(0)
    clock.to(now + 2000)
    expect(await ask()).toEqual(ANSWER)
  })

  it('can be taken back', async () => {
    const { ask, unheard, bus } = await rtuWith()
    const undo = bus.field.desk.order({ kind: 'silent' })
    expect(await unheard()).toHaveLength(0)
    undo()
    expect(await ask()).toEqual(ANSWER)
  })

  it('spoils Modbus TCP by its own rules', async () => {
    const meter = await startModbusTcpMeter({ profile: 'address' })
    onTestFinished(() => meter.close())
    const raw = await openRaw(meter.port)
    onTestFinished(() => raw.close())
    const request = Buffer.from([0xab, 0xcd, 0, 0, 0, 6, 1, 3, 0, 5, 0, 1])
    const ask = async (fault: Fault, enough: number) => {
      const undo = meter.field.desk.order(fault)
      const heard = await (enough > 0 ? raw.ask(request, enough) : raw.ask(request, ...SILENCE))
      undo()
      return heard.toString('hex')
    }
    expect(await ask({ kind: 'busy' }, 9)).toBe('abcd00000003018306')
    expect(await ask({ kind: 'wrong-unit' }, 11)).toBe('abcd000000050203020005')
    expect(await ask({ kind: 'echo' }, 23)).toBe('abcd00000006010300050001abcd000000050103020005')
    expect(await ask({ kind: 'silent' }, 0)).toBe('')
  })

  it('spoils DL/T 645 by its own rules', async () => {
    const clock = handClock(now)
    const line = await startDlt645Line({ meters: [{ address: '202608150042', wakeUps: 2 }], clock })
    onTestFinished(() => line.close())
    const raw = await openRaw(line.port)
    onTestFinished(() => raw.close())
    const ask = async (fault: Fault) => {
      const undo = line.field.desk.order(fault)
      const heard = await raw.ask(request645('202608150042', 0x11, di('00010000')), whole)
      undo()
      return heard
    }
    expect(takeApart(await ask({ kind: 'wrong-unit' })).address).toBe('202608150043')
    expect(takeApart(await ask({ kind: 'wrong-function' })).control).toBe(0x92)
    expect(takeApart(await ask({ kind: 'busy' }))).toMatchObject({ control: 0xd1, data: [1] })
    expect(takeApart(await ask({ kind: 'exception' }))).toMatchObject({ control: 0xd1, data: [2] })
  })

  it('draws by seed and number of the answer: the same run strikes the same answers', () => {
    const struck = (seed: number) => {
      const desk = new FaultDesk()
      desk.order({ kind: 'silent', probability: 0.2, seed })
      return Array.from({ length: 500 }, () => desk.draw('L', 'M1', now).length)
    }
    expect(struck(1)).toEqual(struck(1))
    expect(struck(1)).not.toEqual(struck(2))
    const hits = struck(3).reduce((sum, hit) => sum + hit, 0)
    expect(hits).toBeGreaterThan(60)
    expect(hits).toBeLessThan(140)
  })
})

describe('an order as typed', () => {
  it.each([
    ['silent', { kind: 'silent' }],
    ['late:meter=M0003,ms=900,probability=0.2', { kind: 'late', meter: 'M0003', ms: 900, probability: 0.2 }],
    ['noise:line=rtu-01,where=inside,bytes=2', { kind: 'noise', line: 'rtu-01', where: 'inside', bytes: 2 }],
    ['reboot:after=60,seconds=30', { kind: 'reboot', from: now + 60_000, seconds: 30 }],
    ['clock:offset=-3600,ppm=50', { kind: 'clock', offset: -3600, ppm: 50 }],
  ])('%s', (text, fault) => expect(parseFault(text, now)).toEqual({ ok: true, value: fault }))

  it.each(['slient', 'late:ms', 'late:ms=soon', 'late:sm=9', 'noise:where=above'])('refuses %s', (text) =>
    expect(parseFault(text, now)).toMatchObject({ ok: false, error: { code: 'SIMULATOR_FAULT' } }),
  )
})

describe('the truth log', () => {
  it('holds every value before its answer is on the wire, and says what was done to it', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'truth-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    const path = join(folder, 'truth.jsonl')
    const clock = handClock(now)
    const field = plainField(clock, openTruth(path))
    const line = await startDlt645Line({ meters: [{ address: '202608150042', id: 'M0001', wakeUps: 0 }], field })
    const raw = await openRaw(line.port)
    const ask = async (item: string) => takeApart(await raw.ask(request645('202608150042', 0x11, di(item)), whole))
    const lines = () =>
      readFileSync(path, 'utf8')
        .split('\n')
        .slice(0, -1)
        .map((text): Record<string, unknown> => JSON.parse(text))
    const energy = await ask('00010000')
    const text = digits(energy.data.slice(4))
    expect(lines()).toEqual([
      {
        instant: '2026-11-21T04:10:00.000Z',
        meter: 'M0001',
        register: '1-0:1.8.0',
        value: `${Number(text.slice(0, 6))}.${text.slice(6)}`,
        unit: 'kWh',
        sent: energy.data
          .slice(4)
          .map((byte) => byte.toString(16).padStart(2, '0'))
          .join('')
          .toUpperCase(),
        told: null,
        at: null,
        fault: null,
        kind: 'live',
      },
    ])
    await ask('05060101')
    expect(
      lines()
        .slice(1)
        .map(({ register, at, kind }) => [register, at, kind]),
    ).toEqual([0, 1, 2, 3, 4].map((tariff) => [`1-0:1.8.${tariff}`, '2026-11-21T00:00:00', 'day-freeze']))
    field.desk.order({ kind: 'truncated', bytes: 1 })
    await raw.ask(request645('202608150042', 0x11, di('02010100')), 17)
    expect(lines().at(-1)).toMatchObject({ register: '1-0:32.7.0', fault: 'truncated' })
    field.desk.order({ kind: 'silent' })
    const before = lines().length
    await raw.ask(request645('202608150042', 0x11, di('00010000')), ...SILENCE)
    expect(lines()).toHaveLength(before)
    raw.close()
    await line.close()
    await field.truth.close()
  })
})
