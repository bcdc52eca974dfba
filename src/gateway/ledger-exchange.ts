import type { ExchangeProposal, ProposedReading } from '../api/index.ts'
import { decimalText, ok, QUALITY, type Reading, type ReadingStore, type Result, scalerAt } from '../core/index.ts'
import type { MeterFact } from '../ledger/index.ts'

/** How far an exchange looks for readings of the old meter, and of the new one; milliseconds. Near ones first. */
const WINDOWS_MS = [2, 40].map((days) => days * 86_400_000)
const PAGE = 500
/** Readings that no meter showed, or that cannot be: nothing to compare a face with. */
const NO_FACE = QUALITY.estimated | QUALITY.quarantined
/** Energy registers: active and reactive, totals and tariffs. */
const ENERGY = /^1-0:[1-8]\.8\.\d{1,2}$/

interface ProposalDeps {
  readonly store: Pick<ReadingStore, 'range'>
  /** The meter that hung at a point just before an instant. */
  readonly meterAt: (point: string, at: number) => Pick<MeterFact, 'meter'> | null
}

/**
 * What the gateway has read around an exchange: the newest registers of the old meter up to the instant, frozen ones first among
 * equals, and the first of the new one from it on.
 *
 * @param at        milliseconds since 1970 UTC
 * @param newMeter  null for a CT or PT: the meter stays
 * @returns         null when the store does not answer: that is not the same as nothing read
 */
export const exchangeProposal = async (
  { store, meterAt }: ProposalDeps,
  point: string,
  at: number,
  newMeter: string | null,
): Promise<ExchangeProposal | null> => {
  const oldMeter = meterAt(point, at)?.meter ?? null
  const end = oldMeter === null ? NOTHING : await newest(store, oldMeter, at)
  const start = newMeter === null ? NOTHING : await first(store, newMeter, at)
  return end.ok && start.ok ? { oldMeter, end: end.value, start: start.value } : null
}

type Found = Result<ProposedReading | null>
const NOTHING: Found = ok(null)

const newest = async (store: ProposalDeps['store'], meter: string, at: number): Promise<Found> => {
  for (const window of WINDOWS_MS) {
    let best: { readonly reading: Reading; readonly proposed: ProposedReading } | null = null
    let cursor: string | null = null
    do {
      const page = await store.range({ ...query(meter, at - window, at + 1), limit: PAGE, ...(cursor === null ? {} : { cursor }) })
      if (!page.ok) return page
      for (const reading of page.value.readings) {
        const proposed = proposedOf(reading)
        if (proposed && (!best || isBetter(reading, best.reading))) best = { reading, proposed }
      }
      cursor = page.value.next
    } while (cursor !== null)
    if (best) return ok(best.proposed)
  }
  return NOTHING
}

const isBetter = (one: Reading, other: Reading): boolean =>
  one.measuredAt > other.measuredAt || (one.measuredAt === other.measuredAt && (one.series.tags.source ?? '').endsWith('freeze'))

const first = async (store: ProposalDeps['store'], meter: string, at: number): Promise<Found> => {
  const page = await store.range({ ...query(meter, at, at + Math.max(...WINDOWS_MS)), limit: 20 })
  if (!page.ok) return page
  for (const reading of page.value.readings) {
    const proposed = proposedOf(reading)
    if (proposed) return ok(proposed)
  }
  return NOTHING
}

const query = (meter: string, from: number, to: number) => ({ measurement: 'register' as const, tags: { meter }, from, to })

/** The energy registers of a reading as on the face; null when it has none. */
const proposedOf = (reading: Reading): ProposedReading | null => {
  const { shape, raws, measuredAt, series } = reading
  if (reading.quality & NO_FACE) return null
  const registers: Record<string, string> = {}
  for (const [at, { obis }] of shape.columns.entries()) {
    const raw = raws[at]
    if (raw !== null && raw !== undefined && obis !== null && ENERGY.test(obis)) registers[obis] = decimalText(raw, scalerAt(reading, at))
  }
  return registers['1-0:1.8.0'] === undefined ? null : { registers, measuredAt, source: series.tags.source ?? '' }
}
