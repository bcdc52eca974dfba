/** What a column of a file holds. `decimal` is exact text that a file may hold as a number; `instant` milliseconds since 1970 UTC. */
export type CellType = 'text' | 'decimal' | 'integer' | 'float' | 'boolean' | 'instant'

/** One column of a result. Units and direction stand in the head: `1.8.0 import kWh (as displayed)`. */
export interface ExportColumn {
  /** Stable name for programs, as in JSON. */
  readonly name: string
  /** For people. */
  readonly title: { readonly en: string; readonly zh: string }
  readonly type: CellType
  /** Digits after the point of a decimal, where all cells have the same; Parquet stores them as DECIMAL. */
  readonly scale?: number
}

/** A cell; null is empty in every format and never zero. */
export type Cell = string | number | bigint | boolean | null
export type ExportRow = readonly Cell[]

export const EXPORT_FORMATS = ['csv', 'xlsx', 'parquet', 'ndjson'] as const
export type ExportFormat = (typeof EXPORT_FORMATS)[number]

/** Where the rows after a piece begin. */
export interface RowPlace {
  /** Said to {@link RowSource.rows}, they begin there; null: they cannot be begun there. */
  readonly mark: string | null
  /** Rows of readings measured from here on are still to come, milliseconds since 1970 UTC; null: nobody can say. */
  readonly until: number | null
  /** How much of the time, of the points or of the pages is behind it, 0 to 1; null: nobody can say. */
  readonly share: number | null
}
/** Some rows, and where those after them begin if that is known. */
export interface RowPiece {
  readonly rows: readonly ExportRow[]
  readonly place?: RowPlace
}

/**
 * What has to be as it was for rows to be gone on with in the middle. Where neither readings nor energy are named, nobody watches what the
 * rows come from: they are gone on with at a place only, and soon.
 */
export interface RowBasis {
  /** Which points, columns and so on are asked for, as a text that is another one when they are others. */
  state(): Promise<string>
  /** Readings that rows come from; `passed`: rows of those measured before it are given at once, later ones say their places. */
  readonly readings: { readonly measurement: string; readonly from: number; readonly to: number; readonly passed: number } | null
  /** Energy that rows come from. */
  readonly energy: { readonly from: number; readonly to: number } | null
}

/** Rows of any result, in pieces: all of them, with the memory of one piece. */
export interface RowSource {
  /** Base of the file name: `readings`. */
  readonly name: string
  readonly columns: readonly ExportColumn[]
  /** Said in the file where the format has a place for it: question, zone, when, by whom. */
  readonly about: Readonly<Record<string, string>>
  /** @param from  `mark` of a piece before; not given: from the first row on */
  rows(signal: AbortSignal, from?: string | null): AsyncIterable<RowPiece>
  /** Rows in all, for progress; null: not known. */
  readonly expected: number | null
  /** Null: its rows can be asked for from the first one only. */
  readonly basis: RowBasis | null
}

/** How far a file is; counts while it is written. What is not 0 at first was written before: the file goes on there. */
export interface Tally {
  rows: number
  bytes: number
}

/** Groups of rows of a Parquet file, as its end has to name them: those written before, and whoever keeps those that are written. */
export interface KeptGroups {
  readonly before: readonly Uint8Array[]
  /** Called when the bytes of a group are taken. @param rows  of the file up to its end */
  readonly keep: (group: Uint8Array, rows: number) => void
}
