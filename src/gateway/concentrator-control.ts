import { Type } from 'typebox'
import { Value } from 'typebox/value'
import { type ControlAct, type GatewayError, hexOf, ok, type Result } from '../core/index.ts'
import { concentratorFailure as fail } from './concentrator-errors.ts'
import type { ConcentratorFile, ControlRow, ControlStep } from './concentrator-file.ts'
import { askNow, type ConcentratorWorld, reach, terminalMeters } from './concentrator-world.ts'

/** A person, by the token that was shown: two names of one token are one person, two tokens of one name as well. */
export interface Person {
  readonly id: string
  readonly name: string
}

/** What is to be switched: a meter behind the concentrator, a turn of the concentrator, or the concentrator itself. */
export interface ControlOrder {
  readonly act: ControlAct
  /** Ledger id or address of a meter. */
  readonly meter?: string
  /** Turn (轮次); 0 = the terminal itself. */
  readonly point?: number
  readonly why: string
}

/** Where an act of control stands. `expired`: nobody confirmed it in time. `unknown`: sent, and nobody can say what became of it. */
export type ControlState = 'requested' | 'withdrawn' | 'expired' | 'sent' | 'done' | 'refused' | 'not-sent' | 'unknown'

export interface ControlNow {
  readonly id: number
  readonly concentrator: string
  readonly act: ControlAct
  readonly target: string
  readonly why: string
  readonly state: ControlState
  readonly requestedBy: string
  readonly requestedAt: number
  /** Until when it can be confirmed. */
  readonly until: number
  readonly confirmedBy: string | null
  readonly steps: readonly { readonly at: number; readonly step: ControlStep; readonly who: string; readonly text: string }[]
  /** What went over the wire, as a trace shows it: secrets are gone. */
  readonly frames: readonly string[]
}

export const CONTROL_WORDS = ['trip', 'permit-close', 'close', 'keep-power', 'release-power'] as const satisfies readonly ControlAct[]

/** A request that was not confirmed by then is void. */
export const CONFIRM_WITHIN_MS = 10 * 60_000

/** Failures that come before the first byte leaves. */
const NOT_SENT: ReadonlySet<string> = new Set([
  ...['TERMINAL_OFFLINE', 'TERMINAL_READ_ONLY', 'TERMINAL_BUSY', 'READ_CANCELLED', 'LINE_CLOSED'],
  ...[
    'CONCENTRATOR_OFFLINE',
    'CONCENTRATOR_READ_ONLY',
    'CONCENTRATOR_UNKNOWN',
    'CONCENTRATOR_UNUSABLE',
    'CONCENTRATOR_CANNOT',
    'CONTROL_OFF',
  ],
])
const ENDS: ReadonlySet<ControlStep> = new Set<ControlStep>(['withdrawn', 'done', 'refused', 'not-sent', 'unknown'])

interface Request {
  readonly order: ControlOrder
  readonly target: number | string
  readonly text: string
  readonly person: string
}

/**
 * Remote trip and close (遥控跳合闸). Nothing of it happens unless the site and the concentrator are switched on for it and two persons
 * want it: one asks, another confirms within ten minutes, once. Every step is a row that is only added, on the disk before its bytes
 * leave; what was sent is never sent again.
 */
export class ControlActs {
  readonly #world: ConcentratorWorld
  readonly #file: ConcentratorFile
  readonly #signal: AbortSignal

  constructor(world: ConcentratorWorld, file: ConcentratorFile, signal: AbortSignal) {
    this.#world = world
    this.#file = file
    this.#signal = signal
    for (const { concentrator, act } of file.unsettledControl())
      file.addControl(concentrator, {
        ...{ act, at: world.clock.now(), step: 'unknown', who: 'gateway', detail: '{}' },
        text: 'the gateway was stopped in the middle of it',
      })
  }

  /** @errors CONTROL_OFF, CONTROL_PENDING, CONCENTRATOR_UNKNOWN, CONCENTRATOR_UNUSABLE, CONCENTRATOR_READ_ONLY, CONCENTRATOR_OFFLINE, CONCENTRATOR_METER */
  request(id: string, order: ControlOrder, person: Person): Result<ControlNow> {
    const allowed = this.#allowed(id)
    if (!allowed.ok) return allowed
    const target = this.#target(id, order)
    if (!target.ok) return target
    const { adapter, settings } = allowed.value
    // Its first step is worked out and not sent: what the protocol cannot do is said at once.
    const refused = adapter.bind((one): Result<null> => {
      const first = one.control(settings.address, order.act, target.value).next()
      return first.done ? first.value : ok(null)
    })
    if (!refused.ok) return refused
    const text = typeof target.value === 'number' ? (target.value === 0 ? 'the terminal' : `turn ${target.value}`) : target.value
    const pending = this.list(id, Number.MAX_SAFE_INTEGER, 50).find(
      (one) => one.state === 'requested' && one.target === nameOf(order, text),
    )
    if (pending)
      return fail('CONTROL_PENDING', `request ${pending.id} of ${pending.requestedBy} for ${pending.target} waits for its second person`, {
        act: pending.id,
      })
    const at = this.#world.clock.now()
    const request: Request = { order, target: target.value, text: nameOf(order, text), person: person.id }
    const act = this.#file.requestControl(id, { at, who: person.name, text: order.why, detail: JSON.stringify(request) })
    this.#world.log(
      'warn',
      `concentrator ${id}: ${order.act} of ${request.text} was asked for by ${person.name} (${order.why}); act ${act} waits for a second person`,
    )
    return this.#now(id, act)
  }

  /** @errors CONTROL_UNKNOWN, CONTROL_OVER */
  withdraw(id: string, act: number, why: string, person: Person): Result<ControlNow> {
    const found = this.get(id, act)
    if (!found) return unknown(id, act)
    if (found.state !== 'requested') return fail('CONTROL_OVER', `act ${act} is ${found.state}`, { act })
    this.#file.addControl(id, { act, at: this.#world.clock.now(), step: 'withdrawn', who: person.name, text: why, detail: '{}' })
    return this.#now(id, act)
  }

  /**
   * Confirms and carries out, once.
   *
   * @errors CONTROL_UNKNOWN, CONTROL_OVER, CONTROL_LATE, CONTROL_SAME_PERSON, CONTROL_OFF, CONCENTRATOR_…
   */
  async confirm(id: string, act: number, person: Person): Promise<Result<ControlNow>> {
    const found = this.get(id, act)
    const request = this.#request(id, act)
    if (!found || !request) return unknown(id, act)
    if (found.state === 'expired')
      return fail('CONTROL_LATE', `act ${act} was asked for at ${new Date(found.requestedAt).toISOString()} and is void`, { act })
    if (found.state !== 'requested') return fail('CONTROL_OVER', `act ${act} is ${found.state}`, { act })
    if (request.person === person.id || found.requestedBy === person.name)
      return fail('CONTROL_SAME_PERSON', `act ${act} was asked for by ${found.requestedBy}, who cannot confirm it`, { act })
    const allowed = this.#allowed(id)
    if (!allowed.ok) return allowed
    const { settings } = allowed.value
    const note = (step: ControlStep, text: string, detail: object = {}) =>
      this.#file.addControl(id, { act, at: this.#world.clock.now(), step, who: person.name, text, detail: JSON.stringify(detail) })
    // On the disk before a byte leaves, and unique: of two who confirm at once, one is refused here.
    try {
      note('confirmed', '')
    } catch {
      return fail('CONTROL_OVER', `act ${act} was confirmed by somebody else`, { act })
    }
    const frames: string[] = []
    let isBegun = false
    const stop = this.#world.terminals.trace(id, ({ what, bytes }) => {
      // What was said while it waited for its turn is of others, and no sign that anything of it was sent.
      if (isBegun && (what === 'tx' || what === 'rx') && frames.length < MOST_FRAMES)
        frames.push(this.#frameText(settings.protocol, bytes, what))
    })
    try {
      const mayStill = () => this.#world.mayControl() && this.#world.find(id)?.settings?.allowWrites === true
      const { target, order } = request
      const done = await askNow<null>(
        this.#world,
        id,
        function* (adapter) {
          // It may have waited for its turn.
          if (!mayStill()) return fail('CONTROL_OFF', 'it was switched off while it waited')
          isBegun = true
          return yield* adapter.control(settings.address, order.act, target)
        },
        this.#signal,
      )
      const error = done.ok ? null : done.error
      note(endOf(error ?? undefined, frames), error?.message ?? 'confirmed by the concentrator', { frames, code: error?.code ?? null })
      this.#world.log(
        'warn',
        `concentrator ${id}: act ${act} (${order.act} of ${request.text}) confirmed by ${person.name}: ${error?.message ?? 'done'}`,
      )
      return error && NOT_SENT.has(error.code) ? { ok: false, error } : this.#now(id, act)
    } finally {
      stop()
    }
  }

  get(id: string, act: number): ControlNow | null {
    const rows = this.#file.controlRows(id, act)
    return rows.length === 0 ? null : this.#judge(id, rows)
  }

  /** Newest first. */
  list(id: string, before: number, limit: number): readonly ControlNow[] {
    return this.#file.controlActs(id, before, limit).flatMap((act) => this.get(id, act) ?? [])
  }

  #allowed(id: string) {
    return this.#world.mayControl()
      ? reach(this.#world, id, true)
      : fail('CONTROL_OFF', 'nothing is switched from here', { concentrator: id })
  }

  #target(id: string, { meter, point }: ControlOrder): Result<number | string> {
    if (meter === undefined) return ok(point ?? 0)
    const found = terminalMeters(this.#world, this.#file, id).find((one) => one.id === meter || one.address === meter)
    // By its address and never by its measuring point: where a protocol counts turns, the same number is the load of somebody else.
    return found
      ? ok(found.address)
      : fail('CONCENTRATOR_METER', `meter ${JSON.stringify(meter)} is not behind concentrator ${id}`, { meter })
  }

  #request(id: string, act: number): Request | null {
    const first = this.#file.controlRows(id, act)[0]
    return first ? requestOf(first) : null
  }

  #now(id: string, act: number): Result<ControlNow> {
    const now = this.get(id, act)
    return now ? ok(now) : unknown(id, act)
  }

  #judge(id: string, rows: readonly ControlRow[]): ControlNow | null {
    const [first] = rows
    const last = rows.at(-1)
    const request = first && requestOf(first)
    if (!first || !last || !request) return null
    const until = first.at + CONFIRM_WITHIN_MS
    const isOver = this.#world.clock.now() > until
    return {
      ...{ id: first.act, concentrator: id, act: request.order.act, target: request.text, why: first.text },
      state: stateOf(last.step, isOver),
      ...{ requestedBy: first.who, requestedAt: first.at, until },
      confirmedBy: rows.find(({ step }) => step === 'confirmed')?.who ?? null,
      steps: rows.map(({ at, step, who, text }) => ({ at, step, who, text })),
      frames: framesOf(last),
    }
  }

  /** Passwords of the message authentication are bytes nobody needs to see: the adapter's own words, and the head of the frame. */
  #frameText(protocol: string, bytes: Uint8Array, what: 'tx' | 'rx'): string {
    const said = this.#world.adapterOf(protocol)?.bind((adapter) => adapter.describe(bytes, what)) ?? ''
    return `${what} ${hexOf(bytes.subarray(0, SHOWN_BYTES))}${bytes.length > SHOWN_BYTES ? ' …' : ''} ${said}`.trim()
  }
}

/** Frame head, address, AFN, SEQ and the first identifier: before anything secret. @source Q/GDW 376.1, frame */
const SHOWN_BYTES = 18
/** Frames kept of one act: its own is the first. */
const MOST_FRAMES = 50

const nameOf = ({ meter }: ControlOrder, text: string): string => (meter === undefined ? text : `meter ${meter} (${text})`)

const stateOf = (step: ControlStep, isOver: boolean): ControlState => {
  if (step === 'requested') return isOver ? 'expired' : 'requested'
  return ENDS.has(step) && step !== 'confirmed' ? step : 'sent'
}

/** What became of it: a refusal is an answer; silence after something left, or an answer nobody understands, is not known. */
const endOf = ({ code } = NONE, frames: readonly string[]): ControlStep => {
  if (code === '') return 'done'
  if (!frames.some((text) => text.startsWith('tx'))) return 'not-sent'
  return /REFUS|DENI/.test(code) ? 'refused' : 'unknown'
}
const NONE: Pick<GatewayError, 'code'> = { code: '' }

const Asked = Type.Object({
  order: Type.Object({
    act: Type.Union([...CONTROL_WORDS.map((word) => Type.Literal(word))]),
    ...{ meter: Type.Optional(Type.String()), point: Type.Optional(Type.Integer()), why: Type.String() },
  }),
  ...{ target: Type.Union([Type.Integer(), Type.String()]), text: Type.String(), person: Type.String() },
})

const requestOf = ({ detail }: ControlRow): Request | null => {
  const read: unknown = JSON.parse(detail)
  return Value.Check(Asked, read) ? read : null
}

const Ended = Type.Object({ frames: Type.Array(Type.String()) })

const framesOf = ({ detail }: ControlRow): readonly string[] => {
  const read: unknown = JSON.parse(detail)
  return Value.Check(Ended, read) ? read.frames : []
}

const unknown = (id: string, act: number) => fail('CONTROL_UNKNOWN', `concentrator ${id} has no act of control ${act}`, { act })
