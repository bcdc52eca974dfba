import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { type Principal, verifyAudit } from '../../src/access/index.ts'
import type { ApiAct } from '../../src/api/index.ts'
import { openAudit } from '../../src/gateway/audit.ts'

const WHO: Principal = {
  ...{ kind: 'token', id: 't-1', name: 'office', roles: ['engineer'], former: null, zones: null, customer: null, expiresAt: null },
}
const ACT: ApiAct = {
  ...{ who: WHO, from: '10.1.2.3', route: 'POST /api/v1/clocks/{meter}/set', permission: 'writes:meters', params: { meter: 'M-1' } },
  ...{ query: {}, body: { why: 'new battery', secondToken: 'gt_1' }, why: 'new battery' },
}

const opened = (directory = mkdtempSync(join(tmpdir(), 'audit-'))) => {
  let now = 1_000_000
  const said: string[] = []
  const audit = openAudit(
    directory,
    () => now,
    (_, message) => said.push(message),
  )
  let isOpen = true
  const close = () => {
    if (isOpen) audit.close()
    isOpen = false
  }
  onTestFinished(() => {
    close()
    rmSync(directory, { recursive: true, force: true })
  })
  const records = () => {
    const found = audit.log.list({ limit: 100 })
    if (!found.ok) throw new Error(found.error.message)
    return found.value.toReversed()
  }
  const pass = (ms: number) => {
    now += ms
  }
  return { audit, directory, said, records, pass, close }
}

it('an act has a record before it is done, and one of how it ended', () => {
  const { audit, records } = opened()
  const begun = audit.port.begin(ACT)
  if (!begun.ok) throw new Error(begun.error.message)
  expect(records()).toMatchObject([
    {
      ...{ seq: 1, what: 'meter-write', who: { kind: 'token', id: 't-1', name: 'office' }, from: '10.1.2.3', on: 'meter:M-1' },
      ...{ outcome: 'asked', why: 'new battery', after: { route: ACT.route, body: { why: 'new battery', secondToken: '***' } } },
    },
  ])
  begun.value(504)
  expect(records()[1]).toMatchObject({ seq: 2, what: 'meter-write', on: 'meter:M-1', outcome: 'failed', after: { of: 1, status: 504 } })
})

it.each([
  ['POST /api/v1/ledger/bulk', 'ledger:write', {}, 'ledger-changed', null],
  ['PUT /api/v1/ledger/{kind}/{id}', 'ledger:write', { kind: 'point', id: 'P-1' }, 'ledger-changed', 'point:P-1'],
  ['POST /api/v1/concentrators/{id}/control/{act}/confirm', 'control:confirm', { id: 'K-1', act: '3' }, 'control', 'concentrator:K-1'],
  ['POST /api/v1/points/{id}/read-now', 'read-now', { id: 'P-1' }, 'field-act', 'point:P-1'],
  ['POST /api/v1/billing/holds/{id}/lift', 'billing:release', { id: '7' }, 'billing-act', 'billing:7'],
  ['POST /api/v1/something/{name}', 'new:thing', { name: 'x' }, 'act', 'something:x'],
])('%s is recorded as what it is', (route, permission, params, what, on) => {
  const { audit, records } = opened()
  const begun = audit.port.begin({ ...ACT, route, permission, params })
  if (begun.ok) begun.value(404)
  expect(records()).toMatchObject([
    { what, on, outcome: 'asked' },
    { what, on, outcome: 'refused' },
  ])
})

it('refused requests are a few lines and a count', () => {
  const { audit, records, pass, close, directory } = opened()
  const refusal = { who: null, from: '10.9.9.9', route: 'GET /api/v1/lines', status: 401, code: 'API_TOKEN_REFUSED' } as const
  for (let at = 0; at < 5000; at++) audit.port.refused(refusal)
  expect(records()).toHaveLength(5)
  pass(3_600_000)
  audit.port.refused({ ...refusal, who: WHO, status: 403, code: 'API_PERMISSION' })
  const [summary, last] = records().slice(5)
  expect(summary).toMatchObject({ what: 'request-refused', count: 4995, after: { addresses: { '10.9.9.9': 4995 } } })
  expect(last).toMatchObject({ what: 'request-refused', who: { name: 'office' }, on: 'GET /api/v1/lines', outcome: 'refused' })
  close()
  expect(verifyAudit(directory)).toMatchObject({ isWhole: true, records: 7 })
})

it('a log that cannot be opened refuses acts and is tried again', () => {
  const directory = mkdtempSync(join(tmpdir(), 'audit-'))
  mkdirSync(join(directory, 'audit.db'))
  const { audit, said } = opened(directory)
  expect(audit.health()).toMatchObject({ part: 'audit log', state: 'degraded' })
  expect(audit.port.begin(ACT)).toMatchObject({ ok: false, error: { code: 'AUDIT_WRITE' } })
  expect(audit.port.problem()?.code).toBe('AUDIT_WRITE')
  audit.port.refused({ who: null, from: '10.9.9.9', route: 'GET /x', status: 401, code: 'API_TOKEN_MISSING' })
  // Said once, however often it is tried.
  expect(said).toHaveLength(1)
  rmSync(join(directory, 'audit.db'), { recursive: true })
  expect(audit.port.begin(ACT).ok).toBe(true)
  expect(audit.health()).toMatchObject({ state: 'ok' })
  expect(said).toHaveLength(2)
})

it('a log that contradicts its head takes nothing', () => {
  const { audit, close, directory } = opened()
  audit.port.begin(ACT)
  close()
  writeFileSync(join(directory, 'audit.head'), 'nothing')
  const again = opened(directory)
  expect(again.audit.port.begin(ACT)).toMatchObject({ ok: false, error: { code: 'AUDIT_BROKEN' } })
  expect(again.audit.health().sentence).toContain('AUDIT_BROKEN')
})
