import { CATALOGUE, NO_LAYERS, type ThresholdLayers } from '../../src/anomaly/index.ts'
import { CommandFailed, EXIT, table } from '../../src/cli/output.ts'
import { figure } from './report.ts'
import { metricsOf, type SetScore } from './score.ts'

/** How far thresholds are moved to see what hangs on them. */
const FACTORS = [0.7, 1.4] as const

export interface Varied {
  readonly key: string
  readonly value: number
  readonly factor: number
  readonly scores: readonly SetScore[]
}

/** Every threshold of the catalogue that fits one of the texts: a rule, `rule.name`, or `all`. */
export const thresholdsNamed = (
  wanted: readonly string[],
): { readonly key: string; readonly value: number; readonly min: number; readonly max: number }[] => {
  const all = CATALOGUE.flatMap(({ rule }) =>
    Object.entries(rule.thresholds).map(([name, { value, min, max }]) => ({ rule: rule.id, key: `${rule.id}.${name}`, value, min, max })),
  )
  const found = all.filter(({ rule, key }) => wanted.includes('all') || wanted.includes(rule) || wanted.includes(key))
  const unknown = wanted.filter((one) => one !== 'all' && !all.some(({ rule, key }) => rule === one || key === one))
  if (unknown.length > 0)
    throw new CommandFailed(`--vary ${unknown.join(', ')}: there are ${all.map(({ key }) => key).join(', ')}`, EXIT.usage)
  return found
}

/** The layers in which one threshold is another. */
export const layersWith = (key: string, value: number): ThresholdLayers => ({ ...NO_LAYERS, global: { [key]: value } })

/** Moves each threshold by itself, within what may be set, and scores again. */
export const vary = (wanted: readonly string[], scoresOf: (layers: ThresholdLayers) => readonly SetScore[]): Varied[] =>
  thresholdsNamed(wanted).flatMap(({ key, value, min, max }) =>
    FACTORS.map((factor): Varied => {
      const moved = Math.min(max, Math.max(min, value * factor))
      return { key, value: moved, factor, scores: scoresOf(layersWith(key, moved)) }
    }),
  )

const SHOWN = [
  'theft precision',
  'theft recall',
  'theft AUC',
  'theft average precision',
  'days from onset to alarm, median',
  'stolen kWh error, median %',
  'technical loss error, points, mean',
  'loss error, corrected, points, mean',
] as const

/** One line a moved threshold: the main figures, alarms of other kinds missed and false. */
export const variedText = (base: readonly SetScore[], varied: readonly Varied[]): string => {
  const lineOf = (name: string, scores: readonly SetScore[]): string[] => {
    const metrics = metricsOf(scores)
    const missed = scores.flatMap(({ outcomes }) => outcomes).filter(({ fault, found }) => fault.kind !== 'theft' && found === null).length
    const falses = scores.flatMap(({ falseAlarms }) => falseAlarms).filter(({ anomaly }) => anomaly.kind !== 'theft').length
    const shown = SHOWN.map((one) => {
      const metric = metrics.find((other) => other.name === one)
      return metric ? figure(metric) : '-'
    })
    return [name, ...shown, String(missed), String(falses)]
  }
  const head = ['threshold', 'precision', 'recall', 'AUC', 'AP', 'days', 'kWh %', 'technical', 'loss', 'others missed', 'others false']
  return table([
    head,
    lineOf('as they are', base),
    ...varied.map(({ key, value, factor, scores }) => lineOf(`${key} × ${factor} = ${Number(value.toPrecision(4))}`, scores)),
  ])
}
