import { expect, it } from 'vitest'
import type { AreaFrame } from '../../../src/anomaly/frame.ts'
import { clockDrift, judgeClock } from '../../../src/anomaly/voltage/clock-rule.ts'
import { voltagePhases } from '../../../src/anomaly/voltage/phase-rule.ts'
import { makeArea, START, STEP, shifted, viewOf, withMeter } from './made.ts'

const DAY = 96
const detect = (frame: AreaFrame) => {
  const view = viewOf(frame)
  return clockDrift.detect({ ...view, phases: voltagePhases.detect(view).phases ?? {} })
}
const after = (day: number, minutes: (days: number) => number) => (slot: number) =>
  slot < day * DAY ? 0 : minutes((slot - day * DAY) / DAY)

it('is quiet where clocks are right, with any seed', () => {
  for (const seed of [1, 2, 3]) expect(detect(makeArea({ days: 28, seed }).frame)).toEqual({ findings: [], doubts: [] })
})

it.each([
  ['45 min ahead', 45],
  ['30 min behind', -30],
  ['20 min ahead', 20],
  ['an hour behind: summer time', -60],
])('finds a clock that jumps %s within two days', (_, minutes) => {
  const frame = withMeter(makeArea({ days: 12 }).frame, 'T1-07', (meter) =>
    shifted(
      meter,
      after(10, () => minutes),
    ),
  )
  const { findings, doubts } = detect(frame)
  expect(findings).toMatchObject([{ kind: 'clock_drift', target: 'T1-07', cause: 'jump', to: null, from: START + 10 * DAY * STEP }])
  expect(Math.abs(Number(findings[0]?.numbers.offsetMinutes) - minutes)).toBeLessThan(4)
  expect(doubts).toMatchObject([{ id: 'T1-07', what: 'shift', to: null, from: START + 10 * DAY * STEP }])
  expect(Math.abs((doubts?.[0]?.shiftMs ?? 0) / 60_000 - minutes)).toBeLessThan(4)
})

it.each([-180, 300])('finds a clock that jumps by %i minutes on the second day, too', (minutes) => {
  const jumped = withMeter(makeArea({ days: 14 }).frame, 'T1-07', (meter) =>
    shifted(
      meter,
      after(12, () => minutes),
    ),
  )
  const { findings } = detect(jumped)
  expect(findings).toMatchObject([{ kind: 'clock_drift', target: 'T1-07', cause: 'jump', from: START + 12 * DAY * STEP }])
  expect(Math.abs(Number(findings[0]?.numbers.offsetMinutes) - minutes)).toBeLessThan(4)
})

it('one day is not enough', () => {
  const frame = withMeter(makeArea({ days: 11 }).frame, 'T1-07', (meter) =>
    shifted(
      meter,
      after(10, () => 45),
    ),
  )
  expect(detect(frame).findings).toEqual([])
})

it('finds a clock that drifts two minutes a day, its pace, and shifts in steps', () => {
  const frame = withMeter(makeArea({ days: 30 }).frame, 'T1-07', (meter) =>
    shifted(
      meter,
      after(10, (days) => 2 * days),
    ),
  )
  const { findings, doubts = [] } = detect(frame)
  expect(findings).toMatchObject([{ kind: 'clock_drift', target: 'T1-07', cause: 'drift' }])
  expect(Math.abs(Number(findings[0]?.numbers.secondsPerDay) - 120)).toBeLessThan(20)
  expect(doubts.length).toBeGreaterThan(10)
  expect((doubts.at(-1)?.shiftMs ?? 0) / 60_000).toBeGreaterThan(30)
  expect(doubts.at(-1)?.to).toBeNull()
})

it('a clock that was set right is no finding any more; its days stay in doubt', () => {
  const frame = withMeter(makeArea({ days: 20 }).frame, 'T1-07', (meter) =>
    shifted(meter, (slot) => (slot >= 5 * DAY && slot < 12 * DAY ? 45 : 0)),
  )
  const { findings, doubts } = detect(frame)
  expect(findings).toEqual([])
  expect(doubts).toMatchObject([{ id: 'T1-07', from: START + 5 * DAY * STEP, to: START + 12 * DAY * STEP }])
})

it('takes back what it said of single meters when it proves to be the clock of the gateway', () => {
  const { frame } = makeArea({ days: 12 })
  const late = frame.meters.reduce(
    (made, { fact }) =>
      withMeter(made, fact.id, (meter) =>
        shifted(
          meter,
          after(9, () => 45),
        ),
      ),
    frame,
  )
  const view = { ...viewOf(late), phases: voltagePhases.detect(viewOf(late)).phases ?? {} }
  const key = `clock-drift/${frame.meters[3]?.fact.id}`
  const standing = [
    { key, kind: 'clock_drift' as const, target: frame.meters[3]!.fact.id, raisedOn: '2026-03-12', from: frame.start, score: 0.9 },
    { key: 'clock-drift/gone', kind: 'clock_drift' as const, target: 'gone', raisedOn: '2026-03-12', from: frame.start, score: 0.9 },
  ]
  expect(clockDrift.detect({ ...view, standing }).withdrawn).toMatchObject([{ key }])
})

it('when all meters are late together it is the clock of the gateway', () => {
  const { frame } = makeArea({ days: 14 })
  const { findings } = detect({
    ...frame,
    gateways: frame.gateways.map((gateway) =>
      shifted(
        gateway,
        after(8, () => 30),
      ),
    ),
  })
  expect(findings).toMatchObject([{ kind: 'clock_drift', target: 'T1-G' }])
  expect(Math.abs(Number(findings[0]?.numbers.offsetMinutes) - 30)).toBeLessThan(4)
})

it.each([
  [3 * 60_000, 'fine'],
  [3 * 60_000 + 1, 'warn'],
  [-5 * 60_000, 'warn'],
  [-5 * 60_000 - 1, 'alarm'],
] as const)('a clock that was read %i ms off is %s', (offset, verdict) => expect(judgeClock(offset)).toBe(verdict))
