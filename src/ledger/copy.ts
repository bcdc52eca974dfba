import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Sql } from './sql.ts'

const NAME = 'ledger-copy-'
/** No dry run takes so long: what is older was left by a process that was killed. Milliseconds. */
const LEFT_MS = 3_600_000

/**
 * Works on a copy of the ledger as it is now, which is gone afterwards. Writers of the ledger itself are not held up, neither by the
 * copying nor by the work.
 *
 * @param work  told the directory with the copy's `ledger.db`
 */
export const onCopy = <T>(sql: Sql, directory: string, work: (directory: string) => T): T => {
  removeLeft(directory)
  const folder = mkdtempSync(join(directory, NAME))
  try {
    sql.database.prepare('VACUUM INTO ?').run(join(folder, 'ledger.db'))
    return work(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const removeLeft = (directory: string): void => {
  for (const name of readdirSync(directory)) {
    if (!name.startsWith(NAME)) continue
    const path = join(directory, name)
    const made = statSync(path, { throwIfNoEntry: false })
    if (made && Date.now() - made.mtimeMs > LEFT_MS) rmSync(path, { recursive: true, force: true })
  }
}
