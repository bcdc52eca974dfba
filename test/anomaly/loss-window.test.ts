import { describe, expect, it } from 'vitest'
import type { AreaFrame, MeterColumns } from '../../src/anomaly/frame.ts'
import { lossDaysOf } from '../../src/anomaly/loss-days.ts'
import { notComputable } from '../../src/anomaly/loss-rules.ts'
import { lossWindow } from '../../src/anomaly/loss-window.ts'
import { makeArea, viewOf } from './balance/area-maker.ts'

const DAYS = 10
const LAST = 96 * (DAYS - 1)
const { frame: whole } = makeArea({ seed: 4, meters: 6, days: DAYS })

/** The last day without registers. @param kwh  what stands for its energy; NaN: nothing */
const unread = (meter: MeterColumns, kwh: number, from = LAST): MeterColumns => ({
  ...meter,
  imp: meter.imp.map((value, slot) => (slot < from ? value : kwh)),
  known: meter.known.map((value, slot) => (slot < from ? value : Number.isNaN(kwh) ? 0 : 1)),
  faceImp: meter.faceImp.map((value, slot) => (slot < from - 1 ? value : Number.NaN)),
})
const spread = (meter: MeterColumns) => unread(meter, meter.imp.slice(LAST).reduce((sum, kwh) => sum + kwh, 0) / 96)
const absent = (meter: MeterColumns, from = LAST) => unread(meter, Number.NaN, from)

const lastOf = (frame: AreaFrame) => lossWindow(viewOf(frame)).at(-1)!
const saidOf = (frame: AreaFrame) => notComputable.detect(viewOf(frame)).findings[0]?.why
const first = (change: (meter: MeterColumns) => MeterColumns): AreaFrame => ({
  ...whole,
  meters: whole.meters.map((meter, at) => (at === 0 ? change(meter) : meter)),
})
const truth = lastOf(whole).loss

describe('between what the loss of a day lies', () => {
  it('is one figure when all was read', () => {
    expect(lastOf(whole)).toMatchObject({ isComputable: true, low: truth, high: truth })
  })

  it('reaches from a silent meter at its most to one that used nothing', () => {
    const { isComputable, low, high } = lastOf(first(absent))
    expect(isComputable).toBe(false)
    expect(low).toBeLessThan(truth)
    expect(high).toBeGreaterThan(truth)
    expect(saidOf(first(absent))?.en).toMatch(/the loss lies between -?\d+\.\d\d kWh\/d and \d+\.\d\d kWh\/d$/)
  })

  it('is as wide for a meter whose day is a share of a longer total', () => {
    const { low, high } = lastOf(first(spread))
    const used = whole.meters[0]!.imp.slice(LAST).reduce((sum, kwh) => sum + kwh, 0)
    expect(high).toBeCloseTo(truth + used, 6)
    expect(low).toBeLessThan(truth)
  })

  it('is open below for a meter of which nothing was ever read', () => {
    const never = first((meter) => absent(meter, 0))
    const { low, high } = lastOf(never)
    expect(low).toBeNaN()
    expect(high).toBeGreaterThan(truth)
    expect(saidOf(never)).toMatchObject({ en: expect.stringMatching(/the loss is at most \d/), zh: expect.stringContaining('线损至多') })
  })

  it.each([
    ['not read', absent],
    ['a share of a longer total', spread],
  ])('is not told while the supply of the day is %s', (_, change) => {
    const dark = { ...first(absent), gateways: whole.gateways.map((gateway) => change(gateway)) }
    expect(lastOf(dark)).toMatchObject({ low: Number.NaN, high: Number.NaN })
    expect(saidOf(dark)).toMatchObject({
      en: expect.stringMatching(/nothing bounds the loss$/),
      zh: expect.stringContaining('线损范围无法给出'),
    })
  })
})

it('an area without a customer in the ledger has no loss, and none of all it was supplied', () => {
  const empty = { ...whole, meters: [] }
  expect(lastOf(empty)).toMatchObject({ sold: Number.NaN, loss: Number.NaN, isComputable: false })
  expect(lossDaysOf(viewOf(empty)).at(-1)).toMatchObject({
    soldKwh: null,
    lossKwh: null,
    lossPct: null,
    correctedLossPct: null,
    estimatedShare: 0,
  })
  expect(saidOf(empty)?.en).toMatch(/no customer meter/)
})
