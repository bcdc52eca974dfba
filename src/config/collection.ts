import { type Static, Type } from 'typebox'

const optional = Type.Optional
const Time = (description: string, standard: string) =>
  Type.String({ pattern: '^([01][0-9]|2[0-3]):[0-5][0-9]$', description, default: standard })

/** `collection` of gateway.yaml: how long is read again what did not come, and when the figures are kept. */
export const CollectionSchema = Type.Object(
  {
    firstPass: optional(
      Type.String({
        pattern: '^[0-9]+(m|h)$',
        description: 'how long a freeze is tried before it is a gap: a number and m or h',
        default: '2h',
      }),
    ),
    rereads: optional(
      Type.Array(Time('when gaps of the day are read again, local time; default 02:00 03:00 04:00 05:00 06:00 12:00 18:00', '02:00'), {
        minItems: 1,
        maxItems: 48,
      }),
    ),
    dailyReread: optional(Time('when gaps of earlier days are read again', '05:00')),
    lastDay: optional(
      Type.Integer({ minimum: 0, maximum: 60, description: 'days after the due one on which a gap is still read', default: 7 }),
    ),
    maxTries: optional(Type.Integer({ minimum: 1, maximum: 1000, description: 'tries of one gap, without those by hand', default: 24 })),
    lineShare: optional(
      Type.Integer({
        minimum: 1,
        maximum: 100,
        description: 'percent of a busy line that re-reads may take; of an idle one half',
        default: 10,
      }),
    ),
    cutoff: optional(Time('when the figures of the day are kept', '08:00')),
    billingDay: optional(Type.Integer({ minimum: 1, maximum: 28, description: 'day whose midnight is billed', default: 1 })),
    billingCutoff: optional(
      Type.String({ pattern: '^[0-9]+h$', description: 'how long after that midnight its readings are on time', default: '24h' }),
    ),
    consecutiveDays: optional(
      Type.Integer({ minimum: 2, maximum: 31, description: 'days without success in a row that are a case', default: 3 }),
    ),
    excludeAreas: optional(Type.Array(Type.String({ maxLength: 64 }), { description: 'areas that figures leave out' })),
    estimate: optional(
      Type.Union([Type.Literal('never'), Type.Literal('permanent')], {
        description:
          'estimate the registers of a freeze that can not be had any more: never (only by hand), or when it is given up (permanent)',
        default: 'never',
      }),
    ),
    keepDays: optional(
      Type.Integer({ minimum: 10, maximum: 4000, description: 'days for which it is kept what came at once', default: 62 }),
    ),
    keepGapDays: optional(Type.Integer({ minimum: 10, maximum: 4000, description: 'days for which gaps are kept', default: 1100 })),
  },
  { additionalProperties: false, description: 'gaps and figures of collection' },
)

const UNIT_MS: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000 }
const durationOf = (text: string): number => Number(text.slice(0, -1)) * (UNIT_MS[text.slice(-1)] ?? 1)
const minutesOf = (text: string): number => Number(text.slice(0, 2)) * 60 + Number(text.slice(3))

/** Fills in what was left out; the members are those of the room that uses them. */
export const collectionOf = (file: Static<typeof CollectionSchema> = {}) => ({
  firstPassMs: durationOf(file.firstPass ?? '2h'),
  rereads: (file.rereads ?? ['02:00', '03:00', '04:00', '05:00', '06:00', '12:00', '18:00']).map(minutesOf).sort((a, b) => a - b),
  dailyReread: minutesOf(file.dailyReread ?? '05:00'),
  lastDay: file.lastDay ?? 7,
  maxTries: file.maxTries ?? 24,
  maxLineMs: 120_000,
  lineShare: (file.lineShare ?? 10) / 100,
  jitterMs: 600_000,
  cutoffMinute: minutesOf(file.cutoff ?? '08:00'),
  billingDay: file.billingDay ?? 1,
  billingCutoffMs: durationOf(file.billingCutoff ?? '24h'),
  consecutiveDays: file.consecutiveDays ?? 3,
  excludeAreas: file.excludeAreas ?? [],
  estimate: file.estimate ?? ('never' as const),
  keepDays: file.keepDays ?? 62,
  keepGapDays: file.keepGapDays ?? 1100,
})
export type CollectionConfig = ReturnType<typeof collectionOf>
