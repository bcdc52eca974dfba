import type { Finding } from '../finding.ts'
import type { AreaFrame, MeterColumns } from '../frame.ts'
import type { AreaView, Detector } from '../view.ts'
import { type Break, knownBreaksOf } from './breaks.ts'
import { BREAK_DEFAULTS, isExchange } from './exchange.ts'
import {
  estimate,
  everyMeter,
  FACE_STEP,
  findingOf,
  isGateway,
  limitsOf,
  powerCapOf,
  round,
  rule,
  say,
  sayWhen,
  slotHours,
  threshold,
  timeOf,
  unusableSlots,
} from './shared.ts'

const STOPPED = rule({
  id: 'register-stopped',
  version: 1,
  title: { zh: '电表停走', en: 'register stopped' },
  thresholds: {
    hours: threshold(
      24,
      '>=',
      'h',
      [4, 720],
      { zh: '示数不变的时间', en: 'time without a step of the register' },
      'usual rule: power above zero for a day and no step',
    ),
    expectedSteps: threshold(
      20,
      '>=',
      'steps',
      [5, 1000],
      { zh: '按功率应走的最小步数', en: 'steps of the register the power says it should have made' },
      'twenty steps: the error of instantaneous samples over a day is far below a factor of twenty',
    ),
    expectedKwh: threshold(
      0.5,
      '>=',
      'kWh',
      [0.05, 100],
      { zh: '按功率应计的最小电量', en: 'energy the power says it should have counted' },
      'a few watts of offset in the power of an idle meter (5 W = 0.12 kWh a day) are no use',
    ),
    idleHours: threshold(
      72,
      '>=',
      'h',
      [24, 1440],
      { zh: '有压无量提示的时间', en: 'time with voltage and no use from which it is mentioned' },
      'three days: zero use with voltage is information, not a fault',
    ),
  },
})

/** Slots at the end of the window in which the register did not move, and what the samples say of them. */
const standstillOf = (frame: AreaFrame, of: MeterColumns) => {
  const face = of.faceImp
  let [last, first, reads] = [Number.NaN, frame.slots, 0]
  for (let slot = frame.slots - 1; slot >= 0; slot--) {
    const value = face[slot]!
    if (Number.isNaN(value)) continue
    if (Number.isNaN(last)) last = value
    else if (Math.abs(value - last) > 1e-6) break
    reads++
    first = slot + 1
  }
  return { first, reads, register: last }
}

/** Energy the samples of power (or current) say flowed in a stretch, kWh, and the share of samples with voltage. */
const flowIn = (frame: AreaFrame, of: MeterColumns, from: number) => {
  let kwh = 0
  let samples = 0
  let live = 0
  let voltages = 0
  let amperes = 0
  const hours = slotHours(frame)
  for (let slot = from; slot < frame.slots; slot++) {
    const power = of.p?.[slot] ?? Number.NaN
    let apparent = Number.NaN
    for (let phase = 0; phase < 3; phase++) {
      const u = of.u[phase]?.[slot] ?? Number.NaN
      const i = of.i[phase]?.[slot] ?? Number.NaN
      if (!Number.isNaN(u)) {
        voltages++
        if (u > 0.5 * frame.fact.nominalV) live++
      }
      if (!Number.isNaN(u * i)) apparent = (Number.isNaN(apparent) ? 0 : apparent) + (u * i) / 1000
    }
    if (apparent > 0) amperes = Math.max(amperes, (apparent * 1000) / frame.fact.nominalV)
    // Where power is not read, current times voltage at a power factor of 0.9 stands for it.
    const kw = Number.isNaN(power) ? apparent * 0.9 : power
    if (Number.isNaN(kw)) continue
    samples++
    kwh += Math.max(0, kw) * hours
  }
  const slots = frame.slots - from
  return { kwh: samples === 0 ? 0 : (kwh * slots) / samples, samples, live: voltages === 0 ? Number.NaN : live / voltages, amperes }
}

const stopped = (view: AreaView, of: MeterColumns): Finding | null => {
  const { frame } = view
  const { first, reads, register } = standstillOf(frame, of)
  const hours = (frame.slots - first) * slotHours(frame)
  const limit = limitsOf(view, STOPPED, of.fact)
  if (hours < limit('hours') || reads < 0.5 * (frame.slots - first)) return null
  const flow = flowIn(frame, of, first)
  if (flow.samples < 0.25 * (frame.slots - first)) return null
  const key = `${STOPPED.id}/${of.fact.id}`
  const standing = view.standing.find((one) => one.key === key)
  const from = first <= 1 && standing ? Math.min(standing.from, timeOf(frame, first)) : timeOf(frame, first)
  const numbers = {
    registerKwh: round(register, 4),
    hoursWithoutStep: round(hours, 2),
    reads,
    powerSamples: flow.samples,
    expectedKwh: round(flow.kwh, 2),
    largestCurrentA: round(flow.amperes, 2),
    voltageShare: round(flow.live),
  }
  const series = [
    { measurement: 'register' as const, id: of.fact.id, fields: ['activeImport'], from, to: timeOf(frame, frame.slots) },
    {
      measurement: 'instant' as const,
      id: of.fact.id,
      fields: ['activePower', 'currentA', 'voltageA'],
      from,
      to: timeOf(frame, frame.slots),
    },
  ]
  const need = Math.max(limit('expectedKwh'), limit('expectedSteps') * FACE_STEP * of.fact.multiplier)
  if (flow.kwh >= need)
    return findingOf(view, STOPPED, of.fact, limit, {
      kind: 'register_stopped',
      from,
      to: null,
      score: 0.9,
      severity: isGateway(frame, of) ? 'critical' : 'high',
      kwh: estimate(flow.kwh, flow.kwh * 0.8, flow.kwh * 1.2),
      cause: 'stopped',
      numbers,
      series,
      ruledOut: [
        { zh: '无用电：功率/电流样本不为零', en: 'nobody at home: power or current is not zero' },
        { zh: `抄表失败：${reads} 个读数均为同一示数`, en: `missing reads: ${reads} reads show the same register` },
      ],
      why: {
        zh: `自 ${sayWhen(frame, from)} 起 ${say(hours, 0)} 小时示数停在 ${say(register, 2)}，而功率样本应计约 ${say(flow.kwh)} kWh`,
        en: `the register has stood at ${say(register, 2)} for ${say(hours, 0)} h since ${sayWhen(frame, from)}, while the power says about ${say(flow.kwh)} kWh`,
      },
      action: {
        zh: '现场检查计度器与电表，换表并按功率或历史用量追补',
        en: 'check the counter on site, replace the meter, and bill by power or earlier use',
      },
    })
  if (hours < limit('idleHours') || !(flow.live >= 0.9)) return null
  return findingOf(view, STOPPED, of.fact, limit, {
    kind: 'register_stopped',
    apart: 'idle',
    from,
    to: null,
    score: 0.1,
    severity: 'info',
    cause: 'no_use',
    numbers,
    series,
    ruledOut: [{ zh: '停走：功率与电流均近零', en: 'a stopped register: power and current are next to zero' }],
    why: {
      zh: `自 ${sayWhen(frame, from)} 起有电压、无电量无电流：空置或停用`,
      en: `voltage but neither energy nor current since ${sayWhen(frame, from)}: vacant or out of use`,
    },
    action: { zh: '无需派工；如住户在用电则检查接线', en: 'no visit needed; if somebody lives there, check the wiring' },
  })
}

const BACKWARDS = rule({
  id: 'register-backwards',
  version: 1,
  title: { zh: '电表倒走', en: 'register runs backwards' },
  thresholds: {
    falls: threshold(
      3,
      '>=',
      'steps a day',
      [2, 96],
      { zh: '一天内示数下降次数', en: 'falls of the register on the last day' },
      'one fall is a clock set back or a garbled read; three are a counter that turns the other way',
    ),
    kwh: threshold(
      0.1,
      '>=',
      'kWh',
      [0.02, 100],
      { zh: '下降合计电量', en: 'energy of the falls together' },
      'ten steps of a register with two decimals',
    ),
  },
})

const backwards = (view: AreaView, of: MeterColumns, breaks: readonly Break[]): Finding | null => {
  const { frame } = view
  const repeats = breaks.filter(({ what }) => what === 'repeat')
  const today = frame.dayStarts.at(-2) ?? 0
  const recent = repeats.filter(({ slot }) => slot >= today)
  const limit = limitsOf(view, BACKWARDS, of.fact)
  const sum = (those: readonly Break[]) => those.reduce((kwh, { old, now }) => kwh + (old - now) * of.fact.multiplier, 0)
  if (recent.length < limit('falls') || sum(recent) < limit('kwh')) return null
  const kwh = sum(repeats)
  const first = repeats[0]?.slot ?? today
  const fed = repeats.filter(({ slot }) => (of.p?.[slot] ?? 0) < 0).length
  const isFed = fed >= repeats.length / 2
  const from = timeOf(frame, first)
  return findingOf(view, BACKWARDS, of.fact, limit, {
    kind: 'register_backwards',
    from,
    to: null,
    score: 0.8,
    severity: 'high',
    kwh: estimate(2 * kwh, kwh, 2.2 * kwh),
    cause: isFed ? 'backfed' : 'wiring_or_counter',
    numbers: {
      fallsToday: recent.length,
      kwhToday: round(sum(recent), 2),
      falls: repeats.length,
      fallKwh: round(kwh, 2),
      fallsWithNegativePower: fed,
    },
    series: [
      { measurement: 'register', id: of.fact.id, fields: ['activeImport'], from, to: timeOf(frame, frame.slots) },
      { measurement: 'instant', id: of.fact.id, fields: ['activePower'], from, to: timeOf(frame, frame.slots) },
    ],
    ruledOut: [
      { zh: '换表：示数小步多次下降', en: 'an exchange: the register falls often and little' },
      { zh: '时钟回拨：下降不止一次', en: 'a clock set back: it falls more than once' },
    ],
    why: {
      zh: `昨日正向示数下降 ${recent.length} 次共 ${say(sum(recent), 2)} kWh${isFed ? '，同时功率为负（反送电使计度器倒走）' : '，功率不为负：接线或计度器故障'}`,
      en: `the import register fell ${recent.length} times on the last day, ${say(sum(recent), 2)} kWh together${isFed ? ', while power was negative: energy fed back turns it' : ', while power was not negative: wiring or counter'}`,
    },
    action: { zh: '检查极性与电表；有反送电的换双向表', en: 'check polarity and counter; where energy is fed back, hang a two-way meter' },
  })
}

const JUMPED = rule({
  id: 'register-jumped',
  version: 1,
  title: { zh: '电表飞走', en: 'register jumped' },
  thresholds: {
    dayFactor: threshold(
      1.2,
      '>',
      '× 24 h × capacity',
      [1, 10],
      { zh: '日电量超过容量·24 小时的倍数', en: 'use of a day above so many times capacity × 24 h' },
      'usual rule (飞走): more than the contract could use all day, with a fifth of room',
    ),
    powerShare: threshold(
      0.5,
      '<',
      '',
      [0.1, 1],
      { zh: '功率样本解释的电量比例上限', en: 'share of it that the power read in that time explains' },
      'where power agrees, the customer did use it (capacity exceeded)',
    ),
  },
})

const jumped = (view: AreaView, of: MeterColumns, breaks: readonly Break[]): readonly Finding[] => {
  const { frame } = view
  const limit = limitsOf(view, JUMPED, of.fact)
  const found: Finding[] = []
  const claim = (from: number, to: number, kwh: number, apart: string, numbers: Finding['numbers'], why: Finding['why']) =>
    found.push(
      findingOf(view, JUMPED, of.fact, limit, {
        kind: 'register_jumped',
        apart,
        from,
        to,
        score: 0.8,
        severity: 'high',
        kwh: estimate(-kwh, -kwh * 1.05, -kwh * 0.9),
        cause: 'jump',
        numbers,
        series: [
          { measurement: 'register', id: of.fact.id, fields: ['activeImport'], from, to },
          { measurement: 'instant', id: of.fact.id, fields: ['activePower'], from, to },
        ],
        ruledOut: [
          { zh: '真实用电：功率样本不支持', en: 'real use: the power that was read does not bear it out' },
          { zh: '单次坏码：之后读数保持在新示数上', en: 'a garbled read: later reads stay on the new level' },
          { zh: '换表：无工单且其间有电压', en: 'an exchange: no work order, and voltage was there all the time' },
        ],
        why,
        action: {
          zh: '现场核对示数；无误则查计度器，电量暂不用于计费',
          en: 'read the face on site; if it agrees, the counter is broken; do not bill the step',
        },
      }),
    )
  for (const one of breaks) {
    if (one.what !== 'jump' || isExchange(frame, of.fact.id, one)) continue
    const [from, to] = [timeOf(frame, one.before + 1), timeOf(frame, one.slot + 1)]
    const kwh = (one.now - one.old) * of.fact.multiplier
    claim(
      from,
      to,
      kwh,
      String(Math.round(one.old)),
      { registerBefore: round(one.old, 2), registerAfter: round(one.now, 2), stepKwh: round(kwh, 2), readsAfter: one.readsAfter },
      {
        zh: `${sayWhen(frame, to)} 示数由 ${say(one.old, 2)} 跳到 ${say(one.now, 2)} kWh，非用电可能`,
        en: `the register stepped from ${say(one.old, 2)} to ${say(one.now, 2)} kWh at ${sayWhen(frame, to)}: no use can do that`,
      },
    )
  }
  const [from, to] = [frame.dayStarts.at(-2) ?? 0, frame.slots]
  const hours = (to - from) * slotHours(frame)
  let energy = 0
  let power = 0
  let samples = 0
  const isUnusable = unusableSlots(view, of)
  for (let slot = from; slot < to; slot++) {
    if (!isUnusable?.(slot)) energy += of.imp[slot]! || 0
    const kw = of.p?.[slot] ?? Number.NaN
    if (Number.isNaN(kw)) continue
    power += Math.max(0, kw)
    samples++
  }
  const cap = powerCapOf(frame, of)
  const byPower = samples === 0 ? Number.NaN : (power / samples) * hours
  if (energy > limit('dayFactor') * cap.kw * hours && byPower < limit('powerShare') * energy)
    claim(
      timeOf(frame, from),
      timeOf(frame, to),
      energy - byPower,
      'day',
      { dayKwh: round(energy, 2), capacityKw: round(cap.kw, 2), capacityFrom: cap.by, dayKwhByPower: round(byPower, 2) },
      {
        zh: `当日电量 ${say(energy)} kWh 超过容量 ${say(cap.kw)} kW × 24 h 的 ${say(limit('dayFactor'), 2)} 倍，功率样本仅合 ${say(byPower)} kWh`,
        en: `${say(energy)} kWh on one day, more than ${say(limit('dayFactor'), 2)} × 24 h × ${say(cap.kw)} kW, while the power read makes ${say(byPower)} kWh`,
      },
    )
  return found
}

const each = (detect: (view: AreaView, of: MeterColumns) => readonly (Finding | null)[]) => (view: AreaView) => ({
  findings: everyMeter(view.frame).flatMap((of) => detect(view, of).filter((one) => one !== null)),
})

/** A register that stands while power flows (停走); and, as information, one that stands because nothing is used. */
export const registerStopped: Detector = { rule: STOPPED, detect: each((view, of) => [stopped(view, of)]) }

/** A register that runs backwards (倒走). */
export const registerBackwards: Detector = {
  rule: BACKWARDS,
  detect: each((view, of) => [backwards(view, of, knownBreaksOf(view.frame, of, BREAK_DEFAULTS))]),
}

/** A register that steps up by more than can have been used (飞走). */
export const registerJumped: Detector = {
  rule: JUMPED,
  detect: each((view, of) => jumped(view, of, knownBreaksOf(view.frame, of, BREAK_DEFAULTS))),
}
