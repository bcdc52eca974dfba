import { expect, it, onTestFinished } from 'vitest'
import { isShortNotice, type OutageDraft, OutageFile, outageSpan, outageState } from '../../src/collection/index.ts'
import { D0, DAY, HOUR, scratch } from './support.ts'

const draftOf = (change: Partial<OutageDraft> = {}): OutageDraft => ({
  ...({ scope: 'area', target: 'A1', kind: 'planned', from: D0 + 2 * DAY, expectedTo: D0 + 2 * DAY + 4 * HOUR, to: null } as const),
  ...{ reason: 'new transformer', workOrder: 'W-1', noticed: D0, ...change },
})
const fileIn = (directory = scratch()) => {
  const file = new OutageFile(directory)
  onTestFinished(() => {
    try {
      file.close()
    } catch {
      // The test has closed it.
    }
  })
  return file
}
const added = (file: OutageFile, change: Partial<OutageDraft> = {}, now = D0) => {
  const made = file.add(draftOf(change), 'Li', now)
  if (!made.ok) throw new Error(made.error.message)
  return made.value
}

it('goes from planned over running and overdue to ended, and keeps who did what and why', () => {
  const directory = scratch()
  const file = fileIn(directory)
  const { id, from } = added(file)
  const stateAt = (now: number) => outageState(file.get(id)!, now)
  expect([D0, from, from + 4 * HOUR].map(stateAt)).toEqual(['planned', 'running', 'overdue'])
  expect(file.extend(id, from + 6 * HOUR, 'Wu', 'the crane came late', from + 3 * HOUR).ok).toBe(true)
  expect(stateAt(from + 5 * HOUR)).toBe('running')
  expect(file.end(id, from + 5 * HOUR, 'Wu', 'power is back', from + 5 * HOUR)).toMatchObject({ ok: true, value: { to: from + 5 * HOUR } })
  expect(stateAt(from + 9 * HOUR)).toBe('ended')
  file.close()
  const again = fileIn(directory)
  expect(again.history(id).map(({ what, who, why }) => [what, who, why])).toEqual([
    ['created', 'Li', 'new transformer'],
    ['extended', 'Wu', 'the crane came late'],
    ['ended', 'Wu', 'power is back'],
  ])
  expect(again.acts(1, 10).map(({ seq, outage }) => [seq, outage])).toEqual([
    [2, id],
    [3, id],
  ])
})

it('is off as far as time has passed, and never when it was withdrawn', () => {
  const file = fileIn()
  const { id, from } = added(file)
  expect(outageSpan(file.get(id)!, from)).toBeNull()
  expect(outageSpan(file.get(id)!, from + HOUR)).toEqual({ from, to: from + HOUR })
  file.withdraw(id, 'Li', 'it rained', from + HOUR)
  expect(outageSpan(file.get(id)!, from + HOUR)).toBeNull()
  expect(file.over(from, from + HOUR)).toEqual([])
  expect(file.end(id, from + HOUR, 'Li', 'really', from + 2 * HOUR)).toMatchObject({ ok: false, error: { code: 'OUTAGE_STATE' } })
})

it.each<[string, Partial<OutageDraft>, boolean]>([
  ['told a day and more before', { noticed: D0 }, false],
  ['told exactly a day before', { noticed: D0 + DAY, from: D0 + 2 * DAY }, false],
  ['told a minute too late', { noticed: D0 + DAY + 60_000 }, true],
  ['never told', { noticed: null }, true],
  ['an emergency', { kind: 'emergency', noticed: null }, false],
])('notice: %s', (_name, change, isShort) => expect(isShortNotice(draftOf(change))).toBe(isShort))

it.each<[string, Partial<OutageDraft>, string]>([
  ['a planned one without expected end', { expectedTo: null }, 'OUTAGE_TIME'],
  ['an end before the beginning', { expectedTo: D0 + DAY }, 'OUTAGE_TIME'],
  ['an emergency to come', { kind: 'emergency' }, 'OUTAGE_TIME'],
  ['one that ended in the future', { to: D0 + 3 * DAY }, 'OUTAGE_TIME'],
  ['one of years ago', { from: D0 - 500 * DAY }, 'OUTAGE_TIME'],
  ['key accounts told tomorrow', { noticed: D0 + DAY }, 'OUTAGE_TIME'],
])('refuses %s', (_name, change, code) => expect(fileIn().add(draftOf(change), 'Li', D0)).toMatchObject({ ok: false, error: { code } }))

it('refuses a second one of the same target in the same time, naming the first', () => {
  const file = fileIn()
  const { id } = added(file)
  expect(file.add(draftOf({ from: D0 + 2 * DAY + HOUR, expectedTo: D0 + 3 * DAY }), 'Li', D0)).toMatchObject({
    ok: false,
    error: { code: 'OUTAGE_DOUBLE', context: { outage: id } },
  })
  expect(file.add(draftOf({ target: 'A2' }), 'Li', D0).ok).toBe(true)
  expect(file.add(draftOf({ from: D0 + 5 * DAY, expectedTo: D0 + 6 * DAY }), 'Li', D0).ok).toBe(true)
  file.withdraw(id, 'Li', 'a mistake', D0)
  expect(file.add(draftOf(), 'Li', D0).ok).toBe(true)
})

it('lists by state, target and time, the newest first, in pages', () => {
  const file = fileIn()
  for (let n = 0; n < 5; n++) added(file, { target: `A${n}`, from: D0 + (n + 1) * DAY, expectedTo: D0 + (n + 1) * DAY + HOUR })
  const now = D0 + 3 * DAY + HOUR / 2
  const ids = (filter: Parameters<OutageFile['list']>[0], before: number | null = null, limit = 10) =>
    file.list(filter, before, limit, now).map(({ id }) => id)
  expect(ids({}, null, 2)).toEqual([5, 4])
  expect(ids({}, 4)).toEqual([3, 2, 1])
  expect([ids({ state: 'planned' }), ids({ state: 'running' }), ids({ state: 'overdue' }), ids({ target: 'A3' })]).toEqual([
    [5, 4],
    [3],
    [2, 1],
    [4],
  ])
  file.end(1, D0 + DAY + HOUR, 'Li', 'over', now)
  expect([ids({ state: 'ended' }), ids({ to: D0 + 2 * DAY }), ids({ from: D0 + 2 * DAY, to: D0 + 3 * DAY })]).toEqual([[1], [1], [2]])
})
