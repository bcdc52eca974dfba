import type { AreaFrame, MeterColumns, MeterFact } from '../../../src/anomaly/frame.ts'
import { NO_LAYERS } from '../../../src/anomaly/rule.ts'
import type { AreaView } from '../../../src/anomaly/view.ts'

/** A small area of households, balanced to the watt but for noise; what is done to a meter afterwards leaves supply and voltages alone. */
export interface Made {
  readonly frame: AreaFrame
  readonly ids: readonly string[]
}

export interface MakeOptions {
  readonly seed: number
  readonly meters?: number
  readonly days?: number
  /** Standard deviation of the balance of a quarter hour, kW. */
  readonly noise?: number
  readonly area?: string
  readonly types?: Readonly<Record<number, { readonly type: MeterFact['type']; readonly multiplier: number }>>
  /** True power that flows and no meter sees, kW. */
  readonly unmetered?: (slot: number) => number
  /** What the meter shows of what flows, from the true power of a slot. */
  readonly shows?: (meter: number, kw: number, slot: number) => number
  /** Meters whose power does not come from this area though the ledger lists them here. */
  readonly elsewhere?: readonly number[]
  /** Power that other areas' meters take here, kW. */
  readonly foreign?: (slot: number) => number
}

const START = Date.UTC(2026, 2, 2)
const STEP = 900_000

/** A small generator of its own, so that an area is the same everywhere. */
export const dice = (seed: number) => {
  let state = (seed * 2654435761) >>> 0 || 1
  return () => {
    state ^= state << 13
    state >>>= 0
    state ^= state >>> 17
    state ^= state << 5
    state >>>= 0
    return state / 4294967296
  }
}

const gauss = (next: () => number) => Math.sqrt(-2 * Math.log(next() + 1e-12)) * Math.cos(2 * Math.PI * next())

/** True power of a household: stand-by, mornings and evenings, and appliances that come and go. */
export const household = (next: () => number, slots: number): Float64Array => {
  const out = new Float64Array(slots)
  const base = 0.05 + 0.15 * next()
  const size = 0.4 + 1.2 * next()
  const [morning, evening] = [6 + 3 * next(), 17 + 4 * next()]
  let [left, power] = [0, 0]
  for (let slot = 0; slot < slots; slot++) {
    const hour = (slot % 96) / 4
    const wanted = 0.1 + Math.exp(-((hour - morning) ** 2) / 2) + 1.6 * Math.exp(-((hour - evening) ** 2) / 4)
    if (left <= 0 && next() < 0.12 * wanted) [left, power] = [1 + Math.floor(6 * next()), size * (0.5 + 2 * next())]
    out[slot] = base * (0.8 + 0.4 * next()) + (left > 0 ? power * (0.9 + 0.2 * next()) : 0)
    left--
  }
  return out
}

const columnsOf = (fact: MeterFact, kw: Float64Array): MeterColumns => {
  const energy = kw.map((value) => value / 4)
  const face = new Float64Array(kw.length)
  let sum = 1000
  for (let slot = 0; slot < kw.length; slot++) {
    sum += energy[slot]! / fact.multiplier
    face[slot] = sum
  }
  const none = new Float64Array(kw.length)
  return {
    fact,
    imp: energy,
    exp: none,
    known: new Uint8Array(kw.length).fill(2),
    faceImp: face,
    faceExp: none,
    u: [null, null, null],
    i: [null, null, null],
    iN: null,
    p: Float32Array.from(kw),
    pf: null,
    rates: null,
  }
}

const factOf = (id: string, area: string, type: MeterFact['type'], multiplier: number): MeterFact => ({
  id,
  meter: id,
  area,
  type,
  multiplier,
  phase: type === '1P' ? 'A' : 'ABC',
  contractKw: 10,
  ratedA: null,
  category: 'residential',
  keyAccount: false,
  pfStandard: null,
  link: 'hplc',
  bus: null,
  concentrator: null,
  solar: null,
  exchanges: [],
  since: null,
  node: null,
  serviceOhm: null,
})

export const makeArea = (options: MakeOptions): Made => {
  const { seed, meters = 24, days = 21, noise = 0.05, area = 'A', types = {}, unmetered, shows, elsewhere = [], foreign } = options
  const next = dice(seed)
  const slots = 96 * days
  const ids = Array.from({ length: meters }, (_, at) => `${area}${String(at).padStart(3, '0')}`)
  const supply = new Float64Array(slots)
  for (let slot = 0; slot < slots; slot++) supply[slot] = (unmetered?.(slot) ?? 0) + (foreign?.(slot) ?? 0) + noise * gauss(next)
  const columns = ids.map((id, at) => {
    const { type, multiplier } = types[at] ?? { type: '1P' as const, multiplier: 1 }
    const scale = multiplier > 1 ? 4 : 1
    const flows = household(next, slots).map((kw) => scale * kw)
    if (!elsewhere.includes(at)) for (let slot = 0; slot < slots; slot++) supply[slot]! += flows[slot]!
    return columnsOf(
      factOf(id, area, type, multiplier),
      flows.map((kw, slot) => shows?.(at, kw, slot) ?? kw),
    )
  })
  const names = Array.from({ length: days }, (_, day) => new Date(START + day * 96 * STEP).toISOString().slice(0, 10))
  return {
    ids,
    frame: {
      fact: { id: area, name: area, zone: null, feeder: null, transformerKva: 250, nominalV: 230, network: null },
      stepMs: STEP,
      start: START,
      slots,
      days: names,
      dayStarts: Int32Array.from({ length: days + 1 }, (_, day) => 96 * day),
      gateways: [columnsOf(factOf(`${area}-gateway`, area, '3P-CT', 120), supply)],
      meters: columns,
      temperature: null,
      restDays: new Uint8Array(days),
      outages: [],
      events: [],
    },
  }
}

export const viewOf = (frame: AreaFrame, more: Partial<AreaView> = {}): AreaView => ({
  frame,
  neighbours: [],
  comm: null,
  thresholds: NO_LAYERS,
  standing: [],
  phases: {},
  technical: null,
  doubts: [],
  found: [],
  ...more,
})
