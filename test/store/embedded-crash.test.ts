import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { expect, it, onTestFinished } from 'vitest'
import { QUALITY } from '../../src/core/reading.ts'
import { storeErrorOf } from '../../src/store/embedded/errors.ts'
import { type EmbeddedStore, type EmbeddedStoreOptions, openEmbeddedStore } from '../../src/store/embedded.ts'
import { registers } from './contract.ts'

const START = Date.UTC(2026, 9, 30)
const DAY = 86_400_000

const temporary = async (): Promise<string> => {
  const directory = await mkdtemp(join(tmpdir(), 'gridtally-crash-'))
  onTestFinished(() => rm(directory, { recursive: true }))
  return directory
}

const open = async (options: EmbeddedStoreOptions): Promise<EmbeddedStore> => {
  const opened = await openEmbeddedStore(options)
  if (!opened.ok) throw new Error(`${opened.error.code} ${opened.error.message}`)
  onTestFinished(() => opened.value.close())
  return opened.value
}

const must = <T>(result: { ok: true; value: T } | { ok: false; error: { code: string; message: string } }): T => {
  if (!result.ok) throw new Error(`${result.error.code} ${result.error.message}`)
  return result.value
}

/** Lets a child write until it has reported so many batches, and kills it at once. */
const killedAfter = async (directory: string, from: number, reports: number): Promise<number> => {
  const child = spawn(
    process.execPath,
    [fileURLToPath(new URL('./embedded-child.mjs', import.meta.url)), directory, String(START), String(from)],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  )
  const exited = once(child, 'exit')
  let last = from - 1
  for await (const line of createInterface({ input: child.stdout })) {
    last = Number(line)
    if (last === from + reports) child.kill('SIGKILL')
  }
  const [, signal] = await exited
  expect(signal).toBe('SIGKILL')
  return last
}

it('loses no acknowledged batch to kill -9, and tears none', async () => {
  const directory = await temporary()
  let from = 0
  for (const reports of [3, 41, 90]) {
    const last = await killedAfter(directory, from, reports)
    const store = await open({ directory })
    for (const meter of [0, 77, 199]) {
      const { readings } = must(
        await store.range({ measurement: 'register', tags: { meter: `m${meter}` }, from: START, to: START + 30 * DAY, limit: 10_000 }),
      )
      // One batch more than was reported may be there: killed between the commit and the report.
      expect(readings.length).toBeGreaterThanOrEqual(last + 1)
      readings.forEach(({ raws, measuredAt }, batch) => {
        expect([measuredAt, raws]).toEqual([START + batch * 900_000, [batch * 1000 + meter]])
      })
      const { rows } = must(await store.stats())
      expect(rows).toBe(readings.length * 200)
    }
    // What was kept in memory when it was killed is worked out from the rows.
    const day = must(await store.energyByArea({ from: START, to: START + 1, zone: 'Asia/Shanghai' }))
    const batches = Math.min(last, 64)
    if (last >= 64) expect(day[0]).toMatchObject({ area: 'A0', import: { kwh: `${50 * batches * 10}.00`, meters: 50, without: 0 } })
    await store.close()
    from = last + 1
  }
})

it('belongs to one process, and is free again when closed', async () => {
  const directory = await temporary()
  const store = await open({ directory })
  expect(await openEmbeddedStore({ directory })).toMatchObject({ ok: false, error: { code: 'STORE_LOCKED', recovery: 'stop' } })
  await store.close()
  await open({ directory })
})

it('sets a damaged month aside, names it, and goes on', async () => {
  const directory = await temporary()
  const first = await open({ directory })
  const october = registers('m1', START)
  const november = registers('m1', START + 5 * DAY)
  await first.write([october, november])
  await first.close()
  await writeFile(join(directory, '2026-10.db'), 'this was a database once, and is none now. '.repeat(500))
  const log: string[] = []
  const store = await open({ directory, log: ({ code, message }) => log.push(`${code} ${message}`) })
  const question = { measurement: 'register', tags: { meter: 'm1' }, from: START, to: START + 10 * DAY, limit: 10 } as const
  expect(await store.range(question)).toMatchObject({
    ok: false,
    error: { code: 'STORE_DAMAGED', message: expect.stringContaining('2026-10.db'), hint: expect.stringContaining('.recover') },
  })
  // The file is out of the way now: the other month is there, and the damaged one takes readings again.
  expect(must(await store.range(question)).readings).toEqual([november])
  expect(await store.write([october])).toEqual({ kind: 'stored', dead: [] })
  expect(must(await store.range(question)).readings).toEqual([october, november])
  expect(log).toEqual([expect.stringMatching(/^STORE_DAMAGED .*2026-10\.db was set aside as .*2026-10\.db\.damaged-/)])
  expect((await readdir(directory)).filter((name) => /^2026-10\.db\.damaged-\d{8}T\d{6}Z$/.test(name))).toHaveLength(1)
})

it('writes on when a month is found damaged while writing', async () => {
  const directory = await temporary()
  const first = await open({ directory })
  await first.write(Array.from({ length: 3000 }, (_, step) => registers(`m${step}`, START + (step % 48) * 3_600_000)))
  await first.close()
  const path = join(directory, '2026-10.db')
  await truncate(path, Math.floor((await stat(path)).size / 2 / 8192) * 8192)
  const log: string[] = []
  const store = await open({ directory, log: ({ code }) => log.push(code) })
  const reading = registers('m1', START + 1000)
  expect(await store.write([reading])).toEqual({ kind: 'stored', dead: [] })
  const { readings } = must(
    await store.range({ measurement: 'register', tags: { meter: 'm1' }, from: START + 1000, to: START + 2000, limit: 10 }),
  )
  expect(readings).toEqual([reading])
})

it('leaves out a row that cannot be read, and gives the others', async () => {
  const directory = await temporary()
  const first = await open({ directory })
  const kept = registers('m1', START + 1000)
  await first.write([registers('m1', START), kept])
  await first.close()
  const { openDatabase } = await import('../../src/sqlite/index.ts')
  const database = openDatabase(join(directory, '2026-10.db'))
  database.exec("UPDATE register SET body = x'ff01' WHERE key = (SELECT min(key) FROM register)")
  database.close()
  const log: string[] = []
  const store = await open({ directory, hotDays: 0, log: ({ code }) => log.push(code) })
  const question = { measurement: 'register', tags: { meter: 'm1' }, from: START, to: START + DAY, limit: 10 } as const
  expect(must(await store.range(question)).readings).toEqual([kept])
  must(await store.pack(START + 40 * DAY))
  expect(must(await store.range(question)).readings).toEqual([kept])
  expect(new Set(log)).toEqual(new Set(['STORE_ROW']))
})

it('refuses single readings it could not give back, and stores the others', async () => {
  const store = await open({ directory: await temporary() })
  const good = registers('m1', START)
  const answer = await store.write([
    registers('m1', Date.UTC(1999, 11, 31)),
    registers('m1', Date.UTC(2130, 0, 1)),
    registers('m1', START + 0.5),
    registers('m1', START, { raws: [1.5, 0] }),
    good,
  ])
  expect(answer).toMatchObject({
    kind: 'stored',
    dead: [
      { index: 0, error: { code: 'STORE_TIME' } },
      { index: 1, error: { code: 'STORE_TIME' } },
      { index: 2, error: { code: 'STORE_TIME' } },
      { index: 3, error: { code: 'STORE_VALUE' } },
    ],
  })
  expect(store.written).toBe(1)
})

it('keeps 497 readings of one second, and names the ones for which the hour has no place', async () => {
  const store = await open({ directory: await temporary() })
  const readings = Array.from({ length: 500 }, (_, ms) => registers('m1', START + ms, { raws: [ms, 0] }))
  const answer = await store.write(readings)
  expect(answer).toMatchObject({ kind: 'stored', dead: [497, 498, 499].map((index) => ({ index, error: { code: 'STORE_CROWDED' } })) })
  const question = { measurement: 'register', tags: { meter: 'm1' }, from: START, to: START + 1000, limit: 1000 } as const
  expect(must(await store.range(question)).readings).toEqual(readings.slice(0, 497))
})

it('lets old months go when it packs', async () => {
  const directory = await temporary()
  const store = await open({ directory, retentionMonths: 2 })
  await store.write([7, 8, 9, 10].map((month) => registers('m1', Date.UTC(2026, month, 3))))
  must(await store.pack(Date.UTC(2026, 10, 20)))
  expect((await readdir(directory)).filter((name) => name.endsWith('.db')).sort()).toEqual(['2026-09.db', '2026-10.db', '2026-11.db'])
  expect(must(await store.stats())).toMatchObject({ rows: 3, partitions: 3 })
})

it('goes by the days of the zone, an hour longer when the clocks go back', async () => {
  const store = await open({ directory: await temporary(), zone: 'Europe/Berlin' })
  // 2026-10-25 lasts from 22:00 UTC of the day before to 23:00 UTC.
  const [start, end] = [Date.UTC(2026, 9, 24, 22), Date.UTC(2026, 9, 25, 23)]
  const raws = [start - 3_600_000, start, start + 12 * 3_600_000, end, end + 3_600_000]
  await store.write(raws.map((at, step) => registers('m1', at, { raws: [step * 100, step * 7], ratio: '80' })))
  expect(must(await store.energyByArea({ from: start, to: end, zone: 'Europe/Berlin' }))).toEqual([
    {
      area: 'A1',
      day: '2026-10-25',
      import: { kwh: '160.00', meters: 1, without: 0, doubtful: 0 },
      export: { kwh: '11.20', meters: 1, without: 0, doubtful: 0 },
    },
  ])
  expect(await store.energyByArea({ from: start, to: end, zone: 'Nowhere/City' })).toMatchObject({
    ok: false,
    error: { code: 'STORE_QUERY' },
  })
})

it('takes a packed register out of the sum when it is put in quarantine later', async () => {
  const directory = await temporary()
  const store = await open({ directory, hotDays: 0 })
  const steps = [0, 6, 12, 18].map((hours, step) =>
    registers('m1', START - 8 * 3_600_000 + hours * 3_600_000, { raws: [step * 100, null] }),
  )
  await store.write(steps)
  must(await store.pack(START + 40 * DAY))
  await store.write([{ ...steps[3]!, quality: QUALITY.quarantined }])
  const question = { from: START, to: START + 1 } as const
  for (const zone of ['Asia/Shanghai', 'Asia/Singapore'])
    expect(must(await store.energyByArea({ ...question, zone }))).toMatchObject([
      { import: { kwh: '2.00', meters: 1 }, export: { kwh: null } },
    ])
  await store.close()
  const again = await open({ directory })
  expect(must(await again.energyByArea({ ...question, zone: 'Asia/Shanghai' }))).toMatchObject([{ import: { kwh: '2.00' } }])
  // Another zone of the store itself: every day is worked out anew.
  await again.close()
  const moved = await open({ directory, zone: 'Asia/Singapore' })
  expect(must(await moved.energyByArea({ ...question, zone: 'Asia/Singapore' }))).toMatchObject([{ import: { kwh: '2.00' } }])
  expect(must(await moved.energyByArea({ ...question, zone: 'Asia/Singapore', exclude: ['m1'] }))).toEqual([])
})

it('answers an unwritable directory with an error that says so', async () => {
  const directory = await temporary()
  const file = join(directory, 'file')
  await writeFile(file, '')
  expect(await openEmbeddedStore({ directory: join(file, 'store') })).toMatchObject({
    ok: false,
    error: { code: 'STORE_ACCESS', recovery: 'stop' },
  })
})

it.each([
  [{ errcode: 13 }, 'STORE_FULL'],
  [{ errcode: 10 | (3 << 8) }, 'STORE_IO'],
  [{ errcode: 11 }, 'STORE_DAMAGED'],
  [{ errcode: 26 }, 'STORE_DAMAGED'],
  [{ errcode: 8 }, 'STORE_ACCESS'],
  [{ code: 'ENOSPC' }, 'STORE_FULL'],
])('names %o as %s', (thrown, code) => {
  expect(storeErrorOf(Object.assign(new Error('as thrown'), thrown), 'x.db')).toMatchObject({ code, message: 'x.db: as thrown' })
})
