import { Value } from 'typebox/value'
import { ok, type Result } from '../../src/core/result.ts'
import type { TerminalParameter } from '../../src/core/terminal.ts'
import { askOne } from './acts.ts'
import { AFN, commandOne, type Manner, type Talk } from './ask.ts'
import { type Leaves, readContent } from './content.ts'
import { type Values, writeContent } from './content-write.ts'
import { concat } from './gather.ts'
import { MAX_PN, writeIdentifier } from './identifiers.ts'
import type { Layout } from './layout.ts'
import { schemaOf } from './parameter-schema.ts'
import type { FnRow } from './rows.ts'
import { rowOf } from './tables.ts'
import { refuse } from './talk-errors.ts'

/** Parameters that are offered, and what the point of their identifier is. The archive (F10) has functions of its own. */
const OFFERED: readonly (readonly [fn: number, point: 'none' | 'point' | 'task'])[] = [
  [1, 'none'],
  [3, 'none'],
  [4, 'none'],
  [7, 'none'],
  [8, 'none'],
  [9, 'none'],
  [25, 'point'],
  [26, 'point'],
  [33, 'none'],
  [35, 'none'],
  [38, 'none'],
  [39, 'none'],
  [65, 'task'],
  [66, 'task'],
  [67, 'task'],
  [68, 'task'],
]
/** @source Q/GDW 376.1-2009, AFN 04 F65: task numbers, as one public library has them */
const MOST_TASKS = 64

interface Offered {
  readonly fn: number
  readonly point: 'none' | 'point' | 'task'
  readonly row: FnRow
  readonly body: Layout
  readonly schema: object
}

const offered: ReadonlyMap<string, Offered> = new Map(
  OFFERED.flatMap(([fn, point]) => {
    const row = rowOf(AFN.set, fn)
    const [body] = row?.bodies ?? []
    return row && body ? [[`F${fn}`, { fn, point, row, body, schema: schemaOf(body) }] as const] : []
  }),
)

/** Parameters of AFN 04 and 0A by their names. Where a task number is wanted it stands in place of the measuring point. */
export const PARAMETER_LIST: readonly TerminalParameter[] = [...offered].map(([id, { row, point, schema }]) => ({
  id,
  label: { en: row.en, zh: row.zh },
  perPoint: point !== 'none',
  isSettable: true,
  schema,
}))

const find = (terminal: string, id: string, pn: number | null): Result<{ readonly one: Offered; readonly point: number }> => {
  const one = offered.get(id.trim().toUpperCase())
  if (!one) return refuse('GW3761_PARAMETER', `${JSON.stringify(id)} is no parameter here: ${[...offered.keys()].join(', ')}`, { terminal })
  if (one.point === 'none') return ok({ one, point: 0 })
  const most = one.point === 'task' ? MOST_TASKS : MAX_PN
  if (pn !== null && Number.isInteger(pn) && pn >= 1 && pn <= most) return ok({ one, point: pn })
  const wanted = one.point === 'task' ? 'task number' : 'measuring point'
  return refuse('GW3761_PARAMETER', `${id} wants a ${wanted} of 1 to ${most}${pn === null ? '' : `, not ${pn}`}`, { terminal, id })
}

/** What a list parameter is asked with when the caller does not say: the power line's port, the first subclass of class 5. */
const USUAL_ASK: Readonly<Record<number, Values>> = {
  33: { ports: [31] },
  38: { big_class: 5, small_classes: [0] },
  39: { big_class: 5, small_classes: [0] },
}

const isRecord = (value: unknown): value is Values => typeof value === 'object' && value !== null && !Array.isArray(value)

/** Bytes of a content, or what is wrong with the values. */
const written = (terminal: string, id: string, layout: Layout, values: unknown): Result<Uint8Array> => {
  if (!isRecord(values)) return refuse('GW3761_PARAMETER', `${id}: wanted an object, got ${JSON.stringify(values)}`, { terminal, id })
  try {
    return ok(writeContent(layout, values))
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error)
    // What was given for a secret stays out of messages.
    const shown = layout.some((field) => field.kind === 'hex' && field.secret) ? text.replace(/, got .*$/s, '') : text
    return refuse('GW3761_PARAMETER', `${id}: ${shown}`, { terminal, id })
  }
}

/** Values of fields that nobody who only watches may see are taken out. */
const withoutSecrets = (layout: Layout, leaves: Leaves): Leaves => {
  const shown: Leaves = { ...leaves }
  for (const field of layout) if (field.kind === 'hex' && field.secret && field.name in shown) shown[field.name] = null
  return shown
}

/**
 * Asks for a parameter (查询参数, AFN 0A).
 *
 * @param ask  of F33 `{ ports: [31] }`, of F38 and F39 `{ big_class, small_classes }`
 * @returns    named values, as its schema has them; secrets are null
 */
export function* getParameter(manner: Manner, id: string, pn: number | null, ask?: unknown): Talk<unknown> {
  const { terminal } = manner
  const found = find(terminal, id, pn)
  if (!found.ok) return found
  const { one, point } = found.value
  const { ask: names } = rowOf(AFN.query, one.fn) ?? one.row
  const wanted = names.length === 0 ? ok(new Uint8Array(0)) : written(terminal, id, names, ask ?? USUAL_ASK[one.fn] ?? {})
  if (!wanted.ok) return wanted
  const data = concat([writeIdentifier(point, one.fn), wanted.value])
  const answer = yield* askOne(manner, { afn: AFN.query, data, reach: 'terminal' }, point, one.fn, `parameter ${id} (0A)`)
  if (!answer.ok) return answer
  const { unit, frame } = answer.value
  if (!unit.layout) return refuse('GW3761_ANSWER', `${terminal}: ${id} is not laid out as the tables have it`, { terminal, id })
  const { leaves, error } = readContent(unit.layout, frame.data, unit.body, unit.end, unit.counters)
  return error ? refuse('GW3761_ANSWER', `${terminal}: ${id}: ${error.message}`, { terminal, id }) : ok(withoutSecrets(unit.layout, leaves))
}

/**
 * Sets a parameter (设置参数, AFN 04).
 *
 * @errors  GW3761_PARAMETER before anything is sent, with the member; GW3761_DENIED
 */
export function* setParameter(manner: Manner, id: string, pn: number | null, value: unknown): Talk<null> {
  const { terminal } = manner
  const found = find(terminal, id, pn)
  if (!found.ok) return found
  const { one, point } = found.value
  if (!Value.Check(one.schema, value)) {
    const [first] = Value.Errors(one.schema, value)
    return refuse('GW3761_PARAMETER', `${id} at ${first?.instancePath || '/'}: ${first?.message ?? 'does not match its schema'}`, {
      terminal,
      id,
    })
  }
  const body = written(terminal, id, one.body, value)
  if (!body.ok) return body
  const data = concat([writeIdentifier(point, one.fn), body.value])
  return yield* commandOne(manner, { afn: AFN.set, data, reach: 'terminal' }, `to set ${id} (04)`)
}
