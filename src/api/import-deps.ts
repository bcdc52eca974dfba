import type { Readable } from 'node:stream'
import type { Result } from '../core/index.ts'
import type { Act, DiffEntry, LedgerProblem } from '../ledger/types.ts'
import type { Refusal } from './deps.ts'

export const SHEET_FORMATS = ['csv', 'xlsx', 'yaml'] as const
export type SheetFormat = (typeof SHEET_FORMATS)[number]
export const SHEET_ENCODINGS = ['utf-8', 'gb18030', 'utf-16le', 'utf-16be'] as const
export const SHEET_LANGUAGES = ['zh', 'en'] as const
export type SheetLanguage = (typeof SHEET_LANGUAGES)[number]

/** `checking`: the dry run is under way; `ready`: it is over, and nothing is wrong; `refused`: something is; `applied`: it is in the ledger. */
export type ImportState = 'checking' | 'ready' | 'refused' | 'applying' | 'applied' | 'failed'

/** One file on its way into the ledger. Times are milliseconds since 1970 UTC. */
export interface ImportView {
  readonly id: string
  readonly name: string
  readonly format: SheetFormat
  readonly state: ImportState
  readonly by: string
  readonly since: number
  /** Rows read so far. */
  readonly rows: number
  /** What the dry run found; null until it is over. */
  readonly report: ImportReportView | null
  /** Number of the change; null when nothing differed, or nothing is applied. */
  readonly change: number | null
  /** Why the file could not be read or applied at all. */
  readonly error: { readonly code: string; readonly message: string; readonly hint: string } | null
}

export interface ImportReportView {
  readonly sheets: readonly { readonly name: string; readonly rows: number; readonly kinds: readonly string[] }[]
  readonly added: number
  readonly changed: number
  readonly unchanged: number
  readonly problemCount: number
  readonly warnings: readonly { readonly place: string; readonly message: string }[]
}

export interface NewImport {
  readonly name: string
  readonly format: SheetFormat
  readonly encoding: (typeof SHEET_ENCODINGS)[number] | null
  /** Since when rows hold that have no date: a day of the gateway's zone or an instant. */
  readonly from: string | null
  readonly by: string
}

/** A file for whoever asked. */
export interface SheetFile {
  readonly name: string
  readonly type: string
  readonly content: Readable
}

/** What of the ledger is asked for as a file. */
export interface WantedExport {
  readonly format: SheetFormat
  readonly language: SheetLanguage
  /** Milliseconds since 1970 UTC; null: by all facts that are written. */
  readonly asOf: number | null
  /** Whoever asks may not see what says something of a person. */
  readonly hidesPersonal: boolean
  /** Ids of zones: only what lies in them; null: all. */
  readonly zones: readonly string[] | null
}

/** Files in and out of the ledger. */
export interface ImportPort {
  /** Bytes of one file at most. */
  readonly maxBytes: number
  /** Takes a file and begins its dry run. */
  begin(file: NewImport, content: Readable): Promise<Result<ImportView, Refusal>>
  list(): readonly ImportView[]
  get(id: string): ImportView | null
  /** Problems, and entries that would change, from a place in their list on; null: no such import, or its dry run is not over. */
  problems(id: string, after: number, limit: number): readonly LedgerProblem[] | null
  entries(id: string, after: number, limit: number): readonly DiffEntry[] | null
  /** Begins to apply; the view says when it is done. */
  apply(id: string, act: Act): Result<ImportView, Refusal>
  /** Forgets an import and its file; a dry run ends. */
  remove(id: string): Result<void, Refusal>
  export(wanted: WantedExport): Promise<Result<SheetFile, Refusal>>
  template(format: 'csv' | 'xlsx', language: SheetLanguage, part: 'table' | 'legend'): SheetFile
}

export interface ImportDeps {
  readonly imports: ImportPort
}
