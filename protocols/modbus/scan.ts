import { isDiscarded, type ScanProof, type ScanQuestion, type ScanStrategy } from '../../src/core/index.ts'
import { modbusDeframer } from './deframer.ts'
import { encodeFrame, type Framing, frameLength, type ModbusFrame } from './frame.ts'
import { encodeRequest } from './pdu.ts'

/** Functions that read registers; a search uses no others. */
export type ReadFunction = 3 | 4

/** What one unit answered to one read. */
export type Answered =
  | { readonly kind: 'words'; readonly words: readonly number[] }
  | { readonly kind: 'exception'; readonly code: number }
  /** Bytes, but no whole answer: two units with one address, noise, another speed. */
  | { readonly kind: 'damaged' }
  /** Whole answers of units that were not asked: late ones. */
  | { readonly kind: 'strangers'; readonly units: readonly number[] }
  | { readonly kind: 'silent' }

/** A gateway says with these that nobody is behind it at that address. @source MODBUS Application Protocol V1.1b3, 7 */
const NOBODY: ReadonlySet<number> = new Set([10, 11])

/** Bytes that the turn-around of a line adds; they prove nothing. */
const MOST_STRAY = 2

const framesOf = (framing: Framing, bytes: Uint8Array): { frames: ModbusFrame[]; stray: number } => {
  const deframer = modbusDeframer(framing)
  const frames: ModbusFrame[] = []
  let stray = 0
  for (const item of deframer.push(bytes))
    if (isDiscarded(item)) stray += item.discarded.length
    else frames.push(item)
  return { frames, stray: stray + (deframer.flush()?.discarded.length ?? 0) }
}

/** Judges a window of raw bytes against the read that was asked. */
export const hearModbus = (framing: Framing, unit: number, fn: ReadFunction, count: number, id: number, bytes: Uint8Array): Answered => {
  const { frames, stray } = framesOf(framing, bytes)
  const own = frames.filter((frame) => frame.unit === unit && (framing !== 'tcp' || frame.transactionId === id))
  for (const { function: code, pdu } of own) {
    if (code === (fn | 0x80) && pdu.length === 2) return { kind: 'exception', code: pdu[1]! }
    if (code === fn && pdu[1] === 2 * count && pdu.length === 2 + 2 * count)
      return { kind: 'words', words: Array.from({ length: count }, (_, at) => (pdu[2 + 2 * at]! << 8) | pdu[3 + 2 * at]!) }
  }
  const others = frames.filter((frame) => frame.unit !== unit && !((frame.function & 0x80) !== 0 && NOBODY.has(frame.pdu[1] ?? 0)))
  const units = [...new Set(others.map((frame) => frame.unit))]
  if (units.length > 0) return { kind: 'strangers', units }
  // An old number on a frame of this unit is a late answer to a question before.
  return stray > MOST_STRAY || (own.length > 0 && framing !== 'tcp') ? { kind: 'damaged' } : { kind: 'silent' }
}

/** Numbers the requests of one connection, so that a late answer is never taken for the next one. */
export interface Numbering {
  next: number
}

export interface RegisterQuestion extends ScanQuestion {
  readonly id: number
}

/** A read of some registers of one unit. */
export const registerQuestion = (
  framing: Framing,
  unit: number,
  fn: ReadFunction,
  address: number,
  count: number,
  numbering: Numbering,
  extra: Pick<ScanQuestion, 'patience' | 'share'> = {},
): RegisterQuestion => {
  numbering.next = (numbering.next % 0xffff) + 1
  const id = numbering.next
  return {
    id,
    bytes: encodeFrame(framing, unit, encodeRequest({ function: fn, address, quantity: count }), id),
    what: `Modbus unit ${unit}, function ${fn}, ${count === 1 ? `register ${address}` : `registers ${address} to ${address + count - 1}`}`,
    replyBytes: frameLength(framing, 2 + 2 * count),
    isWhole: (heard) => {
      const { kind } = hearModbus(framing, unit, fn, count, id, heard)
      return kind === 'words' || kind === 'exception'
    },
    ...extra,
  }
}

/** One read, judged. */
export function* readWords(
  framing: Framing,
  unit: number,
  fn: ReadFunction,
  address: number,
  count: number,
  numbering: Numbering,
  extra: Pick<ScanQuestion, 'patience' | 'share'> = {},
): ScanStrategy<{ answered: Answered; tx: Uint8Array; rx: Uint8Array }> {
  const question = registerQuestion(framing, unit, fn, address, count, numbering, extra)
  const rx = yield question
  return { answered: hearModbus(framing, unit, fn, count, question.id, rx), tx: question.bytes, rx }
}

export const isSomebody = (answered: Answered): boolean =>
  answered.kind === 'words' || (answered.kind === 'exception' && !NOBODY.has(answered.code))

export interface SweepOptions {
  readonly units: readonly number[]
  readonly functions: readonly ReadFunction[]
  /** Told of every unit that answered, refusals included. */
  found(unit: number, proofs: readonly ScanProof[], answered: Answered): void
}

export interface SweepResult {
  readonly units: readonly number[]
  /** Units whose answers stay damaged. */
  readonly damaged: readonly number[]
  /** Units of which a gateway says that nobody answers there: it speaks Modbus TCP itself. */
  readonly refusedByGateway: number
}

const saysOf = (unit: number, answered: Answered): string =>
  answered.kind === 'exception' ? `unit ${unit} refuses with exception ${answered.code}` : `unit ${unit} answers`

/**
 * Asks units one after another for one register; a refusal is an answer as well. A late answer names its unit, which is then asked
 * again with more patience.
 */
export function* sweepUnits(framing: Framing, numbering: Numbering, { units, functions, found }: SweepOptions): ScanStrategy<SweepResult> {
  const known = new Set<number>()
  const damaged: number[] = []
  const late = new Set<number>()
  let refusedByGateway = 0
  const wanted = new Set(units)
  for (const [nth, fn] of functions.entries())
    for (const [at, unit] of units.entries()) {
      if (known.has(unit)) continue
      const share = (nth + at / units.length) / functions.length
      let heard = yield* readWords(framing, unit, fn, 0, 1, numbering, { share })
      // Noise heals when it is asked again, two units with one address do not.
      if (heard.answered.kind === 'damaged') heard = yield* readWords(framing, unit, fn, 0, 1, numbering, { share, patience: 2 })
      const { answered, tx, rx } = heard
      if (answered.kind === 'strangers') for (const other of answered.units) if (wanted.has(other) && !known.has(other)) late.add(other)
      if (answered.kind === 'damaged' && !damaged.includes(unit)) damaged.push(unit)
      if (answered.kind === 'exception' && NOBODY.has(answered.code)) refusedByGateway++
      if (!isSomebody(answered)) continue
      known.add(unit)
      found(unit, [{ what: 'answer to the search', tx, rx, says: saysOf(unit, answered) }], answered)
    }
  for (const unit of late) {
    if (known.has(unit)) continue
    for (const fn of functions) {
      const { answered, tx, rx } = yield* readWords(framing, unit, fn, 0, 1, numbering, { share: 1, patience: 6 })
      if (!isSomebody(answered) || known.has(unit)) continue
      known.add(unit)
      found(unit, [{ what: 'late answer', tx, rx, says: saysOf(unit, answered) }], answered)
    }
  }
  return { units: [...known].sort((a, b) => a - b), damaged: damaged.filter((unit) => !known.has(unit)), refusedByGateway }
}

/**
 * A frame of a line that numbers its requests itself, as the answer to the question that was asked there.
 *
 * @returns null when it is no Modbus frame
 */
export const renumbered = (frame: object, question: Uint8Array): Uint8Array | null => {
  if (!('pdu' in frame && frame.pdu instanceof Uint8Array && 'unit' in frame && typeof frame.unit === 'number')) return null
  return encodeFrame('tcp', frame.unit, frame.pdu, (question[0]! << 8) | question[1]!)
}
