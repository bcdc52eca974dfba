import type { FastifyRequest } from 'fastify'
import { ATTRIBUTES, HIDDEN, isPersonal, type Kind, type Value, withoutPersonal } from '../ledger/kinds.ts'
import type { DatedFact, DiffEntry, Entity } from '../ledger/types.ts'
import { permits } from './tokens.ts'

/** Whether somebody may see what the ledger knows of persons: whoever may change it. */
export const maySeePersonal = ({ token }: Pick<FastifyRequest, 'token'>): boolean => token !== null && permits(token, 'operate')

/** Attributes of a kind that say something of a person. */
export const personalNames = (kind: Kind): readonly string[] => Object.keys(ATTRIBUTES[kind]).filter((name) => isPersonal(kind, name))

const hidden = (kind: Kind, name: string, value: Value): Value => (value !== null && isPersonal(kind, name) ? HIDDEN : value)

/** What a request may see of an entry. */
export const entityFor = (request: Pick<FastifyRequest, 'token'>, entity: Entity): Entity =>
  maySeePersonal(request) ? entity : { ...entity, attributes: withoutPersonal(entity.kind, entity.attributes) }

/** What a request may see of a fact. */
export const factFor = (request: Pick<FastifyRequest, 'token'>, kind: Kind, fact: DatedFact): DatedFact =>
  maySeePersonal(request) ? fact : { ...fact, value: hidden(kind, fact.name, fact.value) }

/** What a request may see of a difference. */
export const diffFor = (request: Pick<FastifyRequest, 'token'>, entry: DiffEntry): DiffEntry =>
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
