import { mkdirSync, readdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { mayDo, type Principal, personOf, seesAsMuchAs } from '../access/principals.ts'
import type { ExportJobView, ExportPort, OpenRows, Refusal } from '../api/index.ts'
import { type Clock, err, ok } from '../core/index.ts'
import { exportFailure, FORMATS } from '../export/index.ts'
import { type ExportBook, type ExportJob, messageOf, unlessFull } from './export-book.ts'
import { directFiles } from './export-direct.ts'
import { exportRun, type LiveExport } from './export-run.ts'
import { writeInThread } from './export-thread.ts'
import { changeWatch, type Heard } from './export-watch.ts'

export interface ExportSettings {
  readonly directory: string
  readonly keepMs: number
  readonly maxBytes: number
  readonly maxJobs: number
}

export interface ExportJobDeps {
  readonly settings: ExportSettings
  readonly zone: string
  readonly clock: Pick<Clock, 'now'>
  readonly book: ExportBook
  readonly log: (level: 'debug' | 'info' | 'warn', message: string) => void
  readonly write?: typeof writeInThread
  /** For tests: how often what is written is made safe, and how long somebody waits for a file that is written before it is sent. */
  readonly keepEveryMs?: number
  readonly longestMs?: number
}

/** Waiting and under way of one person. */
const MOST_WAITING = 20
const LOOK_MS = 600_000
/** What a restart costs at most of what was written, besides the rows on their way. */
const KEEP_EVERY_MS = 2000

type Code = Parameters<typeof exportFailure>[0]
const refuse = (because: Refusal['because'], code: Code, message: string) =>
  err<Refusal>({ because, error: exportFailure(code, message).error })

/**
 * Files of results: made one after another by a thread each, kept for a while, handed out to who asked. What a former process was writing
 * is gone on with where that gives the same file; half a file is none.
 */
export const openExportJobs = ({
  settings,
  zone,
  clock,
  book,
  log,
  write = writeInThread,
  keepEveryMs = KEEP_EVERY_MS,
  longestMs,
}: ExportJobDeps) => {
  const { directory, keepMs, maxBytes, maxJobs } = settings
  const jobs = new Map<number, LiveExport>()
  const underWay = new Set<Promise<void>>()
  let open: OpenRows | null = null
  let isClosed = false
  const pathOf = ({ id, format }: Pick<ExportJob, 'id' | 'format'>): string => join(directory, `export-${id}.${FORMATS[format].extension}`)
  const partOf = (job: Pick<ExportJob, 'id' | 'format'>): string => `${pathOf(job)}.part`

  mkdirSync(directory, { recursive: true, mode: 0o750 })
  const known = new Set<string>()
  for (const job of book.jobs()) {
    const part = job.state === 'running' || job.state === 'waiting' ? book.part(job.id) : null
    const { rows, bytes, share } = part ?? { rows: 0, bytes: 0, share: null }
    jobs.set(job.id, {
      job: job.state === 'running' ? { ...job, state: 'waiting', rows, bytes, share } : job,
      stop: null,
      // What changes before it is gone on with counts too.
      watch: part && changeWatch(part, part.until),
    })
    if (job.state === 'done') known.add(pathOf(job))
    if (part) known.add(partOf(job))
  }
  // Only what we named ourselves is ours to delete.
  for (const left of readdirSync(directory))
    if (/^(export-\d+|direct-\d+)\.\w+(\.part)?$/.test(left) && !known.has(join(directory, left)))
      rmSync(join(directory, left), { force: true })

  const ifItCan = unlessFull(log)
  const change = (live: LiveExport, to: Partial<ExportJob>): ExportJob => {
    live.job = { ...live.job, ...to }
    book.keep(live.job)
    return live.job
  }
  const TAKES_ROOM: ReadonlySet<ExportJob['state']> = new Set<ExportJob['state']>(['done', 'running', 'waiting'])
  const used = (): number => {
    let bytes = 0
    for (const { job } of jobs.values()) if (TAKES_ROOM.has(job.state)) bytes += job.bytes
    return bytes
  }
  const forget = ({ job }: LiveExport): void => {
    rmSync(pathOf(job), { force: true })
    rmSync(partOf(job), { force: true })
    jobs.delete(job.id)
    // What is still in the book then is dropped after the next start.
    ifItCan(() => book.drop(job.id))
  }
  const tidy = (): void => {
    const now = clock.now()
    for (const live of [...jobs.values()]) {
      const { state, expiresAt, endedAt } = live.job
      if (state === 'waiting' || state === 'running') continue
      if (now >= (expiresAt ?? (endedAt ?? 0) + keepMs)) forget(live)
    }
  }
  const timer = setInterval(tidy, LOOK_MS)
  timer.unref()

  const run = exportRun({
    ...{ zone, clock, book, log, write, keepMs, keepEveryMs, change, pathOf, partOf },
    room: ({ job }) => Math.max(0, maxBytes - used() + job.bytes),
    isClosed: () => isClosed,
  })
  const direct = directFiles({
    directory,
    zone,
    clock,
    book,
    log,
    write,
    left: () => Math.max(0, maxBytes - used()),
    ...(longestMs === undefined ? {} : { longestMs }),
  })
  /** Says of every file that does not have it that something changed behind it. Whoever stores readings is not held up by a full disk here. */
  const changed = (isChanged: (live: LiveExport) => boolean): void => {
    for (const live of jobs.values()) {
      if (live.watch !== null && live.job.changed === false && isChanged(live)) ifItCan(() => change(live, { changed: true }))
    }
  }

  const pump = (): void => {
    if (open === null || isClosed) return
    for (const live of jobs.values()) {
      if (underWay.size >= maxJobs) return
      if (live.job.state !== 'waiting') continue
      const done = run(live, open).finally(() => {
        underWay.delete(done)
        pump()
      })
      underWay.add(done)
    }
  }

  /** A job of this person, as far as he still may see what it holds. */
  const own = (id: number, who: Principal): LiveExport | null => {
    const live = jobs.get(id)
    return live && live.job.owner === personOf(who) && stillSees(who, live.job) ? live : null
  }
  const unknown = (id: number) => refuse('unknown', 'EXPORT_UNKNOWN', `you have no export ${id}`)

  const port: ExportPort = {
    zone,
    use: (opener) => {
      open = opener
      pump()
    },
    begin: (wanted, needs, who, address) => {
      tidy()
      const owner = personOf(who)
      const waiting = [...jobs.values()].filter(({ job }) => job.owner === owner && (job.state === 'waiting' || job.state === 'running'))
      if (isClosed || waiting.length >= MOST_WAITING)
        return refuse('busy', 'EXPORT_BUSY', `${waiting.length} exports of yours wait or are under way`)
      if (used() >= maxBytes) return refuse('unavailable', 'EXPORT_FULL', `files of exports take ${Math.ceil(used() / 1_048_576)} MB`)
      try {
        const job = book.add(owner, who, wanted, needs, clock.now(), address)
        jobs.set(job.id, { job, stop: null, watch: null })
        pump()
        return ok(viewOf(jobs.get(job.id)?.job ?? job))
      } catch (error) {
        return refuse('unavailable', 'EXPORT_DISK', `exports.db cannot be written: ${messageOf(error)}`)
      }
    },
    list: (who, before, limit) =>
      [...jobs.values()]
        .map(({ job }) => job)
        .filter((job) => job.owner === personOf(who) && (before === null || job.id < before) && stillSees(who, job))
        .sort((a, b) => b.id - a.id)
        .slice(0, limit)
        .map(viewOf),
    get: (id, who) => {
      const live = own(id, who)
      return live && viewOf(live.job)
    },
    remove: (id, who) => {
      const live = own(id, who)
      if (!live) return unknown(id)
      if (live.job.state === 'running') {
        // Its end is written down by who writes it.
        live.stop?.abort()
        return ok(viewOf({ ...live.job, state: 'cancelled' }))
      }
      if (live.job.state === 'waiting') {
        rmSync(partOf(live.job), { force: true })
        live.watch = null
        ifItCan(() => book.dropPart(id))
        ifItCan(() => change(live, { state: 'cancelled', endedAt: clock.now() }))
        return ok(viewOf(live.job))
      }
      const view = viewOf(live.job)
      forget(live)
      return ok(view)
    },
    file: (id, who) => {
      const live = own(id, who)
      if (!live) return unknown(id)
      const { state, file, bytes } = live.job
      if (state !== 'done' || !file) return refuse('not-possible', 'EXPORT_STATE', `export ${id} is ${state}`)
      const path = pathOf(live.job)
      return isWhole(path, bytes)
        ? ok({ path, bytes, ...file })
        : refuse('unavailable', 'EXPORT_DISK', `the file of export ${id} is not there any more, or not whole`)
    },
    direct: direct.give,
    log: (before, limit) => book.log(before, limit),
  }

  return {
    port,
    /** To be told of readings before they are stored, and once they are: which of them a file can have is known in between. */
    heard: (readings: readonly Heard[]): void => changed(({ watch }) => watch?.readings(readings) ?? false),
    /** To be told when energy of a point's day or month becomes another. */
    energyChanged: (_point: string, day: string): void => changed(({ watch }) => watch?.energy(day) ?? false),
    /** For tests: when nothing is under way any more. */
    idle: async (): Promise<void> => {
      while (underWay.size > 0) await Promise.all(underWay)
    },
    close: async (): Promise<void> => {
      isClosed = true
      direct.close()
      clearInterval(timer)
      for (const { stop } of jobs.values()) stop?.abort()
      await Promise.all(underWay)
    },
  }
}

/** Rights may have shrunk since the file was asked for: it is handed out only to who could ask for it now. */
const stillSees = (who: Principal, { needs, who: asked }: ExportJob): boolean =>
  mayDo(who, needs) &&
  who.customer === asked.customer &&
  seesAsMuchAs(who, asked) &&
  (mayDo(who, 'personal:read') || !mayDo(asked, 'personal:read'))

const viewOf = ({ owner: _, who: _who, needs: _needs, address: _address, ...view }: ExportJob): ExportJobView => view

/** Whether the file is there, as it was written. */
const isWhole = (path: string, bytes: number): boolean => {
  try {
    return statSync(path).size === bytes
  } catch {
    return false
  }
}
