import { type Decimal, decimalText, multiply, ok, type Result, subtract } from '../core/index.ts'
import type { EnergyEvidence } from '../energy/index.ts'
import type { Exchange, Ledger, MeterFact } from '../ledger/index.ts'
import { parseRatio } from '../normalise/index.ts'
import { type RegisterSpan, sum } from '../tariff/index.ts'
import type { EnergyDays } from './energy-days.ts'
import type { RegisterModels } from './energy-facts.ts'
import { decimalOf } from './energy-figures.ts'
import type { EnergyRunner } from './energy-runner.ts'

/** Register that tiers and grades are made of: active energy drawn (正向有功总). */
export const IMPORT = '1.8.0'
const IMPORT_FULL = '1-0:1.8.0'

export interface RegisterParts {
  readonly days: EnergyDays
  readonly runner: Pick<EnergyRunner, 'evidence'>
  readonly models: Pick<RegisterModels, 'of'>
  readonly ledger: Pick<Ledger, 'get' | 'history' | 'exchanges'>
}

/** CT × PT of the import register at an instant; before the first meter, that of the first. Null: the ledger knows none. */
export const ratioAt = ({ ledger, models }: Pick<RegisterParts, 'ledger' | 'models'>, point: string, at: number): Decimal | null => {
  const history = ledger.history(point)
  const fact = history.findLast(({ from }) => from <= at) ?? history[0]
  return fact ? ratioOf(models, fact) : null
}

const ratioOf = (models: Pick<RegisterModels, 'of'>, { profile, ct, pt }: MeterFact): Decimal | null => {
  const kind = models.of(profile, IMPORT)?.ratio ?? 'ctpt'
  const one = { raw: 1, scaler: 0 }
  const [current, voltage] = [parseRatio(ct || '1'), parseRatio(pt || '1')]
  if (!current || !voltage) return null
  return { none: one, ct: current, pt: voltage, ctpt: multiply(current, voltage) }[kind]
}

/** Registers at the ends of the time, at every exchange in it, and wherever the ledger has another meter or ratio from, as a clerk shows them. */
export const registersOf = async (
  parts: RegisterParts,
  point: string,
  first: string | null,
  last: string | null,
  opening: { readonly from: string; readonly startRegister: string } | null,
): Promise<Result<readonly RegisterSpan[]>> => {
  if (first === null || last === null) return ok([])
  const { days, ledger } = parts
  const found = new Map<string, EnergyEvidence | null>()
  const evidenceOf = async (day: string): Promise<Result<EnergyEvidence | null>> => {
    const known = found.get(day)
    if (known !== undefined) return ok(known)
    const work = await parts.runner.evidence(point, day, 'day')
    if (work && !work.ok) return work
    const evidence = work?.value.evidence.get(IMPORT)?.[0]?.evidence ?? null
    found.set(day, evidence)
    return ok(evidence)
  }
  const [opened, closed] = [await evidenceOf(first), await evidenceOf(last)]
  if (!opened.ok) return opened
  if (!closed.ok) return closed
  const [start, end] = [opened.value?.start ?? null, closed.value?.end ?? null]
  const begin: RegisterSpan['from'] = opening
    ? { day: opening.from, register: opening.startRegister, read: true }
    : start && { day: first, register: textOf(start.register), read: start.read }
  const finish: RegisterSpan['to'] = end && { day: last, register: textOf(end.register), read: end.read }
  const [from, to] = [days.start(first), days.end(last)]
  const exchanges = ledger
    .exchanges({ point, limit: 1000 })
    .filter(({ at, undoneBy }) => undoneBy === null && at > from && at < to)
    .sort((a, b) => a.at - b.at)
  let meter = start?.meter ?? ''
  let open = begin
  let at = from
  const spans: RegisterSpan[] = []
  for (const cut of cutsOf(parts, point, exchanges, from, to)) {
    const sides = cut.exchange ? exchangeSides(cut.exchange, days.of(cut.at)) : await silentSides(parts, cut, evidenceOf)
    if ('ok' in sides) return sides
    spans.push(spanOf(parts, point, meter, open, sides.end, at))
    meter = cut.meter ?? meter
    open = sides.start
    at = cut.at
  }
  return ok([...spans, spanOf(parts, point, end?.meter ?? meter, open, finish, at)])
}

/** Where one stretch of registers ends and the next begins. */
interface Cut {
  readonly at: number
  /** Null: the ledger has another meter or ratio from then on, and nobody wrote an exchange down. */
  readonly exchange: Exchange | null
  /** The meter from then on; null: the same. */
  readonly meter: string | null
}
interface Sides {
  readonly end: RegisterSpan['to']
  readonly start: RegisterSpan['from']
}

const cutsOf = (parts: RegisterParts, point: string, exchanges: readonly Exchange[], from: number, to: number): readonly Cut[] => {
  const history = parts.ledger.history(point)
  const silent = history.flatMap((fact, index): Cut[] => {
    const before = history[index - 1]
    if (!before || fact.from <= from || fact.from >= to || exchanges.some(({ at }) => at === fact.from)) return []
    if (before.meter !== fact.meter) return [{ at: fact.from, exchange: null, meter: fact.meter }]
    const [was, is] = [ratioOf(parts.models, before), ratioOf(parts.models, fact)]
    return was && is && textOf(was) === textOf(is) ? [] : [{ at: fact.from, exchange: null, meter: null }]
  })
  return [...exchanges.map((exchange): Cut => ({ at: exchange.at, exchange, meter: exchange.newMeter })), ...silent].sort(
    (a, b) => a.at - b.at,
  )
}

const exchangeSides = (exchange: Exchange, day: string): Sides => ({
  end: sideOf(exchange, 'end', day),
  start: sideOf(exchange, 'start', day),
})

const sideOf = (exchange: Exchange, side: 'start' | 'end', day: string): RegisterSpan['from'] => {
  const register = exchange[side][IMPORT_FULL] ?? exchange[side][IMPORT]
  return register === undefined ? null : { day, register, read: true }
}

/** Registers where the ledger changed and nobody wrote any down: what was read there, or is worked out between reads; of another meter only what was read. */
const silentSides = async (
  { days }: RegisterParts,
  { at, meter }: Cut,
  evidenceOf: (day: string) => Promise<Result<EnergyEvidence | null>>,
): Promise<Sides | Extract<Result<Sides>, { ok: false }>> => {
  const day = days.of(at)
  const [own, before] = [await evidenceOf(day), await evidenceOf(days.add(day, -1))]
  if (!own.ok) return own
  if (!before.ok) return before
  const shown = (register: Decimal, read: boolean) => ({ day, register: textOf(register), read })
  if (days.start(day) === at) {
    const [end, start] = [before.value?.end ?? null, own.value?.start ?? null]
    if (meter === null) return { end: end && shown(end.register, end.read), start: end && shown(end.register, end.read) }
    return {
      end: end && end.meter !== meter ? shown(end.register, end.read) : null,
      start: start && start.meter === meter ? shown(start.register, start.read) : null,
    }
  }
  const start = own.value?.start ?? null
  const passed = own.value?.segments.filter((segment) => segment.to <= at && segment.meter === start?.meter) ?? []
  if (meter !== null || !start || passed.at(-1)?.to !== at) return { end: null, start: null }
  const register = shown(sum([start.register, ...passed.map(({ delta }) => delta)]), false)
  return { end: register, start: register }
}

const spanOf = (
  parts: RegisterParts,
  point: string,
  meter: string,
  from: RegisterSpan['from'],
  to: RegisterSpan['to'],
  at: number,
): RegisterSpan => {
  const ratio = ratioAt(parts, point, at)
  const [a, b] = [decimalOf(from?.register ?? null), decimalOf(to?.register ?? null)]
  const difference = a && b ? subtract(b, a) : null
  // A register that went past its last digit is shown, not worked out here.
  const isPlain = difference !== null && difference.raw >= 0 && ratio !== null
  return {
    ...{ point, meter, from, to, multiplier: ratio ? textOf(ratio) : '?' },
    difference: isPlain ? textOf(difference) : null,
    kwh: isPlain ? textOf(multiply(difference, ratio)) : null,
  }
}

const textOf = ({ raw, scaler }: Decimal): string => decimalText(raw, scaler)
