import { describe, expect, it } from 'vitest'
import { BillingFile, type BillingPoint } from '../../src/billing/index.ts'
import { QUALITY } from '../../src/core/index.ts'
import { openDatabase } from '../../src/sqlite/index.ts'
import { AT, book, directory, draft, LI, pointAt, register, release, WANG } from './support.ts'

const NOVEMBER = { from: AT, onward: false } as const
const plain = (file: BillingFile) =>
  file.figures
    .changes(0, 100)
    .map(({ seq, kind, point, register: code, version, value, old }) => [seq, kind, point, code, version, value, old?.value ?? null])

describe('a release', () => {
  it('makes version 1 of every register of points on which nothing stands, and names the rest', () => {
    const file = book()
    file.holds.hold({ point: 'P-5', ...NOVEMBER }, LI, 'disputed', AT)
    const id = release(file, [
      pointAt('P-1', [register('1.8.0', '100.00'), register('2.8.0', '0.00')]),
      pointAt('P-2', [register('1.8.0', '7.00')], { holds: [{ reason: 'exchange-unacknowledged', text: 'exchange 3' }] }),
      pointAt('P-3', []),
      pointAt('P-4', [register('1.8.0', '9.00')], { missing: ['1.8.1'] }),
      pointAt('P-5', [register('1.8.0', '5.00')]),
      pointAt('P-6', [register('1.8.0', '6.00', { quality: QUALITY.estimated }), register('2.8.0', '6.00')]),
    ])
    expect(plain(file)).toEqual([
      [1, 'new', 'P-1', '1.8.0', 1, '100.00', null],
      [2, 'new', 'P-1', '2.8.0', 1, '0.00', null],
    ])
    expect(file.releases.get(id)).toMatchObject({
      ...{ state: 'done', points: 6, releasedPoints: 1, released: 2, alreadyReleased: 0, leftPoints: 5, by: WANG, endedAt: AT + 3 },
      left: { 'exchange-unacknowledged': 1, 'held-by-person': 1, 'no-read': 1, estimated: 1, incomplete: 1 },
    })
    expect(file.releases.left(id, 'held-by-person', '', 10)).toEqual([
      { point: 'P-5', reasons: [{ reason: 'held-by-person', text: 'li holds it: disputed' }] },
    ])
    expect(file.releases.left(id, null, 'P-4', 10).map(({ point }) => point)).toEqual(['P-5', 'P-6'])
    expect(file.figures.released(id, 0, 10)).toHaveLength(2)
    expect(file.figures.changes(0, 1)[0]).toMatchObject({
      primary: '4000',
      ratio: '40',
      meter: 'M-1',
      by: WANG,
      why: 'November',
      release: id,
    })
  })

  it('touches nothing that stands, and releases later what was held', () => {
    const file = book()
    const first = pointAt('P-1', [register('1.8.0', '100.00')])
    const held = pointAt('P-2', [register('1.8.0', '7.00')], { holds: [{ reason: 'quarantined', text: 'dip' }] })
    release(file, [first, held])
    const id = release(file, [pointAt('P-1', [register('1.8.0', '101.00')]), { ...held, holds: [] }])
    expect(file.releases.get(id)).toMatchObject({ released: 1, alreadyReleased: 1, leftPoints: 0 })
    expect(plain(file).map(([, , point, , version, value]) => [point, version, value])).toEqual([
      ['P-1', 1, '100.00'],
      ['P-2', 1, '7.00'],
    ])
  })

  it('puts no register of another meter or ratio beside one that stands', () => {
    const file = book()
    release(file, [pointAt('P-1', [register('1.8.0', '100.00')])])
    const other = (change: { meter?: string; ratio?: string }) =>
      pointAt('P-1', [register('1.8.0', '100.00', change), register('2.8.0', '3.00', change)], { meter: change.meter ?? 'M-1' })
    for (const change of [{ meter: 'M-2' }, { ratio: '80' }]) {
      const id = release(file, [other(change)])
      expect(file.releases.left(id, 'conflict', '', 10)).toMatchObject([
        { point: 'P-1', reasons: [{ text: expect.stringContaining('1.8.0 stands released') }] },
      ])
    }
    expect(file.figures.newest).toBe(1)
    release(file, [other({})])
    expect(file.figures.newest).toBe(2)
  })

  it('releases estimates only when that is allowed, marked as they are', () => {
    const file = book()
    const made = pointAt('P-1', [register('1.8.0', '6.00', { quality: QUALITY.estimated, source: 'estimated' })])
    release(file, [made])
    expect(plain(file)).toEqual([])
    release(file, [made], { estimates: true })
    expect(file.figures.current(AT, 'P-1')).toMatchObject([{ quality: QUALITY.estimated, source: 'estimated' }])
  })

  it('refuses as a whole where the policy says so, naming what is held', () => {
    const file = book()
    const points = [pointAt('P-1', [register('1.8.0', '1.00')]), pointAt('P-2', [])]
    const id = release(file, points, { policy: 'refuse' })
    expect(file.releases.get(id)).toMatchObject({ state: 'refused', points: 2, released: 0, left: { 'no-read': 1 } })
    expect(file.figures.newest).toBe(0)
    const free = release(file, points.slice(0, 1), { policy: 'refuse' })
    expect(file.releases.get(free)).toMatchObject({ state: 'done', points: 1, released: 1 })
  })

  it('goes on after a crash where it was, whatever is handed in again', () => {
    const path = directory()
    const points = ['P-1', 'P-2', 'P-3', 'P-4'].map((id) => pointAt(id, [register('1.8.0', '1.00'), register('2.8.0', '2.00')]))
    const dying = new BillingFile(path)
    const begun = dying.releases.begin(draft(), { by: WANG, asker: '{}', key: 'k' }, AT)
    if (!begun.ok) throw new Error(begun.error.message)
    const { id } = begun.value.release
    dying.releases.start(id)
    dying.releases.take(id, points.slice(0, 2))
    dying.close()
    const file = book(path)
    expect(file.releases.get(id)).toMatchObject({ state: 'interrupted', after: 'P-2', released: 4 })
    // Nothing goes on by itself.
    expect(file.releases.take(id, points)).toBeNull()
    expect(file.releases.begin(draft(), { by: WANG, asker: '{}', key: 'k' }, AT)).toMatchObject({
      value: { isNew: false, release: { id } },
    })
    expect(file.releases.begin(draft({ note: 'other' }), { by: WANG, asker: '{}', key: 'k' }, AT)).toMatchObject({
      error: { code: 'BILLING_KEY' },
    })
    expect(file.releases.begin(draft(), { by: LI, asker: '{}', key: 'k' }, AT)).toMatchObject({ value: { isNew: true } })
    expect(file.releases.resume(id)).toMatchObject({ ok: true })
    expect(file.releases.resume(id)).toMatchObject({ error: { code: 'BILLING_STATE' } })
    expect(file.releases.start(id)).toEqual({ isCheck: false, after: 'P-2' })
    file.releases.take(id, points)
    file.releases.finish(id, AT + 9)
    expect(file.releases.get(id)).toMatchObject({ state: 'done', points: 4, released: 8, alreadyReleased: 0 })
    expect(file.figures.newest).toBe(8)
  })
})

describe('a correction', () => {
  const then = pointAt('P-1', [register('1.8.0', '100.00'), register('2.8.0', '5.00')])
  const later = (value: string, change: Partial<BillingPoint> = {}) =>
    pointAt('P-1', [register('1.8.0', value), register('2.8.0', '5.0')], change)
  const why = new Map([['P-1', 'ledger change 17']])
  const released = () => {
    const file = book()
    release(file, [then])
    return file
  }
  const acceptance = { who: LI, why: 'checked', now: AT + 5, estimates: false, entered: [] }

  it('waits where the data differ, with old, new and why; 5.0 and 5.00 are the same', () => {
    const file = released()
    expect(file.pendings.compare([later('101.00')], why, AT + 4)).toBe(1)
    expect(file.pendings.compare([later('101.0')], why, AT + 5)).toBe(0)
    const [pending, ...none] = file.pendings.open({}, 0, 10)
    expect(none).toEqual([])
    expect(pending).toMatchObject({
      ...{
        register: '1.8.0',
        old: { value: '100.00' },
        next: { value: '101.00' },
        differs: ['value'],
        cause: 'ledger change 17',
        since: AT + 4,
      },
    })
    expect(file.pendings.compare([then], why, AT + 6)).toBe(0)
    expect(file.pendings.get(pending?.id ?? 0)).toMatchObject({ state: 'resolved' })
  })

  it('names a ratio, a meter and a quality that differ', () => {
    const file = released()
    const [first, second] = then.registers
    if (!first || !second) throw new Error('two registers')
    file.pendings.compare([{ ...then, registers: [{ ...first, ratio: '80', primary: '8000' }, second] }], why, AT)
    expect(file.pendings.open({}, 0, 1)[0]?.differs).toEqual(['ratio'])
    file.pendings.compare([{ ...then, registers: [{ ...first, meter: 'M-2', quality: QUALITY.manual }, second] }], why, AT)
    expect(file.pendings.open({}, 0, 9).map(({ differs }) => differs)).toEqual([['meter', 'quality']])
    expect(file.pendings.get(1)).toMatchObject({ state: 'superseded' })
  })

  it('says nothing when readings have left the store, but does when another meter hung there', () => {
    const file = released()
    const gone = { ...then, registers: [], missing: ['1.8.0', '2.8.0'], holds: [{ reason: 'no-read' as const, text: 'nothing' }] }
    expect(file.pendings.compare([gone, { ...gone, meter: null }], why, AT)).toBe(0)
    expect(file.pendings.compare([{ ...gone, meter: 'M-9' }], why, AT)).toBe(2)
    const [pending] = file.pendings.open({}, 0, 1)
    expect(pending).toMatchObject({ next: null, differs: ['gone'] })
    expect(file.pendings.accept({ ...acceptance, ids: [1], fresh: { ...gone, meter: 'M-9' } })).toMatchObject({
      error: { code: 'BILLING_HELD' },
    })
  })

  it('makes a new version when it is accepted, and only of what was shown', () => {
    const file = released()
    file.pendings.compare([later('101.00')], why, AT)
    expect(file.pendings.accept({ ...acceptance, ids: [1], fresh: later('102.00') })).toMatchObject({ error: { code: 'BILLING_CHANGED' } })
    const [shown] = file.pendings.open({}, 0, 10)
    const done = file.pendings.accept({ ...acceptance, ids: [shown?.id ?? 0], fresh: later('102.00') })
    expect(done).toMatchObject({
      value: [{ seq: 3, kind: 'corrected', version: 2, value: '102.00', by: LI, why: 'checked', release: null }],
    })
    expect(plain(file).at(-1)).toEqual([3, 'corrected', 'P-1', '1.8.0', 2, '102.00', '100.00'])
    expect(file.pendings.accept({ ...acceptance, ids: [shown?.id ?? 0], fresh: later('102.00') })).toMatchObject({
      error: { code: 'BILLING_STATE' },
    })
    expect(file.figures.versions('P-1', AT, null, 10).map(({ version, value }) => [version, value])).toEqual([
      [2, '102.00'],
      [1, '5.00'],
      [1, '100.00'],
    ])
  })

  it('is not accepted while something stands against it, nor when made up, nor by who entered it', () => {
    const file = released()
    const held = later('101.00', { holds: [{ reason: 'exchange-unacknowledged', text: 'exchange 4' }] })
    file.pendings.compare([held], why, AT)
    const ids = file.pendings.open({}, 0, 10).map(({ id }) => id)
    expect(file.pendings.accept({ ...acceptance, ids, fresh: held })).toMatchObject({ error: { code: 'BILLING_HELD' } })
    const manual = pointAt('P-1', [register('1.8.0', '101.00', { quality: QUALITY.manual, source: 'manual' }), register('2.8.0', '5.00')])
    file.pendings.compare([manual], why, AT)
    const open = () => file.pendings.open({}, 0, 10).map(({ id }) => id)
    expect(file.pendings.accept({ ...acceptance, ids: open(), fresh: manual, entered: ['li'] })).toMatchObject({
      error: { code: 'BILLING_SAME_PERSON' },
    })
    const hold = file.holds.hold({ point: 'P-1', from: AT - 1, onward: true }, LI, 'disputed', AT)
    expect(file.pendings.accept({ ...acceptance, ids: open(), fresh: manual })).toMatchObject({ error: { code: 'BILLING_HELD' } })
    file.holds.lift(hold.id, WANG, 'settled', AT)
    expect(file.pendings.accept({ ...acceptance, ids: open(), fresh: manual })).toMatchObject({ ok: true })
    const made = pointAt('P-1', [register('1.8.0', '103.00', { quality: QUALITY.estimated }), register('2.8.0', '5.00')])
    file.pendings.compare([made], why, AT)
    expect(file.pendings.accept({ ...acceptance, ids: open(), fresh: made })).toMatchObject({ error: { code: 'BILLING_ESTIMATE' } })
    expect(file.pendings.accept({ ...acceptance, ids: open(), fresh: made, estimates: true })).toMatchObject({ ok: true })
  })

  it('that was rejected is not asked again until the data differ again', () => {
    const file = released()
    file.pendings.compare([later('101.00')], why, AT)
    expect(file.pendings.reject([1], LI, 'the old one is right', AT + 1)).toMatchObject({
      value: [{ state: 'rejected', ended: { by: LI, why: 'the old one is right' } }],
    })
    expect(file.pendings.compare([later('101.00')], why, AT)).toBe(0)
    expect(file.pendings.compare([later('102.00')], why, AT)).toBe(1)
    file.pendings.reject([2], LI, 'no', AT)
    expect(file.pendings.compare([then], why, AT)).toBe(0)
    expect(file.pendings.compare([later('102.00')], why, AT)).toBe(1)
  })
})

describe('a withdrawal', () => {
  it('takes a figure back; only a release that says so makes it anew', () => {
    const file = book()
    const point = pointAt('P-1', [register('1.8.0', '100.00')])
    release(file, [point])
    expect(file.pendings.withdraw({ point: 'P-1', at: AT, registers: ['9.9.9'] }, LI, 'x', AT)).toMatchObject({
      error: { code: 'BILLING_NOT_RELEASED' },
    })
    expect(file.pendings.withdraw({ point: 'P-1', at: AT, registers: null }, LI, 'wrong meter', AT)).toMatchObject({
      value: [{ kind: 'withdrawn', version: 2 }],
    })
    expect(file.pendings.withdraw({ point: 'P-1', at: AT, registers: null }, LI, 'again', AT)).toMatchObject({
      error: { code: 'BILLING_NOT_RELEASED' },
    })
    expect(file.releases.get(release(file, [point]))).toMatchObject({ released: 0, left: { withdrawn: 1 } })
    release(file, [point], { again: true })
    expect(plain(file)).toEqual([
      [1, 'new', 'P-1', '1.8.0', 1, '100.00', null],
      [2, 'withdrawn', 'P-1', '1.8.0', 2, '100.00', '100.00'],
      [3, 'new', 'P-1', '1.8.0', 3, '100.00', null],
    ])
  })
})

describe('holds', () => {
  it('stand at an instant, or from one on, until they are lifted', () => {
    const file = book()
    const once = file.holds.hold({ point: 'P-1', from: AT, onward: false }, WANG, 'a', AT)
    expect(file.holds.hold({ point: 'P-1', from: AT, onward: false }, WANG, 'a', AT + 9)).toEqual(once)
    const on = file.holds.hold({ point: 'P-2', from: AT, onward: true }, WANG, 'b', AT)
    const held = (at: number) => [...file.holds.heldAt(at, ['P-1', 'P-2', 'P-3']).keys()]
    expect(held(AT - 1)).toEqual([])
    expect(held(AT)).toEqual(['P-1', 'P-2'])
    expect(held(AT + 1)).toEqual(['P-2'])
    expect(file.holds.lift(on.id, LI, 'over', AT + 2)).toMatchObject({ value: { lifted: { by: LI, why: 'over' } } })
    expect(file.holds.lift(on.id, LI, 'over', AT + 2)).toMatchObject({ error: { code: 'BILLING_STATE' } })
    expect(file.holds.lift(99, LI, 'over', AT)).toMatchObject({ error: { code: 'BILLING_HOLD' } })
    expect(held(AT + 1)).toEqual([])
    expect(file.holds.list({ lifted: false }, 0, 9)).toHaveLength(1)
    expect(file.holds.list({ lifted: true, point: 'P-2' }, 0, 9)).toHaveLength(1)
  })
})

describe('what is to be compared', () => {
  it('is marked for released instants only, and stays when it is marked again meanwhile', () => {
    const file = book()
    release(file, [pointAt('P-1', [register('1.8.0', '1.00')])])
    const heard = (point: string) => [{ point, from: AT - 5, to: AT, cause: 'late' }]
    expect(file.looks.mark(heard('P-2'), AT, 0)).toBe(0)
    expect(file.looks.mark([{ point: 'P-1', from: AT + 1, to: AT + 9, cause: 'late' }], AT, 0)).toBe(0)
    expect(file.looks.mark(heard('P-1'), AT + 10, 7)).toBe(1)
    expect(file.looks.next(AT, 7, 9)).toBeNull()
    expect(file.looks.next(AT + 10, 6, 9)).toBeNull()
    const next = file.looks.next(AT + 10, 7, 9)
    expect(next).toMatchObject({ at: AT, looks: [{ point: 'P-1', cause: 'late' }] })
    file.looks.mark(heard('P-1'), AT + 20, 7)
    file.looks.done(next?.looks ?? [])
    expect(file.looks.count()).toBe(1)
    file.looks.done(file.looks.next(AT + 20, 7, 9)?.looks ?? [])
    expect(file.looks.count()).toBe(0)
  })
})

it('asks of many points at once what it asks of one', () => {
  const file = book()
  const points = Array.from({ length: 90 }, (_, at) => `P-${String(at).padStart(3, '0')}`)
  release(
    file,
    points.map((point) => pointAt(point, [register('1.8.0', '1.00'), register('2.8.0', '2.00')])),
  )
  file.pendings.withdraw({ point: 'P-007', at: AT, registers: ['1.8.0'] }, LI, 'x', AT)
  const some = points.filter((_, at) => at % 2 === 1)
  const found = file.figures.currentOf(AT, some)
  expect([...found.keys()]).toEqual(some)
  for (const point of some) expect(found.get(point)).toEqual(file.figures.current(AT, point))
  expect(file.figures.currentOf(AT + 1, some).size).toBe(0)
})

it('refuses a file of a later version', () => {
  const path = directory()
  new BillingFile(path).close()
  const database = openDatabase(`${path}/billing.db`)
  database.exec('PRAGMA user_version = 99')
  database.close()
  expect(() => new BillingFile(path)).toThrow('run the newer version')
})
