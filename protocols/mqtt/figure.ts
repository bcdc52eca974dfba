import { compare, type Decimal } from '../../src/core/decimal.ts'
import type { Obis } from '../../src/core/obis.ts'
import type { GatewayError } from '../../src/core/result.ts'
import { canonicalUnit } from '../../src/core/unit.ts'
import type { Absent, Reading } from './compiled.ts'
import { allHold } from './condition.ts'
import { errorOf } from './errors.ts'
import { type Json, JsonNumber } from './json.ts'
import { decimalOf } from './number.ts'
import { textOf } from './path.ts'
import { unitFits } from './quantity.ts'
import type { Scope } from './scope.ts'

/** A scalar of a message read as a number with its unit. */
export interface Figure {
  /** As it was written, digit for digit. */
  readonly text: string
  readonly value: Decimal
  /** Null: nobody says. */
  readonly unit: string | null
}

/**
 * Reads a scalar the way a mapping says.
 *
 * @param obis   what it measures, null when nobody says
 * @param units  units as the sender writes them, and as the house does
 * @errors       MQTT_NULL, MQTT_NOT_NUMBER, MQTT_NUMBER_RANGE, MQTT_FILLER, MQTT_BAD_QUALITY, MQTT_UNIT
 */
export const figureOf = (
  found: Json,
  reading: Reading,
  obis: Obis | null,
  units: ReadonlyMap<string, string>,
  scope: Scope,
): Figure | GatewayError => {
  if (found === null) return errorOf('MQTT_NULL', 'is null')
  const written = textOf(found)
  if (written === null) return errorOf('MQTT_NOT_NUMBER', 'is a list or an object')
  const isNumber = found instanceof JsonNumber
  if (reading.absent.texts.has(written) || (!isNumber && written.trim() === '')) return filler(written)
  if (typeof found === 'boolean') return errorOf('MQTT_NOT_NUMBER', `is ${written}`)
  if (reading.when.length > 0 && !allHold(reading.when, scope))
    return errorOf('MQTT_BAD_QUALITY', `${reading.when.map((one) => one.text).join(' and ')} does not hold`)
  const text = isNumber ? written : digitsOf(written, reading)
  const value = text === null ? null : decimalOf(text)
  if (text === null || value === null) {
    const code = text !== null && /^[+-]?[\d.]+([eE][+-]?\d+)?$/.test(text.slice(0, 100)) ? 'MQTT_NUMBER_RANGE' : 'MQTT_NOT_NUMBER'
    return errorOf(code, `is ${JSON.stringify(written.slice(0, 40))}`)
  }
  if (isFiller(value, reading.absent)) return filler(written)
  const unit = 'fixed' in reading.unit ? reading.unit.fixed : unitOf(reading.unit.operand.read(scope), obis, units)
  if (unit === null && obis !== null) return errorOf('MQTT_UNIT', 'the message says no unit')
  return unit === null || typeof unit === 'string' ? { text, value, unit } : unit
}

const filler = (text: string) => errorOf('MQTT_FILLER', `is ${JSON.stringify(text.slice(0, 40))}, which means no value`)

const isFiller = (value: Decimal, { numbers }: Absent): boolean => {
  for (const number of numbers) if (compare(number, value) === 0) return true
  return false
}

/** Digits of a text; null where a decimal comma was announced and a point stands there, which may part thousands. */
const digitsOf = (written: string, { suffix, comma }: Reading): string | null => {
  let text = written.trim()
  const unit = suffix.trim()
  if (unit !== '' && text.endsWith(unit)) text = text.slice(0, -unit.length).trim()
  if (!comma) return text
  return text.includes('.') ? null : text.replace(',', '.')
}

/** A unit that is not known, or none of what is measured, is no unit: the value would be a guess. */
const unitOf = (text: string | null, obis: Obis | null, units: ReadonlyMap<string, string>): string | null | GatewayError => {
  const written = text?.trim() ?? ''
  if (written === '') return null
  const known = units.get(written) ?? written
  if (!canonicalUnit(known)) return errorOf('MQTT_UNIT', `the unit ${JSON.stringify(written.slice(0, 20))} is not known`)
  return obis === null || unitFits(obis, known) ? known : errorOf('MQTT_UNIT', `the unit ${known} is none of ${obis}`)
}
