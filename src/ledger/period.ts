import type { PointState, Value } from './kinds.ts'
import { integer, integerOrNull, type Row, type Sql, text } from './sql.ts'
import { type Body, type Patched, stateAt } from './timeline.ts'
import type { LedgerWorld } from './types.ts'

/** A meter (电能表) at a point, as it was from `from` until `to`, milliseconds since 1970 UTC. `to` null = still so. */
export interface MeterFact {
  readonly meter: string
  readonly point: string
  /** '' = none. */
  readonly line: string
  readonly address: string
  readonly profile: string
  /** Ratios (变比) in force at the point, as written: `400/5`, `80`. */
  readonly ct: string
  readonly pt: string
  readonly timeoutMs: number | null
  readonly from: number
  readonly to: number | null
  /** Commissioning state of the point then. */
  readonly state: PointState
  /** Concentrator (集中器) it hangs on, that of its line where the line is one; '' = none. */
  readonly concentrator: string
  /** Number under which its concentrator keeps its values (测量点号); null or absent = none. */
  readonly measuringPoint?: number | null
  /** Place in the concentrator's archive (装置序号). */
  readonly archiveNumber?: number | null
  /** Port of the concentrator: 31 = power line carrier. */
  readonly port?: number | null
  /** Collector (采集器) in between; '' or absent = none. */
  readonly collector?: string
}

/** What of a meter and of its point makes a {@link MeterFact}. */
export const METER_PARTS = [
  ...(['point', 'line', 'address', 'profile', 'timeoutMs', 'concentrator'] as const),
  ...(['measuringPoint', 'archiveNumber', 'port', 'collector'] as const),
] as const
export const POINT_PARTS = ['ct', 'pt', 'state'] as const

const word = (value: Value | undefined): string => (value === null || value === undefined ? '' : String(value))
const whole = (value: Value | undefined): number | null => (typeof value === 'number' ? value : null)
const isState = (value: string): value is PointState => ['planned', 'installed', 'trial', 'in-service', 'archived'].includes(value)
/** A point that says nothing of itself is in service. */
export const pointState = (body: Body): PointState => {
  const state = word(body.state)
  return isState(state) ? state : 'in-service'
}

/**
 * The periods of one meter: its own facts, split where the ratios or the state of its point change. Before its first fact a point is
 * taken as it was then: a ratio that nobody wrote down yet is not 1.
 */
export const periodsOf = (meter: string, rows: readonly Patched[], pointRows: (point: string) => readonly Patched[]): MeterFact[] => {
  const periods: MeterFact[] = []
  for (const [at, { from }] of rows.entries()) {
    const own = stateAt(rows, from)
    const point = word(own.point)
    const to = rows[at + 1]?.from ?? null
    if (point === '') continue
    const around = pointRows(point)
    const first = around[0]?.from ?? 0
    const cuts = [
      from,
      ...around.flatMap((row) => (row.from > from && row.from > first && (to === null || row.from < to) ? [row.from] : [])),
    ]
    for (const [piece, start] of cuts.entries()) {
      const there = stateAt(around, Math.max(start, first))
      add(periods, {
        ...{ meter, point, line: word(own.line), address: word(own.address), profile: word(own.profile) },
        ...{ ct: word(there.ct) || '1', pt: word(there.pt) || '1', state: pointState(there), concentrator: word(own.concentrator) },
        timeoutMs: whole(own.timeoutMs),
        ...{ measuringPoint: whole(own.measuringPoint), archiveNumber: whole(own.archiveNumber), port: whole(own.port) },
        collector: word(own.collector),
        from: start,
        to: cuts[piece + 1] ?? to,
      })
    }
  }
  return periods
}

/** Neighbours that say the same are one. */
const add = (periods: MeterFact[], next: MeterFact): void => {
  const last = periods.at(-1)
  if (last && last.to === next.from && isSame(last, next)) periods[periods.length - 1] = { ...last, to: next.to }
  else periods.push(next)
}

const SAME = [...METER_PARTS, ...POINT_PARTS] as const
const isSame = (a: MeterFact, b: MeterFact): boolean => SAME.every((name) => a[name] === b[name])

/** What writing periods has to ask. */
export interface PeriodWorld {
  readonly world: LedgerWorld | null
  /** Protocol of the concentrator with this id; '' = it has none, null = there is no such concentrator. */
  readonly concentratorOf: (line: string) => string | null
}

/** The form in which two addresses on a line can be compared. */
export const addressKey = (
  { address, profile, line }: Pick<MeterFact, 'address' | 'profile' | 'line'>,
  { world, concentratorOf }: PeriodWorld,
): string => {
  if (!world || address === '' || line === '' || profile === '') return address
  const protocol = world.isChannel(line) ? null : concentratorOf(line)
  const checked = protocol === null ? world.addressOf(address, profile, line) : world.addressBehind(address, profile, protocol)
  return checked.ok ? checked.value : address
}

/** The line of a meter: one that hangs on a concentrator and names no line is read through that. */
export const lineOf = (line: string, concentrator: string, concentratorOf: PeriodWorld['concentratorOf']): string =>
  line === '' && concentrator !== '' && concentratorOf(concentrator) ? concentrator : line

export const writePeriods = (sql: Sql, meter: string, periods: readonly MeterFact[], isNew: boolean, around: PeriodWorld): void => {
  if (!isNew) sql.run('DELETE FROM period WHERE meter = ?', meter)
  for (const given of periods) {
    const fact = { ...given, line: lineOf(given.line, given.concentrator, around.concentratorOf) }
    const isBehind = fact.concentrator === '' && fact.line !== '' && around.concentratorOf(fact.line) !== null
    sql.run(
      'INSERT INTO period VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
      ...[fact.meter, fact.from, fact.to, fact.point, fact.line, fact.address, addressKey(fact, around), fact.profile, fact.ct, fact.pt],
      ...[fact.timeoutMs, fact.state, isBehind ? fact.line : fact.concentrator],
      ...[fact.measuringPoint ?? null, fact.archiveNumber ?? null, fact.port ?? null, fact.collector ?? ''],
    )
  }
}

/** Columns of a period as one value: of many rows that is several times quicker to take over than each column of its own. */
export const FACT_LIST =
  'json_array(meter, point, line, address, profile, ct, pt, timeout_ms, valid_from, valid_to, state, concentrator, pn, archive_number, port, collector)'

/** @param json  a {@link FACT_LIST} */
export const factOfList = (json: string): MeterFact => {
  const list: readonly (string | number | null)[] = JSON.parse(json)
  const state = word(list[10])
  return {
    meter: word(list[0]),
    point: word(list[1]),
    line: word(list[2]),
    address: word(list[3]),
    profile: word(list[4]),
    ct: word(list[5]),
    pt: word(list[6]),
    timeoutMs: whole(list[7]),
    from: whole(list[8]) ?? 0,
    to: whole(list[9]),
    state: isState(state) ? state : 'in-service',
    concentrator: word(list[11]),
    measuringPoint: whole(list[12]),
    archiveNumber: whole(list[13]),
    port: whole(list[14]),
    collector: word(list[15]),
  }
}

export const factOf = (row: Row): MeterFact => {
  const state = text(row, 'state')
  return {
    ...{ meter: text(row, 'meter'), point: text(row, 'point'), line: text(row, 'line'), address: text(row, 'address') },
    ...{ profile: text(row, 'profile'), ct: text(row, 'ct'), pt: text(row, 'pt'), concentrator: text(row, 'concentrator') },
    timeoutMs: integerOrNull(row, 'timeout_ms'),
    ...{ measuringPoint: integerOrNull(row, 'pn'), archiveNumber: integerOrNull(row, 'archive_number') },
    ...{ port: integerOrNull(row, 'port'), collector: text(row, 'collector') },
    from: integer(row, 'valid_from'),
    to: integerOrNull(row, 'valid_to'),
    state: isState(state) ? state : 'in-service',
  }
}
