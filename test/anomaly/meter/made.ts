import type { AreaFact, AreaFrame, MeterColumns, MeterFact } from '../../../src/anomaly/frame.ts'

/** Frames made by hand: every column follows from the power of each phase, and a test then breaks what it wants. */
export const SLOTS = 96
export const STEP = 15 * 60_000
/** A local midnight, Monday 2026-03-02, UTC+8. */
export const START = Date.UTC(2026, 2, 1, 16)

/** A number in [0, 1) that depends on its seed and place alone. */
export const noise = (seed: number, at: number): number => {
  let x = Math.imul(seed + 1, 0x9e3779b1) ^ Math.imul(at + 1, 0x85ebca6b)
  x = Math.imul(x ^ (x >>> 15), 0x2c1b3c6d)
  x = Math.imul(x ^ (x >>> 12), 0x297a2d39)
  return ((x ^ (x >>> 15)) >>> 0) / 4294967296
}

export interface Made {
  readonly fact: MeterFact
  imp: Float64Array
  exp: Float64Array
  known: Uint8Array
  faceImp: Float64Array
  faceExp: Float64Array
  u: (Float32Array | null)[]
  i: (Float32Array | null)[]
  iN: Float32Array | null
  p: Float32Array | null
  pf: Float32Array | null
  rates: Float64Array[] | null
}

export interface Wish {
  readonly id: string
  readonly days: number
  /** kW in a slot; negative feeds back. */
  readonly kw?: (slot: number) => number
  readonly fact?: Partial<MeterFact>
  readonly register?: number
  /** Shares of the phases A, B, C of a three-phase meter. */
  readonly shares?: readonly [number, number, number]
  readonly hasExport?: boolean
  readonly seed?: number
}

/** Use of a household: a fridge all day, more in the morning and evening. */
export const household = (seed: number) => (slot: number) => {
  const hour = (slot % SLOTS) / 4
  const busy = hour >= 6.5 && hour < 8 ? 1.2 : hour >= 17 && hour < 22.5 ? 1.6 : 0.25
  return 0.12 + busy * (0.3 + noise(seed, slot))
}

export const meter = ({ id, days, kw, fact, register = 5000, shares = [0.3, 0.4, 0.3], hasExport = false, seed = 1 }: Wish): Made => {
  const slots = days * SLOTS
  const whole: MeterFact = {
    id,
    meter: id,
    area: 'T-1',
    type: '1P',
    multiplier: 1,
    phase: null,
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
    ...fact,
  }
  const use = kw ?? household(seed)
  const three = whole.type !== '1P'
  const f32 = () => new Float32Array(slots)
  const made: Made = {
    fact: whole,
    imp: new Float64Array(slots),
    exp: new Float64Array(slots).fill(hasExport ? 0 : Number.NaN),
    known: new Uint8Array(slots).fill(2),
    faceImp: new Float64Array(slots),
    faceExp: new Float64Array(slots).fill(hasExport ? 100 : Number.NaN),
    u: [f32(), three ? f32() : null, three ? f32() : null],
    i: [f32(), three ? f32() : null, three ? f32() : null],
    iN: three ? null : f32(),
    p: f32(),
    pf: f32().fill(0.96),
    rates: null,
  }
  let [imp, exp] = [register * whole.multiplier, 100 * whole.multiplier]
  for (let slot = 0; slot < slots; slot++) {
    const power = use(slot)
    const energy = power / 4
    imp += Math.max(0, energy)
    exp += Math.max(0, -energy)
    const face = Math.floor((imp / whole.multiplier) * 100 + 1e-6) / 100
    made.faceImp[slot] = face
    made.imp[slot] = (face - (slot > 0 ? made.faceImp[slot - 1]! : Math.floor(register * 100) / 100)) * whole.multiplier
    if (hasExport) {
      made.faceExp[slot] = Math.floor((exp / whole.multiplier) * 100 + 1e-6) / 100
      made.exp[slot] = Math.max(0, -energy)
    }
    // A sample is taken at the end of the slot: its power is near the mean of the slot, not equal to it.
    const sample = power * (0.85 + 0.3 * noise(seed + 77, slot))
    made.p![slot] = sample
    for (let phase = 0; phase < (three ? 3 : 1); phase++) {
      const volt = 230 + 3 * (noise(seed + 5 + phase, slot) - 0.5)
      made.u[phase]![slot] = Math.round(volt * 10) / 10
      made.i[phase]![slot] = (Math.abs(sample) * 1000 * (three ? shares[phase]! : 1)) / volt / 0.96
    }
    if (made.iN) made.iN[slot] = made.i[0]![slot]!
  }
  return made
}

export const AREA: AreaFact = {
  id: 'T-1',
  name: 'made',
  zone: null,
  feeder: null,
  transformerKva: 250,
  nominalV: 230,
  network: null,
}

export const frame = (meters: readonly MeterColumns[], more: Partial<AreaFrame> = {}): AreaFrame => {
  const slots = meters[0]?.imp.length ?? 0
  const days = slots / SLOTS
  return {
    fact: AREA,
    stepMs: STEP,
    start: START,
    slots,
    days: Array.from({ length: days }, (_, day) => new Date(START + 8 * 3_600_000 + day * 86_400_000).toISOString().slice(0, 10)),
    dayStarts: Int32Array.from({ length: days + 1 }, (_, day) => day * SLOTS),
    gateways: [],
    meters,
    temperature: null,
    restDays: Uint8Array.from({ length: days }, (_, day) => (day % 7 >= 5 ? 1 : 0)),
    outages: [],
    events: [],
    ...more,
  }
}

/** Registers from a slot on (at its end) become what `to` says. */
export const rewrite = (of: Made, from: number, to: (face: number, slot: number) => number): void => {
  for (let slot = from; slot < of.faceImp.length; slot++) of.faceImp[slot] = to(of.faceImp[slot]!, slot)
}

/** Time of the start of a slot. */
export const at = (slot: number): number => START + slot * STEP
