import { type Static, Type } from 'typebox'

const optional = Type.Optional

/** `evidence` of gateway.yaml: which frames and messages are kept, and for how long. */
export const EvidenceSchema = Type.Object(
  {
    windowMinutes: optional(
      Type.Integer({
        minimum: 0,
        maximum: 720,
        description:
          'live, curve and pushed registers are kept with their frames when measured so close to local midnight; freezes always are',
        default: 60,
      }),
    ),
    keepDays: optional(
      Type.Integer({ minimum: 1, maximum: 4000, description: 'days for which frames and messages are kept', default: 1100 }),
    ),
    maxMb: optional(
      Type.Integer({ minimum: 16, maximum: 1_000_000, description: 'size of evidence.db; beyond it the oldest go', default: 20_480 }),
    ),
  },
  { additionalProperties: false, description: 'frames and messages that readings rest on' },
)

/** Fills in what was left out; the members are those of the room that uses them. */
export const evidenceOf = (file: Static<typeof EvidenceSchema> = {}) => ({
  windowMs: (file.windowMinutes ?? 60) * 60_000,
  keepDays: file.keepDays ?? 1100,
  maxBytes: (file.maxMb ?? 20_480) * 1_048_576,
})
export type EvidenceConfig = ReturnType<typeof evidenceOf>
