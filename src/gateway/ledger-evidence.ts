import { decimalText, type Reading, scalerAt } from '../core/index.ts'
import type { Evidence, Ledger } from '../ledger/index.ts'
import type { PointEvidence } from './ledger-calls.ts'

/** What a running gateway can say of a point; each null where it knows nothing. */
export interface EvidenceSources {
  readonly now: () => number
  /** When the meter at a point answered last. */
  readonly answeredAt: (point: string) => number | null
  readonly latest: (point: string) => readonly Reading[]
  /** How far the meter's clock is off. */
  readonly clockOf?: (meter: string) => { readonly good: boolean; readonly text: string } | null
}

/** An answer older than this says nothing about the wiring of today; milliseconds. */
const FRESH_MS = 24 * 3_600_000

const iso = (at: number): string => new Date(at).toISOString()

/** The gateway's own part of a point's check-list. */
export const evidenceOf = (ledger: Pick<Ledger, 'get' | 'history'>, sources: EvidenceSources, point: string): PointEvidence => {
  const attributes = ledger.get('point', point, null)?.attributes ?? {}
  const fact = ledger.history(point).findLast(({ to }) => to === null) ?? null
  if (!fact) {
    const none: Evidence = { good: false, text: 'no meter hangs there' }
    return { communication: none, register: none, multiplier: none, clock: none, area: areaEvidence(attributes.area) }
  }
  const readings = sources.latest(point)
  const clock = sources.clockOf?.(fact.meter) ?? null
  return {
    communication: communication(sources.answeredAt(point), readings, sources.now()),
    register: register(readings),
    multiplier: { good: null, text: `CT ${fact.ct}, PT ${fact.pt} in the ledger` },
    'phase-order': phaseOrder(attributes.phase, readings),
    clock: clock ?? { good: null, text: 'its clock was not read' },
    area: areaEvidence(attributes.area),
  }
}

const communication = (answeredAt: number | null, readings: readonly Reading[], now: number): Evidence => {
  const last = Math.max(answeredAt ?? 0, ...readings.map(({ receivedAt }) => receivedAt))
  if (last === 0) return { good: false, text: 'the meter never answered' }
  return { good: now - last <= FRESH_MS, text: `it answered at ${iso(last)}` }
}

const register = (readings: readonly Reading[]): Evidence => {
  for (const reading of readings.toSorted((a, b) => b.measuredAt - a.measuredAt)) {
    const at = reading.shape.columns.findIndex(({ obis }) => obis === '1-0:1.8.0')
    const raw = reading.raws[at]
    if (at >= 0 && raw !== null && raw !== undefined)
      return { good: true, text: `1.8.0 was ${decimalText(raw, scalerAt(reading, at))} kWh at ${iso(reading.measuredAt)}` }
  }
  return { good: false, text: 'its register was never read' }
}

const VOLTAGES = ['1-0:32.7.0', '1-0:52.7.0', '1-0:72.7.0']
/** Angle from each phase's voltage to its current, degrees. */
const ANGLES = ['1-0:81.7.4', '1-0:81.7.15', '1-0:81.7.26']
/** Loads of three phases differ, by less than this; a current of another phase stands a third of a turn off. */
const ALIKE_DEGREES = 40
const SWAPPED_DEGREES = 80

const phaseOrder = (phase: unknown, readings: readonly Reading[]): Evidence => {
  if (phase === 'L1' || phase === 'L2' || phase === 'L3') return { good: true, text: `one phase, ${phase}` }
  const values = (codes: readonly string[]) => codes.map((code) => newestValue(readings, code))
  const angles = values(ANGLES).filter((angle) => angle !== null)
  if (angles.length === 3) {
    const spread = Math.max(...angles.flatMap((a) => angles.map((b) => apart(a, b))))
    const good = spread <= ALIKE_DEGREES ? true : spread >= SWAPPED_DEGREES ? false : null
    return { good, text: `currents stand ${angles.join('°, ')}° from their voltages` }
  }
  const voltages = values(VOLTAGES)
  if (voltages.every((value) => value === null)) return { good: null, text: 'neither angles nor voltages were read' }
  return { good: null, text: `voltages ${voltages.map((value) => value ?? 'unknown').join(', ')} V; angles were not read` }
}

/** Degrees between two directions, 0 to 180. */
const apart = (a: number, b: number): number => Math.abs(((((a - b) % 360) + 540) % 360) - 180)

const newestValue = (readings: readonly Reading[], obis: string): number | null => {
  let found: { readonly at: number; readonly value: number } | null = null
  for (const reading of readings) {
    const at = reading.shape.columns.findIndex((column) => column.obis === obis)
    const raw = reading.raws[at]
    if (at >= 0 && raw !== null && raw !== undefined && (!found || reading.measuredAt > found.at))
      found = { at: reading.measuredAt, value: Number(decimalText(raw, scalerAt(reading, at))) }
  }
  return found?.value ?? null
}

const areaEvidence = (area: unknown): Evidence =>
  typeof area === 'string' && area !== '' ? { good: true, text: `area ${area}` } : { good: false, text: 'it lies in no area' }
