import { describe, expect, it } from 'vitest'
import { alarmsOf, emptyBook, type Finding, type JudgedDay, takeVerdict, type Verdict } from '../../src/anomaly/index.ts'
import { houseFindings, type WaitingStranger } from '../../src/gateway/house-findings.ts'
import { HouseWatch } from '../../src/gateway/house-watch.ts'

const DAY = 86_400_000
const START = Date.UTC(2026, 10, 20)
const dayAt = (index: number): JudgedDay => ({
  day: new Date(START + index * DAY).toISOString().slice(0, 10),
  start: START + index * DAY,
  end: START + (index + 1) * DAY,
})
const stranger: WaitingStranger = {
  ...{ id: 7, channel: 'plant', address: 'x', firstSeen: START, lastSeen: START, sightings: 1, readings: 1, area: 'A1' },
  ...{ isOverdue: false, register: null },
}
const theft: Finding = {
  ...{ rule: 'theft', version: 1, kind: 'theft', key: 'theft/P1', target: 'P1', area: 'A1', level: 'meter', from: START, to: null },
  ...{ score: 0.9, severity: 'high', kwh: null, numbers: {}, thresholds: {}, series: [], ruledOut: [] },
  ...{ why: { zh: '', en: '' }, action: { zh: '', en: '' } },
}
const judged = (day: JudgedDay, findings: readonly Finding[]): Verdict => ({
  ...{ area: 'A1', day: day.day, findings, withdrawn: [], losses: [], phases: {}, failures: [] },
})

const world = () => {
  let book = emptyBook('A1')
  let waiting: readonly WaitingStranger[] = [stranger]
  let today = dayAt(1)
  let handed = 0
  const watch = new HouseWatch({
    areas: () => ['A1'],
    findings: (area) =>
      houseFindings(
        { clocks: () => [], exchanges: () => [], unread: () => [], buses: () => [], strangers: () => waiting, now: () => today.start + 1 },
        area,
      ),
    take: (verdict, day) => {
      handed++
      book = takeVerdict(book, verdict, day).book
    },
    today: () => today,
    now: () => today.start + 1,
    log: () => undefined,
  })
  return {
    watch,
    judge: (day: JudgedDay, findings: readonly Finding[]) => {
      book = takeVerdict(book, judged(day, findings), day).book
    },
    wait: (next: readonly WaitingStranger[], day = today) => {
      waiting = next
      today = day
    },
    handed: () => handed,
    cases: () => Object.fromEntries(alarmsOf(book).map((one) => [one.key, { state: one.state, to: one.to, on: one.detectedAt }])),
    day: () => book.day,
  }
}

describe('what the rooms know, in the case book', () => {
  it('is a case within one look, and the same look again changes nothing', () => {
    const { watch, cases, handed } = world()
    watch.look()
    watch.look()
    expect(handed()).toBe(1)
    expect(cases()).toEqual({ 'unregistered-meter/plant/x': { state: 'open', to: null, on: dayAt(1).day } })
  })

  it('says nothing about what the detectors found, and they nothing about it', () => {
    const { watch, judge, cases, day } = world()
    judge(dayAt(0), [theft])
    watch.look()
    expect(day()).toBe(dayAt(0).day)
    for (let index = 1; index < 9; index++) judge(dayAt(index), [theft])
    watch.look()
    expect(cases()).toMatchObject({ 'theft/P1': { state: 'open', to: null }, 'unregistered-meter/plant/x': { state: 'open', to: null } })
  })

  it('ends when the meter is registered', () => {
    const { watch, wait, cases } = world()
    watch.look()
    wait([], dayAt(2))
    watch.look()
    expect(cases()['unregistered-meter/plant/x']).toMatchObject({ to: dayAt(2).start + 1 })
  })
})
