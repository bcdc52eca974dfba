import { decimalNumber } from '../../src/core/decimal.ts'
import { bytesOf, hexOf } from '../../src/core/hex.ts'
import type { Variant } from './frame.ts'
import { itemOf } from './items.ts'
import { type Dlt645Profile, fieldOf, placeIn, type RegisterLine, readValue, variantOfProfile } from './profile.ts'

/** A register line that does not hold against the tables of the standard or its own sample. */
export interface VerifyDifference {
  readonly register: string
  readonly expected: string | number | boolean | null
  readonly got: string | number | boolean | null
}

/** Units of the tables by the name under which values are stored. */
const STORED_UNITS: Readonly<Record<string, string>> = { yuan: 'CNY' }

const againstTables = (variant: Variant, line: RegisterLine, name: string): VerifyDifference[] => {
  const item = itemOf(variant, line.di.replace('nn', '01'))
  const format = placeIn(item, line.index ?? 0).part?.format
  if (!item.known || line.bytes !== undefined || format?.kind !== 'number') return []
  const unit = STORED_UNITS[format.unit ?? ''] ?? format.unit ?? ''
  const pairs = [
    ['scaler', format.scaler, line.scaler],
    ['unit', unit, line.unit],
    ['signed', format.signed, line.signed ?? format.signed],
  ] as const
  return pairs.flatMap(([what, expected, got]) => (expected === got ? [] : [{ register: `${name} ${what}`, expected, got }]))
}

const againstSample = (variant: Variant, line: RegisterLine, name: string): VerifyDifference[] => {
  const field = fieldOf(variant, line)
  if (!field.ok) return [{ register: name, expected: 'a line that can be read', got: field.error.message }]
  const { bytes: size } = field.value
  const bytes = bytesOf(line.sample.hex)
  if (bytes === null || bytes.length !== size)
    return [{ register: `${name} sample`, expected: `${size} bytes`, got: bytes ? hexOf(bytes) : line.sample.hex }]
  const raw = readValue({ ...field.value, offset: 0 }, bytes)
  const got = Number.isNaN(raw) ? null : decimalNumber(raw, line.scaler)
  return got === line.sample.value ? [] : [{ register: name, expected: line.sample.value, got }]
}

/**
 * Every line of a profile against the tables of the standard and its own sample, the way the poll path reads it.
 *
 * @returns  the lines that differ; none = the profile holds
 */
export const verifyProfile = (profile: Dlt645Profile): readonly VerifyDifference[] => {
  const { registers, dayFreeze, monthFreeze, curve } = profile
  const variant = variantOfProfile(profile)
  const lines = [...registers, ...(dayFreeze?.registers ?? []), ...(monthFreeze?.registers ?? []), ...(curve?.registers ?? [])]
  const twice = registers.filter(({ obis }, at) => registers.findIndex((other) => other.obis === obis) !== at)
  return [
    ...twice.map(({ obis }) => ({ register: obis, expected: 'one line', got: 'two lines' })),
    ...lines.flatMap((line) => {
      const name = `${line.di} ${line.obis}`
      return [...againstTables(variant, line, name), ...againstSample(variant, line, name)]
    }),
  ]
}
