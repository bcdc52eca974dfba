import { failWith, type GatewayError } from '../core/index.ts'

/** Why a file is not made, or breaks off. */
export const exportFailure = failWith({
  EXPORT_ROWS: { recovery: 'wait', hint: 'what the rows come from failed half-way: GET /health/ready names it; start the export again' },
  EXPORT_SIZE: { recovery: 'stop', hint: 'a workbook ends at 4 GiB: ask for parquet, or for a shorter time' },
  EXPORT_DIGITS: { recovery: 'stop', hint: 'a figure has more digits than its column says: report it; csv and ndjson hold every digit' },
  EXPORT_PLACE: { recovery: 'retry', hint: 'its rows cannot be gone on with there: the file is begun again by itself' },
  EXPORT_PART: { recovery: 'retry', hint: 'the part of the file is not as it was written: the file is begun again by itself' },
  EXPORT_LONG: {
    recovery: 'stop',
    hint: 'POST /api/v1/exports has it made in the background; csv and ndjson are sent while they are made',
  },
  EXPORT_CANCELLED: { recovery: 'stop', hint: 'it was cancelled: start it again' },
  EXPORT_DISK: { recovery: 'wait', hint: 'free the disk of the export directory, or name another one under exports.directory' },
  EXPORT_FULL: { recovery: 'wait', hint: 'delete files that were fetched, or raise exports.maxMb' },
  EXPORT_BUSY: { recovery: 'wait', hint: 'wait until an export is done, or cancel one' },
  EXPORT_UNKNOWN: { recovery: 'stop', hint: 'GET /api/v1/exports lists your exports; they are deleted after exports.keepHours' },
  EXPORT_STATE: { recovery: 'wait', hint: 'GET the export: its file is there when its state is "done"' },
  EXPORT_RESULT: { recovery: 'stop', hint: 'GET /api/v1/results lists what can be exported and what each takes' },
  EXPORT_QUESTION: { recovery: 'stop', hint: 'GET /api/v1/results lists what each result takes' },
  EXPORT_RIGHT: { recovery: 'stop', hint: 'ask for the permission that the result names' },
  EXPORT_THREAD: { recovery: 'stop', hint: 'the thread that writes files ended: the log says why; start the export again' },
  SERIES_SUM: {
    recovery: 'stop',
    hint: 'a register counts up for ever: ask for increase, or for its last, min or max; energy of intervals can be summed',
  },
  SERIES_RANGE: { recovery: 'stop', hint: 'ask for a shorter time, larger buckets or fewer points, or POST /api/v1/exports for a file' },
  SERIES_FIELD: { recovery: 'stop', hint: 'energy takes the codes of registers (1.8.0), an area supply, sold, loss, rate' },
})

/** Thrown out of rows that cannot go on: what was written so far is no file. */
export class RowsStopped extends Error {
  override readonly name = 'RowsStopped'
  readonly failure: GatewayError
  constructor(failure: GatewayError) {
    super(`${failure.code} ${failure.message}`)
    this.failure = failure
  }
}
