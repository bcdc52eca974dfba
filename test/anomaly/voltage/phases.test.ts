import { expect, it } from 'vitest'
import { membersOf } from '../../../src/anomaly/voltage/members.ts'
import { belongsTo } from '../../../src/anomaly/voltage/membership.ts'
import { voltagePhases } from '../../../src/anomaly/voltage/phase-rule.ts'
import { identifyPhases, isSure } from '../../../src/anomaly/voltage/phases.ts'
import { gridOf, makeArea, shifted, viewOf, withMeter } from './made.ts'

const phaseOf = (id: string) => 'ABC'[(Number(id.slice(-2)) - 1) % 3]

it.each([2, 7, 14])('tells every phase from %i days', (days) => {
  const found = identifyPhases(makeArea({ days, seed: days }).frame)
  expect(found).toHaveLength(18)
  expect(found.filter(({ id, phase }) => phase !== phaseOf(id))).toEqual([])
  expect(found.every(isSure)).toBe(true)
})

it('tells them with a third of the reads missing', () => {
  const { frame } = makeArea({ days: 7 })
  for (const { u } of frame.meters) for (let slot = 0; slot < frame.slots; slot++) if (slot % 9 < 3) u[0]?.fill(Number.NaN, slot, slot + 1)
  const found = identifyPhases(frame)
  expect(found.filter(({ id, phase }) => phase !== phaseOf(id))).toEqual([])
  expect(found).toHaveLength(18)
})

it('tells the phase of a meter whose clock is an hour ahead, and that it is late', () => {
  const frame = withMeter(makeArea({ days: 7 }).frame, 'T1-05', (meter) => shifted(meter, () => 60))
  expect(identifyPhases(frame).find(({ id }) => id === 'T1-05')).toMatchObject({ phase: 'B', lag: 4 })
})

it('claims a phase the ledger has wrong, fills one it lacks, and leaves the right ones alone', () => {
  const { frame } = makeArea({ ledger: { 'T1-04': 'C', 'T1-05': null } })
  const { phases, findings } = voltagePhases.detect(viewOf(frame))
  expect(phases).toMatchObject({ 'T1-04': 'A', 'T1-05': 'B', 'T1-06': 'C' })
  expect(findings.map(({ kind, target, truePhase }) => [kind, target, truePhase])).toEqual([['wrong_phase', 'T1-04', 'A']])
  expect(findings[0]?.numbers).toMatchObject({ ledgerPhase: 'C', phaseByVoltage: 'A' })
})

it('says nothing without a gateway voltage, with two gateways, or of a day', () => {
  const { frame } = makeArea({ days: 7 })
  const [gateway] = frame.gateways
  expect(identifyPhases({ ...frame, gateways: [] })).toEqual([])
  expect(identifyPhases({ ...frame, gateways: [gateway!, gateway!] })).toEqual([])
  expect(identifyPhases({ ...frame, gateways: [{ ...gateway!, u: [null, null, null] }] })).toEqual([])
  expect(identifyPhases(makeArea({ days: 1 }).frame)).toEqual([])
})

it('finds where a meter hangs among areas on one feeder, whatever the ledger says', () => {
  const grid = gridOf(14 * 96, 5)
  const here = makeArea({ area: 'T1', seed: 1, grid }).frame
  const there = makeArea({ area: 'T2', seed: 2, grid }).frame
  const [moved] = there.meters
  const frame = { ...here, meters: [...here.meters, { ...moved!, fact: { ...moved!.fact, area: 'T1' } }] }
  const other = { ...there, meters: there.meters.slice(1) }
  const view = viewOf(frame, { neighbours: [other] })
  const of = belongsTo(view, 'T2-01')
  expect(of?.best).toMatchObject({ area: 'T2', phase: 'A' })
  expect(of?.against).toBeGreaterThan(0.1)
  for (const { fact } of here.meters) expect(belongsTo(view, fact.id)).toMatchObject({ best: { area: 'T1' }, against: 0 })
  expect(belongsTo(view, 'nobody')).toBeNull()
  expect(membersOf(view).map(({ fact }) => fact.id)).toEqual(here.meters.map(({ fact }) => fact.id))
  expect(membersOf(viewOf(other, { neighbours: [frame] })).map(({ fact }) => fact.id)).toContain('T2-01')
  expect(membersOf({ ...view, doubts: [{ id: 'T1-02', from: 0, to: null, what: 'not-here' }] }).map(({ fact }) => fact.id)).not.toContain(
    'T1-02',
  )
})
