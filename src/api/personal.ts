import type { FastifyRequest } from 'fastify'
import { mayDo } from '../access/principals.ts'
import { ATTRIBUTES, HIDDEN, isPersonal, type Kind, mayTellPerson, tellsPerson, type Value, withoutPersons } from '../ledger/kinds.ts'
import type { DatedFact, DiffEntry, Entity } from '../ledger/types.ts'
import type { LedgerPort } from './ledger-deps.ts'

/** Whether somebody may see what the ledger knows of persons. */
export const maySeePersonal = ({ who }: Pick<FastifyRequest, 'who'>): boolean => who !== null && mayDo(who, 'personal:read')

/** Attributes of a kind that say something of a person. */
export const personalNames = (kind: Kind): readonly string[] => Object.keys(ATTRIBUTES[kind]).filter((name) => isPersonal(kind, name))

type Ledger = Pick<LedgerPort, 'facts'>

const hidden = (ledger: Ledger, kind: Kind, id: string, name: string, value: Value): Value => {
  if (value === null || !mayTellPerson(kind, name)) return value
  return isPersonal(kind, name) || tellsPerson((of, one) => ledger.facts(of, one), id, String(value)) ? HIDDEN : value
}

/** What a request may see of an entry. */
export const entityFor = (request: Pick<FastifyRequest, 'who'>, ledger: Ledger, entity: Entity): Entity =>
  maySeePersonal(request) ? entity : withoutPersons((kind, id) => ledger.facts(kind, id), entity)

/** What a request may see of a fact of an entry. */
export const factFor = (request: Pick<FastifyRequest, 'who'>, ledger: Ledger, kind: Kind, id: string, fact: DatedFact): DatedFact =>
  maySeePersonal(request) ? fact : { ...fact, value: hidden(ledger, kind, id, fact.name, fact.value) }

/** What a request may see of a difference. Where it brings the customer too, whose name it is cannot be looked up yet. */
export const diffFor = (request: Pick<FastifyRequest, 'who'>, ledger: Ledger, entry: DiffEntry): DiffEntry => {
  if (maySeePersonal(request)) return entry
  const { kind, id } = entry
  const isAnybodys = entry.attributes.some(({ name, after }) => name === 'customer' && after !== null)
  const shown = (name: string, value: Value): Value =>
    value !== null && isAnybodys && mayTellPerson(kind, name) ? HIDDEN : hidden(ledger, kind, id, name, value)
  return {
    ...entry,
    attributes: entry.attributes.map(({ name, before, after }) => ({ name, before: shown(name, before), after: shown(name, after) })),
  }
}

/** The name of a point as a request may see it: one that tells who the customer is is for those who may see that, and for himself. */
export const nameFor = (
  request: Pick<FastifyRequest, 'who'>,
  point: { readonly name: string; readonly namesPerson?: boolean | undefined },
): string => (hidesNames(request) && point.namesPerson === true ? HIDDEN : point.name)

/** Whether names of points that tell who the customer is are hidden from a request. */
export const hidesNames = (request: Pick<FastifyRequest, 'who'>): boolean =>
  !maySeePersonal(request) && (request.who?.customer ?? null) === null
