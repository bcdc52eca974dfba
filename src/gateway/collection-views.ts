import type { CollectionDeps as ApiCollection, FigureView, GapDetailView, GapView, Refusal } from '../api/index.ts'
import {
  budgetOf,
  type DueRecord,
  type Figure,
  type GapDetail,
  type KpiFigure,
  type KpiGroup,
  lastChance,
  missingStretches,
  rateText,
} from '../collection/index.ts'
import { err, type GatewayError, type Obis, ok, type RatioKind, type Reading, type Result } from '../core/index.ts'
import type { Ledger } from '../ledger/index.ts'
import type { Collection } from './collection.ts'
import { manualReading, manualValues } from './collection-manual.ts'

export interface CollectionViewDeps {
  readonly collection: Collection
  readonly now: () => number
  readonly put: (readings: readonly Reading[]) => Promise<Result<void>>
  readonly ledger: Pick<Ledger, 'history' | 'areas' | 'zones'>
  /** What the ratio does to a register of a meter; null: nobody knows the model. */
  readonly ratioOf: (meter: string, obis: Obis) => RatioKind | null
}

/** Stretches of a curve that are shown. */
const MOST_STRETCHES = 50

/** Gaps and figures as the API shows them. */
export const collectionViews = (deps: CollectionViewDeps): ApiCollection => {
  const { collection, now, put, ledger, ratioOf } = deps
  const { ask, calendar } = collection
  const view = (record: DueRecord): GapView => {
    const { id, kind, label, meter, point, line, area, state, fill, reason, tries, rereads, nextTry, missedAt, filledAt, instant, by } =
      record
    return {
      ...{ id, kind, label, meter, point, line, area, state, fill, reason, tries, rereads, nextTry, missedAt, filledAt, instant, by },
      budget: budgetOf(record, collection.settings),
      lastChance: lastChance(record, calendar, collection.settings),
      curve:
        record.bits === null
          ? null
          : {
              ...{ stepMs: record.stepMs, expected: record.expected, got: record.got },
              missing: missingStretches(record.bits, label, record.stepMs, record.expected, now()).slice(0, MOST_STRETCHES),
            },
    }
  }
  const detail = (gap: GapDetail): GapDetailView => {
    const { entry, history } = gap
    const shown = entry && { values: entry.values, instant: entry.instant, why: entry.reason, by: entry.by, at: entry.at }
    return { ...view(gap), history, entry: shown }
  }
  const known = (id: number) => fresh('get', id)
  /** What was told a moment ago is looked at too. */
  const fresh: Collection['ask'] = async (call, request) => {
    await collection.flush()
    return ask(call, request)
  }
  const shown = (answer: Result<Result<GapDetail>>): Result<GapDetailView, Refusal> => {
    const gap = answer.ok ? answer.value : answer
    if (!gap.ok) return refused(gap.error)
    collection.look()
    return ok(detail(gap.value))
  }
  const names = (by: KpiGroup): ReadonlyMap<string, string> =>
    new Map((by === 'area' ? ledger.areas() : by === 'zone' ? ledger.zones() : []).map(({ id, name }) => [id, name]))
  const dayOf = (text: string | null): number | null => {
    if (text === null) return calendar.dayStart(now())
    const [year = 0, month = 0, day = 0] = text.split('-').map(Number)
    return calendar.instantOf({ year, month, day, hour: 0, minute: 0, second: 0 })
  }
  return {
    gaps: async ({ state, ...filter }, after, limit) => {
      const found = await fresh('list', { filter: { ...filter, ...(state ? { states: [state] } : {}) }, after, limit })
      return found.ok ? ok(found.value.map(view)) : refused(found.error)
    },
    gapCounts: async () => {
      const found = await fresh('counts', null)
      return found.ok ? found : refused(found.error)
    },
    gap: async (id) => {
      const found = await known(id)
      if (!found.ok) return refused(found.error)
      return found.value ? ok(detail(found.value)) : err<Refusal>({ because: 'unknown', error: unknownGap(id) })
    },
    actOnGap: async (id, act, who, why) => shown(await fresh('act', { id, act, who, why, at: now() })),
    enterGap: async (id, { values, instant, who, why }) => {
      const read = manualValues(values)
      if (!read.ok) return refused(read.error)
      const gap = await known(id)
      if (!gap.ok) return refused(gap.error)
      const at = now()
      const entry = { values: read.value, instant: instant ?? gap.value?.label ?? at, reason: why, by: who, at }
      return shown(await ask('enter', { id, entry }))
    },
    confirmGap: async (id, who) => {
      const found = await fresh('confirmable', { id, who })
      if (!found.ok) return refused(found.error)
      if (!found.value.ok) return refused(found.value.error)
      const gap = found.value.value
      const { instant } = gap.entry
      const facts = ledger.history(gap.point).filter(({ meter }) => meter === gap.meter)
      const fact = facts.find(({ from, to }) => from <= instant && (to === null || instant < to)) ?? facts.at(-1) ?? null
      // Safe first: a confirmed value that is nowhere would be a lie.
      const safe = await put(manualReading(gap, gap.entry, fact, (obis) => ratioOf(gap.meter, obis) ?? 'ctpt'))
      return safe.ok ? shown(await ask('confirmed', { id, who, at: now() })) : refused(safe.error)
    },
    kpis: async ({ day: text, by }, after, limit) => {
      const day = dayOf(text)
      if (day === null) return ok(null)
      const asOf = now()
      const found = await fresh('kpis', { day, by, after, limit, now: asOf })
      if (!found.ok) return refused(found.error)
      const called = names(by)
      const units = found.value.map(({ id, kpis }) => ({ id, name: called.get(id) ?? '', kpis: kpis.map(kpiView) }))
      const { year, month, day: date } = calendar.meterTime(day)
      return ok({ day: `${year}-${two(month)}-${two(date)}`, asOf, units })
    },
    kpiMembers: async ({ day: text, ...query }) => {
      const day = dayOf(text)
      if (day === null) return ok(null)
      const found = await fresh('members', { ...query, day, now: now() })
      return found.ok ? found : refused(found.error)
    },
  }
}

const two = (value: number): string => String(value).padStart(2, '0')

const figureView = ({ numerator, denominator, excluded }: Figure): FigureView => ({
  ...{ numerator, denominator, rate: rateText(numerator, denominator) },
  excluded: Object.entries(excluded).map(([reason, count]) => ({ reason, count })),
})
const rateOf = (figure: Figure | null): string | null => figure && rateText(figure.numerator, figure.denominator)

const kpiView = ({ kpi, cutoff, kept, isKept, final, finalAt, yesterday, lastMonth }: KpiFigure) => ({
  ...{ kpi, cutoff, figure: figureView(kept), kept: isKept, final: figureView(final), finalAt },
  ...{ yesterday: rateOf(yesterday), lastMonth: rateOf(lastMonth) },
})

const unknownGap = (id: number): GatewayError => ({
  ...{ code: 'GAP_UNKNOWN', message: `there is no due reading ${id}`, recovery: 'skip', context: { gap: id } },
  hint: 'GET /api/v1/gaps lists them with their ids',
})

const refused = (error: GatewayError) =>
  err<Refusal>({
    because: error.code === 'GAP_UNKNOWN' ? 'unknown' : error.code.startsWith('GAP_') ? 'not-possible' : 'unavailable',
    error,
  })
