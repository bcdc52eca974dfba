import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { RowDamaged } from '../core/row.ts'
import { type Database, inTransaction, openDatabase } from '../sqlite/index.ts'
import { ByteWriter } from './embedded/bytes.ts'
import { type StoreError, storeError, storeErrorOf } from './embedded/errors.ts'
import { bytesOf, numberOf, setAside, textOf } from './embedded/partition.ts'

/** Latest readings by the numbers of their series, body after body. */
export interface LatestRows {
  readonly series: Float64Array
  readonly at: Float64Array
  readonly ends: Uint32Array
  readonly bytes: Uint8Array
}

export interface LatestFileContent extends LatestRows {
  readonly words: readonly string[]
}

export interface LatestChange extends LatestRows {
  /** everything in the file goes first */
  readonly reset: boolean
  readonly wordsBefore: number
  /** words from that number on */
  readonly words: readonly string[]
}

/** What can be asked of the thread that keeps the file. */
export type LatestCalls = {
  load: { request: null; answer: LatestFileContent }
  /** false: the file has another dictionary than the sender believed */
  persist: { request: LatestChange; answer: boolean }
  close: { request: null; answer: null }
}

/** The file of the latest values: one row a series, overwritten. Every change is on the disk before it is answered. */
export class LatestFile {
  readonly #database: Database
  #words: number

  /** Throws a {@link StoreError} when the directory cannot be used. */
  constructor(directory: string, log: (error: StoreError) => void) {
    const path = join(directory, 'latest.db')
    try {
      mkdirSync(directory, { recursive: true })
      this.#database = openFile(path)
    } catch (thrown) {
      const error = errorOf(thrown, path)
      if (error.code !== 'STORE_DAMAGED') throw error
      const file = setAside(path, new Date())
      log(storeError('STORE_DAMAGED', `${path} was set aside as ${file}: ${error.message}`, { file }))
      this.#database = openFile(path)
    }
    this.#words = numberOf(this.#database.prepare('SELECT count(*) AS words FROM words').get(), 'words')
  }

  load(): LatestFileContent {
    const words = this.#database.prepare('SELECT text FROM words ORDER BY id').all()
    const rows = this.#database.prepare('SELECT series, at, body FROM latest ORDER BY series').all()
    const writer = new ByteWriter(rows.length * 64 + 64)
    const ends = Uint32Array.from(rows, (row) => {
      writer.bytes(bytesOf(row, 'body'))
      return writer.length
    })
    return {
      words: words.map((row) => textOf(row, 'text')),
      series: Float64Array.from(rows, (row) => numberOf(row, 'series')),
      at: Float64Array.from(rows, (row) => numberOf(row, 'at')),
      ends,
      bytes: writer.view(),
    }
  }

  persist({ reset, wordsBefore, words, series, at, ends, bytes }: LatestChange): boolean {
    if (!reset && wordsBefore !== this.#words) return false
    inTransaction(this.#database, () => {
      if (reset) this.#database.exec('DELETE FROM latest; DELETE FROM words')
      const addWord = this.#database.prepare('INSERT INTO words (id, text) VALUES (?, ?)')
      for (let word = 0; word < words.length; word++) addWord.run(wordsBefore + word, words[word]!)
      const put = this.#database.prepare('INSERT OR REPLACE INTO latest (series, at, body) VALUES (?, ?, ?)')
      for (let row = 0; row < series.length; row++)
        put.run(series[row]!, at[row]!, bytes.subarray(row === 0 ? 0 : ends[row - 1]!, ends[row]!))
    })
    this.#words = wordsBefore + words.length
    return true
  }

  close(): void {
    this.#database.close()
  }
}

const openFile = (path: string): Database => {
  // One process only; the lock goes with the process.
  const database = openDatabase(path, 'FULL', 'PRAGMA locking_mode=EXCLUSIVE')
  try {
    database.exec(`
      CREATE TABLE IF NOT EXISTS words (id INTEGER PRIMARY KEY, text TEXT NOT NULL);
      CREATE TABLE IF NOT EXISTS latest (series INTEGER PRIMARY KEY, at INTEGER NOT NULL, body BLOB NOT NULL)`)
    const gaps = database.prepare('SELECT count(*) AS words, coalesce(max(id) + 1, 0) AS next FROM words').get()
    if (numberOf(gaps, 'words') !== numberOf(gaps, 'next')) throw new RowDamaged('words are missing')
    return database
  } catch (error) {
    database.close()
    throw error
  }
}

const errorOf = (thrown: unknown, path: string): StoreError => {
  const error = storeErrorOf(thrown, path)
  if (error.code === 'STORE_BUSY') return storeError('STORE_LOCKED', error.message, error.context)
  return error.code === 'STORE_ROW' ? storeError('STORE_DAMAGED', error.message, error.context) : error
}
