import { type Static, Type } from 'typebox'
import { type Access, askApi } from './gaps.ts'
import { CommandFailed, complain, EXIT, print, printJson, table } from './output.ts'

const TextOrNull = Type.Union([Type.String(), Type.Null()])

export const Job = Type.Object({
  ...{ id: Type.Integer(), concentrator: Type.String(), what: Type.String(), who: Type.String(), why: Type.String() },
  ...{
    startedAt: Type.String(),
    endedAt: TextOrNull,
    state: Type.String(),
    done: Type.Integer(),
    total: Type.Integer(),
    step: Type.String(),
  },
  result: Type.Unknown(),
  error: Type.Union([Type.Object({ code: Type.String(), message: Type.String(), hint: Type.String() }), Type.Null()]),
})
export type JobAnswer = Static<typeof Job>

/** As every command that orders something has it. */
export interface Ordering extends Access {
  readonly background?: boolean
}

export const pathOf = (id: string, rest = ''): string => `/concentrators/${encodeURIComponent(id)}${rest}`

/**
 * Orders something and waits for its end, with how far it is on standard error.
 *
 * @returns  null when nobody is to wait for it
 */
export const order = async (access: Ordering, id: string, path: string, body: object): Promise<JobAnswer | null> => {
  const begun = await askApi(access, pathOf(id, path), Job, body)
  if (access.background && begun.state === 'running') {
    if (access.json) printJson(begun)
    else print(`job ${begun.id} is under way: gridtally concentrator job ${id} ${begun.id}`)
    return null
  }
  return follow(access, begun)
}

/** Waits for the end of a job. */
export const follow = async (access: Access, begun: JobAnswer): Promise<JobAnswer> => {
  const { id, concentrator } = begun
  const left = () => {
    complain(`job ${id} goes on; gridtally concentrator cancel ${concentrator} ${id} ends it`)
    process.exit(130)
  }
  process.once('SIGINT', left)
  try {
    let job = begun
    for (let said = ''; job.state === 'running'; ) {
      job = await askApi(access, pathOf(concentrator, `/jobs/${id}`), Job, undefined, { waitS: '2' })
      const line = progressText(job)
      if (line !== said && job.state === 'running') complain(line)
      said = line
    }
    return job
  } finally {
    process.removeListener('SIGINT', left)
  }
}

const progressText = ({ id, done, total, step }: JobAnswer): string =>
  `job ${id}: ${total > 0 ? `${done} of ${total}` : 'under way'}${step === '' ? '' : `, ${step}`}`

/** Shows what came of a job; the command fails when the job did. */
export const settle = (job: JobAnswer | null, { json }: Access, show: (result: unknown, job: JobAnswer) => void): void => {
  if (!job) return
  const { id, state, error } = job
  if (json) printJson(job)
  else if (job.result !== null && job.result !== undefined) show(job.result, job)
  if (state === 'done') return
  if (json) process.exitCode = EXIT.failed
  else throw new CommandFailed(`job ${id} ${state}${error ? `: ${error.code} ${error.message}; ${error.hint}` : ''}`)
}

/** Jobs as rows, newest first. */
export const jobRows = (jobs: readonly JobAnswer[]): string =>
  table([
    ['job', 'started', 'what', 'state', 'done', 'who', 'why'],
    ...jobs.map(({ id, startedAt, what, state, done, total, who, why, error }) => [
      ...[String(id), startedAt.slice(0, 19), what, state, total > 0 ? `${done}/${total}` : '', who],
      error ? `${why}${why === '' ? '' : '; '}${error.code}` : why,
    ]),
  ])
