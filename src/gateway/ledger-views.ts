import type { LedgerPort } from '../api/index.ts'
import type { Clock, ReadingStore } from '../core/index.ts'
import type { ExchangeDraft, Ledger } from '../ledger/index.ts'
import { type EvidenceSources, evidenceOf } from './ledger-evidence.ts'
import { exchangeProposal } from './ledger-exchange.ts'
import type { LedgerThread } from './ledger-thread.ts'

interface LedgerViewDeps {
  readonly ledger: Ledger
  readonly thread: LedgerThread
  readonly clock: Pick<Clock, 'now'>
  readonly store: Pick<ReadingStore, 'range'>
  /** Of exchanges, as it is now. */
  readonly tolerance: () => NonNullable<ExchangeDraft['tolerance']>
  readonly evidence: Omit<EvidenceSources, 'now'>
}

/** The ledger for the API: small questions at once, everything that writes or searches in the ledger's thread. */
export const ledgerPort = ({ ledger, thread, clock, store, tolerance, evidence }: LedgerViewDeps): LedgerPort => {
  const sources: EvidenceSources = { ...evidence, now: () => clock.now() }
  return {
    get: (kind, id, asOf) => ledger.get(kind, id, asOf),
    facts: (kind, id) => ledger.facts(kind, id),
    list: (filter) => thread.call('list', filter),
    changes: (filter) => ledger.changes(filter),
    change: (seq, entries, after) => ledger.change(seq, entries, after),
    plan: (patches) => thread.call('plan', { patches, at: clock.now(), entries: 100 }),
    apply: (patches, act, expected) => thread.call('apply', { patches, act, expected }),
    undo: (seq, act, dry) => thread.call('undo', { seq, act, dry }),
    exchanges: (filter) => ledger.exchanges(filter),
    newestExchange: () => ledger.newestExchange(),
    proposal: (point, at, newMeter) => exchangeProposal({ store, meterAt: (id, when) => ledger.meterAt(id, when) }, point, at, newMeter),
    planExchange: (draft, act) => thread.call('planExchange', { draft: { ...draft, tolerance: tolerance() }, act }),
    exchange: (draft, act) => thread.call('exchange', { draft: { ...draft, tolerance: tolerance() }, act }),
    acknowledge: (id, by, note) => thread.call('acknowledge', { id, by, note, at: clock.now() }),
    checklist: (point) => ledger.checklist(point, (id) => evidenceOf(ledger, sources, id)),
    confirm: (point, item, good, act) => thread.call('confirm', { point, item, good, act }),
    step: (point, to, act, options) => thread.call('step', { point, to, act, evidence: evidenceOf(ledger, sources, point), ...options }),
  }
}
