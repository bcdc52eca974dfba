import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { CollectionEvent, GapState } from '../../src/collection/index.ts'
import { nextTry } from '../../src/collection/policy.ts'
import { at, D0, DAY, days, dueOf, fileIn, HOUR, missedOf, readOf, scratch, settingsOf } from './support.ts'

const idOf = (file: ReturnType<typeof fileIn>, meter: string, label = D0) =>
  file.list({ all: true, meter, from: label, to: label + 1 }, 0, 1)[0]?.id ?? 0

describe('a due reading', () => {
  it('is no gap when it comes in its first pass', () => {
    const file = fileIn()
    file.take([dueOf('M1'), readOf('M1')])
    expect(file.list({}, 0, 10)).toEqual([])
    expect(file.list({ all: true }, 0, 10)).toMatchObject([{ state: 'filled', fill: 'freeze', firstTry: true, missedAt: null }])
  })

  it('becomes a gap with a reason, a next try, and a history', () => {
    const file = fileIn()
    file.take([dueOf('M1'), missedOf('M1')])
    const [gap] = file.list({}, 0, 10)
    expect(gap).toMatchObject({ state: 'scheduled', reason: 'LINE_NO_REPLY', tries: 3, nextTry: at('2026-11-20T03:00:00') })
    expect(file.get(gap?.id ?? 0)?.history).toEqual([{ at: D0 + 2 * HOUR, what: 'missed', who: null, note: 'LINE_NO_REPLY' }])
    expect(file.counts()).toMatchObject({ scheduled: 1, filled: 0 })
  })

  it('told twice has happened once', () => {
    const file = fileIn()
    const all = [dueOf('M1'), missedOf('M1'), readOf('M1', D0, D0 + 3 * HOUR)]
    file.take([...all, ...all])
    expect(file.get(idOf(file, 'M1'))).toMatchObject({ state: 'filled', filledAt: D0 + 3 * HOUR, firstTry: false, history: [{}, {}] })
  })

  it('that was given up is filled by late data', () => {
    const file = fileIn()
    file.take([dueOf('M1'), missedOf('M1')])
    const id = idOf(file, 'M1')
    file.take([{ what: 'tried', at: D0 + 6 * DAY, id, code: 'DLT645_REFUSED', spentMs: 40, nextTry: null, counts: true, note: null }])
    expect(file.get(id)).toMatchObject({ state: 'permanent', reason: 'DLT645_REFUSED', spentMs: 40 })
    file.take([readOf('M1', D0, D0 + 9 * DAY)])
    expect(file.get(id)).toMatchObject({ state: 'filled', filledAt: D0 + 9 * DAY, instant: D0 })
  })

  it('is read at once when its meter is heard again, unless the meter itself had refused', () => {
    const file = fileIn()
    file.take([dueOf('M1'), missedOf('M1'), dueOf('M2'), missedOf('M2', D0, 'DLT645_REFUSED')])
    const now = D0 + 2 * HOUR + 60_000
    file.take([
      { what: 'wake', at: now, meter: 'M1' },
      { what: 'wake', at: now, meter: 'M2' },
    ])
    const { gaps, nextAt } = file.due(now, 5, { lines: [], meters: [] })
    expect([gaps.map(({ meter }) => meter), nextAt]).toEqual([['M1'], now])
  })
})

describe('settings that change', () => {
  it('plan what waits anew, leave alone what is near, and give up what has no time left', () => {
    const file = fileIn()
    file.take([dueOf('M1'), missedOf('M1'), dueOf('M2'), missedOf('M2'), dueOf('M3', D0 - 3 * DAY), missedOf('M3', D0 - 3 * DAY)])
    const now = D0 + 2 * HOUR + 50 * 60_000
    const soon = { what: 'tried', at: now, id: idOf(file, 'M2'), code: 'X', spentMs: 1, counts: true, note: null } as const
    file.take([{ ...soon, nextTry: now + 15 * 60_000 }])
    const late = idOf(file, 'M3', D0 - 3 * DAY)
    file.take([{ ...soon, id: late, nextTry: D0 + 5 * HOUR }])
    expect(file.use(settingsOf({ lineShare: 0.5, cutoffMinute: 1 }), now)).toBe(0)
    file.take([{ what: 'tried', at: now, id: idOf(file, 'M1'), code: 'X', spentMs: 1, nextTry: D0 + 12 * HOUR, counts: true, note: null }])
    expect(file.use(settingsOf({ rereads: [14 * 60], dailyReread: 15 * 60, lastDay: 2 }), now)).toBe(2)
    expect(file.get(idOf(file, 'M1'))).toMatchObject({ state: 'scheduled', nextTry: D0 + 14 * HOUR })
    expect(file.get(idOf(file, 'M2'))).toMatchObject({ state: 'scheduled', nextTry: now + 15 * 60_000 })
    expect(file.get(late)).toMatchObject({ state: 'permanent', nextTry: null })
    expect(file.get(late)?.history.at(-1)).toMatchObject({ what: 'permanent', at: now, who: null })
    file.take([dueOf('M4'), missedOf('M4')])
    expect(file.get(idOf(file, 'M4'))).toMatchObject({ nextTry: D0 + 14 * HOUR })
  })
})

describe('what is due now', () => {
  it('is one gap a meter, the newest first, and so many a line', () => {
    const file = fileIn()
    for (const [n, meter] of ['M1', 'M2', 'M3'].entries())
      for (const label of [D0 - DAY, D0]) file.take([dueOf(meter, label, 'day-freeze', n === 2 ? 'L2' : 'L1'), missedOf(meter, label)])
    const due = (lines: string[], perLine: number) =>
      file.due(D0 + 7 * HOUR, perLine, { lines, meters: [] }).gaps.map(({ meter, label }) => `${meter} ${(label - D0) / DAY}`)
    expect(due([], 1)).toHaveLength(2)
    expect(due([], 5).sort()).toEqual(['M1 0', 'M2 0', 'M3 0'])
    expect(due(['L1'], 5)).toEqual(['M3 0'])
  })
})

describe('a time without gateway', () => {
  const task = (change = {}) => ({
    kind: 'day-freeze' as const,
    stepMs: DAY,
    offsetMs: 300_000,
    meters: [
      { meter: 'M1', since: 0, point: 'P1', line: 'L1', area: 'A1' },
      { meter: 'M2', since: D0 + DAY, point: 'P2', line: 'L1', area: 'A1' },
    ],
    ...change,
  })

  it('leaves no hole that is not known, and none before a meter was there', () => {
    const file = fileIn()
    expect(file.catchUp([task()], D0 + HOUR)).toEqual({ added: 0, since: 0 })
    file.take([dueOf('M1')])
    const now = D0 + 3 * DAY + HOUR
    expect(file.catchUp([task()], now)).toEqual({ added: 6, since: D0 + HOUR })
    const states = file.list({ all: true }, 0, 99).map(({ meter, label, state, reason }) => [meter, (label - D0) / DAY, state, reason])
    expect(states.filter(([meter]) => meter === 'M1')).toEqual([
      ['M1', 0, 'scheduled', 'GATEWAY_DOWN'],
      ['M1', 1, 'scheduled', 'GATEWAY_DOWN'],
      ['M1', 2, 'scheduled', 'GATEWAY_DOWN'],
      ['M1', 3, 'open', null],
    ])
    expect(states.filter(([meter]) => meter === 'M2').map(([, day]) => day)).toEqual([1, 2, 3])
  })

  it('is permanent where the last chance went with it', () => {
    const file = fileIn()
    file.catchUp([task()], D0)
    file.catchUp([task()], D0 + 10 * DAY + HOUR)
    const states = file.list({ all: true, meter: 'M1' }, 0, 99).map(({ state }) => state)
    expect(states).toEqual([...Array(3).fill('permanent'), ...Array(7).fill('scheduled'), 'open'])
  })

  it('knows months by their first day', () => {
    const file = fileIn()
    const months = task({ kind: 'month-freeze', meters: [{ meter: 'M1', since: 0, point: 'P1', line: 'L1', area: 'A1' }] })
    file.catchUp([months], at('2026-11-20T12:00:00'))
    file.catchUp([months], at('2027-01-03T12:00:00'))
    expect(file.list({ all: true }, 0, 9).map(({ label }) => label)).toEqual([at('2026-12-01T00:00:00'), at('2027-01-01T00:00:00')])
  })

  it('of the reporting itself ends as a gap too', () => {
    const file = fileIn()
    file.take([dueOf('M1')])
    expect(file.sweep(D0 + 2 * HOUR)).toBe(0)
    expect(file.sweep(D0 + 4 * HOUR)).toBe(1)
    expect(file.get(idOf(file, 'M1'))).toMatchObject({ state: 'scheduled', reason: 'READ_OVERTAKEN' })
  })
})

describe('a curve', () => {
  const quarter = (n: number) => D0 + n * 900_000
  const points = (...numbers: number[]): CollectionEvent => ({
    what: 'points',
    at: D0 + 12 * HOUR,
    meter: 'M1',
    instants: numbers.map(quarter),
  })

  it('is a gap as soon as a point behind the newest is missing, and filled with the last point', () => {
    const file = fileIn()
    file.take([dueOf('M1', D0, 'curve'), points(0, 1, 2)])
    expect(file.get(idOf(file, 'M1'))).toMatchObject({ state: 'open', got: 3, expected: 96 })
    file.take([points(5)])
    expect(file.get(idOf(file, 'M1'))).toMatchObject({ state: 'scheduled', reason: 'GAP_POINTS_MISSING', got: 4 })
    file.take([points(...Array.from({ length: 96 }, (_, n) => n))])
    expect(file.get(idOf(file, 'M1'))).toMatchObject({ state: 'filled', fill: 'curve', got: 96 })
  })

  it('that has not come when its day is over is a gap', () => {
    const file = fileIn()
    file.take([dueOf('M1', D0, 'curve')])
    expect([file.sweep(D0 + DAY + HOUR), file.sweep(D0 + DAY + 3 * HOUR)]).toEqual([0, 1])
  })

  it('takes the interval of its meter from the meter, for the next day too', () => {
    const file = fileIn()
    file.take([dueOf('M1', D0, 'curve'), { what: 'points', at: D0, meter: 'M1', instants: [0, 1, 2, 3].map((n) => D0 + n * HOUR) }])
    expect(file.get(idOf(file, 'M1'))).toMatchObject({ stepMs: HOUR, expected: 24, got: 4 })
    file.take([dueOf('M1', D0 + DAY, 'curve')])
    expect(file.get(idOf(file, 'M1', D0 + DAY))).toMatchObject({ stepMs: HOUR, expected: 24 })
  })

  it('shares an answer that goes over midnight between its days', () => {
    const file = fileIn()
    file.take([dueOf('M1', D0, 'curve'), dueOf('M1', D0 + DAY, 'curve'), points(94, 95, 96, 97)])
    expect([file.get(idOf(file, 'M1'))?.got, file.get(idOf(file, 'M1', D0 + DAY))?.got]).toEqual([2, 2])
  })
})

describe('what a person does', () => {
  const gapIn = () => {
    const file = fileIn()
    file.take([dueOf('M1'), missedOf('M1')])
    return { file, id: idOf(file, 'M1') }
  }
  const entry = { values: { '1-0:1.8.0': '123.45' }, instant: D0 + 40 * HOUR, reason: 'read on site', by: 'Li', at: D0 + 41 * HOUR }

  it('waives with a reason, takes it back, and both stay written down', () => {
    const { file, id } = gapIn()
    expect(file.act(id, 'waive', 'Li', 'meter burnt', D0 + DAY)).toMatchObject({
      ok: true,
      value: { state: 'waived', by: 'Li', nextTry: null },
    })
    expect(file.act(id, 'waive', 'Li', 'again', D0 + DAY)).toMatchObject({ ok: false, error: { code: 'GAP_STATE' } })
    expect(file.act(id, 'reopen', 'Wu', 'found the data', D0 + DAY + 1)).toMatchObject({
      ok: true,
      value: { state: 'scheduled', by: null },
    })
    expect(file.get(id)?.history.map(({ what, who, note }) => [what, who, note])).toEqual([
      ['missed', null, 'LINE_NO_REPLY'],
      ['waived', 'Li', 'meter burnt'],
      ['reopened', 'Wu', 'found the data'],
    ])
    expect(file.act(999, 'waive', 'Li', 'x', 0)).toMatchObject({ ok: false, error: { code: 'GAP_UNKNOWN' } })
  })

  it('enters a value, and only another person makes it one', () => {
    const { file, id } = gapIn()
    expect(file.confirmable(id, 'Wu')).toMatchObject({ error: { code: 'GAP_NO_ENTRY' } })
    expect(file.enter(id, entry)).toMatchObject({ ok: true, value: { state: 'scheduled', entry } })
    expect(file.confirmable(id, ' li ')).toMatchObject({ error: { code: 'GAP_SAME_PERSON' } })
    expect(file.confirmed(id, 'Li', D0)).toMatchObject({ error: { code: 'GAP_SAME_PERSON' } })
    expect(file.confirmable(id, 'Wu')).toMatchObject({ ok: true, value: { entry } })
    expect(file.confirmed(id, 'Wu', D0 + 42 * HOUR)).toMatchObject({
      ok: true,
      value: { state: 'filled', fill: 'manual', instant: D0 + 40 * HOUR, by: 'Wu', entry: null },
    })
    expect(file.enter(id, entry)).toMatchObject({ error: { code: 'GAP_STATE' } })
  })
})

it('keeps gaps longer than what came at once', () => {
  const file = fileIn()
  file.take([dueOf('M1'), readOf('M1'), dueOf('M2'), missedOf('M2')])
  expect(file.retain(D0 + 61 * DAY)).toBe(0)
  expect(file.retain(D0 + 63 * DAY)).toBe(1)
  expect(file.list({ all: true }, 0, 9).map(({ meter }) => meter)).toEqual(['M2'])
  expect(file.retain(D0 + 1101 * DAY)).toBe(1)
})

it('refuses a file of a later version by name', () => {
  const directory = scratch()
  const file = fileIn(directory)
  file.database.exec('PRAGMA user_version=9')
  file.close()
  expect(() => fileIn(directory)).toThrow(/collection\.db was written by a later version/)
})

it('takes twenty thousand meters that come due at once, and their reads', () => {
  const file = fileIn()
  const meters = Array.from({ length: 20_000 }, (_, n) => `M${n}`)
  for (let from = 0; from < meters.length; from += 2000) {
    file.take(meters.slice(from, from + 2000).map((meter) => dueOf(meter)))
    file.take(meters.slice(from, from + 2000).map((meter) => readOf(meter)))
  }
  expect(file.list({ all: true, states: ['filled'] }, 0, 30_000)).toHaveLength(20_000)
})

/** The same rules said another way, in memory. */
interface Naive {
  state: GapState
  tries: number
  wasGap: boolean
}

it('agrees with a naive model after random happenings in any order, restarts and half-told stories included', () => {
  const settings = settingsOf()
  const meters = ['M1', 'M2', 'M3']
  const labels = [D0, D0 + DAY]
  const step = fc.record({
    what: fc.constantFrom('due', 'read', 'missed', 'failed', 'tried', 'last', 'waive', 'reopen', 'retry', 'restart' as const),
    meter: fc.constantFrom(...meters),
    label: fc.constantFrom(...labels),
    tries: fc.integer({ min: 1, max: 30 }),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const directory = scratch()
      let file = fileIn(directory)
      const model = new Map<string, Naive>()
      for (const { what, meter, label, tries } of steps) {
        const key = `${meter} ${label}`
        const known = model.get(key)
        const id = idOf(file, meter, label)
        const now = label + 4 * HOUR
        if (what === 'restart') {
          file.close()
          file = fileIn(directory)
        }
        if (what === 'due') {
          file.take([dueOf(meter, label)])
          if (!known) model.set(key, { state: 'open', tries: 0, wasGap: false })
        }
        if (what === 'read') file.take([readOf(meter, label)])
        if (what === 'missed') file.take([{ ...missedOf(meter, label), tries }])
        if (what === 'failed') file.take([{ ...missedOf(meter, label), what: 'failed', tries }])
        if (what === 'tried' || what === 'last') {
          const nextAt = what === 'last' ? null : nextTry({ kind: 'day-freeze', label, rereads: 0, spentMs: 0 }, now, days, settings, 0)
          file.take([{ what: 'tried', at: now, id, code: 'X', spentMs: 1, nextTry: nextAt, counts: true, note: null }])
        }
        if (what === 'waive' || what === 'reopen' || what === 'retry') file.act(id, what, 'Li', 'why', now)
        if (!known) continue
        if (what === 'read' && known.state !== 'filled') {
          known.state = 'filled'
          known.tries = Math.max(known.tries, 1)
        }
        if ((what === 'missed' || what === 'failed') && known.state === 'open') {
          known.tries = Math.max(known.tries, tries)
          if (what === 'missed') {
            known.state = 'scheduled'
            known.wasGap = true
          }
        }
        if ((what === 'tried' || what === 'last') && known.state === 'scheduled') {
          known.tries++
          if (what === 'last') known.state = 'permanent'
        }
        const acts = { waive: 'waived', reopen: 'scheduled', retry: 'scheduled' } as const
        const from: Record<keyof typeof acts, readonly GapState[]> = {
          waive: ['open', 'scheduled', 'permanent'],
          retry: ['open', 'scheduled', 'permanent'],
          reopen: ['waived', 'permanent'],
        }
        if ((what === 'waive' || what === 'reopen' || what === 'retry') && from[what].includes(known.state)) {
          known.state = acts[what]
          known.wasGap = true
        }
      }
      const found = new Map(file.list({ all: true }, 0, 99).map((row) => [`${row.meter} ${row.label}`, row]))
      expect([...found.keys()].sort()).toEqual([...model.keys()].sort())
      for (const [key, { state, tries, wasGap }] of model)
        expect(found.get(key), key).toMatchObject({ state, tries, missedAt: wasGap ? expect.any(Number) : null })
      const counts = file.counts()
      for (const state of ['open', 'scheduled', 'filled', 'permanent', 'waived'] as const)
        expect(counts[state], state).toBe([...model.values()].filter((each) => each.wasGap && each.state === state).length)
      file.close()
    }),
    { numRuns: 60 },
  )
})
