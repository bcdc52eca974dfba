import type { MetricValue, Register } from './broker-metrics.ts'

/** What is open, and whether people are told. */
export const caseMetrics = (counter: Register, gauge: Register): void => {
  gauge('gridtally_cases_open', 'Cases that are not settled, by kind and severity', ['kind', 'severity'], ({ cases }) =>
    cases.open.map(({ kind, severity, count }): MetricValue => [{ kind, severity }, count]),
  )
  gauge('gridtally_cases_overdue', 'Cases past their deadline, by kind and severity', ['kind', 'severity'], ({ cases }) =>
    cases.open.map(({ kind, severity, overdue }): MetricValue => [{ kind, severity }, overdue]),
  )
  gauge('gridtally_notify_waiting', 'Changes of cases that somebody still has to be told', ['target'], ({ cases }) =>
    cases.notify.map(({ id, waiting }): MetricValue => [{ target: id }, waiting]),
  )
  for (const [what, name, help] of NOTIFY)
    counter(name, help, ['target'], ({ cases }) => cases.notify.map((target): MetricValue => [{ target: target.id }, target[what]]))
}

const NOTIFY = [
  ['sent', 'gridtally_notify_sent_total', 'Messages that were taken'],
  ['failed', 'gridtally_notify_failed_total', 'Tries that failed; what they were about waits'],
  ['dropped', 'gridtally_notify_dropped_total', 'Changes of cases that waited for too long or were too many, and were given up'],
] as const
