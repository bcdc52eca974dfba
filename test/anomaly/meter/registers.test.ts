import { describe, expect, it } from 'vitest'
import { registerBackwards, registerJumped, registerStopped } from '../../../src/anomaly/meter/registers.ts'
import type { Detector } from '../../../src/anomaly/view.ts'
import { viewOf } from './labelled.ts'
import { at, frame, household, type Made, meter, rewrite } from './made.ts'

const judge = (detector: Detector, of: Made) => detector.detect(viewOf(frame([of]))).findings
const FROM = 7 * 96 + 20

describe('a stopped register', () => {
  const stop = (of: Made, from = FROM) => {
    of.faceImp.fill(of.faceImp[from - 1]!, from)
    of.imp.fill(0, from)
    return of
  }
  it('is found after a day, from its last step, with what the power says', () => {
    const of = meter({ id: 'M', days: 10 })
    let lost = 0
    for (let slot = FROM; slot < 960; slot++) lost += of.imp[slot]!
    const [found] = judge(registerStopped, stop(of))
    expect(found).toMatchObject({ kind: 'register_stopped', cause: 'stopped', from: at(FROM), to: null })
    expect(found!.score).toBeGreaterThanOrEqual(0.5)
    expect(Math.abs(found!.kwh!.value / lost - 1)).toBeLessThan(0.1)
  })
  it('is not one before a whole day', () => {
    expect(judge(registerStopped, stop(meter({ id: 'M', days: 10 }), 9 * 96 + 1))).toEqual([])
    expect(judge(registerStopped, stop(meter({ id: 'M', days: 10 }), 9 * 96))).toHaveLength(1)
  })
  it('is told by the current where power is not read', () => {
    const of = stop(meter({ id: 'M', days: 10 }))
    of.p = null
    expect(judge(registerStopped, of)).toMatchObject([{ cause: 'stopped' }])
  })
  it('is not one when nothing is used: that is mentioned after three days and is no alarm', () => {
    const of = meter({ id: 'M', days: 10, kw: (slot) => (slot < FROM ? household(1)(slot) : 0) })
    expect(judge(registerStopped, of)).toEqual([])
    const long = meter({ id: 'M', days: 10, kw: (slot) => (slot < 96 ? household(1)(slot) : 0) })
    const [info] = judge(registerStopped, long)
    expect(info).toMatchObject({ cause: 'no_use', severity: 'info', kwh: null })
    expect(info!.score).toBeLessThan(0.5)
  })
  it('is not one when nobody reads the meter', () => {
    const of = stop(meter({ id: 'M', days: 10 }))
    of.faceImp.fill(Number.NaN, FROM)
    expect(judge(registerStopped, of)).toEqual([])
  })
  it('waits longer behind large ratios, whose steps are large', () => {
    const of = stop(meter({ id: 'M', days: 10, kw: () => 0.9, fact: { multiplier: 120 } }), 8 * 96)
    expect(judge(registerStopped, of)).toMatchObject([{ cause: 'stopped' }])
    const little = stop(meter({ id: 'M', days: 10, kw: () => 0.9, fact: { multiplier: 120 } }), 9 * 96)
    expect(judge(registerStopped, little)).toEqual([])
  })
})

describe('a register that runs backwards', () => {
  const turning = (sign: number) => {
    const of = meter({ id: 'M', days: 10 })
    let face = 5000
    for (let slot = 0; slot < 960; slot++) {
      const hour = (slot % 96) / 4
      const isNoon = slot > 5 * 96 && hour > 10 && hour < 14
      face += isNoon ? -0.3 : 0.1
      of.faceImp[slot] = Math.round(face * 100) / 100
      of.p![slot] = isNoon ? sign * 1.2 : 0.4
    }
    return of
  }
  it('is found, and told from wiring by the power', () => {
    expect(judge(registerBackwards, turning(-1))).toMatchObject([{ kind: 'register_backwards', cause: 'backfed' }])
    expect(judge(registerBackwards, turning(1))).toMatchObject([{ cause: 'wiring_or_counter' }])
  })
  it('is not a clock set back once, nor a healthy one', () => {
    const of = meter({ id: 'M', days: 10 })
    const before = of.faceImp.slice()
    for (let slot = 9 * 96 + 30; slot < 960; slot++) of.faceImp[slot] = before[slot - 3]!
    expect(judge(registerBackwards, of)).toEqual([])
    expect(judge(registerBackwards, meter({ id: 'M', days: 10 }))).toEqual([])
  })
})

describe('a register that jumps', () => {
  it('is found at its slot, with what it counted too much', () => {
    const of = meter({ id: 'M', days: 10 })
    rewrite(of, FROM, (face) => face + 800)
    expect(judge(registerJumped, of)).toMatchObject([{ kind: 'register_jumped', from: at(FROM), to: at(FROM + 1) }])
    expect(judge(registerJumped, of)[0]!.kwh!.value).toBeCloseTo(-800, -1)
  })
  it('is found by the day when it flies in small steps', () => {
    const of = meter({ id: 'M', days: 10 })
    for (let slot = 9 * 96; slot < 960; slot++) of.imp[slot] = 3.1
    expect(judge(registerJumped, of)).toMatchObject([{ numbers: { dayKwh: 297.6, capacityKw: 10, capacityFrom: 'contract' } }])
    for (let slot = 9 * 96; slot < 960; slot++) of.imp[slot] = 3
    expect(judge(registerJumped, of)).toEqual([]) // 1.2 × 24 h × 10 kW: the limit itself is not beyond it
  })
  it('is not one when the read was garbled, which an earlier rule knows', () => {
    const of = meter({ id: 'M', days: 10 })
    of.imp[9 * 96 + 5] = 9000
    expect(judge(registerJumped, of)).toHaveLength(1)
    const doubts = [{ id: 'M', from: at(9 * 96 + 5), to: at(9 * 96 + 6), what: 'unusable' as const }]
    expect(registerJumped.detect(viewOf(frame([of]), { doubts })).findings).toEqual([])
  })
  it('is not one when the power was drawn, nor when another meter hangs there', () => {
    const used = meter({ id: 'M', days: 10, kw: () => 14 })
    expect(judge(registerJumped, used)).toEqual([])
    const dark = meter({ id: 'M', days: 10 })
    rewrite(dark, FROM, (face) => face + 800)
    dark.faceImp.fill(Number.NaN, FROM - 4, FROM)
    dark.u[0]!.fill(0, FROM - 4, FROM)
    expect(judge(registerJumped, dark)).toEqual([])
  })
})
