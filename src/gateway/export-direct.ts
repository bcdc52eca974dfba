import { createHash } from 'node:crypto'
import { createReadStream, rmSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { personOf } from '../access/principals.ts'
import type { DirectFile, ExportLogView, ExportPort, ExportWanted, Refusal } from '../api/index.ts'
import { type Clock, err, ok } from '../core/index.ts'
import { encode, exportFailure, FORMATS, fileName, type RowSource, type Tally } from '../export/index.ts'
import { type ExportBook, messageOf, unlessFull } from './export-book.ts'
import { failureOf, type writeInThread } from './export-thread.ts'

export interface DirectDeps {
  readonly directory: string
  readonly zone: string
  readonly clock: Pick<Clock, 'now'>
  readonly book: Pick<ExportBook, 'begin' | 'end'>
  readonly log: (level: 'warn', message: string) => void
  readonly write: typeof writeInThread
  /** Bytes that files may still take. */
  readonly left: () => number
  /** How long a file may take that is written before it is sent. */
  readonly longestMs?: number
}

/** A connection on which nothing moves is ended after 25 s. */
const LONGEST_MS = 20_000

/** Handed out at the same time, to one person and to all. */
const MOST_OWN = 4
const MOST_DIRECT = 8

type Ended = (outcome: ExportLogView['outcome'], tally: Tally, sha256: string | null) => void

/** Files that are handed out while they are written. */
export const directFiles = ({ directory, zone, clock, book, log, write, left, longestMs = LONGEST_MS }: DirectDeps) => {
  /** To whom files are being handed out; somebody is named for each. */
  const direct: string[] = []
  let isClosed = false
  const ifItCan = unlessFull(log)

  /** Parquet is read from its end: it is written first, by a thread, and handed out whole. */
  const packed = async (wanted: ExportWanted, source: RowSource, line: number, head: Pick<DirectFile, 'name' | 'type'>, ended: Ended) => {
    const path = join(directory, `direct-${line}.parquet.part`)
    const options = { format: wanted.format, language: wanted.language, zone, path, maxBytes: left() }
    const late = new AbortController()
    const timer = setTimeout(() => late.abort(), longestMs)
    const written = await write(options, source, late.signal)
    clearTimeout(timer)
    if (!written.ok) {
      rmSync(path, { force: true })
      ended('failed', { rows: 0, bytes: 0 }, null)
      if (late.signal.aborted)
        return err<Refusal>({ because: 'not-possible', error: exportFailure('EXPORT_LONG', 'the file is too long to be waited for').error })
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

  const give: ExportPort['direct'] = async (wanted, source, who) => {
    const owner = personOf(who)
    const own = direct.filter((other) => other === owner).length
    if (isClosed || direct.length >= MOST_DIRECT) return busy(`${direct.length} files are being handed out`)
    if (own >= MOST_OWN) return busy(`${own} files are being handed out to you`)
    let line: number
    try {
      // Nothing is taken away that is not written down.
      line = book.begin(who, wanted, null, clock.now())
    } catch (error) {
      const { error: full } = exportFailure('EXPORT_DISK', `exports.db cannot be written: ${messageOf(error)}`)
      return err<Refusal>({ because: 'unavailable', error: full })
    }
    direct.push(owner)
    const ended: Ended = (outcome, tally, sha256) => {
      direct.splice(direct.indexOf(owner), 1)
      if (!isClosed) ifItCan(() => book.end(line, outcome, { ...tally, sha256 }, clock.now()))
    }
    const head = { name: fileName(source, wanted.format, clock.now()), type: FORMATS[wanted.format].type }
    return wanted.format === 'parquet' ? packed(wanted, source, line, head, ended) : ok({ ...head, ...streamed(wanted, source, ended) })
  }
  return {
    give,
    close: () => {
      isClosed = true
    },
  }
}

const busy = (message: string) => err<Refusal>({ because: 'busy', error: exportFailure('EXPORT_BUSY', message).error })
