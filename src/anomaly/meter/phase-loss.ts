import type { Estimate, Finding, Words } from '../finding.ts'
import type { AreaFrame, MeterColumns } from '../frame.ts'
import type { AreaView, Detector } from '../view.ts'
import {
  dayOf,
  estimate,
  everyMeter,
  findingOf,
  isGateway,
  isOut,
  type Limit,
  limitsOf,
  median,
  round,
  rule,
  say,
  sayWhen,
  slotHours,
  threshold,
  timeOf,
  unusableSlots,
} from './shared.ts'

const RULE = rule({
  id: 'phase-loss',
  version: 1,
  title: { zh: '失压/断相/失流', en: 'phase loss' },
  thresholds: {
    lowVoltage: threshold(
      0.78,
      '<',
      'Un',
      [0.3, 0.95],
      { zh: '失压：相电压低于额定的倍数', en: 'voltage of a phase below this share of nominal counts as lost' },
      'usual event default of three-phase meters (78 % Un); see analytics of the meter standards Q/GDW 1354',
    ),
    otherVoltage: threshold(
      0.78,
      '>=',
      'Un',
      [0.5, 1],
      { zh: '其余相电压下限', en: 'while another phase has at least this share of nominal' },
      'otherwise it is an outage, not a lost phase',
    ),
    currentLow: threshold(
      0.005,
      '<',
      'Ib',
      [0.001, 0.05],
      { zh: '失流：相电流低于基本电流的倍数', en: 'current of a phase below this share of the basic current is none' },
      'usual event default (0.5 % Ib); starting current of class 1 is 0.4 % Ib',
    ),
    currentOther: threshold(
      0.05,
      '>',
      'Ib',
      [0.01, 0.5],
      { zh: '失流判断时其余相电流下限', en: 'while another phase carries more than this share' },
      'usual event default (5 % Ib)',
    ),
    minSlots: threshold(
      4,
      '>=',
      'samples',
      [1, 96],
      { zh: '当日至少样本数', en: 'samples of the day that show it' },
      'an hour: shorter ones are faults of the network that end by themselves',
    ),
    usedBefore: threshold(
      0.95,
      '>=',
      '',
      [0.5, 1],
      { zh: '失流判断：此前该相带电流的样本比例', en: 'share of samples before in which the phase carried current, for a lost current' },
      'a phase that is often idle is idle because nothing hangs on it',
    ),
    currentSlots: threshold(
      32,
      '>=',
      'samples',
      [8, 192],
      { zh: '失流判断至少样本数', en: 'samples without current while others carry it' },
      'with a phase that was used in 95 % of samples, 32 idle ones in a row by chance: 0.05^32; a third of a day rules out one absent appliance',
    ),
  },
})

type PhaseIndex = 0 | 1 | 2
const PHASES = [0, 1, 2] as const
export const PHASE_NAMES = ['A', 'B', 'C'] as const

/** Basic current (Ib), primary ampere: 5 A behind transformers, 10 A of a direct meter when the ledger knows only the largest. */
const basicOf = ({ fact }: MeterColumns): number => {
  if (fact.type === '3P-CT' || fact.multiplier > 1) return 5 * fact.multiplier
  return fact.ratedA === null ? 10 : fact.ratedA / 6
}

/** Nominal phase voltage of a meter: that of the area, or of its own side of a voltage transformer. */
const nominalOf = (frame: AreaFrame, others: number): number => (others > 3 * frame.fact.nominalV ? others : frame.fact.nominalV)

/** Whether one phase has lost its voltage at a slot: 1 yes, 0 no, -1 cannot be told (not read, or no phase is alive). */
const isLost = (frame: AreaFrame, of: MeterColumns, phase: PhaseIndex, slot: number, low: number, other: number): -1 | 0 | 1 => {
  const own = of.u[phase]?.[slot] ?? Number.NaN
  if (Number.isNaN(own)) return -1
  let best = 0
  for (const at of PHASES) if (at !== phase) best = Math.max(best, of.u[at]?.[slot] || 0)
  const nominal = nominalOf(frame, best)
  if (best < other * nominal) return -1
  // Samples are single precision: so is the limit, or its own end would lie beyond it.
  return own < Math.fround(low * nominal) ? 1 : 0
}

interface Loss {
  readonly phase: PhaseIndex
  readonly first: number
  /** Last slot that shows it. */
  readonly last: number
  readonly samples: number
  readonly hasEnded: boolean
  readonly what: 'voltage' | 'cut' | 'current'
  /** Mean voltage of the lost phase while lost, V. */
  readonly voltage: number
}

/**
 * Width of the band above the limit, of nominal voltage. A lead that is off goes from live to lost at once: hardly a sample lies between.
 * A long line under load comes down by degrees and crosses the band each time: a quarter as many samples lie there as below, or more.
 */
const SAG_BAND = 0.1
const SAG_SHARE = 0.25
/** No feeder works at half its voltage: what lies below was never a sag. */
const SAG_LEAST = 0.5

/** Whether the low samples of a day are those of a voltage that sinks under load (低电压), not of a lead that is off. */
const isSag = (frame: AreaFrame, of: MeterColumns, phase: PhaseIndex, from: number, low: number): boolean => {
  let near = 0
  const below: number[] = []
  for (let slot = from; slot < frame.slots; slot++) {
    const own = of.u[phase]?.[slot] ?? Number.NaN
    let best = 0
    for (const at of PHASES) if (at !== phase) best = Math.max(best, of.u[at]?.[slot] || 0)
    const share = own / nominalOf(frame, best)
    if (share < low) below.push(share)
    else if (share < low + SAG_BAND) near++
  }
  return near >= SAG_SHARE * below.length && median(below) >= SAG_LEAST
}

/** Loss of voltage of one phase that shows on the last day, followed back to its first sample. */
const voltageLossOf = (frame: AreaFrame, of: MeterColumns, phase: PhaseIndex, limit: Limit<typeof RULE>): Loss | null => {
  const [low, other] = [limit('lowVoltage'), limit('otherVoltage')]
  const today = frame.dayStarts.at(-2) ?? 0
  let lost = 0
  let last = -1
  let goodAfter = 0
  for (let slot = today; slot < frame.slots; slot++) {
    const is = isLost(frame, of, phase, slot, low, other)
    if (is === 1) {
      lost++
      last = slot
      goodAfter = 0
    } else if (is === 0) goodAfter++
  }
  if (lost < limit('minSlots') || isSag(frame, of, phase, today, low)) return null
  // Back to where it began: a loose contact comes and goes, so it began before the last twelve hours of good samples in a row.
  const pause = Math.round(12 / slotHours(frame))
  let first = last
  let good = 0
  let samples = 0
  let sum = 0
  let withCurrent = 0
  const current = limit('currentLow') * basicOf(of)
  for (let slot = last; slot >= 0 && good < pause; slot--) {
    const is = isLost(frame, of, phase, slot, low, other)
    if (is === 0) good++
    if (is !== 1) continue
    good = 0
    first = slot
    samples++
    sum += of.u[phase]?.[slot] ?? 0
    if ((of.i[phase]?.[slot] ?? 0) > current) withCurrent++
  }
  const what = withCurrent > 0.05 * samples ? 'voltage' : 'cut'
  return { phase, first, last, samples, hasEnded: goodAfter >= limit('minSlots'), what, voltage: sum / samples }
}

/** Loss of current of one phase: others go on as before, its voltage is there, and it used to carry current nearly always. */
const currentLossOf = (frame: AreaFrame, of: MeterColumns, phase: PhaseIndex, limit: Limit<typeof RULE>): Loss | null => {
  const own = of.i[phase]
  if (!own) return null
  const basic = basicOf(of)
  const [none, others] = [limit('currentLow') * basic, limit('currentOther') * basic]
  const isBusy = (slot: number) => PHASES.some((at) => at !== phase && (of.i[at]?.[slot] ?? 0) > others)
  const hasVoltage = (slot: number) => (of.u[phase]?.[slot] ?? 0) >= limit('lowVoltage') * frame.fact.nominalV
  const today = frame.dayStarts.at(-2) ?? 0
  // The newest samples decide: one with current, and there is no loss (any more).
  let [idle, first, slot] = [0, -1, frame.slots - 1]
  for (; slot >= 0; slot--) {
    if (Number.isNaN(own[slot]!) || !hasVoltage(slot)) continue
    if (own[slot]! >= none) break
    if (!isBusy(slot)) continue
    idle++
    first = slot
    if (idle === 1 && slot < today) return null
  }
  if (idle < limit('currentSlots')) return null
  let busy = 0
  let used = 0
  const week = Math.round(168 / slotHours(frame))
  for (let at = first - 1; at >= 0 && at > first - 2 * week; at--) {
    if (Number.isNaN(own[at]!) || !isBusy(at)) continue
    busy++
    if (own[at]! >= none) used++
  }
  if (busy < 96 || used / busy < limit('usedBefore')) return null
  return { phase, first, last: frame.slots - 1, samples: idle, hasEnded: false, what: 'current', voltage: Number.NaN }
}

/**
 * Share of the lost phase in the meter's own use, as current times voltage of good days before the loss: median and quartiles of the days.
 * Null without three such days.
 */
const shareBefore = (frame: AreaFrame, of: MeterColumns, phase: PhaseIndex, first: number): readonly [number, number, number] | null => {
  const shares: number[] = []
  const until = dayOf(frame, first)
  for (let day = Math.max(0, until - 14); day < until; day++) {
    let own = 0
    let all = 0
    for (let slot = frame.dayStarts[day] ?? 0; slot < (frame.dayStarts[day + 1] ?? 0); slot++)
      for (const at of PHASES) {
        const power = (of.u[at]?.[slot] ?? 0) * (of.i[at]?.[slot] ?? 0)
        if (!(power > 0)) continue
        all += power
        if (at === phase) own += power
      }
    if (all > 0) shares.push(own / all)
  }
  if (shares.length < 3) return null
  const middle = median(shares)
  const off = 1.4826 * median(shares.map((share) => Math.abs(share - middle)))
  return [middle, Math.max(0, middle - off), Math.min(0.99, middle + off)]
}

/**
 * Energy that the lost phase carried and the meter did not count, kWh, slot by slot from `first` on; zero where nothing was lost.
 * While current flows in it: recorded energy × (I of the lost phase × mean U of the others) / Σ (I × U of the others): one power factor is
 * taken for all phases. Without current: recorded energy × s / (1 − s), s = its share in the two weeks before.
 */
export const lostOfPhase = (
  frame: AreaFrame,
  of: MeterColumns,
  loss: Pick<Loss, 'phase' | 'first' | 'last' | 'what'>,
  low = RULE.thresholds.lowVoltage.value,
  other = RULE.thresholds.otherVoltage.value,
  isUnusable: ((slot: number) => boolean) | null = null,
): { readonly kwh: Float64Array; readonly share: number; readonly shareLow: number; readonly shareHigh: number } => {
  const kwh = new Float64Array(frame.slots)
  const { phase, first, last, what } = loss
  const before = shareBefore(frame, of, phase, first)
  let lostPower = 0
  let otherPower = 0
  if (what === 'voltage')
    for (let slot = first; slot <= last; slot++) {
      if (isLost(frame, of, phase, slot, low, other) !== 1) continue
      let volts = 0
      let phases = 0
      let others = 0
      for (const at of PHASES) {
        if (at === phase) continue
        const u = of.u[at]?.[slot] ?? Number.NaN
        const i = of.i[at]?.[slot] ?? Number.NaN
        if (Number.isNaN(u) || Number.isNaN(i) || u < low * frame.fact.nominalV) continue
        volts += u
        phases++
        others += u * i
      }
      const own = of.i[phase]?.[slot] ?? Number.NaN
      if (phases === 0 || Number.isNaN(own)) continue
      // What voltage is left still counts: only the rest is lost.
      lostPower += own * Math.max(0, volts / phases - (of.u[phase]?.[slot] ?? 0))
      otherPower += others + own * (of.u[phase]?.[slot] ?? 0)
    }
  const seen = lostPower > 0 && otherPower > 0 ? lostPower / (lostPower + otherPower) : null
  const share = seen ?? before?.[0] ?? 1 / 3
  const [shareLow, shareHigh] = seen !== null ? [seen * 0.95, Math.min(0.99, seen * 1.05)] : before ? [before[1], before[2]] : [0, 0.6]
  for (let slot = first; slot <= last; slot++) {
    const energy = of.imp[slot]!
    // A slot between lost ones whose samples are missing is lost too.
    if (Number.isNaN(energy) || isUnusable?.(slot) || (what !== 'current' && isLost(frame, of, phase, slot, low, other) === 0)) continue
    kwh[slot] = (energy * share) / (1 - share)
  }
  return { kwh, share, shareLow, shareHigh }
}

const WHAT: Readonly<Record<Loss['what'], Words>> = {
  voltage: { zh: '失压（有电流无电压）', en: 'lost voltage: current flows, the voltage circuit is open' },
  cut: { zh: '断相（无电压无电流）', en: 'cut: neither voltage nor current' },
  current: { zh: '失流（有电压无电流）', en: 'lost current: voltage is there, the current circuit is open or shorted' },
}

const CAUSE: Readonly<Record<Loss['what'], string>> = { voltage: 'voltage_loss', cut: 'phase_cut', current: 'current_loss' }

const claimOf = (view: AreaView, of: MeterColumns, loss: Loss, limit: Limit<typeof RULE>, isUpstream: boolean): Finding => {
  const { frame } = view
  const { phase, first, last, hasEnded, what } = loss
  const name = PHASE_NAMES[phase]
  const standing = view.standing.find(({ key }) => key === `${RULE.id}/${of.fact.id}/${name}`)
  // A loss that is older than the window keeps the start it had.
  const from = first === 0 && standing ? Math.min(standing.from, timeOf(frame, first)) : timeOf(frame, first)
  const to = hasEnded ? timeOf(frame, last + 1) : null
  const { kwh, share, shareLow, shareHigh } = lostOfPhase(
    frame,
    of,
    loss,
    limit('lowVoltage'),
    limit('otherVoltage'),
    unusableSlots(view, of),
  )
  const lost = kwh.reduce((sum, value) => sum + value, 0)
  const back = (of: number) => of / (1 - of)
  const scale = share > 0 ? lost / back(share) : 0
  const figure: Estimate | null = isUpstream ? null : estimate(lost, scale * back(shareLow), scale * back(shareHigh))
  const days = (last + 1 - first) / (24 / slotHours(frame))
  const isArea = isGateway(frame, of)
  return findingOf(view, RULE, of.fact, limit, {
    kind: 'phase_loss',
    apart: name,
    from,
    to,
    score: what === 'current' ? (of.fact.type === '3P-CT' ? 0.75 : 0.6) : loss.samples >= 16 ? 0.95 : 0.8,
    severity: isArea ? 'critical' : 'high',
    kwh: figure,
    cause: isUpstream ? 'supply_phase_lost' : CAUSE[what],
    numbers: {
      phase: name,
      samples: loss.samples,
      days: round(days, 2),
      voltageOfPhaseV: round(loss.voltage, 1),
      shareOfPhase: round(share, 4),
      shareRangeLow: round(shareLow, 4),
      shareRangeHigh: round(shareHigh, 4),
      recordedKwh: round(scale, 2),
      lostKwh: isUpstream ? null : round(lost, 2),
    },
    series: [
      {
        measurement: 'instant',
        id: of.fact.id,
        fields: what === 'current' ? [`i${name}`] : [`u${name}`, `i${name}`],
        from: from - 24 * 3_600_000,
        to: to ?? timeOf(frame, frame.slots),
      },
      { measurement: 'interval', id: of.fact.id, fields: ['activeImport'], from, to: to ?? timeOf(frame, frame.slots) },
    ],
    ruledOut: [
      { zh: '停电：其余相电压正常', en: 'an outage: other phases have their voltage' },
      { zh: '窃电：记录电量减少由该相缺失解释，不另报窃电', en: 'theft: the missing phase explains what is not counted' },
      ...(isUpstream ? [] : [{ zh: '上级缺相：同台区其他表该相正常', en: 'a phase lost upstream: other meters of the area have it' }]),
    ],
    why: {
      zh: `${name} 相自 ${sayWhen(frame, from)} 起${WHAT[what].zh}，${loss.samples} 个样本${what === 'current' ? '' : `，平均 ${say(loss.voltage)} V`}${isUpstream ? '，台区多只表同时缺该相' : `；该相约占 ${say(share * 100)} %，少计约 ${say(lost)} kWh`}`,
      en: `phase ${name} since ${sayWhen(frame, from)}: ${WHAT[what].en}; ${loss.samples} samples${what === 'current' ? '' : `, ${say(loss.voltage)} V on average`}${isUpstream ? '; several meters of the area lost it together' : `; the phase carries about ${say(share * 100)} % of the use, about ${say(lost)} kWh were not counted`}`,
    },
    action: isUpstream
      ? { zh: '检查配变高压熔丝、低压出线缺相', en: 'look for a blown fuse of the transformer or an open phase of the outgoing line' }
      : isArea
        ? {
            zh: '检查总表该相电压线、互感器二次与熔丝，按少计电量更正供电量',
            en: 'check voltage lead, fuse and CT secondary of that phase at the area meter; correct the supplied energy',
          }
        : {
            zh: '到现场检查该相电压连接片、熔丝、接线或互感器二次回路，按比例追补电量',
            en: 'check voltage link, fuse, wiring or CT secondary of that phase on site; bill the missing share',
          },
  })
}

/** Lost phases (失压、断相、失流) of three-phase meters and of the meter of the area. */
export const phaseLoss: Detector = {
  rule: RULE,
  detect: (view) => {
    const { frame } = view
    const losses: { readonly of: MeterColumns; readonly loss: Loss }[] = []
    let three = 0
    for (const of of everyMeter(frame)) {
      if (of.fact.type === '1P' || PHASES.some((phase) => !of.u[phase])) continue
      three++
      const limit = limitsOf(view, RULE, of.fact)
      const found = PHASES.map((phase) => voltageLossOf(frame, of, phase, limit) ?? currentLossOf(frame, of, phase, limit))
      for (const loss of found)
        if (loss && !isOut(frame, of.fact.id, timeOf(frame, loss.last), timeOf(frame, loss.last + 1))) losses.push({ of, loss })
    }
    // One phase gone at the area meter and at half of the others at once is gone upstream: one case, at the area meter.
    const upstream = PHASES.filter((phase) => {
      const those = losses.filter(({ loss }) => loss.phase === phase && loss.what !== 'current')
      return three >= 3 && those.length >= three / 2 && those.some(({ of }) => isGateway(frame, of))
    })
    return {
      findings: losses
        .filter(({ of, loss }) => !upstream.includes(loss.phase) || isGateway(frame, of))
        .map(({ of, loss }) => claimOf(view, of, loss, limitsOf(view, RULE, of.fact), upstream.includes(loss.phase))),
    }
  },
}
