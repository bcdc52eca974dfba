import { describe, expect, it } from 'vitest'
import type { ReleasedBook, ReleasedFigure } from '../../src/billing/index.ts'
import { EVERYTHING, QUALITY } from '../../src/core/index.ts'
import { evidenceKey } from '../../src/evidence/index.ts'
import { openInfluxStore } from '../../src/store/influx/index.ts'
import { startInfluxd } from '../support/influxd.ts'
import {
  all,
  type BillingSite,
  billingSite,
  DAY,
  energyOf,
  MINUTE,
  meter,
  NOVEMBER,
  OCTOBER,
  point,
  readingsAt,
} from './billing-read-site.ts'
import { act } from './energy-site.ts'

const HOUR = 60 * MINUTE
const only = async (site: BillingSite, at = NOVEMBER) => {
  const [first, ...more] = await readingsAt(site, at)
  expect(more).toEqual([])
  return first!
}
const shown = ({ registers }: Awaited<ReturnType<typeof only>>) =>
  registers.map(({ register, value, source }) => `${register} ${value} ${source}`)
const reasons = ({ holds }: { holds: readonly { readonly reason: string }[] }) => holds.map(({ reason }) => reason)

describe('points at a billing instant', () => {
  it('are those in service then, with a meter or without', async () => {
    const site = await billingSite()
    site.change(
      point('P-1', { customer: null }),
      point('P-2', { role: 'generation' }),
      point('P-3', { role: 'area-supply' }),
      point('P-4'),
      point('P-5', {}, NOVEMBER + DAY),
      meter('1', 'P-1'),
      meter('3', 'P-3'),
    )
    site.change(point('P-4', { state: 'archived' }, OCTOBER))
    await site.write({ meter: '1', at: NOVEMBER, values: { '1.8.0': '10.50' } }, { meter: '3', at: NOVEMBER, values: { '1.8.0': '1.00' } })
    const states = async (at: number) => (await readingsAt(site, at)).map((one) => `${one.point} ${one.state} ${reasons(one).join()}`)
    expect(await states(NOVEMBER)).toEqual(['P-1 provisional ', 'P-2 held no-read'])
    expect(await states(OCTOBER - DAY)).toEqual(['P-1 held no-read', 'P-2 held no-read', 'P-4 held no-read'])
    expect((await readingsAt(site, NOVEMBER))[1]).toMatchObject({
      meter: null,
      holds: [{ text: 'no meter hung there' }],
      missing: ['1.8.0'],
    })
  })

  it('have the freeze before the curve before a live read, as displayed and primary', async () => {
    const site = await billingSite()
    site.change(point('P-1', { ct: '400/5', customer: null }), meter('1', 'P-1'))
    await site.write(
      { meter: '1', at: NOVEMBER + MINUTE, source: 'live', values: { '1.8.0': '12345.80' }, ratio: '80' },
      { meter: '1', at: NOVEMBER - DAY, values: { '1.8.0': '12000.00' }, ratio: '80' },
    )
    expect(shown(await only(site))).toEqual(['1.8.0 12345.80 live'])
    await site.write({ meter: '1', at: NOVEMBER, source: 'curve', values: { '1.8.0': '12345.60' }, ratio: '80' })
    expect(shown(await only(site))).toEqual(['1.8.0 12345.60 curve'])
    await site.write({ meter: '1', at: NOVEMBER, values: { '1.8.0': '12345.60' }, ratio: '40' })
    const found = await only(site)
    expect(found).toMatchObject({ point: 'P-1', area: 'A-1', meter: '1', state: 'provisional', missing: [], holds: [] })
    expect(found.registers).toEqual([
      {
        ...{ register: '1.8.0', unit: 'kWh', value: '12345.60', ratio: '80', storedRatio: '40', primary: '987648.00', meter: '1' },
        ...{ source: 'day-freeze', quality: 0, measuredAt: NOVEMBER, receivedAt: NOVEMBER + 90_000, evidence: null },
        ...{ state: 'provisional', version: null, releasedAt: null, pending: null },
      },
    ])
  })

  it('take the nearest live read, over all hours of the window, past one that was set aside', async () => {
    const site = await billingSite()
    const at = NOVEMBER + 25 * MINUTE
    site.change(point('P-1'), meter('1', 'P-1'))
    await site.write(
      { meter: '1', at: at - 50 * MINUTE, source: 'live', values: { '1.8.0': '1.00' } },
      { meter: '1', at: at + 20 * MINUTE, source: 'live', values: { '1.8.0': '3.00' } },
      { meter: '1', at: at + 5 * MINUTE, source: 'live', values: { '1.8.0': '99.00' }, quality: QUALITY.quarantined },
      { meter: '1', at: at + 70 * MINUTE, source: 'live', values: { '1.8.0': '5.00' } },
    )
    expect(shown(await only(site, at))).toEqual(['1.8.0 3.00 live'])
    await site.write({ meter: '1', at: at - 10 * MINUTE, source: 'push', values: { '1.8.0': '2.00' } })
    expect(shown(await only(site, at))).toEqual(['1.8.0 2.00 push'])
    expect(reasons(await only(site, at))).toEqual([])
    expect(reasons(await only(site, NOVEMBER + 3 * HOUR))).toEqual(['no-read'])
  })

  it('say what stands against them', async () => {
    const site = await billingSite({ rules: { registers: ['1.8.0', '2.8.0'] } })
    for (const id of ['1', '2', '3', '4', '5']) site.change(point(`P-${id}`), meter(id, `P-${id}`))
    const both = { '1.8.0': '10.00', '2.8.0': '1.00' }
    await site.write(
      { meter: '1', at: NOVEMBER, values: { '1.8.0': '10.00' } },
      { meter: '2', at: NOVEMBER, values: both, quality: QUALITY.quarantined },
      { meter: '3', at: NOVEMBER, values: both, quality: QUALITY.clockDoubtful },
      { meter: '4', at: NOVEMBER, values: both },
      { meter: '4', at: NOVEMBER, source: 'curve', values: { '1.8.0': '10.03' } },
      { meter: '5', at: NOVEMBER, values: both },
    )
    const found = await readingsAt(site, NOVEMBER)
    expect(found.map((one) => [one.point, one.state, reasons(one).join(), one.missing.join()])).toEqual([
      ['P-1', 'held', 'incomplete', '2.8.0'],
      ['P-2', 'held', 'quarantined,incomplete', '1.8.0,2.8.0'],
      ['P-3', 'held', 'clock-doubtful', ''],
      ['P-4', 'held', 'conflict', ''],
      ['P-5', 'provisional', '', ''],
    ])
    expect(found[3]!.holds[0]!.text).toContain('10.03')
    const groups = await site.views.completeness(NOVEMBER, {}, EVERYTHING, 'area')
    expect(groups).toEqual([
      expect.objectContaining({ zone: 'Z-1', area: 'A-1', due: 5, held: 4, provisional: 1, released: 0 }),
      expect.objectContaining({ area: null, due: 5, reasons: { incomplete: 2, quarantined: 1, 'clock-doubtful': 1, conflict: 1 } }),
    ])
  })

  it('use only the meter that hung there, and wait for the exchange to be acknowledged', async () => {
    const site = await billingSite()
    site.change(point('P-1'), meter('OLD', 'P-1'))
    const at = NOVEMBER - 20 * MINUTE
    site.exchange({
      kind: 'meter',
      point: 'P-1',
      at,
      meter: { id: 'NEW', set: { address: '000000009999' } },
      end: { '1.8.0': '500.00' },
      start: { '1.8.0': '0.03' },
    })
    await site.write(
      { meter: 'OLD', point: 'P-1', at: NOVEMBER - 25 * MINUTE, source: 'live', values: { '1.8.0': '499.90' } },
      { meter: 'OLD', point: 'P-1', at: NOVEMBER, values: { '1.8.0': '500.00' } },
      { meter: 'NEW', point: 'P-1', at: NOVEMBER + 40 * MINUTE, source: 'live', values: { '1.8.0': '0.09' } },
    )
    const found = await only(site)
    expect(shown(found)).toEqual(['1.8.0 0.09 live'])
    expect(found).toMatchObject({ meter: 'NEW', state: 'held' })
    expect(reasons(found)).toEqual(['exchange-unacknowledged'])
    expect(reasons(await only(site, NOVEMBER - DAY))).toEqual(['no-read'])
    expect(site.ledger.acknowledge(1, 'billing', '', NOVEMBER + DAY)).toMatchObject({ ok: true })
    expect((await only(site)).state).toBe('provisional')
  })

  it('name their evidence', async () => {
    const ref = { id: 'E-7', kind: 'frame', sha256: 'ab'.repeat(32) } as const
    const site = await billingSite({
      evidence: { refsOf: async (keys) => new Map(keys.map((key) => [evidenceKey(key), ref])), item: async () => null },
    })
    site.change(point('P-1'), meter('1', 'P-1'))
    await site.write({ meter: '1', at: NOVEMBER, values: { '1.8.0': '1.00' } })
    expect((await only(site)).registers[0]!.evidence).toEqual(ref)
  })

  it('are handed out as they were released; what is read otherwise since waits beside it', async () => {
    const released: ReleasedFigure = {
      ...{ register: '1.8.0', unit: 'kWh', value: '9.00', ratio: '1', primary: '9.00', meter: '1', source: 'day-freeze', quality: 0 },
      ...{
        measuredAt: NOVEMBER,
        receivedAt: NOVEMBER,
        evidence: null,
        point: 'P-1',
        at: NOVEMBER,
        version: 3,
        releasedAt: NOVEMBER + DAY,
        releasedBy: 'wang',
      },
    }
    let withdrawn = false
    const book: ReleasedBook = {
      releasedAt: async (at) => new Map(at === NOVEMBER ? [['P-1', [{ ...released, withdrawn }]]] : []),
      holdsAt: async (_, points) => new Map(points.includes('P-2') ? [['P-2', { by: 'li', why: 'on site' }]] : []),
    }
    const site = await billingSite({ book })
    site.change(point('P-1'), point('P-2'), meter('1', 'P-1'), meter('2', 'P-2'))
    // Nothing is read any more: what was released stands.
    expect((await readingsAt(site, NOVEMBER))[0]).toMatchObject({
      state: 'released',
      registers: [{ value: '9.00', version: 3, pending: null }],
    })
    await site.write({ meter: '1', at: NOVEMBER, values: { '1.8.0': '9.00' } }, { meter: '2', at: NOVEMBER, values: { '1.8.0': '1.00' } })
    const [first, second] = await readingsAt(site, NOVEMBER)
    expect(first).toMatchObject({ state: 'released', registers: [{ value: '9.00', state: 'released', pending: null }] })
    expect(second).toMatchObject({ state: 'held', holds: [{ reason: 'held-by-person', text: 'li holds it: on site' }] })
    await site.write({ meter: '1', at: NOVEMBER, values: { '1.8.0': '9.50' } })
    expect((await readingsAt(site, NOVEMBER))[0]).toMatchObject({
      state: 'released',
      registers: [{ value: '9.00', pending: { value: '9.50' } }],
    })
    withdrawn = true
    expect((await readingsAt(site, NOVEMBER))[0]).toMatchObject({
      state: 'withdrawn',
      registers: [{ value: '9.50', state: 'withdrawn', version: 3 }],
    })
  })

  it('come in pieces, once each, whatever their number and whoever asks', async () => {
    const site = await billingSite()
    const ids = Array.from({ length: 950 }, (_, index) => `P-${String(index).padStart(4, '0')}`)
    site.change(...ids.map((id) => point(id)), ...ids.slice(0, 940).map((id) => meter(`M${id}`, id)))
    await site.write(...ids.slice(0, 930).map((id) => ({ meter: `M${id}`, point: id, at: NOVEMBER, values: { '1.8.0': '1.00' } })))
    const found = await readingsAt(site, NOVEMBER)
    expect(found.map((one) => one.point)).toEqual(ids)
    expect(found.filter(({ state }) => state === 'provisional')).toHaveLength(930)
    const rest = await all(site.views.readings(NOVEMBER, {}, EVERYTHING, ids[500]!, 3))
    expect(rest.map((one) => one.point)).toEqual(ids.slice(501, 504))
    const mine = { all: false, sees: (_: string, id: string) => id >= 'P-0948' }
    expect((await all(site.views.readings(NOVEMBER, {}, mine, null))).map((one) => one.point)).toEqual(ids.slice(948))
    const late = { ...mine, since: () => NOVEMBER + 1 }
    expect(await all(site.views.readings(NOVEMBER, {}, late, null))).toEqual([])
  })

  it('throw when the store cannot be read, instead of ending early', async () => {
    const site = await billingSite()
    site.change(point('P-1'), meter('1', 'P-1'))
    await site.store.close()
    await expect(readingsAt(site, NOVEMBER)).rejects.toThrow('STORE_')
  })
})

describe('energy between two instants', () => {
  const energy = async (site: BillingSite, from = OCTOBER, to = NOVEMBER) => {
    const [first, ...more] = await energyOf(site, from, to)
    expect(more).toEqual([])
    return first!
  }

  it('is the register difference times the ratio, to the last digit', async () => {
    const site = await billingSite()
    site.change(point('P-1', { ct: '400/5', contractKva: '400' }), meter('1', 'P-1'))
    await site.write(
      { meter: '1', at: OCTOBER, values: { '1.8.0': '1000.07' }, ratio: '80' },
      { meter: '1', at: NOVEMBER - 10 * MINUTE, source: 'live', values: { '1.8.0': '1099.99' }, ratio: '80' },
    )
    const found = await energy(site)
    expect(found).toMatchObject({ state: 'provisional', holds: [], tariffs: null })
    expect(found.registers).toMatchObject([
      {
        ...{ register: '1.8.0', energy: '7993.60', estimatedPpm: 0, reasons: [], released: false },
        ...{ start: { value: '1000.07', source: 'day-freeze' }, end: { value: '1099.99', source: 'live' } },
        segments: [
          { meter: '1', from: OCTOBER, to: NOVEMBER, ratio: '80', start: '1000.07', end: '1099.99', delta: '99.92', energy: '7993.60' },
        ],
      },
    ])
  })

  it('goes across an exchange with its registers', async () => {
    const site = await billingSite()
    site.change(point('P-1', { ct: '10' }), meter('OLD', 'P-1'))
    const at = OCTOBER + 10 * DAY + 3 * HOUR
    site.exchange({
      kind: 'meter',
      point: 'P-1',
      at,
      meter: { id: 'NEW', set: { address: '000000009999' } },
      end: { '1.8.0': '550.05' },
      start: { '1.8.0': '0.03' },
    })
    await site.write(
      { meter: 'OLD', point: 'P-1', at: OCTOBER, values: { '1.8.0': '500.00' }, ratio: '10' },
      { meter: 'NEW', point: 'P-1', at: NOVEMBER, values: { '1.8.0': '80.13' }, ratio: '10' },
    )
    const found = await energy(site)
    // (550.05 - 500.00 + 80.13 - 0.03) x 10
    expect(found.registers[0]).toMatchObject({
      ...{ energy: '1301.50', reasons: ['exchange'], estimatedPpm: 0 },
      segments: [
        { meter: 'OLD', start: '500.00', end: '550.05', delta: '50.05', energy: '500.50', to: at },
        { meter: 'NEW', start: '0.03', end: '80.13', delta: '80.10', energy: '801.00', from: at },
      ],
    })
    expect(found).toMatchObject({ state: 'held', holds: [{ at: NOVEMBER, reason: 'exchange-unacknowledged' }] })
  })

  it('goes across a new CT with the register of that instant', async () => {
    const site = await billingSite()
    site.change(point('P-1', { ct: '10' }), meter('1', 'P-1'))
    site.exchange({ kind: 'ct', point: 'P-1', at: OCTOBER + 5 * DAY, ratio: '20', end: { '1.8.0': '530.00' } })
    await site.write(
      { meter: '1', at: OCTOBER, values: { '1.8.0': '500.00' }, ratio: '10' },
      { meter: '1', at: NOVEMBER, values: { '1.8.0': '570.00' }, ratio: '20' },
    )
    expect((await energy(site)).registers[0]).toMatchObject({
      ...{ energy: '1100.00', reasons: ['exchange'] },
      segments: [
        { ratio: '10', start: '500.00', end: '530.00', energy: '300.00' },
        { ratio: '20', start: '530.00', end: '570.00', energy: '800.00' },
      ],
    })
  })

  it('says that an exchange at one of the instants itself gives the register there', async () => {
    const site = await billingSite()
    site.change(point('P-1', { ct: '10' }), meter('1', 'P-1'))
    site.exchange({ kind: 'ct', point: 'P-1', at: NOVEMBER, ratio: '20', end: { '1.8.0': '530.00' } })
    await site.write(
      { meter: '1', at: OCTOBER, values: { '1.8.0': '500.00' }, ratio: '10' },
      { meter: '1', at: NOVEMBER + 20 * MINUTE, source: 'live', values: { '1.8.0': '530.07' }, ratio: '20' },
    )
    expect((await energy(site)).registers[0]).toMatchObject({
      ...{ energy: '300.00', reasons: ['exchange'], end: { value: '530.07' } },
      segments: [{ ratio: '10', start: '500.00', end: '530.00' }],
    })
  })

  it('is that of the released figures while a correction of them waits', async () => {
    const released = (at: number, value: string, ratio: string): ReleasedFigure & { withdrawn: boolean } => ({
      ...{ register: '1.8.0', unit: 'kWh', value, ratio, primary: '0', meter: '1', source: 'day-freeze', quality: 0, evidence: null },
      ...{ measuredAt: at, receivedAt: at, point: 'P-1', at, version: 1, releasedAt: at, releasedBy: 'wang', withdrawn: false },
    })
    const ratios = { [OCTOBER]: '10', [NOVEMBER]: '10' }
    const values: Record<number, string> = { [OCTOBER]: '500.00', [NOVEMBER]: '570.00' }
    const book: ReleasedBook = {
      releasedAt: async (at) => new Map([['P-1', [released(at, values[at] ?? '0', ratios[at] ?? '1')]]]),
      holdsAt: async () => new Map(),
    }
    const site = await billingSite({ book })
    site.change(point('P-1', { ct: '10' }), meter('1', 'P-1'))
    await site.write(
      { meter: '1', at: OCTOBER, values: { '1.8.0': '500.00' }, ratio: '10' },
      { meter: '1', at: NOVEMBER, values: { '1.8.0': '570.00' }, ratio: '10' },
    )
    expect((await energy(site)).registers[0]).toMatchObject({ energy: '700.00', released: true, reasons: [] })
    site.change(point('P-1', { ct: '20' }, OCTOBER - 40 * DAY))
    expect((await energy(site)).registers[0]).toMatchObject({
      ...{ energy: '700.00', released: true, reasons: ['correction-waits'] },
      segments: [{ ratio: '10', energy: '700.00' }],
    })
    // One end is corrected and the other is not: there is no ratio that both have.
    ratios[NOVEMBER] = '20'
    expect((await energy(site)).registers[0]).toMatchObject({
      energy: null,
      released: true,
      segments: [],
      reasons: ['correction-waits', 'missing'],
    })
    ratios[OCTOBER] = '20'
    expect((await energy(site)).registers[0]).toMatchObject({ energy: '1400.00', reasons: [] })
  })

  it('says what share rests on nothing, where nobody read a change of ratio', async () => {
    const site = await billingSite()
    site.change(point('P-1', { ct: '10' }), meter('1', 'P-1'))
    site.change(point('P-1', { ct: '20' }, OCTOBER + 5 * DAY))
    await site.write(
      { meter: '1', at: OCTOBER, values: { '1.8.0': '500.00' }, ratio: '10' },
      { meter: '1', at: OCTOBER + 5 * DAY - 12 * HOUR, source: 'curve', values: { '1.8.0': '530.00' }, ratio: '10' },
      { meter: '1', at: OCTOBER + 5 * DAY + 12 * HOUR, source: 'curve', values: { '1.8.0': '532.00' }, ratio: '10' },
      { meter: '1', at: NOVEMBER, values: { '1.8.0': '570.00' }, ratio: '20' },
    )
    const [register] = (await energy(site)).registers
    expect(register!.energy).toBe('1090.00')
    expect(register!.reasons).toContain('ratio-change')
  })

  it('goes past the last digit', async () => {
    const site = await billingSite()
    site.change(point('P-1', { contractKva: '100' }), meter('1', 'P-1', null, { digits: '6' }))
    await site.write(
      { meter: '1', at: OCTOBER, values: { '1.8.0': '999990.00' } },
      { meter: '1', at: NOVEMBER, values: { '1.8.0': '15.50' } },
    )
    expect((await energy(site)).registers[0]).toMatchObject({
      ...{ energy: '25.50', reasons: ['rollover'] },
      segments: [{ start: '999990.00', end: '15.50', delta: '25.50' }],
    })
  })

  it('is not known without a register, after one that fell, and never zero', async () => {
    const site = await billingSite()
    site.change(point('P-1'), point('P-2'), point('P-3'), meter('1', 'P-1'), meter('2', 'P-2'), meter('3', 'P-3'))
    await site.write(
      { meter: '1', at: NOVEMBER, values: { '1.8.0': '15.50' } },
      { meter: '2', at: OCTOBER, values: { '1.8.0': '500.00' } },
      { meter: '2', at: NOVEMBER, values: { '1.8.0': '10.00' } },
      { meter: '3', at: OCTOBER, values: { '1.8.0': '10.00' } },
      { meter: '3', at: NOVEMBER, values: { '1.8.0': '10.00' } },
    )
    const found = await energyOf(site, OCTOBER, NOVEMBER)
    expect(
      found.map((one) => [one.point, one.state, one.registers.map(({ energy, reasons: why }) => `${energy} ${why.join()}`).join()]),
    ).toEqual([
      ['P-1', 'held', 'null missing'],
      ['P-2', 'provisional', expect.stringMatching(/^null (register-reset|missing)/)],
      ['P-3', 'provisional', '0.00 '],
    ])
  })

  it('has its unit where nothing was read', async () => {
    const site = await billingSite({ rules: { registers: ['1.8.0', '3.8.0'] } })
    site.change(point('P-1'), meter('1', 'P-1'))
    expect((await energy(site)).registers).toMatchObject([
      { register: '1.8.0', unit: 'kWh', energy: null },
      { register: '3.8.0', unit: 'kvarh', energy: null },
    ])
  })

  it('takes late data as soon as it is there', async () => {
    const site = await billingSite()
    site.change(point('P-1'), meter('1', 'P-1'))
    await site.write({ meter: '1', at: OCTOBER, values: { '1.8.0': '10.00' } })
    expect((await energy(site)).registers[0]!.energy).toBeNull()
    await site.write({
      meter: '1',
      at: NOVEMBER,
      source: 'manual',
      values: { '1.8.0': '35.00' },
      quality: QUALITY.manual,
      receivedAt: NOVEMBER + 9 * DAY,
    })
    expect((await energy(site)).registers[0]).toMatchObject({ energy: '25.00', end: { source: 'manual' } })
  })

  it('compares the tariffs with the total', async () => {
    const site = await billingSite({ rules: { registers: ['1.8.0', '1.8.1', '1.8.2'] } })
    for (const id of ['1', '2']) site.change(point(`P-${id}`), meter(id, `P-${id}`))
    const start = { '1.8.0': '100.00', '1.8.1': '60.00', '1.8.2': '40.00' }
    await site.write(
      { meter: '1', at: OCTOBER, values: start },
      { meter: '1', at: NOVEMBER, values: { '1.8.0': '150.01', '1.8.1': '80.00', '1.8.2': '70.00' } },
      { meter: '2', at: OCTOBER, values: start },
      { meter: '2', at: NOVEMBER, values: { '1.8.0': '150.00', '1.8.1': '80.00', '1.8.2': '60.00' } },
    )
    expect((await energyOf(site, OCTOBER, NOVEMBER)).map(({ tariffs }) => tariffs)).toEqual([
      { total: '50.01', sum: '50.00', difference: '0.01', agrees: true },
      { total: '50.00', sum: '40.00', difference: '10.00', agrees: false },
    ])
  })

  it('shows a point that is billed at one end alone', async () => {
    const site = await billingSite()
    site.change(point('P-1'), point('P-2'), meter('1', 'P-1'), meter('2', 'P-2'))
    site.change(point('P-1', { state: 'archived' }, OCTOBER + DAY))
    await site.write({ meter: '1', at: OCTOBER, values: { '1.8.0': '10.00' } })
    const found = await energyOf(site, OCTOBER, NOVEMBER)
    expect(found.map((one) => [one.point, one.state, one.registers[0]?.energy ?? null])).toEqual([
      ['P-1', 'held', null],
      ['P-2', 'held', null],
    ])
    expect(found[0]!.holds).toMatchObject([{ at: NOVEMBER, reason: 'not-billed' }])
  })

  it('is summed up for a customer with the signs of the ledger, and null while a part is not known', async () => {
    const site = await billingSite()
    const customer = 'C-1'
    site.change(
      { kind: 'customer', id: customer, from: null, set: { name: 'works' } },
      { kind: 'customer', id: 'C-2', from: null, set: { name: 'others' } },
      point('P-1', { customer }),
      point('P-2', { customer, billingSign: '-1' }),
      point('P-9', { customer: 'C-2' }),
      ...['1', '2', '9'].map((id) => meter(id, `P-${id}`)),
    )
    const month = (id: string, to: string) => [
      { meter: id, at: OCTOBER, values: { '1.8.0': '100.00' } },
      { meter: id, at: NOVEMBER, values: { '1.8.0': to } },
    ]
    await site.write(...month('1', '150.50'), ...month('2', '110.25'), ...month('9', '900.00'))
    const sum = async (scope = EVERYTHING) => {
      const found = await site.views.customer(customer, OCTOBER, NOVEMBER, scope)
      if (!found.ok) throw new Error(found.error.error.message)
      return found.value
    }
    expect(await sum()).toMatchObject({
      points: [
        { point: 'P-1', sign: 1 },
        { point: 'P-2', sign: -1 },
      ],
      sums: [{ register: '1.8.0', energy: '40.25', reasons: [] }],
    })
    expect((await sum({ all: false, sees: (_, id) => id !== 'P-2' })).sums).toMatchObject([{ energy: null, reasons: ['outside-of-scope'] }])
    expect(await site.views.customer('C-1', OCTOBER, NOVEMBER, { all: false, sees: () => false })).toMatchObject({ ok: false })
    site.change(point('P-3', { customer }), meter('3', 'P-3'))
    expect((await sum()).sums).toMatchObject([{ energy: null }])
    await site.write(...month('3', '100.00'))
    expect((await sum()).sums).toMatchObject([{ energy: '40.25' }])
    const moved = site.ledger.apply([point('P-3', { customer: 'C-2' }, OCTOBER + 9 * DAY)], act(NOVEMBER))
    expect(moved).toMatchObject({ ok: true })
    expect((await sum()).sums).toMatchObject([{ energy: null, reasons: ['customer-changed'] }])
  })
})

it('reads the same out of InfluxDB, with the zeros on the face', async () => {
  const server = await startInfluxd()
  const opened = await openInfluxStore({ url: server.url, version: 'v1', database: 'billing', createDatabase: true })
  if (!opened.ok) throw new Error(opened.error.message)
  const site = await billingSite({ store: opened.value })
  site.change(point('P-1', { ct: '10' }), point('P-2'), point('P-3'), meter('1', 'P-1'), meter('2', 'P-2'), meter('3', 'P-3'))
  await site.write(
    { meter: '1', at: OCTOBER, values: { '1.8.0': '100.00' }, ratio: '10' },
    { meter: '1', at: NOVEMBER, values: { '1.8.0': '150.10' }, ratio: '10' },
    { meter: '2', at: NOVEMBER - 5 * MINUTE, source: 'live', values: { '1.8.0': '7.00' } },
    { meter: '2', at: NOVEMBER - 15 * MINUTE, source: 'live', values: { '1.8.0': '6.00' } },
  )
  const found = await readingsAt(site, NOVEMBER)
  expect(found.map((one) => [one.point, ...shown(one), ...reasons(one)])).toEqual([
    ['P-1', '1.8.0 150.10 day-freeze'],
    ['P-2', '1.8.0 7.00 live'],
    ['P-3', 'no-read'],
  ])
  expect(found[0]!.registers[0]!.primary).toBe('1501.00')
  expect((await energyOf(site, OCTOBER, NOVEMBER))[0]!.registers[0]!.energy).toBe('501.00')
  await opened.value.close()
  await server.destroy()
})
