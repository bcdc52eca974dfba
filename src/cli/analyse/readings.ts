import { type CsvRow, isText, numberAt, readCsv, textAt } from './csv.ts'
import type { ProblemList } from './problems.ts'
import { type ReadTime, timeAt } from './time.ts'
import { instantText } from './zone.ts'

/** Columns of a readings file; see docs/analyse.md. */
const COLUMNS = ['meter', 'time', 'impkwh', 'expkwh', 'ua', 'ub', 'uc', 'ia', 'ib', 'ic', 'in', 'pkw', 'pf'] as const
const INSTANTS = 9
/** Rows of a meter there is room for at first. */
const FIRST_ROOM = 1024
/** Nothing that meters of ours measured is older. */
const OLDEST = Date.UTC(2000, 0, 1)

/** All that was read of one meter, by time, one row an instant: columns as long as `count`, in memory that threads share. */
export interface Series {
  readonly id: string
  count: number
  times: Float64Array
  imp: Float64Array
  exp: Float64Array
  /** ua, ub, uc, ia, ib, ic, in, p, pf: secondary side, as they came; null = the column was never filled. */
  readonly instants: (Float32Array | null)[]
  /** Where each row was, while it is read. */
  lines: Uint32Array
}

export interface Readings {
  readonly series: ReadonlyMap<string, Series>
  /** First and last instant of what can be used, over the whole file whatever `until` says; NaN of none. */
  readonly first: number
  readonly last: number
}

const wide = (room: number): Float64Array => new Float64Array(new SharedArrayBuffer(room * Float64Array.BYTES_PER_ELEMENT))
const narrow = (room: number): Float32Array =>
  new Float32Array(new SharedArrayBuffer(room * Float32Array.BYTES_PER_ELEMENT)).fill(Number.NaN)

const newSeries = (id: string, room: number): Series => ({
  id,
  count: 0,
  times: wide(room),
  imp: wide(room),
  exp: wide(room),
  instants: Array.from({ length: INSTANTS }, () => null),
  lines: new Uint32Array(room),
})

const copied = <T extends Float64Array | Float32Array | Uint32Array>(from: T, to: T): T => {
  to.set(from)
  return to
}

const grow = (series: Series): void => {
  const room = series.times.length * 2
  series.times = copied(series.times, wide(room))
  series.imp = copied(series.imp, wide(room))
  series.exp = copied(series.exp, wide(room))
  series.lines = copied(series.lines, new Uint32Array(room))
  for (const [at, column] of series.instants.entries()) if (column) series.instants[at] = copied(column, narrow(room))
}

/**
 * Reads registers and instantaneous values of all meters.
 *
 * @param wanted  meters of the ledger; rows of others are counted
 * @param until   rows after that instant are not looked at, but for how far the file goes
 */
export const readReadings = async (
  path: string,
  name: string,
  problems: ProblemList,
  { wanted, zone, until }: { readonly wanted: ReadonlySet<string>; readonly zone: string; readonly until: number },
): Promise<Readings> => {
  const series = new Map<string, Series>()
  const days = new Map<number, DayRows>()
  const places = COLUMNS.map(() => -1)
  const time: ReadTime = { at: 0, zoneless: false }
  let width = 0
  let current: Series | null = null
  let line = 0
  let longest = FIRST_ROOM
  let now: CsvRow | null = null
  const bad = (cell: number): void => {
    if (now)
      problems.add('value-bad', name, now.line, `${names[cell] ?? 'a cell'} is "${textAt(now, cell).slice(0, 40)}", which is no number`)
  }
  let names: readonly string[] = []

  const onHeader = (header: readonly string[]): boolean => {
    names = header
    width = header.length
    for (const [at, column] of COLUMNS.entries()) places[at] = header.indexOf(column)
    for (const [at, column] of COLUMNS.entries())
      if (places[at] === -1)
        problems.add('column-missing', name, 1, `there is no column ${column}; there are ${header.join(', ').slice(0, 200)}`)
    for (const column of header)
      if (!COLUMNS.some((known) => known === column))
        problems.add('column-unknown', name, 1, `column "${column.slice(0, 40)}" is not known`)
    return places[0] !== -1 && places[1] !== -1
  }
  const meterOf = (row: CsvRow): Series | null => {
    const cell = places[0] ?? 0
    if (current && isText(row, cell, current.id)) return current
    const id = textAt(row, cell)
    let found = series.get(id)
    if (!found) {
      if (!wanted.has(id)) {
        problems.add('meter-unknown', name, row.line, `meter "${id.slice(0, 40)}"`)
        return null
      }
      // Meters of a file are much alike: the next one has as many rows as the longest.
      found = newSeries(id, longest)
      series.set(id, found)
    }
    current = found
    return found
  }
  const onRow = (row: CsvRow) => {
    line = row.line
    now = row
    const timeCell = places[1] ?? 0
    if (row.count !== width) {
      const what = `${row.count} cells, the header has ${width}`
      problems.add(row.count < width ? 'row-short' : 'row-long', name, row.line, what)
      if (timeCell >= row.count) return
    }
    timeAt(row.bytes, row.starts[timeCell] ?? 0, row.ends[timeCell] ?? 0, zone, time)
    const { at } = time
    if (Number.isNaN(at)) {
      problems.add('time-bad', name, row.line, `"${textAt(row, timeCell).slice(0, 40)}" is no time`)
      return
    }
    if (at < OLDEST) {
      problems.add('clock-far-off', name, row.line, `${textAt(row, timeCell)} is before there were such meters`)
      return
    }
    const day = Math.floor(at / 86_400_000)
    const ofDay = days.get(day) ?? { count: 0, first: at, last: at }
    if (ofDay.count === 0) days.set(day, ofDay)
    ofDay.count++
    if (at < ofDay.first) ofDay.first = at
    if (at > ofDay.last) ofDay.last = at
    if (at > until) return
    if (time.zoneless) problems.add('time-without-zone', name, row.line, textAt(row, timeCell).slice(0, 40))
    const of = meterOf(row)
    if (!of) return
    if (of.count === of.times.length) grow(of)
    const index = of.count++
    if (of.count > longest) longest = of.count
    of.times[index] = at
    of.lines[index] = row.line
    of.imp[index] = register(row, places[2] ?? -1)
    of.exp[index] = register(row, places[3] ?? -1)
    for (let place = 0; place < INSTANTS; place++) {
      const value = numberAt(row, places[place + 4] ?? -1, bad)
      let column = of.instants[place] ?? null
      if (!column) {
        if (Number.isNaN(value)) continue
        column = narrow(of.times.length)
        of.instants[place] = column
      }
      column[index] = value
    }
  }
  const register = (row: CsvRow, cell: number): number => {
    const value = numberAt(row, cell, bad)
    if (value >= 0 || Number.isNaN(value)) return value
    problems.add('register-negative', name, line, `${names[cell] ?? ''} is ${value}`)
    return Number.NaN
  }
  await readCsv(path, name, problems, onHeader, onRow)

  const [first, last] = extent(days)
  for (const one of series.values()) {
    trim(one, first, last, name, problems, zone)
    order(one, name, problems, zone)
    settle(one)
  }
  return { series, first, last }
}

/** Rows of one day of UTC. */
interface DayRows {
  count: number
  first: number
  last: number
}

/** Days that are so far from the rest are none of it. */
const FAR_DAYS = 45

/**
 * From when to when a file is about: single rows far before or after are of clocks that stand wrong. A day belongs to it when it has a
 * twentieth of the rows of the middle one, or lies beside one that has: the midnight that ends the last day may be the only row of its day.
 */
const extent = (days: ReadonlyMap<number, DayRows>): readonly [number, number] => {
  const counts = [...days.values()].map(({ count }) => count).toSorted((a, b) => a - b)
  const middle = counts[counts.length >> 1] ?? 0
  const full = [...days]
    .filter(([, { count }]) => count >= middle / 20)
    .map(([day]) => day)
    .toSorted((a, b) => a - b)
  let low = full.length >> 1
  let high = low
  while (low > 0 && (full[low] ?? 0) - (full[low - 1] ?? 0) <= FAR_DAYS) low--
  while (high < full.length - 1 && (full[high + 1] ?? 0) - (full[high] ?? 0) <= FAR_DAYS) high++
  const [from, to] = [(full[low] ?? Number.NaN) - 1, (full[high] ?? Number.NaN) + 1]
  const within = [...days].filter(([day]) => day >= from && day <= to).map(([, rows]) => rows)
  if (within.length === 0) return [Number.NaN, Number.NaN]
  return [Math.min(...within.map(({ first }) => first)), Math.max(...within.map(({ last }) => last))]
}

const trim = (of: Series, first: number, last: number, name: string, problems: ProblemList, zone: string): void => {
  let kept = 0
  for (let at = 0; at < of.count; at++) {
    const time = of.times[at] ?? 0
    if (time < first || time > last) {
      problems.add('clock-far-off', name, of.lines[at] ?? null, `${instantText(time, zone)} is far from the other rows`)
      continue
    }
    if (kept !== at) copy(of, at, kept)
    kept++
  }
  of.count = kept
}

const copy = (of: Series, from: number, to: number): void => {
  of.times[to] = of.times[from] ?? 0
  of.imp[to] = of.imp[from] ?? 0
  of.exp[to] = of.exp[from] ?? 0
  of.lines[to] = of.lines[from] ?? 0
  for (const column of of.instants) if (column) column[to] = column[from] ?? Number.NaN
}

/** By time, one row an instant. */
const order = (of: Series, name: string, problems: ProblemList, zone: string): void => {
  let isSorted = true
  let isOnce = true
  for (let at = 1; at < of.count; at++) {
    const [before, now] = [of.times[at - 1] ?? 0, of.times[at] ?? 0]
    if (now < before && isSorted) {
      isSorted = false
      problems.add(
        'rows-unsorted',
        name,
        of.lines[at] ?? null,
        `meter ${of.id}: ${instantText(now, zone)} after ${instantText(before, zone)}`,
      )
    }
    if (now === before) isOnce = false
  }
  if (isSorted && isOnce) return
  const { count, times, lines } = of
  const by = Uint32Array.from({ length: count }, (_, at) => at).sort(
    (a, b) => (times[a] ?? 0) - (times[b] ?? 0) || (lines[a] ?? 0) - (lines[b] ?? 0),
  )
  const sorted = <T extends Float64Array | Float32Array | Uint32Array>(from: T, to: T): T => {
    for (let at = 0; at < count; at++) to[at] = from[by[at] ?? 0] ?? Number.NaN
    return to
  }
  const room = times.length
  of.times = sorted(times, wide(room))
  of.imp = sorted(of.imp, wide(room))
  of.exp = sorted(of.exp, wide(room))
  of.lines = sorted(lines, new Uint32Array(room))
  for (const [place, column] of of.instants.entries()) if (column) of.instants[place] = sorted(column, narrow(room))
  dropDoubles(of, name, problems, zone)
}

const dropDoubles = (of: Series, name: string, problems: ProblemList, zone: string): void => {
  let kept = 0
  for (let at = 0; at < of.count; ) {
    let end = at + 1
    while (end < of.count && of.times[end] === of.times[at]) end++
    let best = at
    if (end - at > 1) {
      const before = kept > 0 ? (of.imp[kept - 1] ?? Number.NaN) : Number.NaN
      const after = end < of.count ? (of.imp[end] ?? Number.NaN) : Number.NaN
      const fits = (one: number) =>
        !((of.imp[one] ?? 0) < before) && !((of.imp[one] ?? 0) > after) && !Number.isNaN(of.imp[one] ?? Number.NaN)
      let isConflict = false
      for (let other = at + 1; other < end; other++) {
        const isSame = Object.is(of.imp[other], of.imp[at]) && Object.is(of.exp[other], of.exp[at])
        if (!isSame) isConflict = true
        const what = `meter ${of.id} at ${instantText(of.times[at] ?? 0, zone)}: also in line ${of.lines[at]}`
        problems.add(
          isSame ? 'row-duplicate' : 'row-conflict',
          name,
          of.lines[other] ?? null,
          isSame ? what : `${what}, with another register`,
        )
      }
      if (isConflict) {
        for (let one = at; one < end; one++)
          if (fits(one)) {
            best = one
            break
          }
      }
    }
    if (best !== kept) copy(of, best, kept)
    kept++
    at = end
  }
  of.count = kept
}

/** What was read, without the room that was left for more. */
const settle = (of: Series): void => {
  const { count } = of
  const isTight = of.times.length <= 1.25 * count
  const wider = (from: Float64Array): Float64Array => (isTight ? from.subarray(0, count) : copied(from.subarray(0, count), wide(count)))
  of.times = wider(of.times)
  of.imp = wider(of.imp)
  of.exp = wider(of.exp)
  of.lines = new Uint32Array(0)
  for (const [at, column] of of.instants.entries())
    if (column) of.instants[at] = isTight ? column.subarray(0, count) : copied(column.subarray(0, count), narrow(count))
}
