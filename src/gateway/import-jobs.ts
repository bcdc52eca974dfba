import { randomUUID } from 'node:crypto'
import { createReadStream, createWriteStream, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { Readable, Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { ImportPort, ImportState, ImportView, NewImport, Refusal, SheetFile, SheetFormat } from '../api/index.ts'
import { type Clock, err, type GatewayError, ok, type Result } from '../core/index.ts'
import type { Act } from '../ledger/index.ts'
// File by file: what reads sheets runs in the thread of an import.
import { CAPS } from '../sheets/caps.ts'
import { instantOf } from '../sheets/dates.ts'
import { legendOf, templateOf } from '../sheets/template.ts'
import { csvOf } from '../sheets/write-csv.ts'
import { xlsxOf } from '../sheets/write-xlsx.ts'
import { fail } from './import-errors.ts'
import type { ImportFile } from './import-read.ts'
import type { ImportDone } from './import-run.ts'
import { type ImportTask, type ImportThread, startImportThread } from './import-thread.ts'
import type { WorldData } from './ledger-world.ts'

interface ImportJobDeps {
  readonly directory: string
  readonly zone: string
  readonly world: WorldData
  readonly clock: Pick<Clock, 'now'>
  readonly start?: (task: ImportTask, onRows: (rows: number) => void) => ImportThread
}

interface Job {
  readonly id: string
  readonly file: ImportFile
  readonly by: string
  readonly since: number
  state: ImportState
  rows: number
  report: ImportDone | null
  change: number | null
  error: GatewayError | null
  thread: ImportThread | null
}

/** Kept at the same time, and worked on at the same time: each takes some hundred megabytes while it is. */
const MOST_JOBS = 8
const MOST_AT_WORK = 1
/** What nobody applies is forgotten. */
const KEPT_MS = 3_600_000

const OVER: ReadonlySet<ImportState> = new Set<ImportState>(['refused', 'applied', 'failed'])

const TYPES: Readonly<Record<SheetFormat, string>> = {
  csv: 'text/csv; charset=utf-8',
  xlsx: 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
  yaml: 'application/yaml; charset=utf-8',
}

/**
 * Files on their way into the ledger, and out of it. A file lies in the data directory while its import waits or is under way; what a
 * former process left there is removed.
 */
export const openImports = ({ directory, zone, world: first, clock, start = startImportThread }: ImportJobDeps) => {
  const folder = join(directory, 'imports')
  const jobs = new Map<string, Job>()
  const threads = new Set<ImportThread>()
  let world = first
  let saving = 0
  let isClosed = false
  try {
    for (const left of readdirSync(folder)) rmSync(join(folder, left), { force: true, recursive: true })
  } catch {
    // There is none yet.
  }
  const pathOf = (id: string, format: SheetFormat): string => join(folder, `${id}.${format}`)
  const drop = (job: Job): void => rmSync(job.file.path, { force: true })
  const timer = setInterval(() => {
    for (const job of jobs.values()) if (job.thread === null && clock.now() - job.since > KEPT_MS) forget(job)
  }, KEPT_MS / 12)
  timer.unref()
  const forget = (job: Job): void => {
    job.thread?.stop()
    jobs.delete(job.id)
    drop(job)
  }
  /** What is over is not in the way of what comes. */
  const makeRoom = (): void => {
    const oldest = [...jobs.values()].find(({ state }) => OVER.has(state))
    if (oldest) forget(oldest)
  }
  const refuse = (because: Refusal['because'], error: GatewayError) => err<Refusal>({ because, error })
  const unknown = (id: string) => refuse('unknown', fail('IMPORT_UNKNOWN', `there is no import ${id}`).error)

  const work = (job: Job, act: Act | null): void => {
    job.state = act === null ? 'checking' : 'applying'
    const task: ImportTask = { what: 'import', directory, world, zone, file: job.file, act, now: clock.now() }
    const thread = start(task, (rows) => {
      job.rows = rows
    })
    job.thread = thread
    threads.add(thread)
    void thread.result.then((result) => {
      threads.delete(thread)
      job.thread = null
      ended(job, act, result)
    })
  }

  const ended = (job: Job, act: Act | null, result: Result<ImportDone | null>): void => {
    if (!result.ok || result.value === null) {
      job.error = result.ok ? null : result.error
      job.state = 'failed'
    } else {
      const done = result.value
      job.rows = done.rows
      if (done.problemCount > 0 || act === null) {
        job.report = done
        job.state = done.problemCount > 0 ? 'refused' : 'ready'
      } else {
        job.change = done.applied?.change ?? null
        job.state = 'applied'
      }
    }
    // Only what can still be applied is needed.
    if (job.state !== 'ready') drop(job)
  }

  const port: ImportPort = {
    maxBytes: CAPS.bytes,
    begin: async (wanted, content) => {
      if (jobs.size >= MOST_JOBS) makeRoom()
      if (isClosed || jobs.size >= MOST_JOBS || threads.size + saving >= MOST_AT_WORK) {
        content.resume()
        return refuse('busy', fail('IMPORT_BUSY', `${threads.size + saving} under way, ${jobs.size} kept`).error)
      }
      const from = wanted.from === null ? null : instantOf(wanted.from, zone)
      if (wanted.from !== null && from === null) {
        content.resume()
        return refuse('not-possible', fail('IMPORT_STATE', `from is ${JSON.stringify(wanted.from)}, which is no day and no instant`).error)
      }
      const job = newJob(wanted, from)
      saving++
      const saved = await save(content, job.file.path)
      saving--
      if (!saved.ok || isClosed) {
        drop(job)
        return saved.ok ? refuse('unavailable', fail('IMPORT_CANCELLED', 'the gateway is stopping').error) : saved
      }
      jobs.set(job.id, job)
      work(job, null)
      return ok(viewOf(job))
    },
    list: () => [...jobs.values()].map(viewOf),
    get: (id) => {
      const job = jobs.get(id)
      return job ? viewOf(job) : null
    },
    problems: (id, after, limit) => jobs.get(id)?.report?.problems.slice(after, after + limit) ?? null,
    entries: (id, after, limit) => jobs.get(id)?.report?.entries.slice(after, after + limit) ?? null,
    apply: (id, act) => {
      const job = jobs.get(id)
      if (!job) return unknown(id)
      if (job.state === 'refused' && job.report)
        return refuse('not-possible', fail('IMPORT_PROBLEMS', `${job.file.name} has ${job.report.problemCount} problems`).error)
      if (job.state !== 'ready') return refuse('not-possible', fail('IMPORT_STATE', `import ${id} is ${job.state}, not ready`).error)
      if (threads.size >= MOST_AT_WORK) return refuse('busy', fail('IMPORT_BUSY', 'another import is under way').error)
      work(job, act)
      return ok(viewOf(job))
    },
    remove: (id) => {
      const job = jobs.get(id)
      if (!job) return unknown(id)
      // Half a change is none. But whoever stopped it would not know which of the two it was.
      if (job.state === 'applying')
        return refuse(
          'not-possible',
          fail('IMPORT_APPLYING', `import ${id} is being written, in one transaction: it cannot be stopped half-way`).error,
        )
      forget(job)
      return ok(undefined)
    },
    export: async ({ format, ...wanted }) => {
      if (isClosed || threads.size >= MOST_AT_WORK) return refuse('busy', fail('IMPORT_BUSY', 'an import or export is under way').error)
      mkdirSync(folder, { recursive: true, mode: 0o750 })
      const path = pathOf(`export-${randomUUID()}`, format)
      const thread = start({ what: 'export', directory, world, format, ...wanted, path }, () => {})
      threads.add(thread)
      const made = await thread.result
      threads.delete(thread)
      if (!made.ok) {
        rmSync(path, { force: true })
        return refuse('unavailable', made.error)
      }
      const content = createReadStream(path)
      content.once('close', () => rmSync(path, { force: true }))
      return ok({ name: `ledger.${format}`, type: TYPES[format], content })
    },
    template: (format, language, part): SheetFile => {
      const table = templateOf(language)
      const legend = legendOf(language)
      const pieces = format === 'xlsx' ? xlsxOf([table, legend]) : csvOf(part === 'legend' ? legend : table)
      return {
        name: `${part === 'legend' && format === 'csv' ? 'legend' : 'template'}.${format}`,
        type: TYPES[format],
        content: Readable.from(pieces),
      }
    },
  }

  const newJob = ({ name, format, encoding, by }: NewImport, from: number | null): Job => {
    const id = randomUUID()
    mkdirSync(folder, { recursive: true, mode: 0o750 })
    // Named by us: what the sender calls it is only ever shown.
    const file = { path: pathOf(id, format), name, format, encoding, from }
    return { id, file, by, since: clock.now(), state: 'checking', rows: 0, report: null, change: null, error: null, thread: null }
  }

  return {
    port,
    /** Lines or meter models have changed: what begins from now on is checked against these. */
    useWorld: (next: WorldData): void => {
      world = next
    },
    close: async () => {
      isClosed = true
      clearInterval(timer)
      // What is being applied is finished: it is one transaction, and short.
      await Promise.all(
        [...threads].map((thread) => {
          const job = [...jobs.values()].find((one) => one.thread === thread)
          if (job?.state !== 'applying') thread.stop()
          return thread.result
        }),
      )
      for (const job of jobs.values()) drop(job)
      jobs.clear()
    },
  }
}

/** Writes what comes into a file and stops at the first byte too many. */
const save = async (content: Readable, path: string): Promise<Result<void, Refusal>> => {
  let bytes = 0
  let isTooLarge = false
  const limit = new Transform({
    transform: (chunk: Buffer, _, next) => {
      bytes += chunk.length
      isTooLarge = bytes > CAPS.bytes
      next(isTooLarge ? new Error('too large') : null, chunk)
    },
  })
  try {
    await pipeline(content, limit, createWriteStream(path, { flags: 'wx', mode: 0o640 }))
    return ok(undefined)
  } catch (error) {
    const failed = isTooLarge
      ? fail('IMPORT_SIZE', `the file has more than ${CAPS.bytes} bytes`)
      : fail('IMPORT_DISK', `the file could not be kept: ${error instanceof Error ? error.message : String(error)}`)
    return err<Refusal>({ because: isTooLarge ? 'not-possible' : 'unavailable', error: failed.error })
  }
}

const viewOf = ({ id, file, state, by, since, rows, report, change, error }: Job): ImportView => ({
  ...{ id, name: file.name, format: file.format, state, by, since, rows, change },
  report: report && {
    ...{ sheets: report.sheets, added: report.added, changed: report.changed, unchanged: report.unchanged },
    ...{ problemCount: report.problemCount, warnings: report.warnings },
  },
  error: error && { code: error.code, message: error.message, hint: error.hint },
})
