import { Value } from 'typebox/value'
import { compileMapping, decodeMessage, loadAnyProfile, MappingSchema, refusalOf, terminalAdapterOf } from '../../protocols/index.ts'
import { adapterById, Calendar } from '../acquisition/index.ts'
import { readingJson } from '../api/index.ts'
import {
  bytesOf,
  compare,
  explain,
  failWith,
  isDiscarded,
  multiply,
  nothingPushed,
  ok,
  type Profile,
  type ProtocolAdapter,
  parseDecimal,
  type Reading,
  type RegisterPlan,
  type Request,
  type Result,
  type Sample,
  type Selection,
  type TerminalAdapter,
  type TerminalRequest,
} from '../core/index.ts'
import { type MeterFacts, normaliserOf } from '../normalise/index.ts'
import { canonicalText, digestText, type Pack, type PackItem } from './evidence-pack.ts'
import { PushNormaliser } from './push-readings.ts'
import { SparkplugHosts } from './push-sparkplug.ts'
import { pushWorld } from './push-world.ts'

const fail = failWith({
  PACK_UNDECIDED: {
    recovery: 'stop',
    hint: 'the bytes are as they were kept; whether the figure follows from them this pack alone does not show',
  },
  PACK_DECODE: { recovery: 'stop', hint: 'the profile or the codec that read it was another one, or the pack was changed' },
})

/** One thing that was looked at. `null`: it cannot be told from the pack alone. */
export interface PackCheck {
  readonly what: string
  readonly isRight: boolean | null
  readonly text: string
}

/** A talk that asks more often goes in circles. */
const MOST_STEPS = 2000

/**
 * Follows a figure to its bytes: hashes are worked out again, and the registers are decoded out of the frames again by the code that reads
 * meters, with the profile of the pack. Nothing is asked of anybody.
 */
export const verifyPack = (pack: Pack): readonly PackCheck[] => {
  const checks: PackCheck[] = []
  const { sha256, ...document } = pack
  const own = digestText(canonicalText(document))
  checks.push({
    what: 'document',
    isRight: own === sha256,
    text: own === sha256 ? `unchanged since it was made, SHA-256 ${sha256}` : `was changed: SHA-256 is ${own}, it says ${sha256}`,
  })
  if (pack.evidence.length === 0) checks.push({ what: 'bytes', isRight: null, text: 'no frame and no message was kept of this reading' })
  for (const item of pack.evidence) checks.push(hashCheck(item), ...valueChecks(pack, item))
  return checks
}

const hashCheck = (item: PackItem): PackCheck => {
  const what = `bytes of ${item.id}`
  const pieces = item.parts.map(({ hex }) => bytesOf(hex))
  const wrong = item.parts.findIndex(({ sha256 }, at) => digestText(pieces[at] ?? new Uint8Array(0)) !== sha256)
  if (wrong >= 0) return { what, isRight: false, text: `part ${wrong + 1} does not fit its SHA-256` }
  if (item.wholeSize !== null)
    return { what, isRight: null, text: `of ${item.wholeSize} bytes the beginning is kept; SHA-256 ${item.sha256} is over all of them` }
  const hash = digestText(Buffer.concat(pieces.map((piece) => piece ?? new Uint8Array(0))))
  const hidden = item.parts.reduce((sum, part) => sum + part.hidden.length, 0)
  const beside = hidden > 0 ? ', as kept: what is secret was put out before' : ''
  return hash === item.sha256
    ? { what, isRight: true, text: `${item.parts.length} parts, SHA-256 ${hash}${beside}` }
    : { what, isRight: false, text: `SHA-256 is ${hash}, it says ${item.sha256}` }
}

/** Registers as they were stored against what the bytes say now. */
const valueChecks = (pack: Pack, item: PackItem): readonly PackCheck[] => {
  const decoded = decodedOf(pack, item)
  if (!decoded.ok) {
    const isRight = decoded.error.code === 'PACK_UNDECIDED' ? null : false
    return [{ what: `figures of ${item.id}`, isRight, text: explain(decoded.error) }]
  }
  const said = new Map(decoded.value.flatMap(valuesOf))
  return pack.reading.stored
    .filter(({ measurement }) => measurement === 'register')
    .flatMap(({ values, ratio }) =>
      values.map(({ obis, name, value, primary, unit }): PackCheck => {
        const got = said.get(obis)
        const what = `${obis} ${value} ${unit}`
        if (got === undefined)
          return { what, isRight: false, text: `does not follow from ${item.id}: these bytes have no ${obis} (${name})` }
        if (!isSame(got, value)) return { what, isRight: false, text: `does not follow from ${item.id}: these bytes say ${got}` }
        const [a, b, product] = [parseDecimal(value), parseDecimal(ratio), primary === null ? null : parseDecimal(primary)]
        const fits = !a || !b || !product || compare(multiply(a, b), product) === 0
        return fits
          ? { what, isRight: true, text: `follows from the bytes of ${item.id}; primary ${primary ?? '-'} with ratio ${ratio}` }
          : { what, isRight: false, text: `follows from the bytes, but ${value} x ${ratio} is not ${primary}` }
      }),
    )
}

const valuesOf = (reading: Reading): [string, string][] =>
  reading.series.measurement === 'register'
    ? readingJson(reading, { wanted: null, hintOf: () => null }).values.map(({ obis, value }) => [obis, value])
    : []

const isSame = (a: string, b: string): boolean => {
  const [left, right] = [parseDecimal(a), parseDecimal(b)]
  return left !== null && right !== null && compare(left, right) === 0
}

const ONE = { raw: 1, scaler: 0 }

/** Readings of the pack's meter at its instant, worked out of the bytes. */
const decodedOf = (pack: Pack, item: PackItem): Result<readonly Reading[]> => {
  const { meter } = pack.reading
  const facts: MeterFacts = { meter, point: '-', area: '-', ct: ONE, pt: ONE }
  if (item.wholeSize !== null) return fail('PACK_UNDECIDED', 'only the beginning of the message is kept')
  if (item.kind === 'message') return pushed(pack, item, facts)
  const calendar = new Calendar(pack.gateway.timezone)
  const done = item.terminal || item.selection === null ? fromTerminal(pack, item) : fromMeter(pack, item)
  if (!done.ok) return done
  const at = Date.parse(pack.reading.measuredAt)
  // What was read live is of the instant of its answer, or of the freeze it stands in for.
  const isLive = item.selection?.kind === 'current'
  const readings = done.value.flatMap(({ plan, samples }) => {
    const normalise = normaliserOf(facts, plan, (time) => calendar.instantOf(time))
    return samples
      .filter((sample) => isLive || sample.at === null || calendar.instantOf(sample.at) === at)
      .flatMap((sample) => normalise(sample, Date.parse(item.receivedAt)))
  })
  return ok(readings)
}

interface Decoded {
  readonly plan: RegisterPlan
  readonly samples: readonly Sample[]
}

/** A pack is a file that somebody sent: its profile is checked like any other. */
const profileOf = ({ profile }: Pack): Result<Profile> =>
  profile === null ? fail('PACK_UNDECIDED', 'the profile of the meter is not in the pack') : loadAnyProfile(profile)

const fromMeter = (pack: Pack, item: PackItem): Result<readonly Decoded[]> => {
  const adapter = adapterById(item.protocol)
  const profile = profileOf(pack)
  if (!profile.ok) return profile
  const selection = selectionOf(item)
  if (!adapter || !selection || !pack.ledger) return fail('PACK_UNDECIDED', `how it was asked over ${item.protocol} is not in the pack`)
  const { address } = pack.ledger
  return adapter.bind((one): Result<readonly Decoded[]> => {
    const plan = one.plan(profile.value, selection)
    if (!plan.ok) return plan
    const samples = heldAgain(one, plan.value.talk(address, new Map()), item)
    return samples.ok ? ok([{ plan: plan.value, samples: samples.value }]) : samples
  })
}

const timeOf = (value: unknown): Selection['since'] | null => {
  if (typeof value !== 'object' || value === null) return null
  const found = Object.fromEntries(Object.entries(value))
  const part = (name: string) => (typeof found[name] === 'number' ? found[name] : 0)
  return {
    ...{ year: part('year'), month: part('month'), day: part('day') },
    ...{ hour: part('hour'), minute: part('minute'), second: part('second') },
  }
}

const selectionOf = ({ selection }: PackItem): Selection | null => {
  if (!selection) return null
  const { kind, obis, nth } = selection
  const [since, until] = [timeOf(selection.since), timeOf(selection.until)]
  return {
    ...{ kind },
    ...(obis ? { obis } : {}),
    ...(nth === undefined ? {} : { nth }),
    ...(since ? { since } : {}),
    ...(until ? { until } : {}),
  }
}

/** Holds a talk again: each request finds its answer among the kept ones, what was not asked then is refused. */
const heldAgain = <Frame extends object>(
  adapter: ProtocolAdapter<Frame>,
  talk: Generator<Request<Frame>, Result<readonly Sample[]>, Result<Frame>>,
  { parts, protocol }: PackItem,
): Result<readonly Sample[]> => {
  const framesOf = (bytes: Uint8Array) =>
    adapter
      .deframer()
      .push(bytes)
      .filter((frame) => !isDiscarded(frame))
  const plain = (bytes: Uint8Array): string => {
    const { correlation } = adapter
    if (!correlation) return Buffer.from(bytes).toString('hex')
    const copy = bytes.slice()
    correlation.stamp(copy, 0)
    return Buffer.from(copy).toString('hex')
  }
  const kept = new Map<string, (Frame | null)[]>()
  for (const [at, { direction, hex }] of parts.entries()) {
    if (direction !== 'tx') continue
    const next = parts[at + 1]
    const [frame] = next?.direction === 'rx' ? framesOf(bytesOf(next.hex) ?? NOTHING) : []
    const key = plain(bytesOf(hex) ?? NOTHING)
    const answers = kept.get(key) ?? []
    answers.push(frame !== undefined && !isDiscarded(frame) ? frame : null)
    kept.set(key, answers)
  }
  let step = talk.next()
  let missing = 0
  for (let count = 0; !step.done; count++) {
    if (count > MOST_STEPS) return fail('PACK_DECODE', 'the talk does not end')
    const request = step.value
    const answers = kept.get(plain(request.bytes))
    const found = answers && answers.length > 1 ? answers.shift() : answers?.[0]
    if (found && request.judge(found) === 'answer') step = talk.next(ok(found))
    else if (found !== undefined) step = talk.next(fail('PACK_DECODE', 'nothing that answers this was kept'))
    else {
      missing++
      const [refused] = framesOf(refusalOf(protocol, request.bytes) ?? NOTHING)
      step = talk.next(refused !== undefined && !isDiscarded(refused) ? ok(refused) : fail('PACK_DECODE', 'this was not asked then'))
    }
  }
  if (step.value.ok || missing === 0) return step.value
  return fail(
    'PACK_UNDECIDED',
    `${missing} of the requests were not made then: the gateway had learnt of this meter what the record does not show`,
  )
}
const NOTHING = new Uint8Array(0)

const fromTerminal = (pack: Pack, item: PackItem): Result<readonly Decoded[]> => {
  const adapter = terminalAdapterOf(item.protocol)
  if (!adapter) return fail('PACK_UNDECIDED', `${item.protocol} is no protocol of terminals here`)
  return adapter.bind(
    (one): Result<readonly Decoded[]> => (item.terminal ? askedAgain(one, pack, item, item.terminal) : reported(one, pack, item)),
  )
}

const askedAgain = <Frame extends object>(
  adapter: TerminalAdapter<Frame>,
  pack: Pack,
  item: PackItem,
  terminal: NonNullable<PackItem['terminal']>,
): Result<readonly Decoded[]> => {
  const profile = profileOf(pack)
  if (!profile.ok) return profile
  const selection = selectionOf(item)
  const plan = selection ? adapter.plan(profile.value, selection) : fail('PACK_UNDECIDED', 'what was asked is not in the pack')
  if (!plan.ok) return plan
  const { address, meters, frameLimit, now } = terminal
  const began = timeOf(now)
  const place = meters.findIndex(({ id }) => id === pack.reading.meter)
  if (!began || place < 0) return fail('PACK_DECODE', 'the meter is none of those that were asked for')
  const groups = groupsOf(item, adapter)
  const talk = adapter.read(address, plan.value, meters, frameLimit, began)
  let step = talk.next()
  for (let count = 0; !step.done; count++) {
    if (count > MOST_STEPS) return fail('PACK_DECODE', 'the talk does not end')
    const frames = takeFor(step.value, groups, adapter.maxSequence)
    step = talk.next(frames ? ok(frames) : fail('PACK_DECODE', 'nothing that answers this was kept'))
  }
  if (!step.value.ok) return step.value
  const samples = step.value.value[place]
  if (!samples?.ok) return samples ?? fail('PACK_DECODE', 'the answer has nothing of the meter')
  return ok([{ plan: plan.value, samples: samples.value }])
}

interface Group<Frame> {
  readonly request: Uint8Array
  readonly frames: readonly Frame[]
}

/** Each request with the frames that answered it, put together as on a connection. */
const groupsOf = <Frame extends object>({ parts }: PackItem, adapter: TerminalAdapter<Frame>): Group<Frame>[] => {
  const groups: { request: Uint8Array; frames: Frame[] }[] = []
  for (const { direction, hex } of parts) {
    const bytes = bytesOf(hex) ?? NOTHING
    if (direction === 'tx') groups.push({ request: bytes, frames: [] })
    else groups.at(-1)?.frames.push(...heardIn(adapter, bytes).flatMap((heard) => ('frame' in heard ? [heard.frame] : [])))
  }
  return groups
}

const SOME_TIME = { year: 2026, month: 1, day: 1, hour: 0, minute: 0, second: 0 }
const heardIn = <Frame extends object>(adapter: TerminalAdapter<Frame>, bytes: Uint8Array) => {
  const ear = adapter.ear()
  return adapter
    .deframer()
    .push(bytes)
    .flatMap((frame) => (isDiscarded(frame) ? [] : ear.hear(frame, SOME_TIME)))
}

/** The frames of the first group that answers a request, under whatever number it was sent; the group is used up. */
const takeFor = <Frame extends object>(request: TerminalRequest<Frame>, groups: Group<Frame>[], most: number): readonly Frame[] | null => {
  for (const [at, { frames }] of groups.entries())
    for (let number = 0; number <= most; number++)
      if (frames.length > 0 && frames.every((frame) => request.judge(frame, number) !== 'stranger')) {
        groups.splice(at, 1)
        return frames
      }
  return null
}

const reported = <Frame extends object>(
  adapter: TerminalAdapter<Frame>,
  { ledger }: Pack,
  { parts }: PackItem,
): Result<readonly Decoded[]> => {
  const values = parts
    .flatMap(({ hex }) => heardIn(adapter, bytesOf(hex) ?? NOTHING))
    .flatMap((heard) => (heard.kind === 'report' ? heard.values : []))
    .filter(({ meter }) =>
      'address' in meter ? meter.address === ledger?.address : ledger?.measuringPoint === null || meter.pn === ledger?.measuringPoint,
    )
  return values.length > 0 ? ok(values) : fail('PACK_DECODE', 'the report has nothing of the meter')
}

const pushed = (pack: Pack, item: PackItem, facts: MeterFacts): Result<readonly Reading[]> => {
  const { mapping, ledger, profile } = pack
  if (!mapping || !ledger || !Value.Check(MappingSchema, mapping.content))
    return fail('PACK_UNDECIDED', 'the mapping that took the message apart is not in the pack')
  const { zone, prefix } = mapping
  const compiled = compileMapping(mapping.content, { ...(zone === null ? {} : { zone }), ...(prefix === null ? {} : { prefix }) })
  if (!compiled.ok) return fail('PACK_DECODE', 'the mapping of the pack does not hold')
  const known = profile === null ? null : loadAnyProfile(profile)
  const world = pushWorld(pack.gateway.timezone, { get: () => (known?.ok ? known.value : undefined) })
  const arrivedAt = Date.parse(item.receivedAt)
  const at = Date.parse(pack.reading.measuredAt)
  const sparkplug = new SparkplugHosts(null, true)
  const payload = bytesOf(item.parts[0]?.hex ?? '') ?? NOTHING
  const message = { topic: item.about, payload, retained: false, duplicate: false, arrivedAt }
  const outcome = decodeMessage([compiled.value], message, { ...world, windows: false, explain: false }, (taker, one) => {
    const [first] = [...sparkplug.take(taker, one, arrivedAt), ...sparkplug.tick(arrivedAt + 60_000).flatMap(({ outcomes }) => outcomes)]
    return first ?? nothingPushed
  })
  const records = outcome.records.filter(({ meter, measuredAt }) => meter === ledger.address && (measuredAt === null || measuredAt === at))
  if (records.length === 0)
    return fail('PACK_UNDECIDED', 'the message alone has nothing of the meter at that instant: it needs those before it')
  const normaliser = new PushNormaliser({ facts, isRegistered: true })
  return ok(records.flatMap((record) => normaliser.readings(record, at, arrivedAt)))
}
