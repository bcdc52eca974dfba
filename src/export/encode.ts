import type { Language } from './cells.ts'
import { csvPieces } from './csv.ts'
import { exportFailure, RowsStopped } from './errors.ts'
import { localClock } from './local.ts'
import { ndjsonPieces } from './ndjson.ts'
import type { ExportFormat, ExportRow, KeptGroups, RowSource, Tally } from './types.ts'
import { xlsxPieces } from './xlsx.ts'

/** How a file is written. */
export interface FileOptions {
  /** IANA zone of instants; Parquet has them in UTC. */
  readonly zone: string
  readonly language: Language
  /** Rows of a group of Parquet, for tests. */
  readonly rowsOfGroup?: number
}

export const FORMATS: Readonly<Record<ExportFormat, { readonly type: string; readonly extension: string }>> = {
  csv: { type: 'text/csv; charset=utf-8', extension: 'csv' },
  xlsx: { type: 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet', extension: 'xlsx' },
  parquet: { type: 'application/vnd.apache.parquet', extension: 'parquet' },
  ndjson: { type: 'application/x-ndjson', extension: 'ndjson' },
}

/** Rows that go through: counted, and ended when nobody waits any more. */
async function* counted(source: Pick<RowSource, 'rows'>, tally: Tally, signal: AbortSignal): AsyncGenerator<readonly ExportRow[], void> {
  for await (const { rows } of source.rows(signal)) {
    if (signal.aborted) throw new RowsStopped(exportFailure('EXPORT_CANCELLED', 'nobody waits for it any more').error)
    tally.rows += rows.length
    if (rows.length > 0) yield rows
  }
  // What ends early because it was told to is no whole file.
  if (signal.aborted) throw new RowsStopped(exportFailure('EXPORT_CANCELLED', 'nobody waits for it any more').error)
}

/**
 * Rows as a file, in pieces, as fast as they are taken; the memory is that of one piece (Parquet: of one group of rows). The same rows
 * make the same bytes, however they are divided into pieces.
 *
 * @param tally   of a file that goes on: what is written of it
 * @param groups  of Parquet that goes on, or may have to
 * @throws RowsStopped  and whatever the rows throw: what came so far is no file
 */
export async function* encode(
  source: RowSource,
  format: ExportFormat,
  { zone, language, rowsOfGroup }: FileOptions,
  signal: AbortSignal,
  tally: Tally = { rows: 0, bytes: 0 },
  groups?: KeptGroups,
): AsyncGenerator<Uint8Array, void> {
  const clock = localClock(zone)
  const written = { ...tally }
  const rows = counted(source, tally, signal)
  const pieces: Readonly<Record<ExportFormat, () => AsyncIterable<string | Uint8Array>>> = {
    csv: () => csvPieces(source, rows, { clock, language, isBegun: written.bytes > 0 }),
    ndjson: () => ndjsonPieces(source, rows, { clock }),
    xlsx: () => xlsxPieces(source, rows, { clock, language }),
    parquet: async function* () {
      // Its writer is large, and few files are of that form.
      const { parquetPieces } = await import('./parquet.ts')
      yield* parquetPieces(source, rows, {
        ...{ zone, language },
        ...(groups ? { groups, written } : {}),
        ...(rowsOfGroup === undefined ? {} : { rowsOfGroup }),
      })
    },
  }
  for await (const piece of pieces[format]()) {
    const bytes = typeof piece === 'string' ? Buffer.from(piece) : piece
    tally.bytes += bytes.length
    yield bytes
  }
}

/** Name of a file that a person finds again: result and instant. */
export const fileName = (source: Pick<RowSource, 'name'>, format: ExportFormat, at: number): string =>
  `${source.name.replace(/[^\w.-]/g, '_')}-${new Date(at).toISOString().slice(0, 19).replace(/[-:]/g, '').replace('T', '-')}.${FORMATS[format].extension}`
