import type { Result } from '../core/index.ts'
import type { Answers } from '../core/thread.ts'
import type {
  Act,
  Applied,
  CheckItem,
  Entity,
  Evidence,
  Exchange,
  ExchangeDraft,
  Expected,
  Ledger,
  ListFilter,
  Patch,
  Plan,
  PointState,
  Refused,
} from '../ledger/index.ts'
import type { WorldData } from './ledger-world.ts'

/** What the gateway knows of a point's check-list. */
export type PointEvidence = Readonly<Partial<Record<CheckItem, Evidence>>>

/** What can be asked of the ledger's thread: everything that writes, and what may take long. Plain data both ways. */
export type LedgerCalls = {
  plan: { request: { patches: readonly Patch[]; at: number; entries?: number; problems?: number }; answer: Plan }
  apply: {
    request: { patches: readonly Patch[]; act: Act; expected?: readonly Expected[]; problems?: number }
    answer: Result<Applied, Refused>
  }
  undo: { request: { seq: number; act: Act; dry: boolean }; answer: Result<Applied, Refused> }
  list: { request: ListFilter; answer: readonly Entity[] }
  exchange: { request: { draft: ExchangeDraft; act: Act }; answer: Result<Exchange, Refused> }
  planExchange: { request: { draft: ExchangeDraft; act: Act }; answer: Plan }
  acknowledge: { request: { id: number; by: string; note: string; at: number }; answer: Result<Exchange, Refused> }
  confirm: { request: { point: string; item: CheckItem; good: boolean; act: Act }; answer: Result<null, Refused> }
  step: {
    request: { point: string; to: PointState; act: Act; evidence: PointEvidence; from?: number; set?: Patch['set'] }
    answer: Result<Applied, Refused>
  }
  close: { request: null; answer: null }
}

export const ledgerAnswers = (ledger: Ledger): Answers<LedgerCalls> => ({
  plan: ({ patches, ...options }) => ledger.plan(patches, options),
  apply: ({ patches, act, ...options }) => ledger.apply(patches, act, options),
  undo: ({ seq, act, dry }) => (dry ? ledger.planUndo(seq, act) : ledger.undo(seq, act)),
  list: (filter) => ledger.list(filter),
  exchange: ({ draft, act }) => ledger.exchange(draft, act),
  planExchange: ({ draft, act }) => ledger.planExchange(draft, act),
  acknowledge: ({ id, by, note, at }) => ledger.acknowledge(id, by, note, at),
  confirm: ({ point, item, good, act }) => ledger.confirm(point, item, good, act),
  step: ({ point, to, act, evidence, ...options }) => ledger.step(point, to, act, () => evidence, options),
  close: () => {
    ledger.close()
    return null
  },
})

/** Handed to the thread when it starts. */
export interface LedgerThreadData {
  readonly directory: string
  readonly world: WorldData
}
