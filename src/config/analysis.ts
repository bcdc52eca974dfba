import { type Static, Type } from 'typebox'

const optional = Type.Optional
const Days = (description: string) => Type.Array(Type.String({ pattern: '^[0-9]{4}-[0-9]{2}-[0-9]{2}$' }), { maxItems: 5000, description })

/** `analysis` of gateway.yaml: the daily look for what is wrong. */
export const AnalysisSchema = Type.Object(
  {
    enabled: optional(Type.Boolean({ description: 'looks every day at every area for what is wrong', default: true })),
    at: optional(
      Type.String({
        pattern: '^([01][0-9]|2[0-3]):[0-5][0-9]$',
        description: 'when the day before is judged even if data are missing, local time; sooner when they are complete',
        default: '07:00',
      }),
    ),
    windowDays: optional(
      Type.Integer({ minimum: 14, maximum: 63, description: 'days that are looked at together, the judged one included', default: 60 }),
    ),
    holidays: optional(Days('dates on which people use energy as on a Sunday: ["2026-10-01", "2026-10-02"]')),
    worked: optional(Days('dates that are worked although they lie on a weekend')),
    weatherFile: optional(
      Type.String({
        description: 'CSV with a line `time,celsius`, then an instant with offset and a temperature a line; relative to this file',
      }),
    ),
    workers: optional(
      Type.Integer({
        minimum: 1,
        maximum: 16,
        description: 'threads that judge; default one less than the processor has, two at most',
      }),
    ),
  },
  { additionalProperties: false, description: 'the daily analysis of areas: loss, theft, wrong data, bad signal' },
)

export interface AnalysisConfig {
  readonly enabled: boolean
  /** Minutes after local midnight. */
  readonly atMinute: number
  readonly windowDays: number
  readonly holidays: readonly string[]
  readonly worked: readonly string[]
  /** Absolute. */
  readonly weatherFile: string | null
  /** null = as the machine allows. */
  readonly workers: number | null
}

export const analysisOf = (file: Static<typeof AnalysisSchema> | undefined, absolute: (path: string) => string): AnalysisConfig => ({
  enabled: file?.enabled ?? true,
  atMinute: minutesOf(file?.at ?? '07:00'),
  windowDays: file?.windowDays ?? 60,
  holidays: file?.holidays ?? [],
  worked: file?.worked ?? [],
  weatherFile: file?.weatherFile === undefined ? null : absolute(file.weatherFile),
  workers: file?.workers ?? null,
})

const minutesOf = (text: string): number => Number(text.slice(0, 2)) * 60 + Number(text.slice(3))
