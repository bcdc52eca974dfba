import { adapterById } from '../acquisition/index.ts'
import type { Capture, CapturedFrame } from '../capture/index.ts'
import {
  type AnyAdapter,
  type DeviceMemory,
  explain,
  type GatewayError,
  isDiscarded,
  type MeterTime,
  ok,
  type Profile,
  type ProtocolAdapter,
  type Reading,
  type ReadPlan,
  type Result,
  type Sample,
  type Selection,
} from '../core/index.ts'
import { type MeterFacts, normaliserOf } from '../normalise/index.ts'
import { fail } from './capture-errors.ts'

/** A meter a capture may be about. */
export interface ReplayMeter {
  readonly facts: MeterFacts
  readonly address: string
  readonly profile: Profile
}

export interface ReplayWorld {
  /** The meter behind the name in a capture, or behind the address in a frame; null: nobody knows. */
  readonly meterOf: (device: string | null, address: string | null) => ReplayMeter | null
  readonly addressOf: (protocol: string, bytes: Uint8Array) => string | null
  /** Adapter of frames that do not say theirs: a pcap file of a serial line. */
  readonly adapterOf: (meter: ReplayMeter | null) => AnyAdapter | null
  /** Registers the tasks of the site read, each as a list; everything is always tried. */
  readonly selections: readonly (readonly string[])[]
  readonly instantOf: (time: MeterTime) => number | null
}

/** Bytes that became no reading, and why. */
export interface NotUsed {
  readonly at: number
  readonly device: string | null
  readonly bytes: Uint8Array
  readonly why: string
  /** An answer of a meter that should have become a reading. */
  readonly isFailure: boolean
}

export interface Replayed {
  readonly readings: readonly Reading[]
  readonly notUsed: readonly NotUsed[]
  /** Requests of the capture. */
  readonly exchanges: number
}

/** One request and what was heard before the next one. */
interface Exchange {
  readonly at: number
  readonly device: string | null
  readonly protocol: string | null
  readonly request: Uint8Array
  readonly heard: CapturedFrame[]
}

/** Freezes that are looked for, counted back. */
const FREEZES = 12

/**
 * Puts a capture of a line through the house: frames are cut out again, every answer is judged by its request, decoded by the profile of
 * its meter and normalised, by the same code that reads in service. No line, no store and no ledger is touched.
 */
export const replayLine = ({ frames }: Pick<Capture, 'frames'>, world: ReplayWorld): Replayed => {
  const notUsed: NotUsed[] = []
  const exchanges = exchangesOf(frames, notUsed)
  const byMeter = new Map<string, { readonly meter: ReplayMeter; readonly adapter: AnyAdapter; readonly exchanges: Exchange[] }>()
  for (const exchange of exchanges) {
    const found = placed(exchange, world)
    if (typeof found === 'string') {
      const isAnswered = exchange.heard.length > 0
      const { at, device, request: bytes } = exchange
      notUsed.push({ at, device, bytes, why: found, isFailure: isAnswered })
      continue
    }
    const key = `${found.meter.facts.meter} ${found.adapter.id}`
    const beside = byMeter.get(key)
    if (beside) beside.exchanges.push(exchange)
    else byMeter.set(key, { ...found, exchanges: [exchange] })
  }
  const readings: Reading[] = []
  for (const { meter, adapter, exchanges: own } of byMeter.values())
    adapter.bind((typed) => replayMeter(typed, meter, own, world, readings, notUsed))
  readings.sort((a, b) => a.receivedAt - b.receivedAt)
  notUsed.sort((a, b) => a.at - b.at)
  return { readings, notUsed, exchanges: exchanges.length }
}

const placed = (
  { device, request, protocol }: Exchange,
  world: ReplayWorld,
): { readonly meter: ReplayMeter; readonly adapter: AnyAdapter } | string => {
  const spoken = protocol ?? world.adapterOf(device === null ? null : world.meterOf(device, null))?.id ?? null
  const address = spoken === null ? null : world.addressOf(spoken, request)
  const meter = world.meterOf(device, address)
  if (!meter) return `nobody knows the meter ${device ?? address ?? ''}: name its profile, or the configuration it belongs to`
  const adapter = spoken === null ? world.adapterOf(meter) : adapterById(spoken)
  return adapter ? { meter, adapter } : `its protocol ${spoken ?? ''} is not known`
}

/** Puts what was heard to what was asked: by number where requests have one, else by order. */
const exchangesOf = (frames: readonly CapturedFrame[], notUsed: NotUsed[]): Exchange[] => {
  const exchanges: Exchange[] = []
  const numbered = new Map<number, Exchange>()
  let last: Exchange | null = null
  for (const frame of frames) {
    const { at, what, device, protocol, bytes, text } = frame
    if (what === 'note' || what === 'message') continue
    if (what === 'tx') {
      last = { at, device, protocol, request: bytes, heard: [] }
      exchanges.push(last)
      if (protocol === 'modbus-tcp') numbered.set(numberOf(bytes), last)
      continue
    }
    if (what === 'echo') {
      notUsed.push({ at, device, bytes, why: 'our own bytes, returned by the adapter', isFailure: false })
      continue
    }
    const asked: Exchange | null = protocol === 'modbus-tcp' ? (numbered.get(numberOf(bytes)) ?? null) : last
    if (asked) asked.heard.push(frame)
    else notUsed.push({ at, device, bytes, why: text || 'nobody had asked', isFailure: false })
  }
  return exchanges
}

const numberOf = (bytes: Uint8Array): number => ((bytes[0] ?? 0) << 8) | (bytes[1] ?? 0)

/** A read of the house that may have made the requests of a capture. */
interface Candidate<Frame> {
  readonly plan: ReadPlan<Frame> | null
  readonly talk: (memory: DeviceMemory) => ReturnType<ReadPlan<Frame>['talk']> | ReturnType<ProtocolAdapter<object & Frame>['probe']>
}

/** What a candidate made of the exchanges from one on. */
interface Attempt {
  readonly used: number
  readonly result: Result<unknown> | null
  readonly samples: readonly Sample[] | null
  readonly receivedAt: number
  readonly memory: DeviceMemory
  readonly strangers: readonly NotUsed[]
  /** The capture ends before the read does. */
  readonly isCut: boolean
}

const replayMeter = <Frame extends object>(
  adapter: ProtocolAdapter<Frame>,
  meter: ReplayMeter,
  exchanges: readonly Exchange[],
  world: ReplayWorld,
  readings: Reading[],
  notUsed: NotUsed[],
): void => {
  const candidates = candidatesOf(adapter, meter, world.selections)
  let memory: DeviceMemory = new Map()
  let isInCurve = false
  let isBeginning = true
  /** What nobody knows yet whether it belongs to a read that began before the capture. */
  const before: NotUsed[] = []
  for (let at = 0; at < exchanges.length; ) {
    const best = bestOf(adapter, candidates, exchanges.slice(at), memory)
    const exchange = exchanges[at]
    if (!exchange) return
    if (best === null) {
      at++
      const { isCurve, ...left }: Unmatched = unknownRequest(adapter, meter, exchange, isInCurve)
      // The rest of a curve that began before the capture did.
      if (isCurve && isBeginning) for (const one of before.splice(0)) notUsed.push({ ...one, isFailure: false })
      isInCurve = isCurve
      if (isBeginning && !isCurve) before.push(left)
      else notUsed.push(left)
      isBeginning &&= !isCurve
      continue
    }
    isInCurve = false
    isBeginning = false
    at += best.attempt.used
    memory = best.attempt.memory
    notUsed.push(...best.attempt.strangers)
    const { result, samples, receivedAt } = best.attempt
    const { plan } = best.candidate
    if (result?.ok && plan && samples) {
      const normalise = normaliserOf(meter.facts, plan, world.instantOf)
      readings.push(...samples.flatMap((sample) => normalise(sample, receivedAt)))
    } else if (result && !result.ok) notUsed.push(failed(meter, exchange, result.error))
  }
  notUsed.push(...before)
}

const failed = ({ facts }: ReplayMeter, { at, request }: Exchange, error: GatewayError): NotUsed => ({
  ...{ at, device: facts.meter, bytes: request, why: explain(error) },
  isFailure: error.code !== 'REPLAY_NO_ANSWER',
})

/** A request that no read of the house made. */
interface Unmatched extends NotUsed {
  readonly isCurve: boolean
}

const unknownRequest = <Frame extends object>(
  adapter: ProtocolAdapter<Frame>,
  meter: ReplayMeter,
  exchange: Exchange,
  isInCurve: boolean,
): Unmatched => {
  const { facts, profile } = meter
  const { at, request, heard } = exchange
  const answers = framesOf(adapter, heard).filter((one) => 'frame' in one)
  // Its follow-up frames belong to it.
  if (isInCurve || isCurveFrom(adapter, meter, request)) {
    const why = `${adapter.describe(request, 'tx')}: part of a curve that was asked from a certain time; these are not replayed`
    return { at, device: facts.meter, bytes: request, why, isFailure: false, isCurve: true }
  }
  const why = `${adapter.describe(request, 'tx')}: no read of profile ${profile.id} asks this`
  return { at, device: facts.meter, bytes: request, why, isFailure: answers.length > 0, isCurve: false }
}

/** Behind the identifier of a curve: how many blocks, from when, checksum and end. */
const CURVE_TAIL = 8
const SOME_TIME: MeterTime = { year: 2026, month: 1, day: 1, hour: 0, minute: 0, second: 0 }

/** Whether a request asks for a curve from a time of its own: all but its end is known. */
const isCurveFrom = <Frame extends object>(
  adapter: ProtocolAdapter<Frame>,
  { profile, address }: ReplayMeter,
  request: Uint8Array,
): boolean =>
  planOf(adapter, profile, { kind: 'curve', since: SOME_TIME }).some(({ values }) =>
    values.some(({ obis }) =>
      planOf(adapter, profile, { kind: 'curve', since: SOME_TIME, obis: [obis] }).some((plan) => {
        const { value } = plan.talk(address, new Map()).next()
        const head = request.length - CURVE_TAIL
        return (
          'bytes' in value && value.bytes.length === request.length && value.bytes.every((byte, at) => at >= head || byte === request[at])
        )
      }),
    ),
  )

/** Reads that the house makes of such a meter: everything, what tasks want, freezes, each register alone, a probe. */
const candidatesOf = <Frame extends object>(
  adapter: ProtocolAdapter<Frame>,
  { profile, address }: ReplayMeter,
  selections: ReplayWorld['selections'],
): readonly Candidate<Frame>[] => {
  const wanted: Selection[] = [
    { kind: 'current' },
    ...selections.map((obis): Selection => ({ kind: 'current', obis })),
    { kind: 'curve' },
    ...Array.from({ length: FREEZES }, (_, nth): Selection => ({ kind: 'day-freeze', nth: nth + 1 })),
    ...Array.from({ length: FREEZES }, (_, nth): Selection => ({ kind: 'month-freeze', nth: nth + 1 })),
  ]
  const plans = wanted.flatMap((selection) => planOf(adapter, profile, selection))
  const alone = [...new Set(plans.flatMap(({ values }) => values.map(({ obis }) => obis)))]
  // A capture may begin in the middle of a read: then the rest of it is one.
  plans.push(...alone.flatMap((_, from) => planOf(adapter, profile, { kind: 'current', obis: alone.slice(from) })))
  plans.push(...alone.flatMap((obis) => planOf(adapter, profile, { kind: 'current', obis: [obis] })))
  return [
    ...plans.map((plan): Candidate<Frame> => ({ plan, talk: (memory) => plan.talk(address, memory) })),
    { plan: null, talk: (memory) => adapter.probe(profile, address, memory) },
  ]
}

const planOf = <Frame extends object>(adapter: ProtocolAdapter<Frame>, profile: Profile, selection: Selection): ReadPlan<Frame>[] => {
  const plan = adapter.plan(profile, selection)
  return plan.ok ? [plan.value] : []
}

/** The candidate whose talk goes through and uses the most; a talk that asks something else than the capture is none. */
const bestOf = <Frame extends object>(
  adapter: ProtocolAdapter<Frame>,
  candidates: readonly Candidate<Frame>[],
  exchanges: readonly Exchange[],
  memory: DeviceMemory,
): { readonly candidate: Candidate<Frame>; readonly attempt: Attempt } | null => {
  let best: { readonly candidate: Candidate<Frame>; readonly attempt: Attempt } | null = null
  for (const candidate of candidates) {
    const attempt = attemptOf(adapter, candidate, exchanges, new Map(memory))
    if (attempt === null) continue
    const isBetter = best === null || weight(attempt) > weight(best.attempt)
    if (isBetter) best = { candidate, attempt }
  }
  return best
}

/** A talk that brought something counts before one that only fits. */
const weight = ({ used, result, samples, isCut }: Attempt): number =>
  isCut ? used / 1e6 : used * 4 + (result?.ok ? 2 : 0) + (samples ? 1 : 0)

const attemptOf = <Frame extends object>(
  adapter: ProtocolAdapter<Frame>,
  { talk: start }: Candidate<Frame>,
  exchanges: readonly Exchange[],
  memory: DeviceMemory,
): Attempt | null => {
  const talk = start(memory)
  const strangers: NotUsed[] = []
  let step = talk.next()
  let used = 0
  let receivedAt = exchanges[0]?.at ?? 0
  while (!step.done) {
    const request = step.value
    let reply: Result<Frame> | null = null
    // A request that was repeated is one request.
    for (let exchange = exchanges[used]; exchange && isSame(adapter, exchange.request, request.bytes); exchange = exchanges[used]) {
      used++
      reply = fail('REPLAY_NO_ANSWER', `${adapter.describe(exchange.request, 'tx')}: no answer in the capture`)
      for (const heard of framesOf(adapter, exchange.heard)) {
        if ('frame' in heard && !reply.ok && request.judge(heard.frame) === 'answer') {
          reply = ok(heard.frame)
          receivedAt = heard.at
        } else strangers.push({ at: heard.at, device: exchange.device, bytes: heard.bytes, why: heard.why, isFailure: false })
      }
      if (reply.ok) break
    }
    // The capture ends here, or goes on in another way than this read does.
    if (reply === null) return used > 0 && exchanges[used] === undefined ? cut(used, receivedAt, memory, strangers) : null
    step = talk.next(reply)
  }
  const { value } = step
  const samples = value.ok && isSamples(value.value) ? value.value : null
  return used === 0 ? null : { used, result: value, samples, receivedAt, memory, strangers, isCut: false }
}

const cut = (used: number, receivedAt: number, memory: DeviceMemory, strangers: readonly NotUsed[]): Attempt => ({
  ...{ used, samples: null, receivedAt, memory, strangers, isCut: true },
  result: fail('REPLAY_NO_ANSWER', 'the capture ends in the middle of this read'),
})

const isSamples = (value: unknown): value is readonly Sample[] =>
  Array.isArray(value) && value.every((one) => typeof one === 'object' && one !== null && 'raws' in one)

/** Numbers of requests differ from run to run. */
const isSame = <Frame extends object>({ correlation }: ProtocolAdapter<Frame>, a: Uint8Array, b: Uint8Array): boolean => {
  if (a.length !== b.length) return false
  const [left, right] = correlation ? [a.slice(), b.slice()] : [a, b]
  if (correlation) for (const bytes of [left, right]) correlation.stamp(bytes, 0)
  return left.every((byte, at) => byte === right[at])
}

type Heard<Frame> = { readonly at: number; readonly bytes: Uint8Array; readonly why: string } & ({ readonly frame: Frame } | object)

const framesOf = <Frame extends object>(adapter: ProtocolAdapter<Frame>, heard: readonly CapturedFrame[]): Heard<Frame>[] => {
  const deframer = adapter.deframer()
  const items = heard.flatMap(({ at, bytes, text }) =>
    deframer
      .push(bytes)
      .map(
        (item): Heard<Frame> =>
          isDiscarded(item)
            ? { at, bytes: item.discarded, why: explain(item.error) }
            : { at, bytes, why: text || 'answers nothing that was asked', frame: item },
      ),
  )
  const rest = deframer.flush()
  const last = heard.at(-1)?.at ?? 0
  return rest ? [...items, { at: last, bytes: rest.discarded, why: explain(rest.error) }] : items
}
