import type { Touched } from './draft.ts'
import { ATTRIBUTES, type Kind, type Value } from './kinds.ts'
import { pointState } from './period.ts'
import { type Problems, shown } from './problems.ts'
import { integer, integerOrNull, type Row, type Sql, text } from './sql.ts'
import { stateAt, stateOf } from './timeline.ts'
import type { ActKind, LedgerWorld } from './types.ts'
import { dateText } from './value.ts'

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
}

const judgeEach = ({ sql, touched, what, world, problems }: Outcome): void => {
  const exists = new Map<string, boolean>()
  const isThere = (kind: Kind, id: string): boolean => {
    const key = `${kind} ${id}`
    let found = exists.get(key)
    if (found === undefined) {
      found =
        (kind === 'channel' && (world === null || world.isChannel(id))) ||
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
    if (kind === 'meter') checkMeter(one, world, problems)
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

/** Address and profile of a meter, where this change says anything about them. */
const checkMeter = ({ id, after, names, place }: Touched, world: LedgerWorld | null, problems: Problems): void => {
  if (!world || !(names.has('address') || names.has('profile') || names.has('line'))) return
  const said = new Set<string>()
  for (const { from, body } of after) {
    if (!('address' in body || 'profile' in body || 'line' in body)) continue
    const { address, profile, line } = stateAt(after, from)
    if (typeof profile !== 'string' || typeof line !== 'string' || typeof address !== 'string') continue
    const key = `${address} ${profile} ${line}`
    if (said.has(key) || !world.isChannel(line)) continue
    said.add(key)
    if (!world.isProfile(profile)) problems.add('LEDGER_VALUE', place, `meter ${id}: profile is ${shown(profile)}, which is no meter model`)
    else {
      const checked = world.addressOf(address, profile, line)
      if (!checked.ok) problems.add('LEDGER_ADDRESS', place, `meter ${id}: address is ${shown(address)}; ${checked.problem}`)
    }
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
  readonly code: 'LEDGER_POINT_TAKEN' | 'LEDGER_ADDRESS_TAKEN'
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
