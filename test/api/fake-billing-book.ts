import type {
  BillingBookDeps,
  BillingCycleView,
  BillingHoldView,
  BillingPendingView,
  BillingReleaseView,
  BillingVersionView,
} from '../../src/api/index.ts'
import { err, failWith, ok } from '../../src/core/index.ts'

const AT = Date.parse('2026-08-01T00:00:00+08:00')
const fail = failWith({
  BILLING_STATE: { recovery: 'skip', hint: 'look again' },
  BILLING_SEQ: { recovery: 'stop', hint: 'an older book' },
  BILLING_CYCLE: { recovery: 'skip', hint: 'look at the list' },
})
const by = { id: 'user:u-1', name: 'wang' }

export const billingVersion = (seq: number, change: Partial<BillingVersionView> = {}): BillingVersionView => ({
  ...{
    seq,
    kind: 'new',
    point: 'P-001',
    at: AT,
    register: '1.8.0',
    version: 1,
    unit: 'kWh',
    value: '100.00',
    ratio: '40',
    primary: '4000.00',
  },
  ...{ meter: 'M-P-001', source: 'day-freeze', quality: 0, measuredAt: AT, receivedAt: AT + 60_000 },
  evidence: { id: 'E-1', kind: 'frame', sha256: 'ab'.repeat(32) },
  ...{ releasedAt: AT + 86_400_000, by, why: 'August', release: 1 },
  ...change,
})

const CHANGES = [
  { ...billingVersion(1), old: null },
  { ...billingVersion(2, { point: 'P-002' }), old: null },
  {
    ...billingVersion(3, { kind: 'corrected', version: 2, value: '101.00', primary: '4040.00', release: null, why: 'late freeze' }),
    old: billingVersion(1),
  },
  {
    ...billingVersion(4, { point: 'P-002', kind: 'withdrawn', version: 2, release: null, why: 'wrong meter' }),
    old: billingVersion(2, { point: 'P-002' }),
  },
] as const

const release = (id: number, change: Partial<BillingReleaseView> = {}): BillingReleaseView => ({
  ...{ id, at: AT, scope: {}, note: 'August', policy: 'skip-held', again: false, estimates: false, by, madeAt: AT + 1, endedAt: AT + 2 },
  asker: { ...by, kind: 'user', id: 'u-1', roles: ['billing'], former: null, zones: null, customer: null, expiresAt: null },
  ...{
    state: 'done',
    trouble: null,
    points: 3,
    releasedPoints: 2,
    released: 2,
    alreadyReleased: 0,
    left: { incomplete: 1 },
    leftPoints: 1,
  },
  ...change,
})

const pending = (id: number): BillingPendingView => ({
  ...{ id, state: 'open', point: 'P-001', at: AT, register: '1.8.0', old: billingVersion(1), next: billingVersion(0, { value: '101.00' }) },
  ...{
    differs: ['value'],
    holds: [{ reason: 'exchange-unacknowledged', text: 'exchange 3' }],
    cause: 'ledger change 17',
    since: AT + 5,
    ended: null,
  },
})

const hold = (id: number): BillingHoldView => ({
  ...{ id, point: 'P-001', from: AT, onward: true, by, why: 'disputed', madeAt: AT + 1 },
  lifted: id === 2 ? { at: AT + 2, by, why: 'settled' } : null,
})

const FORMER = { former: [{ point: 'P-9', area: 'A-1' }], formerPoints: 1, unknown: [] }
const OPEN = { point: 'P-003', area: 'A-1', reasons: ['incomplete'] }
const cycle: BillingCycleView = { id: 'all', name: 'All', day: 1, zones: null, areas: null, registers: ['1.8.0'] }
const unit = { area: 'A-1', due: 3, released: 2, provisional: 0, held: 1, heldBy: { incomplete: 1 }, missing: 1, estimated: 0 }
const no = (because: 'unknown' | 'not-possible', code: 'BILLING_STATE' | 'BILLING_SEQ' | 'BILLING_CYCLE', message: string) =>
  err({ because, error: fail(code, message).error })

/** A book of what was billed that exists only as answers. */
export const fakeBillingBook = (): BillingBookDeps => ({
  beginBillingRelease: async (draft, who) =>
    ok(release(3, { ...draft, by: { id: who.id, name: who.name }, asker: who, state: 'waiting', endedAt: null })),
  resumeBillingRelease: async (id) =>
    id === 2 ? ok(release(2, { state: 'waiting' })) : no('not-possible', 'BILLING_STATE', `release ${id} is done`),
  billingRelease: async (id) =>
    id === 1 ? release(1) : id === 2 ? release(2, { state: 'interrupted', trouble: 'the gateway stopped' }) : null,
  billingReleases: async (before, limit) => [release(2), release(1)].filter(({ id }) => before === null || id < before).slice(0, limit),
  billingLeftOut: async (_id, reason, after, limit) =>
    ['P-003', 'P-004']
      .map((point) => ({ point, reasons: [{ reason: 'incomplete', text: '1.8.1 was not read' }] }))
      .filter(({ point, reasons }) => point > after && (reason === null || reasons.some((one) => one.reason === reason)))
      .slice(0, limit),
  billingReleased: async (_id, after, limit) => [billingVersion(1), billingVersion(2)].filter(({ seq }) => seq > after).slice(0, limit),
  billingFigures: async (point, at, before, limit) =>
    [billingVersion(3, { version: 2 }), billingVersion(1)]
      .filter((one) => one.point === point && (at === null || one.at === at) && (before === null || one.seq < before))
      .slice(0, limit),
  withdrawBilling: async (point, at, registers) =>
    point === 'P-001' && at === AT && (registers?.includes('1.8.0') ?? true)
      ? ok([billingVersion(5, { kind: 'withdrawn', version: 2 })])
      : no('not-possible', 'BILLING_STATE', 'nothing stands released'),
  billingPending: async (id) => (id <= 2 ? pending(id) : null),
  billingPendings: async (filter, after, limit) =>
    [1, 2]
      .map(pending)
      .filter(({ id, point }) => id > after && (filter.point === undefined || filter.point === point))
      .slice(0, limit),
  acceptBilling: async (id) =>
    id === 1 ? ok([billingVersion(5, { kind: 'corrected', version: 2 })]) : no('not-possible', 'BILLING_STATE', `correction ${id} is held`),
  rejectBilling: async (id, _whole, _who, why) => ok([{ ...pending(id), state: 'rejected', ended: { at: AT + 9, by, why } }]),
  billingHold: async (id) => (id <= 2 ? hold(id) : null),
  billingHolds: async ({ lifted }, after, limit) =>
    [1, 2]
      .map(hold)
      .filter((one) => one.id > after && (lifted || one.lifted === null))
      .slice(0, limit),
  holdBilling: async (draft, who, why) => ok({ ...hold(3), ...draft, by: { id: who.id, name: who.name }, why }),
  liftBilling: async (id, _who, why) => ok({ ...hold(id), lifted: { at: AT + 3, by, why } }),
  billingChanges: async (since, limit) =>
    since > CHANGES.length
      ? no('not-possible', 'BILLING_SEQ', `${since} is beyond ${CHANGES.length}`)
      : ok({ changes: CHANGES.filter(({ seq }) => seq > since).slice(0, limit), newest: CHANGES.length }),
  awaitBillingChange: async () => undefined,
  billingCycles: () => [cycle],
  billingCompleteness: async (id, month) =>
    id === 'all'
      ? ok({ cycle, month: month ?? '2026-08', at: AT, units: [unit], total: { ...unit, area: null }, open: [OPEN], ...FORMER })
      : no('unknown', 'BILLING_CYCLE', `there is no billing cycle ${id}`),
})
