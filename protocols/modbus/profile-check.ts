import { canonicalUnit, type ObisParts, parseObis } from '../../src/core/index.ts'
import { TYPE_LENGTH } from './data.ts'
import type { ModbusProfile, ModbusRegister } from './profile.ts'

/** One thing wrong in a profile: JSON pointer and what is the matter. */
export interface ProfileProblem {
  readonly path: string
  readonly message: string
}

/**
 * What a profile's form cannot say: length against type, overlaps, hexadecimal against decimal, OBIS family against unit, one preferred
 * register per OBIS code, scale factors that exist, groups and values that fit into one request.
 *
 * @param profile  of the right form
 * @returns        all problems, in the order of the file
 */
export const checkProfile = (profile: ModbusProfile): readonly ProfileProblem[] => {
  const problems: ProfileProblem[] = []
  const owners = new Map<string, string>()
  const preferred = new Map<string, string>()
  for (const [at, register] of profile.registers.entries()) {
    const add = (member: string, message: string) =>
      problems.push({ path: `/registers/${at}/${member}`, message: `${register.addressHex} ${register.description}: ${message}` })
    checkForm(profile, register, add)
    if (register.obis !== null) checkObis(register, register.obis, preferred, add)
    for (let address = register.address; address < register.address + register.length; address++) {
      const cell = `${register.function}:${address}`
      const owner = owners.get(cell)
      // Bits share their register; nothing else does.
      if (owner !== undefined && register.type !== 'bit') add('address', `overlaps ${owner}`)
      owners.set(cell, register.addressHex)
    }
  }
  for (const [group, members] of groupsOf(profile)) {
    const span = Math.max(...members.map((r) => r.address + r.length)) - Math.min(...members.map((r) => r.address))
    const at = profile.registers.indexOf(members[0]!)
    if (new Set(members.map((r) => r.function)).size > 1)
      problems.push({ path: `/registers/${at}/group`, message: `group ${group} mixes functions: one request has one` })
    if (span > profile.maxRegistersPerRequest)
      problems.push({
        path: `/registers/${at}/group`,
        message: `group ${group} spans ${span} registers, a request ${profile.maxRegistersPerRequest}`,
      })
  }
  return problems
}

const groupsOf = (profile: ModbusProfile): Map<string, ModbusRegister[]> => {
  const groups = new Map<string, ModbusRegister[]>()
  for (const register of profile.registers)
    if (register.group !== undefined) groups.set(register.group, [...(groups.get(register.group) ?? []), register])
  return groups
}

type Add = (member: string, message: string) => void

const checkForm = (profile: ModbusProfile, register: ModbusRegister, add: Add): void => {
  const { address, length, type, scale } = register
  const hex = `0x${address.toString(16).toUpperCase().padStart(4, '0')}`
  if (register.addressHex !== hex) add('addressHex', `${register.addressHex} is not ${address} (${hex})`)
  if (type !== 'string' && TYPE_LENGTH[type] !== length) add('length', `${length} registers, ${type} takes ${TYPE_LENGTH[type]}`)
  if ((type === 'bit') !== (register.bit !== undefined)) add('bit', 'type bit names its bit, no other type does')
  if (address + length > 65536) add('address', 'runs beyond register 65535')
  if (length > profile.maxRegistersPerRequest)
    add('length', `${length} registers do not fit into a request of ${profile.maxRegistersPerRequest}`)
  if (!profile.functions.includes(register.function)) add('function', `the meter answers ${profile.functions.join(', ')} only`)
  if (Math.abs(Math.log10(scale) - Math.round(Math.log10(scale))) > 1e-9) add('scale', `${scale} is no power of ten`)
  if (canonicalUnit(register.unit) === null) add('unit', `unit ${JSON.stringify(register.unit)} is unknown`)
  for (const source of register.sources)
    if (!Object.hasOwn(profile.sources, source)) add('sources', `${source} is not among the profile's sources`)
  if (register.scaleFactor === undefined) return
  const target = profile.registers.find((other) => other.address === register.scaleFactor && other.function === register.function)
  if (target?.kind !== 'scaleFactor') add('scaleFactor', `no scale factor register at ${register.scaleFactor}`)
  else {
    const span = Math.max(address + length, target.address + 1) - Math.min(address, target.address)
    if (span > profile.maxRegistersPerRequest)
      add('scaleFactor', `value and scale factor are ${span} registers apart, a request has ${profile.maxRegistersPerRequest}`)
  }
}

const checkObis = (register: ModbusRegister, obis: string, preferred: Map<string, string>, add: Add): void => {
  const parts = /^\d+-\d+:/.test(obis) ? parseObis(obis) : null
  if (parts === null) {
    add('obis', `${obis} is no code of the form A-B:C.D.E with groups up to 255`)
    return
  }
  const wanted = familiesOf(parts)
  const family = familyOf(register.unit)
  if (wanted !== null && !wanted.includes(family))
    add('unit', `${register.unit || 'no unit'} (${family}) for ${obis}, expected ${wanted.join(' or ')}`)
  if ((parts.d === 8) !== (register.kind === 'cumulative'))
    add('kind', `${register.kind} for ${obis}: D = 8 is cumulative, nothing else is`)
  if (register.alternative !== undefined) return
  const first = preferred.get(obis)
  if (first !== undefined) add('obis', `${obis} is also at ${first}: mark one as alternative`)
  else preferred.set(obis, register.addressHex)
}

const FAMILY_OF_TAIL = [
  ['varh', 'reactive energy'],
  ['vah', 'apparent energy'],
  ['wh', 'active energy'],
  ['var', 'reactive power'],
  ['va', 'apparent power'],
  ['w', 'active power'],
] as const
const FAMILY_OF_UNIT: Readonly<Record<string, string>> = {
  v: 'voltage',
  a: 'current',
  hz: 'frequency',
  '': 'number',
  '%': 'percent',
  '°': 'angle',
  deg: 'angle',
}

const familyOf = (unit: string): string => {
  const text = unit.toLowerCase()
  const tail = FAMILY_OF_TAIL.find(([end]) => text.endsWith(end))
  return tail ? tail[1] : (FAMILY_OF_UNIT[text] ?? text)
}

const group = (codes: readonly number[], family: string) => codes.map((code) => [code, family] as const)
/** What a C group measures. @source IEC 62056-61, value group C; 131, 151, 171, 191 as Landis+Gyr uses them */
const QUANTITY = new Map<number, string>([
  ...group([1, 2, 15, 16, 21, 22, 35, 36, 41, 42, 55, 56, 61, 62, 75, 76], 'active'),
  ...group([3, 4, 5, 6, 7, 8, 23, 24, 43, 44, 63, 64, 131, 151, 171, 191], 'reactive'),
  ...group([9, 10, 29, 49, 69], 'apparent'),
])
const OTHER = new Map<number, readonly string[]>([
  ...[31, 51, 71, 90, 91].map((code) => [code, ['current']] as const),
  ...[32, 52, 72].map((code) => [code, ['voltage']] as const),
  ...[13, 33, 53, 73].map((code) => [code, ['number', 'percent']] as const),
  [14, ['frequency']],
  [81, ['angle']],
])

/** Families of unit a code may have; null where no rule is known. */
const familiesOf = ({ c, d, e }: ObisParts): readonly string[] | null => {
  const quantity = QUANTITY.get(c)
  if (d === 8) return quantity === undefined ? null : [`${quantity} energy`]
  if (e === 124) return ['percent']
  return quantity === undefined ? (OTHER.get(c) ?? null) : [`${quantity} power`]
}
