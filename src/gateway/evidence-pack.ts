import { createHash } from 'node:crypto'
import { type Static, Type } from 'typebox'

export const PACK_FORM = 'gridtally-evidence/1'

const Text = Type.String()
const TextOrNull = Type.Union([Type.String(), Type.Null()])
const Anything = Type.Unsafe<unknown>({})

const Selection = Type.Object({
  kind: Type.Union([Type.Literal('current'), Type.Literal('curve'), Type.Literal('day-freeze'), Type.Literal('month-freeze')]),
  obis: Type.Optional(Type.Array(Text)),
  nth: Type.Optional(Type.Integer()),
  since: Type.Optional(Anything),
  until: Type.Optional(Anything),
})

const Part = Type.Object({
  at: Text,
  direction: Type.Union([Type.Literal('tx'), Type.Literal('rx')]),
  /** Pairs of digits without blanks; secrets are 00 (of DL/T 645 33) and named in `hidden`. */
  hex: Text,
  sha256: Text,
  hidden: Type.Array(Type.Object({ at: Type.Integer(), size: Type.Integer() })),
  description: Text,
})

const Item = Type.Object({
  id: Text,
  kind: Type.Union([Type.Literal('frame'), Type.Literal('message')]),
  sha256: Text,
  channel: Text,
  protocol: Text,
  about: Text,
  by: Text,
  receivedAt: Text,
  wholeSize: Type.Union([Type.Integer(), Type.Null()]),
  selection: Type.Union([Selection, Type.Null()]),
  terminal: Type.Union([
    Type.Object({
      address: Text,
      meters: Type.Array(Type.Object({ id: Text, address: Text, pn: Type.Union([Type.Integer(), Type.Null()]) })),
      frameLimit: Type.Integer(),
      now: Anything,
    }),
    Type.Null(),
  ]),
  rule: TextOrNull,
  parts: Type.Array(Part),
})
export type PackItem = Static<typeof Item>

const Value = Type.Object({ obis: Text, name: Text, unit: Text, value: Text, primary: TextOrNull })
const PackReading = Type.Object({
  point: Text,
  meter: Text,
  measurement: Text,
  source: Text,
  measuredAt: Text,
  receivedAt: Text,
  ratio: Text,
  quality: Type.Array(Text),
  values: Type.Array(Value),
  absent: Type.Array(Anything),
})

/**
 * Everything one reading rests on, in one document (证据包). Whoever has it can follow the figure to the bytes without the gateway.
 * `sha256` is over the rest of it as {@link canonicalText}.
 */
export const PackSchema = Type.Object({
  format: Type.Literal(PACK_FORM),
  gateway: Type.Object({ id: Text, version: Text, timezone: Text }),
  made: Type.Object({ at: Text, by: Text }),
  reading: Type.Object({ meter: Text, measuredAt: Text, source: Text, stored: Type.Array(PackReading) }),
  /** What the ledger said at that instant. */
  ledger: Type.Union([
    Type.Object({
      ...{ asOf: Text, meter: Text, point: TextOrNull, channel: TextOrNull, address: Text, profile: TextOrNull, asset: TextOrNull },
      ...{ measuringPoint: Type.Union([Type.Integer(), Type.Null()]), ratio: TextOrNull },
    }),
    Type.Null(),
  ]),
  profile: Anything,
  mapping: Type.Union([Type.Object({ content: Anything, zone: TextOrNull, prefix: TextOrNull }), Type.Null()]),
  evidence: Type.Array(Item),
  sha256: Text,
})
export type Pack = Static<typeof PackSchema>

/** JSON text of which there is one: members in the order of their names, no blanks. @source RFC 8785, for texts and whole numbers */
export const canonicalText = (value: unknown): string => {
  if (Array.isArray(value)) return `[${value.map((one) => canonicalText(one === undefined ? null : one)).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null'
  const members = Object.entries(value).filter(([, one]) => one !== undefined)
  members.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
  return `{${members.map(([name, one]) => `${JSON.stringify(name)}:${canonicalText(one)}`).join(',')}}`
}

export const digestText = (bytes: Uint8Array | string): string => createHash('sha256').update(bytes).digest('hex')

/** Puts the hash behind a document. */
export const sealed = (document: Omit<Pack, 'sha256'>): Pack => ({ ...document, sha256: digestText(canonicalText(document)) })
