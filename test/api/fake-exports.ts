import { createHash } from 'node:crypto'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { type Principal, personOf } from '../../src/access/principals.ts'
import type { ExportJobView, ExportLogView, ExportPort, OpenRows, Refusal } from '../../src/api/index.ts'
import { err } from '../../src/core/index.ts'
import { encode, exportFailure, FORMATS, fileName, type RowSource } from '../../src/export/index.ts'

const NOW = Date.parse('2026-08-15T12:00:00Z')

/** Files that are made at once; a job is done when its file was asked for. */
export const fakeExports = (): ExportPort => {
  const jobs = new Map<number, { view: ExportJobView; owner: string; who: Principal }>()
  const lines: ExportLogView[] = []
  let open: OpenRows | null = null
  const bytesOf = async (source: RowSource, { format, language }: Pick<ExportJobView, 'format' | 'language'>) => {
    const pieces: Uint8Array[] = []
    const tally = { rows: 0, bytes: 0 }
    for await (const piece of encode(source, format, { zone: 'Asia/Shanghai', language }, new AbortController().signal, tally))
      pieces.push(piece)
    const file = Buffer.concat(pieces)
    return { file, rows: tally.rows, sha256: createHash('sha256').update(file).digest('hex') }
  }
  const unknown = (id: number) =>
    err<Refusal>({ because: 'unknown', error: exportFailure('EXPORT_UNKNOWN', `you have no export ${id}`).error })
  const own = (id: number, who: Principal) => {
    const job = jobs.get(id)
    return job && job.owner === personOf(who) ? job : null
  }
  return {
    zone: 'Asia/Shanghai',
    use: (opener) => {
      open = opener
    },
    begin: (wanted, _needs, who, address) => {
      const id = jobs.size + 1
      const view: ExportJobView = {
        ...{ ...wanted, id, by: who.name, state: 'waiting', rows: 0, bytes: 0, expected: null, createdAt: NOW, startedAt: null },
        ...{ endedAt: null, expiresAt: null, starts: 0, share: null, firstRowAt: null, keptRows: 0, restart: null, changed: null },
        ...{ file: null, error: null },
      }
      const job = { view, owner: personOf(who), who }
      jobs.set(id, job)
      void open?.(wanted, who, address).then(async (rows) => {
        if (!rows.ok) return
        const { file, rows: count, sha256 } = await bytesOf(rows.value.source, wanted)
        const path = join(mkdtempSync(join(tmpdir(), 'exports-')), 'file')
        writeFileSync(path, file)
        paths.set(id, path)
        const name = fileName(rows.value.source, wanted.format, NOW)
        job.view = {
          ...{ ...view, state: 'done', rows: count, bytes: file.length, startedAt: NOW, endedAt: NOW, expiresAt: NOW + 1000, starts: 1 },
          file: { name, type: FORMATS[wanted.format].type, sha256 },
        }
      })
      return { ok: true, value: view }
    },
    list: (who, before, limit) =>
      [...jobs.values()]
        .filter(({ owner, view }) => owner === personOf(who) && (before === null || view.id < before))
        .map(({ view }) => view)
        .reverse()
        .slice(0, limit),
    get: (id, who) => own(id, who)?.view ?? null,
    remove: (id, who) => {
      const job = own(id, who)
      if (!job) return unknown(id)
      jobs.delete(id)
      return { ok: true, value: job.view }
    },
    file: (id, who) => {
      const job = own(id, who)
      if (!job) return unknown(id)
      const path = paths.get(id)
      const { file, bytes } = job.view
      if (!path || !file) return err<Refusal>({ because: 'not-possible', error: exportFailure('EXPORT_STATE', 'not yet').error })
      return { ok: true, value: { path, bytes, ...file } }
    },
    direct: async (wanted, source, who) => {
      const { file, rows, sha256 } = await bytesOf(source, wanted)
      const id = lines.length + 1
      lines.push({
        ...{
          ...wanted,
          id,
          at: NOW,
          who: who.name,
          kind: who.kind,
          job: null,
          outcome: 'done',
          rows,
          bytes: file.length,
          sha256,
          endedAt: NOW,
        },
      })
      return {
        ok: true,
        value: {
          name: fileName(source, wanted.format, NOW),
          type: FORMATS[wanted.format].type,
          content: Readable.from([file]),
          whole: null,
          digest: () => ({ rows, sha256 }),
        },
      }
    },
    log: (before, limit) =>
      lines
        .toReversed()
        .filter(({ id }) => before === null || id < before)
        .slice(0, limit),
  }
}
const paths = new Map<number, string>()
