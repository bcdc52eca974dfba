import type { CustomerReportView, KeptReportView, ReportDeps } from '../../src/api/index.ts'
import { err, failWith, ok } from '../../src/core/index.ts'
import { billingEnergyPoint } from './fake-billing-reads.ts'
import { caseViewOf } from './fake-cases.ts'
import { tierViewOf } from './fake-tiers.ts'

const fail = failWith({ REPORT_CUSTOMER: { recovery: 'skip', hint: 'look' }, REPORT_UNKNOWN: { recovery: 'skip', hint: 'look' } })
const FROM = Date.parse('2026-10-01T00:00:00+08:00')
const TO = Date.parse('2026-11-01T00:00:00+08:00')
const group = { zone: null, area: null, due: 1, released: 1, provisional: 0, held: 0, withdrawn: 0, pending: 0, reasons: {} }

/** A report of a customer with one point, as an answer. */
export const reportViewOf = (change: Partial<CustomerReportView> = {}): CustomerReportView => ({
  ...{ customer: 'C-1', name: 'mill of Li', from: FROM, to: TO, zone: 'Asia/Shanghai', madeAt: TO + 3_600_000 },
  ...{ complete: false, state: 'released', notBilled: [], withheld: [] },
  gaps: [{ topic: 'days', zh: '计量点P-001 1.8.0：31天中1天日电量未知', en: 'point P-001 1.8.0: 1 of 31 days are not known' }],
  sums: [
    {
      ...{ register: '1.8.0', unit: 'kWh', energy: '400.00', knownEnergy: '400.00', due: 1, known: 1, released: 1, state: 'released' },
      ...{ estimatedPpm: 0, reasons: [] },
    },
  ],
  points: [{ sign: 1, ...billingEnergyPoint('P-001', FROM, TO) }],
  ends: { from: group, to: group },
  days: [
    {
      ...{
        point: 'P-001',
        register: '1.8.0',
        unit: 'kWh',
        due: 31,
        known: 30,
        knownEnergy: '390.00',
        estimatedPpm: 0,
        coveredPpm: 967_741,
      },
      ...{ pending: false, missing: [{ from: TO - 86_400_000, to: TO, days: 1, reasons: ['missing'] }] },
    },
  ],
  tiers: { split: tierViewOf(), refused: null },
  account: {
    ...{ year: 2026, version: 1 },
    entry: {
      ...{ customer: 'C-1', name: 'mill of Li', category: 'commercial', key: true, reasons: ['use'], state: 'computed', months: 12 },
      ...{ kwh: '60000.00', knownKwh: '60000.00', meanKwh: '5000.00', grade: 'A', rankGrade: 'A', given: null, notes: [] },
    },
  },
  check: {
    ...{ from: TO - 7 * 86_400_000, to: TO, customer: 'C-1', name: 'mill of Li', checked: true },
    points: [{ point: 'P-001', meter: 'M-1', goodAt: TO, newestAt: TO }],
  },
  cases: [caseViewOf()],
  ...change,
})

const keptOf = (id: number): KeptReportView => ({
  ...{
    id,
    customer: 'C-1',
    from: FROM,
    to: TO,
    at: TO + 3_600_000,
    by: 'wang',
    why: 'call-back',
    complete: false,
    sha256: 'ab'.repeat(32),
  },
})

/** Reports that exist only as answers: of C-1, kept under 1 to 3. */
export const fakeReports = (change: Partial<CustomerReportView> = {}): ReportDeps => {
  const gone = (customer: string) =>
    err({ because: 'unknown' as const, error: fail('REPORT_CUSTOMER', `there is no customer "${customer}"`).error })
  return {
    reports: {
      of: async (customer, { scope, only }) => {
        if (customer !== 'C-1' || (only !== null && only !== customer) || !scope.sees('customer', customer)) return gone(customer)
        return ok(
          reportViewOf({
            ...(only === null ? {} : { account: null, check: null, cases: null, withheld: ['account', 'check', 'cases'] }),
            ...change,
          }),
        )
      },
      keep: async (customer, { scope }, by, why) =>
        customer === 'C-1' && scope.sees('customer', customer)
          ? ok({ kept: { ...keptOf(4), by, why }, report: reportViewOf(change) })
          : gone(customer),
      kept: async (customer, scope, before, limit) =>
        (customer === null || customer === 'C-1') && scope.sees('customer', 'C-1')
          ? [3, 2, 1]
              .filter((id) => before === null || id < before)
              .slice(0, limit)
              .map(keptOf)
          : [],
      keptOne: (id, scope) =>
        id <= 3 && scope.sees('customer', 'C-1')
          ? ok({ kept: keptOf(id), report: reportViewOf(change) })
          : err({ because: 'unknown', error: fail('REPORT_UNKNOWN', `there is no kept report ${id}`).error }),
    },
  }
}
