import type { Readable } from 'node:stream'
import type { Principal } from '../access/principals.ts'
import type { Permission } from '../access/roles.ts'
import type { Result } from '../core/index.ts'
import type { ExportFormat, Language, RowSource } from '../export/index.ts'
import type { Refusal } from './deps.ts'

/** A question as it stands in an address. */
export type ResultQuery = Readonly<Record<string, string | readonly string[]>>

/** A file somebody wants. */
export interface ExportWanted {
  /** Name of a result: `readings`. */
  readonly result: string
  readonly query: ResultQuery
  readonly format: ExportFormat
  readonly language: Language
}

export const EXPORT_STATES = ['waiting', 'running', 'done', 'failed', 'cancelled'] as const
export type ExportState = (typeof EXPORT_STATES)[number]

/** A file that is made in the background. Times are milliseconds since 1970 UTC. */
export interface ExportJobView extends ExportWanted {
  readonly id: number
  readonly by: string
  readonly state: ExportState
  readonly rows: number
  readonly bytes: number
  /** Rows in all; null: not known before they are written. */
  readonly expected: number | null
  readonly createdAt: number
  readonly startedAt: number | null
  readonly endedAt: number | null
  /** When the file is deleted; null while there is none. */
  readonly expiresAt: number | null
  /** How often it was begun; more than once when the gateway was restarted meanwhile: the rows are those of the last begin. */
  readonly starts: number
  readonly file: { readonly name: string; readonly type: string; readonly sha256: string } | null
  readonly error: { readonly code: string; readonly message: string; readonly hint: string } | null
}

export interface ExportFile {
  readonly path: string
  readonly name: string
  readonly type: string
  readonly bytes: number
  readonly sha256: string
}

/** A line of the export log: somebody took rows away, or tried to. */
export interface ExportLogView extends ExportWanted {
  readonly id: number
  readonly at: number
  readonly who: string
  readonly kind: 'user' | 'token'
  /** Number of the job; null: handed out directly. */
  readonly job: number | null
  readonly outcome: 'under-way' | 'done' | 'failed' | 'cancelled' | 'broken-off'
  readonly rows: number
  readonly bytes: number
  readonly sha256: string | null
  readonly endedAt: number | null
}

/** A file that is handed out while it is written. */
export interface DirectFile {
  readonly name: string
  readonly type: string
  readonly content: Readable
  /** Known when it was written before it is handed out. */
  readonly whole: { readonly bytes: number; readonly sha256: string } | null
  /** Once the content has been read. */
  readonly digest: () => { readonly rows: number; readonly sha256: string } | null
}

/** Where the rows of a result come from, for somebody. */
export type OpenRows = (
  wanted: ExportWanted,
  who: Principal,
) => Promise<Result<{ readonly source: RowSource; readonly needs: Permission }, Refusal>>

/** What the API needs of exports. */
export interface ExportPort {
  /** Zone of days, months and of instants in files. */
  readonly zone: string
  /** Told once, when the API knows every result; what was left of a former process begins then. */
  use(open: OpenRows): void
  begin(wanted: ExportWanted, needs: Permission, who: Principal): Result<ExportJobView, Refusal>
  /** Of this person, newest first, with an id smaller than `before`. */
  list(who: Principal, before: number | null, limit: number): readonly ExportJobView[]
  get(id: number, who: Principal): ExportJobView | null
  /** Stops what is under way and deletes the file. */
  remove(id: number, who: Principal): Result<ExportJobView, Refusal>
  file(id: number, who: Principal): Result<ExportFile, Refusal>
  direct(wanted: ExportWanted, source: RowSource, who: Principal): Promise<Result<DirectFile, Refusal>>
  /** Newest first, with an id smaller than `before`. */
  log(before: number | null, limit: number): readonly ExportLogView[]
}
