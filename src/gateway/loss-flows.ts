import { busBalance, type Flow, HIGH_LOSS, isBeyond, limitsOf, NEGATIVE_LOSS } from '../anomaly/index.ts'
import type { FlowAnswer, FlowItemView, FlowView, Refusal } from '../api/index.ts'
import { type Decimal, decimalText, ok, type Result, subtract } from '../core/index.ts'
import { sumOf } from '../energy/index.ts'
import type { Entity } from '../ledger/index.ts'
import { decimalOf } from './energy-figures.ts'
import { refuseLoss } from './loss-refuse.ts'
import type { LossViewDeps } from './loss-views.ts'

const PAGE = 5000
const MOST_DAYS = 400
const DAY_MS = 86_400_000
const text = ({ raw, scaler }: Decimal): string => decimalText(raw, scaler)

/** Balance of a line or a bus, day by day, at once. */
type FlowOf = (id: string, from: number, to: number) => Result<FlowAnswer, Refusal>
export interface FlowViews {
  readonly feederLoss: FlowOf
  readonly busBalance: FlowOf
}

/** Lines (线路) and buses (母线) out of the meters the ledger has for them. */
export const flowViews = (deps: Omit<LossViewDeps, 'evidence' | 'runner'>): FlowViews => {
  const { ledger, days, energy, book, now, thresholds } = deps
  const pointsWhere = (name: 'feeder' | 'bus', value: string): readonly Entity[] =>
    ledger.list({ kind: 'point', where: { [name]: value }, limit: PAGE })
  const kwhOf = (point: string, day: string, register: '1.8.0' | '2.8.0'): string | null | undefined => {
    const found = energy.figures(point, day)?.find(({ field }) => field === register)
    return register === '2.8.0' && found === undefined ? undefined : (found?.periods.day?.[0]?.value ?? null)
  }
  /** Both directions of a point; one without an export register has one. */
  const flowsOf = (id: string, day: string, imports: 'in' | 'out'): FlowView[] => {
    const back = imports === 'in' ? 'out' : 'in'
    const exported = kwhOf(id, day, '2.8.0')
    return [
      { id, kind: 'point', direction: imports, kwh: kwhOf(id, day, '1.8.0') ?? null },
      ...(exported === undefined ? [] : [{ id, kind: 'point' as const, direction: back as 'in' | 'out', kwh: exported }]),
    ]
  }
  const datesOf = (from: number, to: number) =>
    days
      .between(days.of(from), days.of(Math.min(to, Math.max(now(), from + 1)) - 1))
      .filter((day) => days.start(day) >= from && days.end(day) <= now())
  const tooLong = (from: number, to: number) =>
    refuseLoss('not-possible', 'LOSS_RANGE', `${Math.ceil((to - from) / DAY_MS)} days are too many`)

  return {
    feederLoss: (feeder, from, to): Result<FlowAnswer, Refusal> => {
      const line = ledger.get('feeder', feeder, null)
      if (!line) return refuseLoss('unknown', 'LOSS_FEEDER', `there is no feeder ${JSON.stringify(feeder)}`)
      if (to - from > (MOST_DAYS + 1) * DAY_MS) return tooLong(from, to)
      const points = pointsWhere('feeder', feeder)
      const areas = ledger.list({ kind: 'area', where: { feeder }, limit: PAGE })
      const zone = line.attributes.zone
      const target = { id: feeder, zone: typeof zone === 'string' ? zone : null }
      const [high, negative] = [
        limitsOf(thresholds(), HIGH_LOSS, target)('high_pct'),
        limitsOf(thresholds(), NEGATIVE_LOSS, target)('negative_pct'),
      ]
      return ok({
        ...{ zone: days.zone, voltageKv: numberOf(line.attributes.voltageKv) },
        items: datesOf(from, to).map((day): FlowItemView => {
          const flows = [
            ...points.flatMap(({ id, attributes }) => {
              if (attributes.role === 'line-supply') return flowsOf(id, day, 'in')
              return typeof attributes.area === 'string' ? [] : flowsOf(id, day, 'out')
            }),
            ...areas.flatMap(({ id }): FlowView[] => {
              const item = book.get(id, day)?.whole
              return [
                { id, kind: 'area', direction: 'out', kwh: item?.supply ?? null },
                ...(item?.reverse && Number(item.reverse) > 0
                  ? [{ id, kind: 'area' as const, direction: 'in' as const, kwh: item.reverse }]
                  : []),
              ]
            }),
          ]
          const item = itemOf(days.start(day), days.end(day), flows, high)
          const state =
            item.pct === null
              ? 'not-computable'
              : isBeyond(item.pct, '>', high)
                ? 'high'
                : isBeyond(item.pct, '<', negative)
                  ? 'negative'
                  : 'qualified'
          return { ...item, state }
        }),
      })
    },
    busBalance: (bus, from, to): Result<FlowAnswer, Refusal> => {
      const points = pointsWhere('bus', bus)
      const feeders = ledger.list({ kind: 'feeder', where: { bus }, limit: PAGE })
      if (points.length === 0 && feeders.length === 0)
        return refuseLoss('unknown', 'LOSS_BUS', `no point and no feeder names a bus ${JSON.stringify(bus)}`)
      if (to - from > (MOST_DAYS + 1) * DAY_MS) return tooLong(from, to)
      const lines = feeders.flatMap(({ id }) => pointsWhere('feeder', id).filter(({ attributes }) => attributes.role === 'line-supply'))
      const voltages = [...points, ...feeders].flatMap(({ attributes }) => numberOf(attributes.voltageKv) ?? [])
      const voltageKv = voltages.length > 0 ? Math.max(...voltages) : null
      return ok({
        ...{ zone: days.zone, voltageKv },
        items: datesOf(from, to).map((day): FlowItemView => {
          const seen = new Set<string>()
          const flows = [...points, ...lines].flatMap(({ id, attributes }): FlowView[] => {
            if (seen.has(id)) return []
            seen.add(id)
            if (attributes.role === 'bus-in') return flowsOf(id, day, 'in')
            return attributes.role === 'bus-out' || attributes.role === 'line-supply' ? flowsOf(id, day, 'out') : []
          })
          const flow = (direction: 'in' | 'out'): Flow[] =>
            flows.flatMap((one) => (one.direction === direction ? [{ id: one.id, kwh: one.kwh === null ? null : Number(one.kwh) }] : []))
          const { state, limitPct, missing } = busBalance(flow('in'), flow('out'), {
            id: bus,
            zone: null,
            voltageKv,
            thresholds: thresholds(),
          })
          return { ...itemOf(days.start(day), days.end(day), flows, limitPct), state, missing }
        }),
      })
    },
  }
}

/** Sums both directions, exactly; null while any of it is not known, or nobody measures one side. */
const itemOf = (from: number, to: number, flows: readonly FlowView[], limitPct: number): Omit<FlowItemView, 'state'> => {
  const total = (direction: 'in' | 'out'): Decimal | null => {
    const own = flows.filter((flow) => flow.direction === direction)
    if (own.length === 0 || own.some(({ kwh }) => kwh === null)) return null
    return sumOf(own.flatMap(({ kwh }) => decimalOf(kwh) ?? []))
  }
  const [into, out] = [total('in'), total('out')]
  const difference = into && out && subtract(into, out)
  const pct = difference && into && Number(into.raw) > 0 ? (100 * Number(text(difference))) / Number(text(into)) : null
  return {
    ...{ from, to, in: into && text(into), out: out && text(out), difference: difference && text(difference) },
    pct: pct === null ? null : Number(pct.toFixed(4)),
    limitPct,
    missing: flows.flatMap(({ id, kwh }) => (kwh === null ? [id] : [])),
    flows,
  }
}

const numberOf = (value: unknown): number | null =>
  typeof value === 'string' && Number.isFinite(Number(value)) && value !== '' ? Number(value) : null
