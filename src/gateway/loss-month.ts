import type { ThresholdLayers, ThresholdTarget } from '../anomaly/index.ts'
import { decimalText } from '../core/index.ts'
import { ENERGY_FLAGS, sumOf } from '../energy/index.ts'
import type { EnergyBook } from './energy-book.ts'
import type { EnergyDays } from './energy-days.ts'
import { decimalOf } from './energy-figures.ts'
import type { AreaLoss, MemberLoss } from './loss-types.ts'
import { SPLIT_PPM } from './loss-usual.ts'
import { itemOf } from './loss-work.ts'

/**
 * A month by both methods: month-end less month-start registers of every member (`whole`), and the sum of the days that are computable.
 * They differ when days were not computable, and when energies of single days had to be guessed that the month knows.
 *
 * @param each  the days of the month that were worked out
 */
export const workLossMonth = (
  {
    energy,
    days,
    thresholds,
  }: { readonly energy: Pick<EnergyBook, 'figures'>; readonly days: EnergyDays; readonly thresholds: ThresholdLayers },
  area: string,
  month: string,
  each: readonly AreaLoss[],
  target: ThresholdTarget,
): Omit<AreaLoss, 'version'> => {
  const dates = days.ofMonth(month)
  const [from, to] = [days.start(dates[0] ?? month), days.end(dates.at(-1) ?? month)]
  const parts = new Map<string, MemberLoss[]>()
  for (const { members } of each)
    for (const member of members) {
      const known = parts.get(member.id)
      if (known) known.push(member)
      else parts.set(member.id, [member])
    }
  const members = [...parts]
    .map(([id, own]): MemberLoss => monthMember(id, own, dates.length, energy, month))
    .sort((a, b) => (a.id < b.id ? -1 : 1))
  const steps = members.map(({ id, role }) => ({
    point: { id, role, ratio: 1 },
    step:
      role === 'gateway'
        ? Math.max(0, ...each.map(({ whole }) => whole?.stepKwh ?? 0)) / Math.max(1, members.filter((one) => one.role === 'gateway').length)
        : 0,
  }))
  const whole = itemOf(from, to, members, steps, { thresholds, target, days: dates.length })
  const good = each.flatMap(({ whole: day }) => (day && day.loss !== null ? [day] : []))
  const total = (of: 'loss' | 'sold' | 'supply') => (good.length > 0 ? text(good.flatMap((day) => day[of] ?? [])) : null)
  const done = new Set(each.flatMap(({ day, whole: item }) => (item && item.loss !== null ? [day] : [])))
  return {
    ...{ area, day: month, thresholds: thresholds.version, whole, quarters: [], members },
    month: {
      sumOfDays: { loss: total('loss'), sold: total('sold'), supply: total('supply'), days: good.length, of: dates.length },
      notComputable: dates.filter((day) => !done.has(day)),
    },
  }
}

const text = (values: readonly string[]): string => {
  const { raw, scaler } = sumOf(values.flatMap((value) => decimalOf(value) ?? []))
  return decimalText(raw, scaler)
}

/** Of a point that was a member all month, its month's registers; of another, the days it was one. */
const monthMember = (
  id: string,
  own: readonly MemberLoss[],
  days: number,
  energy: Pick<EnergyBook, 'figures'>,
  month: string,
): MemberLoss => {
  const newest = own.at(-1)
  const registers = own.length === days ? energy.figures(id, month) : null
  const figure = (field: string) => registers?.find((register) => register.field === field)?.periods.month?.[0] ?? null
  const sum = (of: (member: MemberLoss) => string | null | undefined) => {
    const values = own.map(of)
    return values.some((value) => value === null || value === undefined) ? null : text(values.flatMap((value) => value ?? []))
  }
  const hasExport = own.some(({ exp }) => exp !== undefined)
  const [imp, exp] = registers ? [figure('1.8.0'), figure('2.8.0')] : [null, null]
  const impText = registers ? (imp?.value ?? null) : sum((member) => member.imp)
  const expText = registers && exp ? exp.value : sum((member) => (member.exp === undefined ? '0' : member.exp))
  const estimatedPpm = registers ? (imp?.estimatedPpm ?? 0) : Math.max(0, ...own.map((member) => member.estimatedPpm))
  return {
    ...{ id, role: newest?.role ?? 'customer', imp: impText, ...(hasExport ? { exp: expText } : {}) },
    good: impText !== null && estimatedPpm <= SPLIT_PPM,
    estimatedPpm,
    flags: imp ? imp.flags : own.reduce((flags, member) => flags | member.flags, impText === null ? ENERGY_FLAGS.missing : 0),
    quality: own.reduce((quality, member) => quality | member.quality, 0),
    version: imp?.version ?? Math.max(0, ...own.map(({ version }) => version)),
    ...(own.some(({ wrongRatio }) => wrongRatio) ? { wrongRatio: true } : {}),
    usual: newest?.usual ? [newest.usual[0] * own.length, newest.usual[1] * own.length, newest.usual[2] * own.length] : null,
  }
}
