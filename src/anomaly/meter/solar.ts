import type { Finding } from '../finding.ts'
import type { AreaFrame, MeterColumns } from '../frame.ts'
import type { AreaView, Detector } from '../view.ts'
import {
  daysBack,
  estimate,
  FACE_STEP,
  findingOf,
  type Limit,
  limitsOf,
  median,
  quantile,
  round,
  rule,
  say,
  sayWhen,
  slotHours,
  threshold,
  timeOf,
} from './shared.ts'

const RULE = rule({
  id: 'unregistered-pv',
  version: 1,
  title: { zh: '未登记光伏/反向电量', en: 'solar nobody registered; reverse energy' },
  thresholds: {
    exportKw: threshold(
      0.05,
      '>=',
      'kW',
      [0.005, 10],
      { zh: '反向功率下限', en: 'power fed back from which a sample counts' },
      'ten times the starting power of a class 1 meter (0.4 % of 5 A at 230 V = 5 W)',
    ),
    exportSlots: threshold(
      4,
      '>=',
      'samples',
      [1, 96],
      { zh: '一天内反向样本数', en: 'samples of one day that feed back' },
      'an hour in a day; a single wild sample is a garbled read',
    ),
    exportKwh: threshold(
      0.1,
      '>=',
      'kWh',
      [0.01, 100],
      { zh: '一天内反向电量', en: 'energy fed back on one day' },
      'ten steps of a register with two decimals',
    ),
    nightShare: threshold(
      0.1,
      '<=',
      '',
      [0, 1],
      { zh: '夜间（21–4 时）反向样本比例上限', en: 'share of these samples between 21 h and 4 h up to which it is the sun' },
      'the sun does not shine at night; a clock may be wrong by hours',
    ),
    memoryDays: threshold(
      14,
      '<=',
      'days',
      [1, 63],
      { zh: '无反向后仍认为存在的天数', en: 'days without export for which a plant is held to be there' },
      'two weeks of dark winter weather',
    ),
  },
})

/** What a meter fed back without anybody having registered it. */
interface Export {
  readonly days: number
  readonly first: number
  readonly last: number
  readonly samples: number
  readonly night: number
  readonly kwh: number
  readonly registerKwh: number
  readonly peakKw: number
  readonly backwardsKwh: number
}

/**
 * kWh that a meter fed in during a slot although nothing registers it: from its negative power, where the export register says nothing.
 * For balances that want to add it to the input.
 */
export const hiddenExportKwh = (frame: AreaFrame, of: MeterColumns, slot: number): number => {
  if (!Number.isNaN(of.exp[slot]!)) return 0
  const power = of.p?.[slot] ?? 0
  return power < 0 ? -power * slotHours(frame) : 0
}

const isRegistered = (of: MeterColumns, time: number): boolean => of.fact.solar !== null && of.fact.solar.since <= time + 86_400_000

const exportOn = (frame: AreaFrame, of: MeterColumns, from: number, to: number, exportKw: number) => {
  let samples = 0
  let kwh = 0
  let registerKwh = 0
  let peakKw = 0
  let night = 0
  let first = -1
  let last = -1
  let backwards = 0
  const hours = slotHours(frame)
  const { p, exp, faceImp } = of
  for (let slot = from; slot < to; slot++) {
    const power = p ? p[slot]! : Number.NaN
    const fed = exp[slot]!
    if (fed > 0) registerKwh += fed
    if (!(power <= -exportKw) && !(fed >= FACE_STEP * of.fact.multiplier)) continue
    samples++
    if (first < 0) first = slot
    last = slot
    kwh += power < 0 ? -power * hours : 0
    if (-power > peakKw) peakKw = -power
    const hour = (slot - from) * hours
    if (hour >= 21 || hour < 4) night++
    const step = faceImp[slot]! - (faceImp[slot - 1] ?? Number.NaN)
    if (step < 0) backwards -= step * of.fact.multiplier
  }
  return { samples, kwh, registerKwh, peakKw, night, first, last, backwards }
}

const exportOf = (frame: AreaFrame, of: MeterColumns, limit: Limit<typeof RULE>): Export | null => {
  const [kw, slots, energy] = [limit('exportKw'), limit('exportSlots'), limit('exportKwh')]
  const recent = daysBack(frame, limit('memoryDays'))
  const total = { days: 0, first: -1, last: -1, samples: 0, night: 0, kwh: 0, registerKwh: 0, peakKw: 0, backwardsKwh: 0 }
  // Newest first: without a day of the last two weeks there is nothing to follow back.
  for (let day = frame.days.length - 1; day >= 0; day--) {
    const [from, to] = [frame.dayStarts[day] ?? 0, frame.dayStarts[day + 1] ?? 0]
    if (to <= recent && total.days === 0) return null
    const one = exportOn(frame, of, from, to, kw)
    if (one.samples < slots || Math.max(one.kwh, one.registerKwh) < energy) continue
    if (isRegistered(of, timeOf(frame, one.first))) continue
    total.days++
    total.first = one.first
    if (total.last < 0) total.last = one.last
    total.samples += one.samples
    total.night += one.night
    total.kwh += one.kwh
    total.registerKwh += one.registerKwh
    total.backwardsKwh += one.backwards
    total.peakKw = Math.max(total.peakKw, one.peakKw)
  }
  return total.days === 0 ? null : total
}

/**
 * Installed power from what registered plants of the area fed back at their best hour: their 99th percentile of export over their kWp is
 * that of the unregistered one too, for all see one sky. Null without such a plant.
 */
const skyOf = (frame: AreaFrame, from: number): number | null => {
  const ratios: number[] = []
  for (const of of frame.meters) {
    const kwp = of.fact.solar?.kwp ?? 0
    if (!of.p || !(kwp > 0)) continue
    const best = peakOf(of, from)
    if (best > 0) ratios.push(best / kwp)
  }
  return ratios.length === 0 ? null : median(ratios)
}

const peakOf = (of: MeterColumns, from: number): number => {
  const fed: number[] = []
  for (let slot = from; slot < (of.p?.length ?? 0); slot++) {
    const power = of.p?.[slot] ?? Number.NaN
    if (power < 0) fed.push(-power)
  }
  return fed.length < 4 ? 0 : quantile(fed, 0.99)
}

/** Base load of the meter at night, kW: what the plant feeds before anything comes out. */
const baseOf = (frame: AreaFrame, of: MeterColumns, from: number): number => {
  const night: number[] = []
  for (let day = 0; day < frame.days.length; day++) {
    const start = frame.dayStarts[day] ?? 0
    for (let slot = start + 4; slot < start + 16 && slot < frame.slots; slot++)
      if (slot >= from && (of.p?.[slot] ?? Number.NaN) >= 0) night.push(of.p?.[slot] ?? 0)
  }
  const base = quantile(night, 0.25)
  return Number.isNaN(base) ? 0 : base
}

const claimOf = (view: AreaView, of: MeterColumns, seen: Export, limit: Limit<typeof RULE>): Finding => {
  const { frame } = view
  const isSun = seen.night <= limit('nightShare') * seen.samples
  const key = `${RULE.id}/${of.fact.id}`
  const standing = view.standing.find((one) => one.key === key)
  const from = standing ? Math.min(standing.from, timeOf(frame, seen.first)) : timeOf(frame, seen.first)
  const kwh = Math.max(seen.kwh, seen.registerKwh)
  const sky = skyOf(frame, seen.first)
  const best = peakOf(of, seen.first)
  const kwp = sky === null ? best + baseOf(frame, of, seen.first) : best / sky
  const isRegisterMoving = seen.registerKwh > 0
  const isBackwards = seen.backwardsKwh > 0
  const cause = isBackwards ? 'register_counts_backwards' : isRegisterMoving ? 'export_register_moves' : 'negative_power'
  return findingOf(view, RULE, of.fact, limit, {
    kind: isSun ? 'unregistered_pv' : 'reverse_energy',
    from,
    to: null,
    score: seen.days >= 3 ? 0.97 : seen.days === 2 ? 0.92 : 0.85,
    severity: 'medium',
    kwh: estimate(-kwh, -kwh * 1.05, -kwh * 0.95),
    cause,
    numbers: {
      exportDays: seen.days,
      exportSamples: seen.samples,
      nightSamples: seen.night,
      exportKwhByPower: round(seen.kwh, 2),
      exportKwhByRegister: isRegisterMoving ? round(seen.registerKwh, 2) : null,
      importRegisterBackKwh: isBackwards ? round(seen.backwardsKwh, 2) : null,
      peakExportKw: round(seen.peakKw),
      estimatedKwp: isSun ? round(kwp, 1) : null,
      kwpFrom: sky === null ? 'own peak and base load' : 'export of registered plants of the area',
    },
    series: [
      { measurement: 'instant', id: of.fact.id, fields: ['activePower'], from, to: timeOf(frame, frame.slots) },
      { measurement: 'register', id: of.fact.id, fields: ['activeImport', 'activeExport'], from, to: timeOf(frame, frame.slots) },
    ],
    ruledOut: [
      { zh: '档案中该户此时无光伏登记', en: 'the ledger registers no solar plant for this time' },
      {
        zh: `单次坏码：反向样本 ${seen.samples} 个，${seen.days} 天`,
        en: `a garbled read: ${seen.samples} samples on ${seen.days} days feed back`,
      },
      isSun
        ? { zh: '接线反极性：夜间为正向', en: 'reversed wiring: at night the power is positive' }
        : { zh: '光伏：夜间也反向', en: 'solar: it feeds back at night too' },
    ],
    why: isSun
      ? {
          zh: `自 ${sayWhen(frame, from)} 起 ${seen.days} 天白天反送，最大 ${say(seen.peakKw)} kW，合计约 ${say(kwh)} kWh，约 ${say(kwp)} kWp；档案无光伏`,
          en: `fed back by day on ${seen.days} days since ${sayWhen(frame, from)}, up to ${say(seen.peakKw)} kW, about ${say(kwh)} kWh in all, about ${say(kwp)} kWp; the ledger knows no plant`,
        }
      : {
          zh: `自 ${sayWhen(frame, from)} 起反向功率，昼夜都有，合计约 ${say(kwh)} kWh：接线反极性、储能或发电机`,
          en: `power flows back by day and night since ${sayWhen(frame, from)}, about ${say(kwh)} kWh: reversed wiring, a battery or a generator`,
        },
    action: isSun
      ? {
          zh: '现场核实光伏，补办并网登记，更换或设置双向计量，台区供电量计入上网电量',
          en: 'verify the plant on site, register it, meter both directions, and count its energy as input of the area',
        }
      : {
          zh: '现场检查进出线极性与互感器方向，查有无储能或发电机',
          en: 'check polarity of the leads and CTs on site; look for a battery or generator',
        },
  })
}

/** Solar plants (光伏) nobody registered, and power that flows back for another reason. The area's own meter may export. */
export const unregisteredPv: Detector = {
  rule: RULE,
  detect: (view) => ({
    findings: view.frame.meters.flatMap((of) => {
      if (of.fact.solar !== null && of.fact.solar.since <= view.frame.start) return []
      const limit = limitsOf(view, RULE, of.fact)
      const seen = exportOf(view.frame, of, limit)
      return seen ? [claimOf(view, of, seen, limit)] : []
    }),
  }),
}
