import type { CommColumns, CommDay } from '../anomaly/index.ts'
import { type Reading, type ReadingStore, type Result, scalerAt } from '../core/index.ts'
import type { Ledger } from '../ledger/index.ts'

const HOUR_MS = 3_600_000
const PAGE = 5_000

/** Whose rows of the measurement `comm` these are. */
export interface CommTarget {
  /** Name in the frame: the metering point of a meter, the line itself. */
  readonly id: string
  readonly kind: CommColumns['kind']
  /** Name in the store. */
  readonly stored: string
  /** Time in which the meter hung there. */
  readonly from: number
  readonly to: number
}

/** Kind of the rows of each. */
const STORED_AS: Readonly<Record<CommTarget['kind'], string>> = { meter: 'meter', bus: 'line', concentrator: 'concentrator' }

interface Sums {
  readonly columns: CommColumns
  /** Answers behind the mean of each hour, and figures behind the signal's. */
  readonly answers: Float64Array
  readonly heard: Float64Array
}

/**
 * Rows of one area and day as the hourly columns detectors look at. A poll is a read that came to its end: it was read, or given up.
 *
 * A meter that stays silent is asked with fewer and fewer probes; reads that were not tried because of that count as the probes
 * that stood for them.
 */
export const commDayOf = (
  area: string,
  start: number,
  hours: number,
  targets: readonly CommTarget[],
  rows: Iterable<Reading>,
): CommDay | null => {
  const found = new Map<string, Sums>()
  const byStored = new Map<string, CommTarget[]>()
  for (const target of targets) {
    const key = `${STORED_AS[target.kind]} ${target.stored}`
    byStored.set(key, [...(byStored.get(key) ?? []), target])
  }
  for (const row of rows) {
    const { kind = '', id = '' } = row.series.tags
    const target = byStored.get(`${kind} ${id}`)?.find(({ from, to }) => row.measuredAt >= from && row.measuredAt < to)
    const hour = Math.floor((row.measuredAt - start) / HOUR_MS)
    if (!target || hour < 0 || hour >= hours) continue
    const key = `${target.kind} ${target.id}`
    const sums = found.get(key) ?? newSums(target, hours)
    found.set(key, sums)
    put(sums, hour, figuresOf(row))
  }
  const columns = [...found.values()].map(settled).sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0))
  return columns.length > 0 ? { area, start, hours, targets: columns } : null
}

const newSums = ({ id, kind }: CommTarget, hours: number): Sums => {
  const column = () => new Float32Array(hours).fill(Number.NaN)
  const [polls, ok, timeouts, crcErrors] = [column(), column(), column(), column()]
  const columns = {
    id,
    kind,
    polls,
    ok,
    timeouts,
    crcErrors,
    addrErrors: column(),
    latencyMs: column(),
    snrDb: column(),
    rssiDbm: column(),
  }
  return { columns, answers: new Float64Array(hours), heard: new Float64Array(hours) }
}

/** Figures of a row by field, at their own scale. */
const figuresOf = (row: Reading): ReadonlyMap<string, number> => {
  const figures = new Map<string, number>()
  for (const [index, { field }] of row.shape.columns.entries()) {
    const raw = row.raws[index]
    if (typeof raw === 'number' || typeof raw === 'bigint') figures.set(field, Number(raw) * 10 ** scalerAt(row, index))
  }
  return figures
}

const add = (column: Float32Array, hour: number, value: number): void => {
  const before = column[hour] ?? Number.NaN
  column[hour] = Number.isNaN(before) ? value : before + value
}

const put = ({ columns, answers, heard }: Sums, hour: number, figures: ReadonlyMap<string, number>): void => {
  const figure = (field: string) => figures.get(field) ?? 0
  // Of a concentrator heartbeats are counted: those that were due while it was connected were as good as sent.
  if (figures.has('expected')) {
    add(columns.polls, hour, figure('expected'))
    add(columns.ok, hour, Math.max(Math.min(figure('heartbeats'), figure('expected')), Math.round(figure('expected') * figure('online'))))
    return
  }
  const done = figure('read') + figure('missed')
  if (done > 0) {
    add(columns.polls, hour, done)
    add(columns.ok, hour, figure('read'))
  }
  if (figures.has('no_reply')) {
    add(columns.timeouts, hour, figure('no_reply'))
    add(columns.crcErrors, hour, figure('damaged'))
    add(columns.addrErrors, hour, figure('stray'))
  }
  const latency = figures.get('latency')
  const answered = figure('answered')
  if (latency !== undefined && answered > 0) {
    add(columns.latencyMs, hour, latency * 1000 * answered)
    answers[hour] = (answers[hour] ?? 0) + answered
  }
  // What devices that push say of their radio; MQTT gateways call received power `rssi` or `dBm`.
  const dbm = figures.get('dbm') ?? figures.get('rssi')
  const snr = figures.get('snr')
  if (dbm === undefined && snr === undefined) return
  heard[hour] = (heard[hour] ?? 0) + 1
  if (dbm !== undefined && dbm < 0) add(columns.rssiDbm, hour, dbm)
  if (snr !== undefined) add(columns.snrDb, hour, snr)
}

/** Sums become means, and failures what they stand for. */
const settled = ({ columns, answers, heard }: Sums): CommColumns => {
  const { polls, ok, timeouts, crcErrors, latencyMs, snrDb, rssiDbm } = columns
  for (let hour = 0; hour < polls.length; hour++) {
    if (answers[hour]) latencyMs[hour] = (latencyMs[hour] ?? Number.NaN) / (answers[hour] ?? 1)
    if (heard[hour]) {
      snrDb[hour] = (snrDb[hour] ?? Number.NaN) / (heard[hour] ?? 1)
      rssiDbm[hour] = (rssiDbm[hour] ?? Number.NaN) / (heard[hour] ?? 1)
    }
    const lost = (polls[hour] ?? Number.NaN) - (ok[hour] ?? 0)
    const failed = (timeouts[hour] ?? 0) + (crcErrors[hour] ?? 0)
    if (!(lost > 0) || !(failed > 0) || failed >= lost) continue
    timeouts[hour] = ((timeouts[hour] ?? 0) * lost) / failed
    crcErrors[hour] = ((crcErrors[hour] ?? 0) * lost) / failed
  }
  return columns
}

/**
 * Reads the communication of an area's points on a day out of the store.
 *
 * @param span  start and end of a local day, milliseconds
 */
export const commReader =
  (
    store: Pick<ReadingStore, 'range'>,
    ledger: Pick<Ledger, 'history'>,
    span: (day: string) => { readonly start: number; readonly end: number },
  ): ((area: string, points: readonly string[], day: string) => Promise<Result<CommDay | null>>) =>
  async (area, points, day) => {
    const { start, end } = span(day)
    const targets = targetsOf(ledger, points, start, end)
    const rows: Reading[] = []
    for (const { kind, stored } of new Map(targets.map((target) => [`${target.kind} ${target.stored}`, target])).values()) {
      let cursor: string | undefined
      do {
        const page = await store.range({
          ...{ measurement: 'comm', tags: { kind: STORED_AS[kind], id: stored }, from: start, to: end, limit: PAGE },
          ...(cursor === undefined ? {} : { cursor }),
        })
        if (!page.ok) return page
        for (const row of page.value.readings) rows.push(row)
        cursor = page.value.next ?? undefined
      } while (cursor !== undefined)
    }
    return { ok: true, value: commDayOf(area, start, Math.round((end - start) / HOUR_MS), targets, rows) }
  }

/** Meters that hung at the points, each in its time, and their concentrators. */
export const targetsOf = (ledger: Pick<Ledger, 'history'>, points: readonly string[], start: number, end: number): CommTarget[] => {
  const concentrators = new Set<string>()
  const meters = points.flatMap((point) =>
    ledger.history(point).flatMap((fact): CommTarget[] => {
      const [from, to] = [Math.max(fact.from, start), Math.min(fact.to ?? end, end)]
      if (to > from && fact.concentrator) concentrators.add(fact.concentrator)
      return to > from ? [{ id: point, kind: 'meter', stored: fact.meter, from, to }] : []
    }),
  )
  return [...meters, ...[...concentrators].map((id): CommTarget => ({ id, kind: 'concentrator', stored: id, from: start, to: end }))]
}
