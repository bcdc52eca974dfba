import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { deflateRawSync } from 'node:zlib'
import { afterEach, expect, it } from 'vitest'
import { LossBook } from '../../src/gateway/loss-book.ts'
import type { AreaLoss, LossItem } from '../../src/gateway/loss-types.ts'
import { openDatabase } from '../../src/sqlite/index.ts'

const made: string[] = []
afterEach(() => {
  for (const one of made.splice(0)) rmSync(one, { recursive: true, force: true })
})
const scratch = (): string => {
  const directory = mkdtempSync(join(tmpdir(), 'gridtally-loss-book-'))
  made.push(directory)
  return directory
}

const item = (from: number): LossItem => ({
  ...{ from, to: from + 900_000, supply: '1', reverse: '0', generation: '0', measured: '0.9', sold: '0.9', loss: '0.1', version: 1 },
  ...{ ofInput: 10, ofNet: 10, meters: 1, good: 1, meterPpm: 1_000_000, energyPpm: 1_000_000, estimatedPpm: 0, state: 'high', grade: null },
  ...{ judgedIn: '%', faults: [], missing: [], stepKwh: 0.01, watches: [], bound: null },
})
const lossOf = (day: string): AreaLoss => ({
  ...{ area: 'A-1', day, thresholds: 0, whole: item(0), quarters: [item(0), item(900_000)], members: [], month: null, version: 1 },
})

it('gives a day back as it was kept, names in their order; without its quarter hours when they are not asked for', () => {
  const book = new LossBook(scratch())
  const loss = lossOf('2026-03-02')
  book.keep(loss)
  expect(JSON.stringify(book.get('A-1', '2026-03-02'))).toBe(JSON.stringify(loss))
  expect(book.between('A-1', '2026-03-01', '2026-03-03')).toEqual([loss])
  expect(book.wholes('A-1', '2026-03-01', '2026-03-03')).toEqual([{ ...loss, quarters: [] }])
  book.close()
})

it('reads a file of the form before, whose bodies hold the quarter hours', () => {
  const directory = scratch()
  const database = openDatabase(join(directory, 'loss.db'))
  database.exec(`
    CREATE TABLE dirty (area TEXT NOT NULL, day TEXT NOT NULL, since INTEGER NOT NULL, why TEXT NOT NULL, PRIMARY KEY (area, day)) WITHOUT ROWID, STRICT;
    CREATE TABLE loss (area TEXT NOT NULL, day TEXT NOT NULL, version INTEGER NOT NULL, state TEXT NOT NULL, body BLOB NOT NULL, PRIMARY KEY (area, day)) STRICT;
    CREATE TABLE place (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID, STRICT;
    PRAGMA user_version = 1;`)
  const [old, later] = [lossOf('2026-03-02'), lossOf('2026-03-03')]
  database
    .prepare('INSERT INTO loss VALUES (?, ?, ?, ?, ?)')
    .run('A-1', old.day, 1, 'high', deflateRawSync(Buffer.from(JSON.stringify(old))))
  database.close()
  const book = new LossBook(directory)
  book.keep(later)
  expect(book.between('A-1', '2026-03-01', '2026-03-31')).toEqual([old, later])
  expect(book.wholes('A-1', '2026-03-01', '2026-03-31').map(({ quarters }) => quarters)).toEqual([[], []])
  book.close()
})

it('does not open a file of a later form', () => {
  const directory = scratch()
  new LossBook(directory).close()
  const database = openDatabase(join(directory, 'loss.db'))
  database.exec('PRAGMA user_version = 99')
  database.close()
  expect(() => new LossBook(directory)).toThrow('run the newer version')
})
