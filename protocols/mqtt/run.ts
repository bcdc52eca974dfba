import type { MeterTime } from '../../src/core/adapter.ts'
import type { Obis } from '../../src/core/obis.ts'
import {
  type FrameDecoder,
  nothingPushed,
  type PushedRecord,
  type PushedValue,
  type PushMessage,
  type PushOutcome,
} from '../../src/core/push.ts'
import type { GatewayError } from '../../src/core/result.ts'
import { answersOf, frameBytes, isName, NAME_LIMIT, presenceOf, signalsOf } from './beside.ts'
import type { Entry, Mapping, Part, Reading, Rule, Value } from './compiled.ts'
import { allHold } from './condition.ts'
import { errorOf } from './errors.ts'
import { figureOf } from './figure.ts'
import { type Json, JsonObject } from './json.ts'
import { type Moment, type MomentContext, momentOf } from './moment.ts'
import { decimalOf } from './number.ts'
import type { Path } from './path.ts'
import { Records } from './records.ts'
import { Scope } from './scope.ts'
import type { LocalInstants, TimePattern } from './time.ts'
import { Told } from './told.ts'
import { Walk } from './walk.ts'

/** What a mapping needs of the world, handed in: zones and frames are other people's arithmetic. */
export interface PushEnvironment {
  /** Zone of local times where neither site nor mapping says one. */
  readonly zone: string
  readonly local: LocalInstants
  /** Wall-clock time of an instant, for answers. */
  readonly wallClock: (instant: number, zone: string) => MeterTime
  readonly frames: FrameDecoder
  /** False: times are taken as they are; for recorded messages, whose arrival nobody knows. */
  readonly windows: boolean
  /** Also says which members were simply not there. Costs time. */
  readonly explain: boolean
}

/** Works one message through one rule that fits it. */
export const runRule = (
  mapping: Mapping,
  rule: Rule,
  message: PushMessage,
  json: Json,
  captures: Readonly<Record<string, string>>,
  environment: PushEnvironment,
): PushOutcome => {
  const zone = mapping.zone ?? environment.zone
  const scope = new Scope(json, captures, (pattern) => writtenTime(pattern, environment.wallClock(message.arrivedAt, zone)))
  return new Run(mapping, rule, message, scope, zone, environment).run()
}

/** Whether a rule takes a message whose topic fits. */
export const fits = (rule: Rule, json: Json, captures: Readonly<Record<string, string>>): boolean =>
  rule.when.length === 0 || allHold(rule.when, new Scope(json, captures, () => ''))

class Run {
  readonly #rule: Rule
  readonly #message: PushMessage
  readonly #scope: Scope
  readonly #environment: PushEnvironment
  readonly #times: MomentContext
  readonly #records = new Records()
  readonly #told = new Told()
  #device: string | null = null
  #isSenderDoubtful = false

  constructor(mapping: Mapping, rule: Rule, message: PushMessage, scope: Scope, zone: string, environment: PushEnvironment) {
    this.#rule = rule
    this.#message = message
    this.#scope = scope
    this.#environment = environment
    this.#times = { zone, local: environment.local, arrivedAt: message.arrivedAt, window: environment.windows ? mapping.window : null }
  }

  run(): PushOutcome {
    const rule = this.#rule
    const scope = this.#scope
    if (rule.ignore !== null) return { ...nothingPushed, rule: rule.name, discard: rule.ignore }
    if (rule.device) this.#device = this.#name(rule.device.read(scope), 'device')
    const broken = rule.sender.find((condition) => !condition.holds(scope))
    if (broken) {
      this.#isSenderDoubtful = true
      const topic = this.#message.topic.slice(0, NAME_LIMIT)
      this.#told.claim('PUSH_IDENTITY', this.#device ?? '', `the sender does not fit the topic ${topic}: ${broken.text} does not hold`)
    }
    const walk = new Walk(scope, (part) => this.#record(part))
    for (const part of rule.parts) walk.all(part)
    if (walk.refused) return { ...nothingPushed, rule: rule.name, device: this.#device, refused: walk.refused }
    const device = this.#device ?? this.#records.list[0]?.meter ?? null
    const told = this.#told
    const skip = (path: string, error: GatewayError) => told.skip(path, error)
    const messageId = rule.messageId?.read(scope) ?? null
    return {
      rule: rule.name,
      device,
      records: this.#records.list.filter(({ values }) => values.length > 0),
      presence: presenceOf(rule, this.#device, scope, skip),
      signals: signalsOf(rule, device, scope),
      events: told.events ?? nothingPushed.events,
      failures: told.failures ?? nothingPushed.failures,
      frames: told.frames ?? nothingPushed.frames,
      answers: answersOf(rule, this.#message.retained, scope, skip),
      skipped: told.skipped ?? nothingPushed.skipped,
      findings: told.findings ?? nothingPushed.findings,
      messageId: messageId !== null && messageId.length <= NAME_LIMIT ? messageId : null,
      discard: null,
      refused: null,
    }
  }

  #record(part: Part): void {
    if (part.failure) this.#failure(part.failure)
    else if (part.event) this.#event(part, part.event)
    else this.#measured(part)
  }

  #measured(part: Part): void {
    const scope = this.#scope
    const values: PushedValue[] = [...this.#frame(part)]
    if (values.length === 0 && part.values.length === 0 && !part.table) return
    const meter = this.#meter(part)
    if (meter === null) return
    const broken = part.valid.find((condition) => !condition.holds(scope))
    if (broken) {
      this.#told.skip(scope.places.at(-1) ?? '$', errorOf('MQTT_BAD_QUALITY', `${broken.text} does not hold`))
      this.#told.fail(part.table?.by.read(scope) ?? '*', 'MQTT_BAD_QUALITY', meter)
      return
    }
    for (const value of part.values) this.#value(part, value, values)
    if (part.table) this.#tableValue(part, meter, values)
    if (values.length === 0) return
    const moment = this.#moment(part, meter)
    if (this.#message.retained && moment.source === 'arrival') {
      for (const { path } of values)
        this.#told.skip(path, errorOf('MQTT_RETAINED', `a retained message of ${meter} has no time of its own`))
      return
    }
    this.#add(part, meter, moment, values)
  }

  #meter(part: Part): string | null {
    const scope = this.#scope
    const text = part.meter ? part.meter.read(scope) : scope.frame
    if (text === null) {
      if (part.meter) this.#told.skip(scope.places.at(-1) ?? '$', errorOf('MQTT_NO_METER', `${part.meter.text} leads nowhere`))
      return null
    }
    const name = this.#name(text, 'meter id')
    return name === null ? null : part.fold === 'lower' ? name.toLowerCase() : part.fold === 'upper' ? name.toUpperCase() : name
  }

  /** A name that comes from outside, as it is or not at all. */
  #name(text: string | null, what: string): string | null {
    if (text === null || isName(text)) return text
    this.#told.skip(
      this.#scope.places.at(-1) ?? '$',
      errorOf('MQTT_METER_NAME', `the ${what} ${JSON.stringify(text.slice(0, 40))} cannot be used`),
    )
    return null
  }

  #moment(part: Part, meter: string): Moment {
    const moment = momentOf(part.times, this.#scope, this.#times)
    if (moment.problem) {
      const { finding, path, error } = moment.problem
      this.#told.claim(finding.code, meter, finding.message)
      if (error) this.#told.skip(path, error)
    }
    return moment
  }

  #add({ ct, pt, historical }: Part, meter: string, { instant, source, alternative, flags }: Moment, values: readonly PushedValue[]): void {
    const scope = this.#scope
    const head: Omit<PushedRecord, 'values'> = {
      meter,
      measuredAt: instant,
      timeSource: source,
      alternative,
      flags: this.#isSenderDoubtful ? ['identity', ...flags] : flags,
      ct: ct && this.#ratio(ct.read(scope), 'ct'),
      pt: pt && this.#ratio(pt.read(scope), 'pt'),
      historical,
    }
    for (const [{ path, obis }, kept] of this.#records.add(head, values))
      this.#told.skip(path, errorOf('MQTT_DUPLICATE_ITEM', `${obis} of ${meter} stands already at ${kept.path}; that one is kept`))
  }

  /** A number above 0, or 400/5 as a rating plate has it. */
  #ratio(text: string | null, name: string): string | null {
    if (text === null) return null
    const sides = text.split('/', 3).map(decimalOf)
    if (sides.length <= 2 && sides.every((side) => side !== null && side.raw > 0)) return text
    this.#told.skip(name, errorOf('MQTT_RATIO', `${name} is ${JSON.stringify(text.slice(0, 40))}`))
    return null
  }

  #value(part: Part, value: Value, into: PushedValue[]): void {
    const scope = this.#scope
    for (const path of value.paths) {
      const found = scope.find(path)
      if (found === undefined) continue
      const place = scope.placeOf(path)
      if (value.phases.length === 0 || !Array.isArray(found)) {
        this.#scalar(part, value, found, place, value.obis, value, into)
        return
      }
      for (let at = 0; at < value.phases.length && at < found.length; at++)
        this.#scalar(part, value, found[at]!, `${place}[${at}]`, value.phases[at]!, value, into)
      if (found.length > value.phases.length)
        this.#told.skip(
          `${place}[${value.phases.length}]`,
          errorOf('MQTT_UNMAPPED', `${found.length} values, ${value.phases.length} phases in the mapping`),
        )
      return
    }
    if (this.#environment.explain) this.#absent(value.paths)
  }

  #absent(paths: readonly Path[]): void {
    this.#told.skip(paths.map(({ text }) => text).join(' or '), errorOf('MQTT_ABSENT', 'is not in the message'))
  }

  #tableValue(part: Part, meter: string, into: PushedValue[]): void {
    const table = part.table
    if (!table) return
    const scope = this.#scope
    const here = scope.places.at(-1) ?? '$'
    const name = table.by.read(scope)
    if (name === null) {
      if (this.#environment.explain) this.#told.skip(here, errorOf('MQTT_ABSENT', `${table.by.text} leads nowhere`))
      return
    }
    const entry = table.entries.get(name) ?? null
    if (entry === null && table.others === 'ignore') {
      if (this.#environment.explain)
        this.#told.skip(here, errorOf('MQTT_UNMAPPED', `${name.slice(0, 40)} is not listed, and others are ignored`))
      return
    }
    const error = table.error?.read(scope) ?? null
    if (error !== null && !table.errorFree.has(error)) {
      this.#told.fail(name, error, meter)
      this.#told.skip(here, errorOf('MQTT_SOURCE_ERROR', `${name.slice(0, 40)}: the source says error ${error.slice(0, 40)}`))
      return
    }
    for (const path of table.paths) {
      const found = scope.find(path)
      if (found === undefined || found instanceof JsonObject) continue
      const place = scope.placeOf(path)
      const before = into.length
      this.#scalar(part, entry?.reading ?? table, found, place, entry?.obis ?? null, entry, into)
      if (into.length > before && (entry?.obis ?? null) === null)
        this.#told.skip(place, errorOf('MQTT_UNMAPPED', `${name.slice(0, 40)} has no OBIS code`))
      return
    }
    if (this.#environment.explain) this.#absent(table.paths)
  }

  #scalar(
    part: Part,
    reading: Reading,
    found: Json,
    place: string,
    obis: Obis | null,
    entry: Pick<Entry, 'scale' | 'ratio'> | null,
    into: PushedValue[],
  ): void {
    const figure = figureOf(found, reading, obis, part.units, this.#scope)
    if ('code' in figure) {
      this.#told.skip(place, figure)
      return
    }
    const { text, value, unit } = figure
    const scale = entry?.scale ?? 0
    into.push({
      path: place,
      text,
      isText: typeof found === 'string',
      value: scale === 0 ? value : { raw: value.raw, scaler: value.scaler + scale },
      unit,
      obis,
      ratio: entry?.ratio ?? 'none',
    })
  }

  #failure({ item, code }: NonNullable<Part['failure']>): void {
    const [name, why] = [item.read(this.#scope), code.read(this.#scope)]
    if (name === null || why === null) return
    this.#told.fail(name, why, this.#device ?? '')
    this.#told.skip(
      this.#scope.places.at(-1) ?? '$',
      errorOf('MQTT_SOURCE_ERROR', `${name.slice(0, 40)}: the source says error ${why.slice(0, 40)}`),
    )
  }

  #event(part: Part, { key, value }: NonNullable<Part['event']>): void {
    const scope = this.#scope
    const [name, text] = [key.read(scope), value.read(scope)]
    if (name === null || text === null) return
    const meter = part.meter ? this.#meter(part) : (this.#device ?? '')
    if (meter === null) return
    const { instant } = this.#moment(part, meter)
    if (this.#message.retained && instant === null)
      this.#told.skip(scope.places.at(-1) ?? '$', errorOf('MQTT_RETAINED', `a retained message of ${meter} has no time of its own`))
    else {
      this.#told.event({ device: meter, key: name.slice(0, NAME_LIMIT), value: text.slice(0, NAME_LIMIT), at: instant })
    }
  }

  /** Values of the frame inside; also says who it is from. */
  #frame(part: Part): readonly PushedValue[] {
    const { frame, times } = part
    const scope = this.#scope
    scope.frame = null
    if (!frame) return []
    const opened = frameBytes(frame, this.#message.payload, scope)
    if ('code' in opened) {
      if (opened.code !== 'MQTT_ABSENT' || this.#environment.explain) this.#told.skip(frame.path.text, opened)
      return []
    }
    const { bytes, encoding } = opened
    const decoded = frame.protocol ? this.#environment.frames(frame.protocol, bytes, frame.context) : null
    scope.frame = decoded?.checksumOk ? decoded.address : null
    this.#told.frame({
      device: this.#device,
      encoding,
      bytes,
      protocol: decoded?.protocol ?? null,
      address: decoded?.address ?? null,
      checksumOk: decoded?.checksumOk ?? null,
      preambleBytes: decoded?.preambleBytes ?? null,
      port: integerOf(frame.port?.read(scope)),
      counter: integerOf(frame.counter?.read(scope)),
      at: times.length > 0 ? this.#moment(part, this.#device ?? '').instant : null,
    })
    if (decoded?.error) this.#told.skip(frame.path.text, decoded.error)
    for (const { path, error } of decoded?.skipped ?? []) this.#told.skip(path, error)
    return decoded?.values ?? []
  }
}

const integerOf = (text: string | null | undefined): number | null =>
  text !== null && text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : null

const writtenTime = (pattern: TimePattern, time: MeterTime): string =>
  pattern
    .map((piece) => ('text' in piece ? piece.text : String(time[piece.part]).padStart(piece.digits, '0').slice(-piece.digits)))
    .join('')
