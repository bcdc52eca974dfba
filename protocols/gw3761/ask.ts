import { err, type GatewayError, ok } from '../../src/core/result.ts'
import type { TerminalRequest, TerminalTalk } from '../../src/core/terminal.ts'
import { parseTerminal, type TerminalAddress } from './address.ts'
import { wantsPassword } from './aux.ts'
import { encodeFrame, type Frame } from './frame.ts'
import { IDENTIFIER_SIZE, type PointItem, readIdentifier } from './identifiers.ts'
import { requestParts } from './seq.ts'
import { refuse } from './talk-errors.ts'

/** A talk with one terminal, under which conditions it is held. */
export interface Manner {
  /** In the form of the ledger. */
  readonly terminal: string
  /** Master address (主站地址 MSA), 0 to 127. */
  readonly msa: number
  /** Bytes of PW behind AFN 04, 05 and 10, all zero: 16 by the standard, 2 in the older edition, some masters send none with AFN 10. */
  readonly passwordBytes: 0 | 2 | 16
}

export type Talk<T> = TerminalTalk<T, Frame>

/** AFNs of a master's requests. */
export const AFN = {
  set: 0x04,
  control: 0x05,
  configuration: 0x09,
  query: 0x0a,
  task: 0x0b,
  now: 0x0c,
  past: 0x0d,
  events: 0x0e,
  forward: 0x10,
} as const
/** AFN of confirmation and denial. */
export const CONFIRM = 0x00
/** Numbers of requests and answers run from 0 to this. */
export const MAX_SEQUENCE = 15

/** One request, before the session gives it a number. */
export interface Question {
  readonly afn: number
  /** Data units, without PW. */
  readonly data: Uint8Array
  /** Pairs an answer may be about; null = any. Those of an earlier answer of the same talk that came late are taken too. */
  readonly about: ((pair: PointItem) => boolean) | null
  /** Whether a frame about these pairs can answer it all the same; absent = every one can. */
  readonly admits?: (frame: Frame) => boolean
  readonly reach: TerminalRequest<Frame>['reach']
  readonly writes?: boolean
}

/** Numbers a talk has used: the rest of an answer may come under an earlier one. */
export type Used = Set<number>

/** So many requests back an answer is still taken: further back their numbers come around. */
const KEPT = 4
const remember = (used: Used, sequence: number): void => {
  used.delete(sequence)
  used.add(sequence)
  for (const oldest of used) if (used.size > KEPT) used.delete(oldest)
}
/** Whether a number is that of an earlier request of the talk, or the one behind it. */
const isEarlier = (number: number, sequence: number, used: Used): boolean =>
  [number, (number + MAX_SEQUENCE) & MAX_SEQUENCE].some((one) => one !== sequence && used.has(one))

/** What came for a question: whole frames in order, and why there are no more of them (null = the answer ended). */
export interface Heard {
  readonly frames: readonly Frame[]
  readonly failure: GatewayError | null
}

const requestOf = (
  name: TerminalAddress,
  manner: Manner,
  { afn, data, reach, writes = false, about, admits }: Question,
  used: Used,
  parts: Frame[],
) => {
  const password = wantsPassword(afn) ? manner.passwordBytes : 0
  const link = afn === AFN.set || afn === AFN.control ? 10 : 11
  const body = new Uint8Array(data.length + password)
  body.set(data)
  const isAbout = (frame: Frame): boolean => {
    if (about === null) return true
    if (frame.data.length < IDENTIFIER_SIZE) return false
    const pairs = readIdentifier(frame.data, 0)
    return pairs.length > 0 && pairs.every(about) && (admits?.(frame) ?? true)
  }
  const request: TerminalRequest<Frame> = {
    make: (sequence) => {
      remember(used, sequence)
      return encodeFrame(requestParts({ ...name, msa: manner.msa, number: sequence }, afn, link, body))
    },
    judge: (frame, sequence) => {
      if (frame.dir !== 'up' || frame.region !== name.region || frame.terminal !== name.terminal) return 'stranger'
      const { number, fir, fin } = frame.seq
      if (frame.afn === CONFIRM) {
        if (number !== sequence) return 'stranger'
        parts.push(frame)
        // A terminal that will ask a meter may say first that it heard.
        return reach === 'field' && !writes && verdictOf(frame)?.kind === 'confirmed' ? 'part' : 'last'
      }
      if (frame.afn !== afn || writes) return 'stranger'
      // Frames behind the first count on from its number in some terminals, and repeat it in others.
      const mine = number === sequence || (parts.length > 0 && number === ((sequence + parts.length) & MAX_SEQUENCE))
      if (mine) {
        // The middle of a cut unit begins with no identifier.
        if (!isAbout(frame) && (fir || parts.length === 0)) return 'stranger'
        parts.push(frame)
        return fin ? 'last' : 'part'
      }
      if (about === null || !isEarlier(number, sequence, used) || !isAbout(frame)) return 'stranger'
      parts.push(frame)
      return 'part'
    },
    reach,
    ...(writes ? { writes } : {}),
  }
  return request
}

/**
 * Asks once. What came before an answer broke off is kept.
 *
 * @errors  GW3761_ADDRESS
 */
export function* ask(manner: Manner, question: Question, used: Used = new Set()): Talk<Heard> {
  const name = parseTerminal(manner.terminal)
  if (!name.ok) return name
  const parts: Frame[] = []
  const answer = yield requestOf(name.value, manner, question, used, parts)
  const frames = parts.length > 0 ? parts : answer.ok ? answer.value : []
  return ok({ frames, failure: answer.ok ? null : answer.error })
}

/** What an AFN 00 frame says: everything confirmed, everything denied, or an error number for each pair. */
export type Verdict =
  | { readonly kind: 'confirmed' | 'denied' }
  | { readonly kind: 'each'; readonly items: readonly (PointItem & { readonly error: number })[] }

/** @source Q/GDW 376.1-2009, AFN 00: F1 all confirmed, F2 all denied, F3 AFN and { DA DT ERR } */
export const verdictOf = (frame: Frame, limit = frame.data.length): Verdict | null => {
  if (frame.afn !== CONFIRM) return null
  const { data } = frame
  const [first] = readIdentifier(data, 0)
  if (first?.fn === 1) return { kind: 'confirmed' }
  if (first?.fn === 2) return { kind: 'denied' }
  if (first?.fn !== 3) return null
  const items: (PointItem & { error: number })[] = []
  for (let at = IDENTIFIER_SIZE + 1; at + IDENTIFIER_SIZE < limit; at += IDENTIFIER_SIZE + 1) {
    const error = data[at + IDENTIFIER_SIZE]!
    const pairs = readIdentifier(data, at)
    if (pairs.length === 0) break
    items.push(...pairs.map((pair) => ({ ...pair, error })))
  }
  return { kind: 'each', items }
}

const errText = (error: number): string => `ERR ${error}`

/**
 * Sends something that is answered by AFN 00 alone: parameters and commands.
 *
 * @returns  pairs that were denied with their error number; none = everything was confirmed
 * @errors   GW3761_DENIED when everything was, GW3761_ANSWER for an answer that says neither
 */
export function* command(
  manner: Manner,
  question: Omit<Question, 'about' | 'writes'>,
  what: string,
): Talk<readonly (PointItem & { readonly error: number })[]> {
  const heard = yield* ask(manner, { ...question, about: null, writes: true })
  if (!heard.ok) return heard
  const { frames, failure } = heard.value
  const [frame] = frames
  if (!frame && failure) return err(failure)
  if (!frame) return refuse('GW3761_ANSWER', `${manner.terminal}: ${what} was answered by nothing`, { terminal: manner.terminal })
  const verdict = verdictOf(frame)
  if (verdict === null)
    return refuse('GW3761_ANSWER', `${manner.terminal}: ${what}: neither confirmed nor denied`, { terminal: manner.terminal })
  if (verdict.kind === 'denied') return refuse('GW3761_DENIED', `${manner.terminal} denies ${what}`, { terminal: manner.terminal })
  return ok(verdict.kind === 'each' ? verdict.items.filter(({ error }) => error !== 0) : [])
}

/** The same where one item is sent: a denial of it is a failure. */
export function* commandOne(manner: Manner, question: Omit<Question, 'about' | 'writes'>, what: string): Talk<null> {
  const denied = yield* command(manner, question, what)
  if (!denied.ok) return denied
  const [first] = denied.value
  if (first)
    return refuse('GW3761_DENIED', `${manner.terminal} denies ${what} with ${errText(first.error)}`, {
      terminal: manner.terminal,
      err: first.error,
    })
  return ok(null)
}
