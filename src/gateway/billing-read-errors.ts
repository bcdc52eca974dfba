import { failWith } from '../core/index.ts'

/** Why a question about reads for billing cannot be answered. */
export const billingReadFailure = failWith({
  BILLING_UNKNOWN: { recovery: 'skip', hint: 'GET /api/v1/points and /api/v1/ledger/KIND list what there is' },
})
