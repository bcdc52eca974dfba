import { failWith, ok, type Result } from '../src/core/result.ts'
import type { Instrument } from './instrument.ts'
import { fraction, numberOf } from './random.ts'

/** What can be ordered of a meter or a line. */
export const FAULTS = {
  silent: 'no answer at all (dead meter, cut wire)',
  late: 'the answer comes `ms` too late, with the values of the time it was asked',
  noise: 'bytes that belong to nothing `where` = before, after or inside the answer',
  echo: 'the request comes back in front of the answer (two-wire adapter)',
  'wrong-unit': 'the answer carries another address',
  'wrong-function': 'the answer carries another function',
  exception: 'refused: Modbus exception or DL/T 645 error word `code`',
  busy: 'refused as busy: Modbus exception 6, DL/T 645 "other error"',
  truncated: 'the last `bytes` of the answer are missing',
  doubled: 'the answer comes twice in one piece',
  split: 'every byte of the answer comes by itself',
  glued: 'the previous answer of the line comes again in front of this one',
  clock: 'the meter clock is `offset` seconds ahead and gains `ppm` millionths',
  reset: 'the meter is exchanged: registers from zero, memory empty',
  rollover: 'the import register of a DL/T 645 or integer meter passes its last digit at `from`; order it at the start',
  reboot: 'silent for `seconds`, with a power-down event in its memory',
  burst: 'pushed: `messages` reports at once, one for each of the last seconds',
  duplicate: 'pushed: the same message comes again',
  ghost: 'pushed: a message `seconds` old stays with the broker as retained',
  partial: 'pushed: some members are left out of the message',
  broken: 'pushed: the message is cut in the middle, no JSON and no frame',
  unread: 'concentrator: what is asked for is not collected yet: EE, NULL',
  halved: 'concentrator: curves end after half of their points',
  unreached: 'concentrator: the power line does not reach `meter`',
  'hang-up': 'concentrator: the connection is closed in place of the answer',
  'half-open': 'concentrator: nothing is said or heard any more, and the connection stays',
} as const
export type FaultKind = keyof typeof FAULTS

/** What only a meter that pushes can do. */
const PUSHED: ReadonlySet<FaultKind> = new Set(['burst', 'duplicate', 'ghost', 'partial', 'broken'])
/** What a meter that pushes can do besides; the rest needs a question. */
const ALSO_PUSHED: ReadonlySet<FaultKind> = new Set(['silent', 'late', 'truncated', 'clock', 'reset', 'rollover', 'reboot'])
/** What only a concentrator can do; it does what polled meters do besides. */
const DIALLED: ReadonlySet<FaultKind> = new Set(['unread', 'halved', 'unreached', 'hang-up', 'half-open'])
/** How a simulated device comes to speak: it is asked on a line, it pushes messages, it dials in. */
export type Way = 'asked' | 'pushes' | 'dials'
const fits = (kind: FaultKind, way: Way): boolean => {
  if (way === 'pushes') return PUSHED.has(kind) || ALSO_PUSHED.has(kind)
  return !PUSHED.has(kind) && (way === 'dials' || !DIALLED.has(kind))
}

/** One order. Without meter and line it is for everybody. Times are village time, milliseconds since 1970 UTC. */
export interface Fault {
  readonly kind: FaultKind
  readonly meter?: string
  readonly line?: string
  /** Share of answers hit, 1 = all. Which ones follows from seed, meter and the number of its answer. */
  readonly probability?: number
  readonly from?: number
  readonly until?: number
  /** At most so many answers. */
  readonly count?: number
  readonly seed?: number
  readonly ms?: number
  readonly bytes?: number
  readonly where?: 'before' | 'after' | 'inside'
  readonly code?: number
  readonly offset?: number
  readonly ppm?: number
  readonly seconds?: number
  /** `burst`: how many. */
  readonly messages?: number
  /** `clock` of a meter that pushes: never set, counts from 1970. */
  readonly unset?: true
}

const fail = failWith({
  SIMULATOR_FAULT: { recovery: 'stop', hint: `write KIND[:key=value,...]; kinds: ${Object.keys(FAULTS).join(' ')}` },
})

const NUMBERS = new Set(['probability', 'count', 'seed', 'ms', 'bytes', 'code', 'offset', 'ppm', 'seconds', 'messages'])

/**
 * Reads an order as typed on a command line: `late:meter=M0003,ms=900,probability=0.2`. `after` and `for` are village seconds from `now`.
 *
 * @errors  SIMULATOR_FAULT
 */
export const parseFault = (text: string, now: number): Result<Fault> => {
  const [kind = '', rest = ''] = text.split(/:(.*)/s)
  if (!isKind(kind)) return fail('SIMULATOR_FAULT', `"${kind}" is no fault`)
  let fault: Fault = { kind }
  for (const pair of rest.split(',').filter((part) => part !== '')) {
    const [key = '', value = ''] = pair.split('=')
    const number = Number(value)
    if (key === 'meter' || key === 'line') fault = { ...fault, [key]: value }
    else if (key === 'where') {
      if (value !== 'before' && value !== 'after' && value !== 'inside')
        return fail('SIMULATOR_FAULT', `where=${value}; allowed: before, after, inside`)
      fault = { ...fault, where: value }
    } else if (key === 'unset' && (value === '' || number === 1)) fault = { ...fault, unset: true }
    else if (value === '' || Number.isNaN(number)) return fail('SIMULATOR_FAULT', `${pair} is no key=number`)
    else if (key === 'after') fault = { ...fault, from: now + number * 1000 }
    else if (key === 'for') fault = { ...fault, until: (fault.from ?? now) + number * 1000 }
    else if (NUMBERS.has(key)) fault = { ...fault, [key]: number }
    else return fail('SIMULATOR_FAULT', `${key} is no property of a fault`)
  }
  return ok(fault)
}

const isKind = (text: string): text is FaultKind => Object.hasOwn(FAULTS, text)

/**
 * Lets an order that changes the meter itself do so; every other kind works on answers.
 *
 * @param lastKwh  where the import register starts again
 */
export const strike = (meter: Instrument, fault: Fault, at: number, lastKwh: number): void => {
  if (fault.kind === 'clock') meter.setClock(at, (fault.offset ?? 0) * 1000, fault.ppm ?? 0)
  if (fault.kind === 'reset') meter.exchange(at)
  if (fault.kind === 'rollover') meter.rollAt(at, lastKwh * 3_600_000 * meter.ct * meter.pt)
  if (fault.kind === 'reboot')
    meter.events.push({ code: 0x11, at, start: meter.ownTime(at), end: meter.ownTime(at) + (fault.seconds ?? 30) * 1000 })
}

/** Takes orders and says, for each answer, which of them hit it. */
export class FaultDesk {
  readonly #orders: { readonly fault: Fault; readonly number: number; used: number }[] = []
  readonly #answers = new Map<string, number>()

  /** @returns  a function that takes the order back */
  order(fault: Fault): () => void {
    const entry = { fault, number: this.#orders.length, used: 0 }
    this.#orders.push(entry)
    return () => {
      const at = this.#orders.indexOf(entry)
      if (at >= 0) this.#orders.splice(at, 1)
    }
  }

  get orders(): readonly Fault[] {
    return this.#orders.map(({ fault }) => fault)
  }

  /**
   * Orders that hit this answer, in the order they were given. Each call counts as one answer of the meter.
   *
   * @param way  how the device comes to speak
   */
  draw(line: string, meter: string, now: number, way: Way = 'asked'): readonly Fault[] {
    if (this.#orders.length === 0) return NONE
    const answer = (this.#answers.get(meter) ?? 0) + 1
    this.#answers.set(meter, answer)
    const hit: Fault[] = []
    for (const entry of this.#orders) {
      const { fault } = entry
      if (!fits(fault.kind, way)) continue
      if (fault.meter !== undefined && fault.meter !== meter) continue
      if (fault.line !== undefined && fault.line !== line) continue
      const until = fault.kind === 'reboot' ? (fault.from ?? 0) + (fault.seconds ?? 30) * 1000 : (fault.until ?? Infinity)
      if (now < (fault.from ?? -Infinity) || now >= until) continue
      if (fault.count !== undefined && entry.used >= fault.count) continue
      const chance = fault.probability ?? 1
      if (chance < 1 && fraction(fault.seed ?? 0, numberOf(meter), answer, entry.number) >= chance) continue
      entry.used++
      hit.push(fault)
    }
    return hit
  }
}

const NONE: readonly Fault[] = []
