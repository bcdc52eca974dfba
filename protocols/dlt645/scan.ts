import { isDiscarded, type ScanProof, type ScanQuestion, type ScanStrategy } from '../../src/core/index.ts'
import { digitsText } from './bcd.ts'
import { createDeframer } from './deframer.ts'
import { addressMatches, BROADCAST, CONTROL, diBytes, encodeFrame, type Frame, type Variant, WILDCARD } from './frame.ts'

/** Control codes of reads; nothing else leaves a search. @source DL/T 645-2007, 7.1 and 7.3; DL/T 645-1997, 5.2 */
const READ: Readonly<Record<Variant, number>> = { 2007: 0x11, 1997: 0x01 }
const READ_ADDRESS = 0x13

/**
 * What a search asks for, the first one in every step, the others where one clean answer came. In 2007 the first is the meter's own
 * address, so that meters that repeat the wildcard name themselves. Different items have different checksums: a stronger answer that
 * covers a weaker one bit for bit does not do so for all of them.
 */
const ITEMS: Readonly<Record<Variant, readonly string[]>> = {
  2007: ['04000401', '00010000', '02010100', '04000402', '04000102'],
  1997: ['9010', 'B611', 'C032', 'C011', 'C010'],
}
const OWN_ADDRESS = '04000401'

/** Pairs that an address can hold in one place. */
const PAIRS = Array.from({ length: 100 }, (_, pair) => String(pair).padStart(2, '0'))

/** Whole addresses in a row that give damaged answers and nothing else: then it is not meters that answer. */
const MOST_IN_VAIN = 4
/** About 40 meters whose addresses differ in their first digits only, twice over. */
const MOST_QUESTIONS = 20_000

/** Everything that was heard in one window. */
export interface Dlt645Heard {
  readonly frames: readonly Frame[]
  /** Bytes that are no frame: two meters at once, noise, or another speed. */
  readonly damaged: boolean
}

/** Takes a window of raw bytes apart. */
export const hear = (bytes: Uint8Array): Dlt645Heard => {
  const deframer = createDeframer()
  const frames: Frame[] = []
  let damaged = false
  for (const item of deframer.push(bytes))
    if (isDiscarded(item)) damaged = true
    else if (item.control & CONTROL.response) frames.push(item)
  return { frames, damaged: deframer.flush() !== null || damaged }
}

/** The address a frame comes from: its own, or the one in its data where the meter repeats the wildcard. Null when neither is known. */
export const addressOf = ({ address, control, data }: Frame): string | null => {
  if (/^\d{12}$/.test(address)) return address
  const at = (control & CONTROL.function) === READ_ADDRESS ? 0 : 4
  const isOwn = at === 0 || digitsText(data, 0, 4) === OWN_ADDRESS
  if ((control & CONTROL.abnormal) !== 0 || data.length !== at + 6 || !isOwn) return null
  const text = digitsText(data, at, 6)
  return /^\d{12}$/.test(text) ? text : null
}

const readQuestion = (variant: Variant, address: string, di: string, share?: number): ScanQuestion => ({
  bytes: encodeFrame({ address, control: READ[variant], data: diBytes(di) }),
  what: `DL/T 645-${variant} ${address}, item ${di}`,
  replyBytes: 30,
  // Whoever fits a wildcard may answer; a whole address means one meter.
  isWhole: (heard) => !address.includes('AA') && hear(heard).frames.some((frame) => frame.address === address),
  ...(share === undefined ? {} : { share }),
})

/** Reads one item of one meter: the direct proof that it is there. */
export const readItemQuestion = (variant: Variant, address: string, di: string): ScanQuestion => readQuestion(variant, address, di)

const addressQuestion = (): ScanQuestion => ({
  bytes: encodeFrame({ address: WILDCARD, control: READ_ADDRESS, data: new Uint8Array(0) }),
  what: 'DL/T 645-2007 read address of any meter (13H)',
  replyBytes: 22,
  isWhole: () => false,
})

/** Asks whether any DL/T 645 meter hears us at this speed: whatever comes back, damaged or not, says that somebody is there. */
export function* knockDlt645(variant: Variant): ScanStrategy<'silent' | 'somebody' | 'damaged'> {
  const answers: Uint8Array[] = []
  if (variant === '2007') answers.push(yield addressQuestion())
  if (!answers.some((bytes) => hear(bytes).frames.length > 0)) answers.push(yield readQuestion(variant, WILDCARD, ITEMS[variant][0]!))
  if (answers.some((bytes) => hear(bytes).frames.length > 0)) return 'somebody'
  return answers.some((bytes) => bytes.length > 0) ? 'damaged' : 'silent'
}

export interface SearchOptions {
  /** Further items asked where one clean answer came, to see whether another meter hides below it. */
  readonly checks: number
  /** Goes one step down below every meter that was found: finds meters that a stronger one drowns. */
  readonly below: boolean
  /** Goes down even when nobody answers the wildcard for all. */
  readonly insist: boolean
  /** Told of every meter as soon as a direct read has confirmed it. */
  found(address: string, proofs: readonly ScanProof[]): void
}

export interface SearchResult {
  readonly addresses: readonly string[]
  /** Whole addresses whose answers stay damaged: two meters with one address, or a bad line. */
  readonly doubled: readonly string[]
  /** Shortened addresses that stayed damaged although none of those below them answered. */
  readonly unresolved: readonly string[]
  /** The search was given up: something babbles on the line whatever is asked. */
  readonly noisy: boolean
}

/** One answer to a shortened address, judged. */
interface Judged {
  readonly silent: boolean
  /** Addresses that came in whole frames and fit what was asked. */
  readonly addresses: readonly string[]
  /** One whole frame and nothing else. */
  readonly single: boolean
  /** A single frame that names its meter. */
  readonly clean: boolean
  readonly tx: Uint8Array
  readonly rx: Uint8Array
}

/**
 * Finds the meters of a line by shortened addresses (缩位寻址): a wildcard for all, then the last pair of digits fixed in turn, and
 * wherever two meters answer at once (damaged bytes, or several frames) the next pair too. Every address is confirmed by a direct read.
 * Cost: 100 questions for each ending that two or more meters share, three or so for each meter.
 *
 * @source DL/T 645-2007, 5.2 address field: AAH in the high pairs stands for any; 1997 alike
 */
export function* searchAddresses(variant: Variant, options: SearchOptions): ScanStrategy<SearchResult> {
  const found = new Set<string>()
  const refuted = new Set<string>()
  const doubled: string[] = []
  const unresolved: string[] = []
  let noisy = false
  let vain = 0
  let questions = 0
  const [first, ...others] = ITEMS[variant]
  const checks = others.slice(0, options.checks)

  function* ask(question: ScanQuestion, pattern: string): ScanStrategy<Judged> {
    const rx = yield question
    const heard = hear(rx)
    if (++questions >= MOST_QUESTIONS) noisy = true
    // A late answer to the question before is whole, and about somebody else.
    const frames = heard.frames.filter((frame) => addressMatches(pattern, frame.address))
    const { damaged } = heard
    const addresses = [...new Set(frames.flatMap((frame) => addressOf(frame) ?? []))].filter((address) => addressMatches(pattern, address))
    const single = !damaged && frames.length === 1
    return { silent: frames.length === 0 && !damaged, addresses, single, clean: single && addresses.length === 1, tx: question.bytes, rx }
  }

  /** A direct read: an address made of two answers laid over each other has nobody behind it. */
  function* confirm(address: string, met: Judged): ScanStrategy<boolean> {
    if (found.has(address)) return true
    if (refuted.has(address)) return false
    for (let attempt = 0; attempt < 2; attempt++) {
      const question = readQuestion(variant, address, first!)
      const rx = yield question
      const own = hear(rx).frames.filter((frame) => frame.address === address)
      if (own.length === 0) continue
      found.add(address)
      vain = 0
      const refusal = own[0]!.control & CONTROL.abnormal
      options.found(address, [
        { what: 'answer to the search', tx: met.tx, rx: met.rx, says: `a meter ${address}` },
        {
          what: 'direct read',
          tx: question.bytes,
          rx,
          says: refusal ? `${address} is there and refuses item ${first}` : `${address} answers item ${first}`,
        },
      ])
      return true
    }
    refuted.add(address)
    return false
  }

  /** Whether only this meter answers the pattern, as far as one can hear. */
  function* isAlone(pattern: string, address: string): ScanStrategy<boolean> {
    // Silence proves nothing: the model may not know the item. A meter that repeats the wildcard names itself in one item only.
    const agrees = ({ silent, single, addresses }: Judged) => silent || (single && (addresses[0] ?? address) === address)
    for (const di of checks) {
      const question = readQuestion(variant, pattern, di)
      if (!agrees(yield* ask(question, pattern)) && !agrees(yield* ask(question, pattern))) return false
    }
    return true
  }

  /** @param fixed  digits known, from the end */
  function* below(fixed: string, from: number, to: number, further: boolean): ScanStrategy<number> {
    let answers = 0
    for (const [at, pair] of PAIRS.entries()) {
      if (noisy) break
      const share = from + ((to - from) * at) / PAIRS.length
      if (yield* node(pair + fixed, share, share + (to - from) / PAIRS.length, further)) answers++
    }
    return answers
  }

  /**
   * @param further  whether to look below a meter that answers alone
   * @returns        whether somebody answered
   */
  function* node(fixed: string, from: number, to: number, further: boolean): ScanStrategy<boolean> {
    const pattern = fixed.padStart(12, 'A')
    const isWhole = fixed.length === 12
    let judged = yield* ask(readQuestion(variant, pattern, first!, from), pattern)
    if (judged.silent) return false
    // Noise heals when it is asked again, two meters do not.
    if (!judged.clean) {
      const again = yield* ask(readQuestion(variant, pattern, first!, from), pattern)
      if (!again.silent) judged = again
    }
    const [only] = judged.addresses
    if (judged.clean && only !== undefined && (yield* confirm(only, judged))) {
      if (isWhole) return true
      const alone = yield* isAlone(pattern, only)
      if (!alone || further) yield* below(fixed, from, to, further && !alone)
      return true
    }
    for (const address of judged.addresses) yield* confirm(address, judged)
    if (isWhole) {
      if (found.has(pattern)) return true
      doubled.push(pattern)
      if (++vain >= MOST_IN_VAIN) noisy = true
      return true
    }
    if ((yield* below(fixed, from, to, further)) === 0 && judged.addresses.length === 0) unresolved.push(pattern)
    return true
  }

  const result = (): SearchResult => ({ addresses: [...found].sort(), doubled, unresolved, noisy })
  const all: Judged[] = []
  if (variant === '2007') all.push(yield* ask(addressQuestion(), WILDCARD))
  all.push(yield* ask(readQuestion(variant, WILDCARD, first!), WILDCARD))
  if (all.every(({ silent }) => silent)) {
    // A few old meters answer reads to the broadcast address.
    if (options.insist) all.push(yield* ask({ ...readQuestion(variant, BROADCAST, first!), isWhole: () => false }, WILDCARD))
    if (all.every(({ silent }) => silent) && !options.insist) return result()
  }
  const answered = all.filter(({ silent }) => !silent)
  const heard = answered[0]
  const [only] = heard?.addresses ?? []
  if (heard && only !== undefined && answered.every(({ clean, addresses }) => clean && addresses[0] === only)) {
    if ((yield* confirm(only, heard)) && (yield* isAlone(WILDCARD, only)) && !options.below) return result()
  } else for (const judged of answered) for (const address of judged.addresses) yield* confirm(address, judged)
  const answers = yield* below('', 0, 1, options.below)
  if (answers === 0 && answered.length > 0 && found.size === 0) unresolved.push(WILDCARD)
  return result()
}
