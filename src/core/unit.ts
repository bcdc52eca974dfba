/** The units in which values are stored, one for each quantity, whatever the meter prefers. */
export const UNITS = ['kWh', 'kvarh', 'kVAh', 'kW', 'kvar', 'kVA', 'V', 'A', 'Hz', 'deg', '%', '°C', 's', 'min', 'CNY', ''] as const
export type Unit = (typeof UNITS)[number]

const ALIASES: Readonly<Record<string, readonly [Unit, number]>> = {
  Wh: ['kWh', -3],
  MWh: ['kWh', 3],
  GWh: ['kWh', 6],
  varh: ['kvarh', -3],
  Mvarh: ['kvarh', 3],
  VAh: ['kVAh', -3],
  MVAh: ['kVAh', 3],
  W: ['kW', -3],
  MW: ['kW', 3],
  var: ['kvar', -3],
  Mvar: ['kvar', 3],
  VA: ['kVA', -3],
  MVA: ['kVA', 3],
  mV: ['V', -3],
  kV: ['V', 3],
  mA: ['A', -3],
  kA: ['A', 3],
  '°': ['deg', 0],
  ms: ['s', -3],
}

const KNOWN: ReadonlyMap<string, readonly [Unit, number]> = new Map([
  ...Object.entries(ALIASES),
  ...UNITS.map((unit) => [unit, [unit, 0]] as const),
])

/**
 * The stored unit of a meter's unit, and the power of ten between them: `Wh` is [`kWh`, -3].
 *
 * @returns  null for a unit the house does not know
 */
export const canonicalUnit = (unit: string): readonly [unit: Unit, shift: number] | null => KNOWN.get(unit) ?? null
