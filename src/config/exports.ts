import { resolve } from 'node:path'
import { type Static, Type } from 'typebox'

const optional = Type.Optional

/** `exports` of gateway.yaml: files of results that are made in the background. */
export const ExportsSchema = Type.Object(
  {
    directory: optional(
      Type.String({ minLength: 1, description: 'where the files lie; relative to this file. Absent: `exports` in the data directory' }),
    ),
    keepHours: optional(
      Type.Integer({ minimum: 1, maximum: 8760, description: 'a finished file is deleted after so many hours', default: 72 }),
    ),
    maxMb: optional(
      Type.Integer({ minimum: 16, maximum: 1_000_000, description: 'all files together; beyond it no export begins', default: 10_240 }),
    ),
    maxJobs: optional(
      Type.Integer({ minimum: 1, maximum: 8, description: 'files written at the same time, each by a thread of its own', default: 1 }),
    ),
  },
  { additionalProperties: false, description: 'files of results' },
)

/** Fills in what was left out. @param folder  of the configuration file */
export const exportsOf = (file: Static<typeof ExportsSchema> = {}, folder: string, dataDirectory: string) => ({
  directory: file.directory === undefined ? resolve(dataDirectory, 'exports') : resolve(folder, file.directory),
  keepMs: (file.keepHours ?? 72) * 3_600_000,
  maxBytes: (file.maxMb ?? 10_240) * 1_048_576,
  maxJobs: file.maxJobs ?? 1,
})
export type ExportsConfig = ReturnType<typeof exportsOf>
