import { compare, decimalText, fullObis, multiply, parseDecimal, subtract } from '../core/index.ts'
import { rowsOf } from './draft.ts'
import { factOf, type MeterFact } from './period.ts'
import { type Problems, shown } from './problems.ts'
import { integer, integerOrNull, type Row, type Sql, text, textOrNull } from './sql.ts'
import { stateAt } from './timeline.ts'
import type { Exchange, ExchangeDraft, Patch } from './types.ts'
import { checkValue, dateText, isRatio } from './value.ts'

/** Up to the larger of the two a register may differ from what the gateway proposes without a reason. */
export const TOLERANCE = { kwh: '1', percent: '0.5' } as const

const MAIN = '1-0:1.8.0'
type Registers = Readonly<Record<string, string>>

/** An exchange, checked: what it makes of the facts, and its row. */
export interface PreparedExchange {
  readonly patches: readonly Patch[]
  readonly row: Omit<Exchange, 'id' | 'change' | 'acknowledged' | 'undoneBy'>
}

/** Works out what an exchange changes. Everything that cannot be so is a problem. @param now  an exchange has happened */
export const prepareExchange = (sql: Sql, draft: ExchangeDraft, now: number, problems: Problems): PreparedExchange => {
  const place = `exchange at ${draft.point}`
  checkPersons(draft, place, problems)
  if (draft.at > now) problems.add('LEDGER_FUTURE', place, `${dateText(draft.at)} is still to come; it is ${dateText(now)}`)
  const isMeter = draft.kind === 'meter'
  const end = registersOf(draft.end, 'end', place, problems)
  const start = isMeter || Object.keys(draft.start).length > 0 ? registersOf(draft.start, 'start', place, problems) : end
  const proposed = { end: proposalOf(draft.proposed.end), start: proposalOf(draft.proposed.start) }
  const deviation = draft.deviation?.trim() || null
  const differing = [...deviations('end', end, proposed.end, draft), ...deviations('start', start, proposed.start, draft)]
  if (deviation === null) for (const message of differing) problems.add('LEDGER_DEVIATION', place, message)
  const rest = { point: draft.point, at: draft.at, end, start, proposed, by: draft.by, reason: draft.reason.trim(), deviation }
  if (isMeter) {
    const { patches, oldMeter, newMeter } = exchangeMeter(sql, draft, place, problems)
    return { patches, row: { ...rest, kind: draft.kind, oldMeter, newMeter, oldRatio: null, newRatio: null } }
  }
  const { patches, oldRatio, newRatio } = exchangeRatio(sql, draft, draft.kind, place, problems)
  return { patches, row: { ...rest, kind: draft.kind, oldMeter: null, newMeter: null, oldRatio, newRatio } }
}

const checkPersons = ({ by, reason }: ExchangeDraft, place: string, problems: Problems): void => {
  const [one, other] = by.map((name) => name.trim())
  if (!one || !other || one.toLowerCase() === other.toLowerCase())
    problems.add('LEDGER_PERSONS', place, `the persons are ${shown(by[0])} and ${shown(by[1])}`)
  if (reason.trim() === '') problems.add('LEDGER_VALUE', place, 'the reason is empty')
}

/** Registers under full codes, every one checked. */
const registersOf = (given: Registers, which: string, place: string, problems: Problems): Registers => {
  const registers: Record<string, string> = {}
  for (const [code, value] of Object.entries(given)) {
    const obis = fullObis(code.trim())
    const checked = checkValue({ type: 'decimal', label: { en: '', zh: '' } }, value.trim())
    if (obis === null) problems.add('LEDGER_REGISTERS', place, `${which}: ${shown(code)} is no OBIS code`)
    else if (!checked.ok || value.trim().startsWith('-'))
      problems.add('LEDGER_REGISTERS', place, `${which} register ${code} is ${shown(value)}; allowed: a decimal number, 0 or above`)
    else registers[obis] = value.trim()
  }
  if (registers[MAIN] === undefined && !Object.keys(given).some((code) => fullObis(code) === MAIN))
    problems.add('LEDGER_REGISTERS', place, `the ${which} register 1.8.0 is missing`)
  return registers
}

const proposalOf = (given: Registers | null): Registers | null =>
  given && Object.fromEntries(Object.entries(given).flatMap(([code, value]) => (fullObis(code) ? [[fullObis(code), value]] : [])))

/** Registers further from the proposal than the tolerance, as sentences. */
const deviations = (
  which: 'end' | 'start',
  given: Registers,
  proposed: Registers | null,
  { tolerance = TOLERANCE }: ExchangeDraft,
): string[] =>
  Object.entries(given).flatMap(([code, value]) => {
    const [a, b] = [parseDecimal(value), parseDecimal(proposed?.[code] ?? '')]
    const [kwh, percent] = [parseDecimal(tolerance.kwh), parseDecimal(tolerance.percent)]
    if (!a || !b || !kwh || !percent) return []
    const apart = compare(a, b) < 0 ? subtract(b, a) : subtract(a, b)
    const share = multiply(b, { raw: percent.raw, scaler: percent.scaler - 2 })
    if (compare(apart, kwh) <= 0 || compare(apart, share) <= 0) return []
    return [
      `the ${which} register ${code} is ${value}, the gateway's reading says ${proposed?.[code]}: ${decimalText(apart.raw, apart.scaler)} apart, allowed without a reason are ${tolerance.kwh} or ${tolerance.percent} %`,
    ]
  })

/** The meter at a point at an instant, installed before it. */
export const meterAt = (sql: Sql, point: string, at: number): MeterFact | null => {
  const row = sql.get(
    "SELECT * FROM period WHERE point = ? AND valid_from < ? AND (valid_to IS NULL OR valid_to >= ?) AND state <> 'archived' ORDER BY valid_from DESC LIMIT 1",
    ...[point, at, at],
  )
  return row ? factOf(row) : null
}

const exchangeMeter = (sql: Sql, { point, at, meter }: ExchangeDraft, place: string, problems: Problems) => {
  const old = meterAt(sql, point, at)
  if (!old) {
    const first = sql.get('SELECT * FROM period WHERE point = ? ORDER BY valid_from LIMIT 1', point)
    const against = first ? `ledger: meter ${text(first, 'meter')} since ${dateText(integer(first, 'valid_from'))}` : null
    problems.add(
      'LEDGER_EXCHANGE',
      place,
      first
        ? `at ${dateText(at)} no meter hung there: meter ${text(first, 'meter')} hangs there since ${dateText(integer(first, 'valid_from'))} (${against})`
        : `point ${shown(point)} never had a meter`,
      against,
    )
  }
  if (!meter) {
    problems.add('LEDGER_EXCHANGE', place, 'the new meter is missing')
    return { patches: [], oldMeter: old?.meter ?? null, newMeter: null }
  }
  if (old && meter.id === old.meter) problems.add('LEDGER_EXCHANGE', place, `the new meter ${meter.id} is the old one`)
  const known = stateAt(rowsOf(sql, 'meter', meter.id), at)
  if (typeof known.point === 'string' && old?.meter !== meter.id)
    problems.add('LEDGER_EXCHANGE', place, `the new meter ${meter.id} hangs at point ${known.point} then`, `ledger: meter ${meter.id}`)
  const likeOld = Object.fromEntries(
    (['line', 'profile', 'concentrator'] as const).flatMap((name) =>
      old && old[name] !== '' && (known[name] ?? null) === null ? [[name, old[name]]] : [],
    ),
  )
  const patches: Patch[] = [{ kind: 'meter', id: meter.id, from: at, set: { ...likeOld, ...meter.set, point }, place }]
  if (old) patches.unshift({ kind: 'meter', id: old.meter, from: at, set: { point: null }, place })
  return { patches, oldMeter: old?.meter ?? null, newMeter: meter.id }
}

const exchangeRatio = (sql: Sql, { point, at, ratio }: ExchangeDraft, kind: 'ct' | 'pt', place: string, problems: Problems) => {
  const rows = rowsOf(sql, 'point', point)
  const first = rows[0]
  if (!first) problems.add('LEDGER_EXCHANGE', place, `there is no point ${shown(point)}`)
  else if (first.from > at) {
    const against = `ledger: point ${point} since ${dateText(first.from)}`
    problems.add('LEDGER_EXCHANGE', place, `at ${dateText(at)} there was no point ${point} yet (${against})`, against)
  }
  const before = stateAt(rows, at)[kind]
  const oldRatio = typeof before === 'string' ? before : '1'
  if (ratio === null || !isRatio(ratio)) {
    problems.add('LEDGER_VALUE', place, `the new ratio is ${shown(ratio)}; allowed: a ratio above 0: 400/5 or 80`)
    return { patches: [], oldRatio, newRatio: ratio }
  }
  return { patches: [{ kind: 'point', id: point, from: at, set: { [kind]: ratio }, place }] satisfies Patch[], oldRatio, newRatio: ratio }
}

export const insertExchange = (sql: Sql, { row }: PreparedExchange, change: number): number => {
  sql.run(
    `INSERT INTO exchange (kind, point, at, old_meter, new_meter, old_ratio, new_ratio, end_registers, start_registers, proposed_end,
      proposed_start, first_person, second_person, reason, deviation, change) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    ...[row.kind, row.point, row.at, row.oldMeter, row.newMeter, row.oldRatio, row.newRatio, JSON.stringify(row.end)],
    ...[
      JSON.stringify(row.start),
      row.proposed.end && JSON.stringify(row.proposed.end),
      row.proposed.start && JSON.stringify(row.proposed.start),
    ],
    ...[row.by[0].trim(), row.by[1].trim(), row.reason, row.deviation, change],
  )
  return integer(sql.get('SELECT last_insert_rowid() AS id') ?? {}, 'id')
}

const EXCHANGE = `SELECT e.*, (SELECT c.undone_by FROM change c WHERE c.seq = e.change) AS undone_by,
  EXISTS (SELECT 1 FROM change c WHERE c.seq = e.acknowledged_change AND c.undone_by IS NOT NULL) AS unsaid FROM exchange e`

export const exchangeOf = (sql: Sql, id: number): Exchange | null => {
  const row = sql.get(`${EXCHANGE} WHERE e.id = ?`, id)
  return row ? exchangeRow(row) : null
}

export interface ExchangeFilter {
  readonly point?: string
  readonly unacknowledged?: boolean
  readonly after?: number
  readonly limit: number
}

/** Exchanges by number; of the unacknowledged ones those that were taken back are none. */
export const exchangesOf = (sql: Sql, { point, unacknowledged = false, after = 0, limit }: ExchangeFilter): readonly Exchange[] =>
  sql
    .all(
      `SELECT * FROM (${EXCHANGE}) WHERE id > ?${point === undefined ? '' : ' AND point = ?'}${
        unacknowledged ? ' AND undone_by IS NULL AND (acknowledged_by IS NULL OR unsaid)' : ''
      } ORDER BY id LIMIT ?`,
      ...[after, ...(point === undefined ? [] : [point]), limit],
    )
    .map(exchangeRow)

/** Exchanges are never deleted: one that was taken back keeps its number. */
export const newestExchangeOf = (sql: Sql): number => integer(sql.get('SELECT ifnull(max(id), 0) AS newest FROM exchange') ?? {}, 'newest')

const exchangeRow = (row: Row): Exchange => {
  const kind = text(row, 'kind')
  const registers = (column: string): Registers | null => (row[column] === null ? null : JSON.parse(text(row, column)))
  return {
    id: integer(row, 'id'),
    kind: kind === 'ct' || kind === 'pt' ? kind : 'meter',
    ...{
      point: text(row, 'point'),
      at: integer(row, 'at'),
      oldMeter: textOrNull(row, 'old_meter'),
      newMeter: textOrNull(row, 'new_meter'),
    },
    ...{ oldRatio: textOrNull(row, 'old_ratio'), newRatio: textOrNull(row, 'new_ratio') },
    end: registers('end_registers') ?? {},
    start: registers('start_registers') ?? {},
    proposed: { end: registers('proposed_end'), start: registers('proposed_start') },
    by: [text(row, 'first_person'), text(row, 'second_person')],
    ...{ reason: text(row, 'reason'), deviation: textOrNull(row, 'deviation'), change: integer(row, 'change') },
    acknowledged:
      row.acknowledged_by === null || integer(row, 'unsaid') === 1
        ? null
        : { by: text(row, 'acknowledged_by'), at: integer(row, 'acknowledged_at'), note: text(row, 'acknowledged_note') },
    undoneBy: integerOrNull(row, 'undone_by'),
  }
}
