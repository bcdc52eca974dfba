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

/**
 * Why a file was begun again from its first row: what its rows come from had changed; it asks for other points now; its format or its result
 * cannot be gone on with; nothing of it was safe yet, or the part was not as it was written.
 */
export const EXPORT_RESTARTS = ['changed', 'other-points', 'format', 'result', 'old', 'no-part'] as const
export type ExportRestart = (typeof EXPORT_RESTARTS)[number]

/** A file that is made in the background. Times are milliseconds since 1970 UTC. */
export interface ExportJobView extends ExportWanted {
  readonly id: number
  readonly by: string
  readonly state: ExportState
  readonly rows: number
  readonly bytes: number
  /** How much of the time or of the points is written, 0 to 1; null: nobody can say. */
  readonly share: number | null
  /** Rows in all; null: not known before they are written. */
  readonly expected: number | null
  readonly createdAt: number
  /** When its first row was asked for: what the file holds was read from then until `endedAt`. */
  readonly firstRowAt: number | null
  /** When it was begun, or gone on with, last. */
  readonly startedAt: number | null
  readonly endedAt: number | null
  /** When the file is deleted; null while there is none. */
  readonly expiresAt: number | null
  /** How often it was begun or gone on with; more than once when the gateway was restarted meanwhile. */
  readonly starts: number
  /** Rows that were in the file already when it was gone on with last; 0: it was begun from its first row. */
  readonly keptRows: number
  /** Why it was begun again from its first row the last time; null: it was not. */
  readonly restart: ExportRestart | null
  /** What belongs into what was written already came or changed after it was passed: the file does not have it. Null: nobody watches. */
  readonly changed: boolean | null
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
  /** From where he asks. */
  address: string,
) => Promise<Result<{ readonly source: RowSource; readonly needs: Permission }, Refusal>>

/** What the API needs of exports. */
export interface ExportPort {
  /** Zone of days, months and of instants in files. */
  readonly zone: string
  /** Told once, when the API knows every result; what was left of a former process begins then. */
  use(open: OpenRows): void
  begin(wanted: ExportWanted, needs: Permission, who: Principal, address: string): Result<ExportJobView, Refusal>
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
