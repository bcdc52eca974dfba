import type { RatioKind } from '../../../src/core/adapter.ts'
import { decimalNumber, decimalText, parseDecimal, type Raw } from '../../../src/core/decimal.ts'
import { fullObis, type Obis } from '../../../src/core/obis.ts'
import type { PushedRecord, PushedValue, PushFlag, SkippedField } from '../../../src/core/push.ts'
import { ok, type Result } from '../../../src/core/result.ts'
import { type Definition, type Definitions, definitionOf, type Unresolved } from './definitions.ts'
import { errorOf, fail, type SparkplugError } from './errors.ts'
import type { Metric } from './payload.ts'
import { interpret, type MetricValue } from './value.ts'

/** What a metric measures, by its name. */
export interface MetricMeaning {
  readonly obis: Obis
  readonly unit: string | null
  readonly ratio: RatioKind
}

export interface MetricContext {
  /** Address of the meter. */
  readonly meter: string
  readonly device: string | null
  /** The message is a birth: each metric defines itself. */
  readonly birth: boolean
  /** Null: no birth counts for this message. */
  readonly definitions: Definitions | null
  readonly table: ReadonlyMap<string, MetricMeaning>
  /** Metric name → name of a figure of the link. */
  readonly signals: ReadonlyMap<string, string>
  /** Of the payload, for metrics without a time of their own. */
  readonly timestamp: Raw | null
  readonly now: number
}

export interface MetricsRead {
  readonly records: readonly PushedRecord[]
  readonly skipped: readonly SkippedField[]
  readonly figures: Readonly<Record<string, number>>
  /** Metrics that only a birth can explain. */
  readonly unresolved: number
}

/** @source Sparkplug B 3.0, 6.4.9 to 6.4.19: metrics every node or device has for the session itself */
const isControl = (name: string): boolean => name === 'bdSeq' || name.startsWith('Node Control/') || name.startsWith('Device Control/')

const DAY_MS = 86_400_000
const YEAR_2000 = 946_684_800_000
const OLDEST_MS = 400 * DAY_MS
const AHEAD_MS = 600_000
/** Property `Quality` of a good value; 0 is bad, 500 stale. @source Sparkplug B 3.0, 6.4.13 quality codes */
const GOOD = 192

/**
 * Makes records out of the metrics of one message: one for each instant. A metric's own time goes before the payload's. Null, NaN,
 * text that is no number and aliases without a birth become no value, each with its reason.
 */
export function readMetrics(metrics: readonly Metric[], context: MetricContext): MetricsRead {
  const groups = new Map<string, { readonly instant: Omit<PushedRecord, 'values'>; readonly values: PushedValue[] }>()
  const skipped: SkippedField[] = []
  const figures: Record<string, number> = {}
  let unresolved = 0
  for (const metric of metrics) {
    const definition = resolve(metric, context)
    if (typeof definition === 'string') {
      unresolved++
      skipped.push({ path: metric.name ?? `alias ${metric.alias}`, error: unresolvedError(metric, definition, context) })
      continue
    }
    if (isControl(definition.name)) continue
    const path = definition.name
    const value = meaningOf(metric, definition)
    if (!value.ok) {
      skipped.push({ path, error: value.error })
      continue
    }
    const figure = context.signals.get(path)
    if (figure !== undefined && value.value.kind === 'number') {
      const { raw, scaler } = value.value.decimal
      figures[figure] = decimalNumber(raw, scaler)
      continue
    }
    const own = definitionOf({ ...metric, name: path }, null)
    const obisText = own?.obis ?? definition.obis
    const meant = context.table.get(path)
    const obis = meant?.obis ?? (obisText === null ? null : fullObis(obisText))
    if (obis === null && obisText !== null)
      skipped.push({ path: `${path}.obis`, error: errorOf('SPARKPLUG_OBIS', `${path}: ${obisText} is no OBIS code`) })
    const unit = meant?.unit ?? own?.unit ?? definition.unit
    const pushed = pushedValue(path, value.value, { unit, obis, ratio: meant?.ratio ?? 'none' })
    if (!pushed.ok) {
      skipped.push({ path, error: pushed.error })
      continue
    }
    const instant = instantOf(metric, context)
    const key = `${instant.measuredAt} ${instant.historical} ${instant.flags.join()}`
    const group = groups.get(key)
    if (group) group.values.push(pushed.value)
    else groups.set(key, { instant, values: [pushed.value] })
  }
  return { records: [...groups.values()].map(({ instant, values }) => ({ ...instant, values })), skipped, figures, unresolved }
}

/** A metric that says name and datatype needs no birth to be understood. */
const resolve = (metric: Metric, { birth, definitions, device }: MetricContext): Definition | Unresolved => {
  if (birth) return definitionOf(metric, device) ?? 'unknown'
  const found = definitions?.find(device, metric) ?? 'unknown'
  if (found !== 'unknown' || metric.datatype === 0) return found
  return definitionOf(metric, device) ?? 'unknown'
}

const unresolvedError = (metric: Metric, why: Unresolved, { meter, birth }: MetricContext): SparkplugError => {
  const what = metric.name ?? `alias ${metric.alias}`
  const because = {
    unknown: birth ? 'a birth must name it' : 'no birth has defined it',
    ambiguous: 'its birth gave the alias to several metrics',
    contradiction: 'the last birth gave the alias to another device or datatype',
  }
  return errorOf('SPARKPLUG_ALIAS', `${meter}, ${what}: ${because[why]}`, { meter, metric: what })
}

const meaningOf = (metric: Metric, { name, datatype }: Definition): Result<MetricValue, SparkplugError> => {
  if (metric.isTransient) return fail('SPARKPLUG_TRANSIENT', `${name} is marked as transient`)
  if (metric.isNull || metric.value === null) return fail('SPARKPLUG_NULL', `${name} is null`)
  const value = interpret(metric.value, metric.datatype || datatype)
  return value.ok ? value : fail(value.error.code, `${name}: ${value.error.message}`, value.error.context)
}

const pushedValue = (
  path: string,
  value: MetricValue,
  about: { readonly unit: string | null; readonly obis: Obis | null; readonly ratio: RatioKind },
): Result<PushedValue, SparkplugError> => {
  if (value.kind === 'number') {
    const { raw, scaler } = value.decimal
    return ok({ path, text: decimalText(raw, scaler), isText: false, value: value.decimal, ...about })
  }
  if (value.kind === 'text') {
    const decimal = parseDecimal(value.value)
    if (decimal) return ok({ path, text: value.value, isText: true, value: decimal, ...about })
  }
  // A switch that somebody gave a code counts as 0 or 1.
  if (value.kind === 'boolean' && about.obis !== null)
    return ok({ path, text: String(value.value), isText: false, value: { raw: value.value ? 1 : 0, scaler: 0 }, ...about })
  return fail('SPARKPLUG_VALUE', `${path}: ${value.kind} is no quantity`, { kind: value.kind })
}

const instantOf = (metric: Metric, { meter, timestamp, now }: MetricContext): Omit<PushedRecord, 'values'> => {
  const raw = metric.timestamp ?? timestamp
  // Beyond this no date has a name.
  const at = raw === null || raw > 8_640_000_000_000_000 ? null : Number(raw)
  const flags: PushFlag[] = []
  if (at !== null && at < YEAR_2000) flags.push('clock-unset')
  else if (raw !== null && (at === null || at > now + AHEAD_MS || at < now - OLDEST_MS)) flags.push('time-implausible')
  // An instant that cannot be believed is none: the arrival stands in.
  const isBelieved = flags.length === 0
  const quality = metric.properties.get('Quality')?.value
  if (quality?.field === 'int' && quality.value !== GOOD) flags.push('quality-bad')
  return {
    meter,
    measuredAt: isBelieved ? at : null,
    timeSource: at === null || !isBelieved ? 'arrival' : 'payload-epoch-ms',
    alternative: null,
    flags,
    ct: null,
    pt: null,
    historical: metric.isHistorical,
  }
}
