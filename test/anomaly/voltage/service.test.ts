import { expect, it } from 'vitest'
import type { Phase } from '../../../src/anomaly/frame.ts'
import { serviceEvidence } from '../../../src/anomaly/voltage/service.ts'
import { makeArea } from './made.ts'

const DAY = 96
const phases: Readonly<Record<string, Phase>> = Object.fromEntries(
  Array.from({ length: 18 }, (_, at) => [`T1-${String(at + 1).padStart(2, '0')}`, (['A', 'B', 'C'] as const)[at % 3] ?? 'A']),
)

it('honest customers have no step to speak of', () => {
  for (const seed of [1, 2, 3]) {
    const found = serviceEvidence(makeArea({ days: 24, seed }).frame, phases)
    expect(found).toHaveLength(18)
    for (const { step } of found) expect(Math.abs(step?.sigmas ?? 0)).toBeLessThan(8)
  }
})

it('an appliance before the meter: from its day on, its kW, and only at that customer', () => {
  const hidden = (id: string, slot: number) => (id === 'T1-04' && slot >= 15 * DAY && slot % 8 < 4 ? 8 : 0)
  const found = serviceEvidence(makeArea({ days: 24, hidden }).frame, phases)
  const thief = found.find(({ id }) => id === 'T1-04')
  expect(thief?.step).toMatchObject({ day: 15, when: 'day' })
  expect(thief?.step?.sigmas).toBeGreaterThan(15)
  // Half of the time 8 A: 0.9 kW in the mean.
  expect(thief?.step?.kw).toBeGreaterThan(0.75)
  expect(thief?.step?.kw).toBeLessThan(1.05)
  expect(thief?.step?.unrest).toBeGreaterThan(1.5)
  for (const { id, step } of found) if (id !== 'T1-04') expect(step?.sigmas).toBeLessThan((thief?.step?.sigmas ?? 0) / 2)
})

it('a shunt follows the own use of the customer', () => {
  const counted = (id: string, slot: number) => (id === 'T1-08' && slot >= 14 * DAY ? 0.5 : 1)
  const thief = serviceEvidence(makeArea({ days: 24, counted }).frame, phases).find(({ id }) => id === 'T1-08')
  expect(thief?.step?.day).toBe(14)
  expect(thief?.step?.sigmas).toBeGreaterThan(15)
  expect(thief?.step?.withOwnUse).toBeGreaterThan(0.8)
})

it('a bypass at night is seen in the nights', () => {
  const hidden = (id: string, slot: number) => (id === 'T1-05' && slot >= 14 * DAY && (slot % DAY < 24 || slot % DAY >= 88) ? 3 : 0)
  const thief = serviceEvidence(makeArea({ days: 24, hidden }).frame, phases).find(({ id }) => id === 'T1-05')
  expect(thief?.step?.day).toBe(14)
  expect(thief?.step?.hours[3]).toBeGreaterThan(0.4)
  expect(Math.abs(thief?.step?.hours[12] ?? 9)).toBeLessThan(0.15)
})

it('another voltmeter makes a step without unrest', () => {
  const { frame } = makeArea({ days: 24 })
  const volts = frame.meters[3]?.u[0]
  for (let slot = 14 * DAY; slot < frame.slots; slot++) if (volts) volts[slot] = (volts[slot] ?? 0) - 0.35
  const step = serviceEvidence(frame, phases).find(({ id }) => id === 'T1-04')?.step
  expect(step?.sigmas).toBeGreaterThan(15)
  expect(step?.unrest).toBeLessThan(1.15)
})

it('meters in doubt are left out, those asked for come alone, and nine days are too few', () => {
  const { frame } = makeArea({ days: 12 })
  const doubts = [{ id: 'T1-02', from: 0, to: null, what: 'shift' as const, shiftMs: 1 }]
  expect(serviceEvidence(frame, phases, { doubts }).map(({ id }) => id)).not.toContain('T1-02')
  expect(serviceEvidence(frame, phases, { ids: new Set(['T1-03']) }).map(({ id }) => id)).toEqual(['T1-03'])
  expect(serviceEvidence(makeArea({ days: 9 }).frame, phases)).toEqual([])
})
