import { type DueRecord, gapFailure } from '../collection/index.ts'
import { type Clock, type Decimal, decimalText, ok, QUALITY, type ReadingStore, type Result } from '../core/index.ts'
import { courseOf, type Estimate, type EstimateDay, estimateRegister, LEAST_SIMILAR, MOST_SIMILAR, type Span } from '../energy/index.ts'
import type { EnergyBook } from './energy-book.ts'
import type { EnergyDays } from './energy-days.ts'
import { type EnergyLedger, type PointFacts, pointFacts, type RegisterModels } from './energy-facts.ts'
import { decimalOf } from './energy-figures.ts'
import { PointReads, type RegisterReads } from './energy-reads.ts'
import { gapShape } from './energy-shape.ts'

export interface EstimateParts {
  readonly store: Pick<ReadingStore, 'range'>
  readonly book: Pick<EnergyBook, 'figuresOf' | 'seen'>
  readonly days: EnergyDays
  readonly ledger: EnergyLedger
  readonly models: RegisterModels
  readonly clock: Clock
  /** Times without power at a point. */
  readonly outages: (point: string, from: number, to: number) => readonly Span[]
}

/** Registers of a gap by full OBIS code, as decimal text, and how they were found. */
export interface EstimatedRegisters {
  readonly values: Readonly<Record<string, string>>
  readonly note: string
}

const DAY_MS = 86_400_000
/** Five weeks hold four days of every kind of day, and some that can not be used. */
const LOOK_BACK_DAYS = 35
const LOOK_AROUND_MS = 100 * DAY_MS

type Refused = Extract<Estimate, { ok: false }>['why']
const WHY: Readonly<Record<Refused, string>> = {
  read: 'a register of that instant is stored already',
  'no-meter': 'the meter did not hang there then',
  'no-register': 'no register of before is known',
  contradiction: 'the registers around it contradict each other, or an exchange lies between without its registers',
  'too-long': 'the last register is more than 31 days older',
  'too-few-days': `fewer than ${LEAST_SIMILAR} similar days before it were measured`,
}

/**
 * The registers a freeze would have brought, by rule: between two good registers on the line of use, after the last one that register and the
 * mean use of up to four similar days. Former estimates are not built upon.
 *
 * @errors GAP_NO_ESTIMATE, those of the store
 */
export const estimateRegisters = async (
  parts: EstimateParts,
  gap: Pick<DueRecord, 'id' | 'kind' | 'meter' | 'point' | 'label'>,
): Promise<Result<EstimatedRegisters>> => {
  const { store, book, days, ledger, models, clock, outages } = parts
  const { id, kind, meter, point, label } = gap
  const refuse = (why: string) => gapFailure('GAP_NO_ESTIMATE', `gap ${id} of meter ${meter} can not be estimated: ${why}`, { gap: id })
  if (kind === 'curve') return refuse('it is a curve; interval energy spreads the use over its missing points by itself')
  const facts = pointFacts(ledger, models, point, label)
  if (!facts) return refuse(WHY['no-meter'])
  const seen = book.seen(point)
  if (!seen) return refuse(WHY['no-register'])
  const reads = new PointReads(store, facts.history)
  const loaded = await reads.load(label, label, new Map(), {
    first: days.start(seen.first),
    last: Math.min(clock.now(), days.end(seen.last)),
  })
  if (!loaded.ok) return loaded
  const registers = [...reads.registers.values()].map((register) => ({ ...register, reads: register.reads.filter(isReal) }))
  const own = registers.filter((register) => register.reads.some((read) => read.meter === meter))
  const usual = own.filter((register) => register.reads.some((read) => read.meter === meter && read.source === kind))
  const off = outages(point, label - LOOK_AROUND_MS, label + LOOK_AROUND_MS)
  const values: Record<string, string> = {}
  const said = new Set<string>()
  const wanting: string[] = []
  for (const register of usual.length > 0 ? usual : own) {
    const estimate = estimateOf(parts, facts, gap, register, off)
    if (!estimate.ok) {
      wanting.push(`${register.field}: ${WHY[estimate.why]}`)
      continue
    }
    values[register.obis] = decimalText(estimate.register.raw, estimate.register.scaler)
    said.add(
      `${estimate.how === 'interpolated' ? 'between two registers, from' : 'similar days, from the register of'} ${new Date(estimate.from).toISOString()}`,
    )
  }
  if (Object.keys(values).length === 0) return refuse(wanting[0] ?? WHY['no-register'])
  return ok({ values, note: [...said, ...wanting.map((each) => `not ${each}`)].join('; ') })
}

const isReal = ({ source, quality }: RegisterReads['reads'][number]): boolean =>
  source !== 'estimated' && (quality & QUALITY.estimated) === 0

const estimateOf = (
  { book, days }: EstimateParts,
  facts: PointFacts,
  { meter, point, label }: Pick<DueRecord, 'meter' | 'point' | 'label'>,
  { field, obis, reads, stored }: RegisterReads,
  outages: readonly Span[],
): Estimate => {
  const known = facts.of(field, obis, stored)
  const figuresOf = (first: string, last: string) => book.figuresOf(point, first, last)
  const { slots } = gapShape(days, field, reads, { from: label, to: label }, figuresOf)
  const course = courseOf({ ...known, reads, outages, ...(slots.length > 0 ? { shape: slots } : {}) })
  return estimateRegister(course, label, meter, (from, to) => {
    const first = days.of(from)
    const measured = figuresOf(days.add(first, -LOOK_BACK_DAYS), days.add(first, -1)).flatMap(({ day, registers }) => {
      const figure = registers.find((register) => register.field === field)?.periods.day?.[0]
      const energy = figure && figure.estimatedPpm === 0 && figure.coveredPpm === WHOLE_PPM ? decimalOf(figure.value) : null
      return energy ? [{ isWeekend: days.isWeekend(day), energy }] : []
    })
    return days.between(first, days.of(to - 1)).map((day): EstimateDay => {
      const [start, end] = [Math.max(from, days.start(day)), Math.min(to, days.end(day))]
      const ratio = known.ratios.find((period) => period.from <= start && (period.to === null || period.to > start))?.ratio
      const alike = measured.filter(({ isWeekend }) => isWeekend === days.isWeekend(day))
      return {
        ...{ from: start, to: end, ratio: ratio ?? NONE },
        powered: { part: end - start - offMs(outages, start, end), whole: days.end(day) - days.start(day) },
        similar: ratio ? alike.slice(-MOST_SIMILAR).map(({ energy }) => energy) : [],
      }
    })
  })
}

const WHOLE_PPM = 1_000_000
const NONE: Decimal = { raw: 0, scaler: 0 }

/** Outages of different records may overlap. */
const offMs = (outages: readonly Span[], from: number, to: number): number => {
  let at = from
  let sum = 0
  for (const outage of [...outages].sort((a, b) => a.from - b.from)) {
    const start = Math.max(at, outage.from)
    const end = Math.min(to, outage.to)
    if (end <= start) continue
    sum += end - start
    at = end
  }
  return sum
}
