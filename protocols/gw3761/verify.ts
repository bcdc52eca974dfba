import type { ReadKind } from '../../src/core/adapter.ts'
import { decimalNumber } from '../../src/core/decimal.ts'
import { bytesOf, hexOf } from '../../src/core/hex.ts'
import { readNumber } from './formats.ts'
import type { NumberField } from './layout.ts'
import { columnOf, densityOf, fieldsOfLine, type Gw3761Profile, linesOf, type RegisterLine } from './profile.ts'

/** A register line that does not hold against the tables or its own sample. */
export interface VerifyDifference {
  readonly register: string
  readonly expected: string | number | boolean | null
  readonly got: string | number | boolean | null
}

const KINDS: readonly ReadKind[] = ['current', 'day-freeze', 'month-freeze', 'curve']

/** Unit and scaler of a number as the house stores it: percents with one decimal are thousandths. */
const storedAs = ({ unit, format }: NumberField): { readonly unit: string; readonly scaler: number } =>
  unit === '%' ? { unit: '', scaler: format.scaler - 2 } : { unit, scaler: format.scaler }

const againstTables = (field: NumberField, line: RegisterLine, name: string): VerifyDifference[] => {
  const { unit, scaler } = storedAs(field)
  const isPercent = field.unit === '%' && line.unit === '%'
  const pairs = [
    ['scaler', isPercent ? field.format.scaler : scaler, line.scaler],
    ['unit', isPercent ? '%' : unit, line.unit],
  ] as const
  return pairs.flatMap(([what, expected, got]) => (expected === got ? [] : [{ register: `${name} ${what}`, expected, got }]))
}

const againstSample = (field: NumberField, line: RegisterLine, name: string): VerifyDifference[] => {
  const bytes = bytesOf(line.sample.hex)
  const { size } = field.format
  if (bytes === null || bytes.length !== size)
    return [{ register: `${name} sample`, expected: `${size} bytes`, got: bytes ? hexOf(bytes) : line.sample.hex }]
  const raw = readNumber(bytes, 0, field.format)
  const got = Number.isNaN(raw) ? null : decimalNumber(raw, line.scaler)
  return got === line.sample.value ? [] : [{ register: name, expected: line.sample.value, got }]
}

const verifyLine = (kind: ReadKind, line: RegisterLine): VerifyDifference[] => {
  const name = `${line.fn} ${line.obis}`
  const column = columnOf(kind, line)
  if (!column.ok) return [{ register: name, expected: 'a line that can be read', got: column.error.message }]
  const field = fieldsOfLine(column.value.row.bodies ?? [], line).find((one) => one !== null)
  return field ? [...againstTables(field, line, name), ...againstSample(field, line, name)] : []
}

/**
 * Every line of a profile against the tables and its own sample, the way the poll path reads it.
 *
 * @returns  the lines that differ; none = the profile holds
 */
export const verifyProfile = (profile: Gw3761Profile): readonly VerifyDifference[] => {
  const differences = KINDS.flatMap((kind) => {
    const lines = linesOf(profile, kind)
    const twice = lines.filter(({ obis }, at) => lines.findIndex((other) => other.obis === obis) !== at)
    return [
      ...twice.map(({ obis }) => ({ register: `${kind} ${obis}`, expected: 'one line', got: 'two lines' })),
      ...lines.flatMap((line) => verifyLine(kind, line)),
    ]
  })
  const density = profile.curve ? densityOf(profile) : null
  return density && !density.ok
    ? [...differences, { register: 'curve', expected: '1, 5, 15, 30 or 60 minutes', got: density.error.message }]
    : differences
}
