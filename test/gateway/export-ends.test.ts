import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { Principal } from '../../src/access/principals.ts'
import type { ExportWanted, OpenRows } from '../../src/api/index.ts'
import { ok, systemClock } from '../../src/core/index.ts'
import { exportFailure, type RowSource, RowsStopped } from '../../src/export/index.ts'
import { ExportBook } from '../../src/gateway/export-book.ts'
import { openExportJobs } from '../../src/gateway/export-jobs.ts'
import { writeInThread } from '../../src/gateway/export-thread.ts'
import { ROWS, sourceOf } from '../export/sources.ts'

const ANN: Principal = {
  ...{ kind: 'user', id: 'ann', name: 'ann', roles: ['analyst'], former: null, zones: null, customer: null, expiresAt: null },
}
const wanted = (change: Partial<ExportWanted> = {}): ExportWanted => ({
  ...{ result: 'readings', query: {}, format: 'csv', language: 'en' },
  ...change,
})
const rowsOf =
  (source: RowSource): OpenRows =>
  async () =>
    ok({ source, needs: 'readings:read' })
const folder = () => {
  const directory = mkdtempSync(join(tmpdir(), 'exports-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

describe('on a disk that is full', () => {
  /** exports.db takes nothing from the given step of a job on. */
  class FullBook extends ExportBook {
    full: readonly string[] = []
    override keep(job: Parameters<ExportBook['keep']>[0]): void {
      if (this.full.includes(job.state)) throw new Error('database or disk is full')
      super.keep(job)
    }
    override begin(...line: Parameters<ExportBook['begin']>): number {
      if (this.full.includes('log')) throw new Error('database or disk is full')
      return super.begin(...line)
    }
    override add(...job: Parameters<ExportBook['add']>): ReturnType<ExportBook['add']> {
      if (this.full.includes('add')) throw new Error('database or disk is full')
      return super.add(...job)
    }
    override end(...line: Parameters<ExportBook['end']>): void {
      if (this.full.length > 0) throw new Error('database or disk is full')
      super.end(...line)
    }
  }
  it.each([
    ['begins', ['running', 'failed']],
    ['fails', ['failed']],
    ['is done', ['done', 'failed']],
  ] as const)('a job that %s is failed, leaves no file, and the next ones go on', async (step, full) => {
    const dataDirectory = folder()
    const directory = join(dataDirectory, 'exports')
    const book = new FullBook(dataDirectory)
    const settings = { directory, keepMs: 3_600_000, maxBytes: 10_000_000, maxJobs: 1 }
    const jobs = openExportJobs({ settings, zone: 'Asia/Shanghai', clock: systemClock, book, log: () => undefined })
    onTestFinished(async () => {
      await jobs.close()
      book.close()
    })
    book.full = full
    const broken = sourceOf([], undefined, {
      // biome-ignore lint/correctness/useYield: it fails before its first row
      rows: async function* () {
        throw new RowsStopped(exportFailure('EXPORT_ROWS', 'the store stopped').error)
      },
    })
    jobs.port.use(rowsOf(step === 'fails' ? broken : sourceOf([ROWS])))
    const first = jobs.port.begin(wanted(), 'readings:read', ANN, '')
    await jobs.idle()
    expect(first).toMatchObject({ ok: true, value: { id: 1 } })
    expect(jobs.port.get(1, ANN)).toMatchObject({
      state: 'failed',
      file: null,
      error: { code: step === 'fails' ? 'EXPORT_ROWS' : 'EXPORT_DISK' },
    })
    expect(readdirSync(directory)).toEqual([])
    book.full = []
    jobs.port.use(rowsOf(sourceOf([ROWS])))
    jobs.port.begin(wanted(), 'readings:read', ANN, '')
    await jobs.idle()
    expect(jobs.port.get(2, ANN)).toMatchObject({ state: 'done', rows: 7 })
    // What is written down nowhere is not begun, and takes no place.
    book.full = ['add', 'log']
    for (let turn = 0; turn < 9; turn++) {
      const refused = { ok: false, error: { because: 'unavailable', error: { code: 'EXPORT_DISK' } } }
      expect(jobs.port.begin(wanted(), 'readings:read', ANN, '')).toMatchObject(refused)
      expect(await jobs.port.direct(wanted(), sourceOf([ROWS]), ANN)).toMatchObject(refused)
    }
    book.full = ['end of the log']
    const file = await jobs.port.direct(wanted({ format: 'parquet' }), sourceOf([ROWS]), ANN)
    if (!file.ok) throw new Error(file.error.error.message)
    for await (const _ of file.value.content);
    await new Promise((resolve) => (file.value.content.closed ? resolve(null) : file.value.content.once('close', resolve)))
    expect(file.value.digest()).toMatchObject({ rows: 7 })
  })
})

it('a job that is cancelled at its very end is cancelled: what was said of it holds', async () => {
  const dataDirectory = folder()
  const book = new ExportBook(dataDirectory)
  const settings = { directory: join(dataDirectory, 'exports'), keepMs: 3_600_000, maxBytes: 10_000_000, maxJobs: 1 }
  const jobs = openExportJobs({
    ...{ settings, zone: 'Asia/Shanghai', clock: systemClock, book, log: () => undefined },
    write: async (...asked) => {
      const written = await writeInThread(...asked)
      expect(jobs.port.remove(1, ANN)).toMatchObject({ ok: true, value: { state: 'cancelled' } })
      return written
    },
  })
  onTestFinished(async () => {
    await jobs.close()
    book.close()
  })
  jobs.port.use(rowsOf(sourceOf([ROWS])))
  jobs.port.begin(wanted(), 'readings:read', ANN, '')
  await jobs.idle()
  expect(jobs.port.get(1, ANN)).toMatchObject({ state: 'cancelled', file: null })
  expect(readdirSync(settings.directory)).toEqual([])
})
