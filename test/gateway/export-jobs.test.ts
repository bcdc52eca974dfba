import { createHash } from 'node:crypto'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import type { Principal } from '../../src/access/principals.ts'
import type { ExportWanted, OpenRows } from '../../src/api/index.ts'
import { ok, systemClock } from '../../src/core/index.ts'
import { type ExportRow, exportFailure, type RowSource, RowsStopped } from '../../src/export/index.ts'
import { openExports } from '../../src/gateway/start-exports.ts'
import { openDatabase } from '../../src/sqlite/index.ts'
import { ROWS, sourceOf } from '../export/sources.ts'

const who = (name: string, change: Partial<Principal> = {}): Principal => ({
  ...{ kind: 'user', id: name, name, roles: ['analyst'], former: null, zones: null, customer: null, expiresAt: null },
  ...change,
})
const ANN = who('ann')
const wanted = (change: Partial<ExportWanted> = {}): ExportWanted => ({
  result: 'readings',
  query: { point: ['P-1', 'P-2'] },
  format: 'csv',
  language: 'en',
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
const opened = (
  dataDirectory: string,
  settings: Partial<Parameters<typeof openExports>[0]['settings']> = {},
  clock = systemClock,
  more: Pick<Parameters<typeof openExports>[0], 'longestMs'> = {},
) => {
  const files = openExports({
    ...{ dataDirectory, zone: 'Asia/Shanghai', clock, log: () => undefined, keepEveryMs: 0, ...more },
    settings: { directory: join(dataDirectory, 'exports'), keepMs: 3_600_000, maxBytes: 10_000_000, maxJobs: 1, ...settings },
  })
  let isClosed = false
  const close = async () => {
    if (!isClosed) await files.close()
    isClosed = true
  }
  onTestFinished(close)
  return { ...files, close }
}
const begin = ({ port }: ReturnType<typeof opened>, change: Partial<ExportWanted> = {}, by = ANN) => {
  const begun = port.begin(wanted(change), 'readings:read', by, '127.0.0.1')
  if (!begun.ok) throw new Error(begun.error.error.code)
  return begun.value.id
}
const endless = () => {
  let give: (() => void) | null = null
  const source = sourceOf([], undefined, {
    rows: async function* (signal) {
      yield { rows: ROWS.slice(0, 2) }
      await new Promise<void>((resolve) => {
        give = resolve
        signal.addEventListener('abort', () => resolve(), { once: true })
        if (signal.aborted) resolve()
      })
      if (!signal.aborted) yield { rows: ROWS.slice(0, 2) }
    },
  })
  return { source, goOn: () => give?.() }
}

describe('a file made in the background', () => {
  it.each(['csv', 'xlsx', 'parquet', 'ndjson'] as const)(
    '%s: is what its digest says, under a name a person finds again',
    async (format) => {
      const files = opened(folder())
      files.port.use(rowsOf(sourceOf([ROWS, ROWS], undefined, { expected: 14 })))
      const id = begin(files, { format })
      await files.idle()
      expect(files.port.get(id, ANN)).toMatchObject({ state: 'done', rows: 14, expected: 14, starts: 1, error: null })
      const file = files.port.file(id, ANN)
      if (!file.ok) throw new Error(file.error.error.message)
      const content = readFileSync(file.value.path)
      expect(file.value).toMatchObject({ bytes: content.length, sha256: createHash('sha256').update(content).digest('hex') })
      expect(file.value.name).toMatch(new RegExp(`^readings-\\d{8}-\\d{6}\\.${format}$`))
      expect(files.port.log(null, 10)).toMatchObject([
        { who: 'ann', kind: 'user', job: id, outcome: 'done', rows: 14, sha256: file.value.sha256, query: { point: ['P-1', 'P-2'] } },
      ])
    },
  )
  it('is done one after another, and cancelled while it waits or is under way; half a file stays nowhere', async () => {
    const directory = folder()
    const files = opened(directory)
    const { source } = endless()
    files.port.use(rowsOf(source))
    const [first, second] = [begin(files), begin(files)]
    await vi.waitFor(() => expect(files.port.get(first, ANN)?.rows).toBe(2), { timeout: 60_000 })
    expect(files.port.get(second, ANN)?.state).toBe('waiting')
    expect(files.port.file(first, ANN)).toMatchObject({ ok: false, error: { error: { code: 'EXPORT_STATE' } } })
    files.port.remove(second, ANN)
    files.port.remove(first, ANN)
    await files.idle()
    expect([first, second].map((id) => files.port.get(id, ANN)?.state)).toEqual(['cancelled', 'cancelled'])
    expect(readdirSync(join(directory, 'exports'))).toEqual([])
    expect(files.port.log(null, 10)).toMatchObject([{ job: first, outcome: 'cancelled', sha256: null }])
  })
  it('fails with the reason of its rows, and never with half of them', async () => {
    const files = opened(folder())
    files.port.use(
      rowsOf(
        sourceOf(
          (async function* () {
            yield ROWS
            throw new RowsStopped(exportFailure('EXPORT_ROWS', 'the store stopped').error)
          })(),
        ),
      ),
    )
    const id = begin(files)
    await files.idle()
    expect(files.port.get(id, ANN)).toMatchObject({
      state: 'failed',
      file: null,
      error: { code: 'EXPORT_ROWS', message: 'the store stopped' },
    })
    expect(files.port.log(null, 1)).toMatchObject([{ outcome: 'failed', sha256: null }])
  })
  it('does not outgrow the room that is left', async () => {
    const files = opened(folder(), { maxBytes: 2000 })
    files.port.use(rowsOf(sourceOf(Array.from({ length: 100 }, () => ROWS))))
    const id = begin(files)
    await files.idle()
    expect(files.port.get(id, ANN)).toMatchObject({ state: 'failed', error: { code: 'EXPORT_FULL' } })
  })
  it('goes when its time is over', async () => {
    let now = 1_800_000_000_000
    const files = opened(folder(), {}, { ...systemClock, now: () => now })
    files.port.use(rowsOf(sourceOf([ROWS])))
    const id = begin(files)
    await files.idle()
    const file = files.port.file(id, ANN)
    now += 3_600_001
    begin(files)
    expect(files.port.get(id, ANN)).toBeNull()
    expect(file.ok && existsSync(file.value.path)).toBe(false)
    await files.idle()
  })
  it('is nobody else’s, and not even of who lost the right since', async () => {
    const files = opened(folder())
    files.port.use(rowsOf(sourceOf([ROWS])))
    const id = begin(files)
    await files.idle()
    const readers = {
      another: who('bob'),
      'a token of hers': who('t', { kind: 'token', owner: 'ann' }),
      'with one zone since': who('ann', { zones: ['Z-1'] }),
      'without the permission since': who('ann', { roles: ['secadm'] }),
    }
    expect(Object.entries(readers).map(([name, one]) => [name, files.port.file(id, one).ok])).toEqual([
      ['another', false],
      ['a token of hers', true],
      ['with one zone since', false],
      ['without the permission since', false],
    ])
  })
  it('deletes nothing in its directory that it did not make', async () => {
    const directory = folder()
    const first = opened(directory)
    first.port.use(rowsOf(sourceOf([ROWS])))
    begin(first)
    await first.idle()
    await first.close()
    writeFileSync(join(directory, 'exports', 'mine.csv'), 'x')
    writeFileSync(join(directory, 'exports', 'export-99.csv.part'), 'x')
    opened(directory)
    expect(readdirSync(join(directory, 'exports')).sort()).toEqual(['export-1.csv', 'mine.csv'])
  })
})

describe('a file that a restart cut off', () => {
  const BASIS: NonNullable<RowSource['basis']> = {
    state: async () => 'P-1 P-2',
    readings: { measurement: 'register', from: 1000, to: 9000, passed: 1000 },
    energy: { from: Date.parse('2026-11-02T00:00:00Z'), to: Date.parse('2026-11-03T00:00:00Z') },
  }
  const MOST = 40
  const rowOf = (at: number): ExportRow => [`P-${at}`, at, `${at}.5`, '1', at, 0.5, true]
  /** Rows one by one, each with its place; stops for ever at a row. */
  const places = (stopAt = MOST, basis: RowSource['basis'] = BASIS, asked: (string | null)[] = []) =>
    sourceOf([], undefined, {
      basis,
      rows: async function* (signal, from = null) {
        asked.push(from)
        for (let at = Number(from ?? 0); at < MOST; at++) {
          if (at === stopAt)
            await new Promise<void>((resolve) => {
              signal.addEventListener('abort', () => resolve(), { once: true })
              if (signal.aborted) resolve()
            })
          if (signal.aborted) return
          yield { rows: [rowOf(at)], place: { mark: String(at + 1), until: 1000 + at * 100, share: (at + 1) / MOST } }
        }
      },
    })
  const contentOf = (files: ReturnType<typeof opened>, id: number) => {
    const file = files.port.file(id, ANN)
    if (!file.ok) throw new Error(file.error.error.message)
    return readFileSync(file.value.path, 'utf8')
  }
  /** Cut off after twenty rows; what is safe of them is whatever the thread had time for. */
  const cutOff = async (directory: string, change: Partial<ExportWanted> = {}, basis: RowSource['basis'] = BASIS) => {
    const before = opened(directory)
    before.port.use(rowsOf(places(20, basis)))
    const id = begin(before, change)
    await vi.waitFor(() => expect(before.port.get(id, ANN)?.rows).toBe(20), { timeout: 60_000 })
    return { before, id }
  }
  const reading = (measuredAt: number) => ({ series: { measurement: 'register' }, measuredAt })

  it('goes on with the row after the last that is safe; percent, rows and bytes count on', async () => {
    const directory = folder()
    const { before, id } = await cutOff(directory)
    expect(before.port.get(id, ANN)).toMatchObject({ share: 0.5, starts: 1, keptRows: 0, changed: false })
    await before.close()
    const after = opened(directory)
    const waiting = after.port.get(id, ANN)
    expect(waiting).toMatchObject({ state: 'waiting', rows: expect.toSatisfy((rows: number) => rows >= 19), bytes: expect.any(Number) })
    const asked: (string | null)[] = []
    after.port.use(rowsOf(places(MOST, BASIS, asked)))
    await after.idle()
    expect(asked).toEqual([String(waiting?.rows)])
    expect(after.port.get(id, ANN)).toMatchObject({
      state: 'done',
      rows: MOST,
      starts: 2,
      keptRows: waiting?.rows,
      restart: null,
      share: 1,
    })
    const lines = contentOf(after, id).trimEnd().split('\r\n')
    expect(lines.slice(1).map((line) => line.split(',')[0])).toEqual(Array.from({ length: MOST }, (_, at) => `"P-${at}"`))
    expect(after.port.log(null, 10)).toMatchObject([{ job: id, outcome: 'done', rows: MOST }])
  })
  it.each([
    ['its points are others', { state: async () => 'P-1' }, 'other-points'],
    ['its result cannot be asked in the middle', null, 'result'],
  ] as const)('begins again where %s', async (_what, change, restart) => {
    const directory = folder()
    const { before, id } = await cutOff(directory)
    await before.close()
    const after = opened(directory)
    const asked: (string | null)[] = []
    after.port.use(rowsOf(places(MOST, change && { ...BASIS, ...change }, asked)))
    await after.idle()
    expect(asked).toEqual([null])
    expect(after.port.get(id, ANN)).toMatchObject({ state: 'done', rows: MOST, starts: 2, keptRows: 0, restart })
  })
  it('a workbook begins again, and so does what was spoilt on the disk', async () => {
    const directory = folder()
    const sheet = await cutOff(directory, { format: 'xlsx' })
    const other = begin(sheet.before)
    await sheet.before.close()
    const second = opened(directory)
    second.port.use(rowsOf(places(20)))
    await vi.waitFor(() => expect(second.port.get(sheet.id, ANN)?.rows).toBe(20), { timeout: 60_000 })
    expect(second.port.get(sheet.id, ANN)).toMatchObject({ restart: 'format', keptRows: 0 })
    second.port.remove(sheet.id, ANN)
    await vi.waitFor(() => expect(second.port.get(other, ANN)?.rows).toBe(20), { timeout: 60_000 })
    await second.close()
    writeFileSync(join(directory, 'exports', `export-${other}.csv.part`), 'something else')
    const third = opened(directory)
    third.port.use(rowsOf(places()))
    await third.idle()
    expect(third.port.get(other, ANN)).toMatchObject({ state: 'done', rows: MOST, restart: 'no-part', keptRows: 0 })
    expect(contentOf(third, other).split('\r\n')).toHaveLength(MOST + 2)
  })
  it.each([
    ['a reading behind it', (files: ReturnType<typeof opened>) => files.heard([reading(1500)]), true],
    ['a reading ahead of it', (files: ReturnType<typeof opened>) => files.heard([reading(3000)]), false],
    ['energy of its time', (files: ReturnType<typeof opened>) => files.energyChanged('P-1', '2026-11-02'), true],
  ])('says that %s came, and mixes nothing', async (_what, come, isChanged) => {
    for (const isGone of [false, true]) {
      const directory = folder()
      const { before, id } = await cutOff(directory)
      if (!isGone) come(before)
      expect(before.port.get(id, ANN)?.changed).toBe(isChanged && !isGone)
      await before.close()
      const after = opened(directory)
      if (isGone) come(after)
      after.port.use(rowsOf(places()))
      await after.idle()
      const found = { state: 'done', rows: MOST, changed: false, restart: isChanged ? 'changed' : null }
      expect(after.port.get(id, ANN)).toMatchObject(found)
      expect(after.port.get(id, ANN)?.keptRows === 0).toBe(isChanged)
    }
  })
  describe('of what nobody watches', () => {
    const UNWATCHED: typeof BASIS = { state: BASIS.state, readings: null, energy: null }
    /** Things of three rows each: only behind the third rows can be asked for. */
    const things = (stopAt = MOST, asked: (string | null)[] = []) =>
      sourceOf([], undefined, {
        basis: UNWATCHED,
        rows: async function* (signal, from = null) {
          asked.push(from)
          for (let at = Number(from ?? 0) * 3; at < MOST; at++) {
            if (at === stopAt) await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
            if (signal.aborted) return
            const isLast = at % 3 === 2
            yield { rows: [rowOf(at)], ...(isLast ? { place: { mark: String((at + 1) / 3), until: null, share: null } } : {}) }
          }
        },
      })
    const cutOff = async (directory: string, change: Partial<ExportWanted> = {}, clock = systemClock) => {
      const before = opened(directory, {}, clock)
      before.port.use(rowsOf(things(20)))
      const id = begin(before, change)
      await vi.waitFor(() => expect(before.port.get(id, ANN)?.rows).toBe(20), { timeout: 60_000 })
      expect(before.port.get(id, ANN)?.changed).toBeNull()
      await before.close()
      return id
    }
    it.each(['csv', 'ndjson'] as const)('%s goes on at a place of its rows, never between two', async (format) => {
      const directory = folder()
      const id = await cutOff(directory, { format })
      const after = opened(directory)
      const asked: (string | null)[] = []
      after.port.use(rowsOf(things(MOST, asked)))
      await after.idle()
      const { keptRows = 0, ...job } = after.port.get(id, ANN) ?? {}
      expect(job).toMatchObject({ state: 'done', rows: MOST, starts: 2, restart: null, changed: null })
      expect([keptRows % 3, keptRows > 0]).toEqual([0, true])
      expect(asked).toEqual([String(keptRows / 3)])
      const names = contentOf(after, id).match(/P-\d+/g)
      expect(names).toEqual(Array.from({ length: MOST }, (_, at) => `P-${at}`))
    })
    it('begins again where it was cut off long ago, and as Parquet', async () => {
      let now = systemClock.now()
      const clock = { ...systemClock, now: () => now }
      for (const [format, restart] of [
        ['csv', 'old'],
        ['parquet', 'format'],
      ] as const) {
        const directory = folder()
        const id = await cutOff(directory, { format }, clock)
        now += 900_001
        const after = opened(directory, {}, clock)
        after.port.use(rowsOf(things()))
        await after.idle()
        expect(after.port.get(id, ANN)).toMatchObject({ state: 'done', rows: MOST, keptRows: 0, restart })
      }
    })
  })
  it('leaves nothing behind when it is cancelled while it waits', async () => {
    const directory = folder()
    const { before, id } = await cutOff(directory)
    await before.close()
    const after = opened(directory)
    expect(readdirSync(join(directory, 'exports'))).toEqual([`export-${id}.csv.part`])
    after.port.remove(id, ANN)
    expect(readdirSync(join(directory, 'exports'))).toEqual([])
  })
  it('a file of jobs of the version before is taken over: what was under way in it begins again', async () => {
    const directory = folder()
    const old = openDatabase(join(directory, 'exports.db'))
    old.exec(`CREATE TABLE job (id INTEGER PRIMARY KEY AUTOINCREMENT, owner TEXT NOT NULL, who TEXT NOT NULL, wanted TEXT NOT NULL, needs TEXT NOT NULL,
        state TEXT NOT NULL, created INTEGER NOT NULL, body TEXT NOT NULL) STRICT;
      CREATE TABLE log (id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, who TEXT NOT NULL, kind TEXT NOT NULL, job INTEGER, wanted TEXT NOT NULL,
        outcome TEXT NOT NULL, "rows" INTEGER NOT NULL, bytes INTEGER NOT NULL, sha256 TEXT, ended INTEGER) STRICT;
      PRAGMA user_version = 1;`)
    const body = {
      by: 'ann',
      rows: 7,
      bytes: 99,
      expected: null,
      startedAt: 1,
      endedAt: null,
      expiresAt: null,
      starts: 1,
      file: null,
      error: null,
    }
    old
      .prepare('INSERT INTO job (owner, who, wanted, needs, state, created, body) VALUES (?, ?, ?, ?, ?, ?, ?)')
      .run('user:ann', JSON.stringify(ANN), JSON.stringify(wanted()), 'readings:read', 'running', 1, JSON.stringify(body))
    old.close()
    const files = opened(directory)
    expect(files.port.get(1, ANN)).toMatchObject({ state: 'waiting', rows: 0, share: null, keptRows: 0, restart: null, changed: null })
    files.port.use(rowsOf(places()))
    await files.idle()
    expect(files.port.get(1, ANN)).toMatchObject({ state: 'done', rows: MOST, starts: 2, restart: 'no-part', changed: false })
  })
  it('what waited still waits', async () => {
    const directory = folder()
    const { before } = await cutOff(directory)
    const waits = begin(before, { format: 'ndjson' })
    await before.close()
    const after = opened(directory)
    after.port.use(rowsOf(places()))
    await after.idle()
    expect(after.port.get(waits, ANN)).toMatchObject({ state: 'done', rows: MOST, starts: 1, restart: null })
  })
})

describe('a file handed out at once', () => {
  const read = async (content: AsyncIterable<Buffer>) => {
    const pieces: Buffer[] = []
    for await (const piece of content) pieces.push(piece)
    return Buffer.concat(pieces)
  }
  it.each(['csv', 'xlsx', 'parquet', 'ndjson'] as const)('%s: has its digest and its line in the log', async (format) => {
    const directory = folder()
    const files = opened(directory)
    const file = await files.port.direct(wanted({ format }), sourceOf([ROWS]), ANN)
    if (!file.ok) throw new Error(file.error.error.message)
    const sha256 = createHash('sha256')
      .update(await read(file.value.content))
      .digest('hex')
    expect(file.value.digest()).toEqual({ rows: 7, sha256 })
    await vi.waitFor(() => expect(files.port.log(null, 1)).toMatchObject([{ job: null, outcome: 'done', rows: 7, sha256 }]), {
      timeout: 60_000,
    })
    expect(readdirSync(join(directory, 'exports'))).toEqual([])
  })
  it('that is not taken whole is written down as broken off', async () => {
    const files = opened(folder())
    const file = await files.port.direct(wanted(), endless().source, ANN)
    if (!file.ok) throw new Error(file.error.error.message)
    file.value.content.once('data', () => file.value.content.destroy())
    await vi.waitFor(() => expect(files.port.log(null, 1)).toMatchObject([{ outcome: 'broken-off', sha256: null }]), { timeout: 60_000 })
  })
  it('is refused where it is written before it is sent and takes longer than a connection waits', async () => {
    const directory = folder()
    const files = opened(directory, {}, systemClock, { longestMs: 1 })
    expect(await files.port.direct(wanted({ format: 'parquet' }), endless().source, ANN)).toMatchObject({
      ok: false,
      error: { because: 'not-possible', error: { code: 'EXPORT_LONG', hint: expect.stringContaining('POST /api/v1/exports') } },
    })
    expect(files.port.log(null, 1)).toMatchObject([{ outcome: 'failed' }])
    expect(readdirSync(join(directory, 'exports'))).toEqual([])
  })
  it('that nobody began to take is broken off too, and keeps no place', async () => {
    const files = opened(folder())
    for (let turn = 0; turn < 10; turn++) {
      const file = await files.port.direct(wanted(), sourceOf([ROWS]), ANN)
      if (!file.ok) throw new Error(file.error.error.message)
      // Whoever asked was gone before the first byte.
      const closed = new Promise((resolve) => file.value.content.once('close', resolve))
      file.value.content.destroy()
      await closed
    }
    expect(files.port.log(null, 10).map(({ outcome }) => outcome)).toEqual(Array(10).fill('broken-off'))
  })
  it('is one of some for each person: nobody takes the places of all', async () => {
    const files = opened(folder())
    const take = async (by: Principal) => {
      const file = await files.port.direct(wanted(), endless().source, by)
      if (file.ok) onTestFinished(() => void file.value.content.destroy())
      return file.ok ? 'begun' : file.error.error.code
    }
    const of = async (by: Principal) => [await take(by), await take(by), await take(by), await take(by), await take(by)]
    expect(await of(ANN)).toEqual([...Array(4).fill('begun'), 'EXPORT_BUSY'])
    expect(await take(who('bob'))).toBe('begun')
    for (const name of ['bob', 'eve']) await of(who(name))
    expect(await take(who('joe'))).toBe('EXPORT_BUSY')
  })
})
