import { join } from 'node:path'
import type { Begun, KeptAnswer, RepeatPort } from '../api/index.ts'
import { openPrivate } from '../sqlite/index.ts'

const DAY_MS = 86_400_000
/** Keys are kept so long, and so many of them. */
const KEEP_MS = DAY_MS
const MOST = 100_000
/** So often are old ones looked for, counted in new ones. */
const SWEEP_EVERY = 100

const SCHEMA = `
CREATE TABLE IF NOT EXISTS request (who TEXT NOT NULL, key TEXT NOT NULL, print TEXT NOT NULL, at INTEGER NOT NULL, status INTEGER, headers TEXT,
  body TEXT, rights TEXT, PRIMARY KEY (who, key)) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS request_age ON request (at);
CREATE INDEX IF NOT EXISTS request_body ON request (at) WHERE body IS NOT NULL;
PRAGMA user_version = 2;
`
/** Form 1 did not say to whom an answer was given: it is given to nobody again. */
const FROM_1 = 'ALTER TABLE request ADD COLUMN rights TEXT'

const headersOf = (text: unknown): Readonly<Record<string, string>> => {
  const read: unknown = JSON.parse(String(text))
  return typeof read === 'object' && read !== null
    ? Object.fromEntries(Object.entries(read).map(([name, value]) => [name, String(value)]))
    : {}
}

/** Answers that are dropped at once, so that nobody waits for it. */
const LOT = 16

/**
 * Requests with an Idempotency-Key, in `requests.db`: on disk before they are done, so that a gateway that was killed does not do them
 * twice. On the main thread: one short row each.
 *
 * Beyond `maxBytes` the oldest answers are dropped: their keys stay, so that what was done is still not done twice, only said without its
 * answer. Keys go after that, never one of what is under way or was interrupted.
 */
export const openRepeats = (
  directory: string,
  now: () => number,
  log: (level: 'error', message: string) => void,
  maxBytes = Number.POSITIVE_INFINITY,
): { readonly port: RepeatPort; close(): void } => {
  const database = openPrivate(join(directory, 'requests.db'))
  const before = database.prepare('PRAGMA user_version').get()
  if (before?.user_version === 1) database.exec(FROM_1)
  database.exec(SCHEMA)
  const find = database.prepare('SELECT print, status, headers, body, rights FROM request WHERE who = ? AND key = ? AND at >= ?')
  const insert = database.prepare('INSERT OR REPLACE INTO request (who, key, print, at) VALUES (?, ?, ?, ?)')
  const update = database.prepare('UPDATE request SET status = ?, headers = ?, body = ?, rights = ? WHERE who = ? AND key = ?')
  const remove = database.prepare('DELETE FROM request WHERE who = ? AND key = ?')
  const tooOld = database.prepare('DELETE FROM request WHERE at < ?')
  const tooMany = database.prepare(
    'DELETE FROM request WHERE (who, key) IN (SELECT who, key FROM request WHERE status IS NOT NULL ORDER BY at DESC LIMIT -1 OFFSET ?)',
  )
  const dropAnswers = database.prepare(
    'UPDATE request SET body = NULL WHERE (who, key) IN (SELECT who, key FROM request WHERE body IS NOT NULL ORDER BY at LIMIT ?)',
  )
  const dropKeys = database.prepare(
    'DELETE FROM request WHERE (who, key) IN (SELECT who, key FROM request WHERE status IS NOT NULL ORDER BY at LIMIT ?)',
  )
  const pages = ['page_count', 'freelist_count', 'page_size'].map((name) => database.prepare(`SELECT ${name} FROM pragma_${name}`))
  /** Pages that hold something: what is free is used again. */
  const used = (): number => {
    const [all = 0, free = 0, size = 0] = pages.map((page) => Number(Object.values(page.get() ?? {})[0] ?? 0))
    return (all - free) * size
  }
  const shrink = (): void => {
    while (used() > maxBytes) if (dropAnswers.run(LOT).changes === 0 && dropKeys.run(LOT).changes === 0) return
  }
  const running = new Set<string>()
  const nameOf = (who: string, key: string) => `${who}\n${key}`
  let added = 0

  const said = (error: unknown) => log('error', `requests.db cannot be written: ${error instanceof Error ? error.message : String(error)}`)
  const looked = (who: string, key: string, print: string): Begun => {
    const at = now()
    const row = find.get(who, key, at - KEEP_MS)
    if (row) {
      if (row.print !== print) return { state: 'other' }
      if (row.status === null) return { state: running.has(nameOf(who, key)) ? 'under-way' : 'unfinished' }
      const answer: KeptAnswer = {
        ...{ status: Number(row.status), headers: headersOf(row.headers), body: row.body === null ? null : String(row.body) },
        rights: String(row.rights ?? ''),
      }
      return { state: 'done', answer }
    }
    if (added++ % SWEEP_EVERY === 0) {
      tooOld.run(at - KEEP_MS)
      tooMany.run(MOST)
    }
    insert.run(who, key, print, at)
    running.add(nameOf(who, key))
    shrink()
    return { state: 'new' }
  }
  // How a request ended cannot be refused any more: a key that stays begun says so itself.
  const ended = (who: string, key: string, write: () => void) => {
    running.delete(nameOf(who, key))
    try {
      write()
    } catch (error) {
      said(error)
    }
  }
  return {
    port: {
      begin: (who, key, print) => {
        try {
          return looked(who, key, print)
        } catch (error) {
          said(error)
          return { state: 'unavailable' }
        }
      },
      finish: (who, key, { status, headers, body, rights }) =>
        ended(who, key, () => {
          update.run(status, JSON.stringify(headers), body, rights, who, key)
          shrink()
        }),
      forget: (who, key) => ended(who, key, () => void remove.run(who, key)),
      leave: (who, key) => void running.delete(nameOf(who, key)),
    },
    close: () => database.close(),
  }
}
