import { existsSync, readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import type { AreaDay, MeterDay } from '../../../src/anomaly/day.ts'
import type { Finding } from '../../../src/anomaly/finding.ts'
import type { AreaFrame, MeterFact, Phase } from '../../../src/anomaly/frame.ts'
import { areaHistory, STEP_MS } from '../../../src/anomaly/history.ts'
import { judgeDay } from '../../../src/anomaly/judge.ts'
import type { AreaView, Detector, Standing } from '../../../src/anomaly/view.ts'

/** Labelled areas lie beside the tree: their licence keeps them out of it. */
export const LABELLED = new URL('../../../../shared/datasets/areas/', import.meta.url)
export const isThere = existsSync(LABELLED)

interface Ledger {
  readonly start: string
  readonly end: string
  readonly areas: readonly {
    readonly id: string
    readonly name: string
    readonly transformerKVA: number
    readonly nominalV: number
    readonly gateway: { readonly meter: string; readonly multiplier: number }
  }[]
  readonly meters: readonly {
    readonly id: string
    readonly area: string
    readonly type: '1P' | '3P' | '3P-CT'
    readonly multiplier: number
    readonly phase: Phase
    readonly contractKW: number
    readonly category: string
    readonly link: string
    readonly bus: string
    readonly concentrator: string
    readonly pv?: { readonly kWp: number }
    readonly exchanges?: readonly { readonly time: string; readonly oldFinalKWh: number; readonly newInitialKWh: number }[]
  }[]
  readonly events: readonly { readonly meter: string; readonly time: string; readonly event: string }[]
}

/** Registers and samples of one meter over the whole span; index 0 = the first midnight. */
interface Raw {
  readonly face: Float64Array
  readonly faceExp: Float64Array
  readonly samples: readonly Float32Array[]
}

const SAMPLES = 9

export interface Labelled {
  readonly ledger: Ledger
  readonly slots: number
  readonly start: number
  readonly raw: ReadonlyMap<string, Raw>
}

export const readLabelled = (name: string): Labelled => {
  const ledger: Ledger = JSON.parse(readFileSync(new URL(`${name}/ledger.json`, LABELLED), 'utf8'))
  const start = Date.parse(ledger.start)
  const slots = Math.round((Date.parse(ledger.end) - start) / STEP_MS)
  const text = gunzipSync(readFileSync(new URL(`${name}/readings.csv.gz`, LABELLED))).toString('latin1')
  const raw = new Map<string, Raw>()
  let at = text.indexOf('\n') + 1
  while (at < text.length) {
    const end = text.indexOf('\n', at)
    const cells = text.slice(at, end < 0 ? text.length : end).split(',')
    at = end < 0 ? text.length : end + 1
    const index = Math.round((Date.parse(cells[1] ?? '') - start) / STEP_MS)
    if (!(index >= 0 && index <= slots)) continue
    const id = cells[0] ?? ''
    let one = raw.get(id)
    if (!one) {
      one = {
        face: new Float64Array(slots + 1).fill(Number.NaN),
        faceExp: new Float64Array(slots + 1).fill(Number.NaN),
        samples: Array.from({ length: SAMPLES }, () => new Float32Array(slots + 1).fill(Number.NaN)),
      }
      raw.set(id, one)
    }
    const value = (cell: number) => (cells[cell] ? Number(cells[cell]) : Number.NaN)
    one.face[index] = value(2)
    one.faceExp[index] = value(3)
    for (let sample = 0; sample < SAMPLES; sample++) one.samples[sample]![index] = value(4 + sample)
  }
  return { ledger, slots, start, raw }
}

/** Energy of each slot from the registers, kWh; spread evenly over gaps; a fall is not known unless it is recorded. */
const energyOf = (face: Float64Array, multiplier: number, exchanges: readonly (readonly [number, number, number])[]) => {
  const energy = new Float64Array(face.length - 1).fill(Number.NaN)
  const known = new Uint8Array(face.length - 1)
  let last = -1
  for (let at = 0; at < face.length; at++) {
    if (Number.isNaN(face[at]!)) continue
    if (last >= 0) {
      const recorded = exchanges.find(([index]) => index > last && index <= at)
      const rise = recorded ? recorded[1] - face[last]! + face[at]! - recorded[2] : face[at]! - face[last]!
      for (let slot = last; slot < at && rise > -0.05; slot++) {
        energy[slot] = (Math.max(0, rise) * multiplier) / (at - last)
        known[slot] = at - last === 1 ? 2 : 1
      }
    }
    last = at
  }
  return { energy, known }
}

/** Days of one area of a labelled set, as the offline path would hand them over. */
export const daysOf = (of: Labelled, area: string): AreaDay[] => {
  const { ledger, slots, start, raw } = of
  const home = ledger.areas.find(({ id }) => id === area)
  if (!home) return []
  const gateway: Ledger['meters'][number] = {
    id: home.gateway.meter,
    area,
    type: '3P-CT',
    multiplier: home.gateway.multiplier,
    phase: 'ABC',
    contractKW: 0,
    category: 'gateway',
    link: '4g',
    bus: '',
    concentrator: '',
  }
  const whole = (meter: Ledger['meters'][number]) => {
    const one = raw.get(meter.id)
    const fact: MeterFact = {
      id: meter.id,
      meter: meter.id,
      area,
      type: meter.type,
      multiplier: meter.multiplier,
      phase: meter.phase,
      contractKw: meter.contractKW || null,
      ratedA: null,
      category: meter.category,
      keyAccount: false,
      pfStandard: null,
      link: meter.link,
      bus: meter.bus,
      concentrator: meter.concentrator,
      solar: meter.pv ? { kwp: meter.pv.kWp, since: start } : null,
      exchanges: (meter.exchanges ?? []).map(({ time, oldFinalKWh, newInitialKWh }) => ({
        at: Date.parse(time),
        oldFinal: oldFinalKWh,
        newInitial: newInitialKWh,
      })),
      since: null,
      node: null,
      serviceOhm: null,
    }
    const empty = () => new Float64Array(slots + 1).fill(Number.NaN)
    const [face, faceExp] = [one?.face ?? empty(), one?.faceExp ?? empty()]
    const exchanges = fact.exchanges.map(
      ({ at, oldFinal, newInitial }) => [Math.ceil((at - start) / STEP_MS), oldFinal ?? 0, newInitial ?? 0] as const,
    )
    const imp = energyOf(face, meter.multiplier, exchanges)
    const exp = energyOf(faceExp, meter.multiplier, [])
    const scaled = (sample: number, by: number) => {
      const column = one?.samples[sample]
      return !column || column.every(Number.isNaN) ? null : column.slice(1).map((value) => value * by)
    }
    const k = meter.multiplier
    const columns = {
      u: [scaled(0, 1), scaled(1, 1), scaled(2, 1)],
      i: [scaled(3, k), scaled(4, k), scaled(5, k)],
      iN: scaled(6, k),
      p: scaled(7, k),
      pf: scaled(8, 1),
    }
    return (from: number, to: number): MeterDay => ({
      fact,
      imp: imp.energy.slice(from, to),
      exp: exp.energy.slice(from, to),
      known: imp.known.slice(from, to),
      faceImp: face.slice(from + 1, to + 1),
      faceExp: faceExp.slice(from + 1, to + 1),
      u: columns.u.map((column) => column?.slice(from, to) ?? null),
      i: columns.i.map((column) => column?.slice(from, to) ?? null),
      iN: columns.iN?.slice(from, to) ?? null,
      p: columns.p?.slice(from, to) ?? null,
      pf: columns.pf?.slice(from, to) ?? null,
      rates: null,
    })
  }
  const gateways = [whole(gateway)]
  const meters = ledger.meters.filter((meter) => meter.area === area).map(whole)
  const shift = Date.parse(`${ledger.start.slice(0, 10)}T00:00:00Z`) - start
  return Array.from({ length: slots / 96 }, (_, index) => {
    const [from, to] = [index * 96, (index + 1) * 96]
    const at = start + from * STEP_MS
    const local = new Date(at + shift)
    const end = start + to * STEP_MS
    return {
      fact: {
        id: area,
        name: home.name,
        zone: null,
        feeder: null,
        transformerKva: home.transformerKVA,
        nominalV: home.nominalV,
        network: null,
      },
      day: local.toISOString().slice(0, 10),
      start: at,
      slots: 96,
      gateways: gateways.map((cut) => cut(from, to)),
      meters: meters.map((cut) => cut(from, to)),
      temperature: null,
      isRest: local.getUTCDay() % 6 === 0,
      outages: [],
      events: ledger.events
        .map(({ meter, time, event }) => ({ id: meter, at: Date.parse(time), event }))
        .filter((event) => event.at >= at && event.at < end),
    }
  })
}

export const viewOf = (frame: AreaFrame, more: Partial<AreaView> = {}): AreaView => ({
  frame,
  neighbours: [],
  comm: null,
  thresholds: { version: 0, global: {}, zones: {}, classes: {}, points: {} },
  standing: [],
  phases: {},
  technical: null,
  doubts: [],
  found: [],
  ...more,
})

export interface Raised {
  readonly finding: Finding
  readonly raisedOn: string
  readonly lastOn: string
  readonly days: number
}

/**
 * Replays days one by one, as in service; gives each cause as it was said last, with the day it first was an alarm.
 *
 * @param every  judges every so many days only, and the last one
 */
export const replay = (days: readonly AreaDay[], detectors: readonly Detector[], every = 1): ReadonlyMap<string, Raised> => {
  const history = areaHistory()
  const raised = new Map<string, Raised>()
  for (const [index, day] of days.entries()) {
    history.put(day)
    if ((index + 1) % every !== 0 && index < days.length - 1) continue
    const frame = history.frame()
    if (!frame) continue
    const standing: Standing[] = [...raised.values()].map(({ finding, raisedOn }) => ({
      key: finding.key,
      kind: finding.kind,
      target: finding.target,
      raisedOn,
      from: finding.from,
      score: finding.score,
    }))
    const verdict = judgeDay({ frame, standing }, { detectors })
    for (const failure of verdict.failures) throw new Error(failure.message)
    for (const finding of verdict.findings) {
      const earlier = raised.get(finding.key)
      raised.set(finding.key, {
        finding,
        raisedOn: earlier && earlier.finding.score >= 0.5 ? earlier.raisedOn : day.day,
        lastOn: day.day,
        days: (earlier?.days ?? 0) + 1,
      })
    }
    for (const { key } of verdict.withdrawn) raised.delete(key)
  }
  return raised
}
