import { createHash } from 'node:crypto'
import { createReadStream, mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { hasExpired, mayDo, type Principal, personOf, seesAsMuchAs } from '../access/principals.ts'
import type { DirectFile, ExportJobView, ExportLogView, ExportPort, ExportWanted, OpenRows, Refusal } from '../api/index.ts'
import { type Clock, err, type GatewayError, ok } from '../core/index.ts'
import { encode, exportFailure, FORMATS, fileName, type RowSource, type Tally } from '../export/index.ts'
import type { ExportBook, ExportJob } from './export-book.ts'
import { failureOf, writeInThread } from './export-thread.ts'

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
}

/** Waiting and under way of one person. */
const MOST_WAITING = 20
/** Handed out directly at the same time, to one person and to all. */
const MOST_OWN = 4
const MOST_DIRECT = 8
const LOOK_MS = 600_000
/** A file grows past nobody's notice by so little only. */
const SAY_MS = 1000

interface Live {
  job: ExportJob
  stop: AbortController | null
}

type Code = Parameters<typeof exportFailure>[0]
const refuse = (because: Refusal['because'], code: Code, message: string) =>
  err<Refusal>({ because, error: exportFailure(code, message).error })

/**
 * Files of results: made one after another by a thread each, kept for a while, handed out to who asked. What a former process was
 * writing is begun again from its first row: half a file is none.
 */
export const openExportJobs = ({ settings, zone, clock, book, log, write = writeInThread }: ExportJobDeps) => {
  const { directory, keepMs, maxBytes, maxJobs } = settings
  const jobs = new Map<number, Live>()
  const underWay = new Set<Promise<void>>()
  let open: OpenRows | null = null
  /** To whom files are being handed out; somebody is named for each. */
  const direct: string[] = []
  let isClosed = false
  const pathOf = ({ id, format }: Pick<ExportJob, 'id' | 'format'>): string => join(directory, `export-${id}.${FORMATS[format].extension}`)
  const partOf = (job: Pick<ExportJob, 'id' | 'format'>): string => `${pathOf(job)}.part`

  mkdirSync(directory, { recursive: true, mode: 0o750 })
  for (const job of book.jobs())
    jobs.set(job.id, { job: job.state === 'running' ? { ...job, state: 'waiting', rows: 0, bytes: 0 } : job, stop: null })
  const known = new Set([...jobs.values()].filter(({ job }) => job.state === 'done').map(({ job }) => pathOf(job)))
  // Only what we named ourselves is ours to delete.
  for (const left of readdirSync(directory))
    if (/^(export-\d+|direct-\d+)\.\w+(\.part)?$/.test(left) && !known.has(join(directory, left)))
      rmSync(join(directory, left), { force: true })

  const change = (live: Live, to: Partial<ExportJob>): ExportJob => {
    live.job = { ...live.job, ...to }
    book.keep(live.job)
    return live.job
  }
  const used = (): number => {
    let bytes = 0
    for (const { job } of jobs.values()) if (job.state === 'done' || job.state === 'running') bytes += job.bytes
    return bytes
  }
  const forget = ({ job }: Live): void => {
    rmSync(pathOf(job), { force: true })
    rmSync(partOf(job), { force: true })
    jobs.delete(job.id)
    book.drop(job.id)
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

  const run = async (live: Live, opener: OpenRows): Promise<void> => {
    const stop = new AbortController()
    live.stop = stop
    const begun = change(live, { state: 'running', startedAt: clock.now(), starts: live.job.starts + 1, rows: 0, bytes: 0, error: null })
    const line = book.openLine(begun.id) ?? book.begin(begun.who, wantedOf(begun), begun.id, clock.now())
    const end = (outcome: ExportLogView['outcome'], sha256: string | null) => book.end(line, outcome, { ...live.job, sha256 }, clock.now())
    const failed = (error: GatewayError) => {
      rmSync(partOf(begun), { force: true })
      if (isClosed) return
      const isCancelled = error.code === 'EXPORT_CANCELLED'
      const { code, message, hint } = error
      change(live, {
        state: isCancelled ? 'cancelled' : 'failed',
        endedAt: clock.now(),
        error: isCancelled ? null : { code, message, hint },
      })
      end(isCancelled ? 'cancelled' : 'failed', null)
      if (!isCancelled) log('warn', `export ${begun.id} (${begun.result}): ${code} ${message}`)
    }
    try {
      if (hasExpired(begun.who, clock.now())) return failed(exportFailure('EXPORT_RIGHT', `the right of ${begun.by} has run out`).error)
      const rows = await opener(wantedOf(begun), begun.who)
      if (!rows.ok) return failed(rows.error.error)
      const { source } = rows.value
      change(live, { expected: source.expected })
      let said = 0
      const written = await write(
        { format: begun.format, language: begun.language, zone, path: partOf(begun), maxBytes: Math.max(0, maxBytes - used()) },
        source,
        stop.signal,
        (count, bytes) => {
          live.job = { ...live.job, rows: count, bytes }
          if (clock.now() - said < SAY_MS) return
          said = clock.now()
          book.keep(live.job)
        },
      )
      if (!written.ok) return failed(written.error)
      renameSync(partOf(begun), pathOf(begun))
      const { rows: count, bytes, sha256 } = written.value
      const now = clock.now()
      const file = { name: fileName(source, begun.format, now), type: FORMATS[begun.format].type, sha256 }
      change(live, { state: 'done', rows: count, bytes, endedAt: now, expiresAt: now + keepMs, file })
      end('done', sha256)
    } catch (error) {
      failed(failureOf(error))
    } finally {
      live.stop = null
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
  const own = (id: number, who: Principal): Live | null => {
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
    begin: (wanted, needs, who) => {
      tidy()
      const owner = personOf(who)
      const waiting = [...jobs.values()].filter(({ job }) => job.owner === owner && (job.state === 'waiting' || job.state === 'running'))
      if (isClosed || waiting.length >= MOST_WAITING)
        return refuse('busy', 'EXPORT_BUSY', `${waiting.length} exports of yours wait or are under way`)
      if (used() >= maxBytes) return refuse('unavailable', 'EXPORT_FULL', `files of exports take ${Math.ceil(used() / 1_048_576)} MB`)
      const job = book.add(owner, who, wanted, needs, clock.now())
      jobs.set(job.id, { job, stop: null })
      pump()
      return ok(viewOf(jobs.get(job.id)?.job ?? job))
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
      if (live.job.state === 'waiting') return ok(viewOf(change(live, { state: 'cancelled', endedAt: clock.now() })))
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
    direct: async (wanted, source, who) => {
      const owner = personOf(who)
      const own = direct.filter((other) => other === owner).length
      if (isClosed || direct.length >= MOST_DIRECT) return refuse('busy', 'EXPORT_BUSY', `${direct.length} files are being handed out`)
      if (own >= MOST_OWN) return refuse('busy', 'EXPORT_BUSY', `${own} files are being handed out to you`)
      direct.push(owner)
      const line = book.begin(who, wanted, null, clock.now())
      const ended = (outcome: ExportLogView['outcome'], tally: Tally, sha256: string | null): void => {
        direct.splice(direct.indexOf(owner), 1)
        if (!isClosed) book.end(line, outcome, { ...tally, sha256 }, clock.now())
      }
      const head = { name: fileName(source, wanted.format, clock.now()), type: FORMATS[wanted.format].type }
      return wanted.format === 'parquet' ? packed(wanted, source, line, head, ended) : ok({ ...head, ...streamed(wanted, source, ended) })
    },
    log: (before, limit) => book.log(before, limit),
  }

  type Ended = (outcome: ExportLogView['outcome'], tally: Tally, sha256: string | null) => void

  /** Parquet is read from its end: it is written first, by a thread, and handed out whole. */
  const packed = async (wanted: ExportWanted, source: RowSource, line: number, head: Pick<DirectFile, 'name' | 'type'>, ended: Ended) => {
    const path = join(directory, `direct-${line}.parquet.part`)
    const written = await write(
      { format: wanted.format, language: wanted.language, zone, path, maxBytes: Math.max(0, maxBytes - used()) },
      source,
      new AbortController().signal,
    )
    if (!written.ok) {
      rmSync(path, { force: true })
      ended('failed', { rows: 0, bytes: 0 }, null)
      return err<Refusal>({ because: 'unavailable', error: written.error })
    }
    const { rows, bytes, sha256 } = written.value
    const content = createReadStream(path)
    let isWhole = false
    content.once('end', () => {
      isWhole = true
    })
    content.once('close', () => {
      rmSync(path, { force: true })
      ended(isWhole ? 'done' : 'broken-off', { rows, bytes }, sha256)
    })
    return ok<DirectFile>({ ...head, content, whole: { bytes, sha256 }, digest: () => ({ rows, sha256 }) })
  }

  const streamed = (wanted: ExportWanted, source: RowSource, ended: Ended): Pick<DirectFile, 'content' | 'whole' | 'digest'> => {
    const tally: Tally = { rows: 0, bytes: 0 }
    const hash = createHash('sha256')
    const stop = new AbortController()
    let done: { readonly rows: number; readonly sha256: string } | null = null
    let isBegun = false
    async function* pieces(): AsyncGenerator<Uint8Array, void> {
      isBegun = true
      let outcome: ExportLogView['outcome'] = 'broken-off'
      try {
        for await (const piece of encode(source, wanted.format, { zone, language: wanted.language }, stop.signal, tally)) {
          hash.update(piece)
          yield piece
          // Whoever reads meters comes first.
          await new Promise((resolve) => setImmediate(resolve))
        }
        done = { rows: tally.rows, sha256: hash.digest('hex') }
        outcome = 'done'
      } catch (error) {
        const { code, message } = failureOf(error)
        // Nobody waits any more: that is no failure of ours.
        if (code !== 'EXPORT_CANCELLED') {
          outcome = 'failed'
          log('warn', `export of ${wanted.result} broke off: ${code} ${message}`)
        }
        throw error
      } finally {
        ended(outcome, tally, done?.sha256 ?? null)
      }
    }
    const content = Readable.from(pieces(), { objectMode: false })
    content.once('close', () => {
      stop.abort()
      // What was never begun has no end of its own.
      if (!isBegun) ended('broken-off', tally, null)
    })
    return { content, whole: null, digest: () => done }
  }

  return {
    port,
    /** For tests: when nothing is under way any more. */
    idle: async (): Promise<void> => {
      while (underWay.size > 0) await Promise.all(underWay)
    },
    close: async (): Promise<void> => {
      isClosed = true
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

const wantedOf = ({ result, query, format, language }: ExportWanted): ExportWanted => ({ result, query, format, language })

const viewOf = ({ owner: _, who: _who, needs: _needs, ...view }: ExportJob): ExportJobView => view

/** Whether the file is there, as it was written. */
const isWhole = (path: string, bytes: number): boolean => {
  try {
    return statSync(path).size === bytes
  } catch {
    return false
  }
}
