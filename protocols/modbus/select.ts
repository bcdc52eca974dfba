import { fullObis, type Obis, ok, type PlannedValue, type Raw, type Result, type Selection } from '../../src/core/index.ts'
import type { ByteOrder } from './data.ts'
import { fail, type ModbusError } from './errors.ts'
import type { PlanItem } from './planner.ts'
import { absentRaws, exponentOf, type ModbusProfile, type ModbusRegister, orderOf } from './profile.ts'

/** A register line made ready for planning and decoding. */
export interface ValueItem extends PlanItem {
  readonly register: ModbusRegister
  readonly obis: Obis
  readonly order: ByteOrder
  readonly exponent: number
  /** The plan's scaler: null when each value brings its own. */
  readonly scaler: number | null
  readonly absentRaws: readonly Raw[]
}

/** @param index  position of the value in its plan */
export const itemOf = (profile: ModbusProfile, register: ModbusRegister, index: number): ValueItem => {
  const { address, length, scaleFactor, type, group } = register
  const floats = type === 'f32' || type === 'f64'
  return {
    index,
    function: register.function,
    start: Math.min(address, scaleFactor ?? address),
    end: Math.max(address + length, (scaleFactor ?? 0) + 1),
    ...(group === undefined ? {} : { group }),
    register,
    obis: register.obis ?? '',
    order: orderOf(register),
    exponent: exponentOf(register),
    scaler: floats || scaleFactor !== undefined ? null : exponentOf(register),
    absentRaws: absentRaws(profile, register),
  }
}

export const plannedValue = ({ obis, scaler, register }: ValueItem): PlannedValue => ({
  obis,
  unit: register.unit,
  scaler,
  ratio: register.ratio ?? 'none',
})

const VALUE_KINDS: ReadonlySet<string> = new Set(['cumulative', 'demand', 'instantaneous'])

/**
 * The registers a selection asks for: one for each OBIS code, alternatives left out.
 *
 * @errors MODBUS_PLAN
 */
export const selectItems = (profile: ModbusProfile, selection: Selection): Result<readonly ValueItem[], ModbusError> => {
  if (selection.kind !== 'current')
    return fail('MODBUS_PLAN', `profile ${profile.id} has no ${selection.kind}`, { profile: profile.id, kind: selection.kind })
  const wanted = selection.obis ? new Set(selection.obis.map((code) => fullObis(code) ?? code)) : null
  const taken = new Set<string>()
  const items: ValueItem[] = []
  for (const register of profile.registers) {
    const { obis, kind, type, alternative } = register
    if (obis === null || !VALUE_KINDS.has(kind) || type === 'string' || alternative !== undefined) continue
    if ((wanted && !wanted.has(obis)) || taken.has(obis)) continue
    taken.add(obis)
    items.push(itemOf(profile, register, items.length))
  }
  if (items.length > 0) return ok(items)
  const asked = selection.obis ? selection.obis.join(', ') : 'anything'
  return fail('MODBUS_PLAN', `profile ${profile.id} has no register for ${asked}`, { profile: profile.id })
}
