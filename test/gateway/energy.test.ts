import { expect, it } from 'vitest'
import { compare, decimalText, type Reading, scalerAt } from '../../src/core/index.ts'
import { ENERGY_FLAGS } from '../../src/energy/index.ts'
import { UNKNOWN_FLAG } from '../../src/gateway/energy-figures.ts'
import {
  CORRECT_CT,
  CORRECTED,
  CT,
  curve,
  DAYS,
  END,
  EXCHANGED,
  FALSE_ZEROS,
  face,
  first,
  freezes,
  isSilent,
  SILENT,
  START,
  truth,
} from '../energy/site.ts'
import { act, type EnergySite, energySite, PROFILE, rowOf } from './energy-site.ts'

const NOW = END + 3_600_000

const column = (row: Reading, field: string) => {
  const at = row.shape.columns.findIndex((one) => one.field === field)
  const raw = row.raws[at]
  return raw === null || raw === undefined ? null : { raw, scaler: scalerAt(row, at) }
}
const value = (row: Reading | undefined, field = '1.8.0') => {
  const found = row ? column(row, field) : null
  return found && decimalText(found.raw, found.scaler)
}
const expectTruth = (row: Reading | undefined, from: number, to: number) => {
  const found = row ? column(row, '1.8.0') : null
  expect(found).not.toBeNull()
  if (found) expect(compare(found, { raw: truth(to) - truth(from), scaler: -2 }), `${new Date(from).toISOString()}: ${value(row)}`).toBe(0)
}

/** The site as its people wrote it down, CT wrong. */
const commissioned = async (afterPut?: () => void): Promise<EnergySite> => {
  const site = await energySite(NOW, undefined, afterPut)
  const { ledger } = site
  const written = ledger.apply(
    [
      { kind: 'area', id: 'A-1', from: null, set: { name: 'one' } },
      { kind: 'point', id: 'P-1', from: null, set: { area: 'A-1', ct: `${CT}`, contractKva: '20' } },
      { kind: 'meter', id: 'OLD', from: null, set: { point: 'P-1', line: 'bus', address: '000000000001', profile: PROFILE } },
    ],
    act(START - 1),
  )
  expect(written).toMatchObject({ ok: true })
  return site
}
const exchanged = ({ ledger }: EnergySite) => {
  const made = ledger.exchange(
    {
      ...{ kind: 'meter', point: 'P-1', at: EXCHANGED, ratio: null, reason: 'rotation', deviation: null, by: ['one', 'other'] },
      meter: { id: 'NEW', set: { address: '000000000002' } },
      end: { '1.8.0': decimalText(face(first, EXCHANGED).raw, -2) },
      start: { '1.8.0': '0.00' },
      proposed: { end: null, start: null },
    },
    act(NOW),
  )
  expect(made).toMatchObject({ ok: true })
}
const correctCt = ({ ledger }: EnergySite) =>
  ledger.apply([{ kind: 'point', id: 'P-1', from: CORRECTED, set: { ct: `${CORRECT_CT}` } }], act(NOW, { why: 'the plate says 60' }))

const rows = (reads: typeof curve) => reads.map((read) => rowOf(read, `${CT}`))

it('equals the truth of four weeks in which everything happened, in whatever order it became known', async () => {
  const site = await commissioned()
  // The exchange is written down late: until then the new meter's registers belong to nobody.
  await site.put(rows(curve))
  await site.settle()
  expect((await site.rows('day', START, END)).filter((row) => value(row) === null).length).toBeGreaterThan(15)
  exchanged(site)
  await site.settle()
  await site.put(rows(freezes))
  await site.settle()
  expect(correctCt(site)).toMatchObject({ ok: true })
  await site.settle()

  const days = await site.rows('day', START, END)
  expect(days).toHaveLength(28)
  for (const [index, row] of days.entries())
    if (!FALSE_ZEROS.includes(DAYS[index]!) && !FALSE_ZEROS.includes(DAYS[index + 1]!)) expectTruth(row, DAYS[index]!, DAYS[index + 1]!)
  const quarters = await site.rows('15m', START, END)
  expect(quarters).toHaveLength(28 * 96 + 4)
  for (const row of quarters) {
    const [from, to] = [row.measuredAt, row.measuredAt + 900_000]
    if (![from, to].some((at) => isSilent(at) || FALSE_ZEROS.includes(at))) expectTruth(row, from, to)
  }
  const all = quarters.map((row) => column(row, '1.8.0')!)
  const total = all.reduce((sum, { raw, scaler }) => sum + BigInt(raw) * 10n ** BigInt(scaler + 5), 0n)
  expect(total).toBe((truth(END) - truth(START)) * 1000n)

  const found = await site.views.energyFindings('P-1', 0, 10)
  expect(found.map(({ finding: { code, at } }) => [code, at])).toEqual(FALSE_ZEROS.map((at) => ['read-dip', at]))

  const answer = await site.views.energy('P-1', { from: START, to: END, period: 'day', detail: false })
  expect(answer).toMatchObject({ ok: true, value: { pending: false, registers: [{ register: '1.8.0', known: 28, due: 28 }] } })

  // Days without a quarter hour are due all the same: their total is not that of all the days asked for.
  // Hours of a register that is read by quarters are their sums.
  const byHour = await site.views.energy('P-1', { from: START, to: END, period: '1h', detail: false })
  const byDay = answer.ok ? answer.value.registers : []
  if (!byHour.ok) throw new Error(byHour.error.error.message)
  expect(byHour.value.registers.map(({ obis, total }) => [obis, Number(total)])).toEqual(
    byDay.map(({ obis, total }) => [obis, Number(total)]),
  )
  const beyond = await site.views.energy('P-1', { from: START - 3 * 86_400_000, to: DAYS[1]!, period: '15m', detail: false })
  expect(beyond).toMatchObject({ ok: true, value: { registers: [{ register: '1.8.0', known: 96, due: 4 * 96 }] } })

  const detail = await site.views.energy('P-1', { from: DAYS[8]!, to: DAYS[9]!, period: 'day', detail: true })
  const [day] = detail.ok ? (detail.value.registers[0]?.items ?? []) : []
  expect(day).toMatchObject({ value: value(days[8]), reasons: ['exchange'], version: 2 })
  const { start, end, segments } = day!.evidence!
  expect([start, end].map((side) => [side?.meter, side?.read])).toEqual([
    ['OLD', true],
    ['NEW', true],
  ])
  expect(segments.map(({ meter, from, to, ratio }) => [meter, from, to, ratio])).toEqual([
    ['OLD', DAYS[8], EXCHANGED, '40'],
    ['NEW', EXCHANGED, DAYS[9], '40'],
  ])
})

it('says what changed after somebody took it away, once, by rising numbers', async () => {
  const site = await commissioned()
  exchanged(site)
  await site.put(rows([...curve, ...freezes]))
  await site.settle()
  expect(site.book.corrections(0, 10)).toEqual([])
  const [from, to] = [DAYS[16]!, DAYS[19]!]
  expect(site.views.markExported({ who: 'billing', point: 'P-1', from, to, note: '' })).toMatchObject({ ok: true, value: { id: 1 } })
  const before = await site.rows('day', from, to)
  correctCt(site)
  await site.settle()
  const after = await site.rows('day', from, to)
  const corrections = site.book.corrections(0, 1000)
  const days = corrections.filter(({ period }) => period === 'day')
  // The 27th is before the correction, the 28th partly, the 29th wholly after it; what was not taken away is not named.
  expect(days.map(({ from: start, before: was, after: is, version, exportId }) => [start, was, is, version, exportId])).toEqual([
    [DAYS[17], value(before[1]), value(after[1]), 2, 1],
    [DAYS[18], value(before[2]), value(after[2]), 2, 1],
  ])
  expect(corrections.every(({ from: start }) => start >= CORRECTED - 86_400_000 && start < to)).toBe(true)
  expect(corrections.map(({ seq }) => seq)).toEqual(corrections.map((_, index) => index + 1))
  expect(new Set(corrections.map(({ reason }) => reason))).toEqual(new Set([`ledger change ${site.ledger.seq}`]))
  // Taken back: the old figures hold again, which is one more change of each.
  expect(site.ledger.undo(site.ledger.seq, act(NOW))).toMatchObject({ ok: true })
  await site.settle()
  expect((await site.rows('day', from, to)).map((row) => value(row))).toEqual(before.map((row) => value(row)))
  const more = site.book.corrections(corrections.length, 1000).filter(({ period }) => period === 'day')
  expect(more.map(({ version, after: is }) => [version, is])).toEqual([
    [3, value(before[1])],
    [3, value(before[2])],
  ])
})

it('changes nothing when it works the same out again', async () => {
  const site = await commissioned()
  exchanged(site)
  await site.put(rows([...curve, ...freezes]))
  await site.settle()
  const { cursor } = site.outbox.state().sinks[0]!
  site.runner.again(['P-1'], START, END, 'a doubt')
  await site.settle()
  expect(site.outbox.state().sinks[0]).toMatchObject({ cursor })
  expect(site.book.correctionCount()).toBe(0)
})

it('has everything still to do after it was stopped at any moment', async () => {
  const site = await commissioned()
  exchanged(site)
  await site.put(rows([...curve, ...freezes]))
  expect(await site.outbox.drained(60_000)).toBe(true)
  const { dirty } = site.runner.state()
  expect(dirty).toBeGreaterThan(20)
  const second = await site.again()
  expect(second.runner.state().dirty).toBe(dirty)
  await second.settle()
  expect(await second.rows('day', START, END)).toHaveLength(28)
  // Only the months and days that are over are done with.
  expect(second.runner.state().dirty).toBe(1)
})

it('makes the same rows again when it ends between the rows and its own book', async () => {
  let puts = 0
  const site = await commissioned(() => {
    if (++puts > 12) throw new Error('the power went')
  })
  exchanged(site)
  await site.put(rows([...curve, ...freezes]))
  expect(await site.outbox.drained(60_000)).toBe(true)
  await expect(site.settle()).rejects.toThrow('the power went')
  const second = await site.again()
  await second.settle()
  const days = await second.rows('day', START, END)
  expect(days).toHaveLength(28)
  expect(days.map((row) => value(row, 'version'))).toEqual(days.map(() => '1'))
  expectTruth(days[12], DAYS[12]!, DAYS[13]!)
})

it('withdraws a figure that is known no more, and says so beside the field', async () => {
  const site = await commissioned()
  exchanged(site)
  await site.put(rows([...curve, ...freezes]))
  await site.settle()
  const [day] = [DAYS[8]!]
  expectTruth((await site.rows('day', day, day + 1))[0], day, DAYS[9]!)
  // The exchange is taken back: nobody knows whose registers those of the new meter are.
  expect(site.ledger.undo(site.ledger.seq, act(NOW))).toMatchObject({ ok: true })
  await site.settle()
  const [row] = await site.rows('day', day, day + 1)
  expect(value(row)).toBeNull()
  expect(Number(value(row, '1.8.0_flags')) & UNKNOWN_FLAG).toBe(UNKNOWN_FLAG)
  expect(Number(value(row, '1.8.0_flags')) & ENERGY_FLAGS.missing).toBe(ENERGY_FLAGS.missing)
  expect(value(row, 'version')).toBe('2')
})

it('works out a silent day when the register after it comes', async () => {
  const site = await commissioned()
  exchanged(site)
  const [from, to] = [DAYS[10]!, SILENT[0]]
  await site.put(rows(curve.filter(({ at }) => at >= from && at < to)))
  await site.settle()
  expect(await site.rows('day', SILENT[0], SILENT[1])).toEqual([])
  await site.put(rows(curve.filter(({ at }) => at > SILENT[1] && at < SILENT[1] + 7_200_000)))
  await site.settle()
  const [row] = await site.rows('day', SILENT[0], SILENT[1])
  expect(Number(value(row, 'flags')) & ENERGY_FLAGS.split).toBe(ENERGY_FLAGS.split)
  await site.put(rows(freezes))
  await site.settle()
  const [late] = await site.rows('day', SILENT[0], SILENT[1])
  expectTruth(late, SILENT[0], SILENT[1])
  expect(value(late, 'version')).toBe('2')
  expect(value(late, 'estimated_ppm')).toBe('0')
})
