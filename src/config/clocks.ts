import { type Static, Type } from 'typebox'
import { resolveSecret, type Secret } from './secret.ts'

const optional = Type.Optional
const TimeOfDay = (description: string, standard: string) =>
  Type.String({ pattern: '^([01][0-9]|2[0-3]):[0-5][0-9]$', description, default: standard })

/** `clocks` of gateway.yaml: how the clocks of meters are read, and whether they are ever set. */
export const ClocksSchema = Type.Object(
  {
    sweep: optional(Type.Boolean({ description: 'reads every meter clock once a day', default: true })),
    from: optional(TimeOfDay('begin of the daily reading, local time', '02:30')),
    to: optional(TimeOfDay('end of it', '05:30')),
    nearHourMin: optional(
      Type.Integer({ minimum: 1, maximum: 20, description: 'minutes before and after every full hour without clock work', default: 5 }),
    ),
    nearMidnightMin: optional(
      Type.Integer({ minimum: 5, maximum: 120, description: 'minutes before and after midnight without clock work', default: 30 }),
    ),
    set: optional(
      Type.Boolean({
        description: 'lets clocks be set, on lines with allowWrites: by the daily broadcast up to 5 minutes, by a person any error',
        default: false,
      }),
    ),
    twoPersons: optional(Type.Boolean({ description: 'setting one meter needs the token of a second person', default: false })),
    password: optional(
      Type.String({
        description: 'password of the meters, 6 digits; write `$' + '{NAME}` to take it from the environment',
        secret: true,
      }),
    ),
    level: optional(Type.String({ pattern: '^[0-9]{2}$', description: 'password level', default: '02' })),
    operator: optional(Type.String({ pattern: '^[0-9]{8}$', description: 'operator code', default: '00000000' })),
  },
  { additionalProperties: false, description: 'clocks of meters: the daily reading, and whether they may be set' },
)

export interface ClocksConfig {
  readonly sweep: boolean
  /** Minutes since local midnight. */
  readonly fromMin: number
  readonly toMin: number
  readonly nearHourMs: number
  readonly nearMidnightMs: number
  readonly set: boolean
  readonly twoPersons: boolean
  readonly password: Secret | null
  readonly level: string
  readonly operator: string
}

const minutesOf = (text: string): number => Number(text.slice(0, 2)) * 60 + Number(text.slice(3))

/** Fills in what was left out. A setting that cannot be is told to `wrong`. */
export const clocksOf = (
  file: Static<typeof ClocksSchema> | undefined,
  environment: NodeJS.ProcessEnv,
  wrong: (path: readonly (string | number)[], message: string) => void,
): ClocksConfig => {
  const fromMin = minutesOf(file?.from ?? '02:30')
  const toMin = minutesOf(file?.to ?? '05:30')
  if (toMin <= fromMin)
    wrong(['clocks', 'to'], `is "${file?.to ?? '05:30'}"; must be later than from (${file?.from ?? '02:30'}) on the same day`)
  const found = file?.password === undefined ? null : resolveSecret(file.password, environment)
  if (typeof found === 'string') wrong(['clocks', 'password'], found)
  const password = typeof found === 'string' ? null : found
  if (password && !/^\d{6}$/.test(password.reveal())) wrong(['clocks', 'password'], 'is no password of 6 digits')
  return {
    sweep: file?.sweep ?? true,
    fromMin,
    toMin,
    nearHourMs: (file?.nearHourMin ?? 5) * 60_000,
    nearMidnightMs: (file?.nearMidnightMin ?? 30) * 60_000,
    set: file?.set ?? false,
    twoPersons: file?.twoPersons ?? false,
    password,
    level: file?.level ?? '02',
    operator: file?.operator ?? '00000000',
  }
}
