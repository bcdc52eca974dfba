import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { failWith, ok, type PushedValue, QUALITY, type RangeQuery, type Reading, type Result } from '../../src/core/index.ts'
import { PushNormaliser } from '../../src/gateway/push-readings.ts'
import { type RegisteredMeter, Unregistered, type UnregisteredDeps } from '../../src/gateway/unregistered.ts'
import { statementOf } from '../../src/gateway/unregistered-statement.ts'
import type { Act, Applied, MeterFact, Patch, Refused } from '../../src/ledger/index.ts'

const NOW = Date.parse('2026-08-14T12:00:00+08:00') // a Friday
const HOUR = 3_600_000
const ONE = { raw: 1, scaler: 0 }
const fail = failWith({ STORE_CLOSED: { recovery: 'wait', hint: 'x' }, LEDGER_SAYS: { recovery: 'skip', hint: 'y' } })

/** A store of readings in memory: the same key twice is one reading. */
const memoryStore = () => {
  const rows = new Map<string, Reading>()
  const put = async (readings: readonly Reading[]): Promise<Result<void>> => {
    for (const one of readings) rows.set(`${one.series.key} ${one.measuredAt} ${one.shape.key}`, one)
    return ok(undefined)
  }
  const range = async ({ measurement, tags, from, to, limit, cursor = '0' }: RangeQuery) => {
    const all = [...rows.values()]
      .filter(({ series }) => series.measurement === measurement && series.tags.meter === tags.meter)
      .filter(({ measuredAt }) => measuredAt >= from && measuredAt < to)
      .sort((a, b) => a.measuredAt - b.measuredAt)
    const end = Number(cursor) + limit
    return ok({ readings: all.slice(Number(cursor), end), next: end < all.length ? String(end) : null })
  }
  const of = (meter: string) => [...rows.values()].filter(({ series }) => series.tags.meter === meter)
  return { put, range, of }
}

const value = (obis: string, raw: number, unit: string, ratio: PushedValue['ratio']): PushedValue => ({
  ...{ path: '$', text: '', isText: false, value: { raw, scaler: -2 }, unit, obis, ratio },
})
const RECORD = { measuredAt: null, timeSource: 'arrival', flags: [], ct: null, pt: null, alternative: null, historical: false } as const
const message = (nth: number) => [
  value('1-0:1.8.0', 100_00 + nth, 'kWh', 'ctpt'),
  value('1-0:2.8.0', 7, 'kWh', 'none'),
  value('1-0:31.7.0', 5_25, 'A', 'ct'),
]

const site = (change: Partial<UnregisteredDeps> = {}) => {
  const directory = mkdtempSync(join(tmpdir(), 'unregistered-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  const store = memoryStore()
  const world = { now: NOW, known: null as RegisteredMeter | null, applied: [] as { patches: readonly Patch[]; act: Act }[] }
  const facts: MeterFact[] = []
  const open = (more: Partial<UnregisteredDeps> = {}) =>
    new Unregistered({
      ...{ directory, zone: 'Asia/Shanghai', clock: { now: () => world.now }, tickMs: 10, log: () => {} },
      config: { workingDays: 1, weekend: [6, 7], holidays: [], worked: [], maxPerLine: 10 },
      apply: async (patches, act): Promise<Result<Applied, Refused>> => {
        world.applied.push({ patches, act })
        return ok({ change: 1, added: 2, changed: 0, unchanged: 0 })
      },
      hasPoint: () => false,
      history: () => facts,
      known: () => world.known,
      areasOf: () => ['A1', 'A2', 'A2', ''],
      store,
      put: store.put,
      settled: async () => {},
      ...change,
      ...more,
    })
  /** Pushes messages of a stranger, an hour apart, as an intake does. */
  const push = async (list: Unregistered, count: number) => {
    const normaliser = new PushNormaliser({ facts: { meter: 'plant/roof', point: '-', area: '-', ct: ONE, pt: ONE }, isRegistered: false })
    for (let nth = 0; nth < count; nth++) {
      const record = { ...RECORD, meter: 'roof', values: message(nth) }
      list.noteRecord('plant', 'roof', record, 'site-json/time-forms')
      await list.watching(store.put)(normaliser.readings(record, NOW - (count - nth) * HOUR, NOW))
    }
  }
  const register = () => {
    world.known = { meter: 'M2', point: 'P-2', area: 'A2' }
    const base = {
      meter: 'M2',
      point: 'P-2',
      line: 'plant',
      address: 'roof',
      profile: 'mqtt/site-json',
      timeoutMs: null,
      concentrator: '',
      state: 'installed',
    } as const
    // The ratio was another one until three hours ago.
    facts.push(
      { ...base, ct: '400/5', pt: '1', from: 0, to: NOW - 3 * HOUR },
      { ...base, ct: '200/5', pt: '1', from: NOW - 3 * HOUR, to: null },
    )
  }
  return { open, push, store, world, facts, register }
}

const attached = (list: Unregistered) => expect.poll(() => list.get(1)?.stranger.adopted?.attaching.isDone).toBe(true)
const ADOPTION = { meter: 'M2', point: 'P-2', from: 0, why: 'found', workOrder: 'W-1' }

describe('adopting', () => {
  it('puts every reading to the point as if it had been known: each ratio where the mapping wants it, as of its instant', async () => {
    const { open, push, store, world, register } = site()
    const list = open()
    onTestFinished(() => list.close())
    await push(list, 5)
    expect(list.get(1)).toMatchObject({
      suggestedArea: 'A2',
      stranger: {
        readings: 10,
        profile: 'mqtt/site-json',
        register: { obis: '1-0:1.8.0', value: '100.04' },
        ratios: { '1-0:1.8.0': 'ctpt', '1-0:31.7.0': 'ct' },
      },
    })
    list.start()
    expect(await list.adopt(1, ADOPTION, 'li')).toMatchObject({ ok: true })
    expect(world.applied).toEqual([
      {
        act: { what: 'adopt', who: 'li', why: 'found', workOrder: 'W-1', at: NOW },
        patches: [
          { kind: 'point', id: 'P-2', from: 0, set: { area: 'A2', state: 'installed' }, place: 'body/point' },
          {
            kind: 'meter',
            id: 'M2',
            from: 0,
            set: { point: 'P-2', line: 'plant', address: 'roof', profile: 'mqtt/site-json' },
            place: 'body/meter',
          },
        ],
      },
    ])
    register()
    await attached(list)
    // What the intake would have stored, had the ledger known it.
    const wanted = memoryStore()
    for (let nth = 0; nth < 5; nth++) {
      const at = NOW - (5 - nth) * HOUR
      const ct = { raw: at < NOW - 3 * HOUR ? 80 : 40, scaler: 0 }
      const normaliser = new PushNormaliser({ facts: { meter: 'M2', point: 'P-2', area: 'A2', ct, pt: ONE }, isRegistered: true })
      await wanted.put(normaliser.readings({ ...RECORD, meter: 'roof', values: message(nth) }, at, NOW))
    }
    const plain = (readings: readonly Reading[]) =>
      readings.map(({ shape, ...rest }) => ({ ...rest, columns: shape.columns.map(({ field, unit }) => [field, unit]) }))
    const found = plain(store.of('M2'))
    expect(found).toHaveLength(plain(wanted.of('M2')).length)
    for (const reading of plain(wanted.of('M2'))) expect(found).toContainEqual(reading)
    expect(store.of('plant/roof').every(({ quality }) => quality === QUALITY.unregistered)).toBe(true)
  })

  it('leaves none behind that is older than its first message, and counts what was put', async () => {
    const { open, push, store, world, register } = site()
    const list = open()
    onTestFinished(() => list.close())
    await push(list, 5)
    list.start()
    expect(await list.adopt(1, { meter: 'M2', point: 'P-2', why: 'found' }, 'li')).toMatchObject({ ok: true })
    expect(world.applied[0]?.patches.map(({ from }) => from)).toEqual([NOW - 5 * HOUR, NOW - 5 * HOUR])
    register()
    await attached(list)
    expect(new Set(store.of('M2').map(({ measuredAt }) => measuredAt)).size).toBe(5)
    expect(list.get(1)?.stranger.adopted?.attaching.attached).toBe(10)
  })

  it('does not count readings of a time when the meter hung nowhere', async () => {
    const { open, push, store, facts, register } = site()
    const list = open()
    onTestFinished(() => list.close())
    await push(list, 5)
    list.start()
    await list.adopt(1, ADOPTION, 'li')
    register()
    const [first, ...rest] = facts.splice(0)
    if (first) facts.push(...rest)
    await attached(list)
    const put = list.get(1)?.stranger.adopted?.attaching.attached ?? 0
    expect(put).toBeLessThan(10)
    expect(put).toBe(2 * new Set(store.of('M2').map(({ measuredAt }) => measuredAt)).size)
  })

  it('goes on where it was when the process ended in the middle, and puts nothing twice', async () => {
    let calls = 0
    const { open, push, store, register } = site()
    const first = open({
      put: async (readings) => {
        // The disk is gone from the second page on, as after kill -9: nothing more is kept, and nothing is said.
        if (++calls > 1) return new Promise(() => {})
        return store.put(readings)
      },
    })
    await push(first, 1200)
    first.start()
    register()
    await first.adopt(1, ADOPTION, 'li')
    await expect.poll(() => calls, { timeout: 60_000 }).toBe(2)
    expect(first.get(1)?.stranger.adopted?.attaching).toMatchObject({ isDone: false, attached: 500 })
    const second = open()
    onTestFinished(() => second.close())
    expect(second.get(1)?.stranger.adopted?.attaching.attached).toBe(500)
    second.start()
    await attached(second)
    expect(second.get(1)?.stranger.adopted?.attaching.attached).toBe(2400)
    // Energy with a ratio and energy without one cannot share a row.
    expect(store.of('M2')).toHaveLength(3600)
  })

  it('changes nothing when the ledger refuses, and says everything it said', async () => {
    const { open, push } = site({
      apply: async () => ({
        ok: false,
        error: {
          error: fail('LEDGER_SAYS', 'no').error,
          problems: [{ code: 'X', place: 'body/meter', against: 'M9', message: 'two meters at P-2', hint: 'close one' }],
          current: null,
        },
      }),
    })
    const list = open()
    onTestFinished(() => list.close())
    await push(list, 1)
    expect(await list.adopt(1, ADOPTION, 'li')).toMatchObject({
      ok: false,
      error: { code: 'STRANGER_LEDGER', message: 'two meters at P-2 (against M9); close one' },
    })
    expect(list.get(1)?.stranger.state).toBe('open')
    expect(await list.adopt(7, ADOPTION, 'li')).toMatchObject({ error: { code: 'STRANGER_UNKNOWN' } })
  })

  it('is the same when the meter comes into the ledger another way', async () => {
    const { open, push, register, store } = site()
    const list = open()
    onTestFinished(() => list.close())
    await push(list, 2)
    list.start()
    register()
    await attached(list)
    expect(list.get(1)?.stranger).toMatchObject({ state: 'adopted', adopted: { by: 'ledger', meter: 'M2', point: 'P-2' } })
    expect(list.acts(1).map(({ what }) => what)).toEqual(['attached', 'registered'])
    expect(store.of('M2').length).toBeGreaterThan(0)
  })
})

describe('time', () => {
  it('runs for one working day, and again when a closed one is heard', async () => {
    const { open, push, world } = site()
    const list = open()
    onTestFinished(() => list.close())
    await push(list, 1)
    expect(list.get(1)).toMatchObject({ isOverdue: false, dueAt: Date.parse('2026-08-17T12:00:00+08:00') })
    world.now = Date.parse('2026-08-17T11:59:00+08:00')
    expect(list.counts()).toMatchObject({ open: 1, overdue: 0 })
    world.now = Date.parse('2026-08-17T12:01:00+08:00')
    expect(list.counts()).toMatchObject({ open: 1, overdue: 1 })
    expect(list.list({ limit: 9, overdue: true })).toHaveLength(1)
    list.closeOne(1, { who: 'li', why: 'gone', forever: false })
    expect(list.counts()).toMatchObject({ open: 0, overdue: 0, closed: 1 })
    list.noteStranger({ channel: 'plant', address: 'roof', by: 'broker', at: world.now + 1 })
    expect(list.get(1)).toMatchObject({ isOverdue: false, stranger: { state: 'open' } })
  })
})

describe('a frame nobody asked for', () => {
  it('makes a stranger when it was heard twice, none of a meter of the ledger or of everybody', () => {
    const { open, world } = site()
    const list = open()
    onTestFinished(() => list.close())
    for (const address of ['000000000012', '999999999999', '0']) list.noteFrame('rs485-1', address, 'dlt645-2007')
    expect(list.list({ limit: 9 })).toEqual([])
    for (const address of ['000000000012', '999999999999', '0']) list.noteFrame('rs485-1', address, 'dlt645-2007')
    expect(list.list({ limit: 9 }).map(({ stranger }) => [stranger.channel, stranger.address, stranger.by])).toEqual([
      ['rs485-1', '000000000012', 'line'],
    ])
    world.known = { meter: 'M', point: 'P', area: 'A' }
    for (let twice = 0; twice < 2; twice++) list.noteFrame('rs485-1', '000000000013', 'dlt645-2007')
    expect(list.list({ limit: 9 })).toHaveLength(1)
  })
})

it('states the use by local month to the last digit, and says what is missing', async () => {
  const store = memoryStore()
  const normaliser = new PushNormaliser({ facts: { meter: 'plant/roof', point: '-', area: '-', ct: ONE, pt: ONE }, isRegistered: false })
  const at = (text: string) => Date.parse(`${text}+08:00`)
  for (const [time, raw] of [
    ['2026-10-05T08:00:00', 100_10],
    ['2026-10-31T23:30:00', 130_30],
    ['2026-11-01T00:30:00', 130_40],
    ['2026-11-20T12:00:00', 140_50],
    ['2027-01-31T23:59:00', 200_60],
  ] as const)
    await store.put(normaliser.readings({ ...RECORD, meter: 'roof', values: [value('1-0:1.8.0', raw, 'kWh', 'ctpt')] }, at(time), at(time)))
  const statement = await statementOf(store, {
    meter: 'plant/roof',
    obis: '1.8.0',
    from: 0,
    to: at('2027-02-01T00:00:00') - 1,
    zone: 'Asia/Shanghai',
  })
  if (!statement.ok) throw new Error(statement.error.message)
  expect(statement.value).toMatchObject({ obis: '1-0:1.8.0', unit: 'kWh', used: '100.50', readings: 5 })
  expect(statement.value.months.map(({ month, used, missing }) => [month, used, missing])).toEqual([
    ['2026-10', '30.20', ['use before 2026-10-05T00:00:00.000Z is not known']],
    ['2026-11', '10.20', ['nothing in the last 10 days of the month: they count for the next']],
    ['2026-12', null, ['no reading in this month']],
    ['2027-01', '60.10', ['it holds the use of the months before without a reading']],
  ])
})
