import type { AreaFrame, MeterColumns, MeterFact, Phase } from '../../../src/anomaly/frame.ts'
import { NO_LAYERS } from '../../../src/anomaly/rule.ts'
import type { AreaView } from '../../../src/anomaly/view.ts'

export const STEP = 900_000
/** 2026-03-02 00:00 UTC, a Monday. */
export const START = Date.UTC(2026, 2, 2)
export const NOMINAL = 220
const DAY = 96

/** Numbers between 0 and 1 that are the same in every run. */
export const dice = (seed: number) => {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

const gauss = (roll: () => number) => Math.sqrt(-2 * Math.log(roll() + 1e-12)) * Math.cos(2 * Math.PI * roll())

export interface Customer {
  readonly id: string
  readonly phase: 'A' | 'B' | 'C'
  /** Ohm of the service cable, and of the main up to it. */
  readonly service: number
  readonly main: number
}

export interface Made {
  readonly frame: AreaFrame
  /** Lost in the wires, kWh a slot. */
  readonly lost: Float64Array
  readonly supplied: Float64Array
}

export interface Wish {
  readonly area?: string
  readonly days?: number
  readonly seed?: number
  /** Phases of the ledger that are wrong. */
  readonly ledger?: Readonly<Record<string, Phase | null>>
  /** Ampere that flow behind the service cable of a customer and are not counted. */
  readonly hidden?: (id: string, slot: number) => number
  /** Share of a customer's own current that his meter counts. */
  readonly counted?: (id: string, slot: number) => number
  /** Common swings of the medium voltage, so that two areas share them. */
  readonly grid?: readonly number[]
}

/** Voltage of the medium-voltage side, p.u. around 0: what neighbouring areas share. */
export const gridOf = (slots: number, seed: number): readonly number[] => {
  const roll = dice(seed)
  let level = 0
  return Array.from({ length: slots }, () => {
    level = 0.95 * level + 0.0015 * gauss(roll)
    return level
  })
}

/** An area with 18 single-phase customers, six on a main of each phase; power factor 1, neutral without resistance; so its losses are known exactly. */
export const makeArea = ({ area = 'T1', days = 14, seed = 1, ledger = {}, hidden = () => 0, counted = () => 1, grid }: Wish = {}): Made => {
  const slots = days * DAY
  const roll = dice(seed)
  const shared = grid ?? gridOf(slots, seed + 100)
  const customers: Customer[] = Array.from({ length: 18 }, (_, at) => ({
    id: `${area}-${String(at + 1).padStart(2, '0')}`,
    phase: (['A', 'B', 'C'] as const)[at % 3] ?? 'A',
    service: 0.06 + 0.02 * (at % 5),
    main: 0.03 * (1 + Math.floor(at / 3)),
  }))
  const busbar = [0, 1, 2].map(() => {
    let own = 0
    return Float32Array.from({ length: slots }, (_, slot) => {
      own = 0.9 * own + 0.5 * gauss(roll)
      return 228 * (1 + (shared[slot] ?? 0)) + own
    })
  })
  const loads = customers.map(() => {
    let on = 1
    return Float32Array.from({ length: slots }, (_, slot) => {
      const evening = slot % DAY > 68 && slot % DAY < 90 ? 2 : 1
      if (roll() < 0.2) on = roll() < 0.3 ? 6 * roll() * evening : 0.5 + roll()
      return on
    })
  })
  const flows = customers.map(({ id }, at) => Float32Array.from(loads[at] ?? [], (ampere, slot) => ampere + hidden(id, slot)))
  const total = [0, 1, 2].map((phase) =>
    Float32Array.from({ length: slots }, (_, slot) =>
      customers.reduce((sum, one, at) => sum + (one.phase === 'ABC'[phase] ? (flows[at]?.[slot] ?? 0) : 0), 0),
    ),
  )
  const lost = new Float64Array(slots)
  const volts = customers.map(({ phase, service, main }, at) =>
    Float32Array.from({ length: slots }, (_, slot) => {
      const own = flows[at]?.[slot] ?? 0
      // Wires shared with another customer carry his current too: up to the nearer of the two.
      const shares = customers.reduce(
        (sum, other, index) => sum + (other.phase === phase ? Math.min(main, other.main) * (flows[index]?.[slot] ?? 0) : 0),
        0,
      )
      const drop = service * own + shares
      lost[slot] = (lost[slot] ?? 0) + (own * drop) / 4000
      return (busbar['ABC'.indexOf(phase)]?.[slot] ?? 0) - drop + 0.05 * gauss(roll)
    }),
  )
  const meters = customers.map(({ id, phase }, at) => {
    const seen = Float32Array.from(loads[at] ?? [], (ampere, slot) => ampere * counted(id, slot))
    const p = Float32Array.from(seen, (ampere, slot) => (ampere * (volts[at]?.[slot] ?? 0)) / 1000)
    const told = Object.hasOwn(ledger, id) ? (ledger[id] ?? null) : phase
    return columns({ id, area, phase: told, type: '1P' }, slots, [volts[at] ?? null, null, null], [seen, null, null], p)
  })
  const supplied = Float64Array.from({ length: slots }, (_, slot) =>
    [0, 1, 2].reduce((sum, phase) => sum + ((busbar[phase]?.[slot] ?? 0) * (total[phase]?.[slot] ?? 0)) / 4000, 0),
  )
  const gateway = columns(
    { id: `${area}-G`, area, phase: 'ABC', type: '3P-CT' },
    slots,
    busbar,
    total,
    Float32Array.from(supplied, (kwh) => kwh * 4),
  )
  return {
    lost,
    supplied,
    frame: {
      fact: { id: area, name: area, zone: null, feeder: null, transformerKva: 200, nominalV: NOMINAL, network: null },
      stepMs: STEP,
      start: START,
      slots,
      days: Array.from({ length: days }, (_, day) => new Date(START + day * DAY * STEP).toISOString().slice(0, 10)),
      dayStarts: Int32Array.from({ length: days + 1 }, (_, day) => day * DAY),
      gateways: [gateway],
      meters,
      temperature: null,
      restDays: new Uint8Array(days),
      outages: [],
      events: [],
    },
  }
}

const columns = (
  fact: Pick<MeterFact, 'id' | 'area' | 'phase' | 'type'>,
  slots: number,
  u: readonly (Float32Array | null)[],
  i: readonly (Float32Array | null)[],
  p: Float32Array,
): MeterColumns => ({
  fact: {
    ...fact,
    meter: fact.id,
    multiplier: 1,
    contractKw: null,
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
  },
  imp: Float64Array.from(p, (kw) => kw / 4),
  exp: new Float64Array(slots),
  known: new Uint8Array(slots).fill(2),
  faceImp: new Float64Array(slots + 1),
  faceExp: new Float64Array(slots + 1),
  u,
  i,
  iN: null,
  p,
  pf: new Float32Array(slots).fill(1),
  rates: null,
})

/** The frame with one meter otherwise. */
export const withMeter = (frame: AreaFrame, id: string, change: (meter: MeterColumns) => MeterColumns): AreaFrame => ({
  ...frame,
  meters: frame.meters.map((meter) => (meter.fact.id === id ? change(meter) : meter)),
})

/** A meter whose clock is ahead by so many minutes: its values come with later times. */
export const shifted = (meter: MeterColumns, minutes: (slot: number) => number): MeterColumns => {
  const column = <T extends Float32Array | Float64Array>(of: T): T => {
    const out = of.slice() as T
    for (let slot = 0; slot < of.length; slot++) {
      const at = slot - minutes(slot) / 15
      const [low, part] = [Math.floor(at), at - Math.floor(at)]
      out[slot] = (1 - part) * (of[low] ?? Number.NaN) + (part > 0 ? part * (of[low + 1] ?? Number.NaN) : 0)
    }
    return out
  }
  const each = (of: readonly (Float32Array | null)[]) => of.map((one) => (one ? column(one) : null))
  return { ...meter, imp: column(meter.imp), u: each(meter.u), i: each(meter.i), p: meter.p ? column(meter.p) : null }
}

export const viewOf = (frame: AreaFrame, over: Partial<AreaView> = {}): AreaView => ({
  frame,
  neighbours: [],
  comm: null,
  thresholds: NO_LAYERS,
  standing: [],
  phases: {},
  technical: null,
  doubts: [],
  found: [],
  ...over,
})
