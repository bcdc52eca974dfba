import { type Static, Type } from 'typebox'
import { Check } from 'typebox/value'
import type { GatewayError } from '../core/index.ts'
import { keptText } from './errors.ts'
import type { LetterDraft } from './letters.ts'

/** One message that could not be used. */
export interface Letter {
  readonly id: number
  readonly source: string
  /** Its first 1,000 characters. */
  readonly topic: string
  /** The whole payload up to 4,096 bytes, the first 200 bytes of a longer one. */
  readonly payload: Uint8Array
  /** Length of the whole payload. */
  readonly bytes: number
  /** Topic and payload are complete: it can be replayed. */
  readonly isWhole: boolean
  /** Arrival, milliseconds since 1970 UTC. */
  readonly at: number
  readonly retained: boolean
  readonly error: GatewayError
}

const TOPIC_LENGTH = 1000
const TEXT_LENGTH = 1000
const WHOLE_BYTES = 4096
const HEAD_BYTES = 200

const Head = Type.Object({
  id: Type.Number(),
  dropped: Type.Number(),
  source: Type.String(),
  topic: Type.String(),
  bytes: Type.Number(),
  isWhole: Type.Boolean(),
  at: Type.Number(),
  retained: Type.Boolean(),
  error: Type.Object({
    code: Type.String(),
    message: Type.String(),
    recovery: Type.Enum(['retry', 'resync', 'skip', 'split', 'wait', 'stop']),
    hint: Type.String(),
    context: Type.Record(Type.String(), Type.Union([Type.String(), Type.Number(), Type.Boolean(), Type.Null()])),
  }),
})
const Gone = Type.Object({ gone: Type.Array(Type.Number()), last: Type.Number(), dropped: Type.Number() })

/** What of a message is kept. */
export const letterOf = (id: number, { source, topic, payload, bytes, at, error, retained }: LetterDraft): Letter => {
  const isPayloadWhole = payload.length === bytes && bytes <= WHOLE_BYTES
  return {
    id,
    source: keptText(source, TEXT_LENGTH),
    topic: keptText(topic, TOPIC_LENGTH),
    // A copy: the slice of a Buffer would hold the whole message.
    payload: new Uint8Array(payload.subarray(0, isPayloadWhole ? WHOLE_BYTES : HEAD_BYTES)),
    bytes,
    isWhole: isPayloadWhole && topic.length <= TOPIC_LENGTH,
    at,
    retained,
    error: {
      ...error,
      message: keptText(error.message, TEXT_LENGTH),
      hint: keptText(error.hint, TEXT_LENGTH),
      context: Object.fromEntries(
        Object.entries(error.context)
          .slice(0, 20)
          .map(([name, value]) => [keptText(name, 100), typeof value === 'string' ? keptText(value, 200) : value]),
      ),
    },
  }
}

/** Length of the JSON, the JSON, the payload. */
export const encodeLetter = ({ payload, ...head }: Letter, dropped: number): Buffer => record({ ...head, dropped }, payload)

export const encodeGone = (gone: readonly number[], last: number, dropped: number): Buffer =>
  record({ gone, last, dropped }, new Uint8Array())

const record = (head: Static<typeof Head> | { readonly gone: readonly number[]; last: number; dropped: number }, payload: Uint8Array) => {
  const json = Buffer.from(JSON.stringify(head))
  const length = Buffer.alloc(4)
  length.writeUInt32LE(json.length)
  return Buffer.concat([length, json, payload])
}

export type LetterEntry =
  | { readonly letter: Letter; readonly last: number; readonly dropped: number }
  | { readonly gone: readonly number[]; readonly last: number; readonly dropped: number }

/** A record of the log; null when it is none that this version knows. */
export const decodeEntry = (record: Buffer): LetterEntry | null => {
  if (record.length < 4) return null
  const end = 4 + record.readUInt32LE(0)
  const head = parsed(record.toString('utf8', 4, end))
  if (Check(Gone, head)) return head
  if (!Check(Head, head)) return null
  const { dropped, ...rest } = head
  return { letter: { ...rest, payload: new Uint8Array(record.subarray(end)) }, last: head.id, dropped }
}

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
