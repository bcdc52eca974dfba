import type { Finding, Words } from './finding.ts'
import type { AreaFrame, MeterColumns } from './frame.ts'
import { knownSum } from './loss-fill.ts'
import type { DayLoss } from './loss-window.ts'

/** A cause of negative loss (负损原因) that was looked at. */
export interface NegativeCause {
  readonly cause: string
  readonly holds: boolean
  readonly words: Words
  readonly action: Words
}

const ALARM = 0.5
/** A phase with less current than this share of the strongest one, while its voltage is there, hardly carries a street. */
const PHASE_SHARE = 0.05
/** Phase voltage below this share of nominal: lost. @source event default of meters, 78 % Un */
const LOST_VOLTAGE = 0.78
/** By so much the loss around noon is below that of the night, in points, when feed-in is not counted. */
const NOON_POINTS = 3

/**
 * What makes a loss negative, in the order in which it is looked for in the field: nearest to the transformer, and cheapest to check, first.
 *
 * @source  order of checks of negative loss in areas
 */
export const negativeCauses = (frame: AreaFrame, days: readonly DayLoss[], found: readonly Finding[]): readonly NegativeCause[] => {
  const last = days.length - 1
  const isFound = (kinds: readonly string[], gateway: boolean) =>
    found.filter(
      ({ kind, target, score }) =>
        score >= ALARM && kinds.includes(kind) && frame.gateways.some(({ fact }) => fact.id === target) === gateway,
    )
  const cause = (name: string, holds: boolean, en: string, zh: string, doEn: string, doZh: string): NegativeCause => ({
    ...{ cause: name, holds, words: { en, zh }, action: { en: doEn, zh: doZh } },
  })
  const names = (findings: readonly Finding[]) => findings.map(({ target }) => target).join(', ')
  const scaled = isFound(['wrong_multiplier'], false)
  const elsewhere = isFound(['wrong_area'], false)
  const solar = isFound(['unregistered_pv'], false)
  const jumped = isFound(['meter_exchange', 'register_jumped', 'register_backwards'], false)
  const lost = lostPhase(frame, last)
  const noon = noonDip(frame, last)
  const holes = frame.gateways.reduce((sum, { imp }) => sum + holesOf(frame, imp, last), 0)
  return [
    cause(
      ...(['gateway-ratio', lost !== null || isFound(['wrong_multiplier', 'phase_loss'], true).length > 0] as const),
      ...([`gateway: ${lost ?? 'its multiplier does not fit'}`, `总表：${lost ?? '倍率不符'}`] as const),
      ...(['check CT plates, wiring and the fuses of every phase at the gateway meter', '核对总表互感器铭牌、接线和各相熔丝'] as const),
    ),
    cause(
      ...(['customer-multiplier', scaled.length > 0] as const),
      ...([`multiplier of ${names(scaled)} too large`, `${names(scaled)} 倍率过大`] as const),
      ...(['compare the CT plate with the ledger', '核对互感器铭牌与档案'] as const),
    ),
    cause(
      ...(['fed-elsewhere', elsewhere.length > 0] as const),
      ...([`${names(elsewhere)} listed here, fed elsewhere`, `${names(elsewhere)} 户变关系错误`] as const),
      ...(['trace the service line to its transformer', '沿线核查所属变压器'] as const),
    ),
    cause(
      ...(['feed-in-not-counted', solar.length > 0 || noon !== null] as const),
      ...([
        `feed-in that no register shows${solar.length > 0 ? ` at ${names(solar)}` : ''}${noon === null ? '' : `: loss around noon ${noon.toFixed(1)} points below that of the night`}`,
        `光伏上网电量未计${solar.length > 0 ? `（${names(solar)}）` : ''}${noon === null ? '' : `：中午线损率比夜间低 ${noon.toFixed(1)} 个百分点`}`,
      ] as const),
      ...(['look for roofs without a record, read the export register', '核查未备案光伏，采集反向示数'] as const),
    ),
    cause(
      ...(['gateway-clock', isFound(['clock_drift'], true).length > 0] as const),
      ...(['the gateway clock is off', '总表时钟偏差'] as const),
      ...(['set the clock of the gateway meter', '校准总表时钟'] as const),
    ),
    cause(
      ...(['gateway-gaps', holes > 0] as const),
      ...([`${holes} quarter hours of the gateway are missing`, `总表缺 ${holes} 个点`] as const),
      ...(['read the gateway curve again', '补采总表曲线'] as const),
    ),
    cause(
      ...(['register-jump', jumped.length > 0] as const),
      ...([`register of ${names(jumped)} jumped`, `${names(jumped)} 示数突变`] as const),
      ...(['record the exchange, or have the read set aside', '补录换表记录或剔除错误示数'] as const),
    ),
  ]
}

const holesOf = ({ dayStarts }: AreaFrame, column: Float64Array, day: number): number => {
  const [from, to] = [dayStarts[day] ?? 0, dayStarts[day + 1] ?? 0]
  return to - from - knownSum(column, from, to)[1]
}

/** What a gateway phase shows that carries nothing; null = all phases carry. */
const lostPhase = (frame: AreaFrame, day: number): string | null => {
  for (const gateway of frame.gateways)
    for (const phase of [0, 1, 2]) {
      const [own, other] = [
        meanCurrent(frame, gateway, phase, day),
        Math.max(...[0, 1, 2].map((at) => meanCurrent(frame, gateway, at, day))),
      ]
      if (other > 0 && own < PHASE_SHARE * other)
        return `phase ${'ABC'[phase]} carries ${own.toFixed(2)} A, the strongest ${other.toFixed(2)} A`
      const volts = meanOf(frame, gateway.u[phase] ?? null, day)
      if (volts < LOST_VOLTAGE * frame.fact.nominalV) return `phase ${'ABC'[phase]} has ${volts.toFixed(1)} V of ${frame.fact.nominalV} V`
    }
  return null
}

const meanCurrent = (frame: AreaFrame, { i }: MeterColumns, phase: number, day: number): number => meanOf(frame, i[phase] ?? null, day)

const meanOf = ({ dayStarts }: AreaFrame, column: Float32Array | null, day: number): number => {
  let sum = 0
  let count = 0
  for (let slot = dayStarts[day] ?? 0; slot < (dayStarts[day + 1] ?? 0); slot++) {
    const value = column?.[slot]
    if (value === undefined || Number.isNaN(value)) continue
    sum += Math.abs(value)
    count++
  }
  return count > 0 ? sum / count : Number.NaN
}

/** Points by which the loss of 10 to 14 h lies below that of 0 to 4 h, over the last days; null when it does not by much. */
const noonDip = (frame: AreaFrame, last: number): number | null => {
  const rate = (fromHour: number): number => {
    let input = 0
    let loss = 0
    for (let day = Math.max(0, last - 6); day <= last; day++) {
      const from = (frame.dayStarts[day] ?? 0) + (fromHour * 3_600_000) / frame.stepMs
      for (let slot = from; slot < from + (4 * 3_600_000) / frame.stepMs; slot++) {
        const supply = frame.gateways.reduce((sum, { imp }) => sum + (imp[slot] ?? Number.NaN), 0)
        if (Number.isNaN(supply)) continue
        const [generation, sold, reverse] = [
          ...[
            frame.meters.reduce((sum, { exp }) => sum + (exp[slot] || 0), 0),
            frame.meters.reduce((sum, { imp }) => sum + (imp[slot] || 0), 0),
          ],
          frame.gateways.reduce((sum, { exp }) => sum + (exp[slot] || 0), 0),
        ] as const
        input += supply + generation
        loss += supply + generation - sold - reverse
      }
    }
    return input > 0 ? (100 * loss) / input : Number.NaN
  }
  const dip = rate(0) - rate(10)
  return dip > NOON_POINTS ? dip : null
}
