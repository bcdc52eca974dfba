import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { deflateRawSync } from 'node:zlib'
import fc from 'fast-check'
import { afterEach, expect, it } from 'vitest'
import { LossBook } from '../../src/gateway/loss-book.ts'
import { packQuarters, unpackQuarters } from '../../src/gateway/loss-pack.ts'
import type { AreaLoss, LossItem, MemberLoss } from '../../src/gateway/loss-types.ts'
import { RememberedHabits } from '../../src/gateway/loss-usual.ts'
import { versioned } from '../../src/gateway/loss-version.ts'
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
const whole: LossItem = { ...item(0), to: 86_400_000 }
const lossOf = (day: string): AreaLoss => ({
  ...{ area: 'A-1', day, thresholds: 0, whole, quarters: [item(0), item(900_000)], members: [], month: null, version: 1 },
})

it('gives a day back as it was kept; without its quarter hours when they are not asked for', () => {
  const book = new LossBook(scratch())
  const loss = lossOf('2026-03-02')
  book.keep(loss)
  expect(book.get('A-1', '2026-03-02')).toStrictEqual(loss)
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

it('reads quarter hours of the form before, which stand one by one', () => {
  const directory = scratch()
  new LossBook(directory).close()
  const database = openDatabase(join(directory, 'loss.db'))
  const old = lossOf('2026-03-02')
  const packed = (value: unknown) => deflateRawSync(Buffer.from(JSON.stringify(value)))
  database
    .prepare('INSERT INTO loss VALUES (?, ?, ?, ?, ?, ?)')
    .run('A-1', old.day, 1, 'high', packed({ ...old, quarters: [] }), packed(old.quarters))
  database.exec('PRAGMA user_version = 2')
  database.close()
  const book = new LossBook(directory)
  expect(book.get('A-1', '2026-03-02')).toEqual(old)
  book.close()
})

it('keeps quarter hours that differ in anything, and tells lists apart that read the same in a row', () => {
  const some = { id: fc.constantFrom('a', 'a,b', 'b', ''), number: fc.option(fc.double({ noNaN: true, noDefaultInfinity: true })) }
  const quarter = fc.record({
    ...{ supply: fc.option(fc.constantFrom('1', '2.50')), ofInput: some.number, missing: fc.array(some.id, { maxLength: 3 }) },
    ...{ grade: fc.option(fc.constantFrom('very-high', 'small-negative')), version: fc.nat(3) },
    bound: fc.option(fc.tuple(fc.integer(), fc.integer(), fc.integer())),
  })
  fc.assert(
    fc.property(fc.array(quarter, { maxLength: 12 }), (drawn) => {
      const items = drawn.map((one, at): LossItem => ({ ...item(at * 900_000), ...one }))
      expect(unpackQuarters(packQuarters(items))).toEqual(JSON.parse(JSON.stringify(items)))
    }),
  )
})

it('calls a figure the same that only reads otherwise, and gives another one the next version', () => {
  const before = lossOf('2026-03-02')
  const same = { ...before, whole: { ...whole, ofInput: 10, bound: null }, quarters: [{ ...item(0), version: 1 }, item(900_000)] }
  expect(versioned(same, before)).toEqual(before)
  const zero = { ...before, whole: { ...whole, ofNet: 0 } }
  expect(versioned({ ...zero, whole: { ...whole, ofNet: -0 } }, zero).version).toBe(1)
  const changed = versioned({ ...same, quarters: [item(0), { ...item(900_000), missing: ['M-1'] }] }, before)
  expect([changed.version, changed.whole?.version, ...changed.quarters.map(({ version }) => version)]).toEqual([2, 1, 1, 2])
  expect(versioned({ ...same, thresholds: 7 }, before).version).toBe(2)
})

it('remembers habits while the days they rest on are the same', () => {
  const book = new LossBook(scratch())
  const member = (imp: string): MemberLoss => ({
    ...{ id: 'P-1', role: 'customer', imp, good: true, estimatedPpm: 0, flags: 0, quality: 0, version: 1, usual: null },
  })
  const days = ['2026-03-01', '2026-03-02', '2026-03-03']
  for (const day of days) book.keep({ ...lossOf(day), members: [member('4')] })
  const habits = new RememberedHabits(book)
  const ask = () => habits.of('A-1', '2026-03-01', '2026-03-03')
  expect(ask().usual.get('P-1')?.value).toBe(4)
  expect(ask()).toBe(ask())
  book.keep({ ...lossOf('2026-03-03'), members: [{ ...member('7'), exp: '0' }], version: 2 })
  expect(ask().usual.get('P-1')?.value).toBe(5)
  expect(ask().exporting).toEqual(new Set(['P-1']))
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
