import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { adapterOf } from '../../protocols/index.ts'
import type { BillingReadDeps } from '../../src/api/index.ts'
import { type BillingReads, NOTHING_RELEASED, type ReleasedBook } from '../../src/billing/index.ts'
import {
  EVERYTHING,
  fullObis,
  parseDecimal,
  type Reading,
  type ReadingStore,
  rescale,
  type Sink,
  type Source,
  seriesOf,
  shapeOf,
} from '../../src/core/index.ts'
import { type EvidenceBook, NO_EVIDENCE } from '../../src/evidence/index.ts'
import type { BillingRules } from '../../src/gateway/billing-point.ts'
import { billingReadViews } from '../../src/gateway/billing-read-views.ts'
import { billingReads } from '../../src/gateway/billing-reads.ts'
import { RegisterModels } from '../../src/gateway/energy-facts.ts'
import { openProfiles } from '../../src/gateway/profiles.ts'
import { type Exchange, type ExchangeDraft, Ledger, type Patch } from '../../src/ledger/index.ts'
import { openEmbeddedStore } from '../../src/store/embedded.ts'
import { act, PROFILE } from './energy-site.ts'

export const MINUTE = 60_000
export const DAY = 86_400_000
/** Local midnights of Shanghai that are billed. */
export const OCTOBER = Date.parse('2026-10-01T00:00:00+08:00')
export const NOVEMBER = Date.parse('2026-11-01T00:00:00+08:00')

export interface Kept {
  readonly meter: string
  readonly at: number
  readonly source?: Source
  /** By short OBIS code, as on the face. */
  readonly values: Readonly<Record<string, string>>
  readonly point?: string
  readonly ratio?: string
  readonly quality?: number
  readonly receivedAt?: number
}

/** A read as the gateway would have stored it. */
export const kept = ({
  meter,
  at,
  source = 'day-freeze',
  values,
  point = `P-${meter}`,
  ratio = '1',
  quality = 0,
  receivedAt = at + 90_000,
}: Kept): Reading => {
  const parsed = Object.values(values).map((text) => rescale(parseDecimal(text)!, -2))
  return {
    series: seriesOf('register', { meter, point, area: 'A-1', source }),
    shape: shapeOf(Object.keys(values).map((field) => ({ field, obis: fullObis(field), unit: 'kWh', scaler: -2 }))),
    raws: parsed.map(({ raw }) => raw),
    scalers: null,
    absent: null,
    ...{ ratio, measuredAt: at, receivedAt, quality },
  }
}

export const point = (id: string, set: Patch['set'] = {}, from: number | null = null): Patch => ({
  kind: 'point',
  id,
  from,
  set: { area: 'A-1', ...set },
})
let addresses = 0
export const meter = (id: string, at: string | null, from: number | null = null, more: Patch['set'] = {}): Patch => ({
  ...{ kind: 'meter', id, from },
  set: { point: at, line: 'bus', address: String(++addresses).padStart(12, '0'), profile: PROFILE, ...more },
})

export interface BillingSite {
  readonly ledger: Ledger
  readonly views: BillingReadDeps['billingReads']
  readonly reads: BillingReads
  readonly store: ReadingStore & Sink
  change(...patches: readonly Patch[]): void
  exchange(draft: Partial<ExchangeDraft> & Pick<ExchangeDraft, 'kind' | 'point' | 'at' | 'end'>): Exchange
  write(...readings: readonly Kept[]): Promise<void>
}

export const RULES: BillingRules = { windowMs: 60 * MINUTE, registers: ['1.8.0'], roles: ['customer', 'generation'] }

/** Ledger and store as billing reads them. */
export const billingSite = async (
  parts: {
    readonly rules?: Partial<BillingRules>
    readonly book?: ReleasedBook
    readonly evidence?: EvidenceBook
    readonly store?: ReadingStore & Sink
  } = {},
): Promise<BillingSite> => {
  const directory = mkdtempSync(join(tmpdir(), 'gridtally-billing-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  const opened = parts.store ? null : await openEmbeddedStore({ directory: join(directory, 'store') })
  if (opened && !opened.ok) throw new Error(opened.error.message)
  const store = parts.store ?? opened!.value
  const ledger = new Ledger(directory)
  onTestFinished(async () => {
    ledger.close()
    if (opened) await opened.value.close()
  })
  const models = new RegisterModels(openProfiles(null), adapterOf)
  const book = parts.book ?? NOTHING_RELEASED
  const reads = billingReads({
    store,
    ledger,
    models,
    evidence: () => parts.evidence ?? NO_EVIDENCE,
    book,
    rules: () => ({ ...RULES, ...parts.rules }),
  })
  const change = (...patches: readonly Patch[]) => {
    const done = ledger.apply(patches, act(NOVEMBER + 30 * DAY))
    if (!done.ok) throw new Error(done.error.problems.map(({ message }) => message).join('; '))
  }
  change(
    { kind: 'zone', id: 'Z-1', from: null, set: { name: 'one' } },
    { kind: 'area', id: 'A-1', from: null, set: { name: 'one', zone: 'Z-1' } },
  )
  return {
    ...{ ledger, store, change, reads },
    views: billingReadViews({ store, ledger, models, reads, book }).billingReads,
    exchange: (draft) => {
      const made = ledger.exchange(
        {
          ...{
            meter: null,
            ratio: null,
            start: {},
            proposed: { end: null, start: null },
            by: ['one', 'other'],
            reason: 'rotation',
            deviation: null,
          },
          ...draft,
        },
        act(draft.at + MINUTE),
      )
      if (!made.ok) throw new Error(made.error.problems.map(({ message }) => message).join('; '))
      return made.value
    },
    write: async (...readings) => {
      const answer = await store.write(readings.map(kept))
      if (answer.kind !== 'stored' || answer.dead.length > 0) throw new Error('not stored')
    },
  }
}

export const all = async <T>(pieces: AsyncIterable<readonly T[]>): Promise<T[]> => {
  const found: T[] = []
  for await (const piece of pieces) found.push(...piece)
  return found
}
export const readingsAt = ({ views }: BillingSite, at: number) => all(views.readings(at, {}, EVERYTHING, null))
export const energyOf = ({ views }: BillingSite, from: number, to: number) => all(views.energy(from, to, {}, EVERYTHING, null))
