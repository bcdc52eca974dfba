import { loadLedgerFile } from '../config/index.ts'
import { ok, type Result } from '../core/index.ts'
import type { Ledger, LedgerProblem, LedgerWorld, Patch } from '../ledger/index.ts'
import { parseRatio } from '../normalise/index.ts'
import { type Encoding, type Interpretation, interpreter, readRows } from '../sheets/index.ts'
import type { WorldData } from './ledger-world.ts'
import type { Profiles } from './profiles.ts'
import { entriesOf } from './start-ledger.ts'

export const FORMATS = ['csv', 'xlsx', 'yaml'] as const
export type ImportFormat = (typeof FORMATS)[number]

/** A file that is to become part of the ledger. */
export interface ImportFile {
  readonly path: string
  /** As the person who sent it knows it. */
  readonly name: string
  readonly format: ImportFormat
  /** Of a CSV; null: found out. */
  readonly encoding: Encoding | null
  /** Since when rows hold that say nothing about it, milliseconds since 1970 UTC. */
  readonly from: number | null
}

/** What a file is read against. */
export interface ImportContext {
  readonly zone: string
  readonly data: WorldData
  readonly world: LedgerWorld
  readonly profiles: Pick<Profiles, 'ids' | 'get'>
  readonly ledger: Pick<Ledger, 'get'>
  /** Milliseconds since 1970 UTC. */
  readonly now: number
  readonly signal?: AbortSignal
  /** Told now and then how many rows were read. */
  onRows?(rows: number): void
}

const TELL_EVERY_ROWS = 5000
const MOST_PROBLEMS = 1000
/** Digits of a DL/T 645 address. @source DL/T 645-2007, 5.2.3 */
const DLT645_DIGITS = 12
const ADDRESSED_BY_DIGITS = /^(dlt645|gw3761$|dlt698$)/

/** What a file says, and what is wrong with it. @errors SHEET_ codes: the file as a whole cannot be read */
export const readImport = async (file: ImportFile, context: ImportContext): Promise<Result<Interpretation>> =>
  file.format === 'yaml' ? ok(readYaml(file, context)) : readSheets(file, file.format, context)

const readSheets = async (
  { path, name, encoding, from }: ImportFile,
  format: 'csv' | 'xlsx',
  { zone, profiles, ledger, signal, onRows }: ImportContext,
): Promise<Result<Interpretation>> => {
  const widths = new Map<string, number | null>()
  const addressDigits = (profile: string): number | null => {
    const known = widths.get(profile)
    if (known !== undefined) return known
    const width = ADDRESSED_BY_DIGITS.test(profiles.get(profile)?.protocol ?? '') ? DLT645_DIGITS : null
    widths.set(profile, width)
    return width
  }
  const ratiosOf = (point: string) => {
    const found = ledger.get('point', point, null)
    return found ? { ct: textOf(found.attributes.ct), pt: textOf(found.attributes.pt) } : null
  }
  const made = interpreter({ zone, from, addressDigits, ratiosOf, problems: MOST_PROBLEMS })
  let rows = 0
  const read = await readRows(path, { name, format, encoding, ...(signal ? { signal } : {}) }, (row) => {
    if (++rows % TELL_EVERY_ROWS === 0) onRows?.(rows)
    made.row(row)
  })
  return read.ok ? ok(made.finish()) : read
}

const textOf = (value: unknown): string | null => (typeof value === 'string' ? value : null)

const readYaml = ({ path, name, from }: ImportFile, { data, world, profiles, ledger, now }: ImportContext): Interpretation => {
  const nothing = { warnings: [], doubtful: new Set<string>(), rows: 0, sheets: [] }
  const loaded = loadLedgerFile(path, {
    lines: [...data.lines, ...data.brokers].map(({ id }) => id),
    profiles: [...profiles.ids, ...data.brokers.flatMap((broker) => broker.profiles)],
    now,
    isRatio: (text) => parseRatio(text) !== null,
    ...world,
    concentratorOf: (id) => {
      const protocol = ledger.get('concentrator', id, null)?.attributes.protocol
      return typeof protocol === 'string' ? protocol : null
    },
  })
  if (!loaded.ok) {
    const problems = loaded.problems.map(
      ({ line, column, path: pointer, message }): LedgerProblem => ({
        ...{ code: 'IMPORT_YAML', place: `${name}:${line}:${column}`, against: null, message: `${pointer || '/'} ${message}` },
        hint: 'correct the named line; gridtally schema --ledger has the form of the file',
      }),
    )
    return { ...nothing, patches: [], problems: problems.slice(0, MOST_PROBLEMS), problemCount: problems.length }
  }
  const patches = entriesOf(loaded.value).map((entry): Patch => {
    const { line, column } = loaded.problemAt(entry.path, '')
    return { kind: entry.kind, id: entry.id, from: entry.from ?? from, set: entry.set, place: `${name}:${line}:${column}` }
  })
  return { ...nothing, patches, problems: [], problemCount: 0, rows: patches.length }
}
