import { type Finding, HOUSE_RULES, type RuleSpec, type SeriesRef } from '../anomaly/index.ts'
import type { ClockPoint, ClockState } from '../collection/clock-rules.ts'
import type { Exchange } from '../ledger/index.ts'
import type { UnreadPoint } from './account-views.ts'

/** A clock that was read. */
export interface ReadClock {
  /** Metering point the meter hangs at. */
  readonly point: string
  readonly meter: string
  readonly area: string
  readonly state: ClockState
  readonly newest: ClockPoint | null
}

/** A meter that is not in the ledger and waits for somebody. */
export interface WaitingStranger {
  /** Number among those that are unregistered. */
  readonly id: number
  readonly channel: string
  readonly address: string
  readonly firstSeen: number
  readonly lastSeen: number
  readonly sightings: number
  readonly readings: number
  readonly area: string | null
  readonly isOverdue: boolean
  readonly register: { readonly obis: string; readonly value: string; readonly unit: string } | null
}

export interface HouseFacts {
  readonly clocks: () => Iterable<ReadClock>
  readonly strangers: () => Iterable<WaitingStranger>
  /** Exchanges that billing has not acknowledged, with the area of their point. */
  readonly exchanges: () => Iterable<{ readonly exchange: Exchange; readonly area: string }>
  /** Points of key accounts that were not read in time, with their area. */
  readonly unread: () => Iterable<UnreadPoint & { readonly area: string }>
  /** Buses that are out of balance. */
  readonly buses: () => Iterable<Finding>
  readonly now: () => number
}

const MINUTE = 60_000
const DAY = 86_400_000

/**
 * Findings of one area that need no look at its balance: meters nobody registered, clocks that were read and are off, exchanges nobody acknowledged,
 * key accounts nobody read, buses out of balance.
 * They become cases as every other finding does.
 */
export const houseFindings = (facts: HouseFacts, area: string): readonly Finding[] => [
  ...[...facts.clocks()].flatMap((clock) => (clock.area === area ? clockFindings(clock) : [])),
  ...[...facts.strangers()].flatMap((stranger) => (stranger.area === area ? [strangerFinding(stranger, area)] : [])),
  ...[...facts.exchanges()].flatMap((one) => (one.area === area ? exchangeFindings(one.exchange, area, facts.now()) : [])),
  ...[...facts.unread()].flatMap((one) => (one.area === area ? [unreadFinding(one, facts.now())] : [])),
  ...[...facts.buses()].filter((finding) => finding.area === area),
]

const clockFindings = ({ point, meter, area, state, newest }: ReadClock): Finding[] => {
  const { minutes } = HOUSE_RULES.clock.thresholds
  if (!newest || Math.max(0, Math.abs(newest.driftMs) - newest.uncertaintyMs) <= minutes.value * MINUTE) return []
  const off = newest.driftMs / MINUTE
  const size = Math.abs(off).toFixed(1)
  return [
    {
      ...common(HOUSE_RULES.clock, point, area),
      kind: 'clock_drift',
      // The voltage rule says the same of the same clock: one case.
      key: `clock-drift/${point}`,
      level: 'meter',
      from: newest.at,
      to: null,
      score: 0.99,
      severity: Math.abs(off) > 15 || state === 'faulty' ? 'high' : 'medium',
      cause: state === 'faulty' ? 'faulty' : 'read',
      numbers: { offsetMinutes: Math.round(off * 10) / 10, uncertaintyS: newest.uncertaintyMs / 1000, state, meter },
      thresholds: { 'clock-read.minutes': minutes.value },
      series: [seriesOf('comm', meter, ['clock_offset'], newest.at - DAY, newest.at)],
      ruledOut: [],
      why: {
        zh: `电能表 ${meter} 时钟读数${off > 0 ? '快' : '慢'} ${size} 分钟`,
        en: `the clock of meter ${meter} was read: ${size} min ${off > 0 ? 'ahead' : 'behind'}`,
      },
      action: {
        zh: '核对主站时钟后远程或现场校时；一个月内校时两次仍超差则换表',
        en: 'check our own clock, then set the meter, from afar or on site; set twice in a month and off again: exchange it',
      },
    },
  ]
}

const strangerFinding = (stranger: WaitingStranger, area: string): Finding => {
  const { id, channel, address, firstSeen, lastSeen, sightings, readings, isOverdue, register } = stranger
  const { value } = HOUSE_RULES.stranger.thresholds.sightings
  return {
    ...common(HOUSE_RULES.stranger, `${channel}/${address}`, area),
    kind: 'unregistered_meter',
    level: 'meter',
    from: firstSeen,
    to: null,
    score: 0.99,
    severity: isOverdue ? 'high' : 'medium',
    numbers: { channel, address, sightings, readings, register: register ? `${register.obis} ${register.value} ${register.unit}` : null },
    thresholds: { 'unregistered-meter.sightings': value },
    series: [seriesOf('register', `unregistered/${id}`, [register?.obis ?? '1.8.0'], firstSeen, lastSeen)],
    ruledOut: [],
    why: {
      zh: `${channel} 上的电能表 ${address} 有应答或上报，但档案中没有；其读数已保留`,
      en: `meter ${address} at ${channel} answers or pushes and is in no ledger; its readings are kept`,
    },
    action: {
      zh: '现场核对安装位置与用户，补建档案（采用后历史读数自动归入），或写明理由后关闭',
      en: 'find out where it hangs and whose it is; adopt it (its readings come along), or close it with a reason',
    },
  }
}

const exchangeFindings = ({ id, kind, point, at, oldMeter, newMeter }: Exchange, area: string, now: number): Finding[] => {
  const { days } = HOUSE_RULES.exchange.thresholds
  const age = (now - at) / DAY
  if (age <= days.value) return []
  const what = kind === 'meter' ? `${oldMeter ?? '-'} → ${newMeter ?? '-'}` : kind.toUpperCase()
  return [
    {
      ...common(HOUSE_RULES.exchange, point, area),
      key: `${HOUSE_RULES.exchange.id}/${point}/${id}`,
      kind: 'meter_event',
      level: 'meter',
      from: at,
      to: null,
      score: 0.9,
      severity: age > 7 ? 'high' : 'medium',
      cause: 'unacknowledged',
      numbers: { exchange: id, days: Math.floor(age), what },
      thresholds: { 'exchange-unacknowledged.days': days.value },
      series: [seriesOf('register', point, ['1.8.0'], at - DAY, at + DAY)],
      ruledOut: [],
      why: {
        zh: `${what} 换装已 ${Math.floor(age)} 天，营销系统尚未确认`,
        en: `${what} was exchanged ${Math.floor(age)} days ago, and billing has not acknowledged it`,
      },
      action: {
        zh: '通知营销核对止码、起码并确认；确认前跨越换装的电量不得出账',
        en: 'have billing compare end and start register and acknowledge; until then no energy across it may be billed',
      },
    },
  ]
}

const unreadFinding = (
  { customer, point, meter, newestAt, since, days, area }: UnreadPoint & { readonly area: string },
  now: number,
): Finding => {
  // Readings that come and are no good are another fault than none.
  const isNone = newestAt === null || newestAt <= since
  return {
    ...common(HOUSE_RULES.keyAccount, point, area),
    kind: 'comm_fault',
    level: 'meter',
    from: since,
    to: null,
    score: 0.95,
    severity: 'medium',
    cause: isNone ? 'not-read' : 'no-good-reading',
    numbers: { customer, meter, days },
    thresholds: { 'key-account-unread.days': days },
    series: [seriesOf('register', point, ['1.8.0'], Math.min(since, now - days * DAY), now)],
    ruledOut: [],
    why: {
      zh: `重点客户 ${customer} 的计量点 ${point} 已 ${days} 天无合格读数（每周核抄一次）${isNone ? '' : '；有读数上来，但均不合格'}`,
      en: `point ${point} of key account ${customer} has no good reading for ${days} days; it is to be read and checked every week${isNone ? '' : '; readings come, and none is good'}`,
    },
    action: {
      zh: '补抄或现场抄表核对，查明通信或数据质量原因',
      en: 'read it now or on site and check it; find out why it is not read, or why what is read is doubtful',
    },
  }
}

const common = ({ id, version }: RuleSpec, target: string, area: string) => ({
  ...{ rule: id, version, key: `${id}/${target}`, target, area, kwh: null },
})

const seriesOf = (measurement: SeriesRef['measurement'], id: string, fields: readonly string[], from: number, to: number): SeriesRef => ({
  ...{ measurement, id, fields, from, to },
})
