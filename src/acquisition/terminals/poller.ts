import {
  type AnyTerminalAdapter,
  type Clock,
  type Exchanged,
  err,
  type FramePart,
  type GatewayError,
  type MeterTime,
  ok,
  type Profile,
  type RegisterPlan,
  type Result,
  type Sample,
  type Selection,
  type TerminalAsked,
  type TerminalMeter,
  type TerminalPlan,
} from '../../core/index.ts'
import { countTalk, type Device, type DeviceHealth, type DeviceSpec, newTalkCounts } from '../device.ts'
import { fail as lineFail } from '../errors.ts'
import type { Priority } from '../jobs.ts'
import type { ReadOptions, Taken } from '../poller.ts'
import { countIn } from '../stats.ts'
import type { TerminalSettings, TerminalsPort } from './types.ts'

/** Reads that come one after another go together when they come within this, milliseconds. */
const GATHER_MS = 200
/** Meters of one batch at most, whatever a frame could hold. */
const MOST_TOGETHER = 64
/** Frame limit of a terminal that is no more. */
const SMALLEST_LIMIT = 255
/** Failures that say nothing about the meter: its terminal was not there, or would not be asked. */
const SAYS_NOTHING: ReadonlySet<string> = new Set([
  ...['TERMINAL_OFFLINE', 'TERMINAL_LOST', 'TERMINAL_NO_REPLY', 'TERMINAL_BABBLE', 'TERMINAL_BUSY', 'READ_CANCELLED', 'LINE_CLOSED'],
])

export interface TerminalPollerDeps {
  readonly terminals: Pick<TerminalsPort, 'ask'>
  /** Ledger id of the terminal. */
  readonly id: string
  /** Asked at each batch; null = it is no more. */
  readonly settings: () => TerminalSettings | null
  readonly adapter: AnyTerminalAdapter
  readonly clock: Clock
  /** The gateway's wall clock in its zone. */
  readonly wallNow: () => MeterTime
  readonly gatherMs?: number
}

interface Waiting {
  readonly device: Device
  readonly meter: TerminalMeter
  readonly plan: TerminalPlan
  readonly options: ReadOptions
  readonly resolve: (result: Result<Taken>) => void
  readonly reject: (bug: unknown) => void
  /** Stops listening to its signal. */
  forget: () => void
  /** The talk it goes with; null while it waits. */
  round: Round | null
}

/** Reads that are under way together. */
interface Round {
  taken: Waiting[]
  /** When its turn came, monotonic milliseconds. */
  beganAt: number
  /** A request of it had to be sent again. */
  isRepeated: boolean
  /** Frames of it, where one of its meters wants them kept. */
  exchanged: (Exchanged & { readonly parts: FramePart[] }) | null
  readonly giveUp: AbortController
}

/** Reads of one plan and one urgency that wait together. */
interface Batch {
  readonly plan: TerminalPlan
  readonly priority: Priority
  waiting: Waiting[]
  /** Talks asked for that will take some of them when their turn comes. */
  talks: number
  timer: NodeJS.Timeout | null
}

/**
 * The meters behind one terminal, as the schedule reads meters on a line. What a terminal keeps of them comes many at a time: reads of the
 * same plan that wait together share frames. One batch is one request; the next is made up when its turn comes.
 */
export class TerminalPoller {
  readonly #deps: TerminalPollerDeps
  readonly #meters = new WeakMap<Device, TerminalMeter>()
  readonly #plans = new WeakMap<RegisterPlan, TerminalPlan>()
  readonly #batches = new Map<string, Batch>()
  #depth = 0
  #isClosed = false

  constructor(deps: TerminalPollerDeps) {
    this.#deps = deps
  }

  /** Reads that wait or are under way. */
  get depth() {
    return this.#depth
  }

  /** One meter behind the terminal. It has no clock that could be read or set this way. */
  device(spec: DeviceSpec, meter: TerminalMeter): Device {
    const health: DeviceHealth = {
      ...{ failures: 0, lastAnswerAt: null, lastError: null, usualMs: null, due: 0, read: 0, firstTry: 0, missed: 0, late: 0 },
      reasons: new Map(),
      talk: newTalkCounts(),
    }
    const device: Device = {
      spec,
      health,
      plan: (selection) => this.#plan(spec.profile, selection),
      read: async (plan, conduct) => {
        const options: ReadOptions = { priority: 'demand', ...(conduct.signal ? { signal: conduct.signal } : {}) }
        const taken = await this.read(device, plan, options)
        return taken.ok ? ok(taken.value.samples) : taken
      },
      probe: () => this.#deps.terminals.ask(this.#deps.id, (adapter) => adapter.clock(this.#address()), { priority: 'demand' }),
      clock: () => null,
    }
    this.#meters.set(device, meter)
    return device
  }

  /** Queues one read; resolves when it was carried out or finally failed. */
  read(device: Device, plan: RegisterPlan, options: ReadOptions): Promise<Result<Taken>> {
    const meter = this.#meters.get(device)
    const mine = this.#plans.get(plan)
    if (!meter || !mine) throw new Error(`${device.spec.id} or its plan is of another terminal`)
    if (this.#isClosed) return Promise.resolve(this.#closed(device.spec.id))
    const { signal } = options
    if (signal?.aborted) return Promise.resolve(this.#cancelled(device.spec.id))
    return new Promise((resolve, reject) => {
      const one: Waiting = { device, meter, plan: mine, options, resolve, reject, forget: () => undefined, round: null }
      this.#depth++
      const batch = this.#add(one)
      if (!signal) return
      const cancel = () => this.#cancel(batch, one)
      signal.addEventListener('abort', cancel, { once: true })
      one.forget = () => signal.removeEventListener('abort', cancel)
    })
  }

  /** Nothing new is asked; what waits is forgotten, what is under way still counts. */
  close(): void {
    this.#isClosed = true
    for (const batch of this.#batches.values()) {
      if (batch.timer) clearTimeout(batch.timer)
      for (const one of batch.waiting.splice(0)) this.#done(one, this.#closed(one.device.spec.id))
    }
    this.#batches.clear()
  }

  #plan(profile: Profile, selection: Selection): Result<TerminalPlan> {
    const plan = planned(this.#deps.adapter, profile, selection)
    if (plan.ok) this.#plans.set(plan.value, plan.value)
    return plan
  }

  #address(): string {
    return this.#deps.settings()?.address ?? ''
  }

  #add(one: Waiting): Batch {
    const { plan, options } = one
    // A profile that was changed under its name makes other plans of the same key.
    const key = `${options.priority} ${numberOf(one.device.spec.profile)} ${plan.key}`
    const batch: Batch = this.#batches.get(key) ?? { plan, priority: options.priority, waiting: [], talks: 0, timer: null }
    this.#batches.set(key, batch)
    batch.waiting.push(one)
    if (options.priority === 'demand' || batch.waiting.length >= this.#most(plan)) this.#start(key, batch)
    else if (batch.talks === 0) batch.timer ??= setTimeout(() => this.#start(key, batch), this.#deps.gatherMs ?? GATHER_MS)
    return batch
  }

  /** Meters of one request. */
  #most(plan: TerminalPlan): number {
    return Math.max(1, Math.min(MOST_TOGETHER, plan.metersPerRequest(this.#deps.settings()?.frameLimit ?? SMALLEST_LIMIT)))
  }

  /** As many talks as the terminal can carry out at once; each makes up its meters when its turn comes, what comes meanwhile gathers. */
  #start(key: string, batch: Batch): void {
    if (batch.timer) clearTimeout(batch.timer)
    batch.timer = null
    const wanted = Math.min(this.#deps.settings()?.window ?? 1, Math.ceil(batch.waiting.length / this.#most(batch.plan)))
    while (batch.talks < wanted) {
      batch.talks++
      void this.#carryOut(batch).finally(() => {
        batch.talks--
        if (this.#isClosed) return
        if (batch.waiting.length > 0) this.#start(key, batch)
        else if (batch.talks === 0 && batch.timer === null && this.#batches.get(key) === batch) this.#batches.delete(key)
      })
    }
  }

  async #carryOut(batch: Batch): Promise<void> {
    const round: Round = {
      taken: [],
      beganAt: this.#deps.clock.monotonic(),
      isRepeated: false,
      exchanged: null,
      giveUp: new AbortController(),
    }
    await this.#readRound(batch, round, (): void => {
      round.taken = batch.waiting.splice(0, this.#most(batch.plan))
      for (const one of round.taken) one.round = round
    })
  }

  /** @param fill  says who takes part, at the moment the turn has come */
  async #readRound(batch: Batch, round: Round, fill: () => void): Promise<void> {
    const { terminals, id, settings, clock, wallNow } = this.#deps
    try {
      const result = await terminals.ask(
        id,
        (adapter) => {
          fill()
          round.beganAt = clock.monotonic()
          if (round.taken.length === 0) return nobody()
          const meters = round.taken.map(({ meter }) => meter)
          const asked = { address: this.#address(), meters, frameLimit: settings()?.frameLimit ?? SMALLEST_LIMIT, now: wallNow() }
          if (round.taken.some(({ options }) => options.keepsFrames)) round.exchanged = kept(adapter.id, batch.plan, asked)
          return adapter.read(asked.address, batch.plan, meters, asked.frameLimit, asked.now)
        },
        {
          priority: batch.priority,
          signal: round.giveUp.signal,
          repeated: () => {
            round.isRepeated = true
          },
          witness: (part) => void round.exchanged?.parts.push(part),
        },
      )
      // Its turn never came: all who wait hear why.
      if (!result.ok && round.taken.length === 0) round.taken = batch.waiting.splice(0)
      const { taken } = round
      if (!result.ok && result.error.recovery === 'split' && taken.length > 1) {
        const middle = taken.length >> 1
        await this.#readHalf(batch, round, taken.slice(0, middle))
        await this.#readHalf(batch, round, taken.slice(middle))
        return
      }
      for (const [index, one] of taken.entries()) {
        const samples = result.ok ? result.value[index] : result
        if (samples) this.#done(one, this.#judge(one, samples, clock.monotonic() - round.beganAt, round))
        else this.#crash(one, new Error(`${batch.plan.key}: ${result.ok ? result.value.length : 0} results of ${taken.length} meters`))
      }
    } catch (bug) {
      for (const one of round.taken.length > 0 ? round.taken : batch.waiting.splice(0)) this.#crash(one, bug)
    }
  }

  #readHalf(batch: Batch, { giveUp, beganAt, isRepeated }: Round, taken: Waiting[]): Promise<void> {
    const half: Round = { taken, beganAt, isRepeated, exchanged: null, giveUp }
    for (const one of taken) one.round = half
    return this.#readRound(batch, half, () => undefined)
  }

  /** Nobody waits for this one any more; when that is so of all that are under way together, they are given up. */
  #cancel(batch: Batch, one: Waiting): void {
    const at = batch.waiting.indexOf(one)
    if (at >= 0) {
      batch.waiting.splice(at, 1)
      this.#done(one, this.#cancelled(one.device.spec.id))
    } else if (one.round?.taken.every(({ options }) => options.signal?.aborted)) one.round.giveUp.abort()
  }

  /** What the result says about the meter. A terminal that has nothing of it did not reach it: that counts as its silence. */
  #judge({ device, plan, options }: Waiting, samples: Result<readonly Sample[]>, ms: number, round: Round): Result<Taken> {
    const { health } = device
    const receivedAt = this.#deps.clock.now()
    if (samples.ok) {
      countTalk(health.talk, ms, null)
      health.failures = 0
      health.lastAnswerAt = receivedAt
      health.usualMs = health.usualMs === null ? ms : health.usualMs + (ms - health.usualMs) / 8
      const taken: Taken = { device, plan, samples: samples.value, receivedAt, isFirstTry: !round.isRepeated }
      return ok(options.keepsFrames && round.exchanged ? { ...taken, exchanged: round.exchanged } : taken)
    }
    const error = this.#placed(device.spec.id, samples.error)
    if (!SAYS_NOTHING.has(error.code)) {
      countTalk(health.talk, ms, 'LINE_NO_REPLY')
      health.failures++
    }
    health.lastError = error
    countIn(health.reasons, error.code)
    return err(error)
  }

  /** A protocol's error does not know who and where; a person must. */
  #placed(device: string, error: GatewayError): GatewayError {
    if ('device' in error.context) return error
    const line = this.#deps.id
    return { ...error, message: `${device} behind ${line}: ${error.message}`, context: { ...error.context, device, line } }
  }

  #done(one: Waiting, result: Result<Taken>): void {
    this.#depth--
    one.forget()
    one.resolve(result)
  }

  #crash(one: Waiting, bug: unknown): void {
    this.#depth--
    one.forget()
    one.reject(bug)
  }

  #closed(device: string): Result<never> {
    const { id } = this.#deps
    return lineFail('LINE_CLOSED', `${device} is not read through ${id} any more`, { device, line: id })
  }

  #cancelled(device: string): Result<never> {
    const { id } = this.#deps
    return lineFail('READ_CANCELLED', `reading ${device} was given up`, { device, line: id })
  }
}

const numbers = new WeakMap<Profile, number>()
let profiles = 0
/** Tells profiles apart, those of one name too. */
const numberOf = (profile: Profile): number => {
  const number = numbers.get(profile) ?? ++profiles
  numbers.set(profile, number)
  return number
}

/** What each plan was made for. */
const selections = new WeakMap<TerminalPlan, Selection>()

/** An empty place for the frames of a round. The archive may say something else of measuring points later: what it says now is kept. */
const kept = (protocol: string, plan: TerminalPlan, asked: TerminalAsked): Exchanged & { readonly parts: FramePart[] } => ({
  protocol,
  selection: selections.get(plan) ?? null,
  parts: [],
  terminal: { ...asked, meters: asked.meters.map(({ id, address, pn }) => ({ id, address, pn })) },
})

/** A talk about nobody: all who waited have gone. */
function* nobody(): Generator<never, Result<readonly Result<readonly Sample[]>[]>, unknown> {
  yield* []
  return ok([])
}

/** Plans of a profile that were worked out, of all terminals together: a hundred thousand meters ask for the same few. */
const plans = new WeakMap<Profile, Map<string, Result<TerminalPlan>>>()
const MOST_PLANS = 64

const planned = (adapter: AnyTerminalAdapter, profile: Profile, selection: Selection): Result<TerminalPlan> => {
  const make = () => {
    const made = adapter.bind((one) => one.plan(profile, selection))
    if (made.ok && !selections.has(made.value)) selections.set(made.value, selection)
    return made
  }
  // Stretches of curves are of their own moment.
  if (selection.since || selection.until) return make()
  let known = plans.get(profile)
  if (!known) {
    known = new Map()
    plans.set(profile, known)
  }
  const key = `${adapter.id} ${selection.kind} ${selection.nth ?? ''} ${selection.obis?.join() ?? ''}`
  let plan = known.get(key)
  if (!plan) {
    if (known.size >= MOST_PLANS) known.clear()
    plan = make()
    known.set(key, plan)
  }
  return plan
}
