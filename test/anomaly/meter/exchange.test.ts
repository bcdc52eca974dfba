import { describe, expect, it } from 'vitest'
import type { KnownExchange, MeterEvent } from '../../../src/anomaly/frame.ts'
import { meterExchange } from '../../../src/anomaly/meter/exchange.ts'
import { viewOf } from './labelled.ts'
import { at, frame, type Made, meter, rewrite } from './made.ts'

const AT = 5 * 96 + 40 // day 6, 10:00 to 10:15
const fresh = (exchanges: readonly KnownExchange[] = [], register = 5000) => meter({ id: 'M', days: 10, fact: { exchanges }, register })
const judge = (of: Made, events: readonly MeterEvent[] = []) => meterExchange.detect(viewOf(frame([of], { events })))

/** The meter on the wall is another one from a slot on. */
const swapped = (of: Made, initial: number, from = AT): Made => {
  const old = of.faceImp[from - 1]!
  rewrite(of, from, (face) => face - old + initial)
  return of
}

describe('an exchange nobody recorded', () => {
  it.each([0, 0.12, 3.5])('is found with a new register of %s kWh, to the slot', (initial) => {
    const { findings, doubts } = judge(swapped(fresh(), initial))
    expect(findings).toMatchObject([{ kind: 'meter_exchange', target: 'M', from: at(AT), to: at(AT + 1), cause: 'unrecorded_exchange' }])
    expect(findings[0]?.score).toBeGreaterThanOrEqual(0.9)
    expect(doubts).toEqual([{ id: 'M', from: at(AT), to: at(AT + 1), what: 'unusable' }])
  })
  it('proposes the registers of both meters from the reads', () => {
    const of = swapped(fresh(), 0)
    const old = of.faceImp[AT - 1]!
    const { numbers } = judge(of).findings[0]!
    expect(numbers).toMatchObject({ lastRegisterKwh: old, proposedNewInitialKwh: expect.any(Number) })
    expect(Number(numbers.proposedOldFinalKwh) - old).toBeLessThan(0.5)
    expect(Number(numbers.proposedNewInitialKwh)).toBeLessThan(0.5)
  })
  it('is found when the old meter had counted little itself', () => {
    const of = meter({ id: 'M', days: 10, register: 1, kw: () => 0.01 })
    expect(judge(swapped(of, 0)).findings).toMatchObject([{ from: at(AT) }])
  })
  it('is found when reads are missing around it', () => {
    const of = swapped(fresh(), 0)
    of.faceImp.fill(Number.NaN, AT - 8, AT + 20)
    expect(judge(of).findings).toMatchObject([{ from: at(AT - 8), to: at(AT + 21) }])
  })
  it('is found when the new meter shows more and a work order names it', () => {
    const of = swapped(fresh(), 9000)
    expect(judge(of).findings).toEqual([])
    const order = { id: 'M', at: at(AT) - 3_600_000, event: 'meter_exchange_work_order' }
    expect(judge(of, [order]).findings).toMatchObject([{ cause: 'work_order_without_record', numbers: { workOrderAt: order.at } }])
  })
  it('is called a reset when the meter reports one', () =>
    expect(judge(swapped(fresh(), 0), [{ id: 'M', at: at(AT) + 60_000, event: 'meter_reset' }]).findings).toMatchObject([
      { cause: 'register_reset' },
    ]))
  it('waits for four reads, and then has one key for ever', () => {
    const late = 10 * 96 - 4
    expect(judge(swapped(fresh(), 0, late)).findings).toEqual([])
    expect(judge(swapped(fresh(), 0, late - 1)).findings).toHaveLength(1)
    const key = (days: number) => {
      const of = swapped(meter({ id: 'M', days: 10 }), 0)
      const cut = { ...of, faceImp: of.faceImp.slice(0, days * 96), imp: of.imp.slice(0, days * 96) }
      return judge(cut).findings[0]?.key
    }
    expect(key(7)).toBe(key(10))
  })
})

describe('what is no unrecorded exchange', () => {
  it('a recorded one', () => {
    const of = fresh([{ at: at(AT) + 120_000, oldFinal: 5001, newInitial: 0 }])
    expect(judge(swapped(of, 0))).toMatchObject({ findings: [], doubts: [] })
  })
  it('one that is recorded with its day only', () => {
    const of = fresh([{ at: at(5 * 96), oldFinal: null, newInitial: null }])
    expect(judge(swapped(of, 0)).findings).toEqual([])
  })
  it('one recorded a week away is another one', () => {
    const of = fresh([{ at: at(AT) - 7 * 86_400_000, oldFinal: null, newInitial: null }])
    expect(judge(swapped(of, 0)).findings).toHaveLength(1)
  })
  it.each([99_995, 999_995])('a rollover from %s', (register) => {
    const of = meter({ id: 'M', days: 10, register })
    const capacity = register < 100_000 ? 100_000 : 1_000_000
    rewrite(of, 0, (face) => Math.round((face % capacity) * 100) / 100)
    expect(judge(of)).toMatchObject({ findings: [], doubts: [] })
  })
  it.each([
    ['low', 0.07],
    ['high', 900_000],
  ])('a garbled read that is too %s', (_, value) => {
    const of = fresh()
    of.faceImp[AT] = value
    const { findings, doubts } = judge(of)
    expect(findings).toEqual([])
    expect(doubts).toEqual([{ id: 'M', from: at(AT), to: at(AT + 2), what: 'unusable' }])
  })
  it('three garbled reads in a row', () => {
    const of = fresh()
    of.faceImp.fill(12.5, AT, AT + 3)
    expect(judge(of).findings).toEqual([])
  })
  it('a clock set back by an hour', () => {
    const of = fresh()
    const before = of.faceImp.slice()
    for (let slot = AT; slot < of.faceImp.length; slot++) of.faceImp[slot] = before[slot - 4]!
    expect(judge(of).findings).toEqual([])
  })
  it('a clock set back by fifteen hours of heavy use', () => {
    const of = meter({ id: 'M', days: 10, kw: () => 8 })
    const before = of.faceImp.slice()
    for (let slot = AT; slot < of.faceImp.length; slot++) of.faceImp[slot] = before[slot - 60]!
    expect(judge(of).findings).toEqual([])
  })
  it('a counter that turns backwards at noon', () => {
    const of = fresh()
    let face = 5000
    for (let slot = 0; slot < of.faceImp.length; slot++) {
      const hour = (slot % 96) / 4
      face += hour > 10 && hour < 15 ? -0.4 : 0.15
      of.faceImp[slot] = face
    }
    expect(judge(of).findings).toEqual([])
  })
  it('a large step that the power explains', () => {
    const of = fresh()
    rewrite(of, AT, (face) => face + 20)
    expect(judge(of).doubts).toHaveLength(1)
    of.p![AT] = 80
    expect(judge(of)).toMatchObject({ findings: [], doubts: [] })
  })
  it('a silent meter', () => {
    const of = fresh()
    of.faceImp.fill(Number.NaN)
    expect(judge(of)).toMatchObject({ findings: [], doubts: [] })
  })
})

describe('an exchange that was raised', () => {
  const of = swapped(fresh(), 0)
  const [raised] = judge(of).findings
  const standing = [{ key: raised!.key, kind: raised!.kind, target: 'M', raisedOn: '2026-03-07', from: raised!.from, score: 0.95 }]
  it('is taken back when it is recorded since', () => {
    const recorded = swapped(fresh([{ at: at(AT), oldFinal: 5001, newInitial: 0 }]), 0)
    const { withdrawn } = meterExchange.detect(viewOf(frame([recorded]), { standing }))
    expect(withdrawn).toMatchObject([{ key: raised!.key, because: { en: expect.stringContaining('recorded') } }])
  })
  it('keeps its key when reads that came late move its edge', () => {
    const late = swapped(fresh(), 0, AT + 8)
    rewrite(late, AT + 4, (face, slot) => (slot < AT + 8 ? face + 3 : face))
    const { findings, withdrawn } = meterExchange.detect(viewOf(frame([late]), { standing }))
    expect(findings.map(({ key }) => key)).toEqual([raised!.key])
    expect(withdrawn).toEqual([])
  })
  it('is not taken back while it is seen', () => expect(meterExchange.detect(viewOf(frame([of]), { standing })).withdrawn).toEqual([]))
})
