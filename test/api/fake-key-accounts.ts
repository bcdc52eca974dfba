import type { KeyAccountDeps, KeyAccountView, KeyRunView } from '../../src/api/index.ts'
import { err, failWith, ok } from '../../src/core/index.ts'

const AT = Date.parse('2026-01-05T00:00:00Z')
const fail = failWith({
  TARIFF_LIST: { recovery: 'skip', hint: 'GET /api/v1/key-accounts/runs' },
  TARIFF_TIME: { recovery: 'skip', hint: 'ask for a year that has begun' },
  TARIFF_CUSTOMER: { recovery: 'skip', hint: 'GET /api/v1/ledger/customer' },
})

const run: KeyRunView = {
  ...{ year: 2026, version: 1, usedYear: 2025, at: AT, by: 'gridtally', why: 'January', monthlyKwh: '4000', inclusive: true },
  ...{ categories: ['hospital'], counts: { customers: 5, key: 3, notComputable: 1, A: 1, B: 0, C: 0, D: 3 } },
}
const account = (customer: string, change: Partial<KeyAccountView> = {}): KeyAccountView => ({
  ...{
    customer,
    name: 'mill of Li',
    category: 'commercial',
    key: true,
    reasons: ['use'],
    state: 'computed',
    months: 12,
    kwh: '60000.00',
    knownKwh: '60000.00',
  },
  ...{ meanKwh: '5000.00', grade: 'A', rankGrade: 'A', given: null, notes: [] },
  ...change,
})
const ACCOUNTS: readonly KeyAccountView[] = [
  account('C-1'),
  account('C-2', { grade: 'B', given: { grade: 'B', why: 'water works', by: 'wang', at: AT } }),
  account('C-3', {
    key: null,
    reasons: [],
    state: 'not-computable',
    kwh: null,
    meanKwh: null,
    grade: null,
    rankGrade: null,
    notes: [{ zh: '无', en: 'x' }],
  }),
  account('C-4', { key: false, reasons: [], grade: 'D', rankGrade: 'D' }),
]

/** Key accounts that exist only as answers. */
export const fakeKeyAccounts = (): KeyAccountDeps => ({
  keyAccounts: {
    runs: () => [run],
    list: async ({ year, grade, all }, scope, after, limit) =>
      year !== null && year !== 2026
        ? err({ because: 'unknown' as const, error: fail('TARIFF_LIST', `there is no list for ${year}`).error })
        : ok({
            run,
            items: ACCOUNTS.filter(({ customer }) => customer > after && scope.sees('customer', customer))
              .filter((one) => (all || one.key !== false) && (grade === null || one.grade === grade))
              .slice(0, limit),
          }),
    movers: async (_year, scope, after, limit) =>
      ok({
        ...{ run, against: { ...run, year: 2025, usedYear: 2024 } },
        items: ACCOUNTS.filter(({ customer }) => customer > after && scope.sees('customer', customer))
          .slice(0, limit)
          .map(({ customer }) => ({
            ...{ customer, name: 'mill of Li', moves: ['joined' as const], reasons: ['use-rose' as const] },
            ...{ before: null, after: { key: true, grade: 'A' as const, meanKwh: '5000.00' } },
          })),
      }),
    checks: async (_question, scope, after, limit) =>
      ok({
        ...{ from: AT, to: AT + 1 },
        items: ACCOUNTS.filter(({ customer }) => customer > after && scope.sees('customer', customer))
          .slice(0, limit)
          .map(({ customer }) => ({
            customer,
            name: 'mill of Li',
            checked: false,
            points: [{ point: 'P-001', meter: null, goodAt: null, newestAt: AT }],
          })),
      }),
    run: async (year) =>
      year > 2026
        ? err({ because: 'not-possible' as const, error: fail('TARIFF_TIME', `${year - 1} is not over`).error })
        : ok(year === 2026 ? run : null),
    give: (customer, grade, why, by, scope) => {
      const found = ACCOUNTS.find((one) => one.customer === customer && scope.sees('customer', customer))
      if (!found) return err({ because: 'unknown' as const, error: fail('TARIFF_CUSTOMER', `there is no ${customer}`).error })
      return ok({ ...found, grade: grade ?? found.rankGrade, given: grade && { grade, why, by, at: AT } })
    },
  },
})
