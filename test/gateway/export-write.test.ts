import { createHash } from 'node:crypto'
import { appendFileSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, expect, it } from 'vitest'
import type { ExportFormat, ExportRow } from '../../src/export/index.ts'
import { type ExportTask, type WrittenPart, writeRows } from '../../src/gateway/export-write.ts'
import { COLUMNS, ROWS } from '../export/sources.ts'

const directory = mkdtempSync(join(tmpdir(), 'export-write-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

const taskOf = (format: ExportFormat, name: string, rowsOfGroup: number, before: ExportTask['before'] = null): ExportTask => ({
  ...{ name: 'readings', columns: COLUMNS, about: { question: 'all' }, format, zone: 'Asia/Shanghai', language: 'en' },
  ...{ path: join(directory, name), maxBytes: 1e9, before, keepEveryMs: 0, rowsOfGroup },
})
async function* inPieces(rows: readonly ExportRow[], sizes: readonly number[], most = Number.POSITIVE_INFINITY) {
  for (let at = 0, turn = 0; at < rows.length; turn++) {
    if (turn >= most) throw new Error('killed')
    const size = sizes[turn % sizes.length] ?? 1
    yield rows.slice(at, at + size)
    at += size
  }
}
const rowsOf = (count: number): ExportRow[] =>
  Array.from({ length: count }, (_, at) => [`P-${at}`, ...(ROWS[at % ROWS.length] ?? []).slice(1)])
const sizes = fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength: 5 }).map((found) => [...found, 1])
const digest = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')

interface Part {
  readonly part: WrittenPart
  readonly group: Uint8Array | null
}

/** Writes some pieces and dies. @returns what was said to be safe until then */
const cut = async (task: ExportTask, rows: readonly ExportRow[], pieces: readonly number[], most: number): Promise<Part[]> => {
  const parts: Part[] = []
  await writeRows(task, inPieces(rows, pieces, most), (part, group) => parts.push({ part, group })).catch(() => undefined)
  return parts
}

it.each(['csv', 'ndjson', 'parquet'] as const)(
  '%s: whatever stands behind a safe part, and however rows come in pieces, the file is the one that was never cut',
  async (format) => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 60 }),
        ...([sizes, sizes, fc.nat(30), fc.nat(), fc.constantFrom('left', 'exact', 'garbage'), fc.integer({ min: 1, max: 9 })] as const),
        async (count, first, second, most, which, behind, rowsOfGroup) => {
          const rows = rowsOf(count)
          const whole = await writeRows(taskOf(format, 'whole', rowsOfGroup), inPieces(rows, second))
          const task = taskOf(format, 'cut', rowsOfGroup)
          rmSync(task.path, { force: true })
          const parts = await cut(task, rows, first, most)
          if (parts.length === 0) return
          const at = which % parts.length
          const { part } = parts[at] ?? { part: { rows: 0, bytes: 0, sha256: '' } }
          if (behind === 'exact') truncateSync(task.path, part.bytes)
          if (behind === 'garbage') appendFileSync(task.path, '"half a row')
          const groups = parts.slice(0, at + 1).flatMap(({ group }) => group ?? [])
          const later: Part[] = []
          const resumed = await writeRows({ ...task, before: { ...part, groups } }, inPieces(rows.slice(part.rows), second), (one, group) =>
            later.push({ part: one, group }),
          )
          expect(resumed).toEqual(whole)
          const bytes = readFileSync(task.path)
          expect(bytes.equals(readFileSync(join(directory, 'whole')))).toBe(true)
          if (resumed.ok) expect(resumed.value).toMatchObject({ bytes: bytes.length, sha256: digest(bytes), rows: count })
          // Every part that is said to be safe is the start of the file.
          for (const { part: one } of [...parts, ...later]) expect(digest(bytes.subarray(0, one.bytes))).toBe(one.sha256)
        },
      ),
      { numRuns: 60 },
    )
  },
)

it('a part of Parquet of which a group is not known is not gone on with', async () => {
  const rows = rowsOf(20)
  const task = taskOf('parquet', 'groups', 3)
  const parts = await cut(task, rows, [4], 4)
  const { part } = parts.at(-1) ?? { part: { rows: 0, bytes: 0, sha256: '' } }
  const groups = parts.flatMap(({ group }) => group ?? [])
  expect(groups.length).toBeGreaterThan(2)
  const again = (known: readonly Uint8Array[]) =>
    writeRows({ ...task, before: { ...part, groups: known } }, inPieces(rows.slice(part.rows), [4]))
  expect(await again(groups.slice(1))).toMatchObject({ ok: false, error: { code: 'EXPORT_PART' } })
  expect(await again(groups)).toMatchObject({ ok: true, value: { rows: 20 } })
})

it('a part that is shorter, another, or gone is not gone on with', async () => {
  const task = taskOf('csv', 'other', 5)
  const rows = rowsOf(20)
  const [, { part } = { part: { rows: 0, bytes: 0, sha256: '' } }] = await cut(task, rows, [5], 3)
  const again = () => writeRows({ ...task, before: { ...part, groups: [] } }, inPieces(rows.slice(part.rows), [5]))
  const whole = readFileSync(task.path)
  const spoilt: readonly (() => void)[] = [
    () => truncateSync(task.path, part.bytes - 1),
    () => writeFileSync(task.path, Buffer.concat([Buffer.from('x'), whole.subarray(1)])),
    () => rmSync(task.path),
  ]
  for (const spoil of spoilt) {
    writeFileSync(task.path, whole)
    spoil()
    expect(await again()).toMatchObject({ ok: false, error: { code: 'EXPORT_PART' } })
  }
})
