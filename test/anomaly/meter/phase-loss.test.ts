import { describe, expect, it } from 'vitest'
import type { AreaFrame } from '../../../src/anomaly/frame.ts'
import { phaseLoss } from '../../../src/anomaly/meter/phase-loss.ts'
import { viewOf } from './labelled.ts'
import { at, frame, household, type Made, meter } from './made.ts'

const three = (seed = 1, id = 'M', days = 12) =>
  meter({ id, days, seed, kw: (slot) => 3 * household(seed)(slot), fact: { type: '3P', phase: 'ABC', contractKw: 30 } })
const judge = (meters: readonly Made[], more: Partial<AreaFrame> = {}) => phaseLoss.detect(viewOf(frame(meters, more))).findings
const FROM = 8 * 96 + 33

/** The voltage of a phase is gone while current goes on: the meter counts the other two. Gives what it did not count. */
const lose = (of: Made, phase: number, share: number, from = FROM, to = of.imp.length, hasCurrent = true): number => {
  let lost = 0
  for (let slot = from; slot < to; slot++) {
    of.u[phase]![slot] = 3 * Math.abs(of.u[phase]![slot]! % 1)
    if (!hasCurrent) of.i[phase]![slot] = 0
    lost += of.imp[slot]! * share
    of.imp[slot] = of.imp[slot]! * (1 - share)
    of.p![slot] = of.p![slot]! * (1 - share)
  }
  return lost
}

describe('a phase that is lost', () => {
  it.each([
    [0, 'A', 0.3],
    [1, 'B', 0.4],
    [2, 'C', 0.3],
  ])('is named, from its first sample, with the energy it carried: %s', (phase, name, share) => {
    const of = three()
    const lost = lose(of, phase, share)
    const [found, ...others] = judge([of])
    expect(others).toEqual([])
    expect(found).toMatchObject({
      kind: 'phase_loss',
      target: 'M',
      key: `phase-loss/M/${name}`,
      from: at(FROM),
      to: null,
      cause: 'voltage_loss',
    })
    expect(Math.abs(found!.kwh!.value / lost - 1)).toBeLessThan(0.05)
    expect(found!.kwh!.low).toBeLessThan(lost)
    expect(found!.kwh!.high).toBeGreaterThan(lost)
  })
  it('is weighed by its share before, when no current is left to see', () => {
    const of = three()
    const lost = lose(of, 1, 0.4, FROM, of.imp.length, false)
    const [found] = judge([of])
    expect(found).toMatchObject({ cause: 'phase_cut' })
    expect(Math.abs(found!.kwh!.value / lost - 1)).toBeLessThan(0.05)
  })
  it('ends when it ends, and is not said again the day after', () => {
    const of = three()
    const until = 11 * 96 + 50
    lose(of, 1, 0.4, FROM, until)
    expect(judge([of])).toMatchObject([{ from: at(FROM), to: at(until) }])
    const older = three()
    lose(older, 1, 0.4, FROM, 11 * 96)
    expect(judge([older])).toEqual([])
  })
  it('is one case when its contact is loose', () => {
    const of = three()
    for (let from = FROM; from < of.imp.length; from += 12) lose(of, 2, 0.3, from, Math.min(of.imp.length, from + 6))
    expect(judge([of])).toMatchObject([{ from: at(FROM) }])
  })
  it('is not a line whose voltage sinks under load, by degrees', () => {
    const of = three()
    for (let slot = FROM; slot < of.imp.length; slot++) {
      // At the end of a long line: 0.95 Un at night, 0.72 Un at the peak of the evening.
      const evening = Math.max(0, Math.sin((Math.PI * ((slot % 96) - 56)) / 40))
      of.u[0]![slot] = 230 * (0.95 - 0.23 * evening)
    }
    expect(judge([of])).toEqual([])
  })
  it('is one though the open lead still shows half a voltage', () => {
    const of = three()
    for (let slot = FROM; slot < of.imp.length; slot++) of.u[1]![slot] = 230 * (0.4 + 0.3 * ((slot % 7) / 7))
    expect(judge([of])).toMatchObject([{ key: 'phase-loss/M/B', cause: 'voltage_loss' }])
  })
  it('at the meter of the area is critical', () => {
    const of = three(1, 'G')
    lose(of, 0, 0.3)
    expect(judge([three(2)], { gateways: [of] })).toMatchObject([{ target: 'G', severity: 'critical' }])
  })
  it('of the whole area is one finding, without lost energy', () => {
    const all = ['G', 'M1', 'M2'].map((id, seed) => three(seed, id))
    for (const of of all) lose(of, 1, 0.4)
    const [gateway, ...meters] = all
    expect(judge(meters, { gateways: [gateway!] })).toMatchObject([{ target: 'G', cause: 'supply_phase_lost', kwh: null }])
  })
})

describe('a current that is lost', () => {
  it('is found where the phase always carried some', () => {
    const of = three()
    of.i[2]!.fill(0, 10 * 96 + 12)
    expect(judge([of])).toMatchObject([{ cause: 'current_loss', from: at(10 * 96 + 12), key: 'phase-loss/M/C' }])
  })
  it('is not one on a phase that is often idle', () => {
    const of = three()
    for (let slot = 0; slot < of.imp.length; slot++) if (slot % 96 < 40) of.i[2]![slot] = 0
    of.i[2]!.fill(0, 10 * 96)
    expect(judge([of])).toEqual([])
  })
  it('is not one when the others are idle too', () => {
    const of = three()
    for (const i of of.i) i!.fill(0, 10 * 96)
    expect(judge([of])).toEqual([])
  })
})

describe('what is no lost phase', () => {
  it.each([
    ['a healthy meter', () => undefined],
    ['an outage of all three', (of: Made) => of.u.forEach((u) => void u?.fill(0, FROM))],
    ['voltages nobody read', (of: Made) => of.u.forEach((u) => void u?.fill(Number.NaN, FROM))],
    ['a dip of half an hour', (of: Made) => void of.u[1]!.fill(100, 11 * 96 + 10, 11 * 96 + 12)],
    ['a low voltage of 182 V', (of: Made) => void of.u[1]!.fill(182, FROM)],
  ])('%s', (_, spoil) => {
    const of = three()
    spoil(of)
    expect(judge([of])).toEqual([])
  })
  it('a single-phase meter', () => expect(judge([meter({ id: 'S', days: 12 })])).toEqual([]))
})

it('78 % of nominal is not below it', () => {
  const of = three()
  of.u[1]!.fill(0.78 * 230, FROM)
  const layers = (value: number) => ({ version: 1, global: { 'phase-loss.lowVoltage': value }, zones: {}, classes: {}, points: {} })
  expect(judge([of])).toEqual([])
  expect(phaseLoss.detect(viewOf(frame([of]), { thresholds: layers(0.79) })).findings).toHaveLength(1)
})
