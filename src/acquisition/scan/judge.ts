import { decimalNumber, decimalText, type ScanFigure, subtract } from '../../core/index.ts'
import type { Reason, Verdict } from './types.ts'

/** What is believable on a low-voltage line or behind its transformers. */
export const PLAUSIBLE = {
  frequency: [45, 65],
  /** Phase voltages: 100 to 277 V nominal, or 57.7 V behind a voltage transformer; line voltages up to 500 V. */
  voltage: [50, 500],
  /** Six times what the largest direct-connected meters are made for. */
  current: [0, 600],
  powerFactor: [-1, 1],
  /** Of U·I·PF, and of sums over phases. */
  powerShare: 0.1,
  /** Voltages of three phases differ by no more than this share of their mean. */
  phaseShare: 0.15,
} as const

/** Reasons and what they weigh. */
export interface Judgement {
  readonly reasons: readonly Reason[]
  readonly score: number
}

const FACTORS: Readonly<Record<string, number>> = { W: 1, kW: 1e3, MW: 1e6, Wh: 1e-3, kWh: 1, MWh: 1e3, '%': 0.01 }

/** Value of a figure for comparing: V, A, W, kWh, PF as a fraction. */
const numberOf = (figure: ScanFigure | undefined): number | null =>
  figure?.value ? decimalNumber(figure.value.raw, figure.value.scaler) * (FACTORS[figure.unit] ?? 1) : null

const PHASES = [
  { name: 'L1', u: '1-0:32.7.0', i: '1-0:31.7.0', p: '1-0:36.7.0', pf: '1-0:33.7.0' },
  { name: 'L2', u: '1-0:52.7.0', i: '1-0:51.7.0', p: '1-0:56.7.0', pf: '1-0:53.7.0' },
  { name: 'L3', u: '1-0:72.7.0', i: '1-0:71.7.0', p: '1-0:76.7.0', pf: '1-0:73.7.0' },
] as const

const short = (value: number): string => String(Number(value.toPrecision(4)))
const ordersText = (orders: readonly { readonly order: string; readonly text: string; readonly isProfile: boolean }[]): string => {
  const own = orders.find(({ isProfile }) => isProfile)
  const others = orders.filter(({ isProfile }) => !isProfile).map(({ order, text }) => `${order} ${text}`)
  return own && others.length > 0 ? ` in byte order ${own.order} (${others.join(', ')})` : ''
}

/**
 * Judges the values a profile claims against what a meter can show. Nothing here looks at addresses or names: a wrong profile gives
 * values that contradict each other.
 */
export const judgeFigures = (
  figures: readonly ScanFigure[],
  orders: readonly { readonly order: string; readonly text: string; readonly isProfile: boolean }[] = [],
): Judgement => {
  const by = new Map(figures.map((figure) => [figure.obis, figure]))
  const reasons: Reason[] = []
  let score = 0
  const say = (
    what: string,
    value: string,
    limit: string,
    verdict: Verdict,
    weight: number,
    text = `${what} ${value}, believable ${limit}`,
  ) => {
    reasons.push({ what, value, limit, verdict, text })
    score += verdict === 'for' ? weight : verdict === 'against' ? -weight - 2 : 0
  }
  const within = (
    what: string,
    figure: ScanFigure | undefined,
    [low, high]: readonly [number, number],
    weight: number,
    extra = '',
    size = false,
  ) => {
    const value = numberOf(figure)
    if (!figure || value === null) return
    const judged = size ? Math.abs(value) : value
    const text = `${figure.text} ${figure.unit}`.trim()
    const limit = `${low} to ${high}`
    const fits = judged >= low && judged <= high
    say(what, text, limit, fits ? 'for' : 'against', weight, `${what} ${text}${extra}: ${fits ? 'within' : 'outside'} ${limit}`)
  }
  within('frequency', by.get('1-0:14.7.0'), PLAUSIBLE.frequency, 3, ordersText(orders))
  const voltages = PHASES.flatMap(({ u }) => numberOf(by.get(u)) ?? [])
  for (const [at, { name, u }] of PHASES.entries()) {
    // A phase that is not wired reads 0; the first one never does.
    if (at > 0 && numberOf(by.get(u)) === 0)
      say(
        `voltage ${name}`,
        '0 V',
        'as the other phases',
        'against',
        0.5,
        `voltage ${name} reads 0: a single-phase meter, or a phase that is off`,
      )
    else
      within(`voltage ${name}`, by.get(u), PLAUSIBLE.voltage, at === 0 ? 2 : 1, at === 0 && !by.has('1-0:14.7.0') ? ordersText(orders) : '')
  }
  for (const { name, i } of PHASES) within(`current ${name}`, by.get(i), PLAUSIBLE.current, 0.5, '', true)
  const factorLimit = [PLAUSIBLE.powerFactor[0] - 0.001, PLAUSIBLE.powerFactor[1] + 0.001] as const
  within('power factor', by.get('1-0:13.7.0') ?? by.get('1-0:33.7.0'), factorLimit, 1)
  if (voltages.length === 3 && voltages.every((value) => value > 0)) {
    const mean = (voltages[0]! + voltages[1]! + voltages[2]!) / 3
    const spread = Math.max(...voltages.map((value) => Math.abs(value - mean))) / mean
    const fits = spread <= PLAUSIBLE.phaseShare
    say(
      'phases',
      `${short(spread * 100)} % apart`,
      `${PLAUSIBLE.phaseShare * 100} %`,
      fits ? 'for' : 'against',
      1,
      `voltages of three phases are ${short(spread * 100)} % from their mean, at most ${PLAUSIBLE.phaseShare * 100} %`,
    )
  }
  for (const { name, u, i, p, pf } of PHASES) {
    const [volt, ampere, watt] = [numberOf(by.get(u)), numberOf(by.get(i)), numberOf(by.get(p))]
    const factor = numberOf(by.get(pf)) ?? (PHASES.slice(1).some((other) => by.has(other.u)) ? null : numberOf(by.get('1-0:13.7.0')))
    if (volt === null || ampere === null || watt === null) continue
    powerReason(`power ${name}`, Math.abs(watt), Math.abs(volt * ampere), factor === null ? null : Math.abs(factor), say)
  }
  const total = numberOf(by.get('1-0:16.7.0') ?? by.get('1-0:1.7.0'))
  const parts = PHASES.map(({ p }) => numberOf(by.get(p)))
  if (total !== null && parts.every((part) => part !== null)) {
    const sum = parts.reduce<number>((all, part) => all + (part ?? 0), 0)
    const fits = Math.abs(total - sum) <= Math.max(15, PLAUSIBLE.powerShare * Math.max(Math.abs(sum), Math.abs(total)))
    say(
      'sum of powers',
      `${short(total)} W`,
      `${short(sum)} W`,
      fits ? 'for' : 'against',
      2,
      `total power ${short(total)} W, the phases add up to ${short(sum)} W`,
    )
  } else if (total !== null && voltages.length === 1) {
    const ampere = numberOf(by.get('1-0:31.7.0'))
    const factor = numberOf(by.get('1-0:13.7.0') ?? by.get('1-0:33.7.0'))
    if (ampere !== null && !by.has('1-0:36.7.0'))
      powerReason('power', Math.abs(total), Math.abs(voltages[0]! * ampere), factor === null ? null : Math.abs(factor), say)
  }
  return { reasons, score }
}

type Say = (what: string, value: string, limit: string, verdict: Verdict, weight: number, text?: string) => void

/** P against U·I·PF; without PF it may be anything up to U·I. */
const powerReason = (what: string, watt: number, apparent: number, factor: number | null, say: Say): void => {
  const slack = Math.max(15, PLAUSIBLE.powerShare * apparent)
  const expected = factor === null ? apparent : apparent * factor
  if (apparent < 15 && watt < 15) {
    say(what, `${short(watt)} W`, `${short(expected)} W`, 'not-judged', 0, `${what} ${short(watt)} W: too little flows to judge`)
    return
  }
  const fits = factor === null ? watt <= apparent + slack : Math.abs(watt - expected) <= slack
  const formula = factor === null ? 'at most U·I' : 'U·I·PF'
  say(
    what,
    `${short(watt)} W`,
    `${short(expected)} W`,
    fits ? 'for' : 'against',
    2,
    `${what} ${short(watt)} W, ${formula} ${factor === null ? 'is' : 'gives'} ${short(expected)} W`,
  )
}

/** Two looks at energy and power. Times in milliseconds. */
export interface Growth {
  readonly first: readonly ScanFigure[]
  readonly second: readonly ScanFigure[]
  readonly apartMs: number
}

/** Whether the energy register grows with the power: expected ΔE = P·Δt, within the step of the register. */
export const judgeGrowth = ({ first, second, apartMs }: Growth): Judgement | null => {
  const look = (figures: readonly ScanFigure[], obis: string) => figures.find((figure) => figure.obis === obis)
  const power = [first, second].map((figures) => numberOf(look(figures, '1-0:16.7.0') ?? look(figures, '1-0:1.7.0')))
  const [before, after] = power
  if (before === null || after === null || before === undefined || after === undefined) return null
  const watt = (before + after) / 2
  const obis = watt < 0 ? '1-0:2.8.0' : '1-0:1.8.0'
  const [from, to] = [look(first, obis), look(second, obis)]
  if (!from?.value || !to?.value) return null
  const delta = subtract(to.value, from.value)
  const factor = FACTORS[from.unit] ?? 1
  const grew = decimalNumber(delta.raw, delta.scaler) * factor
  const step = from.resolution * factor
  const expected = (Math.abs(watt) / 1000) * (apartMs / 3_600_000)
  const seconds = Math.round(apartMs / 1000)
  const register = obis.slice(4)
  const value = `${decimalText(delta.raw, delta.scaler)} ${from.unit}`
  const text = `register ${register} grew ${value} in ${seconds} s at ${short(Math.abs(watt) / 1000)} kW: expected ${short(expected)} kWh`
  const reason = (verdict: Verdict, extra: string): Reason => ({
    what: 'energy grows with power',
    value,
    limit: `${short(expected)} kWh`,
    verdict,
    text: text + extra,
  })
  if (grew < 0) return { reasons: [reason('against', '; a register does not run backwards')], score: -6 }
  if (expected < 2 * step && grew <= expected + 2 * step)
    return { reasons: [reason('not-judged', `; not judged: its step of ${short(step)} kWh is too coarse, or too little flows`)], score: 0 }
  const fits = Math.abs(grew - expected) <= 2 * step + 0.3 * expected
  return { reasons: [reason(fits ? 'for' : 'against', '')], score: fits ? 3 : -6 }
}
