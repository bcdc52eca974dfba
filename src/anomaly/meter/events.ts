import type { Finding } from '../finding.ts'
import type { AreaFrame, MeterEvent } from '../frame.ts'
import type { AreaView, Detector } from '../view.ts'
import { findingOf, limitsOf, rule, sayWhen, threshold, timeOf } from './shared.ts'

const RULE = rule({
  id: 'meter-event',
  version: 1,
  title: { zh: '电表事件', en: 'events of a meter' },
  thresholds: {
    days: threshold(
      7,
      '<=',
      'days',
      [1, 30],
      { zh: '事件与异常的最大间隔', en: 'distance of event and finding up to which one speaks for the other' },
      'usual rule: events raise the score of the same week',
    ),
    lift: threshold(
      0.4,
      '>=',
      '',
      [0, 0.9],
      { zh: '消除剩余疑问的比例', en: 'share of the remaining doubt an event takes away' },
      'two fifths: 0.5 becomes 0.7, 0.8 becomes 0.88; a hint, no proof',
    ),
    floor: threshold(
      0.5,
      '>=',
      '',
      [0.5, 1],
      { zh: '可被提升的最低得分', en: 'least score that is lifted' },
      'the alarm level: an event speaks for an alarm, it never makes one',
    ),
    repeatMinutes: threshold(
      15,
      '<=',
      'min',
      [0, 1440],
      { zh: '重复事件间隔', en: 'the same event within this time is a repetition' },
      'meters and concentrators report an event again until it is acknowledged, a quarter hour apart at most',
    ),
  },
})

/** Events that say somebody was at the meter. */
const TAMPER: Readonly<Record<string, { readonly zh: string; readonly en: string }>> = {
  cover_open: { zh: '开表盖', en: 'cover opened' },
  terminal_cover_open: { zh: '开端钮盖', en: 'terminal cover opened' },
  magnetic_field: { zh: '强磁场干扰', en: 'magnetic field' },
  programming: { zh: '编程', en: 'programmed' },
  clock_set: { zh: '校时', en: 'clock set' },
}

/** Findings that a hand at the meter makes likelier. */
const TOUCHED: ReadonlySet<string> = new Set([
  'theft',
  'phase_loss',
  'register_stopped',
  'register_backwards',
  'register_jumped',
  'energy_disagrees',
  'rates_disagree',
  'meter_exchange',
  'clock_drift',
])

/**
 * Events that can be used (清洗): well formed, of a metering point of the area, not before it was in service, not after the end of the
 * window, each once.
 */
export const cleanEvents = (frame: AreaFrame, repeatMinutes: number = RULE.thresholds.repeatMinutes.value): readonly MeterEvent[] => {
  const since = new Map([...frame.gateways, ...frame.meters].map(({ fact }) => [fact.id, fact.since]))
  const last = new Map<string, number>()
  const end = timeOf(frame, frame.slots)
  return frame.events
    .filter(({ id, at, event }) => event.trim() !== '' && Number.isFinite(at) && since.has(id) && at >= (since.get(id) ?? 0) && at < end)
    .toSorted((a, b) => a.at - b.at || (a.id < b.id ? -1 : a.id > b.id ? 1 : a.event < b.event ? -1 : 1))
    .filter(({ id, at, event }) => {
      const key = `${id} ${event}`
      const before = last.get(key)
      last.set(key, at)
      return before === undefined || at - before > repeatMinutes * 60_000
    })
}

const isHint = ({ event }: MeterEvent): boolean => Object.hasOwn(TAMPER, event)

/**
 * Findings with what events of the same week add: the score of an alarm rises, never out of nothing, and the evidence names the event.
 *
 * @param events  cleaned, see {@link cleanEvents}
 * @param limit   threshold in force for a target; the defaults unless said
 */
export const withEvents = (
  findings: readonly Finding[],
  events: readonly MeterEvent[],
  limit: (name: 'days' | 'lift' | 'floor', target: string) => number = (name) => RULE.thresholds[name].value,
): readonly Finding[] => {
  const hints = events.filter(isHint)
  if (hints.length === 0) return findings
  return findings.map((finding) => {
    const { kind, target, score, from } = finding
    if (!TOUCHED.has(kind) || score < limit('floor', target)) return finding
    const reach = limit('days', target) * 86_400_000
    const near = hints.filter(({ id, at }) => id === target && Math.abs(at - from) <= reach)
    const [event] = near
    if (!event) return finding
    const word = TAMPER[event.event] ?? { zh: event.event, en: event.event }
    const day = (time: number) => `${Math.round((time - from) / 8_640_000) / 10}`
    const lifted = Math.min(0.99, Math.round((score + (1 - score) * limit('lift', target)) * 1000) / 1000)
    return {
      ...finding,
      score: Math.max(score, lifted),
      numbers: { ...finding.numbers, events: near.map((one) => one.event).join(','), eventDaysAfterStart: day(event.at) },
      series: [...finding.series, { measurement: 'event' as const, id: event.id, fields: ['event'], from: event.at, to: event.at + 1 }],
      why: {
        zh: `${finding.why.zh}；同周有${word.zh}事件`,
        en: `${finding.why.en}; ${word.en} was reported in the same week`,
      },
    }
  })
}

/** What was found on a day, with what the events of its window add, by the thresholds in force. */
export const weighedByEvents = (view: AreaView, findings: readonly Finding[] = view.found): readonly Finding[] => {
  const { frame } = view
  if (frame.events.length === 0) return findings
  const facts = new Map([...frame.gateways, ...frame.meters].map(({ fact }) => [fact.id, fact]))
  return withEvents(findings, cleanEvents(frame, limitsOf(view, RULE)('repeatMinutes')), (name, target) =>
    limitsOf(view, RULE, facts.get(target))(name),
  )
}

/** Events of the last week that say somebody was at a meter: information, never an alarm by themselves. */
export const meterEvents: Detector = {
  rule: RULE,
  detect: (view) => {
    const { frame } = view
    const limit = limitsOf(view, RULE)
    const recent = timeOf(frame, frame.slots) - limit('days') * 86_400_000
    const facts = new Map([...frame.gateways, ...frame.meters].map(({ fact }) => [fact.id, fact]))
    const latest = new Map<string, MeterEvent[]>()
    for (const event of cleanEvents(frame, limit('repeatMinutes'))) {
      if (!isHint(event) || event.at < recent) continue
      const key = `${event.id} ${event.event}`
      latest.set(key, [...(latest.get(key) ?? []), event])
    }
    return {
      findings: [...latest.values()].flatMap((those) => {
        const [first, last] = [those[0], those.at(-1)]
        const fact = facts.get(first?.id ?? '')
        if (!first || !last || !fact) return []
        const word = TAMPER[first.event] ?? { zh: first.event, en: first.event }
        return [
          findingOf(view, RULE, fact, limit, {
            kind: 'meter_event',
            apart: first.event,
            from: first.at,
            to: last.at,
            score: 0.2,
            severity: 'info',
            cause: first.event,
            numbers: { event: first.event, times: those.length },
            series: [{ measurement: 'event', id: fact.id, fields: ['event'], from: first.at, to: last.at + 1 }],
            why: {
              zh: `${sayWhen(frame, first.at)} 上报${word.zh}，共 ${those.length} 次`,
              en: `${word.en}, reported ${those.length} time${those.length === 1 ? '' : 's'} from ${sayWhen(frame, first.at)} on`,
            },
            action: { zh: '核对有无工单；结合其他异常判断', en: 'see whether a work order explains it; weigh it with other findings' },
          }),
        ]
      }),
    }
  },
}
