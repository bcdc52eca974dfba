import type { Touched } from './draft.ts'
import { ATTRIBUTES, type Kind, type Value } from './kinds.ts'
import { lineOf, pointState } from './period.ts'
import { type Problems, shown } from './problems.ts'
import { integer, integerOrNull, type Row, type Sql, text } from './sql.ts'
import { stateAt, stateOf } from './timeline.ts'
import type { ActKind, LedgerWorld } from './types.ts'
import { dateText } from './value.ts'
import { protocolOf } from './write.ts'

export interface Outcome {
  readonly sql: Sql
  readonly touched: readonly Touched[]
  readonly what: ActKind
  readonly world: LedgerWorld | null
  readonly problems: Problems
}

/** Acts that may take over points as they are found, in service without a check-list. */
const TAKES_OVER: ReadonlySet<ActKind> = new Set<ActKind>(['import', 'file', 'undo'])

/** Names everything in the written, not yet committed outcome that cannot be so. The table `touched_meter` names the meters to look at. */
export const judge = (outcome: Outcome): void => {
  judgeEach(outcome)
  judgeVanished(outcome)
  const places = new Map<string, string>()
  for (const { kind, id, place } of outcome.touched) if (kind === 'meter') places.set(id, place)
  judgeShared(outcome, places, POINT_SHARED)
  judgeShared(outcome, places, ADDRESS_SHARED)
  judgeShared(outcome, places, NUMBER_SHARED.pn)
  judgeShared(outcome, places, NUMBER_SHARED.archive_number)
  judgeTerminals(outcome)
}

const judgeEach = ({ sql, touched, what, world, problems }: Outcome): void => {
  const exists = new Map<string, boolean>()
  const isThere = (kind: Kind, id: string): boolean => {
    const key = `${kind} ${id}`
    let found = exists.get(key)
    if (found === undefined) {
      found =
        (kind === 'channel' && (world === null || world.isChannel(id) || isThere('concentrator', id))) ||
        sql.get('SELECT 1 FROM entity WHERE kind = ? AND id = ?', kind, id) !== undefined
      exists.set(key, found)
    }
    return found
  }
  for (const one of touched) {
    const { kind, id, after, names, place } = one
    if (after.length === 0) continue
    const state = stateOf(after)
    for (const [name, { required }] of Object.entries(ATTRIBUTES[kind])) {
      if (required && (state[name] ?? null) === null && !problems.refused.has(`${kind} ${id} ${name}`))
        problems.add(
          'LEDGER_REQUIRED',
          place,
          `${kind} ${id} has no ${name}${what === 'undo' ? ': later changes build on what is taken back' : ''}`,
        )
    }
    for (const name of names) {
      const refers = ATTRIBUTES[kind][name]?.refers
      if (!refers) continue
      for (const value of valuesOf(one, name)) {
        if (!isThere(refers, value))
          problems.add('LEDGER_REFERENCE', place, `${kind} ${id}: ${name} is ${shown(value)}, which is no ${refers}`)
        if (refers === kind) checkCircle(sql, one, name, problems)
      }
    }
    if (kind === 'meter') checkMeter(one, sql, world, problems)
    if (kind === 'concentrator') checkConcentrator(one, sql, world, problems)
    if (kind === 'point' && names.has('state')) checkState(one, what, problems)
  }
}

const valuesOf = ({ after }: Touched, name: string): Set<string> => {
  const values = new Set<string>()
  for (const { body } of after) {
    const value = body[name]
    if (typeof value === 'string') values.add(value)
  }
  return values
}

/** A zone within itself, however far round. */
const checkCircle = (sql: Sql, { kind, id, after, place }: Touched, name: string, problems: Problems): void => {
  const path = [id]
  let next: Value | undefined = stateOf(after)[name]
  while (typeof next === 'string' && path.length < 100) {
    if (next === id) {
      problems.add('LEDGER_CIRCLE', place, `${kind} ${[...path, id].join(' in ')}`)
      return
    }
    path.push(next)
    const row = sql.get('SELECT body FROM entity WHERE kind = ? AND id = ?', kind, next)
    next = row ? bodyValue(row, name) : undefined
  }
}

const bodyValue = (row: Row, name: string): Value | undefined => {
  const body: unknown = JSON.parse(text(row, 'body'))
  if (typeof body !== 'object' || body === null || !(name in body)) return undefined
  const value: unknown = Object.entries(body).find(([key]) => key === name)?.[1]
  return typeof value === 'string' ? value : null
}

/** Address, profile and place of a meter, where this change says anything about them. */
const checkMeter = ({ id, after, names, place }: Touched, sql: Sql, world: LedgerWorld | null, problems: Problems): void => {
  if (!world || !ADDRESSED.some((name) => names.has(name))) return
  const said = new Set<string>()
  for (const { from, body } of after) {
    if (!ADDRESSED.some((name) => name in body)) continue
    const { address, profile, measuringPoint, archiveNumber, ...state } = stateAt(after, from)
    const [own, behind] = [state.line, state.concentrator].map((value) => (typeof value === 'string' ? value : ''))
    const line = lineOf(own ?? '', behind ?? '', (id) => protocolOf(sql, id)) || null
    for (const [name, number] of Object.entries({ measuringPoint, archiveNumber }))
      if (typeof number === 'number' && (number < 1 || number > MOST_METERS) && !said.has(`${name} ${number}`)) {
        said.add(`${name} ${number}`)
        problems.add('LEDGER_PLACE', place, `meter ${id}: ${name} is ${number}; a concentrator numbers its meters from 1 to ${MOST_METERS}`)
      }
    if (typeof profile !== 'string' || typeof line !== 'string' || typeof address !== 'string') continue
    const key = `${address} ${profile} ${line}`
    const protocol = world.isChannel(line) ? null : protocolOf(sql, line)
    if (said.has(key) || (protocol === null && !world.isChannel(line))) continue
    said.add(key)
    if (!world.isProfile(profile)) problems.add('LEDGER_VALUE', place, `meter ${id}: profile is ${shown(profile)}, which is no meter model`)
    else if (protocol === '')
      problems.add('LEDGER_TERMINAL', place, `meter ${id}: line is concentrator ${line}, of which nobody knows what protocol it speaks`)
    else {
      const checked = protocol === null ? world.addressOf(address, profile, line) : world.addressBehind(address, profile, protocol)
      if (!checked.ok) problems.add('LEDGER_ADDRESS', place, `meter ${id}: address is ${shown(address)}; ${checked.problem}`)
    }
  }
}

const ADDRESSED = ['address', 'profile', 'line', 'concentrator', 'measuringPoint', 'archiveNumber'] as const
/** Measuring points and archive numbers of one concentrator. @source Q/GDW 1376.1-2013, 5.5 (F10) */
const MOST_METERS = 2040
const FRAME_LIMITS = { least: 64, most: 16_383 } as const
const MOST_AT_ONCE = 16
const LONGEST_HEARTBEAT_MINUTES = 1440

/** What a concentrator needs before it can be spoken with, and numbers nobody could keep. */
const checkConcentrator = ({ id, after, names, place }: Touched, sql: Sql, world: LedgerWorld | null, problems: Problems): void => {
  const { address, protocol, frameLimit, window, heartbeatMinutes } = stateOf(after)
  const within = (name: string, value: Value | undefined, least: number, most: number): void => {
    if (typeof value === 'number' && names.has(name) && (value < least || value > most))
      problems.add('LEDGER_VALUE', place, `concentrator ${id}: ${name} is ${value}; allowed: ${least} to ${most}`)
  }
  within('frameLimit', frameLimit, FRAME_LIMITS.least, FRAME_LIMITS.most)
  within('window', window, 1, MOST_AT_ONCE)
  within('heartbeatMinutes', heartbeatMinutes, 1, LONGEST_HEARTBEAT_MINUTES)
  if (!world || !(names.has('address') || names.has('protocol'))) return
  if (typeof protocol === 'string' && world.isChannel(id))
    problems.add(
      'LEDGER_TERMINAL',
      place,
      `concentrator ${id} has the name of a line or broker of gateway.yaml: meters name either by its id`,
    )
  if (typeof address === 'string' && typeof protocol === 'string') {
    const checked = world.terminalAddress(address, protocol)
    if (!checked.ok) problems.add('LEDGER_ADDRESS', place, `concentrator ${id}: address is ${shown(address)}; ${checked.problem}`)
  }
  if (!names.has('protocol') || typeof protocol !== 'string') return
  // Meters that hang there already must be such as can be read through it.
  for (const row of sql.all(
    'SELECT profile, min(meter) AS meter, min(address) AS address FROM period WHERE line = ? AND valid_to IS NULL GROUP BY profile',
    id,
  )) {
    const checked = world.addressBehind(text(row, 'address'), text(row, 'profile'), protocol)
    if (!checked.ok)
      problems.add('LEDGER_ADDRESS', place, `concentrator ${id}: meter ${text(row, 'meter')} hangs there; ${checked.problem}`)
  }
}

/** Two concentrators that would answer to one address. */
const judgeTerminals = ({ sql, touched, world, problems }: Outcome): void => {
  const changed = touched.filter(
    ({ kind, after, names }) => kind === 'concentrator' && after.length > 0 && (names.has('address') || names.has('protocol')),
  )
  if (changed.length === 0 || !world) return
  const byAddress = new Map<string, string[]>()
  for (const row of sql.all(
    "SELECT id, json_extract(body, '$.address') AS address, json_extract(body, '$.protocol') AS protocol FROM entity WHERE kind = 'concentrator'",
  )) {
    const { address, protocol } = row
    if (typeof address !== 'string' || typeof protocol !== 'string') continue
    const checked = world.terminalAddress(address, protocol)
    const key = `${protocol} ${checked.ok ? checked.value : address}`
    byAddress.set(key, [...(byAddress.get(key) ?? []), text(row, 'id')])
  }
  const said = new Set<string>()
  for (const ids of byAddress.values()) {
    const mine = ids.length > 1 ? changed.find(({ id }) => ids.includes(id) && !said.has(id)) : undefined
    if (!mine) continue
    for (const id of ids) said.add(id)
    const other = ids.find((id) => id !== mine.id) ?? ''
    problems.add(
      'LEDGER_ADDRESS_TAKEN',
      mine.place,
      `concentrator ${mine.id} would have the address of concentrator ${other}`,
      `concentrator ${other}`,
    )
  }
}

/** In service means energised with a start register; a person's edit alone does not make it so. */
const checkState = ({ id, before, after, place }: Touched, what: ActKind, problems: Problems): void => {
  if (TAKES_OVER.has(what)) return
  const [was, is] = [stateOf(before), stateOf(after)]
  if (is.state !== 'in-service' || (before.length > 0 && pointState(was) === 'in-service')) return
  if (what !== 'state') {
    problems.add(
      'LEDGER_STATE',
      place,
      `point ${id} cannot be set in service by ${what === 'edit' ? 'an edit' : what}: it needs its check-list`,
    )
    return
  }
  for (const name of ['energisedOn', 'startRegister'])
    if ((is[name] ?? null) === null) problems.add('LEDGER_STATE', place, `point ${id} cannot go in service without ${name}`)
}

/** What is no more must not be referred to. */
const judgeVanished = ({ sql, touched, problems }: Outcome): void => {
  const gone = touched.filter(({ after }) => after.length === 0)
  if (gone.length === 0) return
  sql.database.exec('CREATE TEMP TABLE IF NOT EXISTS gone (kind TEXT, id TEXT, PRIMARY KEY (kind, id)); DELETE FROM gone')
  for (const { kind, id } of gone) sql.run('INSERT OR IGNORE INTO gone VALUES (?, ?)', kind, id)
  const kinds = new Set(gone.map(({ kind }) => kind))
  for (const [kind, attributes] of Object.entries(ATTRIBUTES))
    for (const [name, { refers }] of Object.entries(attributes)) {
      if (!refers || !kinds.has(refers)) continue
      const value = `json_extract(body, '$.${name}')`
      for (const row of sql.all(
        `SELECT id, since, ${value} AS value FROM fact WHERE kind = ? AND until IS NULL AND ${value} IN (SELECT id FROM gone WHERE kind = ?)`,
        kind,
        refers,
      )) {
        const against = `change ${integer(row, 'since')}`
        const message = `${refers} ${text(row, 'value')} would be gone, and ${kind} ${text(row, 'id')} refers to it since change ${integer(row, 'since')}`
        problems.add('LEDGER_BUILT_ON', `${refers} ${text(row, 'value')}`, message, against)
      }
    }
}

interface Shared {
  readonly code: 'LEDGER_POINT_TAKEN' | 'LEDGER_ADDRESS_TAKEN' | 'LEDGER_PLACE'
  /** Keys that more than one touched or untouched meter has, at whatever time. */
  readonly candidates: string
  readonly periods: string
  says(row: Row): string
}

const POINT_SHARED: Shared = {
  code: 'LEDGER_POINT_TAKEN',
  candidates: `SELECT point AS a, '' AS b FROM period WHERE state <> 'archived' AND point IN (
    SELECT point FROM period WHERE meter IN (SELECT id FROM touched_meter)) GROUP BY point HAVING count(DISTINCT meter) > 1`,
  periods: `SELECT *, '' AS unused FROM period WHERE point = ? AND state <> 'archived' AND ? = '' ORDER BY valid_from, meter`,
  says: (row) => `at point ${text(row, 'point')}`,
}

const ADDRESS_SHARED: Shared = {
  code: 'LEDGER_ADDRESS_TAKEN',
  candidates: `SELECT line AS a, address_key AS b FROM period WHERE state <> 'archived' AND line <> '' AND address_key <> '' AND (line, address_key) IN (
    SELECT line, address_key FROM period WHERE meter IN (SELECT id FROM touched_meter)) GROUP BY line, address_key HAVING count(DISTINCT meter) > 1`,
  periods: `SELECT * FROM period WHERE line = ? AND address_key = ? AND state <> 'archived' ORDER BY valid_from, meter`,
  says: (row) => `with address ${text(row, 'address')} on line ${text(row, 'line')}`,
}

/** @param column  a number that is given once in each concentrator */
const numberShared = (column: 'pn' | 'archive_number', words: string): Shared => ({
  code: 'LEDGER_PLACE',
  candidates: `SELECT line AS a, CAST(${column} AS TEXT) AS b FROM period WHERE state <> 'archived' AND ${column} IS NOT NULL AND (line, ${column}) IN (
    SELECT line, ${column} FROM period WHERE meter IN (SELECT id FROM touched_meter)) GROUP BY line, ${column} HAVING count(DISTINCT meter) > 1`,
  periods: `SELECT * FROM period WHERE line = ? AND ${column} = CAST(? AS INTEGER) AND state <> 'archived' ORDER BY valid_from, meter`,
  says: (row) => `${words} ${integer(row, column)} of concentrator ${text(row, 'line')}`,
})

const NUMBER_SHARED = {
  pn: numberShared('pn', 'measuring point'),
  archive_number: numberShared('archive_number', 'archive number'),
} as const

/** Two meters where only one can be, at overlapping times. */
const judgeShared = ({ sql, problems }: Outcome, places: ReadonlyMap<string, string>, shared: Shared): void => {
  for (const candidate of sql.all(shared.candidates)) {
    let longest: Row | null = null
    // Two meters that meet in several periods are one problem.
    const said = new Set<string>()
    for (const row of sql.all(shared.periods, text(candidate, 'a'), text(candidate, 'b'))) {
      const end = longest && (integerOrNull(longest, 'valid_to') ?? Number.POSITIVE_INFINITY)
      if (longest && end !== null && integer(row, 'valid_from') < end && text(longest, 'meter') !== text(row, 'meter')) {
        // The written one is named first, what was there already second.
        const [one, other] = places.has(text(row, 'meter')) ? [row, longest] : [longest, row]
        const pair = `${text(one, 'meter')} ${text(other, 'meter')}`
        if (!said.has(pair) && (places.has(text(one, 'meter')) || places.has(text(other, 'meter'))))
          sayShared(one, other, places, shared, problems)
        said.add(pair)
      }
      if (end === null || (integerOrNull(row, 'valid_to') ?? Number.POSITIVE_INFINITY) > end) longest = row
    }
  }
}

const sayShared = (one: Row, other: Row, places: ReadonlyMap<string, string>, { code, says }: Shared, problems: Problems): void => {
  const [meter, rival] = [text(one, 'meter'), text(other, 'meter')]
  const to = integerOrNull(other, 'valid_to')
  const during = `since ${dateText(integer(other, 'valid_from'))}${to === null ? '' : ` until ${dateText(to)}`}`
  const written = places.get(rival)
  const [against, there] =
    written === undefined
      ? [`ledger: meter ${rival} ${during}`, `where the ledger has meter ${rival} ${during}`]
      : [written, written === `meter ${rival}` ? `where meter ${rival} is ${during}` : `where ${written} has meter ${rival} ${during}`]
  const message = `meter ${meter} would be ${says(one)} since ${dateText(integer(one, 'valid_from'))}, ${there}`
  problems.add(code, places.get(meter) ?? `meter ${meter}`, message, against)
}
