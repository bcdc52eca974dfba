import { type Static, Type } from 'typebox'
import { Id, object, optional, text } from './schema-parts.ts'

const Ids = (description: string) => Type.Array(Type.String({ minLength: 1, maxLength: 100 }), { minItems: 1, maxItems: 2000, description })

const Cycle = object(
  {
    id: Id,
    name: optional(Type.String({ minLength: 1, maxLength: 100, description: 'for people; the id if not given' })),
    day: Type.Integer({ minimum: 1, maximum: 28, description: 'day of the month whose midnight is billed' }),
    zones: optional(Ids('zones that are billed on that day, with all that lies in them')),
    areas: optional(Ids('transformer areas that are; neither zones nor areas: every point')),
    registers: optional(
      Type.Array(text('^[0-9]{1,3}\\.[0-9]{1,3}\\.[0-9]{1,3}$', 'register: 1.8.0'), {
        ...{ minItems: 1, maxItems: 50 },
        description: 'registers that must be there; absent: all that are due',
      }),
    ),
  },
  'points that are billed on one day',
)

/** Members of `billing` of gateway.yaml that say what is released, and when what is billed (抄表例日). */
export const CYCLE_MEMBERS = {
  releaseEstimates: optional(
    Type.Boolean({ description: 'figures that were made up by rule are released too, marked as estimated', default: false }),
  ),
  cycles: optional(Type.Array(Cycle, { maxItems: 200, description: 'billing cycles; each has its report of what is complete' })),
}

/** A billing cycle (抄表例日). Ids; null: not limited by it. */
export interface BillingCycle {
  readonly id: string
  readonly name: string
  readonly day: number
  readonly zones: readonly string[] | null
  readonly areas: readonly string[] | null
  readonly registers: readonly string[] | null
}

export interface CycleConfig {
  readonly releaseEstimates: boolean
  readonly cycles: readonly BillingCycle[]
}

const CycleFile = object(CYCLE_MEMBERS, '')

/** Fills in what was left out. A setting that cannot be is told to `wrong`. */
export const cyclesOf = (
  file: Static<typeof CycleFile>,
  wrong: (path: readonly (string | number)[], message: string) => void,
): CycleConfig => {
  const ids = new Set<string>()
  const cycles = (file.cycles ?? []).map(({ id, name, day, zones, areas, registers }, at): BillingCycle => {
    if (ids.has(id)) wrong(['billing', 'cycles', at, 'id'], `is "${id}", which is there twice: every cycle needs a name of its own`)
    ids.add(id)
    return { id, name: name ?? id, day, zones: zones ?? null, areas: areas ?? null, registers: registers ?? null }
  })
  return { releaseEstimates: file.releaseEstimates ?? false, cycles }
}
