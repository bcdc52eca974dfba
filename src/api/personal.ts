import type { FastifyRequest } from 'fastify'
import { mayDo } from '../access/principals.ts'
import { ATTRIBUTES, HIDDEN, isPersonal, type Kind, type Value, withoutPersonal } from '../ledger/kinds.ts'
import type { DatedFact, DiffEntry, Entity } from '../ledger/types.ts'

/** Whether somebody may see what the ledger knows of persons. */
export const maySeePersonal = ({ who }: Pick<FastifyRequest, 'who'>): boolean => who !== null && mayDo(who, 'personal:read')

/** Attributes of a kind that say something of a person. */
export const personalNames = (kind: Kind): readonly string[] => Object.keys(ATTRIBUTES[kind]).filter((name) => isPersonal(kind, name))

const hidden = (kind: Kind, name: string, value: Value): Value => (value !== null && isPersonal(kind, name) ? HIDDEN : value)

/** What a request may see of an entry. */
export const entityFor = (request: Pick<FastifyRequest, 'who'>, entity: Entity): Entity =>
  maySeePersonal(request) ? entity : { ...entity, attributes: withoutPersonal(entity.kind, entity.attributes) }

/** What a request may see of a fact. */
export const factFor = (request: Pick<FastifyRequest, 'who'>, kind: Kind, fact: DatedFact): DatedFact =>
  maySeePersonal(request) ? fact : { ...fact, value: hidden(kind, fact.name, fact.value) }

/** What a request may see of a difference. */
export const diffFor = (request: Pick<FastifyRequest, 'who'>, entry: DiffEntry): DiffEntry =>
  maySeePersonal(request)
    ? entry
    : {
        ...entry,
        attributes: entry.attributes.map(({ name, before, after }) => ({
          name,
          before: hidden(entry.kind, name, before),
          after: hidden(entry.kind, name, after),
        })),
      }

/** The name of a point as a request may see it: one that tells who the customer is is for those who may see that, and for himself. */
export const nameFor = (
  request: Pick<FastifyRequest, 'who'>,
  point: { readonly name: string; readonly namesPerson?: boolean | undefined },
): string => (hidesNames(request) && point.namesPerson === true ? HIDDEN : point.name)

/** Whether names of points that tell who the customer is are hidden from a request. */
export const hidesNames = (request: Pick<FastifyRequest, 'who'>): boolean =>
  !maySeePersonal(request) && (request.who?.customer ?? null) === null
