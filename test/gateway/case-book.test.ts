import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { expect, it, onTestFinished } from 'vitest'
import { CaseBook, type CaseBookDeps } from '../../src/gateway/case-book.ts'
import { CaseFile } from '../../src/gateway/case-file.ts'
import { openDatabase } from '../../src/sqlite/index.ts'
import { dayOf, finding, verdictOf } from '../anomaly/case-maker.ts'
import { scratch } from '../support/processes.ts'

const DAY_MS = 86_400_000
const NOW = dayOf(1).start
const bookIn = (directory: string, deps: Partial<CaseBookDeps> = {}): CaseBook => {
  const book = new CaseBook({ directory, zoneOf: () => 'Z-1', dueAt: (_, from) => from + DAY_MS, listeners: () => [], ...deps })
  onTestFinished(() => book.close())
  return book
}
const everything = (directory: string): unknown => {
  const database = openDatabase(join(directory, 'cases.db'))
  try {
    expect(database.prepare('PRAGMA integrity_check').get()).toEqual({ integrity_check: 'ok' })
    return ['"case"', 'history', 'area', 'suspicion', 'notice'].map((name) => database.prepare(`SELECT * FROM ${name}`).all())
  } finally {
    database.close()
  }
}
const flood = (area: string, count: number) =>
  Array.from({ length: count }, (_, n) => finding({ kind: 'comm_fault', target: `${area}-M${n}`, area, kwh: null }))

it('keeps cases with their history over a restart, and a verdict that comes twice changes nothing', () => {
  const directory = scratch()
  const first = new CaseBook({ directory, zoneOf: () => null, dueAt: () => null, listeners: () => [] })
  const verdict = verdictOf(0, [finding(), finding({ target: 'M-2', score: 0.2 })])
  first.take(verdict, dayOf(0), NOW)
  expect(first.act(1, { act: 'acknowledge', text: 'seen' }, 'li', 1, NOW + 1)).toMatchObject({ ok: true, value: { version: 2 } })
  first.close()
  const before = everything(directory)
  const book = bookIn(directory, { zoneOf: () => null })
  book.take(verdict, dayOf(0), NOW + 5)
  expect(everything(directory)).toEqual(before)
  expect(book.file.get(1)).toMatchObject({ num: 1, version: 2, raisedAt: NOW, one: { id: 'theft/M-1#1', state: 'acknowledged' } })
  expect(book.file.history(1)).toMatchObject([
    { what: 'opened', who: 'gridtally', why: { en: 'what the area loses goes with this meter' } },
    { what: 'acknowledged', who: 'li', why: { en: 'seen' } },
  ])
  expect(book.standing('TQ-1', NOW)).toMatchObject([{ key: 'theft/M-1', raisedOn: dayOf(0).day }])
  expect(book.file.suspicions('TQ-1')).toMatchObject([{ finding: { target: 'M-2' } }])
})

it('lets nobody change or shorten the history', () => {
  const directory = scratch()
  bookIn(directory).take(verdictOf(0, [finding()]), dayOf(0), NOW)
  const database = openDatabase(join(directory, 'cases.db'))
  onTestFinished(() => database.close())
  expect(() => database.exec("UPDATE history SET who = 'nobody'")).toThrow('only added to')
  expect(() => database.exec('DELETE FROM history')).toThrow('only added to')
})

it('refuses a write by somebody who saw an older version, and a file of a later one', () => {
  const directory = scratch()
  const book = bookIn(directory)
  book.take(verdictOf(0, [finding()]), dayOf(0), NOW)
  expect(book.act(1, { act: 'comment', text: 'a' }, 'li', 1, NOW).ok).toBe(true)
  expect(book.act(1, { act: 'comment', text: 'b' }, 'wang', 1, NOW)).toMatchObject({ error: { code: 'CASE_CHANGED' } })
  expect(book.act(9, { act: 'comment', text: 'b' }, 'wang', null, NOW)).toMatchObject({ error: { code: 'CASE_UNKNOWN' } })
  const database = openDatabase(join(directory, 'cases.db'))
  database.exec('PRAGMA user_version = 99')
  database.close()
  expect(() => bookIn(directory)).toThrow('later version')
})

it('gives a deadline to what comes, an earlier one to what gets worse, and tells once that it has passed', () => {
  const book = bookIn(scratch(), {
    dueAt: (severity, from) => (severity === 'info' ? null : from + (severity === 'critical' ? 1 : 3) * DAY_MS),
  })
  book.take(verdictOf(0, [finding(), finding({ target: 'M-2', severity: 'info' })]), dayOf(0), NOW)
  expect([1, 2].map((num) => book.file.get(num)?.one.work.dueAt)).toEqual([NOW + 3 * DAY_MS, null])
  book.take(verdictOf(1, [finding({ severity: 'critical' })]), dayOf(1), NOW + 1)
  expect(book.file.get(1)?.one.work.dueAt).toBe(NOW + 1 + DAY_MS)
  expect([NOW + DAY_MS, NOW + DAY_MS + 1, NOW + 9 * DAY_MS].map((now) => book.escalate(now))).toEqual([0, 1, 0])
  expect(book.file.history(1).at(-1)).toMatchObject({ what: 'escalated', why: { en: 'its deadline has passed' } })
  expect(book.file.list({ overdueAt: NOW + 2 * DAY_MS }, 'due', null, 9).map(({ num }) => num)).toEqual([1])
})

it('shows a thousand meters that fail alike over ten areas of a zone as one case, and acts on it as on all', () => {
  const book = bookIn(scratch())
  for (let n = 0; n < 10; n++) {
    const area = `TQ-${n}`
    book.take(verdictOf(0, flood(area, 100), { area }), dayOf(0), NOW)
  }
  const top = book.file.list({}, 'newest', null, 100)
  expect(top.map(({ one }) => [one.level, one.target, one.kind])).toEqual([['zone', 'Z-1', 'comm_fault']])
  expect(top[0]?.one.evidence.numbers).toEqual({ members: 1000 })
  expect(book.file.count({ all: true })).toBe(1011)
  const num = top[0]?.num ?? 0
  const done = book.act(num, { act: 'close', cause: 'backhaul', text: 'SIM renewed' }, 'li', null, NOW)
  expect(done).toMatchObject({ ok: true, value: { one: { state: 'closed' } } })
  expect(book.file.count({ state: 'unsettled', all: true })).toBe(0)
})

it('keeps for each listener what it wants to be told, and of a flood only the flood', () => {
  const listeners = [
    { id: 'all', wants: () => true, isUrgent: () => false },
    { id: 'closed', wants: (what: string) => what === 'closed', isUrgent: () => true },
  ]
  const book = bookIn(scratch(), { listeners: () => listeners, zoneOf: () => null })
  book.take(verdictOf(0, flood('TQ-1', 6)), dayOf(0), NOW)
  expect(book.file.notices('all', 100).map(({ seq }) => book.file.line(seq)?.what)).toEqual(['opened'])
  book.act(book.file.list({}, 'newest', null, 1)[0]?.num ?? 0, { act: 'close', cause: 'a', text: 'b' }, 'li', null, NOW)
  expect(book.file.notices('closed', 100)).toMatchObject([{ isUrgent: true }])
  expect(book.file.dropNoticesBut(['closed'])).toBe(2)
  expect([book.file.giveUpNotices('closed', NOW, 100), book.file.giveUpNotices('closed', NOW + 1, 100)]).toEqual([0, 1])
  expect(book.file.told('closed', 'given-up')).toBe('1')
})

it('gives up the oldest of too many that wait for somebody, and takes up a file of the version before', () => {
  const directory = scratch()
  const before = new CaseFile(directory)
  before.transaction(() => {
    for (let at = 1; at <= 10; at++) before.addNotice('a', at, NOW, at > 8)
    before.addNotice('b', 1, NOW, false)
  })
  expect([before.giveUpNotices('a', 0, 3), before.giveUpNotices('a', 0, 3), before.giveUpNotices('b', 0, 1)]).toEqual([7, 0, 0])
  expect(before.notices('a', 100).map(({ seq }) => seq)).toEqual([8, 9, 10])
  expect(before.told('a', 'given-up')).toBe('7')
  before.close()
  const database = openDatabase(join(directory, 'cases.db'))
  database.exec('DROP TABLE told; PRAGMA user_version = 1')
  database.close()
  const after = new CaseFile(directory)
  expect([after.noticeCount('a'), after.told('a', 'given-up')]).toEqual([3, null])
  after.setTold('a', 'billing', '7')
  after.dropNoticesBut(['b'])
  expect([after.noticeCount('a'), after.told('a', 'billing'), after.noticeCount('b')]).toEqual([0, null, 1])
  after.close()
})

it('finds cases by every filter, in every order, in pages without a gap', () => {
  const book = bookIn(scratch())
  const kwh = (value: number) => ({ value, low: value, high: value })
  book.take(
    verdictOf(0, [
      finding({ target: 'M-1', kwh: kwh(5), severity: 'low' }),
      finding({ target: 'M-2', kwh: kwh(-50), severity: 'critical', cause: 'bypass 100%' }),
      finding({ kind: 'outage', target: 'M-3', kwh: null, score: 0.6, severity: 'medium' }),
    ]),
    dayOf(0),
    NOW,
  )
  book.act(1, { act: 'assign', owner: 'li', text: '' }, 'li', null, NOW + 7)
  const nums = (filter: Parameters<typeof book.file.list>[0], sort: Parameters<typeof book.file.list>[1] = 'newest') =>
    book.file.list(filter, sort, null, 99).map(({ num }) => num)
  expect(nums({})).toEqual([3, 2, 1])
  expect(nums({}, 'severity')).toEqual([2, 3, 1])
  expect(nums({}, 'kwh')).toEqual([2, 1, 3])
  expect(nums({}, 'score')).toEqual([2, 1, 3])
  expect(nums({ kind: 'theft' })).toEqual([2, 1])
  expect(nums({ severity: 'medium' })).toEqual([3, 2])
  expect(nums({ owner: 'li' })).toEqual([1])
  expect(nums({ owner: '' })).toEqual([3, 2])
  expect(nums({ since: NOW + 7 })).toEqual([1])
  expect(nums({ text: 'BYPASS 100%' })).toEqual([2])
  expect(nums({ text: '_' })).toEqual([3, 2, 1].filter(() => false))
  expect(nums({ state: 'unsettled', zone: 'Z-1', area: 'TQ-1', target: 'M-3' })).toEqual([3])
  for (const sort of ['newest', 'severity', 'kwh', 'score', 'due'] as const) {
    const seen: number[] = []
    for (let after: readonly [number, number] | null = null; ; ) {
      const [one] = book.file.list({}, sort, after, 1)
      if (!one) break
      seen.push(one.num)
      after = book.file.placeOf(one.num, sort)
    }
    expect(seen).toEqual(nums({}, sort))
  }
})

it('is whole after it was killed while it wrote, and goes on where it was', async () => {
  const directory = scratch()
  const child = fileURLToPath(new URL('./case-child.mjs', import.meta.url))
  let taken = -1
  for (const last of [3, 9, 16]) {
    const running = spawn(process.execPath, [child, directory, String(taken + 1)], { stdio: ['ignore', 'pipe', 'inherit'] })
    for await (const line of createInterface({ input: running.stdout })) {
      taken = Number(line)
      if (taken >= last) running.kill('SIGKILL')
    }
    everything(directory)
  }
  const book = bookIn(directory, { zoneOf: () => null })
  const { day, cases } = book.file.book('TQ-1')
  expect(day >= dayOf(taken).day).toBe(true)
  for (const { id } of cases.values()) {
    const num = book.file.numOf(id)
    expect(num === null ? [] : book.file.history(num)).toMatchObject([{ what: 'opened' }])
  }
  // What was acknowledged is there, and at most one more.
  expect([(taken + 1) * 4, (taken + 2) * 4]).toContain(cases.size)
})

it('counts what people found, and nothing that closed by itself', () => {
  const book = bookIn(scratch())
  book.take(
    verdictOf(
      0,
      [1, 2, 3].map((n) => finding({ target: `M-${n}` })),
    ),
    dayOf(0),
    NOW,
  )
  const settle = (num: number, outcome?: 'confirmed' | 'false-alarm') =>
    book.act(num, { act: 'close', cause: 'x', text: 'y', ...(outcome ? { outcome } : {}) }, 'li', null, NOW + num)
  expect(book.file.outcomes(0)).toEqual([])
  expect([settle(1, 'confirmed'), settle(2, 'false-alarm'), settle(3)]).toMatchObject([{ ok: true }, { ok: true }, { ok: true }])
  expect(book.file.outcomes(0)).toEqual([{ kind: 'theft', confirmed: 1, otherCause: 0, falseAlarm: 1, notChecked: 0, notSaid: 1 }])
  expect(book.file.outcomes(NOW + 2)).toMatchObject([{ confirmed: 0, falseAlarm: 1, notSaid: 1 }])
  expect(book.file.history(1).at(-1)?.why.en).toBe('confirmed; x: y')
})

it('tells of a deadline that passed in silence once it is heard again', () => {
  const book = bookIn(scratch())
  book.take(verdictOf(0, [finding()]), dayOf(0), NOW)
  book.act(1, { act: 'silence', until: NOW + 3 * DAY_MS, text: 'holiday' }, 'li', null, NOW)
  expect([book.escalate(NOW + 2 * DAY_MS), book.escalate(NOW + 3 * DAY_MS), book.escalate(NOW + 4 * DAY_MS)]).toEqual([0, 1, 0])
})

it('does not look at what was settled long ago, and knows it when it comes again', () => {
  const book = bookIn(scratch())
  const late = NOW + 400 * DAY_MS
  book.take(verdictOf(0, [finding({ target: 'M-1' }), finding({ target: 'M-2' })]), dayOf(0), NOW)
  book.act(1, { act: 'close', cause: 'x', text: 'y' }, 'li', null, NOW)
  book.take(verdictOf(3, []), dayOf(3), NOW + 1)
  expect([...book.file.book('TQ-1', late).cases.keys()]).toEqual(['theft/M-2#1'])
  expect(book.standing('TQ-1', late).map(({ target }) => target)).toEqual(['M-2'])
  const again = finding({ target: 'M-1', from: dayOf(390).start })
  book.take(verdictOf(400, [again]), dayOf(400), late)
  expect(book.file.byId('theft/M-1#2')).toMatchObject({ num: 3, one: { occurrence: 2, state: 'open' } })
  expect(book.file.byId('theft/M-1#1')).toMatchObject({ one: { state: 'closed' } })
})
