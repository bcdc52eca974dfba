import { describe, expect, it } from 'vitest'
import { deviationsOf, useDeviation } from '../../../src/anomaly/meter/use-deviation.ts'
import type { AreaView } from '../../../src/anomaly/view.ts'
import { viewOf } from './labelled.ts'
import { at, frame, type Made, meter } from './made.ts'

const LIMITS = { goodDays: 5, coverage: 0.95, baseKwh: 10 }
/** kWh of each day, spread evenly. */
const account = (kwh: (day: number) => number, days = 45, keyAccount = true): Made => {
  const of = meter({ id: 'M', days, fact: { keyAccount } })
  for (let slot = 0; slot < of.imp.length; slot++) of.imp[slot] = kwh(Math.floor(slot / 96)) / 96
  return of
}
const judge = (of: Made, more: Partial<AreaView> = {}) => useDeviation.detect(viewOf(frame([of]), more)).findings
const lastWeek =
  (now: number, then = 100) =>
  (day: number) =>
    day >= 38 ? now : then

describe('use of a key account', () => {
  it.each([
    [130, 'rise'],
    [80, 'fall'],
    [250, 'rise'],
    [0, 'fall'],
  ])('deviates at %s kWh a day after 100: both ends are closed', (now, cause) =>
    expect(judge(account(lastWeek(now)))).toMatchObject([{ kind: 'use_deviation', cause, numbers: { weekState: 'computed' } }]),
  )
  it.each([129.9, 80.1, 100])('does not at %s', (now) => expect(judge(account(lastWeek(now)))).toEqual([]))
  it('is compared with the same dates of last month too', () => {
    // The frame ends on 15 April: 9 to 15 March are days 7 to 13.
    const of = account((day) => (day >= 7 && day <= 13 ? 60 : 100))
    expect(judge(of)).toMatchObject([{ cause: 'rise', numbers: { weekChangePct: 0, monthChangePct: 66.67 } }])
  })
  it('is not judged for others', () => expect(judge(account(lastWeek(200), 45, false))).toEqual([]))
})

describe('windows', () => {
  const compare = (of: Made, more: Partial<AreaView> = {}) => deviationsOf(viewOf(frame([of]), more), of, LIMITS)
  it('need five good days each, or are not computable', () => {
    const of = account(lastWeek(200))
    of.known.fill(0, 38 * 96, 40 * 96)
    expect(compare(of)[0]).toMatchObject({ state: 'computed', goodNow: 5 })
    of.known.fill(0, 40 * 96, 41 * 96)
    expect(compare(of)).toMatchObject([{ state: 'few-good-days', change: Number.NaN }, { state: 'few-good-days' }])
    expect(judge(of)).toEqual([])
  })
  it('leave out days of an exchange and of an outage on both sides', () => {
    const doubt = { id: 'M', from: at(36 * 96 + 3), to: at(36 * 96 + 4), what: 'unusable' as const }
    expect(compare(account(lastWeek(100)), { doubts: [doubt] })[0]).toMatchObject({ goodThen: 6, state: 'computed' })
    const of = account(lastWeek(100))
    const outages = [{ from: at(41 * 96 + 30), to: at(41 * 96 + 50), ids: null, what: 'planned' }]
    expect(deviationsOf(viewOf(frame([of], { outages })), of, LIMITS)[0]).toMatchObject({ goodNow: 6 })
  })
  it('need a base', () => expect(compare(account(lastWeek(20, 9)))[0]).toMatchObject({ state: 'small-base' }))
  it('that begin before the frame are said to', () =>
    expect(compare(account(() => 100, 20))[1]).toMatchObject({ against: 'same period of last month', state: 'out-of-window' }))
})
