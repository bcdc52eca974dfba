import type { CommColumns, CommFrame } from '../../anomaly/index.ts'
import { type CsvRow, isText, numberAt, readCsv, textAt } from './csv.ts'
import type { ProblemList } from './problems.ts'
import { type ReadTime, timeAt } from './time.ts'
import type { LocalDay } from './zone.ts'

const COLUMNS = ['polls', 'ok', 'timeouts', 'crcerrors', 'addrerrors', 'latencyms', 'snrdb', 'rssidbm'] as const
const HOUR_MS = 3_600_000

/** Communication counts of every target, hour by hour as the file has them. */
export interface CommCounts {
  readonly targets: ReadonlyMap<string, { readonly hours: Map<number, number>; readonly values: number[] }>
}

/** Reads communication counts. Rows after `until` are not looked at. */
export const readComm = async (
  path: string,
  name: string,
  problems: ProblemList,
  { zone, until }: { readonly zone: string; readonly until: number },
): Promise<CommCounts> => {
  const targets = new Map<string, { hours: Map<number, number>; values: number[] }>()
  const time: ReadTime = { at: 0, zoneless: false }
  let idCell = -1
  let timeCell = -1
  let cells: readonly number[] = []
  let names: readonly string[] = []
  let current: { id: string; of: { hours: Map<number, number>; values: number[] } } | null = null
  let now: CsvRow | null = null
  const bad = (cell: number): void => {
    if (now)
      problems.add('value-bad', name, now.line, `${names[cell] ?? 'a cell'} is "${textAt(now, cell).slice(0, 40)}", which is no number`)
  }
  await readCsv(
    path,
    name,
    problems,
    (header) => {
      names = header
      idCell = header.indexOf('target')
      timeCell = header.indexOf('hour')
      cells = COLUMNS.map((column) => header.indexOf(column))
      for (const column of ['target', 'hour', ...COLUMNS])
        if (!header.includes(column)) problems.add('column-missing', name, 1, `there is no column ${column}`)
      return idCell !== -1 && timeCell !== -1
    },
    (row) => {
      if (row.count <= Math.max(idCell, timeCell)) {
        problems.add('row-short', name, row.line, `${row.count} cells, the header has ${names.length}`)
        return
      }
      timeAt(row.bytes, row.starts[timeCell] ?? 0, row.ends[timeCell] ?? 0, zone, time)
      if (Number.isNaN(time.at)) {
        problems.add('time-bad', name, row.line, `"${textAt(row, timeCell).slice(0, 40)}" is no time`)
        return
      }
      // An hour is known when it is over.
      if (time.at + HOUR_MS > until) return
      if (time.zoneless) problems.add('time-without-zone', name, row.line, textAt(row, timeCell).slice(0, 40))
      if (!current || !isText(row, idCell, current.id)) {
        const id = textAt(row, idCell)
        let of = targets.get(id)
        if (!of) {
          of = { hours: new Map(), values: [] }
          targets.set(id, of)
        }
        current = { id, of }
      }
      const { hours, values } = current.of
      const hour = Math.floor(time.at / HOUR_MS)
      if (hours.has(hour)) {
        problems.add('row-duplicate', name, row.line, `target ${current.id}, the same hour`)
        return
      }
      hours.set(hour, values.length)
      now = row
      for (const cell of cells) values.push(numberAt(row, cell, bad))
    },
  )
  return { targets }
}

/** The counts of some targets over days that follow each other, hour by hour. */
export interface CommHours {
  readonly area: string
  /** Start of each day, milliseconds since 1970 UTC. */
  readonly starts: readonly number[]
  /** First hour of each day, and the end of the last. */
  readonly dayStarts: Int32Array
  readonly targets: readonly CommColumns[]
}

/** The columns lie in memory that threads share. */
export const commHours = (
  counts: CommCounts,
  area: string,
  days: readonly LocalDay[],
  wanted: readonly { readonly id: string; readonly kind: CommColumns['kind'] }[],
): CommHours => {
  const start = days[0]?.start ?? 0
  const dayStarts = Int32Array.from({ length: days.length + 1 }, (_, index) =>
    Math.round(((days[index]?.start ?? days.at(-1)?.end ?? 0) - start) / HOUR_MS),
  )
  const hours = dayStarts.at(-1) ?? 0
  const origin = Math.floor(start / HOUR_MS)
  const targets = wanted.flatMap(({ id, kind }): CommColumns[] => {
    const of = counts.targets.get(id)
    if (!of) return []
    const filled = (place: number) => {
      const to = new Float32Array(new SharedArrayBuffer(hours * Float32Array.BYTES_PER_ELEMENT))
      for (let hour = 0; hour < hours; hour++) {
        const at = of.hours.get(origin + hour)
        to[hour] = at === undefined ? Number.NaN : (of.values[at + place] ?? Number.NaN)
      }
      return to
    }
    const [polls, ok, timeouts, crcErrors] = [filled(0), filled(1), filled(2), filled(3)]
    const [addrErrors, latencyMs, snrDb, rssiDbm] = [filled(4), filled(5), filled(6), filled(7)]
    return [{ id, kind, polls, ok, timeouts, crcErrors, addrErrors, latencyMs, snrDb, rssiDbm }]
  })
  return { area, starts: days.map((day) => day.start), dayStarts, targets }
}

/** The frame of the days [first, last] by their places, a view. */
export const commFrame = ({ area, starts, dayStarts, targets }: CommHours, first: number, last: number): CommFrame => {
  const [from, to] = [dayStarts[first] ?? 0, dayStarts[last + 1] ?? dayStarts.at(-1) ?? 0]
  const view = (column: Float32Array) => column.subarray(from, to)
  return {
    area,
    start: starts[first] ?? 0,
    hours: to - from,
    dayStarts: dayStarts.subarray(first, last + 2).map((hour) => hour - from),
    targets: targets
      // Who was never heard of up to then is not there yet.
      .filter(({ polls }) => polls.subarray(0, to).some((value) => !Number.isNaN(value)))
      .map((of) => ({
        ...{ id: of.id, kind: of.kind, polls: view(of.polls), ok: view(of.ok), timeouts: view(of.timeouts) },
        ...{ crcErrors: view(of.crcErrors), addrErrors: view(of.addrErrors), latencyMs: view(of.latencyMs) },
        ...{ snrDb: view(of.snrDb), rssiDbm: view(of.rssiDbm) },
      })),
  }
}
