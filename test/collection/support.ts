import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { Calendar } from '../../src/acquisition/index.ts'
import { CollectionFile, type CollectionSettings, DEFAULT_SETTINGS, type DueKind } from '../../src/collection/index.ts'

export const HOUR = 3_600_000
export const DAY = 24 * HOUR
export const days = new Calendar('Asia/Shanghai')
/** Midnight in Shanghai. */
export const D0 = Date.parse('2026-11-20T00:00:00+08:00')
export const at = (text: string): number => Date.parse(`${text}+08:00`)

export const settingsOf = (change: Partial<CollectionSettings> = {}): CollectionSettings => ({
  ...DEFAULT_SETTINGS,
  jitterMs: 0,
  ...change,
})
export const rulesOf = (change: Partial<CollectionSettings> = {}) => ({ settings: settingsOf(change), days, random: () => 0 })

export const scratch = (): string => {
  const directory = mkdtempSync(join(tmpdir(), 'gridtally-collection-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

/** A gap ledger in a directory of the test's own. */
export const fileIn = (directory = scratch(), change: Partial<CollectionSettings> = {}): CollectionFile => {
  const file = new CollectionFile(directory, rulesOf(change))
  onTestFinished(() => {
    try {
      file.close()
    } catch {
      // The test has closed it.
    }
  })
  return file
}

export const dueOf = (meter: string, label = D0, kind: DueKind = 'day-freeze', line = 'L1') => ({
  ...({ what: 'due', kind, label, meter, at: label + 5 * 60_000, point: `P-${meter}`, line, area: 'A1', stepMs: 900_000 } as const),
})
export const readOf = (meter: string, label = D0, when = label + 6 * 60_000) => ({
  ...({ what: 'read', kind: 'day-freeze', label, meter, at: when, tries: 1, firstTry: true, fill: 'freeze', instant: label } as const),
})
export const missedOf = (meter: string, label = D0, code = 'LINE_NO_REPLY') => ({
  ...({ what: 'missed', kind: 'day-freeze', label, meter, at: label + 2 * HOUR, tries: 3, code } as const),
})
