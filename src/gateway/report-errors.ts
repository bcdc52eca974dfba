import { failWith } from '../core/index.ts'

/** Every way a report of a customer is not made or not given, and what to do. */
export const reportFailure = failWith({
  REPORT_CUSTOMER: { recovery: 'skip', hint: 'GET /api/v1/ledger/customer lists the customers of the ledger' },
  REPORT_UNKNOWN: { recovery: 'skip', hint: 'GET /api/v1/billing/reports lists the reports that were kept' },
  REPORT_TIME: { recovery: 'skip', hint: 'ask for a month that is over, or for two instants that have passed, at most 400 days apart' },
  REPORT_SIZE: { recovery: 'skip', hint: 'GET /api/v1/billing/energy and the exports have all points of all customers' },
  REPORT_DAMAGED: { recovery: 'stop', hint: 'the file reports.db was changed or is damaged: restore it from the backup' },
})
