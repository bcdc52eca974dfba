import type { Finding, Severity, Withdrawal, Words } from '../finding.ts'
import type { RuleSpec } from '../rule.ts'
import { thresholdOf } from '../rule.ts'
import type { AreaView, Detector } from '../view.ts'
import { baseOf } from './base.ts'
import { type GroupFault, groupFaults } from './groups.ts'
import { countsOf, HOUR_MS, type Run, UNKNOWN } from './hours.ts'
import { type MeterFault, meterFaults } from './meters.ts'
import { type Outage, type OutageLimits, outagesOf } from './outage.ts'
import { COMM_RULE, OUTAGE_RULE } from './rules.ts'
import { type Situation, situationOf } from './state.ts'
import type { Link } from './topology.ts'
import { actionGroup, actionMeter, actionOutage, whyGroup, whyMeter, whyOutage } from './words.ts'

/** A claim before it is ranked: what it is about, and the links it speaks for. */
interface Claim {
  readonly finding: Finding
  readonly links: readonly Link[]
  readonly run: Run
}

const NOTHING = { findings: [] }

export const outageDetector: Detector = {
  rule: OUTAGE_RULE,
  detect(view) {
    if (!view.comm || view.comm.hours === 0) return NOTHING
    const situation = situationOf(view, view.comm)
    const claims = outagesOf(situation, outageLimits(view)).map((outage) => outageClaim(view, situation, outage))
    return { findings: claims.map(({ finding }) => finding) }
  },
}

export const commFaultDetector: Detector = {
  rule: COMM_RULE,
  detect(view) {
    const { comm, frame } = view
    if (!comm || comm.hours === 0) return NOTHING
    const situation = situationOf(view, comm)
    // Outages were told by their own detector; here they only hide what they explain.
    const outages = outagesOf(situation, outageLimits(view)).map((outage) => outageClaim(view, situation, outage))
    const groups = groupFaults(situation).filter(({ group, run }) => run.to >= situation.dayStart && group.area === frame.fact.id)
    const meters = meterFaults(situation, baseOf(situation)).filter(({ link }) => link.fact.area === frame.fact.id)
    const claims = [
      ...groups.map((fault) => groupClaim(view, situation, fault)),
      ...meters.map((fault) => meterClaim(view, situation, fault)),
    ]
    return { findings: ranked(situation, claims), withdrawn: withdrawnBy(view, situation, [...outages, ...claims]) }
  },
}

/** Outages first: what they explain is no fault of communication. */
export const SIGNAL_DETECTORS: readonly Detector[] = [outageDetector, commFaultDetector]

const outageLimits = ({ thresholds, frame }: AreaView): OutageLimits => {
  const limit = (name: string) => thresholdOf(thresholds, OUTAGE_RULE, name, { zone: frame.fact.zone }).value
  return { minHours: limit('minHours'), nearHours: limit('nearHours'), witnessShare: limit('witnessShare') }
}

const thresholdsOf = (rule: RuleSpec, { thresholds, frame }: AreaView, id: string): Record<string, number> =>
  Object.fromEntries(
    Object.keys(rule.thresholds).map((name) => [
      `${rule.id}.${name}`,
      thresholdOf(thresholds, rule, name, { zone: frame.fact.zone, id }).value,
    ]),
  )

/** Start and end in milliseconds. A fault older than the window keeps the start it was raised with; one after which nothing was heard goes on. */
const timesOf = (view: AreaView, { comm }: Situation, key: string, run: Run, goesOn: boolean): { from: number; to: number | null } => {
  const from = comm.start + run.from * HOUR_MS
  const known = run.from === 0 ? view.standing.find((one) => one.key === key) : undefined
  return { from: known ? Math.min(from, known.from) : from, to: goesOn ? null : comm.start + run.to * HOUR_MS }
}

const goesOn = (situation: Situation, links: readonly Link[], { to }: Run): boolean => {
  for (let hour = to; hour < situation.comm.hours; hour++)
    if (links.some(({ classes }) => (classes[hour] ?? UNKNOWN) !== UNKNOWN)) return false
  return true
}

const outageClaim = (view: AreaView, situation: Situation, outage: Outage): Claim => {
  const { links, run, target, level, witnesses, plannedTo } = outage
  const key = `outage ${target}`
  const times = timesOf(view, situation, key, run, goesOn(situation, links, run))
  const share = witnesses.length / Math.max(1, links.length)
  const finding: Finding = {
    rule: OUTAGE_RULE.id,
    version: OUTAGE_RULE.version,
    kind: 'outage',
    key,
    target,
    area: view.frame.fact.id,
    level,
    ...times,
    score: plannedTo === null ? Math.min(0.95, 0.6 + 0.35 * share) : 0.7,
    severity: links.length > 1 ? 'high' : 'medium',
    kwh: null,
    cause: plannedTo === null ? 'power_off' : 'still_dark',
    numbers: { meters: links.length, metersReporting: witnesses.length, hours: run.to - run.from, silent: names(links) },
    thresholds: thresholdsOf(OUTAGE_RULE, view, target),
    series: links.slice(0, SERIES_SHOWN).map(({ id }) => ({
      measurement: 'comm' as const,
      id,
      fields: ['polls', 'ok', 'timeouts'],
      from: times.from,
      to: times.to ?? endOf(situation),
    })),
    ruledOut: [],
    why: whyOutage(outage),
    action: actionOutage(outage),
  }
  return { finding, links, run }
}

const SERIES_SHOWN = 20
const names = (links: readonly Link[]): string => {
  const shown = links.slice(0, SERIES_SHOWN).map(({ id }) => id)
  return links.length > shown.length ? `${shown.join(' ')} … ${links.length}` : shown.join(' ')
}
const endOf = ({ comm }: Situation): number => comm.start + comm.hours * HOUR_MS

const GROUP_SEVERITY: Readonly<Record<GroupFault['level'], Severity>> = { bus: 'medium', concentrator: 'high', backhaul: 'high' }

const groupClaim = (view: AreaView, situation: Situation, fault: GroupFault): Claim => {
  const { group, level, cause, run, numbers } = fault
  const own = level === 'backhaul' && group.own ? group.own : null
  const isOver = own
    ? run.to < situation.comm.hours && [...own.polls.subarray(run.to)].some((polls) => polls > 0)
    : !goesOn(situation, group.links, run)
  return claimOf(view, situation, {
    level,
    cause,
    target: group.id,
    links: group.links,
    run,
    isOver,
    // A silent bus is unlikely to be anything else; noise is judged by a limit.
    score: cause === 'noise' || cause === 'collision' ? 0.85 : 0.95,
    severity: GROUP_SEVERITY[level],
    numbers,
    why: whyGroup(fault),
    action: actionGroup(fault),
    ruledOut: [
      level === 'backhaul'
        ? { zh: '电能表、总线：全部同时停止', en: 'meters and buses: all stopped at once' }
        : { zh: '上行通道：心跳正常', en: 'channel to the head-end: heartbeats came' },
    ],
  })
}

const meterClaim = (view: AreaView, situation: Situation, fault: MeterFault): Claim => {
  const { link, other, cause, run, counts, chance, numbers } = fault
  const isTotal = cause === 'dead' || cause === 'baud' || cause === 'wrong_address'
  const isGateway = situation.frame.gateways.some(({ fact }) => fact.id === link.id)
  return claimOf(view, situation, {
    level: 'meter',
    cause,
    target: link.id,
    links: other ? [link, other] : [link],
    run,
    isOver: !goesOn(situation, [link], run),
    score: isTotal
      ? Math.min(0.98, 1 - 0.4 * Math.exp(-(counts.hours - 1) / 4))
      : Math.min(0.98, 0.5 + Math.log10(1 / Math.max(chance, 1e-300)) / 60),
    severity: isGateway ? 'high' : isTotal ? 'medium' : 'low',
    numbers,
    why: whyMeter(fault),
    action: actionMeter(fault),
    ruledOut: [
      { zh: '总线、集中器、上行通道：其他电能表正常', en: 'bus, concentrator and channel: other meters were read in these hours' },
      ...(cause === 'dead' ? [{ zh: '停电：无停电事件，也无停电计划', en: 'outage: no power-off event and no planned outage' }] : []),
    ],
  })
}

interface ClaimParts extends Pick<Finding, 'score' | 'severity' | 'numbers' | 'why' | 'action' | 'ruledOut' | 'target'> {
  readonly level: 'meter' | 'bus' | 'concentrator' | 'backhaul'
  readonly cause: string
  readonly links: readonly Link[]
  readonly run: Run
  readonly isOver: boolean
}

/**
 * The key leaves the cause out where a day's data may not tell it yet: what loses some of its polls is one fault,
 * whether it proves to be evening noise or a weak signal.
 */
const FAMILY: Readonly<Record<string, string>> = { dead: 'silent', wrong_address: 'silent', baud: 'garbled' }

const claimOf = (view: AreaView, situation: Situation, { links, run, isOver, cause, level, target, ...rest }: ClaimParts): Claim => {
  const key = `comm_fault ${level} ${target} ${level === 'meter' ? (FAMILY[cause] ?? 'partial') : cause}`
  const times = timesOf(view, situation, key, run, !isOver)
  const until = times.to ?? endOf(situation)
  const fields = ['polls', 'ok', 'timeouts', 'crcErrors', 'addrErrors', 'snrDb', 'rssiDbm']
  const ids = level === 'meter' ? links.map(({ id }) => id) : [target]
  const finding: Finding = {
    rule: COMM_RULE.id,
    version: COMM_RULE.version,
    kind: 'comm_fault',
    key,
    target,
    area: view.frame.fact.id,
    level,
    ...times,
    kwh: null,
    cause,
    ...rest,
    thresholds: thresholdsOf(COMM_RULE, view, target),
    series: ids.map((id) => ({ measurement: 'comm' as const, id, fields, from: times.from, to: until })),
  }
  return { finding, links, run }
}

/** Faults by the share of the day's lost reads that each explains: the first is the device to visit first. */
const ranked = (situation: Situation, claims: readonly Claim[]): Finding[] => {
  const day: Run = { from: situation.dayStart, to: situation.comm.hours }
  const total = situation.topology.links.reduce((sum, { columns }) => sum + countsOf(columns, day).lost, 0)
  const explained = claims.map(({ links, run, finding }) => {
    const within = { from: Math.max(day.from, run.from), to: Math.min(day.to, run.to) }
    const lost = within.to > within.from ? links.reduce((sum, { columns }) => sum + countsOf(columns, within).lost, 0) : 0
    return { finding, lost }
  })
  explained.sort((a, b) => b.lost - a.lost || (a.finding.key < b.finding.key ? -1 : 1))
  return explained.map(({ finding, lost }, index) => ({
    ...finding,
    numbers: {
      ...finding.numbers,
      lostReadsOfDay: lost,
      lostReadsOfDaySharePct: total > 0 ? (100 * lost) / total : null,
      visitRank: index + 1,
    },
  }))
}

/** What was raised before and is explained otherwise now: by a fault above it, another fault of the same meter, an outage, or the calendar. */
const withdrawnBy = (view: AreaView, situation: Situation, claims: readonly Claim[]): Withdrawal[] => {
  const stated = new Set(claims.map(({ finding }) => finding.key))
  return view.standing.flatMap((old): Withdrawal[] => {
    if (old.kind !== 'comm_fault' || stated.has(old.key)) return []
    const begun = (old.from - situation.comm.start) / HOUR_MS
    const over = claims.find(
      ({ finding, links, run }) =>
        (finding.target === old.target || links.some(({ id }) => id === old.target)) && begun >= run.from - 1 && begun < run.to,
    )
    if (over) return [{ key: old.key, because: explainedBy(over.finding) }]
    const isPlanned = view.frame.outages.some(
      ({ from, to, ids }) => old.from >= from - HOUR_MS && old.from < to && (ids === null || ids.includes(old.target)),
    )
    return isPlanned ? [{ key: old.key, because: { zh: '当时为登记的停电', en: 'there was an outage then, by the calendar' } }] : []
  })
}

const explainedBy = ({ target, level, cause }: Finding): Words => ({
  zh: `由 ${target}（${level}，${cause}）解释`,
  en: `${target} (${level}, ${cause}) explains it`,
})
