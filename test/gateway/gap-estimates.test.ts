import { Temporal } from 'temporal-polyfill'
import { expect, it, onTestFinished } from 'vitest'
import { Calendar } from '../../src/acquisition/index.ts'
import { type AskCollection, CollectionFile, collectionHandlers, DEFAULT_SETTINGS, KpiFile } from '../../src/collection/index.ts'
import { decimalText, ok, QUALITY, type Reading, type Source, scalerAt } from '../../src/core/index.ts'
import { estimateRegisters } from '../../src/gateway/energy-estimate.ts'
import { GapEstimates } from '../../src/gateway/gap-estimates.ts'
import { act, energySite, PROFILE, rowOf, ZONE } from './energy-site.ts'

const HOUR = 3_600_000
const midnight = (text: string) => Temporal.PlainDate.from(text).toZonedDateTime(ZONE).epochMilliseconds
/** A Monday. */
const FIRST = '2026-11-02'
const dayOf = (n: number) => midnight(Temporal.PlainDate.from(FIRST).add({ days: n }).toString())

/** Twenty-four a day from Monday to Friday, twelve on others; ratio 20. Registers of the first `count` midnights. */
const registerAt = (n: number): number => {
  let sum = 99_990_000
  for (let day = 0; day < n; day++) sum += day % 7 < 5 ? 2400 + (day % 2) : 1200
  return sum % 100_000_000
}

const site = async (count: number, estimate: 'never' | 'permanent' = 'never') => {
  const made = await energySite(dayOf(count + 1) + 9 * HOUR)
  const written = made.ledger.apply(
    [
      { kind: 'area', id: 'A-1', from: null, set: { name: 'one' } },
      { kind: 'point', id: 'P-1', from: null, set: { area: 'A-1', ct: '100/5' } },
      { kind: 'meter', id: 'M-1', from: null, set: { point: 'P-1', line: 'bus', address: '000000000001', profile: PROFILE } },
    ],
    act(dayOf(0) - 400 * 24 * HOUR),
  )
  expect(written).toMatchObject({ ok: true })
  const file = new CollectionFile(made.directory, { settings: DEFAULT_SETTINGS, days: new Calendar(ZONE), random: () => 0 })
  onTestFinished(() => file.close())
  const handlers = collectionHandlers(file, new KpiFile(file, () => []))
  const ask: AskCollection = async (call, request) => {
    const handle: (asked: typeof request) => unknown = handlers[call]
    return ok(handle(request) as never)
  }
  const estimates = new GapEstimates({
    collection: { ask, settings: { estimate }, flush: async () => {} },
    estimate: (gap) => estimateRegisters(made.parts, gap),
    ledger: made.ledger,
    models: made.parts.models,
    put: async (readings) => ok(await made.put(readings)),
    clock: made.clock,
    log: () => {},
  })
  const freeze = (n: number, source: Source = 'day-freeze'): Reading =>
    rowOf({ at: dayOf(n), receivedAt: dayOf(n), value: { raw: registerAt(n), scaler: -2 }, meter: 'M-1', source, quality: 0 }, '20')
  await made.put(Array.from({ length: count }, (_, n) => freeze(n)))
  await made.settle()
  const due = { kind: 'day-freeze', label: dayOf(count), meter: 'M-1' } as const
  file.take([
    { what: 'due', ...due, at: dayOf(count), point: 'P-1', line: 'bus', area: 'A-1', stepMs: 0 },
    { what: 'missed', ...due, at: dayOf(count) + 2 * HOUR, tries: 3, code: 'LINE_NO_REPLY' },
    { what: 'tried', at: dayOf(count) + 3 * HOUR, id: 1, code: 'GAP_NO_SOURCE', spentMs: 0, nextTry: null, counts: true, note: null },
  ])
  const stored = async (source: Source) => {
    const page = await made.parts.store.range({
      measurement: 'register',
      tags: { meter: 'M-1' },
      source,
      from: dayOf(0),
      to: dayOf(99),
      limit: 99,
    })
    return page.ok ? page.value.readings : []
  }
  return { ...made, file, estimates, freeze, due, stored, count }
}
const textOf = (row: Reading | undefined) => (row ? decimalText(row.raws[0] ?? 0, scalerAt(row, 0)) : null)

it('adds the mean of four similar days to the last register; energy derives from it, and a real register wins', async () => {
  // The missing midnight ends a Tuesday; in the second week the register has rolled over.
  const made = await site(16)
  const { file, estimates, runner, settle, put, rows, stored, freeze } = made
  expect(file.get(1)?.state).toBe('permanent')
  const done = await estimates.estimate(1, 'Li', 'the bill is due')
  expect(done).toMatchObject({ ok: true, value: { state: 'filled', fill: 'estimate', by: 'Li', instant: dayOf(16) } })
  await settle()
  const [estimated, ...others] = await stored('estimated')
  // The Monday before it, and Friday to Wednesday of last week.
  const before = [14, 11, 10, 9].reduce((sum, day) => sum + registerAt(day + 1) - registerAt(day), 0)
  expect(others).toEqual([])
  expect(textOf(estimated)).toBe(decimalText(registerAt(15) + Math.floor(before / 4), -2))
  expect([estimated?.measuredAt, estimated?.quality, estimated?.ratio]).toEqual([dayOf(16), QUALITY.estimated, '20'])
  const day = async () => (await rows('day', dayOf(15), dayOf(16)))[0]
  expect([textOf(await day()), (await day())?.quality]).toEqual([decimalText(Math.floor(before / 4) * 20, -2), QUALITY.estimated])
  expect(runner.days.of(dayOf(15))).toBe('2026-11-17')
  // Nobody estimates twice, and what the meter kept comes after all.
  expect(await estimates.estimate(1, 'Li', 'again')).toMatchObject({ ok: false, error: { code: 'GAP_STATE' } })
  await put([freeze(16)])
  file.take([{ what: 'read', ...made.due, at: dayOf(17), tries: 4, firstTry: false, fill: 'freeze', instant: dayOf(16) }])
  await settle()
  expect(file.get(1)).toMatchObject({ state: 'filled', fill: 'freeze', by: null })
  expect(file.get(1)?.history.map(({ what, who }) => [what, who])).toEqual([
    ['missed', null],
    ['permanent', null],
    ['filled', 'Li'],
    ['filled', null],
  ])
  expect([textOf(await day()), (await day())?.quality]).toEqual([decimalText((registerAt(16) - registerAt(15)) * 20, -2), 0])
})

it('lies between two registers where the next one is known, cut to the face', async () => {
  const { estimates, put, settle, stored, freeze } = await site(16)
  await put([freeze(17)])
  await settle()
  expect(await estimates.estimate(1, null, 'set so')).toMatchObject({ ok: true, value: { fill: 'estimate', by: null } })
  await settle()
  expect(textOf((await stored('estimated'))[0])).toBe(decimalText(Math.floor((registerAt(15) + registerAt(17)) / 2), -2))
})

it('does it by itself for what was given up, and leaves alone what can not be known', async () => {
  const few = await site(3, 'permanent')
  // Monday and Tuesday are measured; below only Monday is.
  expect(await few.estimates.look()).toBe(1)
  const one = await site(2, 'permanent')
  expect(await one.estimates.look()).toBe(0)
  expect(await one.estimates.estimate(1, 'Li', 'try')).toMatchObject({
    ...{ ok: false, error: { code: 'GAP_NO_ESTIMATE', message: expect.stringContaining('fewer than 2 similar days') } },
  })
  expect(one.file.get(1)?.state).toBe('permanent')
  expect(await one.stored('estimated')).toEqual([])
})
