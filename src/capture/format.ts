import { type Static, Type } from 'typebox'
import { hexOf } from '../core/index.ts'

export const CAPTURE_VERSION = 1

const OrNull = <Schema extends Parameters<typeof Type.Union>[0][number]>(schema: Schema) => Type.Union([schema, Type.Null()])

/** Where a line leads. `broker`: messages instead of frames. */
const LineSchema = Type.Object({
  id: Type.String(),
  kind: Type.Enum(['tcp', 'serial', 'broker']),
  /** As a person reads it: `tcp://10.0.0.7:502`, `/dev/ttyUSB0 2400 8E1`. */
  address: Type.String(),
  host: OrNull(Type.String()),
  port: OrNull(Type.Integer({ minimum: 0, maximum: 65_535 })),
  baud: OrNull(Type.Integer({ minimum: 1 })),
  /** Data bits, parity and stop bits: `8E1`. */
  format: OrNull(Type.String()),
  /** How Modbus is framed there. */
  framing: OrNull(Type.Enum(['tcp', 'rtu', 'ascii'])),
})

/** A meter of the line as the ledger had it when the capture began. */
const MeterSchema = Type.Object({
  meter: Type.String(),
  point: Type.String(),
  area: Type.String(),
  address: Type.String(),
  profile: Type.String(),
  ct: Type.String(),
  pt: Type.String(),
})

/** First line of a capture: everything that is needed to read the rest without the gateway. */
export const CaptureHeadSchema = Type.Object({
  capture: Type.Literal('gridtally'),
  version: Type.Integer({ minimum: 1 }),
  startedAt: Type.String({ format: 'date-time' }),
  /** IANA zone of the meters' clocks. */
  timezone: Type.String(),
  line: LineSchema,
  meters: Type.Array(MeterSchema),
})
export type CaptureHead = Static<typeof CaptureHeadSchema>
export type CapturedMeter = CaptureHead['meters'][number]

export const CAPTURED = ['tx', 'rx', 'stray', 'late', 'discarded', 'echo', 'note', 'message'] as const
export type Captured = (typeof CAPTURED)[number]

/**
 * One line of a capture: a frame, bytes that were none, or a message of a broker. Unknown members are kept out, so that a later
 * version may add some.
 */
export const CaptureLineSchema = Type.Object({
  at: Type.String({ format: 'date-time' }),
  what: Type.Enum([...CAPTURED]),
  /** Adapter that spoke: `dlt645-2007`, `modbus-tcp`; null where nobody knows. */
  protocol: OrNull(Type.String()),
  device: OrNull(Type.String()),
  /** Pairs of digits; `**` for a byte of a password. */
  hex: Type.String(),
  text: Type.String(),
  /** Of an answer: milliseconds since its request left. */
  tookMs: Type.Optional(Type.Number()),
  /** Of a message. */
  topic: Type.Optional(Type.String()),
  retained: Type.Optional(Type.Boolean()),
})
export type CaptureLine = Static<typeof CaptureLineSchema>

/** One frame of a capture in memory. */
export interface CapturedFrame {
  /** Milliseconds since 1970 UTC. */
  readonly at: number
  readonly what: Captured
  readonly protocol: string | null
  readonly device: string | null
  /** Hidden bytes are zero. */
  readonly bytes: Uint8Array
  readonly hidden: readonly { readonly at: number; readonly size: number }[]
  readonly text: string
  readonly tookMs: number | null
  readonly topic: string | null
  readonly retained: boolean
}

export interface Capture {
  /** Null for a pcap file: it has no place for it. */
  readonly head: CaptureHead | null
  readonly frames: readonly CapturedFrame[]
  /** The file ends in the middle of a frame, as after a crash: what was whole before is here. */
  readonly isCut: boolean
}

/** What a writer needs of a frame. */
export type WritableFrame = Omit<CapturedFrame, 'topic' | 'retained'> & Partial<Pick<CapturedFrame, 'topic' | 'retained'>>

/** Hexadecimal text with `**` where something is hidden. */
export const hexText = ({ bytes, hidden }: Pick<CapturedFrame, 'bytes' | 'hidden'>): string => {
  const text = hexOf(bytes)
  if (hidden.length === 0) return text
  const pairs = text.split(' ')
  for (const { at, size } of hidden) pairs.fill('**', at, at + size)
  return pairs.join(' ')
}

/** The bytes of such text; null when it is none. */
export const bytesOfHexText = (text: string): Pick<CapturedFrame, 'bytes' | 'hidden'> | null => {
  const pairs = text.trim() === '' ? [] : text.trim().split(/\s+/)
  const bytes = new Uint8Array(pairs.length)
  const hidden: { at: number; size: number }[] = []
  for (const [at, pair] of pairs.entries()) {
    if (pair === '**') {
      const last = hidden.at(-1)
      if (last && last.at + last.size === at) last.size++
      else hidden.push({ at, size: 1 })
    } else if (/^[0-9A-Fa-f]{2}$/.test(pair)) bytes[at] = Number.parseInt(pair, 16)
    else return null
  }
  return { bytes, hidden }
}
