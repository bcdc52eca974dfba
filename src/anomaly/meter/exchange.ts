import type { Finding } from '../finding.ts'
import type { AreaFrame, MeterColumns } from '../frame.ts'
import type { AreaView, DataDoubt, Detected, Detector } from '../view.ts'
import { type Break, type BreakLimits, knownBreaksOf } from './breaks.ts'
import { estimate, everyMeter, findingOf, keyOf, limitsOf, round, rule, say, sayWhen, slotHours, threshold, timeOf } from './shared.ts'

const RULE = rule({
  id: 'meter-exchange',
  version: 1,
  title: { zh: '未登记换表', en: 'meter exchange without a record' },
  thresholds: {
    stayReads: threshold(
      4,
      '>=',
      'reads',
      [2, 96],
      { zh: '示数下降后保持在低位的读数个数', en: 'reads after the fall that stay on the new level' },
      'a garbled read is one frame; four quarter hours in a row are not chance',
    ),
    memoryHours: threshold(
      24,
      '>=',
      'h',
      [1, 168],
      { zh: '新示数低于此时间内的全部示数', en: 'the new level lies below every register of so many hours before' },
      'a clock that is set back repeats registers of the last hours; a new meter does not',
    ),
    recordHours: threshold(
      26,
      '<=',
      'h',
      [1, 240],
      { zh: '换表记录与示数变化的最大间隔', en: 'a recorded exchange this near explains the change' },
      'records are often written with the day only: a day and the hours of a shift',
    ),
    jumpFactor: threshold(
      4,
      '>=',
      '×',
      [2, 100],
      { zh: '示数增量超过可能电量的倍数', en: 'a step of so many times what can have been used is no use' },
      'twice 1.2 × contract is seen with real customers (short peaks); four times opens any fuse',
    ),
  },
})

/** Limits of breaks as they are unless somebody set others. */
export const BREAK_DEFAULTS: BreakLimits = {
  stayReads: RULE.thresholds.stayReads.value,
  memoryHours: RULE.thresholds.memoryHours.value,
  recordHours: RULE.thresholds.recordHours.value,
  jumpFactor: RULE.thresholds.jumpFactor.value,
}

const breakLimits = (limit: (name: keyof typeof RULE.thresholds) => number): BreakLimits => ({
  stayReads: limit('stayReads'),
  memoryHours: limit('memoryHours'),
  recordHours: limit('recordHours'),
  jumpFactor: limit('jumpFactor'),
})

const orderOf = (frame: AreaFrame, id: string, one: Break): number | null =>
  frame.events.find(
    ({ id: whose, at, event }) =>
      whose === id && /exchange|work_order|meter_change/.test(event) && Math.abs(at - timeOf(frame, one.slot + 1)) <= 36 * 3_600_000,
  )?.at ?? null

/** Whether a break is another meter: a fall, or a rise for which somebody was there or the supply was off. */
export const isExchange = (frame: AreaFrame, id: string, one: Break): boolean =>
  one.what === 'fall' || (one.what === 'jump' && (one.wasDark || orderOf(frame, id, one) !== null))

const resetOf = (frame: AreaFrame, id: string, one: Break): boolean =>
  frame.events.some(
    ({ id: whose, at, event }) =>
      whose === id && /reset|clear/.test(event) && at >= timeOf(frame, one.before) && at <= timeOf(frame, one.slot + 2),
  )

/**
 * Meter exchange (换表) nobody recorded: the register falls below everything of the last day and stays there, or rises by more than can have
 * been used while the meter was without voltage or under a work order. Tells it from a rollover (翻转), a garbled read, a clock set back, a
 * counter that runs backwards and an exchange the ledger knows.
 */
const detectOne = (view: AreaView, of: MeterColumns): Detected | null => {
  const { frame } = view
  const limit = limitsOf(view, RULE, of.fact)
  const breaks = knownBreaksOf(frame, of, breakLimits(limit))
  if (breaks.length === 0) return null
  const findings: Finding[] = []
  const doubts: DataDoubt[] = []
  for (const one of breaks) {
    const [from, to] = [timeOf(frame, one.before + 1), timeOf(frame, one.slot + 1)]
    if (one.what !== 'rollover' && one.what !== 'recorded') doubts.push({ id: of.fact.id, from, to, what: 'unusable' })
    const order = orderOf(frame, of.fact.id, one)
    if (!isExchange(frame, of.fact.id, one)) continue
    findings.push(claimOf(view, of, one, order, limit))
  }
  return { findings, doubts }
}

/** The old register names an exchange; one that was raised keeps its name when reads that came late move its edge. */
const apartOf = (view: AreaView, id: string, one: Break, from: number, hours: number): string => {
  const head = `${keyOf(RULE, id)}/`
  const raised = view.standing.find(({ key, from: start }) => key.startsWith(head) && Math.abs(start - from) <= hours * 3_600_000)
  return raised ? raised.key.slice(head.length) : String(Math.round(one.old))
}

const claimOf = (view: AreaView, of: MeterColumns, one: Break, order: number | null, limit: ReturnType<typeof limitsOf<typeof RULE>>) => {
  const { frame } = view
  const { fact } = of
  const [from, to] = [timeOf(frame, one.before + 1), timeOf(frame, one.slot + 1)]
  const hours = (one.slot - one.before) * slotHours(frame)
  // Power at the two ends says what ran between: kWh on the face.
  const ends = [of.p?.[one.before], of.p?.[one.slot]]
    .map((value) => Math.max(0, value ?? Number.NaN))
    .filter((value) => !Number.isNaN(value))
  const kw = ends.length === 0 ? 0 : ends.reduce((sum, value) => sum + value, 0) / ends.length
  const between = kw * hours
  const face = between / fact.multiplier
  const isReset = resetOf(frame, fact.id, one)
  const [oldFinal, newInitial] = [one.old, Math.max(0, one.now - face)]
  const cause = isReset ? 'register_reset' : order === null ? 'unrecorded_exchange' : 'work_order_without_record'
  return findingOf(view, RULE, fact, limit, {
    kind: 'meter_exchange',
    apart: apartOf(view, fact.id, one, from, limit('recordHours')),
    from,
    to,
    score: one.what === 'fall' ? 0.95 : 0.7,
    severity: 'medium',
    kwh: estimate(between, 0, Math.max(between * 2, one.now < one.old ? one.now * fact.multiplier : between * 2)),
    cause,
    numbers: {
      lastRegisterKwh: round(one.old, 4),
      firstRegisterKwh: round(one.now, 4),
      proposedOldFinalKwh: round(oldFinal + face / 2, 2),
      proposedNewInitialKwh: round(newInitial, 2),
      hoursBetween: round(hours, 2),
      powerBetweenKw: round(kw),
      readsAfter: one.readsAfter,
      workOrderAt: order,
    },
    series: [
      { measurement: 'register', id: fact.id, fields: ['activeImport'], from: from - 24 * 3_600_000, to: to + 24 * 3_600_000 },
      { measurement: 'event', id: fact.id, fields: ['event'], from: from - 36 * 3_600_000, to: to + 36 * 3_600_000 },
    ],
    ruledOut: [
      { zh: '翻转：示数未接近表底最大值', en: 'rollover: the register was not near its capacity' },
      {
        zh: `单次坏码：此后 ${one.readsAfter} 个读数均在新示数以上连续`,
        en: `a garbled read: ${one.readsAfter} reads after it go on from the new level`,
      },
      { zh: '时钟回拨：新示数不在前 24 小时示数范围内', en: 'a clock set back: the new level is not one of the day before' },
      { zh: '档案中无此时间的换表记录', en: 'the ledger has no exchange near that time' },
    ],
    why: {
      zh: `${sayWhen(frame, to)} 示数由 ${say(one.old, 2)} 变为 ${say(one.now, 2)} kWh 并保持，档案无换表记录${order === null ? '' : '，但有换表工单事件'}`,
      en: `the register went from ${say(one.old, 2)} to ${say(one.now, 2)} kWh at ${sayWhen(frame, to)} and stayed there; the ledger records no exchange${order === null ? '' : ', though an event names a work order'}`,
    },
    action: {
      zh: '核对现场表号与拆表底度，补录换表记录（建议旧表止度、新表起度见数据），并通知计费',
      en: 'compare the meter number on site and the final register of the removed meter, record the exchange (proposed registers in the numbers) and tell billing',
    },
  })
}

/** Meter exchanges without a record, and registers that cannot be used. */
export const meterExchange: Detector = {
  rule: RULE,
  detect: (view) => {
    const findings: Finding[] = []
    const doubts: DataDoubt[] = []
    const withdrawn: { key: string; because: { zh: string; en: string } }[] = []
    for (const of of everyMeter(view.frame)) {
      const one = detectOne(view, of)
      findings.push(...(one?.findings ?? []))
      doubts.push(...(one?.doubts ?? []))
    }
    const stated = new Set(findings.map(({ key }) => key))
    for (const { key, kind, target, from } of view.standing) {
      if (kind !== 'meter_exchange' || stated.has(key) || from < view.frame.start || !key.startsWith(keyOf(RULE, target))) continue
      const fact = everyMeter(view.frame).find((of) => of.fact.id === target)?.fact
      const isRecorded = fact?.exchanges.some(({ at }) => Math.abs(at - from) <= limitsOf(view, RULE, fact)('recordHours') * 3_600_000)
      withdrawn.push({
        key,
        because: isRecorded
          ? { zh: '换表已补录入档案', en: 'the exchange has been recorded in the ledger since' }
          : { zh: '后来的读数回到原示数，非换表', en: 'later reads went back to the old level: no exchange' },
      })
    }
    return { findings, doubts, withdrawn }
  },
}
