import { failWith } from '../core/index.ts'

/** Every way tiers cannot be split, and what to do. */
export const tariffFailure = failWith({
  TARIFF_POINT: { recovery: 'skip', hint: 'GET /api/v1/points lists the metering points of the ledger' },
  TARIFF_CUSTOMER: { recovery: 'skip', hint: 'GET /api/v1/ledger/customer lists the customers of the ledger' },
  TARIFF_ROLE: { recovery: 'skip', hint: 'tiers are for points where a customer draws energy: look at `role` of the point in the ledger' },
  TARIFF_TABLE: {
    recovery: 'skip',
    hint: 'name the category or zone in a table under billing.tiers.tables of gateway.yaml; look at the category of the customer in the ledger',
  },
  TARIFF_VERSION: {
    recovery: 'skip',
    hint: 'add a version of the table that holds from then on, under billing.tiers.tables of gateway.yaml',
  },
  TARIFF_TIME: { recovery: 'skip', hint: 'ask for a year that has begun, and a day in it that is over' },
  TARIFF_SCOPE: {
    recovery: 'skip',
    hint: 'the customer has points that lie outside of what you may see: ask somebody who may see all of them',
  },
  TARIFF_SIGN: {
    recovery: 'skip',
    hint: 'GET /api/v1/billing/customers/ID/energy has the sum with signs; split it as the contract says, or take the sign out of the ledger (`billingSign`)',
  },
  TARIFF_LIST: { recovery: 'skip', hint: 'GET /api/v1/key-accounts names the years; POST /api/v1/key-accounts/YEAR/run makes a list' },
})
