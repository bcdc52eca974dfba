import { type Static, Type } from 'typebox'
import { object, oneOf, optional, text } from './schema-parts.ts'

/** Members of `billing` that say what is read for it. */
export const READ_MEMBERS = {
  windowMinutes: optional(
    Type.Integer({
      minimum: 0,
      maximum: 720,
      description:
        'live, pushed and entered reads stand for a billing instant this near, before or after; freezes and curves for their own alone',
      default: 60,
    }),
  ),
  registers: optional(
    Type.Array(text('^[0-9]{1,3}\\.8\\.[0-9]{1,3}$', 'a register that counts up: 1.8.0'), {
      ...{ minItems: 1, maxItems: 40, uniqueItems: true },
      description:
        'registers that are due at a point, as far as its meter model has them; if not given: 1.8.0 1.8.1 1.8.2 1.8.3 1.8.4 2.8.0',
    }),
  ),
  roles: optional(
    Type.Array(oneOf(['customer', 'area-supply', 'line-supply', 'bus-in', 'bus-out', 'generation', 'other'], 'role of a point'), {
      ...{ minItems: 1, maxItems: 7, uniqueItems: true },
      description: 'points of these roles are billed while they are in service; if not given: customer, generation',
    }),
  ),
}

const members = object(READ_MEMBERS, '')

/** What is billed and how far around an instant is looked; the members are those of the room that uses them. */
export interface ReadRules {
  readonly windowMs: number
  /** Short OBIS codes. */
  readonly registers: readonly string[]
  readonly roles: readonly string[]
}

/** Active import, its tariffs, active export. */
const REGISTERS = ['1.8.0', '1.8.1', '1.8.2', '1.8.3', '1.8.4', '2.8.0']

/** Fills in what was left out. */
export const readRulesOf = ({
  windowMinutes = 60,
  registers = REGISTERS,
  roles = ['customer', 'generation'],
}: Static<typeof members>): ReadRules => ({
  windowMs: windowMinutes * 60_000,
  registers,
  roles,
})
