import type { Clock, Reading, Sink } from '../core/index.ts'
import { ExportBook } from './export-book.ts'
import { type ExportJobDeps, type ExportSettings, openExportJobs } from './export-jobs.ts'

export interface ExportParts extends Pick<ExportJobDeps, 'keepEveryMs' | 'longestMs'> {
  readonly dataDirectory: string
  readonly settings: ExportSettings
  readonly zone: string
  readonly clock: Clock
  readonly log: (level: 'debug' | 'info' | 'warn', message: string) => void
}

/** A store whose readings exports are told of before and after they are stored, so that a file that lacks them says so. */
export const watchedSink = (sink: Sink, heard: (readings: readonly Reading[]) => void): Sink => ({
  id: sink.id,
  batch: sink.batch,
  write: async (readings) => {
    heard(readings)
    const answer = await sink.write(readings)
    heard(readings)
    return answer
  },
  close: () => sink.close(),
})

/** Puts exports together. Jobs begin when the API has said where rows come from. @throws ExportBookTooNew, and when the directory cannot be made */
export const openExports = ({ dataDirectory, ...parts }: ExportParts) => {
  const book = new ExportBook(dataDirectory)
  const jobs = openExportJobs({ ...parts, book })
  return {
    ...{ port: jobs.port, heard: jobs.heard, energyChanged: jobs.energyChanged, idle: jobs.idle },
    /** Ends what is under way; {@link close} does so too. */
    stop: jobs.close,
    close: async () => {
      await jobs.close()
      book.close()
    },
  }
}
