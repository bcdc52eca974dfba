import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { BillingFile, type BillingPoint, type BillingRegister, type ReleaseDraft } from '../../src/billing/index.ts'

export const AT = Date.parse('2026-11-01T00:00:00+08:00')
export const WANG = { id: 'u-1', name: 'wang' }
export const LI = { id: 'u-2', name: 'li' }

export const register = (code: string, value: string, change: Partial<BillingRegister> = {}): BillingRegister => ({
  ...{ register: code, unit: 'kWh', value, ratio: '40', primary: String(Number(value) * 40), meter: 'M-1', source: 'day-freeze' },
  ...{ quality: 0, measuredAt: AT, receivedAt: AT + 60_000 },
  evidence: { id: 'E-1', kind: 'frame', sha256: 'a'.repeat(64) },
  ...change,
})

export const pointAt = (point: string, registers: readonly BillingRegister[], change: Partial<BillingPoint> = {}): BillingPoint => ({
  ...{ point, area: 'A-1', customer: null, at: AT, meter: 'M-1', registers, missing: [], holds: [] },
  ...change,
})

export const draft = (change: Partial<ReleaseDraft> = {}): ReleaseDraft => ({
  ...{ at: AT, scope: {}, note: 'November', policy: 'skip-held', again: false, estimates: false },
  ...change,
})

/** A directory that is gone after the test. */
export const directory = (): string => {
  const path = mkdtempSync(join(tmpdir(), 'gridtally-billing-'))
  onTestFinished(() => rmSync(path, { recursive: true, force: true }))
  return path
}

export const book = (path = directory()) => {
  const file = new BillingFile(path)
  onTestFinished(() => {
    try {
      file.close()
    } catch {
      // The test has closed it.
    }
  })
  return file
}

/** A whole release of these points. @returns its number */
export const release = (
  file: BillingFile,
  points: readonly BillingPoint[],
  change: Partial<ReleaseDraft> = {},
  key: string | null = null,
) => {
  const begun = file.releases.begin(draft(change), { by: WANG, asker: '{}', key }, AT + 1)
  if (!begun.ok) throw new Error(begun.error.message)
  const { id } = begun.value.release
  const { isCheck } = file.releases.start(id)
  if (isCheck) {
    file.releases.check(id, points)
    if (!file.releases.checked(id, AT + 2)) return id
  }
  file.releases.take(id, points)
  file.releases.finish(id, AT + 3)
  return id
}
