import type { MeterTime, Sample } from '../../src/core/adapter.ts'
import type { Raw } from '../../src/core/decimal.ts'
import { type GatewayError, ok, type Result } from '../../src/core/result.ts'
import type { TerminalMeter, TerminalPlan, TerminalTalk } from '../../src/core/terminal.ts'
import type { RecordItem, ResultItem } from './apdu-types.ts'
import { getList, getRecord, proxyGet } from './ask.ts'
import { refusal } from './dar.ts'
import type { Datum, MeterSet, RecordSelector } from './datum.ts'
import { errorOf, fail } from './errors.ts'
import type { Cell } from './events.ts'
import type { Peer } from './exchange.ts'
import type { Frame } from './frame.ts'
import { columnsOf, detailOf, FREEZE_TIME, type Place, type PlanDetail, piecesOf, pointsOf, rowBytes, type Span, spanOf } from './plan.ts'
import { COLLECTED } from './profile.ts'
import { numberIn } from './reports.ts'
import { addressOf, cellOf, rowsOf } from './rows.ts'
import { ordinalOf, standsAt, timeOf, timeOfOrdinal, timeText } from './time.ts'

/** Samples or the reason there are none, one a meter. */
type Outcome = Result<readonly Sample[]>

/** Time the terminal is given for one meter of a PROXY. */
const SECONDS_PER_METER = 20
/** Attributes of the terminal itself in one list. */
const LIST = 24

const ABSENT = errorOf('DLT698_ABSENT', 'NULL: the meter has no value here')

const absentOf = (datum: Datum | undefined, place: Place): GatewayError => {
  if (datum === undefined) return errorOf('DLT698_NO_DATA', `${place.oad}: left out of the answer`)
  if (datum.t === 'null') return ABSENT
  return errorOf('DLT698_VALUE', `${place.oad} element ${place.index + 1} is ${datum.t}, not a number`)
}

/** The value at a place: an element of an array, or the value itself where the answer is one. */
const elementAt = (datum: Datum | undefined, { oad, index }: Place): Datum | undefined => {
  if (datum?.t !== 'array') return datum
  return oad.endsWith('00') ? datum.v[index] : datum.v[0]
}

/** @param at  null = now */
const sampleOf = (places: readonly Place[], at: MeterTime | null, find: (oad: string) => Datum | GatewayError | undefined): Sample => {
  const raws: (Raw | null)[] = []
  const absent = new Map<number, GatewayError>()
  for (const [column, place] of places.entries()) {
    const found = find(place.oad)
    if (found !== undefined && 'code' in found) {
      raws.push(null)
      absent.set(column, found)
      continue
    }
    const datum = elementAt(found, place)
    const raw = numberIn(datum)
    raws.push(raw)
    if (raw === null) absent.set(column, absentOf(datum, place))
  }
  return { at, raws, scalers: null, absent: absent.size > 0 ? absent : null }
}

const isEmpty = ({ raws }: Sample): boolean => raws.every((raw) => raw === null)

/** The reason a meter has nothing: the first that was said. */
const nothing = (sample: Sample | undefined, meter: TerminalMeter): Outcome => {
  const said = sample?.absent?.get(0)
  if (said && said.code !== 'DLT698_ABSENT') return { ok: false, error: said }
  return fail('DLT698_NO_DATA', `meter ${meter.address}: the terminal has no value of it`, { meter: meter.id })
}

const present = (results: readonly ResultItem[], places: readonly Place[]): Sample =>
  sampleOf(places, null, (oad) => {
    const result = results.find((one) => one.oad === oad)
    return result?.dar !== undefined ? refusal(result.dar, oad) : result?.data
  })

const ofResults = (results: readonly ResultItem[] | undefined, places: readonly Place[], meter: TerminalMeter): Outcome => {
  const sample = present(results ?? [], places)
  return isEmpty(sample) ? nothing(sample, meter) : ok([sample])
}

/** Present values of the terminal itself. */
const readOwn = function* (peer: Peer, detail: PlanDetail, meter: TerminalMeter): TerminalTalk<Outcome, Frame> {
  const results: ResultItem[] = []
  for (let at = 0; at < detail.oads.length; at += LIST) {
    const got = yield* getList(peer, detail.oads.slice(at, at + LIST))
    if (!got.ok) return ok(got)
    results.push(...got.value)
  }
  return ok(ofResults(results, detail.places, meter))
}

const readProxied = function* (peer: Peer, detail: PlanDetail, meters: readonly TerminalMeter[]): TerminalTalk<readonly Outcome[], Frame> {
  const got = yield* proxyGet(
    peer,
    meters.map(({ address }) => address),
    detail.oads,
    SECONDS_PER_METER,
  )
  if (!got.ok) return got
  return ok(meters.map((meter) => ofResults(got.value.get(meter.address), detail.places, meter)))
}

/** `from <= x < to`: one second behind the last instant is enough. */
const behind = (time: MeterTime): MeterTime => timeOfOrdinal(ordinalOf(time) + 1)
const dateTime = (time: MeterTime): Datum => ({ t: 'date_time_s', v: timeText(time) })

/** Rows of the terminal's collection for a span. A terminal that stores late has the freeze of a day somewhere in that day. */
const collectedSelector = (detail: PlanDetail, { from, to }: Span, set: MeterSet): RecordSelector => {
  const isOne = ordinalOf(from) === ordinalOf(to)
  if (isOne && !detail.isRange) return { rsd: 5, collect_store: timeText(from), ...set }
  const end = detail.kind === 'curve' || !detail.isRange ? behind(to) : timeOfOrdinal(ordinalOf(to) + 86_400)
  const unit = { curve: 1, 'day-freeze': 3, 'month-freeze': 4, current: 0 }[detail.kind]
  return { rsd: 7, from: timeText(from), to: timeText(end), ti: [unit, detail.kind === 'curve' ? detail.minutes : 1], ...set }
}

/** Rows of a meter's own freeze table for a span. */
const ownSelector = (detail: PlanDetail, { from, to }: Span): RecordSelector =>
  ordinalOf(from) === ordinalOf(to)
    ? { rsd: 1, oad: FREEZE_TIME, equals: dateTime(from) }
    : {
        rsd: 2,
        oad: FREEZE_TIME,
        from: dateTime(from),
        to: dateTime(behind(to)),
        step: detail.kind === 'curve' ? { t: 'TI', v: [1, detail.minutes] } : { t: 'null' },
      }

const timeCell = (cells: readonly Cell[], oi: string): MeterTime | null => {
  const datum = cellOf(cells, oi)
  return datum?.t === 'date_time_s' ? timeOf(datum.v) : null
}

const isWithin = (time: MeterTime | null, { from, to }: Span): boolean =>
  time !== null && ordinalOf(time) >= ordinalOf(from) && ordinalOf(time) <= ordinalOf(to)

const find =
  (cells: readonly Cell[]) =>
  (oad: string): Datum | undefined =>
    cells.find((cell) => cell.oad === oad)?.datum

/** Samples of the rows of one meter. A row without a time of its own stands at its store time; one without a value is a gap. */
const samplesOf = (
  detail: PlanDetail,
  rows: readonly { readonly cells: readonly Cell[]; readonly stored: MeterTime | null }[],
  span: Span | null,
): Sample[] => {
  const samples = new Map<number, Sample>()
  for (const { cells, stored } of rows) {
    const at = standsAt(detail.kind, timeCell(cells, '2021'), stored)
    if (at === null || (span && !isWithin(at, span))) continue
    const sample = sampleOf(detail.places, at, find(cells))
    if (!isEmpty(sample)) samples.set(ordinalOf(at), sample)
  }
  return [...samples].sort(([a], [b]) => a - b).map(([, sample]) => sample)
}

/** Rows by whom they are about. */
const rowsByMeter = (records: readonly RecordItem[]) => {
  const byMeter = new Map<string, { cells: readonly Cell[]; stored: MeterTime | null }[]>()
  for (const record of records)
    for (const { cells, quoted } of rowsOf(record)) {
      const address = addressOf(cells)
      if (address === null) continue
      const stored = timeCell(cells, '6042') ?? timeCell(cells, '6041')
      const rows = byMeter.get(address) ?? []
      if (quoted.length === 0) rows.push({ cells, stored })
      for (const one of quoted) rows.push({ cells: one.cells, stored })
      byMeter.set(address, rows)
    }
  return byMeter
}

const readCollected = function* (
  peer: Peer,
  detail: PlanDetail,
  meters: readonly TerminalMeter[],
  span: Span | null,
): TerminalTalk<readonly Outcome[], Frame> {
  const set: MeterSet = { ms: 'addresses', tsa: meters.map(({ address }) => address) }
  const selector: RecordSelector = span ? collectedSelector(detail, span, set) : { rsd: 10, last: 1, ...set }
  const got = yield* getRecord(peer, COLLECTED, selector, columnsOf(detail))
  if (!got.ok) return got
  const byMeter = rowsByMeter(got.value)
  return ok(
    meters.map((meter): Outcome => {
      const samples = samplesOf(detail, byMeter.get(meter.address) ?? [], span)
      return samples.length > 0 ? ok(samples) : nothing(undefined, meter)
    }),
  )
}

const readOwnTable = function* (
  peer: Peer,
  detail: PlanDetail,
  table: string,
  meter: TerminalMeter,
  span: Span,
): TerminalTalk<Outcome, Frame> {
  const columns = [FREEZE_TIME, ...detail.oads].map((oad) => ({ oad }))
  const got = yield* getRecord(peer, table, ownSelector(detail, span), columns)
  if (!got.ok) return ok(got)
  const rows = got.value.flatMap((record) => rowsOf(record).map(({ cells }) => ({ cells, stored: null })))
  const samples = samplesOf(detail, rows, span)
  return ok(samples.length > 0 ? ok(samples) : nothing(undefined, meter))
}

/** One piece after the other; what one brings is kept when the next fails. */
const joined = (before: Outcome | undefined, more: Outcome): Outcome => {
  if (!before) return more
  if (!more.ok) return before
  return before.ok ? ok([...before.value, ...more.value]) : more
}

/**
 * Reads one plan of several meters. A meter whose address is the terminal's own is the terminal: its objects are read directly, its freezes out
 * of its own tables. The others are read out of what the terminal collected, present values through it.
 */
export const read = function* (
  peer: Peer,
  plan: TerminalPlan,
  meters: readonly TerminalMeter[],
  frameLimit: number,
  now: MeterTime,
): TerminalTalk<readonly Outcome[], Frame> {
  const detail = detailOf(plan)
  if (!detail) return fail('DLT698_PROFILE', 'the plan is of another protocol')
  const span = spanOf(detail, now)
  const outcomes = new Map<TerminalMeter, Outcome>()
  const most = Math.max(1, Math.floor((frameLimit - 64) / rowBytes(detail.oads)))
  let failed: Result<never> | null = null
  const own = meters.filter(({ address }) => isSame(address, peer.terminal))
  for (const meter of own) {
    if (span === null || detail.table === null) {
      const got = yield* readOwn(peer, detail, meter)
      if (got.ok) outcomes.set(meter, got.value)
      continue
    }
    for (const piece of piecesOf(detail, span, most)) {
      const got = yield* readOwnTable(peer, detail, detail.table, meter, piece)
      if (got.ok) outcomes.set(meter, joined(outcomes.get(meter), got.value))
    }
  }
  const others = meters.filter((meter) => !own.includes(meter))
  const perRequest = span
    ? Math.max(1, Math.min(detail.mostMeters, Math.floor(most / pointsOf(detail, span))))
    : plan.metersPerRequest(frameLimit)
  for (let at = 0; at < others.length && failed === null; at += perRequest) {
    const some = others.slice(at, at + perRequest)
    for (const piece of span ? piecesOf(detail, span, most) : [null]) {
      const got = yield* span || detail.isStored ? readCollected(peer, detail, some, piece) : readProxied(peer, detail, some)
      if (!got.ok) {
        // Refusals are about what was asked for; silence and lost links are about everybody who is still to come.
        if (!got.error.code.startsWith('DLT698_')) failed = got
        for (const meter of some) outcomes.set(meter, joined(outcomes.get(meter), got))
        break
      }
      for (const [index, meter] of some.entries())
        outcomes.set(meter, joined(outcomes.get(meter), got.value[index] ?? nothing(undefined, meter)))
    }
  }
  if (failed && outcomes.size === 0) return failed
  const rest = failed ?? fail('DLT698_NO_DATA', 'the meter was not asked')
  return ok(meters.map((meter) => outcomes.get(meter) ?? rest))
}

const isSame = (a: string, b: string): boolean => a.replace(/^0+/, '') === b.replace(/^0+/, '')
