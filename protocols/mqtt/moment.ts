import { type Decimal, multiply } from '../../src/core/decimal.ts'
import type { PushFinding, PushFlag, TimeSource } from '../../src/core/push.ts'
import type { GatewayError } from '../../src/core/result.ts'
import type { Time } from './compiled.ts'
import { errorOf } from './errors.ts'
import { decimalOf } from './number.ts'
import type { Scope } from './scope.ts'
import { epochOf, isCalendar, isUnset, type LocalInstants, patternTimeOf, type ReadTime, textTimeOf } from './time.ts'

/** When something was measured, as far as the message says. */
export interface Moment {
  /** Null: the arrival stands in. */
  readonly instant: number | null
  readonly source: TimeSource
  readonly alternative: number | null
  readonly flags: readonly PushFlag[]
  /** What a person should know about it. */
  readonly problem: MomentProblem | null
}

export interface MomentProblem {
  readonly finding: Pick<PushFinding, 'code' | 'message'>
  readonly path: string
  /** Null: the time could be read, and cannot be true. */
  readonly error: GatewayError | null
}

/** What a time is judged against. */
export interface MomentContext {
  /** Zone of local times, where the time itself names none. */
  readonly zone: string
  readonly local: LocalInstants
  readonly arrivedAt: number
  /** Times outside are quarantined; null: all are taken. */
  readonly window: { readonly pastMs: number; readonly futureMs: number } | null
}

const ARRIVAL: Moment = { instant: null, source: 'arrival', alternative: null, flags: [], problem: null }

/** The first of the times that is there. One that is there and cannot be read leaves the arrival, flagged. */
export const momentOf = (times: readonly Time[], scope: Scope, context: MomentContext): Moment => {
  let misfit: { readonly time: Time; readonly text: string } | null = null
  for (const time of times) {
    const text = time.of.read(scope)
    if (text === null || text === '') continue
    if (time.digits !== null && wholeDigits(text) !== time.digits) {
      misfit ??= { time, text }
      continue
    }
    const read = readTime(time, text, scope, context)
    return read === null ? unreadable(time, text) : plausible(read, time, context)
  }
  return misfit ? unreadable(misfit.time, misfit.text) : ARRIVAL
}

const unreadable = ({ of, form }: Time, text: string): Moment => {
  const shown = JSON.stringify(text.slice(0, 40))
  const finding = { code: 'PUSH_TIME', message: `its time ${shown} cannot be read` }
  const error = errorOf('MQTT_TIME', `is ${shown}, no time of form ${form}`)
  return { ...ARRIVAL, flags: ['time-implausible'], problem: { finding, path: of.text, error } }
}

const plausible = ({ instant, alternative, source }: ReadTime, { of }: Time, { arrivedAt, window }: MomentContext): Moment => {
  const doubt = (flag: PushFlag, code: string, message: string): Moment => ({
    ...ARRIVAL,
    flags: [flag],
    problem: { finding: { code, message }, path: of.text, error: null },
  })
  if (isUnset(instant)) return doubt('clock-unset', 'PUSH_CLOCK_UNSET', `its clock is not set: it says ${isoText(instant)}`)
  if (window && (instant < arrivedAt - window.pastMs || instant > arrivedAt + window.futureMs))
    return doubt('time-implausible', 'PUSH_TIME', `it says ${isoText(instant)}, which is too far from ${isoText(arrivedAt)}`)
  return { instant, alternative, source, flags: alternative === null ? [] : ['time-ambiguous'], problem: null }
}

const readTime = (
  { form, pattern, zone, plus }: Time,
  text: string,
  scope: Scope,
  { zone: usual, local }: MomentContext,
): ReadTime | null => {
  const where = zone ?? usual
  const read =
    form === 'text'
      ? textTimeOf(text, where, local)
      : form === 'pattern'
        ? pattern && patternTimeOf(text, pattern, where, local)
        : epochOf(text, form)
  if (!read || !plus) return read
  const [index, period] = [decimalOf(plus.index.read(scope) ?? ''), decimalOf(plus.period.read(scope) ?? '')]
  if (!index || !period) return null
  const later = inMs(multiply(index, period))
  const instant = read.instant + later
  const alternative = read.alternative === null ? null : read.alternative + later
  return isCalendar(instant) ? { instant, alternative, source: STEPPED[read.source] ?? read.source } : null
}

const STEPPED: Readonly<Partial<Record<TimeSource, TimeSource>>> = {
  'payload-epoch-s': 'payload-epoch-s+index*period',
  'payload-epoch-ms': 'payload-epoch-ms+index*period',
}

const isoText = (instant: number): string => new Date(instant).toISOString()

/** Digits before the point; 0 for what is no number. */
const wholeDigits = (text: string): number => /^\d+/.exec(text)?.[0].length ?? 0

/** Seconds as whole milliseconds. */
const inMs = ({ raw, scaler }: Decimal): number => Math.round(Number(raw) * 10 ** (scaler + 3))
