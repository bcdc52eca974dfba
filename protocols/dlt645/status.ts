/** Meaning of one bit or bit field of a status word (电表运行状态字). */
interface Flag {
  readonly name: string
  readonly shift: number
  readonly mask: number
  /** Names of the values; absent = true or false. */
  readonly values?: readonly string[]
}

const bit = (shift: number, name: string, values?: readonly string[]): Flag => ({ name, shift, mask: 1, ...(values && { values }) })
const PHASE_FLAGS = [
  'loss_of_voltage',
  'undervoltage',
  'overvoltage',
  'loss_of_current',
  'overcurrent',
  'overload',
  'power_reversed',
  'phase_failure',
  'current_interrupted',
].map((name, shift) => bit(shift, name))
const RELAY = ['closed', 'open'] as const

/** Flags of words 1 to 7. @source DL/T 645-2007, status words; from one source, word 3 confirmed by captures; the order of bits 8 to 15 of word 1 differs between sources and is left as a number */
const WORDS: Readonly<Record<number, readonly Flag[]>> = {
  1: [
    bit(1, 'demand_mode', ['sliding', 'interval']),
    bit(2, 'clock_battery_low'),
    bit(3, 'reading_battery_low'),
    bit(4, 'active_power_reversed'),
    bit(5, 'reactive_power_reversed'),
    { name: 'internal_fault_bits', shift: 8, mask: 0xff, values: [] },
  ],
  2: [
    bit(0, 'active_power_A_reversed'),
    bit(1, 'active_power_B_reversed'),
    bit(2, 'active_power_C_reversed'),
    bit(4, 'reactive_power_A_reversed'),
    bit(5, 'reactive_power_B_reversed'),
    bit(6, 'reactive_power_C_reversed'),
  ],
  3: [
    bit(0, 'period_set', ['first', 'second']),
    { name: 'supply', shift: 1, mask: 3, values: ['main', 'auxiliary', 'battery'] },
    bit(3, 'programming_allowed'),
    bit(4, 'relay_state', RELAY),
    bit(5, 'time_zone_set', ['first', 'second']),
    bit(6, 'relay_command', RELAY),
    bit(7, 'pre_trip_alarm'),
    { name: 'prepaid_type', shift: 8, mask: 3, values: ['none', 'quantity', 'money'] },
    bit(10, 'tariff_set', ['first', 'second']),
    bit(11, 'step_price_set', ['first', 'second']),
  ],
  4: PHASE_FLAGS,
  5: PHASE_FLAGS,
  6: PHASE_FLAGS,
  7: [
    bit(0, 'voltage_reverse_sequence'),
    bit(1, 'current_reverse_sequence'),
    bit(2, 'voltage_unbalance'),
    bit(3, 'current_unbalance'),
    bit(4, 'auxiliary_supply_lost'),
    bit(5, 'power_lost'),
    bit(6, 'demand_exceeded'),
    bit(7, 'power_factor_low'),
    bit(8, 'current_heavily_unbalanced'),
  ],
}

/** Flags of a status word by name: true or false for single bits, words for relays, supplies and sets. */
export const statusFlags = (word: number, value: number): Record<string, boolean | string | number> => {
  const flags: Record<string, boolean | string | number> = {}
  for (const { name, shift, mask, values } of WORDS[word] ?? []) {
    const bits = (value >> shift) & mask
    flags[name] = values === undefined ? bits === 1 : (values[bits] ?? bits)
  }
  return flags
}
