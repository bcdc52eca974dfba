import { expect, it } from 'vitest'
import { areaHistory } from '../../src/anomaly/index.ts'
import { windowFrame } from '../../src/gateway/analysis-frames.ts'
import { DAY, dayName, METERS, START, STEP, syntheticArea } from './analysis-area.ts'
import { type AnalysisSite, analysisSite } from './analysis-site.ts'
import { act } from './energy-site.ts'

const SEVEN = 7 * 3_600_000 + 60_000

const commissioned = async (area: ReturnType<typeof syntheticArea>, options = {}): Promise<AnalysisSite> => {
  const site = await analysisSite(START, options)
  expect(site.ledger.apply(area.patches, act(START - 1))).toMatchObject({ ok: true })
  return site
}

it('builds the same frame in service as from the same registers in a file', async () => {
  const days = 3
  const area = syntheticArea({ days })
  const site = await commissioned(area)
  for (let day = 0; day < days; day++) {
    await site.put(area.rows(day))
    site.clock.at = START + (day + 1) * DAY + SEVEN
    await site.settle()
  }
  const window = windowFrame(site.parts, 'A-1', dayName(0), dayName(days - 1))
  const frame = window?.frame
  if (!frame) throw new Error('no frame')
  expect([frame.days.length, frame.gateways.length, frame.meters.length, frame.slots]).toEqual([days, 1, METERS, days * 96])
  const facts = new Map([...frame.gateways, ...frame.meters].map(({ fact }) => [fact.id, fact]))
  const history = areaHistory()
  for (let day = 0; day < days; day++) history.put(area.offline(day, (id) => facts.get(id)!, { fact: frame.fact, isRest: false }))
  const offline = history.frame()
  for (const side of ['gateways', 'meters'] as const)
    for (const [at, meter] of frame[side].entries()) {
      const other = offline?.[side][at]
      for (const name of ['known', 'faceImp', 'faceExp', 'exp', 'u', 'i', 'iN', 'p', 'pf', 'rates'] as const)
        expect(meter[name], `${meter.fact.id} ${name}`).toEqual(other?.[name])
      for (const [slot, kwh] of meter.imp.entries()) expect(kwh, `${meter.fact.id} ${slot}`).toBeCloseTo(other?.imp[slot] ?? Number.NaN, 9)
    }
  expect(frame.meters[0]?.fact).toMatchObject({ type: '1P', phase: 'A', multiplier: 1, contractKw: 8, bus: 'A-1-bus' })
  expect(frame.gateways[0]?.fact).toMatchObject({ type: '3P-CT', phase: 'ABC', multiplier: 20 })
  expect(site.book.losses('A-1', dayName(0), dayName(9)).map(({ day }) => day)).toContain(dayName(days - 1))
})

it('judges a day when it is complete, and at seven what is not', async () => {
  const area = syntheticArea({ days: 3 })
  const site = await commissioned(area)
  await site.put(area.rows(0))
  site.clock.at = START + DAY + 60_000
  await site.settle()
  expect(site.verdicts.map(({ day }) => day)).toEqual([dayName(0)])
  const lacking = area.rows(1).filter(({ series }) => series.tags.point !== area.point(3))
  await site.put(lacking)
  // An hour after midnight the energy of a day is worked out without the registers that did not come.
  site.clock.at = START + 2 * DAY + 2 * 3_600_000
  await site.settle()
  expect(site.verdicts.map(({ day }) => day)).toEqual([dayName(0)])
  expect(site.runner.next('A-1')).toMatchObject({ day: dayName(1), waitsFor: expect.stringContaining('1 of 13 metering points') })
  site.clock.at = START + 2 * DAY + SEVEN
  await site.settle()
  expect(site.verdicts.map(({ day }) => day)).toEqual([dayName(0), dayName(1)])
  expect(site.runner.next('A-1')).toBeNull()
})

it('judges again, once, what late readings and a corrected ledger change; other areas stay as they are', async () => {
  const area = syntheticArea({ days: 4 })
  const other = syntheticArea({ days: 4, area: 'A-2' })
  const site = await commissioned(area)
  expect(site.ledger.apply(other.patches, act(START))).toMatchObject({ ok: true })
  for (let day = 0; day < 3; day++) {
    await site.put(
      [...area.rows(day), ...other.rows(day)].filter(
        ({ series, measuredAt }) => series.tags.point !== area.point(5) || measuredAt <= START + DAY,
      ),
    )
    site.clock.at = START + (day + 1) * DAY + SEVEN
    await site.settle()
  }
  const newest = () => site.book.losses('A-1', dayName(2), dayName(2))[0]
  const before = newest()
  site.verdicts.length = 0
  await site.put([...area.rows(1), ...area.rows(2)].filter(({ series }) => series.tags.point === area.point(5)))
  await site.settle()
  expect(site.verdicts.map((verdict) => `${verdict.area} ${verdict.day}`)).toEqual([`A-1 ${dayName(1)}`, `A-1 ${dayName(2)}`])
  expect(newest()?.estimatedShare ?? 1).toBeLessThan(before?.estimatedShare ?? 1)
  site.verdicts.length = 0
  const ct = site.ledger.apply(
    [{ kind: 'point', id: area.gatePoint, from: 1, set: { ct: '25' } }],
    act(site.clock.at, { why: 'the plate says 25' }),
  )
  expect(ct).toMatchObject({ ok: true })
  await site.settle()
  expect(new Set(site.verdicts.map((verdict) => verdict.area))).toEqual(new Set(['A-1']))
  expect(site.verdicts.at(-1)?.day).toBe(dayName(2))
  expect((newest()?.supplyKwh ?? 0) / (before?.supplyKwh ?? 1)).toBeCloseTo(25 / 20, 2)
  expect(site.runner.next('A-1')).toBeNull()
  expect(site.warnings).toEqual([])
})

it('goes on after a crash between the case book and its own, and judges nothing twice after a restart', async () => {
  const area = syntheticArea({ days: 3 })
  let isCrashing = true
  const site = await commissioned(area, {
    onVerdict: () => {
      if (isCrashing) throw new Error('power cut')
    },
  })
  await site.put(area.rows(0))
  site.clock.at = START + DAY + SEVEN
  await site.settle()
  expect(site.verdicts).toEqual([])
  await site.close()
  isCrashing = false
  const again = await analysisSite(site.clock.at, { directory: site.directory })
  await again.settle()
  expect(again.verdicts.map(({ day }) => day)).toEqual([dayName(0)])
  await again.close()
  const third = await analysisSite(site.clock.at, { directory: site.directory })
  await third.settle()
  expect(third.verdicts).toEqual([])
  await third.put(area.rows(1))
  third.clock.at = START + 2 * DAY + SEVEN
  await third.settle()
  expect(third.verdicts.map(({ day }) => day)).toEqual([dayName(1)])
})

it('says what went wrong in one area, tries again, and goes on with the others', async () => {
  const [area, other] = [syntheticArea({ days: 2 }), syntheticArea({ days: 2, area: 'A-2' })]
  const site = await commissioned(area, {
    judges: () => ({
      width: 2,
      call: async (_kind: string, request: { area: string; day: string }) => {
        if (request.area === 'A-1') throw new Error('a bug in it')
        return { verdict: { ...request, findings: [], withdrawn: [], losses: [], phases: {}, failures: [] }, days: 1, ms: 1 }
      },
      close: async () => {},
    }),
  })
  expect(site.ledger.apply(other.patches, act(START))).toMatchObject({ ok: true })
  await site.put([...area.rows(0), ...other.rows(0)])
  site.clock.at = START + DAY + SEVEN
  await site.settle()
  expect(site.verdicts.map((verdict) => verdict.area)).toEqual(['A-2'])
  const stateOf = (id: string) => site.runner.states().find((state) => state.area === id)
  expect(stateOf('A-1')).toMatchObject({ day: null, failure: 'a bug in it' })
  for (let round = 0; round < 3; round++) {
    site.clock.at += STEP
    await site.settle()
  }
  expect(stateOf('A-1')).toMatchObject({ day: dayName(0), failure: 'a bug in it' })
  expect(site.warnings).toHaveLength(1)
})

it('raises a case of a customer who steals, by itself, and names the day it began', async () => {
  const days = 26
  const area = syntheticArea({ days, theft: { meter: 4, day: 15, share: 0.35 } })
  const site = await commissioned(area)
  for (let day = 0; day < days; day++) {
    await site.put(area.rows(day))
    // Until two weeks are there nothing is judged that could be.
    if (day < 13) continue
    site.clock.at = START + (day + 1) * DAY + SEVEN
    await site.settle()
  }
  const thefts = site.cases('A-1').filter(({ kind }) => kind === 'theft')
  expect(thefts.map(({ target }) => target)).toEqual([area.point(4)])
  expect(Math.abs((thefts[0]?.from ?? 0) - (START + 15 * DAY))).toBeLessThanOrEqual(3 * DAY)
  expect(site.warnings).toEqual([])
})
