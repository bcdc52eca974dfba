import type { LedgerPort } from '../../src/api/index.ts'
import type { Ledger } from '../../src/ledger/index.ts'

const NOW = Date.parse('2026-08-15T12:00:00Z')

/** A real ledger behind the API, without a thread; the gateway has read nothing of an exchange unless told so. */
export const portOver = (ledger: Ledger, change: Partial<LedgerPort> = {}): LedgerPort => ({
  get: (kind, id, asOf) => ledger.get(kind, id, asOf),
  facts: (kind, id) => ledger.facts(kind, id),
  list: (filter) => ledger.list(filter),
  changes: (filter) => ledger.changes(filter),
  change: (seq, entries, after) => ledger.change(seq, entries, after),
  plan: async (patches) => ledger.plan(patches, { at: NOW, entries: 100 }),
  apply: async (patches, act, expected) => ledger.apply(patches, act, { expected }),
  undo: async (seq, act, dry) => (dry ? ledger.planUndo(seq, act) : ledger.undo(seq, act)),
  exchanges: (filter) => ledger.exchanges(filter),
  newestExchange: () => ledger.newestExchange(),
  proposal: async (point, at) => ({ oldMeter: ledger.meterAt(point, at)?.meter ?? null, end: null, start: null }),
  planExchange: async (draft, act) => ledger.planExchange(draft, act),
  exchange: async (draft, act) => ledger.exchange(draft, act),
  acknowledge: async (id, by, note) => ledger.acknowledge(id, by, note, NOW),
  checklist: (point) => ledger.checklist(point, () => ({ communication: { good: true, text: 'it answered' } })),
  confirm: async (point, item, good, act) => ledger.confirm(point, item, good, act),
  step: async (point, to, act, options) =>
    ledger.step(point, to, act, () => ({ communication: { good: true, text: 'it answered' } }), options),
  ...change,
})

const nobody = () => Promise.reject(new Error('this test has no ledger'))

/** For tests of other routes: an empty ledger that refuses to be written. */
export const fakeLedger = (): { readonly ledger: LedgerPort } => ({
  ledger: {
    ...{
      get: () => null,
      facts: () => [],
      list: () => [],
      changes: () => [],
      change: () => null,
      exchanges: () => [],
      newestExchange: () => 0,
      checklist: () => null,
    },
    ...{
      plan: nobody,
      apply: nobody,
      undo: nobody,
      planExchange: nobody,
      exchange: nobody,
      acknowledge: nobody,
      confirm: nobody,
      step: nobody,
    },
    proposal: async () => ({ oldMeter: null, end: null, start: null }),
  },
})
