import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { BillingBookDeps } from '../api/index.ts'
import { BILLING_FILE, begunLater, billingThread } from '../billing/index.ts'
import type { AskCollection } from '../collection/index.ts'
import { type Clock, explain } from '../core/index.ts'
import { workerUrl } from '../core/worker.ts'
import type { EvidenceBook } from '../evidence/index.ts'
import type { Ledger } from '../ledger/index.ts'
import type { Outbox } from '../outbox/index.ts'
import { releasedBook } from './billing-book.ts'
import { BillingLooks } from './billing-looks.ts'
import type { BillingReadParts, BillingRules } from './billing-point.ts'
import { billingReads } from './billing-reads.ts'
import { BillingReleases } from './billing-releases.ts'
import { billingViews, ChangeWaiters } from './billing-views.ts'
import type { BillingWorkerData } from './billing-worker.ts'
import type { EnergyDays } from './energy-days.ts'

/** `billing` of gateway.yaml, as far as reads and the book go by it. */
export type BillingSettings = BillingRules & ReturnType<Parameters<typeof billingViews>[0]['rules']>

export interface BillingParts {
  readonly directory: string
  readonly settings: BillingSettings
  readonly clock: Clock
  readonly ledger: BillingReadParts['ledger'] & Pick<Ledger, 'seq' | 'touchedPages' | 'facts'>
  readonly store: BillingReadParts['store'] & { readonly id: string }
  readonly models: BillingReadParts['models']
  readonly days: EnergyDays
  readonly evidence: () => EvidenceBook
  /** Asks the ledger of due readings: who entered a value by hand stands there. */
  readonly collection: () => AskCollection
  readonly log: (level: 'info' | 'warn', message: string) => void
}

/** Puts together what is billed: reads at an instant, the book of what was released of them, and what differs from it by now. */
export const openBilling = (parts: BillingParts) => {
  const { directory, clock, ledger, store, models, days, evidence, log } = parts
  let { settings } = parts
  const thread = billingThread(() => {
    const workerData: BillingWorkerData = { directory }
    return new Worker(workerUrl(import.meta.url, 'billing-worker'), { workerData })
  })
  const { ask, isBegun } = begunLater(thread.ask, existsSync(join(directory, BILLING_FILE)))
  const book = releasedBook(ask)
  const reads = billingReads({ store, ledger, models, evidence, book, rules: () => settings })
  const waiters = new ChangeWaiters()
  const releases = new BillingReleases({
    ask,
    reads,
    clock,
    told: (newest) => waiters.told(newest),
    ended: (at) => looks.released(at),
    log,
  })
  const looks = new BillingLooks({ ask, isBegun, reads, ledger, clock, storeSink: store.id, windowMs: () => settings.windowMs, log })
  const views: BillingBookDeps = billingViews({
    ...{ ask, reads, releases, waiters, days },
    willRelease: (at) => looks.willRelease(at),
    now: () => clock.now(),
    rules: () => settings,
    isKnown: (kind, id) => ledger.get(kind, id, null) !== null,
    enteredBy: (point, at) => enteredBy(parts.collection(), point, at),
  })
  return {
    ask,
    book,
    reads,
    releases,
    looks,
    views,
    /** Number of the newest change; 0: there is none. */
    newest: async () => {
      const found = await ask('newest', null)
      if (!found.ok) throw new Error(explain(found.error))
      return found.value
    },
    /** Its place among the sinks of the outbox. */
    sink: looks.sink,
    /** For the list of those who are told that energy of a day of a point differs. */
    energyChanged: (point: string, day: string) => looks.energyChanged(point, days.start(day), days.end(day)),
    use: (next: BillingSettings) => {
      settings = next
    },
    start: (outbox: Pick<Outbox, 'state'>) => looks.start(outbox),
    stop: async () => {
      waiters.close()
      await Promise.all([releases.stop(), looks.stop()])
    },
    close: () => thread.close(),
  }
}

const MOST_ENTRIES = 20

/** Names of those who entered a reading of a point at an instant. The ledger of due readings that cannot be asked names nobody: throws. */
const enteredBy = async (ask: AskCollection, point: string, at: number): Promise<readonly string[]> => {
  const gaps = await ask('list', { filter: { point, from: at, to: at + 1, all: true }, after: 0, limit: MOST_ENTRIES })
  if (!gaps.ok) throw new Error(gaps.error.message)
  const names = new Set<string>()
  for (const { id } of gaps.value) {
    const gap = await ask('get', id)
    if (!gap.ok) throw new Error(gap.error.message)
    for (const { what, who } of gap.value?.history ?? []) if (what === 'entered' && who !== null) names.add(who)
    if (gap.value?.entry) names.add(gap.value.entry.by)
  }
  return [...names]
}
