import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { AreaFrame } from '../../../src/anomaly/frame.ts'
import { areaHistory } from '../../../src/anomaly/history.ts'
import type { AreaView } from '../../../src/anomaly/view.ts'
import { serviceEvidence, VOLTAGE_DETECTORS } from '../../../src/anomaly/voltage/index.ts'
import { daysOf, isThere, LABELLED, readLabelled } from '../meter/labelled.ts'
import { viewOf } from './made.ts'

interface Labels {
  readonly phases: Readonly<Record<string, string>>
  readonly faults: readonly { readonly kind: string; readonly meter?: string; readonly subkind?: string; readonly from: string }[]
  readonly truth: {
    readonly areas: Readonly<Record<string, { readonly inputKWh: readonly number[]; readonly technicalPct: readonly number[] }>>
  }
}

const labelsOf = (set: string): Labels => JSON.parse(readFileSync(new URL(`${set}/labels.json`, LABELLED), 'utf8'))

const judged = (frame: AreaFrame, neighbours: readonly AreaFrame[]): AreaView => {
  let view = viewOf(frame, { neighbours })
  for (const detector of VOLTAGE_DETECTORS) {
    const { findings, phases, technical, doubts = [] } = detector.detect(view)
    view = {
      ...view,
      found: [...view.found, ...findings],
      phases: { ...view.phases, ...phases },
      technical: technical ?? view.technical,
      doubts: [...view.doubts, ...doubts],
    }
  }
  return view
}

/** What is claimed on the published areas; their figures are in docs/detectors. */
describe.skipIf(!isThere)('labelled areas', () => {
  it.each(['b-theft', 'c-metering'])(
    'phases, losses and clocks of %s',
    (set) => {
      const labels = labelsOf(set)
      const read = readLabelled(set)
      const frames = read.ledger.areas.map(({ id }) => {
        const history = areaHistory()
        for (const day of daysOf(read, id)) history.put(day)
        return history.frame()!
      })
      for (const frame of frames) {
        const view = judged(
          frame,
          frames.filter((other) => other !== frame),
        )
        const told = Object.entries(view.phases)
        expect(told.length).toBeGreaterThan(40)
        expect(told.filter(([id, phase]) => labels.phases[id] !== phase)).toEqual([])
        const truth = labels.truth.areas[frame.fact.id]!
        const errors = frame.days.map((_, day) => {
          const kwh = Array.from(view.technical?.kwh.subarray(frame.dayStarts[day], frame.dayStarts[day + 1]) ?? [])
          return Math.abs((100 * kwh.reduce((sum, value) => sum + value, 0)) / truth.inputKWh[day]! - truth.technicalPct[day]!)
        })
        expect(errors.reduce((sum, error) => sum + error, 0) / errors.length).toBeLessThan(0.08)
        const late = view.found.filter(({ kind }) => kind === 'clock_drift').map(({ target }) => target)
        const wanted = labels.faults.filter(
          ({ kind, meter = '' }) => kind === 'clock_drift' && frame.meters.some(({ fact }) => fact.id === meter),
        )
        expect(late).toEqual(wanted.map(({ meter }) => meter))
        // Bypasses on wires of their own stand out by the voltages alone, on the right day.
        const clear = serviceEvidence(frame, view.phases, { doubts: view.doubts }).filter(
          ({ step }) => step && step.sigmas >= 15 && step.volts >= 0.12,
        )
        const thieves = labels.faults.filter(({ kind, subkind }) => kind === 'theft' && subkind !== 'night' && set === 'b-theft')
        expect(clear.map(({ id, step }) => `${id} ${frame.days[step?.day ?? 0]}`).sort()).toEqual(
          thieves.map(({ meter, from }) => `${meter} ${from}`).sort(),
        )
      }
    },
    60_000,
  )
})
