import { type Case, type Growth, isUnsettled, type JudgedDay, type Settled } from './case.ts'
import type { Estimate, Finding, FindingKind, Severity, Words } from './finding.ts'

const DAY_MS = 86_400_000

/** A fault has ended when it was not stated for two whole days: on one there may have been no data. 23 h: the shortest day has them. */
export const SILENT_DAYS_MS = DAY_MS + 23 * 3_600_000
/** What is over for good closes by itself after so long: three nights of reading again have passed. */
const CLOSE_AFTER_MS = 3 * DAY_MS
/**
 * A fault that was put right is still stated while the windows of the detectors hold days from before: a week covers the median delay
 * of every rule.
 */
const LAG_MS = 7 * DAY_MS
/** Days of growth that are kept beside the first. */
const MOST_GROWTH = 120

/** Faults whose end is the end of the matter: no energy is missing and nobody has to account for it. */
const SELF_CLOSING: ReadonlySet<FindingKind> = new Set([
  'comm_fault',
  'outage',
  'not_computable',
  'stuck_values',
  'voltage_out',
  'voltage_unbalance',
  'current_unbalance',
  'overload',
  'low_power_factor',
  'load_step',
])

const RANK: Readonly<Record<Severity, number>> = { info: 0, low: 1, medium: 2, high: 3, critical: 4 }
export const rankOf = (severity: Severity): number => RANK[severity]

/** Growth with one more day; the same list when nothing differs. */
export const mergedGrowth = (grown: readonly Growth[], one: Growth): readonly Growth[] => {
  const known = grown.find(({ day }) => day === one.day)
  if (known && known.score === one.score && known.kwh === one.kwh) return grown
  const all = [...grown.filter(({ day }) => day !== one.day), one].sort((a, b) => (a.day < b.day ? -1 : 1))
  return all.length <= MOST_GROWTH + 1 ? all : [...all.slice(0, 1), ...all.slice(-MOST_GROWTH)]
}

/** How a case closes by itself; null: it does not. Work under way is ended by who does it. */
export const endedByItself = ({ kind, state, to, from, evidence }: Case, { end }: JudgedDay): Settled | null => {
  if (!SELF_CLOSING.has(kind) || to === null || end - to < CLOSE_AFTER_MS) return null
  if (state !== 'open' && state !== 'acknowledged') return null
  const text = `over by itself after ${durationText(to - from)}`
  return { at: end, who: BY_ITSELF, cause: 'over', text, analysis: null, evidence: evidenceOf(evidence) }
}

/** Who settles what nobody has to look at. */
export const BY_ITSELF = 'gridtally'

export const evidenceOf = ({ score, severity, kwh, cause, from, to }: Finding): Settled['evidence'] => ({
  ...{ score, severity, kwh, from, to },
  ...(cause === undefined ? {} : { cause }),
})

/**
 * Whether a settled or withdrawn case must be opened again, and why.
 *
 * @returns  null: it is as it was when somebody settled it
 */
export const grewBeyond = ({ state, settled }: Case, finding: Finding, { end }: JudgedDay): Words | null => {
  if (isUnsettled(state)) return null
  if (!settled) return { zh: '证据重新成立', en: 'the evidence holds again' }
  // What closed by itself is as long as it was; it is open again when it has no end any more.
  if (settled.who === BY_ITSELF) return finding.to === null ? { zh: '故障再次出现', en: 'the fault is there again' } : null
  const before = settled.evidence
  if (finding.cause !== undefined && finding.cause !== before.cause)
    return { zh: `原因变为 ${finding.cause}`, en: `another cause: ${finding.cause}, not ${before.cause ?? 'unknown'}` }
  if (rankOf(finding.severity) > rankOf(before.severity))
    return { zh: `严重程度升为 ${finding.severity}`, en: `more severe: ${finding.severity}, not ${before.severity}` }
  const [was, is] = [perDay(before.kwh, before.from, before.to ?? settled.at), perDay(finding.kwh, finding.from, finding.to ?? end)]
  // The figure a day must leave the interval that was known; the sum grows by itself while a known cause goes on.
  if (was && is && Math.abs(is.value) > Math.max(Math.abs(was.low), Math.abs(was.high)))
    return { zh: `日电量升至 ${is.value.toFixed(1)} kWh`, en: `${is.value.toFixed(1)} kWh a day, not ${was.value.toFixed(1)}` }
  if (state === 'explained') return null
  return (finding.to ?? end) > settled.at + LAG_MS
    ? { zh: '结案一周后故障仍在继续', en: 'the fault goes on a week after it was closed' }
    : null
}

const perDay = (kwh: Estimate | null, from: number, to: number): Estimate | null => {
  const days = Math.max(1, (to - from) / DAY_MS)
  return kwh && { value: kwh.value / days, low: kwh.low / days, high: kwh.high / days }
}

const durationText = (ms: number): string => {
  const hours = Math.round(ms / 3_600_000)
  return hours < 48 ? `${Math.max(1, hours)} h` : `${Math.round(hours / 24)} days`
}
