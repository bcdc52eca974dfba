import { LOSS_RULES, type PhaseLoss, type ThresholdLayers, type ThresholdTarget, thresholdOf } from '../anomaly/index.ts'
import type { AreaRow, LossAnswer, LossDeps, LossItemView, LossMemberView, LossRegisterView, Refusal, ThresholdView } from '../api/index.ts'
import { decimalText, ok, qualityNames, type Result } from '../core/index.ts'
import { energyFlagNames, sumOf } from '../energy/index.ts'
import type { EnergyBook } from './energy-book.ts'
import type { EnergyDays } from './energy-days.ts'
import { decimalOf } from './energy-figures.ts'
import type { EnergyRunner } from './energy-runner.ts'
import type { LossBook } from './loss-book.ts'
import { type FlowViews, flowViews } from './loss-flows.ts'
import type { AreaMembers, LossLedger } from './loss-members.ts'
import { refuseLoss } from './loss-refuse.ts'
import type { LossRunner } from './loss-runner.ts'
import type { AreaLoss, LossItem, MemberLoss } from './loss-types.ts'
import { habitsOf, USUAL_DAYS } from './loss-usual.ts'
import { itemOf, workLoss } from './loss-work.ts'

export interface LossViewDeps {
  readonly book: LossBook
  readonly members: AreaMembers
  readonly runner: Pick<LossRunner, 'isDirty'>
  readonly days: EnergyDays
  readonly ledger: LossLedger
  readonly energy: Pick<EnergyBook, 'figures' | 'columns'>
  /** Registers behind a figure, out of the store. */
  readonly evidence: EnergyRunner['evidence']
  readonly thresholds: () => ThresholdLayers
  readonly phases: (area: string, day: string) => readonly PhaseLoss[] | null
  readonly now: () => number
}

const DAY_MS = 86_400_000
/** Longest time that may be asked for, days. */
const MOST_DAYS = { '15m': 31, day: 400, month: 3700, balance: 31, phases: 31 } as const
const PAGE = 200

/** What the API may see of line loss. */
export const lossViews = (deps: LossViewDeps): LossDeps & FlowViews => {
  const { book, days, ledger, thresholds, now, runner } = deps
  const unknown = (area: string) => refuseLoss('unknown', 'LOSS_AREA', `there is no area ${JSON.stringify(area)}`)
  const tooLong = (from: number, to: number, what: keyof typeof MOST_DAYS) => to - from > (MOST_DAYS[what] + 1) * DAY_MS
  const long = (from: number, to: number, what: string) =>
    refuseLoss('not-possible', 'LOSS_RANGE', `${Math.ceil((to - from) / DAY_MS)} days of ${what} are too many`)
  return {
    areas: (filter, after, limit) => {
      const found: AreaRow[] = []
      const where = { ...(filter.zone ? { zone: filter.zone } : {}), ...(filter.feeder ? { feeder: filter.feeder } : {}) }
      for (let last = after; ; ) {
        const page = ledger.list({ kind: 'area', where, after: last, limit: PAGE })
        for (const { id, attributes } of page) {
          last = id
          const newest = book.newest(id, days.of(now()))
          if (filter.state && newest?.whole?.state !== filter.state) continue
          const word = (name: string) => (typeof attributes[name] === 'string' ? attributes[name] : null)
          found.push({
            ...{ id, name: word('name') ?? id, zone: word('zone'), feeder: word('feeder'), responsible: word('responsible') },
            ...{ day: newest?.day ?? null, latest: newest?.whole ? viewOf(newest.whole, newest) : null },
          })
          if (found.length >= limit) return found
        }
        if (page.length < PAGE) return found
      }
    },
    areaLoss: (area, { from, to, step, phases = false }) => {
      const entity = ledger.get('area', area, null)
      if (!entity) return unknown(area)
      const what = phases ? 'phases' : step
      if (tooLong(from, to, what)) return long(from, to, what)
      const [first, last] = [days.of(from), days.of(Math.min(to, Math.max(now(), from + 1)) - 1)]
      const zone = entity.attributes.zone
      const target: ThresholdTarget = { id: area, zone: typeof zone === 'string' ? zone : null }
      const layers = thresholds()
      const answer = (items: readonly LossItemView[]): Result<LossAnswer, Refusal> =>
        ok({
          ...{ zone: days.zone, pending: runner.isDirty(area, first, last), items },
          thresholds: { version: layers.version, inForce: inForce(layers, target) },
        })
      if (step === 'month') {
        const months = [...new Set(days.between(first, last).map((day) => day.slice(0, 7)))]
        return answer(
          months.flatMap((month): LossItemView[] => {
            const known = book.get(area, month)
            const dates = days.ofMonth(month)
            const start = days.start(dates[0] ?? month)
            if (start < from || start >= to) return []
            return [known?.whole ? viewOf(known.whole, known) : nothing(start, days.end(dates.at(-1) ?? month))]
          }),
        )
      }
      const known = new Map(book.between(area, first, last).map((loss) => [loss.day, loss]))
      return answer(
        days.between(first, last).flatMap((day): LossItemView[] => {
          const loss = known.get(day)
          if (step === '15m')
            return (loss?.quarters ?? []).filter((item) => item.from >= from && item.from < to).map((item) => viewOf(item, null))
          const [start, end] = [days.start(day), days.end(day)]
          if (start < from || start >= to) return []
          // A day that goes on has no loss yet; one that is over and was never worked out has none that is known.
          if (!loss?.whole && end > now()) return []
          const view = viewOf(loss?.whole ?? asItIs(deps, area, day, target), null)
          return [phases ? { ...view, phases: deps.phases(area, day) } : view]
        }),
      )
    },
    areaBalance: async (area, from, to, registers) => {
      if (!ledger.get('area', area, null)) return unknown(area)
      if (tooLong(from, to, 'balance')) return long(from, to, 'a balance')
      const [first, last] = [days.of(from), days.of(to - 1)]
      const dates = days.between(first, last).filter((day) => days.end(day) <= now())
      const end = dates.at(-1) ?? first
      if (dates.length === 0) return refuseLoss('not-possible', 'LOSS_RANGE', `${first} is not over: ask for days that are`)
      const zone = ledger.get('area', area, null)?.attributes.zone
      const target: ThresholdTarget = { id: area, zone: typeof zone === 'string' ? zone : null }
      const known = new Map(book.between(area, first, end).map((loss) => [loss.day, loss]))
      const losses = dates.map((day) => known.get(day) ?? { ...rawDay(deps, area, day, target), version: 0 })
      const members = joined(losses)
      const [start, until] = [days.start(dates[0] ?? first), days.end(end)]
      const ratios = new Map(deps.members.of(area, until - 1).map((point) => [point.id, point.ratio]))
      const gateways = members.filter(({ role }) => role === 'gateway').length
      const steps = members.map(({ id, role }) => ({
        point: { id, role, ratio: 1 },
        step: role === 'gateway' ? Math.max(0, ...losses.map(({ whole }) => whole?.stepKwh ?? 0)) / Math.max(1, gateways) : 0,
      }))
      const sums = members.map((member) => ({
        ...member,
        usual: member.usual && ([member.usual[0] * dates.length, member.usual[1] * dates.length, member.usual[2] * dates.length] as const),
      }))
      const item = itemOf(start, until, sums, steps, { thresholds: thresholds(), target, days: dates.length })
      const views: LossMemberView[] = []
      for (const member of members) views.push(await memberView(deps, member, ratios, losses, registers ? [dates[0] ?? first, end] : null))
      return ok({
        zone: days.zone,
        from: start,
        to: until,
        pending: runner.isDirty(area, first, end),
        item: { ...item, sumOfDays: null },
        members: views,
      })
    },
    ...flowViews(deps),
  }
}

/** A day that was never worked out, as it would be now. */
const rawDay = ({ energy, days, thresholds, members, book, now }: LossViewDeps, area: string, day: string, target: ThresholdTarget) =>
  workLoss(
    { energy, days, thresholds: thresholds() },
    area,
    day,
    now(),
    members.of(area, days.end(day) - 1),
    habitsOf(book.wholes(area, days.add(day, -USUAL_DAYS), days.add(day, -1))),
    target,
  )

const asItIs = (deps: LossViewDeps, area: string, day: string, target: ThresholdTarget): LossItem => {
  const { whole } = rawDay(deps, area, day, target)
  return whole ? { ...whole, version: 0 } : nothing(deps.days.start(day), deps.days.end(day))
}

/** Nothing was worked out of that time. */
const nothing = (from: number, to: number): LossItem & LossItemView => ({
  ...{ from, to, supply: null, reverse: null, generation: null, measured: '0', sold: null, loss: null, ofInput: null, ofNet: null },
  ...{ meters: 0, good: 0, meterPpm: 0, energyPpm: null, estimatedPpm: 0, state: 'not-computable', grade: null, judgedIn: null },
  ...{ faults: [], missing: [], bound: null, stepKwh: 0, watches: [], version: 0, sumOfDays: null },
})

const viewOf = (item: LossItem, of: AreaLoss | null): LossItemView => ({
  ...item,
  sumOfDays: of?.month ? { ...of.month.sumOfDays, notComputable: of.month.notComputable } : null,
})

const inForce = (layers: ThresholdLayers, target: ThresholdTarget): ThresholdView[] =>
  LOSS_RULES.flatMap((rule) =>
    Object.entries(rule.thresholds).map(([name, { op, unit, meaning, source }]): ThresholdView => {
      const { value, layer } = thresholdOf(layers, rule, name, target)
      return { rule: rule.id, name, value, op, unit, layer, meaning, source }
    }),
  )

/** Members over several days: sums where every day is known. */
const joined = (losses: readonly Pick<AreaLoss, 'members'>[]): readonly MemberLoss[] => {
  const parts = new Map<string, MemberLoss[]>()
  for (const { members } of losses)
    for (const member of members) {
      const own = parts.get(member.id)
      if (own) own.push(member)
      else parts.set(member.id, [member])
    }
  const total = (values: readonly (string | null | undefined)[]): string | null => {
    if (values.some((value) => value === null || value === undefined)) return null
    const { raw, scaler } = sumOf(values.flatMap((value) => decimalOf(value ?? null) ?? []))
    return decimalText(raw, scaler)
  }
  return [...parts]
    .map(([, own]): MemberLoss => {
      const newest = own.at(-1) as MemberLoss
      const hasExport = own.some(({ exp }) => exp !== undefined)
      return {
        ...newest,
        imp: total(own.map(({ imp }) => imp)),
        ...(hasExport ? { exp: total(own.map(({ exp }) => (exp === undefined ? '0' : exp))) } : {}),
        good: own.every(({ good }) => good),
        estimatedPpm: Math.max(...own.map(({ estimatedPpm }) => estimatedPpm)),
        flags: own.reduce((flags, member) => flags | member.flags, 0),
        quality: own.reduce((quality, member) => quality | member.quality, 0),
      }
    })
    .sort((a, b) => (a.id < b.id ? -1 : 1))
}

const memberView = async (
  { evidence }: LossViewDeps,
  { id, role, imp, exp, good, estimatedPpm, quality, flags, usual }: MemberLoss,
  ratios: ReadonlyMap<string, number>,
  losses: readonly Pick<AreaLoss, 'members'>[],
  ends: readonly [first: string, last: string] | null,
): Promise<LossMemberView> => {
  const own = losses.flatMap(({ members }) => members.filter((member) => member.id === id))
  const ratio = ratios.get(id)
  return {
    ...{ point: id, role, imported: imp, exported: exp ?? null, hasExport: exp !== undefined, good, estimatedPpm, usual },
    ratio: ratio !== undefined && ratio > 0 ? String(Number(ratio.toPrecision(12))) : null,
    quality: imp === null ? [] : qualityNames(quality),
    reasons: energyFlagNames(flags),
    days: own.length,
    unknownDays: own.filter((member) => member.imp === null).length,
    start: ends && (await registerAt(evidence, id, ends[0], 'start')),
    end: ends && (await registerAt(evidence, id, ends[1], 'end')),
  }
}

const registerAt = async (
  evidence: LossViewDeps['evidence'],
  point: string,
  day: string,
  side: 'start' | 'end',
): Promise<LossRegisterView | null> => {
  const work = await evidence(point, day, 'day')
  const interval = work?.ok ? work.value.evidence.get('1.8.0')?.[0] : undefined
  const seen = interval?.evidence?.[side]
  if (!interval || !seen) return null
  const { raw, scaler } = seen.register
  return { at: side === 'start' ? interval.from : interval.to, meter: seen.meter, register: decimalText(raw, scaler), read: seen.read }
}
