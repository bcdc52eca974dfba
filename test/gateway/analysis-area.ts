import type { AreaDay, MeterDay, MeterFact } from '../../src/anomaly/index.ts'
import { type Reading, seriesOf, shapeOf } from '../../src/core/index.ts'
import type { Patch } from '../../src/ledger/index.ts'

export const DAY = 86_400_000
export const STEP = 900_000
/** Local midnight of 2026-03-02, a Monday, in Shanghai. */
export const START = Date.parse('2026-03-02T00:00:00+08:00')
export const ZONE = 'Asia/Shanghai'
export const PROFILE = 'dlt645-2007/single-phase'
const GATE_PROFILE = 'dlt645-2007/three-phase'
const GATE_CT = 20
export const METERS = 12
export const dayName = (day: number) => new Date(START + day * DAY + DAY / 2).toISOString().slice(0, 10)

export interface AreaOptions {
  readonly area?: string
  /** From that day on one meter records only so much of what flows. */
  readonly theft?: { readonly meter: number; readonly day: number; readonly share: number }
  readonly days: number
  /** Everybody uses so many times as much. */
  readonly times?: number
}

/** The same for the same numbers: noise that a test can repeat. */
const noise = (a: number, b: number, c: number): number => {
  let x = (a * 374_761_393 + b * 668_265_263 + c * 2_147_483_647) | 0
  x = Math.imul(x ^ (x >>> 13), 1_274_126_177)
  return ((x ^ (x >>> 16)) >>> 0) / 2 ** 32
}
const round = (value: number, decimals: number) => Math.round(value * 10 ** decimals) / 10 ** decimals

const register = shapeOf([{ field: '1.8.0', obis: '1-0:1.8.0', unit: 'kWh', scaler: -2 }])
const single = shapeOf([
  { field: '32.7.0', obis: '1-0:32.7.0', unit: 'V', scaler: -1 },
  { field: '31.7.0', obis: '1-0:31.7.0', unit: 'A', scaler: -2 },
  { field: '91.7.0', obis: '1-0:91.7.0', unit: 'A', scaler: -2 },
  { field: '16.7.0', obis: '1-0:16.7.0', unit: 'kW', scaler: -3 },
])
const three = shapeOf([
  ...['32.7.0', '52.7.0', '72.7.0'].map((field) => ({ field, obis: `1-0:${field}`, unit: 'V' as const, scaler: -1 })),
  ...['31.7.0', '51.7.0', '71.7.0'].map((field) => ({ field, obis: `1-0:${field}`, unit: 'A' as const, scaler: -2 })),
  { field: '16.7.0', obis: '1-0:16.7.0', unit: 'kW', scaler: -2 },
])

interface Slot {
  readonly faces: readonly number[]
  readonly gate: number
  readonly u: readonly number[]
  readonly gateU: readonly number[]
  readonly gateI: readonly number[]
  readonly i: readonly number[]
  readonly p: readonly number[]
  readonly gateP: number
}

/** An area of a dozen single-phase customers behind one gateway meter: loads, voltages, and what each meter shows at the end of each quarter hour. */
export const syntheticArea = ({ area = 'A-1', theft, days, times = 1 }: AreaOptions) => {
  const slots: Slot[] = []
  const faces = Array.from({ length: METERS }, (_, meter) => 1000 + meter * 100)
  let gate = 5000
  slots.push({
    faces: [...faces],
    gate,
    u: faces.map(() => 230),
    gateU: [230, 230, 230],
    gateI: [0, 0, 0],
    i: faces.map(() => 0),
    p: faces.map(() => 0),
    gateP: 0,
  })
  for (let slot = 0; slot < days * 96; slot++) {
    const hour = (slot % 96) / 4
    const evening = Math.exp(-((hour - 19.5) ** 2) / 6)
    const gateU = [0, 1, 2].map((phase) => 231 - 2 * evening + 2 * (noise(slot, phase, 1) - 0.5))
    const kw = faces.map(
      (_, meter) =>
        times *
        (0.15 +
          0.1 * noise(slot >> 2, meter, 2) +
          evening * (0.4 + 0.8 * noise(slot >> 2, meter, 3)) +
          (noise(slot, meter, 4) < 0.03 ? 1.5 : 0)),
    )
    const whole = kw.reduce((sum, each) => sum + each, 0)
    const lost = 0.004 * whole * whole
    const isStolen = (meter: number) => theft !== undefined && meter === theft.meter && slot >= theft.day * 96
    const shown = kw.map((each, meter) => (isStolen(meter) ? each * (theft?.share ?? 1) : each))
    for (const [meter, each] of shown.entries()) faces[meter] = (faces[meter] ?? 0) + each / 4
    gate += (whole + lost) / 4 / GATE_CT
    const i = kw.map((each, meter) => (each * 1000) / (gateU[meter % 3] ?? 230))
    slots.push({
      ...{
        faces: faces.map((face) => round(face, 2)),
        gate: round(gate, 2),
        gateU: gateU.map((each) => round(each, 1)),
        gateI: [0, 1, 2].map((phase) =>
          round(
            i.reduce((sum, amps, meter) => sum + (meter % 3 === phase ? amps : 0), 0),
            2,
          ),
        ),
        gateP: round(whole + lost, 2),
      },
      u: i.map((amps, meter) => round((gateU[meter % 3] ?? 230) - 0.12 * amps + 0.1 * (noise(slot, meter, 6) - 0.5), 1)),
      i: i.map((amps, meter) => round(isStolen(meter) ? amps * (theft?.share ?? 1) : amps, 2)),
      p: shown.map((each) => round(each, 3)),
    })
  }
  const point = (meter: number) => `${area}-P${String(meter).padStart(2, '0')}`
  const gatePoint = `${area}-G`
  const patches: Patch[] = [
    { kind: 'area', id: area, from: null, set: { name: area, capacityKva: '100', nominalV: '230' } },
    { kind: 'point', id: gatePoint, from: null, set: { area, role: 'area-supply', phase: 'L123', ct: String(GATE_CT) } },
    {
      kind: 'meter',
      id: `${gatePoint}-M`,
      from: null,
      set: { point: gatePoint, line: `${area}-bus`, address: '1'.padStart(12, '0'), profile: GATE_PROFILE },
    },
    ...faces.flatMap((_, meter): Patch[] => [
      { kind: 'point', id: point(meter), from: null, set: { area, phase: ['L1', 'L2', 'L3'][meter % 3] ?? '', contractKva: '8' } },
      {
        ...{ kind: 'meter', id: `${point(meter)}-M`, from: null },
        set: { point: point(meter), line: `${area}-bus`, address: String(meter + 2).padStart(12, '0'), profile: PROFILE },
      },
    ]),
  ]
  const row = (id: string, shape: Reading['shape'], raws: readonly number[], at: number, ratio = '1'): Reading => ({
    series: seriesOf(shape === register ? 'register' : 'instant', { meter: `${id}-M`, point: id, area, source: 'curve' }),
    ...{ shape, raws, scalers: null, absent: null, ratio, measuredAt: at, receivedAt: at + 1000, quality: 0 },
  })
  /** What the meters showed at the end of a slot; slot -1: at the start. */
  const rowsAt = (slot: number): readonly Reading[] => {
    const one = slots[slot + 1]
    if (!one) return []
    const at = START + (slot + 1) * STEP
    return [
      row(gatePoint, register, [Math.round(one.gate * 100)], at, String(GATE_CT)),
      row(
        gatePoint,
        three,
        [
          ...one.gateU.map((each) => Math.round(each * 10)),
          ...one.gateI.map((each) => Math.round(each * 100)),
          Math.round(one.gateP * 100),
        ],
        at,
      ),
      ...one.faces.flatMap((face, meter) => {
        const amps = Math.round((one.i[meter] ?? 0) * 100)
        return [
          row(point(meter), register, [Math.round(face * 100)], at),
          row(point(meter), single, [Math.round((one.u[meter] ?? 0) * 10), amps, amps, Math.round((one.p[meter] ?? 0) * 1000)], at),
        ]
      }),
    ]
  }
  return {
    area,
    patches,
    point,
    gatePoint,
    /** Rows of a day, its last midnight included. */
    rows: (day: number): readonly Reading[] =>
      Array.from({ length: 96 + (day === 0 ? 1 : 0) }, (_, at) => rowsAt(day * 96 + at - (day === 0 ? 1 : 0))).flat(),
    /** The day as whoever reads the same registers from a file has it. */
    offline: (day: number, factOf: (id: string) => MeterFact, like: Pick<AreaDay, 'fact' | 'isRest'>): AreaDay => {
      const these = slots.slice(day * 96, day * 96 + 97)
      const of = (
        id: string,
        multiplier: number,
        face: (slot: Slot) => number,
        columns: Pick<MeterDay, 'u' | 'i' | 'iN' | 'p'>,
      ): MeterDay => {
        const imp = Float64Array.from({ length: 96 }, (_, at) => {
          const [a, b] = [these[at], these[at + 1]]
          return a && b ? (Math.round((face(b) - face(a)) * 100) / 100) * multiplier : Number.NaN
        })
        const none = () => new Float64Array(96).fill(Number.NaN)
        return {
          ...{ fact: factOf(id), imp, exp: none(), known: new Uint8Array(96).fill(2), faceExp: none(), pf: null, rates: null, ...columns },
          faceImp: Float64Array.from(these.slice(1), face),
        }
      }
      const column = (value: (slot: Slot) => number) => Float32Array.from(these.slice(1), value)
      return {
        ...{ ...like, day: dayName(day), start: START + day * DAY, slots: 96, temperature: null, outages: [], events: [] },
        gateways: [
          of(gatePoint, GATE_CT, ({ gate: face }) => face, {
            u: [0, 1, 2].map((phase) => column((slot) => slot.gateU[phase] ?? 0)),
            i: [0, 1, 2].map((phase) => column((slot) => slot.gateI[phase] ?? 0)),
            ...{ iN: null, p: column((slot) => slot.gateP) },
          }),
        ],
        meters: faces.map((_, meter) =>
          of(point(meter), 1, (slot) => slot.faces[meter] ?? 0, {
            u: [column((slot) => slot.u[meter] ?? 0), null, null],
            i: [column((slot) => slot.i[meter] ?? 0), null, null],
            ...{ iN: column((slot) => slot.i[meter] ?? 0), p: column((slot) => slot.p[meter] ?? 0) },
          }),
        ),
      }
    },
  }
}
