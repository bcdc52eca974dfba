import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type AreaBook,
  actOn,
  alarmsOf,
  type Case,
  type CaseAct,
  emptyBook,
  type Finding,
  isUnsettled,
  rankingOf,
  standingOf,
  takeVerdict,
  type Verdict,
} from '../../src/anomaly/index.ts'
import { dayOf, finding, verdictOf } from './case-maker.ts'

/** Days with their findings, from day 0 on. */
const replay = (days: readonly (readonly Finding[])[], from: AreaBook = emptyBook('TQ-1'), first = 0): AreaBook =>
  days.reduce((book, findings, n) => takeVerdict(book, verdictOf(first + n, findings), dayOf(first + n)).book, from)
const only = (book: AreaBook): Case => {
  const [one, ...others] = book.cases.values()
  if (!one || others.length > 0) throw new Error(`${book.cases.size} cases instead of one`)
  return one
}
const settleBy = (book: AreaBook, act: CaseAct, n: number, id = only(book).id): AreaBook => {
  const one = book.cases.get(id)
  if (!one) throw new Error(id)
  const done = actOn(one, act, { who: 'li', at: dayOf(n).end })
  if (!done.ok) throw new Error(done.error.message)
  return { ...book, cases: new Map([...book.cases, [id, done.value.next]]) }
}
const closing: CaseAct = { act: 'close', cause: 'bypass', text: 'removed, seal 7731' }
const week = (findings: readonly Finding[], days = 7) => Array.from({ length: days }, () => findings)

describe('a case', () => {
  it('opens on the first day at the alarm score, and is one however long it is stated', () => {
    const book = replay([[finding({ score: 0.3 })], [finding({ score: 0.5 })], [finding({ score: 0.9 })]])
    expect(only(book)).toMatchObject({ detectedAt: dayOf(1).day, score: 0.9, state: 'open', to: null, occurrence: 1 })
    expect(only(book).grown.map(({ score }) => score)).toEqual([0.5, 0.9])
    expect(rankingOf(book)).toEqual([])
  })
  it('stays when its score falls, and shows it', () => {
    const book = replay([[finding()], [finding({ score: 0.2 })]])
    expect(only(book)).toMatchObject({ score: 0.2, peak: 0.8, detectedAt: dayOf(0).day })
    expect(rankingOf(book)).toEqual([])
  })
  it('keeps what is below the alarm as a ranking, which is renewed and does not outlive a week of silence', () => {
    const low = (target: string, score: number) => finding({ target, score })
    const book = replay([
      [low('M-1', 0.1), low('M-2', 0.4)],
      [low('M-1', 0.2), low('M-3', 0.3)],
    ])
    expect(book.cases.size).toBe(0)
    expect(rankingOf(book).map(({ finding: { target } }) => target)).toEqual(['M-3', 'M-1'])
    expect(rankingOf(replay(week([]), book, 2))).toHaveLength(2)
    expect(rankingOf(replay(week([], 8), book, 2))).toHaveLength(0)
  })
  it('ends after two silent days at the end of the last day it was stated, and goes on when it is stated again', () => {
    const one = replay([[finding()], []])
    expect(only(one).to).toBeNull()
    const two = takeVerdict(one, verdictOf(2, []), dayOf(2))
    expect(only(two.book)).toMatchObject({ to: dayOf(0).end, state: 'open', score: 0.8 })
    expect(two.changes).toMatchObject([{ what: 'ended' }])
    expect(only(replay([[finding()]], two.book, 3))).toMatchObject({ to: null, occurrence: 1 })
  })
  it('does not end because a rule broke down', () => {
    const failures = [{ rule: 'balance', version: 3, area: 'TQ-1', day: '', message: 'bug' }]
    let book = replay([[finding()]])
    for (let n = 1; n < 5; n++) book = takeVerdict(book, verdictOf(n, [], { failures }), dayOf(n)).book
    expect(only(book).to).toBeNull()
  })
  it('is withdrawn with its reason, and opened again by new evidence', () => {
    const because = { zh: '补采', en: 'late data' }
    const book = takeVerdict(replay([[finding()]]), verdictOf(1, [], { withdrawn: [{ key: 'theft/M-1', because }] }), dayOf(1)).book
    expect(only(book)).toMatchObject({ state: 'withdrawn', withdrawn: because })
    expect(alarmsOf(book)).toEqual([])
    expect(standingOf(book)).toEqual([])
    const again = takeVerdict(book, verdictOf(2, [finding()]), dayOf(2))
    expect(only(again.book)).toMatchObject({ state: 'open', withdrawn: null, detectedAt: dayOf(0).day })
    expect(again.changes).toMatchObject([{ what: 'reopened' }])
  })
  it('is withdrawn when every day that showed it is judged again and does not', () => {
    const book = replay([[finding()], [finding()]])
    const one = takeVerdict(book, verdictOf(0, []), dayOf(0)).book
    expect(only(one)).toMatchObject({ state: 'open', detectedAt: dayOf(0).day })
    expect(only(takeVerdict(one, verdictOf(1, []), dayOf(1)).book).state).toBe('withdrawn')
  })
  it('closes by itself where its end is the end of the matter, and comes again as a second one', () => {
    const fault = (from: number, to: number | null) => finding({ kind: 'comm_fault', from, to, kwh: null })
    const over = replay([[fault(dayOf(0).start, null)], ...week([fault(dayOf(0).start, dayOf(0).end)], 4)])
    expect(only(over)).toMatchObject({ state: 'closed', settled: { who: 'gridtally', text: 'over by itself after 24 h' } })
    const again = replay([[fault(dayOf(9).start, null)]], over, 9)
    expect(alarmsOf(again).map(({ id, state, detectedAt }) => [id, state, detectedAt])).toEqual([
      ['comm_fault/M-1#1', 'closed', dayOf(0).day],
      ['comm_fault/M-1#2', 'open', dayOf(9).day],
    ])
  })
  it('of energy that is missing never closes by itself', () => {
    expect(only(replay([[finding()], ...week([], 30)])).state).toBe('open')
  })
})

describe('a settled case is opened again', () => {
  const closed = settleBy(replay(week([finding()])), closing, 6)
  const kwh = (value: number) => ({ value, low: value * 0.8, high: value * 1.2 })
  it.each([
    ['not while the windows of the rules still hold days from before', closed, 7, week([finding()]), 'closed'],
    ['when the fault goes on more than a week later', closed, 7, week([finding()], 8), 'open'],
    ['when more a day is missing than was thought possible', closed, 7, [[finding({ kwh: kwh(60) })]], 'open'],
    ['for another cause', closed, 7, [[finding({ cause: 'night bypass' })]], 'open'],
    ['when it is more severe', closed, 7, [[finding({ severity: 'critical' })]], 'open'],
    ['not below the alarm', closed, 7, [[finding({ severity: 'critical', score: 0.4 })]], 'closed'],
    [
      'not when it is explained and goes on as it was',
      settleBy(replay(week([finding()])), { ...closing, act: 'explain' }, 6),
      7,
      week([finding()], 40),
      'explained',
    ],
  ] as const)('%s', (_, book, first, days, state) => expect(only(replay(days, book, first)).state).toBe(state))
})

describe('one cause is one case', () => {
  const theft = finding({ target: 'M-1', kwh: { value: 80, low: 70, high: 90 } })
  const loss = finding({ kind: 'high_loss', target: 'TQ-1', level: 'area', rule: 'loss', kwh: { value: 100, low: 90, high: 110 } })
  const high = (book: AreaBook) => book.cases.get('high_loss/TQ-1#1')
  it('the loss that a theft explains belongs to the theft', () => {
    const taken = takeVerdict(emptyBook('TQ-1'), verdictOf(0, [theft, loss]), dayOf(0))
    expect(high(taken.book)?.belongs).toEqual({ to: 'theft/M-1#1', as: 'consequence' })
    expect(taken.changes.map(({ what }) => what)).toEqual(['opened', 'opened', 'joined'])
  })
  it('not when less than half of it is explained', () =>
    expect(high(replay([[{ ...theft, kwh: { value: 40, low: 30, high: 50 } }, loss]]))?.belongs).toBeNull())
  it('and is closed with it', () => {
    const both = settleBy(replay([[theft, loss]]), closing, 0, 'theft/M-1#1')
    expect(high(replay(week([], 3), both, 1))).toMatchObject({ state: 'closed', settled: { text: 'over with case theft/M-1#1' } })
  })
  it('or stands alone when it goes on', () => {
    const both = settleBy(replay([[theft, loss]]), closing, 0, 'theft/M-1#1')
    expect(high(replay([[loss]], both, 1))).toMatchObject({ state: 'open', belongs: null })
  })
})

describe('a flood', () => {
  const many = (count: number, over: Partial<Finding> = {}) =>
    Array.from({ length: count }, (_, n) => finding({ kind: 'clock_drift', target: `M-${String(n).padStart(4, '0')}`, kwh: null, ...over }))
  const top = (book: AreaBook) => [...book.cases.values()].filter(({ belongs }) => belongs === null)
  it('of a thousand is one case with its members', () => {
    const taken = takeVerdict(emptyBook('TQ-1'), verdictOf(0, many(1000)), dayOf(0))
    const [flood, ...others] = top(taken.book)
    expect(others).toEqual([])
    expect(flood).toMatchObject({ level: 'area', kind: 'clock_drift', state: 'open', detectedAt: dayOf(0).day })
    expect(flood?.members).toHaveLength(1000)
    expect(flood?.evidence.why.en).toContain('1000')
    expect(alarmsOf(taken.book)).toHaveLength(1000)
  })
  it('needs five alike on one day', () => {
    expect(top(replay([many(4)]))).toHaveLength(4)
    expect(top(replay([many(5)]))).toHaveLength(1)
    expect(top(replay([many(3), many(6)]))).toHaveLength(6)
    expect(top(replay([[...many(4), ...many(1, { target: 'X', cause: 'other' })]]))).toHaveLength(5)
  })
  it('of what each customer does by himself needs many more: five thieves are five cases', () => {
    expect(top(replay([many(19, { kind: 'theft' })]))).toHaveLength(19)
    expect(top(replay([many(20, { kind: 'theft' })]))).toHaveLength(1)
  })
  it('lets the few that remain stand alone, and stays while there are more', () => {
    const begun = replay([many(8)])
    const rest = (keep: number) => replay(week(many(8).slice(0, keep), 3), begun, 1)
    expect(top(rest(3)).map(({ members }) => members.length)).toEqual([8])
    expect(top(rest(2)).map(({ id, members }) => [id, members.length])).toEqual([
      ['clock_drift/M-0000#1', 0],
      ['clock_drift/M-0001#1', 0],
      [`flood/area/TQ-1/clock_drift///meter/${dayOf(0).day}#1`, 6],
    ])
  })
  it('is over when all of its members are settled', () => {
    let book = replay([many(5)])
    for (const { id } of alarmsOf(book)) book = settleBy(book, closing, 0, id)
    const [flood] = [...replay([[]], book, 1).cases.values()].filter(({ members }) => members.length > 0)
    expect(flood).toMatchObject({ state: 'closed', settled: { text: 'all of it is settled' } })
  })
})

const anyFinding = fc.record({
  kind: fc.constantFrom('theft', 'comm_fault', 'high_loss', 'use_deviation'),
  target: fc.constantFrom('M-1', 'M-2', 'M-3', 'M-4', 'M-5', 'M-6', 'TQ-1'),
  score: fc.constantFrom(0.1, 0.49, 0.5, 0.9),
  severity: fc.constantFrom('low', 'critical'),
  from: fc.nat(5).map((n) => dayOf(n).start),
  to: fc.option(fc.nat(20).map((n) => dayOf(n + 5).start)),
  cause: fc.constantFrom('a', 'b'),
}) as fc.Arbitrary<Partial<Finding>>
type Move =
  | { readonly findings: readonly Partial<Finding>[]; readonly withdrawn: readonly string[]; readonly back: number }
  | { readonly act: CaseAct['act']; readonly which: number }
const anyMove: fc.Arbitrary<Move> = fc.oneof(
  fc.record({
    findings: fc.array(anyFinding, { maxLength: 9 }),
    withdrawn: fc.array(fc.constantFrom('theft/M-1', 'comm_fault/M-2'), { maxLength: 2 }),
    back: fc.constantFrom(0, 0, 0, 1, 3),
  }),
  fc.record({
    act: fc.constantFrom('acknowledge', 'start', 'explain', 'close', 'reopen', 'comment', 'assign') as fc.Arbitrary<CaseAct['act']>,
    which: fc.nat(30),
  }),
)
const actNamed = (act: CaseAct['act']): CaseAct =>
  ({ act, cause: 'c', text: 't', analysis: 'a', owner: 'li', until: null, dueAt: null }) as CaseAct

it('keeps what never changes, whatever comes', () =>
  fc.assert(
    fc.property(fc.array(anyMove, { maxLength: 30 }), (moves) => {
      let book = emptyBook('TQ-1')
      let n = 5
      for (const move of moves) {
        const before = book
        if ('act' in move) {
          const ids = [...book.cases.keys()]
          const one = book.cases.get(ids[move.which % Math.max(1, ids.length)] ?? '')
          const done = one && actOn(one, actNamed(move.act), { who: 'li', at: dayOf(n).end })
          if (one && done?.ok) book = { ...book, cases: new Map([...book.cases, [one.id, done.value.next]]) }
        } else {
          n++
          const day = dayOf(Math.max(0, n - move.back))
          const findings = move.findings.map((over) => finding(over))
          const verdict: Verdict = {
            ...verdictOf(n, findings),
            day: day.day,
            withdrawn: move.withdrawn.map((key) => ({ key, because: { zh: '', en: '' } })),
          }
          const taken = takeVerdict(book, verdict, day)
          const twice = takeVerdict(taken.book, verdict, day)
          expect(twice.changes).toEqual([])
          expect(twice.book.cases).toEqual(taken.book.cases)
          const touched = new Set(taken.changes.map(({ id }) => id))
          for (const [id, one] of taken.book.cases) if (one.state !== before.cases.get(id)?.state) expect(touched).toContain(id)
          book = taken.book
        }
        for (const [id, one] of before.cases) {
          const now = book.cases.get(id)
          expect(now).toMatchObject({ detectedAt: one.detectedAt, key: one.key, raised: one.raised })
        }
        const open = [...book.cases.values()].filter(({ state }) => isUnsettled(state)).map(({ key }) => key)
        expect(new Set(open).size).toBe(open.length)
        for (const one of book.cases.values()) {
          if (one.belongs) expect(book.cases.has(one.belongs.to)).toBe(true)
          expect(one.detectedAt <= book.day).toBe(true)
          expect(one.settled !== null).toBe(one.state === 'closed' || one.state === 'explained')
        }
      }
    }),
    { numRuns: 500 },
  ))
