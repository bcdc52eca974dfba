import { type Static, Type } from 'typebox'

const optional = Type.Optional
const Days = (description: string) => Type.Array(Type.String({ pattern: '^[0-9]{4}-[0-9]{2}-[0-9]{2}$' }), { maxItems: 5000, description })

const WEEK = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const

/** `unregistered` of gateway.yaml: when a meter that is not in the ledger is overdue. */
export const UnregisteredSchema = Type.Object(
  {
    workingDays: optional(Type.Integer({ minimum: 1, maximum: 30, description: 'working days until such a meter is overdue', default: 1 })),
    weekend: optional(
      Type.Array(Type.Enum([...WEEK]), { maxItems: 6, description: 'days of the week without work', default: ['sat', 'sun'] }),
    ),
    holidays: optional(Days('dates without work: [2026-10-01, 2026-10-02]; in quotes')),
    worked: optional(Days('dates that are worked although they lie on a weekend')),
    maxPerLine: optional(
      Type.Integer({
        minimum: 1,
        maximum: 5000,
        description: 'such meters remembered for a line or broker; more are counted',
        default: 1000,
      }),
    ),
  },
  { additionalProperties: false, description: 'meters that are not in the ledger' },
)

export interface UnregisteredConfig {
  readonly workingDays: number
  /** 1 = Monday … 7 = Sunday. */
  readonly weekend: readonly number[]
  readonly holidays: readonly string[]
  readonly worked: readonly string[]
  readonly maxPerLine: number
}

export const unregisteredOf = (file: Static<typeof UnregisteredSchema> | undefined): UnregisteredConfig => ({
  workingDays: file?.workingDays ?? 1,
  weekend: (file?.weekend ?? ['sat', 'sun']).map((day) => WEEK.indexOf(day) + 1),
  holidays: file?.holidays ?? [],
  worked: file?.worked ?? [],
  maxPerLine: file?.maxPerLine ?? 1000,
})
