import type { RatioKind } from '../../src/core/adapter.ts'
import { type Format, hex, type Item, item, part } from './item.ts'

/** One value of a load-record group. */
export interface LoadField {
  readonly label: string
  readonly format: Extract<Format, { kind: 'number' }>
  readonly obis: string
  readonly ratio: RatioKind
}

const number = (bytes: number, scaler: number, unit: string, signed = false): LoadField['format'] => ({
  kind: 'number',
  bytes,
  scaler,
  signed,
  unit,
})
const field = (label: string, obis: string, ratio: RatioKind, format: LoadField['format']): LoadField => ({
  label,
  format,
  obis: `1-0:${obis}`,
  ratio,
})
const VOLT = number(2, -1, 'V')
const AMPERE = number(3, -3, 'A', true)
const KW = number(3, -4, 'kW', true)
const KVAR = number(3, -4, 'kvar', true)
const FACTOR = number(2, -3, '', true)
const KWH = number(4, -2, 'kWh')
const phased = (name: string, first: number, c: number, ratio: RatioKind, format: LoadField['format']): LoadField[] =>
  [0, 1, 2, 3].slice(first).map((p) => field(`${name} ${['total', 'A', 'B', 'C'][p]}`, `${c + 20 * p}.7.0`, ratio, format))
const VOLTAGES = phased('voltage', 1, 12, 'pt', VOLT)
const CURRENTS = phased('current', 1, 11, 'ct', AMPERE)
const ACTIVE = phased('active power', 0, 16, 'ctpt', KW)
const REACTIVE = phased('reactive power', 0, 131, 'ctpt', KVAR)
const FACTORS = phased('power factor', 0, 13, 'none', FACTOR)
const ENERGIES = [
  field('forward active energy', '1.8.0', 'ctpt', KWH),
  field('reverse active energy', '2.8.0', 'ctpt', KWH),
  field('combined reactive 1 energy', '3.8.0', 'ctpt', number(4, -2, 'kvarh', true)),
  field('combined reactive 2 energy', '4.8.0', 'ctpt', number(4, -2, 'kvarh', true)),
]
const QUADRANTS = ['I', 'II', 'III', 'IV'].map((q, at) =>
  field(`reactive quadrant ${q} energy`, `${5 + at}.8.0`, 'ctpt', number(4, -2, 'kvarh')),
)
const DEMANDS = [field('present active demand', '1.4.0', 'ctpt', KW), field('present reactive demand', '3.4.0', 'ctpt', KVAR)]

/** The six classes of the load record (负荷记录), in the order of the record. @source DL/T 645-2007, load record; sizes from public test benches */
export const LOAD_CLASSES: readonly { readonly name: string; readonly zh: string; readonly fields: readonly LoadField[] }[] = [
  {
    name: 'voltage, current, frequency',
    zh: '电压、电流、频率',
    fields: [...VOLTAGES, ...CURRENTS, field('grid frequency', '14.7.0', 'none', number(2, -2, 'Hz'))],
  },
  { name: 'active and reactive power', zh: '有功、无功功率', fields: [...ACTIVE, ...REACTIVE] },
  { name: 'power factor', zh: '功率因数', fields: FACTORS },
  { name: 'active and reactive energy', zh: '有功、无功总电能', fields: ENERGIES },
  { name: 'quadrant energy', zh: '四象限无功总电能', fields: QUADRANTS },
  { name: 'present demand', zh: '当前需量', fields: DEMANDS },
]

/** Curve items by DI1 of 0610xxyy: name, first DI0, fields from there on. @source State Grid extension; public test bench source for the sizes */
const CURVES: Readonly<Record<number, { name: string; zh: string; first: number; phases: boolean; fields: readonly LoadField[] }>> = {
  1: { name: 'voltage curve', zh: '电压曲线', first: 1, phases: true, fields: VOLTAGES },
  2: { name: 'current curve', zh: '电流曲线', first: 1, phases: true, fields: CURRENTS },
  3: { name: 'active power curve', zh: '有功功率曲线', first: 0, phases: true, fields: ACTIVE },
  4: { name: 'reactive power curve', zh: '无功功率曲线', first: 0, phases: true, fields: REACTIVE },
  5: { name: 'power factor curve', zh: '功率因数曲线', first: 0, phases: true, fields: FACTORS },
  6: { name: 'energy curve', zh: '电能曲线', first: 1, phases: false, fields: ENERGIES },
  7: { name: 'reactive energy curve', zh: '四象限无功电能曲线', first: 1, phases: false, fields: QUADRANTS },
  8: { name: 'demand curve', zh: '需量曲线', first: 1, phases: false, fields: DEMANDS },
}

const PHASES = ['total', 'A', 'B', 'C'] as const
const WHICH = ['earliest', 'at a given time', 'latest'] as const

/** Fields of a curve item, in the order of the wire; null for other identifiers. */
export const curveFields = (di: string): readonly LoadField[] | null => {
  if (!di.startsWith('0610')) return null
  const curve = CURVES[Number.parseInt(di.slice(4, 6), 16)]
  const b0 = Number.parseInt(di.slice(6, 8), 16)
  if (!curve) return null
  if (b0 === 0xff) return curve.fields
  const one = curve.fields[b0 - curve.first]
  return one ? [one] : null
}

/** Load record and curve items, DI3 = 06. */
export const loadItem = (di: string, b2: number, b1: number, b0: number): Item | null => {
  if (b2 <= 6 && b1 === 0 && b0 <= 2) {
    const kind = b2 === 0 ? null : LOAD_CLASSES[b2 - 1]!
    return item('2007', di, `load record, ${kind?.name ?? 'all classes'}, ${WHICH[b0]}`, `${kind?.zh ?? '全部'}负荷记录`, hex(0), {
      layout: 'load-record',
    })
  }
  const fields = b2 === 0x10 ? curveFields(di) : null
  const curve = CURVES[b1]
  if (!fields || !curve) return null
  const parts = fields.map(({ label, format }) => part(label, format))
  const more = { layout: 'curve', ratio: fields[0]!.ratio } as const
  if (b0 === 0xff)
    return item('2007', di, `${curve.name}, block`, `${curve.zh}数据块`, parts, { ...more, phase: curve.phases ? 'block' : null })
  const phase = curve.phases ? PHASES[b0]! : null
  const name = phase === null ? `${fields[0]!.label} curve` : `${curve.name}, ${phase === 'total' ? 'total' : `phase ${phase}`}`
  return item('2007', di, name, curve.zh, parts, { ...more, phase, obis: fields[0]!.obis })
}
