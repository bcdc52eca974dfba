import type { Clock } from '../core/index.ts'
import { ExportBook } from './export-book.ts'
import { type ExportSettings, openExportJobs } from './export-jobs.ts'

export interface ExportParts {
  readonly dataDirectory: string
  readonly settings: ExportSettings
  readonly zone: string
  readonly clock: Clock
  readonly log: (level: 'debug' | 'info' | 'warn', message: string) => void
}

/** Puts exports together. Jobs begin when the API has said where rows come from. @throws ExportBookTooNew, and when the directory cannot be made */
export const openExports = ({ dataDirectory, ...parts }: ExportParts) => {
  const book = new ExportBook(dataDirectory)
  const jobs = openExportJobs({ ...parts, book })
  return {
    port: jobs.port,
    idle: jobs.idle,
    close: async () => {
      await jobs.close()
      book.close()
    },
  }
}
