import type { MeterTime } from '../../src/core/adapter.ts'
import { type Decimal, multiply } from '../../src/core/decimal.ts'
import { bytesOf } from '../../src/core/hex.ts'
import type { Obis } from '../../src/core/obis.ts'
import {
  type FrameDecoder,
  nothingPushed,
  type PushedEvent,
  type PushedFailure,
  type PushedFrame,
  type PushedRecord,
  type PushedValue,
  type PushFinding,
  type PushMessage,
  type PushOutcome,
  type SkippedField,
  type TimeSource,
} from '../../src/core/push.ts'
import type { GatewayError } from '../../src/core/result.ts'
import { canonicalUnit } from '../../src/core/unit.ts'
import type { Entry, Mapping, Part, Reading, Rule, Step, Template, Time, Value } from './compiled.ts'
import { allHold } from './condition.ts'
import { errorOf, type PushError } from './errors.ts'
import { type Json, JsonNumber, JsonObject } from './json.ts'
import { decimalOf } from './number.ts'
import { memberText, type Path, textOf } from './path.ts'
import { Scope } from './scope.ts'
import { epochOf, isUnset, type LocalInstants, patternTimeOf, type ReadTime, type TimePattern, textTimeOf } from './time.ts'

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

const NAME_LIMIT = 200
const CONTROLS = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/
/** A message with more records is none of a meter. */
const MOST_RECORDS = 5000

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

interface Building {
  readonly meter: string
  readonly instant: number | null
  readonly source: TimeSource
  readonly alternative: number | null
  readonly flags: readonly string[]
  readonly values: PushedValue[]
  readonly ct: string | null
  readonly pt: string | null
  readonly historical: boolean
}

interface Moment {
  /** Null: arrival. */
  readonly instant: number | null
  readonly source: TimeSource
  readonly alternative: number | null
  readonly flags: readonly string[]
}
const ARRIVAL: Moment = { instant: null, source: 'arrival', alternative: null, flags: [] }

class Run {
  readonly #mapping: Mapping
  readonly #rule: Rule
  readonly #message: PushMessage
  readonly #scope: Scope
  readonly #zone: string
  readonly #environment: PushEnvironment
  readonly #records: Building[] = []
  /** More than a few records are found by key. */
  #byKey: Map<string, Building> | null = null
  readonly #skipped: SkippedField[] = []
  readonly #failures: PushedFailure[] = []
  readonly #events: PushedEvent[] = []
  readonly #frames: PushedFrame[] = []
  readonly #findings: PushFinding[] = []
  #device: string | null = null
  #flags: readonly string[] = []
  #visited = 0
  #refused: PushError | null = null

  constructor(mapping: Mapping, rule: Rule, message: PushMessage, scope: Scope, zone: string, environment: PushEnvironment) {
    this.#mapping = mapping
    this.#rule = rule
    this.#message = message
    this.#scope = scope
    this.#zone = zone
    this.#environment = environment
  }

  run(): PushOutcome {
    const rule = this.#rule
    const scope = this.#scope
    if (rule.ignore !== null) return { ...nothingPushed, rule: rule.name, discard: rule.ignore }
    this.#device = rule.device?.read(scope) ?? null
    for (const condition of rule.sender)
      if (!condition.holds(scope)) {
        this.#flags = ['identity']
        const message = `the sender does not fit the topic ${this.#message.topic.slice(0, NAME_LIMIT)}: ${condition.text} does not hold`
        this.#findings.push({ code: 'PUSH_IDENTITY', device: this.#device ?? '', message })
        break
      }
    for (const part of rule.parts) this.#fanOut(part, 0)
    if (this.#refused) return { ...nothingPushed, rule: rule.name, device: this.#device, refused: this.#refused }
    return {
      rule: rule.name,
      device: this.#device ?? this.#records[0]?.meter ?? null,
      records: this.#records.filter(({ values }) => values.length > 0).map(recordOf),
      presence: this.#presence(),
      signals: this.#signals(),
      events: this.#events,
      failures: this.#failures,
      frames: this.#frames,
      answers: this.#answers(),
      skipped: this.#skipped,
      findings: this.#findings,
      messageId: rule.messageId?.read(scope) ?? null,
      discard: null,
      refused: null,
    }
  }

  #fanOut(part: Part, depth: number): void {
    const step = part.each[depth]
    if (!step) {
      if (++this.#visited > MOST_RECORDS) {
        this.#refused ??= errorOf('MQTT_JSON_LIMIT', `the message has more than ${MOST_RECORDS} records`)
        return
      }
      if (allHold(part.when, this.#scope)) this.#record(part)
      return
    }
    const path = step.from.path
    const list = path ? this.#scope.find(path) : undefined
    if (path === null || list === undefined) return
    const base = this.#scope.placeOf(path)
    if (step.members) this.#members(part, depth, step, list, base)
    else if (Array.isArray(list))
      for (let index = 0; index < list.length && !this.#refused; index++)
        this.#enter(part, depth, step, list[index]!, `${base}[${index}]`, index)
  }

  #members(part: Part, depth: number, step: Step, object: Json, base: string): void {
    if (!(object instanceof JsonObject) || !step.members) return
    const { capture, match } = step.members
    const before = this.#scope.captures
    for (let index = 0; index < object.names.length && !this.#refused; index++) {
      const name = object.names[index]!
      const captured = match(name)
      if (captured === null) continue
      if (capture !== null) this.#scope.captures = Object.assign(Object.create(null), before, { [capture]: captured })
      this.#enter(part, depth, step, object.values[index]!, base + memberText(name), index)
      this.#scope.captures = before
    }
  }

  #enter(part: Part, depth: number, step: Step, record: Json, place: string, index: number): void {
    const scope = this.#scope
    scope.records.push(record)
    scope.places.push(place)
    const before = scope.index
    scope.index = index
    if (allHold(step.when, scope)) this.#fanOut(part, depth + 1)
    scope.index = before
    scope.records.pop()
    scope.places.pop()
  }

  #record(part: Part): void {
    const scope = this.#scope
    if (part.failure) return this.#failure(part.failure)
    if (part.event) return this.#event(part, part.event)
    const frame = part.frame ? this.#frame(part) : null
    const meter = this.#meter(part)
    if (meter === null) return
    if (!allHold(part.valid, scope)) {
      const failed = part.valid.find((condition) => !condition.holds(scope))
      this.#skip(scope.places.at(-1) ?? '$', errorOf('MQTT_BAD_QUALITY', `${failed?.text ?? 'a condition'} does not hold`))
      this.#failures.push({ device: meter, item: part.table?.by.read(scope) ?? '*', code: 'MQTT_BAD_QUALITY' })
      return
    }
    const values: PushedValue[] = frame ? [...frame] : []
    for (const value of part.values) this.#value(part, value, values)
    if (part.table) this.#tableValue(part, meter, values)
    if (values.length === 0) return
    const moment = this.#moment(part, meter)
    if (moment === null) return
    if (this.#message.retained && moment.source === 'arrival') {
      for (const { path } of values) this.#skip(path, errorOf('MQTT_RETAINED', `a retained message of ${meter} has no time of its own`))
      return
    }
    this.#add(part, meter, moment, values)
  }

  #meter(part: Part): string | null {
    const scope = this.#scope
    const text = part.meter ? part.meter.read(scope) : scope.frame
    if (text === null) {
      if (part.meter) this.#skip(scope.places.at(-1) ?? '$', errorOf('MQTT_NO_METER', `${part.meter.text} leads nowhere`))
      return null
    }
    if (text === '' || text.length > NAME_LIMIT || CONTROLS.test(text)) {
      this.#skip(scope.places.at(-1) ?? '$', errorOf('MQTT_METER_NAME', `the meter id ${JSON.stringify(text.slice(0, 40))} cannot be used`))
      return null
    }
    return part.fold === 'lower' ? text.toLowerCase() : part.fold === 'upper' ? text.toUpperCase() : text
  }

  #add(part: Part, meter: string, moment: Moment, values: readonly PushedValue[]): void {
    const scope = this.#scope
    const [ct, pt] = [this.#ratio(part.ct?.read(scope) ?? null, 'ct'), this.#ratio(part.pt?.read(scope) ?? null, 'pt')]
    const flags = this.#flags.length > 0 ? [...this.#flags, ...moment.flags] : moment.flags
    const record = this.#find(meter, moment.instant, part.historical)
    if (record) {
      for (const value of values) this.#addValue(record, value)
      return
    }
    const built: Building = {
      meter,
      instant: moment.instant,
      source: moment.source,
      alternative: moment.alternative,
      flags,
      values: [],
      ct,
      pt,
      historical: part.historical,
    }
    for (const value of values) this.#addValue(built, value)
    this.#records.push(built)
    this.#byKey?.set(keyOf(meter, moment.instant, part.historical), built)
  }

  #find(meter: string, instant: number | null, historical: boolean): Building | undefined {
    if (this.#records.length < 8)
      return this.#records.find((one) => one.meter === meter && one.instant === instant && one.historical === historical)
    this.#byKey ??= new Map(this.#records.map((one) => [keyOf(one.meter, one.instant, one.historical), one]))
    return this.#byKey.get(keyOf(meter, instant, historical))
  }

  #addValue(record: Building, value: PushedValue): void {
    const { obis } = value
    const other = obis === null ? undefined : record.values.find((one) => one.obis === obis)
    if (other)
      this.#skip(value.path, errorOf('MQTT_DUPLICATE_ITEM', `${obis} of ${record.meter} stands already at ${other.path}; that one is kept`))
    else record.values.push(value)
  }

  #ratio(text: string | null, name: string): string | null {
    if (text === null) return null
    const value = decimalOf(text)
    if (value && value.raw > 0) return text
    this.#skip(name, errorOf('MQTT_RATIO', `${name} is ${JSON.stringify(text.slice(0, 40))}`))
    return null
  }

  #value(part: Part, value: Value, into: PushedValue[]): void {
    const scope = this.#scope
    for (const path of value.paths) {
      const found = scope.find(path)
      if (found === undefined) continue
      if (value.phases.length > 0 && Array.isArray(found)) {
        const place = scope.placeOf(path)
        for (let at = 0; at < value.phases.length && at < found.length; at++)
          this.#scalar(part, value, found[at]!, `${place}[${at}]`, value.phases[at]!, value, into)
      } else this.#scalar(part, value, found, scope.placeOf(path), value.obis, value, into)
      return
    }
    if (this.#environment.explain) this.#absent(value.paths)
  }

  #absent(paths: readonly Path[]): void {
    this.#skip(paths.map(({ text }) => text).join(' or '), errorOf('MQTT_ABSENT', 'is not in the message'))
  }

  #tableValue(part: Part, meter: string, into: PushedValue[]): void {
    const table = part.table
    if (!table) return
    const scope = this.#scope
    const name = table.by.read(scope)
    if (name === null) {
      if (this.#environment.explain) this.#skip(scope.places.at(-1) ?? '$', errorOf('MQTT_ABSENT', `${table.by.text} leads nowhere`))
      return
    }
    const entry = table.entries.get(name) ?? null
    if (entry === null && table.others === 'ignore') return
    const error = table.error?.read(scope) ?? null
    if (error !== null && !table.errorFree.has(error)) {
      this.#failures.push({ device: meter, item: name, code: error })
      this.#skip(scope.places.at(-1) ?? '$', errorOf('MQTT_SOURCE_ERROR', `${name}: the source says error ${error.slice(0, 40)}`))
      return
    }
    for (const path of table.paths) {
      const found = scope.find(path)
      if (found === undefined || found instanceof JsonObject) continue
      const reading = { ...table, suffix: '', unit: entry?.unit ?? table.unit }
      const before = into.length
      this.#scalar(part, reading, found, scope.placeOf(path), entry?.obis ?? null, entry, into)
      if (into.length > before && (entry?.obis ?? null) === null)
        this.#skip(scope.placeOf(path), errorOf('MQTT_UNMAPPED', `${name} has no OBIS code`))
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
    if (found === null) return this.#skip(place, errorOf('MQTT_NULL', 'is null'))
    const text = textOf(found)
    if (text === null) return this.#skip(place, errorOf('MQTT_NOT_NUMBER', 'is a list or an object'))
    if (reading.absent.has(text) || (typeof found === 'string' && text.trim() === ''))
      return this.#skip(place, errorOf('MQTT_FILLER', `is ${JSON.stringify(text.slice(0, 40))}, which means no value`))
    if (reading.when.length > 0 && !allHold(reading.when, this.#scope))
      return this.#skip(place, errorOf('MQTT_BAD_QUALITY', `${reading.when.map((one) => one.text).join(' and ')} does not hold`))
    let digits = text
    if (!(found instanceof JsonNumber)) {
      if (typeof found === 'boolean') return this.#skip(place, errorOf('MQTT_NOT_NUMBER', `is ${text}`))
      digits = text.trim()
      if (reading.suffix !== '' && digits.endsWith(reading.suffix.trim())) digits = digits.slice(0, -reading.suffix.trim().length).trim()
      if (reading.comma) digits = digits.replace(',', '.')
    }
    const value = decimalOf(digits)
    if (value === null) {
      const isNumber = /^[+-]?[\d.]+([eE][+-]?\d+)?$/.test(digits.slice(0, 100))
      return this.#skip(place, errorOf(isNumber ? 'MQTT_NUMBER_RANGE' : 'MQTT_NOT_NUMBER', `is ${JSON.stringify(text.slice(0, 40))}`))
    }
    const unit = this.#unit(part, reading, place)
    if (unit === undefined) return
    if (unit === null && obis !== null) return this.#skip(place, errorOf('MQTT_UNIT', 'the message says no unit'))
    const scale = entry?.scale ?? 0
    into.push({
      path: place,
      text: digits,
      isText: typeof found === 'string',
      value: scale === 0 ? value : { raw: value.raw, scaler: value.scaler + scale },
      unit,
      obis,
      ratio: entry?.ratio ?? 'none',
    })
  }

  /** Undefined: the unit is one we do not know, so that the value would be a guess. */
  #unit(part: Part, { unit }: Reading, place: string): string | null | undefined {
    if ('fixed' in unit) return unit.fixed
    const written = unit.operand.read(this.#scope)
    if (written === null) return null
    const known = part.units.get(written) ?? written
    if (canonicalUnit(known)) return known
    this.#skip(place, errorOf('MQTT_UNIT', `the unit ${JSON.stringify(written.slice(0, 20))} is not known`))
    return undefined
  }

  /** Null: a time was there and could not be read, so that nothing can be said about when. */
  #moment(part: Part, meter: string): Moment | null {
    for (const time of part.times) {
      const text = time.of.read(this.#scope)
      if (text === null || text === '') continue
      if (time.digits !== null && wholeDigits(text) !== time.digits) continue
      const read = this.#readTime(time, text)
      if (read === null) {
        this.#skip(time.of.text, errorOf('MQTT_TIME', `is ${JSON.stringify(text.slice(0, 40))}, no time of form ${time.form}`))
        this.#findings.push({ code: 'PUSH_TIME', device: meter, message: `its time ${JSON.stringify(text.slice(0, 40))} cannot be read` })
        return { ...ARRIVAL, flags: ['time-implausible'] }
      }
      return this.#plausible(read, meter)
    }
    return ARRIVAL
  }

  #readTime({ of, form, pattern, zone, plus }: Time, text: string): ReadTime | null {
    const { local } = this.#environment
    const where = zone ?? this.#zone
    const read =
      form === 'text'
        ? textTimeOf(text, where, local)
        : form === 'pattern'
          ? pattern && patternTimeOf(text, pattern, where, local)
          : epochOf(text, form)
    if (!read || !plus) return read
    const [index, period] = [decimalOf(plus.index.read(this.#scope) ?? ''), decimalOf(plus.period.read(this.#scope) ?? '')]
    if (!index || !period) {
      this.#skip(of.text, errorOf('MQTT_TIME', `index ${plus.index.text} or period ${plus.period.text} is no number`))
      return null
    }
    const later = inMs(multiply(index, period))
    const source = read.source === 'payload-epoch-ms' ? 'payload-epoch-ms+index*period' : 'payload-epoch-s+index*period'
    return { instant: read.instant + later, alternative: read.alternative, source }
  }

  #plausible({ instant, alternative, source }: ReadTime, meter: string): Moment {
    if (isUnset(instant)) {
      this.#findings.push({ code: 'PUSH_CLOCK_UNSET', device: meter, message: `its clock is not set: it says ${isoText(instant)}` })
      return { ...ARRIVAL, flags: ['clock-unset'] }
    }
    const { arrivedAt } = this.#message
    const { pastMs, futureMs } = this.#mapping.window
    if (this.#environment.windows && (instant < arrivedAt - pastMs || instant > arrivedAt + futureMs)) {
      const message = `it says ${isoText(instant)}, which is too far from ${isoText(arrivedAt)}`
      this.#findings.push({ code: 'PUSH_TIME', device: meter, message })
      return { ...ARRIVAL, flags: ['time-implausible'] }
    }
    return { instant, alternative, source, flags: alternative === null ? [] : ['time-ambiguous'] }
  }

  #failure({ item, code }: NonNullable<Part['failure']>): void {
    const [name, why] = [item.read(this.#scope), code.read(this.#scope)]
    if (name === null || why === null) return
    this.#failures.push({ device: this.#device ?? '', item: name.slice(0, NAME_LIMIT), code: why.slice(0, NAME_LIMIT) })
    this.#skip(this.#scope.places.at(-1) ?? '$', errorOf('MQTT_SOURCE_ERROR', `${name.slice(0, 40)}: the source says error ${why.slice(0, 40)}`))
  }

  #event(part: Part, { key, value }: NonNullable<Part['event']>): void {
    const scope = this.#scope
    const [name, text] = [key.read(scope), value.read(scope)]
    if (name === null || text === null) return
    const meter = part.meter?.read(scope) ?? this.#device ?? ''
    const moment = this.#moment(part, meter)
    this.#events.push({ device: meter, key: name.slice(0, NAME_LIMIT), value: text.slice(0, NAME_LIMIT), at: moment?.instant ?? null })
  }

  /** Values of the frame inside; also says who it is from. */
  #frame(part: Part): readonly PushedValue[] {
    const { frame } = part
    const scope = this.#scope
    if (!frame) return []
    const opened = this.#bytes(frame)
    scope.frame = null
    if (!opened) return []
    const { bytes, encoding } = opened
    const decoded = frame.protocol ? this.#environment.frames(frame.protocol, bytes, frame.context) : null
    scope.frame = decoded?.checksumOk ? decoded.address : null
    this.#frames.push({
      device: this.#device,
      encoding,
      bytes,
      protocol: decoded?.protocol ?? null,
      address: decoded?.address ?? null,
      checksumOk: decoded?.checksumOk ?? null,
      preambleBytes: decoded?.preambleBytes ?? null,
      port: integerOf(frame.port?.read(scope)),
      counter: integerOf(frame.counter?.read(scope)),
      at: part.times.length > 0 ? (this.#moment(part, this.#device ?? '')?.instant ?? null) : null,
    })
    if (decoded?.error) this.#skip(frame.path.text, decoded.error)
    for (const { path, error } of decoded?.skipped ?? []) this.#skip(path, error)
    return decoded?.values ?? []
  }

  #bytes({ path, encoding }: NonNullable<Part['frame']>): { readonly bytes: Uint8Array; readonly encoding: PushedFrame['encoding'] } | null {
    if (encoding === 'raw') return { bytes: this.#message.payload, encoding }
    const text = path.read(this.#scope)
    if (text === null) {
      if (this.#environment.explain) this.#skip(path.text, errorOf('MQTT_ABSENT', 'is not in the message'))
      return null
    }
    if (encoding === 'hex') {
      const bytes = bytesOf(text)
      if (bytes && bytes.length > 0) return { bytes, encoding: /\s/.test(text.trim()) ? 'hex with blanks' : 'hex' }
    } else if (/^[A-Za-z0-9+/_-]+={0,2}$/.test(text)) return { bytes: new Uint8Array(Buffer.from(text, 'base64')), encoding }
    this.#skip(path.text, errorOf('MQTT_FRAME', `is ${JSON.stringify(text.slice(0, 40))}, which is no ${encoding}`))
    return null
  }

  #presence(): PushOutcome['presence'] {
    const { presence } = this.#rule
    const device = this.#device
    if (!presence || device === null) return []
    const text = presence.of.read(this.#scope)
    if (text === null) return []
    const online = presence.online.has(text)
    if (online || presence.offline.has(text)) return [{ device, online }]
    this.#skip(presence.of.text, errorOf('MQTT_NOT_NUMBER', `is ${JSON.stringify(text.slice(0, 40))}, neither online nor offline`))
    return []
  }

  #signals(): PushOutcome['signals'] {
    const figures: Record<string, number> = {}
    for (const [name, operand] of this.#rule.signal) {
      const text = operand.read(this.#scope)
      const value = text === null || text.trim() === '' ? Number.NaN : Number(text)
      if (Number.isFinite(value)) figures[name] = value
    }
    const device = this.#device ?? this.#records[0]?.meter ?? null
    return device === null || Object.keys(figures).length === 0 ? [] : [{ device, figures }]
  }

  #answers(): PushOutcome['answers'] {
    const { answer } = this.#rule
    // What a broker kept is no question: whoever asked has long gone on.
    if (!answer || this.#message.retained) return []
    const topic = answer.topic.read(this.#scope)
    if (topic === null || /[+#\u0000]/.test(topic)) {
      this.#skip(answer.topic.text, errorOf('MQTT_ABSENT', 'no answer is sent: its topic cannot be made'))
      return []
    }
    return [{ topic, payload: new TextEncoder().encode(written(answer.json, this.#scope)) }]
  }

  #skip(path: string, error: GatewayError): void {
    if (this.#skipped.length < 1000) this.#skipped.push({ path, error })
  }
}

const keyOf = (meter: string, instant: number | null, historical: boolean): string => `${instant} ${historical ? 1 : 0} ${meter}`

const recordOf = ({ meter, instant, source, alternative, flags, values, ct, pt, historical }: Building): PushedRecord => ({
  meter,
  measuredAt: instant,
  timeSource: source,
  alternative,
  flags,
  values,
  ct,
  pt,
  historical,
})

const isoText = (instant: number): string => new Date(instant).toISOString()

/** Digits before the point; 0 for what is no number. */
const wholeDigits = (text: string): number => /^\d+/.exec(text)?.[0].length ?? 0

/** Seconds as whole milliseconds. */
const inMs = ({ raw, scaler }: Decimal): number => Math.round(Number(raw) * 10 ** (scaler + 3))

const integerOf = (text: string | null | undefined): number | null =>
  text !== null && text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : null

const written = (template: Template, scope: Scope): string => {
  if (template.kind === 'fixed') return template.json
  if (template.kind === 'text') return JSON.stringify(template.operand.read(scope))
  if (template.kind === 'list') return `[${template.items.map((item) => written(item, scope)).join(',')}]`
  return `{${template.members.map(([name, value]) => `${JSON.stringify(name)}:${written(value, scope)}`).join(',')}}`
}

const writtenTime = (pattern: TimePattern, time: MeterTime): string =>
  pattern
    .map((piece) => ('text' in piece ? piece.text : String(time[piece.part]).padStart(piece.digits, '0').slice(-piece.digits)))
    .join('')
