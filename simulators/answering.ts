import { appendFile } from 'node:fs'
import type { Clock } from '../src/core/clock.ts'
import { type Fault, FaultDesk } from './faults.ts'
import { mix } from './random.ts'
import { noTruth, type Truth, type TruthValue } from './truth.ts'
import type { Wire } from './wire.ts'

/** How a protocol spoils its own frames. */
export interface Craft {
  /** The same answer from another address, checksum right. */
  readdress(frame: Uint8Array): Uint8Array
  /** The same answer with another function, checksum right. */
  refunction(frame: Uint8Array): Uint8Array
  /** A refusal of the request; `busy` = the protocol's word for "later". */
  refuse(request: Uint8Array, code: number | 'busy' | null): Uint8Array
}

/** An answer that is ready to go. */
export interface Answer {
  readonly request: Uint8Array
  readonly frame: Uint8Array
  readonly values: readonly TruthValue[]
  /** Village time of the values. */
  readonly instant: number
  /** Real time (monotonic) when the request was whole. */
  readonly askedAt: number
  readonly meter: string
  readonly line: string
}

/** What all simulated meters of one field share. */
export interface Field {
  readonly clock: Clock
  readonly truth: Truth
  readonly desk: FaultDesk
  /** File for faults that struck, null = nobody wants to know. */
  readonly faultLog: string | null
}

/** A field with nothing but a clock. */
export const plainField = (clock: Clock, truth: Truth = noTruth, faultLog: string | null = null): Field => ({
  clock,
  truth,
  desk: new FaultDesk(),
  faultLog,
})

/**
 * Sends one answer: draws its faults, writes the truth down, then puts the bytes on the wire at their time.
 * Reaction, lateness and pacing count from the moment the request was whole, not from when the disk was ready.
 */
export const sendAnswer = (field: Field, wire: Wire, craft: Craft, answer: Answer): void => {
  const faults = field.desk.draw(answer.line, answer.meter, answer.instant)
  if (faults.length === 0) {
    field.truth.said(answer.instant, answer.meter, answer.values, null, () =>
      wire.send([{ bytes: answer.frame, delayMs: 0 }], answer.request.length, answer.askedAt),
    )
    wire.previous = answer.frame
    return
  }
  const { pieces, names, refused } = spoil(answer, faults, craft, wire.previous)
  if (field.faultLog !== null && names.length > 0)
    appendFile(
      field.faultLog,
      `${JSON.stringify({ instant: new Date(answer.instant).toISOString(), meter: answer.meter, line: answer.line, faults: names })}\n`,
      () => {},
    )
  if (pieces.length === 0) return
  if (!refused) wire.previous = answer.frame
  const name = names.length === 0 ? null : names.join('+')
  field.truth.said(answer.instant, answer.meter, refused ? [] : answer.values, name, () =>
    wire.send(pieces, answer.request.length, answer.askedAt),
  )
}

/** Bytes and how long after the ordinary moment they leave. */
export interface Piece {
  readonly bytes: Uint8Array
  readonly delayMs: number
}

/** States of the meter itself (clock, reset, rollover) work elsewhere: they change what is answered, not the answer. */
const spoil = (
  answer: Answer,
  faults: readonly Fault[],
  craft: Craft,
  previous: Uint8Array | null,
): { pieces: Piece[]; names: string[]; refused: boolean } => {
  let frame = answer.frame
  let delayMs = 0
  let refused = false
  let each = false
  const names: string[] = []
  for (const fault of faults) {
    if (fault.kind === 'clock' || fault.kind === 'reset' || fault.kind === 'rollover') continue
    names.push(fault.kind)
    const noise = (): Uint8Array => noiseBytes(fault.bytes ?? 3, fault.seed ?? 0, answer.instant)
    switch (fault.kind) {
      case 'silent':
      case 'reboot':
        return { pieces: [], names, refused: true }
      case 'exception':
      case 'busy':
        frame = craft.refuse(answer.request, fault.kind === 'busy' ? 'busy' : (fault.code ?? null))
        refused = true
        break
      case 'wrong-unit':
        frame = craft.readdress(frame)
        break
      case 'wrong-function':
        frame = craft.refunction(frame)
        break
      case 'late':
        delayMs += fault.ms ?? 900
        break
      case 'truncated':
        frame = frame.subarray(0, Math.max(1, frame.length - (fault.bytes ?? 3)))
        break
      case 'noise': {
        const middle = Math.floor(frame.length / 2)
        if (fault.where === 'inside') frame = joined(frame.subarray(0, middle), noise(), frame.subarray(middle))
        else frame = fault.where === 'after' ? joined(frame, noise()) : joined(noise(), frame)
        break
      }
      case 'echo':
        frame = joined(answer.request, frame)
        break
      case 'doubled':
        frame = joined(frame, frame)
        break
      case 'glued':
        if (previous) frame = joined(previous, frame)
        break
      case 'split':
        each = true
        break
    }
  }
  const pieces = each
    ? Array.from(frame, (byte, at) => ({ bytes: Uint8Array.of(byte), delayMs: delayMs + at * 2 }))
    : [{ bytes: frame, delayMs }]
  return { pieces, names, refused }
}

const noiseBytes = (count: number, seed: number, instant: number): Uint8Array =>
  Uint8Array.from({ length: count }, (_, at) => mix(seed, instant % 0x1_0000_0000, at) & 0xff)

const joined = (...parts: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts))
