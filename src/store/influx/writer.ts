import type { GatewayError } from '../../core/index.ts'
import { refusal, suspects, type Verdict } from './answers.ts'
import { fail } from './errors.ts'
import type { LineBatch } from './line-protocol.ts'

export interface DeadRow {
  readonly index: number
  readonly error: GatewayError
}

/** Why delivery ended early; the whole batch is offered again, which harms nothing. */
export type Halt = Extract<Verdict, { kind: 'later' | 'stop' }>

export interface Delivery {
  readonly dead: DeadRow[]
  readonly halt: Halt | null
  /** Some request was too large for the server: the next ones should hold fewer rows. */
  readonly tooLarge: boolean
}

/** Puts bytes on the wire and says what the server made of them. */
export type Send = (rows: Uint8Array) => Promise<Verdict>

type Refused = Extract<Verdict, { kind: 'refused' }>

/** More culprits than this at one in eight rows: the rows are then tried one by one, which is cheaper than halving. */
const DENSE = 8

/**
 * Brings the rows of a batch into the server: all but the ones it will never take, which are found out and named.
 *
 * A refused request is first split by what the server's words point at, then by halving towards the first culprit. A row counts as
 * stored only when a request that held it was accepted as a whole, never because a partial write said how many it dropped: a 1.x
 * server counts the drops of one shard and answers before it has heard from the others.
 */
export async function deliver(batch: LineBatch, send: Send): Promise<Delivery> {
  const dead: DeadRow[] = []
  let halt: Halt | null = null
  let tooLarge = false
  let stored = 0

  /** Sends rows [from, to); follows up a refusal only when told to. False = the server is not taking anything now. */
  const attempt = async (lines: LineBatch, from: number, to: number): Promise<Exclude<Verdict, Halt> | null> => {
    const verdict = await send(lines.slice(from, to))
    if (verdict.kind === 'later' || verdict.kind === 'stop') {
      halt = verdict
      return null
    }
    if (verdict.kind === 'no-database') {
      halt = { kind: 'stop', error: verdict.error }
      return null
    }
    if (verdict.kind === 'stored') stored += to - from
    return verdict
  }

  const bury = (lines: LineBatch, from: number, to: number, error: GatewayError): boolean => {
    for (let row = from; row < to; row++) dead.push({ index: lines.indexes[row]!, error })
    return true
  }

  /** True when every row of [from, to) is stored or dead. */
  const settle = async (lines: LineBatch, from: number, to: number): Promise<boolean> => {
    if (from === to) return true
    const verdict = await attempt(lines, from, to)
    if (verdict === null) return false
    if (verdict.kind === 'stored') return true
    if (verdict.kind === 'too-large') {
      tooLarge = true
      if (to - from === 1) return bury(lines, from, to, fail('INFLUX_TOO_LARGE', verdict.words).error)
      const middle = (from + to) >> 1
      return (await settle(lines, from, middle)) && (await settle(lines, middle, to))
    }
    return verdict.kind === 'refused' ? await sift(lines, from, to, verdict) : false
  }

  /** Rows [from, to) were refused together: parts the good from the bad. */
  const sift = async (lines: LineBatch, from: number, to: number, refused: Refused): Promise<boolean> => {
    const rows = to - from
    if (rows === 1 || refused.dropped === rows) return bury(lines, from, to, refusal(refused.words))
    const guessed = suspects(refused, lines.readings.slice(from, to)) ?? []
    if (guessed.length === 0 || guessed.length === rows) return await halve(lines, from, to, refused)
    const guess = new Set(guessed)
    const others = Array.from({ length: rows }, (_, row) => row).filter((row) => !guess.has(row))
    const pick = (wanted: readonly number[]) => lines.pick(wanted.map((row) => row + from))
    return (await settle(pick(others), 0, others.length)) && (await settle(pick(guessed), 0, guessed.length))
  }

  /** Finds the first culprit by halving, buries it, goes on behind it. */
  const halve = async (lines: LineBatch, from: number, to: number, first: Refused): Promise<boolean> => {
    let start = from
    let refused = first
    let culprits = 0
    while (start < to) {
      // Invariant: [start, end) was refused as a whole, or holds the first culprit of a request that was; before start all is settled.
      let end = to
      while (end - start > 1) {
        const middle = (start + end) >> 1
        const verdict = await attempt(lines, start, middle)
        if (verdict === null) return false
        if (verdict.kind === 'stored') start = middle
        else if (verdict.kind === 'refused') {
          end = middle
          refused = verdict
          if (verdict.dropped === middle - start && middle - start > 1) break
        } else return (await settle(lines, start, middle)) && (await settle(lines, middle, to))
      }
      // What no request ever spoke of as rows, and no row survives, is no matter of rows.
      if (!refused.ofRows && stored === 0 && culprits > 0) {
        halt = { kind: 'stop', error: fail('INFLUX_ENDPOINT', refused.words).error }
        return false
      }
      bury(lines, start, end, refusal(refused.words))
      culprits += end - start
      start = end
      if (culprits >= DENSE && culprits * DENSE > start - from) return await singly(lines, start, to)
      if (start === to) return true
      const rest = await attempt(lines, start, to)
      if (rest === null) return false
      if (rest.kind === 'stored') return true
      if (rest.kind !== 'refused') return await settle(lines, start, to)
      if (rest.dropped === to - start) return bury(lines, start, to, refusal(rest.words))
      refused = rest
    }
    return true
  }

  const singly = async (lines: LineBatch, from: number, to: number): Promise<boolean> => {
    for (let row = from; row < to; row++) if (!(await settle(lines, row, row + 1))) return false
    return true
  }

  await settle(batch, 0, batch.rows)
  return { dead, halt, tooLarge }
}
