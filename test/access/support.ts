import { onTestFinished } from 'vitest'
import { type Act, type AuditDraft, type AuditLog, openAccessStore, openAuditLog } from '../../src/access/index.ts'
import type { Result } from '../../src/core/index.ts'
import { openDatabase } from '../../src/sqlite/index.ts'
import { scratch } from '../support/processes.ts'

export { scratch }
export const T0 = Date.parse('2026-11-20T08:00:00+08:00')
export const MINUTE = 60_000
export const HOUR = 3_600_000
/** As cheap as scrypt gets: what is tested here is not its cost. */
export const CHEAP = { logN: 4, r: 1, p: 1 }
export const GOOD = 'violet tram under glass'
export const ACT: Act = { who: { kind: 'user', id: 'u-1', name: 'admin' }, from: '10.0.0.7', why: 'tests' }

export const good = <T>(result: Result<T>): T => {
  if (result.ok) return result.value
  throw new Error(`${result.error.code} ${result.error.message}`)
}
export const codeOf = (result: Result<unknown>): string => (result.ok ? 'ok' : result.error.code)

export const draft = (change: Partial<AuditDraft> = {}): AuditDraft => ({
  ...{ what: 'config-changed', who: { kind: 'user', id: 'u-1', name: 'li.na' }, from: '10.0.0.7', on: 'gateway.yaml' },
  ...{ outcome: 'done', before: { period: '15m' }, after: { period: '30m' }, why: 'fewer questions' },
  ...change,
})

export const logIn = (directory: string, now: () => number = () => T0): AuditLog => {
  const log = good(openAuditLog(directory, now))
  onTestFinished(() => log.close())
  return log
}

/** A store with a real log in a directory of the test's own. */
export const storeIn = (directory = scratch()) => {
  const log = logIn(directory)
  const store = openAccessStore(directory, log)
  onTestFinished(() => store.close())
  return { directory, log, store }
}

/** Changes the log behind its back, as an owner of the file could. */
export const tamper = (directory: string, ...statements: readonly string[]): void => {
  const database = openDatabase(`${directory}/audit.db`)
  try {
    database.exec('DROP TRIGGER IF EXISTS record_kept; DROP TRIGGER IF EXISTS record_fixed')
    for (const each of statements) database.exec(each)
  } finally {
    database.close()
  }
}
