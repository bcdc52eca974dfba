import { table } from '../../src/cli/output.ts'
import { type Metric, meets, metricsOf, type SetScore } from './score.ts'

export const figure = ({ value, digits }: Metric): string => (value === null ? '-' : value.toFixed(digits))

const verdict = (metric: Metric): string => {
  const is = meets(metric)
  return is === null ? '' : is ? 'met' : 'MISSED'
}

/** What one set cost. */
export interface Cost {
  readonly set: string
  readonly seconds: number
  readonly peakMb: number
}

/** The table of one or several sets, and every miss and false alarm beneath it. */
export const reportText = (scores: readonly SetScore[], costs: readonly Cost[]): string => {
  const all = metricsOf(scores)
  const single = scores.length > 1 ? scores.map((score) => metricsOf([score])) : []
  const columns = single.length <= 6 ? single : []
  const head = ['metric', 'all', 'aim', '', 'made of', ...(columns.length > 0 ? scores.map(({ set }) => set) : [])]
  const rows = all.map((metric) => [
    metric.name,
    figure(metric),
    metric.aim ? `${metric.aim.op} ${metric.aim.value}` : '',
    verdict(metric),
    metric.of ?? '',
    ...columns.map((own) => {
      const same = own.find(({ name }) => name === metric.name)
      return same ? figure(same) : '-'
    }),
  ])
  const lines = [table([head, ...rows]), '']
  for (const score of scores) {
    const cost = costs.find(({ set }) => set === score.set)
    lines.push(
      `${score.set}: ${score.meters} meters, ${score.days} days${cost ? `, ${cost.seconds.toFixed(1)} s, ${cost.peakMb.toFixed(0)} MB` : ''}`,
    )
    for (const { fault, found, delayDays, kwhError, right } of score.outcomes) {
      const who = fault.meter ?? fault.target ?? fault.area ?? ''
      const what = [fault.kind, fault.subkind ?? fault.cause].filter((one) => one !== undefined).join('/')
      const told =
        found === null
          ? 'MISSED'
          : [
              `score ${found.score.toFixed(2)}`,
              delayDays === null ? '' : `day ${delayDays >= 0 ? '+' : ''}${delayDays}`,
              kwhError === null ? '' : `kWh error ${(100 * kwhError).toFixed(0)} %`,
              right === null
                ? ''
                : right
                  ? 'right'
                  : `WRONG (${found.level} ${found.cause ?? found.trueArea ?? found.suggestedMultiplier ?? ''})`,
            ]
              .filter((one) => one !== '')
              .join(', ')
      const truth = fault.trueKWh === undefined ? '' : ` (${fault.trueKWh.toFixed(0)} kWh)`
      lines.push(`  ${what} ${who} from ${fault.from}${truth}: ${told}`)
    }
    for (const { anomaly, cause } of score.falseAlarms)
      lines.push(
        `  FALSE ${anomaly.kind}${anomaly.cause ? `/${anomaly.cause}` : ''} ${anomaly.target} from ${anomaly.from} raised ${anomaly.detectedAt} score ${anomaly.score.toFixed(2)}; there is ${cause}: ${anomaly.why.en}`,
      )
    if (score.phases.wrong.length > 0) lines.push(`  phase wrong or not told: ${score.phases.wrong.slice(0, 20).join(' ')}`)
  }
  return lines.join('\n')
}

/** The same for programs. */
export const reportJson = (scores: readonly SetScore[], costs: readonly Cost[]) => ({
  metrics: metricsOf(scores).map((metric) => ({ ...metric, met: meets(metric) })),
  sets: scores.map((score) => ({
    set: score.set,
    meters: score.meters,
    days: score.days,
    cost: costs.find(({ set }) => set === score.set) ?? null,
    metrics: metricsOf([score]).map((metric) => ({ name: metric.name, value: metric.value, met: meets(metric) })),
    outcomes: score.outcomes,
    falseAlarms: score.falseAlarms,
    phasesWrong: score.phases.wrong,
  })),
})

/** Tables for a page of docs: figures beside their aims, and what became of every fault. */
export const reportMarkdown = (scores: readonly SetScore[], costs: readonly Cost[]): string => {
  const all = metricsOf(scores)
  const own = scores.map((score) => metricsOf([score]))
  const cell = (metrics: readonly Metric[], name: string): string => {
    const metric = metrics.find((other) => other.name === name)
    return metric ? figure(metric) : '-'
  }
  const rows = all.map((metric) => [
    metric.name,
    metric.aim ? `${metric.aim.op === '>=' ? '≥' : '≤'} ${metric.aim.value}` : '',
    `${figure(metric)}${meets(metric) === false ? ' **missed**' : ''}`,
    ...own.map((metrics) => cell(metrics, metric.name)),
  ])
  const cost = (name: string, of: (one: Cost) => string) => [
    name,
    '',
    '',
    ...scores.map(({ set }) => costs.filter((one) => one.set === set).map(of)[0] ?? ''),
  ]
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  const head = ['metric', 'aim', 'all', ...scores.map(({ set }) => set)]
  return [
    line(head),
    line(head.map(() => '---')),
    ...rows.map(line),
    line(cost('seconds', ({ seconds }) => seconds.toFixed(1))),
    line(cost('peak memory of the run so far, MB', ({ peakMb }) => peakMb.toFixed(0))),
  ].join('\n')
}
