import { bits, type Layout, measured, num, PER_POINT, PER_TARIFF, part, tariffCount, time } from './layout.ts'

/** When the terminal read the meter (终端抄表时间): the time of the values, not when they were asked for. */
export const readingTime = time('time', 'time of reading (终端抄表时间)', 'A.15')

/** Registers of energy, total and by tariff. */
export const ENERGY = {
  activeImport: 'forward active energy (正向有功电能示值)',
  reactiveImport: 'forward reactive energy (正向无功/组合无功1电能示值)',
  activeExport: 'reverse active energy (反向有功电能示值)',
  reactiveExport: 'reverse reactive energy (反向无功/组合无功2电能示值)',
  q1: 'reactive energy, quadrant I (一象限无功电能示值)',
  q2: 'reactive energy, quadrant II (二象限无功电能示值)',
  q3: 'reactive energy, quadrant III (三象限无功电能示值)',
  q4: 'reactive energy, quadrant IV (四象限无功电能示值)',
} as const

/** Forward energies of F33 and of the freezes like it. @source two libraries and a captured frame */
export const forwardEnergies: Layout = [
  readingTime,
  tariffCount,
  num('active_kWh', ENERGY.activeImport, 'A.14', 'kWh', { times: PER_TARIFF }),
  num('reactive_kvarh', ENERGY.reactiveImport, 'A.11', 'kvarh', { times: PER_TARIFF }),
  num('reactive_q1_kvarh', ENERGY.q1, 'A.11', 'kvarh', { times: PER_TARIFF }),
  num('reactive_q4_kvarh', ENERGY.q4, 'A.11', 'kvarh', { times: PER_TARIFF }),
]
/** Reverse energies of F34 and of the freezes like it. */
export const reverseEnergies: Layout = [
  readingTime,
  tariffCount,
  num('reverse_active_kWh', ENERGY.activeExport, 'A.14', 'kWh', { times: PER_TARIFF }),
  num('reverse_reactive_kvarh', ENERGY.reactiveExport, 'A.11', 'kvarh', { times: PER_TARIFF }),
  num('reactive_q2_kvarh', ENERGY.q2, 'A.11', 'kvarh', { times: PER_TARIFF }),
  num('reactive_q3_kvarh', ENERGY.q3, 'A.11', 'kvarh', { times: PER_TARIFF }),
]

/** Maximum demands and their times, of one direction. */
const demands = (prefix: string, direction: string, zh: string): Layout => [
  readingTime,
  tariffCount,
  num(`${prefix}active_demand_kW`, `${direction} active maximum demand (${zh}有功最大需量)`, 'A.23', 'kW', { times: PER_TARIFF }),
  time(`${prefix}active_demand_times`, `time of ${direction} active maximum demand (发生时间)`, 'A.17', { times: PER_TARIFF }),
  num(`${prefix}reactive_demand_kvar`, `${direction} reactive maximum demand (${zh}无功最大需量)`, 'A.23', 'kvar', { times: PER_TARIFF }),
  time(`${prefix}reactive_demand_times`, `time of ${direction} reactive maximum demand (发生时间)`, 'A.17', { times: PER_TARIFF }),
]
export const forwardDemands: Layout = demands('', 'forward', '正向')
export const reverseDemands: Layout = demands('reverse_', 'reverse', '反向')

/** One register, total and by tariff, with the time of reading. */
export const activeRegister = (label: string): Layout => [
  readingTime,
  tariffCount,
  num('values', label, 'A.14', 'kWh', { times: PER_TARIFF }),
]
export const reactiveRegister = (label: string): Layout => [
  readingTime,
  tariffCount,
  num('values', label, 'A.11', 'kvarh', { times: PER_TARIFF }),
]

/** The eight registers F129 to F136, F161 to F168, F177 to F184 in their order. */
export const REGISTERS: readonly { readonly en: string; readonly zh: string; readonly layout: Layout }[] = [
  { en: 'forward active energy', zh: '正向有功电能示值', layout: activeRegister(ENERGY.activeImport) },
  { en: 'forward reactive energy', zh: '正向无功电能示值', layout: reactiveRegister(ENERGY.reactiveImport) },
  { en: 'reverse active energy', zh: '反向有功电能示值', layout: activeRegister(ENERGY.activeExport) },
  { en: 'reverse reactive energy', zh: '反向无功电能示值', layout: reactiveRegister(ENERGY.reactiveExport) },
  { en: 'reactive energy, quadrant I', zh: '一象限无功电能示值', layout: reactiveRegister(ENERGY.q1) },
  { en: 'reactive energy, quadrant II', zh: '二象限无功电能示值', layout: reactiveRegister(ENERGY.q2) },
  { en: 'reactive energy, quadrant III', zh: '三象限无功电能示值', layout: reactiveRegister(ENERGY.q3) },
  { en: 'reactive energy, quadrant IV', zh: '四象限无功电能示值', layout: reactiveRegister(ENERGY.q4) },
]

/** Four directions of energy amounts (电能量) and demands, in the order in which Fn follow each other. */
export const DIRECTIONS: readonly { readonly en: string; readonly zh: string; readonly isActive: boolean }[] = [
  { en: 'forward active', zh: '正向有功', isActive: true },
  { en: 'forward reactive', zh: '正向无功', isActive: false },
  { en: 'reverse active', zh: '反向有功', isActive: true },
  { en: 'reverse reactive', zh: '反向无功', isActive: false },
]

/** Energy of a day or month, total and by tariff. */
export const amounts = (en: string, zh: string, isActive: boolean): Layout => [
  tariffCount,
  num('values', `${en} energy of the period (${zh}电能量)`, 'A.13', isActive ? 'kWh' : 'kvarh', { times: PER_TARIFF }),
]

/** Points of a curve. */
export const curve = (label: string, format: Parameters<typeof num>[2], unit: string): Layout => [
  num('values', label, format, unit, { times: PER_POINT }),
]

export const PHASES = ['A', 'B', 'C'] as const
export const TOTAL_AND_PHASES = ['total', 'A', 'B', 'C'] as const

/** Word of an event: measuring point, and whether it begins or ends. */
export const pointWord = bits(
  'measuring point and edge (测量点号, 起止标志)',
  2,
  part('pn', 'measuring point', 0, 12),
  part('begin', 'edge', 15, 1, { words: { 0: 'ends', 1: 'begins' } }),
)

export const minutes = (name: string, label: string, each?: readonly string[]): ReturnType<typeof measured> =>
  measured(name, label, 2, 'min', each ? { each } : {})
