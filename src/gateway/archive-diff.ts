import type { ArchiveRecord } from '../core/index.ts'
import { type ArchiveProblem, firstByAddress, type WantedArchive } from './archive-wanted.ts'

/** Fields of a record that are compared and shown. The password is neither. */
export const ARCHIVE_FIELDS = [
  ...(['number', 'pn', 'address', 'port', 'baud', 'protocol', 'tariffs', 'integerDigits', 'decimals', 'collector'] as const),
  ...(['userClass', 'userSubclass'] as const),
] as const
export type ArchiveField = (typeof ARCHIVE_FIELDS)[number]

export type ShownRecord = Pick<ArchiveRecord, ArchiveField>

/** A record without its password. */
export const shownRecord = (record: ArchiveRecord): ShownRecord => {
  const { password: _password, ...shown } = record
  return shown
}

/**
 * How ledger and concentrator differ over one meter. `second`: the concentrator has one more record of a meter that is in the ledger.
 */
export type ArchiveDifferenceKind = 'only-in-ledger' | 'only-in-concentrator' | 'differs' | 'second'

export interface ArchiveDifference {
  readonly kind: ArchiveDifferenceKind
  /** Ledger id; null = not in the ledger. */
  readonly meter: string | null
  readonly address: string
  readonly wanted: ShownRecord | null
  readonly held: ShownRecord | null
  /** Of `differs`. */
  readonly fields: readonly { readonly name: ArchiveField; readonly wanted: string | number; readonly held: string | number }[]
  /** Address of another meter that has the wanted number now: a download takes its place. */
  readonly replaces: string | null
}

export interface ArchiveDiff {
  readonly same: number
  /** By number: the wanted one, else the one held. */
  readonly differences: readonly ArchiveDifference[]
  readonly problems: readonly ArchiveProblem[]
}

/** Compares what a concentrator should hold with what it holds. */
export const archiveDiff = ({ wanted, known, problems }: WantedArchive, held: readonly ArchiveRecord[]): ArchiveDiff => {
  const byNumber = new Map(held.map((record) => [record.number, record]))
  const byAddress = firstByAddress(held)
  const used = new Set<number>()
  const differences: ArchiveDifference[] = []
  let same = 0
  const settled = new Set(wanted.map(({ record }) => record.address))
  for (const { meter, record } of wanted) {
    const there = byNumber.get(record.number)
    const own = there?.address === record.address ? there : (byAddress.get(record.address) ?? null)
    if (own) used.add(own.number)
    const fields = own ? differing(record, own) : []
    if (own && fields.length === 0) {
      same++
      continue
    }
    differences.push({
      ...{ kind: own ? 'differs' : 'only-in-ledger', meter, address: record.address, wanted: shownRecord(record) },
      ...{ held: own && shownRecord(own), fields, replaces: there && there.address !== record.address ? there.address : null },
    })
  }
  for (const record of held) {
    if (used.has(record.number)) continue
    const meter = known.get(record.address) ?? null
    // Its problem is named beside the differences.
    if (meter !== null && !settled.has(record.address)) continue
    const kind = meter === null ? 'only-in-concentrator' : 'second'
    differences.push({ kind, meter, address: record.address, wanted: null, held: shownRecord(record), fields: [], replaces: null })
  }
  const place = ({ wanted: one, held: other }: ArchiveDifference) => one?.number ?? other?.number ?? 0
  return { same, differences: differences.sort((a, b) => place(a) - place(b)), problems }
}

/** Fields in which two records are not alike. Speed 0 is the port's own: a concentrator may show which that is. */
export const differing = (wanted: ArchiveRecord, held: ArchiveRecord): ArchiveDifference['fields'] =>
  ARCHIVE_FIELDS.flatMap((name) =>
    wanted[name] === held[name] || (name === 'baud' && wanted.baud === 0) ? [] : [{ name, wanted: wanted[name], held: held[name] }],
  )
