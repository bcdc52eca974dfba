import type {
  AnyAdapter,
  DeviceMemory,
  GatewayError,
  Profile,
  ProtocolAdapter,
  ReadPlan,
  RegisterPlan,
  Result,
  Sample,
  Selection,
} from '../core/index.ts'
import { type DeviceClock, deviceClock } from './clock.ts'
import { type Conduct, converse, type FrameKeeper, type Witness } from './converse.ts'
import type { Asking, Channel, Line } from './line.ts'

export interface DeviceSpec {
  /** Ledger id of the meter. */
  readonly id: string
  readonly address: string
  readonly profile: Profile
  readonly reactionMs: number
}

/** What is known of a device's answers. */
export interface DeviceHealth {
  /** Reads in a row without any answer. */
  failures: number
  lastAnswerAt: number | null
  lastError: GatewayError | null
  /** How long its answers take, milliseconds, as a slow mean; null before the first. */
  usualMs: number | null
  due: number
  read: number
  firstTry: number
  /** Not read in time. */
  missed: number
  /** Of the missed ones: had since. */
  late: number
  readonly reasons: Map<string, number>
  readonly talk: TalkCounts
}

/** Exchanges with one device, counted since it is known: every attempt, also those whose repeat went well. */
export interface TalkCounts {
  exchanges: number
  answered: number
  /** Nothing was heard in time. */
  noReply: number
  /** Bytes came, and no frame among them that holds. */
  damaged: number
  /** Whole frames came, of somebody else. */
  foreign: number
  /** Time until the answer was whole, milliseconds, all answers together. */
  latencySumMs: number
}

export const newTalkCounts = (): TalkCounts => ({ exchanges: 0, answered: 0, noReply: 0, damaged: 0, foreign: 0, latencySumMs: 0 })

const FAILED_AS: Readonly<Record<string, 'noReply' | 'damaged' | 'foreign'>> = {
  LINE_NO_REPLY: 'noReply',
  LINE_DAMAGED: 'damaged',
  LINE_STRANGER: 'foreign',
}

/** Counts one exchange. What never reached the wire says nothing of the device. */
export const countTalk = (talk: TalkCounts, ms: number, code: string | null): void => {
  if (code === null) {
    talk.exchanges++
    talk.answered++
    talk.latencySumMs += ms
    return
  }
  const failed = FAILED_AS[code]
  if (!failed) return
  talk.exchanges++
  talk[failed]++
}

/** Reads in a row without any answer after which a device is only probed. */
const DEAD_AFTER = 2

/** Whether nothing but a cheap probe goes to the device until it answers. */
export const isBackedOff = ({ failures }: DeviceHealth): boolean => failures >= DEAD_AFTER

/** One meter on a line, its protocol bound: nobody outside needs to know which. */
export interface Device {
  readonly spec: DeviceSpec
  readonly health: DeviceHealth
  plan(selection: Selection): Result<RegisterPlan>
  read(plan: RegisterPlan, conduct: Conduct): Promise<Result<readonly Sample[]>>
  probe(conduct: Conduct): Promise<Result<unknown>>
  /** Its clock; null when the model has none that can be read. */
  clock(): DeviceClock | null
}

/**
 * Binds a protocol to a line, once; the answer makes a device of each meter that speaks it there. All of them share one deframer:
 * there is only one wire.
 */
export const bindProtocol = (any: AnyAdapter, line: Line): ((spec: DeviceSpec) => Device) =>
  any.bind((adapter) => {
    const channel = line.attach(adapter)
    return (spec) => bound(adapter, channel, spec)
  })

/** What plans were made for. Models share plans: it is the same for all who have one. */
const selections = new WeakMap<RegisterPlan, Selection>()

/** Puts requests and replies where they are kept. A request with a number of the line's own is kept as it left: its answer names the number. */
const witnessFor = <Frame extends object>(
  { id, correlation, bytesOf }: ProtocolAdapter<Frame>,
  plan: RegisterPlan,
  keeps: FrameKeeper,
): Witness<Frame> => {
  keeps.protocol = id
  keeps.selection = selections.get(plan) ?? null
  return (request, reply, ms) => {
    const now = keeps.now()
    let { bytes } = request
    if (correlation && reply) {
      bytes = bytes.slice()
      correlation.stamp(bytes, correlation.idOf(reply))
    }
    keeps.parts.push({ at: now - Math.round(ms), direction: 'tx', bytes })
    if (reply) keeps.parts.push({ at: now, direction: 'rx', bytes: bytesOf(reply) })
  }
}

const bound = <Frame extends object>(adapter: ProtocolAdapter<Frame>, channel: Channel<Frame>, spec: DeviceSpec): Device => {
  const memory: DeviceMemory = new Map()
  const plans = new WeakMap<RegisterPlan, ReadPlan<Frame>>()
  let lastPlan: RegisterPlan | null = null
  let last: ReadPlan<Frame> | undefined
  let clock: DeviceClock | null | undefined
  const asking: Asking = { device: spec.id, reactionMs: spec.reactionMs }
  const health: DeviceHealth = {
    failures: 0,
    lastAnswerAt: null,
    lastError: null,
    usualMs: null,
    due: 0,
    read: 0,
    firstTry: 0,
    missed: 0,
    late: 0,
    reasons: new Map(),
    talk: newTalkCounts(),
  }
  /** A device that used to answer in 60 ms need not be given a second to prove that it is back. */
  const probing = (): Asking => {
    const { usualMs } = health
    return { ...asking, reactionMs: usualMs === null ? spec.reactionMs : Math.min(spec.reactionMs, 3 * usualMs + 50), isProbe: true }
  }
  return {
    spec,
    health,
    plan: (selection) => {
      const plan = adapter.plan(spec.profile, selection)
      if (plan.ok) {
        plans.set(plan.value, plan.value)
        if (!selections.has(plan.value)) selections.set(plan.value, selection)
      }
      return plan
    },
    read: (plan, conduct) => {
      if (plan !== lastPlan) {
        last = plans.get(plan)
        lastPlan = plan
      }
      const mine = last
      if (!mine) throw new Error(`a plan of another device was given to ${spec.id}`)
      const witness = conduct.keeps ? witnessFor(adapter, plan, conduct.keeps) : undefined
      return converse(mine.talk(spec.address, memory), channel, asking, conduct, witness)
    },
    probe: (conduct) => converse(adapter.probe(spec.profile, spec.address, memory), channel, probing(), conduct),
    clock: () => {
      const found = clock === undefined ? (adapter.clock?.(spec.profile) ?? null) : null
      clock ??= found && deviceClock(found, channel, asking, spec.address, memory)
      return clock
    },
  }
}
