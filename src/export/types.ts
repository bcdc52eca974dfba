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

/** Rows of any result, in pieces: all of them, with the memory of one piece. */
export interface RowSource {
  /** Base of the file name: `readings`. */
  readonly name: string
  readonly columns: readonly ExportColumn[]
  /** Said in the file where the format has a place for it: question, zone, when, by whom. */
  readonly about: Readonly<Record<string, string>>
  rows(signal: AbortSignal): AsyncIterable<readonly ExportRow[]>
  /** For progress; null: not known. */
  readonly expected: number | null
}
