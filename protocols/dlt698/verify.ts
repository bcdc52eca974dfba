import { decimalNumber } from '../../src/core/decimal.ts'
import { bytesOf } from '../../src/core/hex.ts'
import { cursorOf } from './cursor.ts'
import { readDatum } from './data.ts'
import { plannedOf } from './obis.ts'
import { type Dlt698Profile, linesOf, plannedLine, type RegisterLine } from './profile.ts'
import { numberIn } from './reports.ts'

/** A register line that does not hold against the tables or its own sample. */
export interface VerifyDifference {
  readonly register: string
  readonly expected: string | number | boolean | null
  readonly got: string | number | boolean | null
}

const againstTables = (line: RegisterLine, name: string): VerifyDifference[] => {
  const made = plannedLine(line)
  if (!made.ok) return [{ register: name, expected: 'a line that can be read', got: made.error.message }]
  const known = plannedOf(line.oad, line.index ?? 0)
  if (!known) return []
  const pairs = [
    ['obis', known.obis, line.obis],
    ['scaler', known.scaler, line.scaler],
    ['unit', known.unit, line.unit],
  ] as const
  return pairs.flatMap(([what, expected, got]) => (expected === got ? [] : [{ register: `${name} ${what}`, expected, got }]))
}

const againstSample = (line: RegisterLine, name: string): VerifyDifference[] => {
  const bytes = bytesOf(line.sample.hex)
  const cursor = cursorOf(bytes ?? new Uint8Array(0))
  const datum = readDatum(cursor)
  if (cursor.error !== null || cursor.at !== cursor.end)
    return [{ register: `${name} sample`, expected: 'one datum with its tag', got: line.sample.hex }]
  const raw = numberIn(datum)
  const got = raw === null ? null : decimalNumber(raw, line.scaler)
  return got === line.sample.value ? [] : [{ register: name, expected: line.sample.value, got }]
}

/**
 * Every line of a profile against the tables of the protocol and its own sample.
 *
 * @returns  the lines that differ; none = the profile holds
 */
export const verifyProfile = (profile: Dlt698Profile): readonly VerifyDifference[] =>
  (['current', 'day-freeze', 'month-freeze', 'curve'] as const).flatMap((kind) => {
    const lines = linesOf(profile, kind)
    const twice = lines.filter(({ obis }, at) => lines.findIndex((other) => other.obis === obis) !== at)
    return [
      ...twice.map(({ obis }) => ({ register: `${kind} ${obis}`, expected: 'one line', got: 'two lines' })),
      ...lines.flatMap((line) => {
        const name = `${kind} ${line.oad} ${line.obis}`
        return [...againstTables(line, name), ...againstSample(line, name)]
      }),
    ]
  })
