import type { Finding } from './finding.ts'
import type { AreaFrame, MeterColumns } from './frame.ts'
import type { AreaView, DataDoubt } from './view.ts'

/** Energy of one metering point after something was put right. */
export interface Member {
  readonly id: string
  readonly imp: Float64Array
  readonly exp: Float64Array
  /** As the meter's own. */
  readonly known: Uint8Array
}

const ALARM = 0.5

/**
 * The columns with what was found in ledger and data put right: multiplier, area, clock, unusable registers, and feed-in that no register shows.
 * Stolen energy and that of a lost phase of a customer stay lost.
 *
 * @returns null when there is nothing to put right
 */
export const correctedMembers = (
  view: AreaView,
  findings: readonly Finding[],
): { readonly gateways: readonly Member[]; readonly meters: readonly Member[] } | null => {
  const { frame, neighbours, doubts } = view
  const alarms = findings.filter(({ score }) => score >= ALARM)
  const area = frame.fact.id
  const wrongArea = alarms.filter(({ kind }) => kind === 'wrong_area')
  const moved = new Map(wrongArea.map((finding) => [finding.target, finding]))
  const arrivals = wrongArea.flatMap(({ target, trueArea }): MeterColumns[] => {
    if (trueArea !== area || frame.meters.some(({ fact }) => fact.id === target)) return []
    const found = neighbours.flatMap(({ meters }) => meters).find(({ fact }) => fact.id === target)
    return found ? [found] : []
  })
  const about = (id: string) => alarms.filter(({ target }) => target === id)
  const right = (meter: MeterColumns): Member =>
    about(meter.fact.id).reduce(
      (member, finding) => REMEDIES[finding.kind]?.(frame, member, meter, finding) ?? member,
      unshifted(
        frame,
        { id: meter.fact.id, imp: meter.imp, exp: meter.exp, known: meter.known },
        doubts.filter(({ id }) => id === meter.fact.id),
      ),
    )
  const isTouched = doubts.length > 0 || alarms.length > 0
  if (!isTouched) return null
  return {
    gateways: frame.gateways.map(right),
    meters: [...frame.meters.filter(({ fact }) => !isElsewhere(moved.get(fact.id), area)), ...arrivals].map(right),
  }
}

const isElsewhere = (finding: Finding | undefined, area: string): boolean => finding !== undefined && finding.trueArea !== area

type Remedy = (frame: AreaFrame, member: Member, meter: MeterColumns, finding: Finding) => Member

const REMEDIES: Readonly<Partial<Record<Finding['kind'], Remedy>>> = {
  wrong_multiplier: (frame, member, { fact }, { suggestedMultiplier, from, to }) => {
    if (suggestedMultiplier === undefined || !(fact.multiplier > 0)) return member
    const factor = suggestedMultiplier / fact.multiplier
    const scaled = (column: Float64Array) => within(frame, column, from, to, (value) => value * factor)
    return { ...member, imp: scaled(member.imp), exp: scaled(member.exp) }
  },
  // No register shows what the roof feeds in: the power does, at the end of each slot.
  unregistered_pv: (frame, member, { p }, { from, to }) => {
    if (!p) return member
    const hours = frame.stepMs / 3_600_000
    return {
      ...member,
      exp: within(frame, member.exp, from, to, (value, slot) => {
        if (value > 0) return value
        const before = p[slot - 1] ?? Number.NaN
        const power = p[slot] ?? Number.NaN
        if (Number.isNaN(power)) return value
        const start = Number.isNaN(before) ? power : before
        return (Math.max(0, -power) + Math.max(0, -start)) * 0.5 * hours
      }),
    }
  },
}

const within = (
  { start, stepMs, slots }: AreaFrame,
  column: Float64Array,
  from: number,
  to: number | null,
  change: (value: number, slot: number) => number,
): Float64Array => {
  const first = Math.max(0, Math.floor((from - start) / stepMs))
  const last = to === null ? slots : Math.min(slots, Math.ceil((to - start) / stepMs))
  const changed = column.slice()
  for (let slot = first; slot < last; slot++) changed[slot] = change(column[slot] ?? Number.NaN, slot)
  return changed
}

/** Columns at the true time, and without what says nothing. */
const unshifted = (frame: AreaFrame, { id, imp, exp, known }: Member, doubts: readonly DataDoubt[]): Member => {
  let [fixedImp, fixedExp] = [imp, exp]
  for (const { what, from, to, shiftMs = 0 } of doubts) {
    const steps = Math.round(shiftMs / frame.stepMs)
    if (what === 'unusable') fixedImp = within(frame, fixedImp, from, to, () => Number.NaN)
    if (what !== 'shift' || steps === 0) continue
    // A clock that is ahead stamps what was used now with a later time.
    const [stampedImp, stampedExp] = [fixedImp, fixedExp]
    fixedImp = within(frame, stampedImp, from, to, (_, slot) => stampedImp[slot + steps] ?? Number.NaN)
    fixedExp = within(frame, stampedExp, from, to, (_, slot) => stampedExp[slot + steps] ?? Number.NaN)
  }
  return { id, imp: fixedImp, exp: fixedExp, known }
}
