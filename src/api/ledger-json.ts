import { STATUS_CODES } from 'node:http'
import { ATTRIBUTES, KINDS, type Kind, type Value } from '../ledger/kinds.ts'
import type { Change, ChangeDetail, DiffEntry, Entity, Exchange, LedgerProblem, Plan, Refused } from '../ledger/types.ts'
import type { ExchangeProposal } from './ledger-deps.ts'
import type { Problem } from './problems.ts'
import { iso } from './routes/common.ts'

/** A refusal of the ledger: every problem, and the entry as it is where somebody else was quicker. */
export interface LedgerRefusal extends Problem {
  readonly problems?: readonly LedgerProblem[]
  readonly problemCount?: number
  readonly current?: { readonly version: number; readonly attributes: Readonly<Record<string, Value>> } | null
}

const STATUS: Readonly<Record<string, number>> = { LEDGER_STALE: 412, LEDGER_UNKNOWN: 404, LEDGER_BUSY: 503 }

export const refusalOf = ({ error, problems, current }: Refused): LedgerRefusal => {
  const status = STATUS[error.code] ?? 422
  const count = error.context.problems
  return {
    ...{ type: 'about:blank', title: STATUS_CODES[status] ?? 'Error', status },
    ...{ code: error.code, detail: error.message, hint: error.hint, recovery: error.recovery },
    ...(problems.length > 0 ? { problems, problemCount: typeof count === 'number' ? count : problems.length } : {}),
    ...(status === 412 ? { current: current && { version: current.version, attributes: current.attributes } } : {}),
  }
}

export const entityJson = ({ attributes, ...entity }: Entity) => ({ ...entity, attributes: { ...attributes } })

export const diffJson = ({ from, attributes, ...entry }: DiffEntry) => ({ ...entry, from: iso(from), attributes: [...attributes] })

export const changeJson = ({ at, ...change }: Change) => ({ ...change, at: iso(at) })

export const changeDetailJson = ({ entries, ...change }: ChangeDetail) => ({ ...changeJson(change), entries: entries.map(diffJson) })

export const planJson = ({ entries, problems, ...plan }: Plan) => ({ ...plan, entries: entries.map(diffJson), problems: [...problems] })

export const proposalJson = ({ oldMeter, end, start }: ExchangeProposal) => {
  const json = (one: ExchangeProposal['end']) =>
    one && { registers: { ...one.registers }, measuredAt: iso(one.measuredAt), source: one.source }
  return { oldMeter, end: json(end), start: json(start) }
}

export const exchangeJson = ({ at, acknowledged, by, proposed, end, start, ...exchange }: Exchange, now: number) => ({
  ...exchange,
  at: iso(at),
  end: { ...end },
  start: { ...start },
  proposed: { end: proposed.end && { ...proposed.end }, start: proposed.start && { ...proposed.start } },
  by: [...by],
  acknowledged: acknowledged && { ...acknowledged, at: iso(acknowledged.at) },
  ageS: Math.max(0, Math.floor((now - at) / 1000)),
})

/** Kinds and their attributes, for forms and scripts. */
export const vocabulary = () => ({
  kinds: KINDS.map((kind) => ({
    kind,
    attributes: Object.entries(ATTRIBUTES[kind]).map(([name, { type, label, choices = {}, refers = null, required = false }]) => ({
      ...{ name, type, en: label.en, zh: label.zh, choices: Object.keys(choices), refers, required },
    })),
  })),
})

/** `name:value` pairs as values of their attributes' types; a text that is none, as the problem. */
export const whereOf = (
  kind: Kind,
  text: string,
): { readonly where: Readonly<Record<string, Value>> } | { readonly value: string; readonly allowed: string } => {
  const where: Record<string, Value> = {}
  for (const pair of text.split(',')) {
    const [name = '', ...rest] = pair.split(':')
    const value = rest.join(':')
    const spec = Object.hasOwn(ATTRIBUTES[kind], name) ? ATTRIBUTES[kind][name] : undefined
    if (!spec || rest.length === 0) return { value: pair, allowed: `name:value; names are ${Object.keys(ATTRIBUTES[kind]).join(', ')}` }
    where[name] =
      value === ''
        ? null
        : spec.type === 'flag'
          ? value === 'true'
          : spec.type === 'integer' || spec.type === 'instant'
            ? Number(value)
            : value
  }
  return { where }
}
