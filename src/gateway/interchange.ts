import type {
  CimQuestion,
  EnergyDeps,
  EnergyPeriodWord,
  EnergyRegisterAnswer,
  EspiQuestion,
  InterchangeDeps,
  Refusal,
} from '../api/index.ts'
import {
  type Clock,
  decimalText,
  err,
  multiply,
  ok,
  parseDecimal,
  type Reading,
  type ReadingStore,
  type Result,
  type Scope,
  SOURCES,
  scalerAt,
} from '../core/index.ts'
import { sumOf } from '../energy/index.ts'
import {
  type CimPiece,
  type CimValue,
  cimText,
  type EspiItem,
  type EspiRegister,
  espiText,
  localTimeOf,
  stableId,
} from '../interchange/index.ts'
import type { Area } from '../ledger/index.ts'
import type { EnergyDays } from './energy-days.ts'
import { byHour } from './energy-hours.ts'
import { interchangeFailure } from './interchange-errors.ts'
import type { PointIndex } from './point-index.ts'

export interface InterchangeParts {
  readonly points: Pick<PointIndex, 'list' | 'point'>
  readonly areas: () => readonly Pick<Area, 'id' | 'zone'>[]
  readonly isZone: (id: string) => boolean
  readonly store: Pick<ReadingStore, 'range' | 'scan'>
  readonly energy: Pick<EnergyDeps, 'energy'>
  readonly days: EnergyDays
  readonly clock: Pick<Clock, 'now'>
}

const DAY_MS = 86_400_000
/** Longest message. */
const MOST_DAYS = 366
/** Longest question to interval energy, days. */
const CHUNK_DAYS: Readonly<Record<EnergyPeriodWord, number>> = { '15m': 31, '1h': 31, day: 366, month: 3660 }
/** Readings of a page of the store, points of a page of the ledger. */
const PAGE = 2000
const POINTS = 500

const refuse = (because: Refusal['because'], code: Parameters<typeof interchangeFailure>[0], message: string): Result<never, Refusal> =>
  err({ because, error: interchangeFailure(code, message).error })

/** What leaves the house in the forms of others. */
export const interchangeViews = (parts: InterchangeParts): InterchangeDeps => {
  const { points, areas, isZone, days, clock } = parts
  const tooLong = (from: number, to: number) =>
    to - from > (MOST_DAYS + 1) * DAY_MS
      ? refuse('not-possible', 'INTERCHANGE_RANGE', `${Math.ceil((to - from) / DAY_MS)} days are too many for one message`)
      : null
  const unknown = (id: string) => refuse('unknown', 'INTERCHANGE_POINT', `there is no point ${JSON.stringify(id)}`)
  const isSeen = (scope: Scope, id: string) => points.point(id) !== null && (scope.all || scope.sees('point', id))

  return {
    meterReadings: (question, scope) => {
      const refused = tooLong(question.from, question.to)
      if (refused) return refused
      const { area, zone } = question
      const stranger = question.points?.find((id) => !isSeen(scope, id))
      if (stranger !== undefined) return unknown(stranger)
      const known = areas()
      if (area !== undefined && !(known.some(({ id }) => id === area) && (scope.all || scope.sees('area', area))))
        return refuse('unknown', 'INTERCHANGE_AREA', `there is no area ${JSON.stringify(area)}`)
      if (zone !== undefined && !(isZone(zone) && (scope.all || scope.sees('zone', zone))))
        return refuse('unknown', 'INTERCHANGE_AREA', `there is no zone ${JSON.stringify(zone)}`)
      const ids = chosen(parts, question, scope)
      return ok(cimText(piecesOf(parts, question, ids), question.format))
    },
    usagePoints: (scope, after, limit) => {
      const found: { id: string; uuid: string }[] = []
      for (let last = after; found.length < limit; ) {
        const page = points.list({}, last, POINTS)
        for (const { id } of page)
          if (found.length < limit && (scope.all || scope.sees('point', id))) found.push({ id, uuid: stableId('point', id) })
        last = page.at(-1)?.id ?? null
        if (page.length < POINTS || last === null) break
      }
      return found
    },
    usageFeed: async (id, question, scope) => {
      const refused = tooLong(question.from, question.to)
      if (refused) return refused
      if (!isSeen(scope, id)) return unknown(id)
      // What a customer used is his from the day on which he became the customer.
      const asked = { ...question, from: Math.max(question.from, scope.since?.(id) ?? question.from) }
      const monthly = await energyOf(parts, id, { ...asked, period: 'month' })
      if (!monthly.ok) return err<Refusal>({ because: 'unavailable', error: monthly.error })
      const imported = monthly.value.find(({ obis }) => obis === '1-0:1.8.0')?.items ?? []
      const at = clock.now()
      const year = Number(days.of(Math.max(question.from, question.to - 1)).slice(0, 4))
      const feed = {
        ...{ point: id, path: question.path, period: question.period, at },
        localTime: localTimeOf(days.zone, year),
        blockOf: (from: number) => (question.period === 'day' || question.period === 'month' ? days.of(from).slice(0, 7) : days.of(from)),
      }
      // Months that the question holds as a whole.
      const whole = imported.filter((month) => month.from >= asked.from && month.to <= asked.to)
      return ok(espiText(feed, registersOf(parts, id, asked), whole))
    },
  }
}

/** Points a message is about: those that fit and are seen, by id. */
const chosen = ({ points, areas }: InterchangeParts, { points: named, area, zone }: CimQuestion, scope: Scope): ReadonlySet<string> => {
  const inZone = zone === undefined ? null : new Set(areas().flatMap((one) => (one.zone === zone ? [one.id] : [])))
  const wanted = named && new Set(named)
  const ids = new Set<string>()
  for (let last: string | null = null; ; ) {
    const page = points.list(area === undefined ? {} : { area }, last, POINTS)
    for (const point of page) {
      if (wanted && !wanted.has(point.id)) continue
      if (inZone && !inZone.has(point.area)) continue
      if (scope.all || scope.sees('point', point.id)) ids.add(point.id)
    }
    if (page.length < POINTS) return ids
    last = page.at(-1)?.id ?? null
  }
}

async function* piecesOf(parts: InterchangeParts, question: CimQuestion, ids: ReadonlySet<string>): AsyncGenerator<Result<CimPiece>> {
  if (ids.size === 0) return
  for (const content of question.contents)
    yield* content === 'intervals' ? intervals(parts, question, ids) : reads(parts, question, ids, content)
}

/** What meters said: a piece for each run of rows of one meter. */
async function* reads(
  { store }: InterchangeParts,
  { from, to, side }: CimQuestion,
  ids: ReadonlySet<string>,
  content: 'registers' | 'instants',
): AsyncGenerator<Result<CimPiece>> {
  const measurement = content === 'registers' ? ('register' as const) : ('instant' as const)
  const [only] = ids
  let cursor: string | null = null
  do {
    const more: { readonly cursor?: string } = cursor === null ? {} : { cursor }
    const question = { measurement, from, to, limit: PAGE, ...more }
    const page: Awaited<ReturnType<ReadingStore['scan']>> =
      ids.size === 1 && only !== undefined
        ? await store.range({ ...question, tags: { point: only } })
        : await store.scan({ ...question, points: ids })
    if (!page.ok) {
      yield page
      return
    }
    let run: Reading[] = []
    const same = (a: Reading, b: Reading) => a.series.tags.point === b.series.tags.point && a.series.tags.meter === b.series.tags.meter
    for (const reading of page.value.readings) {
      if (run[0] && !same(run[0], reading)) {
        yield ok(pieceOf(run, side))
        run = []
      }
      run.push(reading)
    }
    if (run.length > 0) yield ok(pieceOf(run, side))
    cursor = page.value.next
  } while (cursor !== null)
}

const pieceOf = (readings: readonly Reading[], side: CimQuestion['side']): CimPiece => {
  const { point = '-', meter = '-' } = readings[0]?.series.tags ?? {}
  return { point, meter: meter === '-' ? null : meter, values: readings.flatMap((reading) => valuesOf(reading, side)), energies: [] }
}

/** Registers are as the face shows them: on the primary side each is times the ratio that held. Instantaneous values are primary already. */
const valuesOf = (reading: Reading, side: CimQuestion['side']): CimValue[] => {
  const { series, shape, raws, absent, measuredAt, receivedAt, quality } = reading
  const source: CimValue['source'] = SOURCES.find((one) => one === series.tags.source) ?? '-'
  const ratio = parseDecimal(reading.ratio)
  const scales = side === 'primary' && series.measurement === 'register' && ratio !== null && reading.ratio !== '1' ? ratio : null
  return shape.columns.flatMap(({ obis }, column): CimValue[] => {
    if (obis === null) return []
    const raw = raws[column] ?? null
    const common = { obis, quality, source, measuredAt, receivedAt }
    if (raw === null) {
      const code = absent?.get(column) ?? null
      // A column that stands in the shape of other rows only is not missing here.
      return code === null ? [] : [{ ...common, value: null, made: null, absent: code }]
    }
    const scaler = scalerAt(reading, column)
    const shown = decimalText(raw, scaler)
    if (!scales) return [{ ...common, value: shown, made: null, absent: null }]
    const primary = multiply({ raw, scaler }, scales)
    return [{ ...common, value: decimalText(primary.raw, primary.scaler), made: `${shown} x ${reading.ratio}`, absent: null }]
  })
}

/** Interval energy, point by point; a turn for others after each. */
async function* intervals(parts: InterchangeParts, question: CimQuestion, ids: ReadonlySet<string>): AsyncGenerator<Result<CimPiece>> {
  for (const point of [...ids].sort())
    for (const [from, to] of chunksOf(question)) {
      const registers = await energyOf(parts, point, { ...question, from, to })
      if (!registers.ok) {
        yield registers
        return
      }
      const energies = registers.value.map(({ obis, items }) => ({
        ...{ obis, period: question.period },
        items: withGaps(parts.days, { from, to, period: question.period }, items),
      }))
      yield ok({ point, meter: null, values: [], energies })
      await new Promise((resolve) => setImmediate(resolve))
    }
}

/** Registers of a point one after the other, each over the whole time: a Green Button reading type comes before its values. */
async function* registersOf(parts: InterchangeParts, point: string, question: EspiQuestion): AsyncGenerator<Result<EspiRegister>> {
  const found = new Map<string, EspiItem[]>()
  for (const [from, to] of chunksOf(question)) {
    const registers = await energyOf(parts, point, { ...question, from, to })
    if (!registers.ok) {
      yield registers
      return
    }
    for (const { obis, items } of registers.value) {
      const known = found.get(obis)
      const kept = items.map(({ from, to, value, quality, reasons }) => ({ from, to, value, quality, reasons }))
      if (known) known.push(...kept)
      else found.set(obis, kept)
    }
  }
  for (const [obis, items] of found) yield ok({ obis, items })
}

type Item = CimPiece['energies'][number]['items'][number]

/** Quarter hours and hours of days of which nothing is known are no items of the answer: here each is said to be missing. */
const withGaps = (
  days: EnergyDays,
  { from, to, period }: Pick<CimQuestion, 'from' | 'to' | 'period'>,
  items: readonly Item[],
): readonly Item[] => {
  if (period === 'day' || period === 'month' || items.length === 0) return items
  const known = new Map(items.map((item) => [item.from, item]))
  return days.between(days.of(from), days.of(to - 1)).flatMap((day) => {
    const marks = days.marks(day, period)
    return marks.slice(0, -1).flatMap((at, index): Item[] => {
      if (at < from || at >= to) return []
      return [known.get(at) ?? { from: at, to: marks[index + 1] ?? at, value: null, quality: [], reasons: ['missing'] }]
    })
  })
}

const chunksOf = ({ from, to, period }: Pick<EspiQuestion, 'from' | 'to' | 'period'>): readonly (readonly [number, number])[] => {
  const step = CHUNK_DAYS[period] * DAY_MS
  const chunks: (readonly [number, number])[] = []
  for (let start = from; start < to; start += step) chunks.push([start, Math.min(to, start + step)])
  return chunks
}

/** Energies of a point; one that is not known of any more has none. */
const energyOf = async (
  { energy, days }: InterchangeParts,
  point: string,
  { from, to, period }: Pick<EspiQuestion, 'from' | 'to' | 'period'>,
): Promise<Result<readonly Energies[]>> => {
  if (from >= to) return ok([])
  const asked = async (wanted: EnergyPeriodWord): Promise<Result<readonly EnergyRegisterAnswer[]>> => {
    const answer = await energy.energy(point, { from, to, period: wanted, detail: false })
    if (answer.ok) return ok(answer.value.registers)
    return answer.error.because === 'unknown' ? ok([]) : err(answer.error.error)
  }
  const registers = await asked(period)
  if (period !== '1h' || !registers.ok) return registers
  // A register has one fine period: who is read by quarter hours has no hours of its own.
  const quarters = await asked('15m')
  if (!quarters.ok) return quarters
  const merged = new Map<string, Energies>(registers.value.map(({ obis, items }) => [obis, { obis, items }]))
  for (const { obis, items } of quarters.value) {
    const hours = merged.get(obis)?.items ?? []
    const made = hoursOf(days, { from, to }, items).filter(
      (hour) => !hours.some((known) => known.from === hour.from && known.value !== null),
    )
    const starts = new Set(made.map((hour) => hour.from))
    const all = [...hours.filter((hour) => !starts.has(hour.from)), ...made]
    merged.set(obis, { obis, items: all.sort((a, b) => a.from - b.from) })
  }
  return ok([...merged.values()].sort((a, b) => (a.obis < b.obis ? -1 : 1)))
}

/** Energies of one register. */
interface Energies {
  readonly obis: string
  readonly items: readonly EspiItem[]
}

/** Hours as exact sums of their quarter hours; one of which any is not known is not known. */
const hoursOf = (
  days: EnergyDays,
  { from, to }: { readonly from: number; readonly to: number },
  quarters: readonly EspiItem[],
): EspiItem[] => {
  return byHour(quarters, days).flatMap(({ from: start, to: end, members }): EspiItem[] => {
    if (start < from || start >= to) return []
    const known = members.flatMap(({ value }) => (value === null ? [] : (parseDecimal(value) ?? [])))
    const covered = members.reduce((sum, { from: begins, to: ends, value }) => (value === null ? sum : sum + ends - begins), 0)
    const isWhole = covered === end - start
    const sum = sumOf(known)
    return [
      {
        ...{ from: start, to: end, value: isWhole ? decimalText(sum.raw, sum.scaler) : null },
        quality: isWhole ? [...new Set(members.flatMap(({ quality }) => quality))] : [],
        reasons: [...new Set([...members.flatMap(({ reasons }) => reasons), ...(isWhole ? [] : ['missing'])])],
      },
    ]
  })
}
