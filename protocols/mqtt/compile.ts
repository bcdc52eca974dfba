import { fullObis, nameOfObis, type Obis } from '../../src/core/obis.ts'
import { canonicalUnit } from '../../src/core/unit.ts'
import type { Absent, Entry, Frame, Mapping, Part, Reading, Rule, Step, Table, Template, Time, Unit, Value } from './compiled.ts'
import { type Condition, conditionOf } from './condition.ts'
import { decimalOf } from './number.ts'
import { type Path, parsePath } from './path.ts'
import { unitFits } from './quantity.ts'
import type {
  ConditionFile,
  EntryFile,
  FrameFile,
  MappingFile,
  PartFile,
  RuleFile,
  StepFile,
  TableFile,
  TimeFile,
  ValueFile,
} from './schema.ts'
import { type Operand, parseOperand } from './scope.ts'
import { parseTimePattern } from './time.ts'
import { parseNamePattern, parsePattern, type TopicPattern } from './topic.ts'

/** A place in the mapping and what is wrong there. */
export interface MappingProblem {
  readonly path: readonly (string | number)[]
  readonly message: string
}
export type CompiledMapping =
  | { readonly ok: true; readonly value: Mapping }
  | { readonly ok: false; readonly problems: readonly MappingProblem[] }

/** What a site says when it uses a mapping. */
export interface MappingUse {
  /** Zone of local times; goes before the mapping's own. */
  readonly zone?: string
  /** Put in front of every topic: `site-3/`. */
  readonly prefix?: string
}

type At = readonly (string | number)[]

const DAY_MS = 86_400_000
const UNIT_MS: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: DAY_MS }
const spanOf = (text: string | undefined, usual: number): number =>
  text === undefined ? usual : Number(text.slice(0, -1)) * (UNIT_MS[text.slice(-1)] ?? 1)

/** Works out a mapping that has passed its schema. All problems are named at once. */
export const compileMapping = (file: MappingFile, use: MappingUse = {}): CompiledMapping => {
  const compiler = new Compiler(use)
  const rules = file.rules.map((rule, at) => compiler.rule(file.id, rule, ['rules', at]))
  const seen = new Map<string, number>()
  for (const [at, { id }] of file.rules.entries()) {
    const before = seen.get(id)
    if (before !== undefined) compiler.wrong(['rules', at, 'id'], `is "${id}", as rules/${before} is`)
    else seen.set(id, at)
  }
  compiler.zone(use.zone ?? file.zone, ['zone'])
  if (compiler.problems.length > 0) return { ok: false, problems: compiler.problems }
  const window = { pastMs: spanOf(file.window?.past, 400 * DAY_MS), futureMs: spanOf(file.window?.future, 600_000) }
  return { ok: true, value: { id: file.id, title: file.title, zone: use.zone ?? file.zone ?? null, window, rules } }
}

class Compiler {
  readonly problems: MappingProblem[] = []
  readonly #use: MappingUse
  #captures: readonly string[] = []

  constructor(use: MappingUse) {
    this.#use = use
  }

  wrong(path: At, message: string): void {
    this.problems.push({ path, message })
  }

  zone(zone: string | undefined, path: At): void {
    if (zone === undefined) return
    try {
      new Intl.DateTimeFormat('en', { timeZone: zone })
    } catch {
      this.wrong(path, `is "${zone}"; must be an IANA time zone such as Asia/Shanghai`)
    }
  }

  rule(mapping: string, file: RuleFile, at: At): Rule {
    const topic = this.#topic(`${this.#use.prefix ?? ''}${file.topic}`, [...at, 'topic'])
    this.#captures = topic.names
    const { parts, ...own } = file
    const hasOwn = OWN_MEMBERS.some((name) => own[name] !== undefined)
    if (parts && hasOwn)
      for (const name of OWN_MEMBERS)
        if (own[name] !== undefined) this.wrong([...at, name], 'cannot stand beside parts: put it into one of them')
    if (file.payload === 'sparkplug' && (parts || hasOwn))
      this.wrong([...at, 'payload'], 'is sparkplug: values come from metrics, see `sparkplug`')
    const isIdle = !parts && !hasOwn && file.payload !== 'sparkplug'
    if (isIdle && file.ignore === undefined && !file.presence && !file.signal && !file.answer)
      this.wrong(at, 'brings nothing: one of values, table, frame, event, failure, presence, signal, answer, ignore is missing')
    const files: readonly (readonly [PartFile, At])[] = parts
      ? parts.map((part, nth) => [part, [...at, 'parts', nth]] as const)
      : hasOwn
        ? [[own, at]]
        : []
    return {
      id: file.id,
      name: `${mapping}/${file.form ?? file.id}`,
      topic,
      payload: file.payload ?? 'json',
      when: this.#conditions(file.when, [...at, 'when']),
      ignore: file.ignore ?? null,
      device: this.#optional(file.device, [...at, 'device']),
      sender: this.#conditions(file.sender, [...at, 'sender']),
      messageId: this.#optional(file.messageId, [...at, 'messageId']),
      presence: file.presence
        ? {
            of: this.#operand(file.presence.of, [...at, 'presence', 'of']),
            online: new Set(file.presence.online.map(String)),
            offline: new Set(file.presence.offline.map(String)),
          }
        : null,
      signal: Object.entries(file.signal ?? {}).map(
        ([figure, operand]) => [figure, this.#operand(operand, [...at, 'signal', figure])] as const,
      ),
      answer: file.answer
        ? {
            topic: this.#operand(file.answer.topic, [...at, 'answer', 'topic']),
            json: this.#template(file.answer.json, [...at, 'answer', 'json']),
          }
        : null,
      parts: files.map(([part, place]) => this.#part(part, place)),
      sparkplug:
        file.payload === 'sparkplug'
          ? {
              meter: file.sparkplug?.meter ?? 'node/device',
              entries: this.#entries(file.sparkplug?.entries ?? {}, [...at, 'sparkplug', 'entries'], true),
              signals: new Map(Object.entries(file.sparkplug?.signals ?? {})),
            }
          : null,
    }
  }

  #topic(text: string, at: At): TopicPattern {
    const pattern = parsePattern(text)
    if (typeof pattern !== 'string') return pattern
    this.wrong(at, pattern)
    return { text, names: [], filter: '', match: () => null }
  }

  #part(file: PartFile, at: At): Part {
    const outer = this.#captures
    const each = (file.each ?? []).map((step, nth) => this.#step(step, [...at, 'each', nth]))
    const { values, table, frame, event, failure } = file
    if (!values && !table && !frame && !event && !failure)
      this.wrong(at, 'brings nothing: one of values, table, frame, event, failure is missing')
    if (frame?.protocol === undefined && file.meter === undefined && (values || table)) this.wrong(at, '"meter" is missing')
    if (frame?.protocol === 'modbus-rtu' && frame.profile !== undefined && file.meter === undefined)
      this.wrong(at, '"meter" is missing: a unit number alone, {frame}, is that of many meters; join it with the sender')
    const part: Part = {
      each,
      // Without parts `when` is the rule's, and asked already.
      when: at.includes('parts') ? this.#conditions(file.when, [...at, 'when']) : [],
      meter: this.#optional(file.meter, [...at, 'meter']),
      fold: file.fold ?? null,
      times: (file.time ?? []).map((time, nth) => this.#time(time, [...at, 'time', nth])),
      values: (values ?? []).map((value, nth) => this.#value(value, [...at, 'values', nth])),
      table: table ? this.#table(table, [...at, 'table']) : null,
      units: this.#units(file.units, [...at, 'units']),
      valid: this.#conditions(file.valid, [...at, 'valid']),
      ct: this.#optional(file.ct, [...at, 'ct']),
      pt: this.#optional(file.pt, [...at, 'pt']),
      historical: file.historical ?? false,
      failure: failure
        ? { item: this.#operand(failure.item, [...at, 'failure', 'item']), code: this.#operand(failure.code, [...at, 'failure', 'code']) }
        : null,
      event: event
        ? { key: this.#operand(event.key, [...at, 'event', 'key']), value: this.#operand(event.value, [...at, 'event', 'value']) }
        : null,
      frame: frame ? this.#frame(frame, [...at, 'frame']) : null,
    }
    this.#captures = outer
    return part
  }

  /** Steps may use what the steps before captured. */
  #step({ items, members, of, split, when }: StepFile, at: At): Step {
    if ((items === undefined) === (members === undefined)) this.wrong(at, 'must have either items (a list) or members (an object)')
    const from = this.#operand(items ?? of ?? '@', [...at, items === undefined ? 'of' : 'items'])
    if (!from.path) this.wrong([...at, items === undefined ? 'of' : 'items'], `is "${from.text}"; must be a path`)
    const pattern = members === undefined ? null : parseNamePattern(members)
    if (typeof pattern === 'string') this.wrong([...at, 'members'], pattern)
    else if (pattern?.capture) {
      if (this.#captures.includes(pattern.capture)) this.wrong([...at, 'members'], `has the capture "{${pattern.capture}}", which is taken`)
      this.#captures = [...this.#captures, pattern.capture]
    }
    const cut = split
      ? { of: this.#operand(split.of, [...at, 'split', 'of']), at: split.at, into: [split.into[0] ?? '', split.into[1] ?? ''] as const }
      : null
    for (const name of cut?.into ?? [])
      if (this.#captures.includes(name)) this.wrong([...at, 'split', 'into'], `has the capture "{${name}}", which is taken`)
      else this.#captures = [...this.#captures, name]
    return { from, members: typeof pattern === 'string' ? null : pattern, split: cut, when: this.#conditions(when, [...at, 'when']) }
  }

  #time({ of, form, pattern, digits, zone, plus }: TimeFile, at: At): Time {
    const parsed = pattern === undefined ? null : parseTimePattern(pattern)
    if (typeof parsed === 'string') this.wrong([...at, 'pattern'], parsed)
    if ((form === 'pattern') !== (pattern !== undefined))
      this.wrong([...at, 'pattern'], form === 'pattern' ? 'is missing: form pattern needs it' : 'is for form pattern only')
    this.zone(zone, [...at, 'zone'])
    return {
      of: this.#operand(of, [...at, 'of']),
      form,
      pattern: typeof parsed === 'string' ? null : parsed,
      digits: digits ?? null,
      zone: zone ?? null,
      plus: plus
        ? { index: this.#operand(plus.index, [...at, 'plus', 'index']), period: this.#operand(plus.period, [...at, 'plus', 'period']) }
        : null,
    }
  }

  #value(file: ValueFile, at: At): Value {
    if (file.unit === undefined) this.wrong([...at, 'unit'], 'is missing: a figure without unit is a guess; "" for what has none')
    for (const code of [file.obis, ...(file.phases ?? [])]) this.#fit(code, file.unit, [...at, 'unit'])
    return {
      paths: this.#paths(file.path, [...at, 'path']),
      unit: this.#unit(file.unit, [...at, 'unit']),
      comma: file.comma ?? false,
      suffix: file.suffix ?? '',
      absent: absentOf(file.absent),
      when: this.#conditions(file.when, [...at, 'when']),
      obis: this.#obis(file.obis, [...at, 'obis']),
      phases: (file.phases ?? []).map((code, nth) => this.#obis(code, [...at, 'phases', nth])),
      scale: file.scale ?? 0,
      ratio: file.ratio ?? 'none',
    }
  }

  #table(file: TableFile, at: At): Table {
    const reading: Reading = {
      paths: this.#paths(file.path, [...at, 'path']),
      unit: this.#unit(file.unit, [...at, 'unit']),
      comma: file.comma ?? false,
      suffix: file.suffix ?? '',
      absent: absentOf(file.absent),
      when: this.#conditions(file.when, [...at, 'when']),
    }
    const entries = [...this.#entries(file.entries, [...at, 'entries'], file.unit !== undefined)].map(([name, entry]) => {
      const absent = absentOf([...(file.absent ?? []), ...(file.entries[name]?.absent ?? [])])
      return [name, { ...entry, reading: { ...reading, unit: entry.unit ?? reading.unit, absent } }] as const
    })
    for (const [name, { obis, unit }] of Object.entries(file.entries))
      if (obis !== undefined) this.#fit(obis, unit ?? file.unit, unit === undefined ? [...at, 'unit'] : [...at, 'entries', name, 'unit'])
    return {
      ...reading,
      by: this.#operand(file.by, [...at, 'by']),
      error: this.#optional(file.error, [...at, 'error']),
      errorFree: new Set((file.errorFree ?? []).map(String)),
      entries: new Map(entries),
      others: file.others ?? 'report',
    }
  }

  /** @param hasUnit  the unit stands in the message where an entry says none */
  #entries(entries: Readonly<Record<string, EntryFile>>, at: At, hasUnit: boolean): ReadonlyMap<string, Entry> {
    for (const [name, { obis, unit }] of Object.entries(entries))
      if (obis !== undefined && unit === undefined && !hasUnit)
        this.wrong([...at, name, 'unit'], 'is missing: a figure without unit is a guess; "" for what has none')
    return new Map(
      Object.entries(entries).map(([name, { obis, unit, scale, ratio }]) => [
        name,
        {
          obis: obis === undefined ? null : this.#obis(obis, [...at, name, 'obis']),
          unit: unit === undefined ? null : this.#unit(unit, [...at, name, 'unit']),
          scale: scale ?? 0,
          ratio: ratio ?? 'none',
        },
      ]),
    )
  }

  #frame(file: FrameFile, at: At): Frame {
    if (file.protocol !== 'modbus-rtu')
      for (const name of ['profile', 'start', 'function'] as const)
        if (file[name] !== undefined) this.wrong([...at, name], 'is for protocol modbus-rtu only')
    if (file.protocol === 'modbus-rtu' && (file.profile === undefined) !== (file.start === undefined))
      this.wrong(at, 'profile and start belong together: an answer names no register')
    return {
      path: this.#operand(file.path, [...at, 'path']),
      encoding: file.encoding,
      protocol: file.protocol ?? null,
      context: {
        profile: file.profile ?? null,
        start: file.start ?? null,
        function: file.function ?? null,
        obis: new Map(Object.entries(file.obis ?? {}).map(([di, code]) => [di, this.#obis(code, [...at, 'obis', di])])),
      },
      port: this.#optional(file.port, [...at, 'port']),
      counter: this.#optional(file.counter, [...at, 'counter']),
    }
  }

  #units(units: Readonly<Record<string, string>> | undefined, at: At): ReadonlyMap<string, string> {
    for (const [name, unit] of Object.entries(units ?? {})) if (!canonicalUnit(unit)) this.wrong([...at, name], unknownUnit(unit))
    return new Map(Object.entries(units ?? {}))
  }

  #unit(text: string | undefined, at: At): Unit {
    if (text === undefined) return { fixed: null }
    if (/^[$@^{]/.test(text)) return { operand: this.#operand(text, at) }
    if (!canonicalUnit(text)) this.wrong(at, unknownUnit(text))
    return { fixed: text }
  }

  /** A unit that is written down and can be none of that quantity. */
  #fit(code: string, unit: string | undefined, at: At): void {
    const obis = fullObis(code)
    if (obis !== null && unit !== undefined && !/^[$@^{]/.test(unit) && canonicalUnit(unit) && !unitFits(obis, unit))
      this.wrong(at, `is "${unit}", which is no unit of ${obis} (${nameOfObis(obis).en})`)
  }

  #obis(text: string, at: At): Obis {
    const full = fullObis(text)
    if (full === null) this.wrong(at, `is "${text}"; each group of an OBIS code is at most 255`)
    return full ?? text
  }

  #paths(texts: string | readonly string[], at: At): Path[] {
    const list = typeof texts === 'string' ? [texts] : texts
    return list.flatMap((text, nth) => {
      const path = parsePath(text)
      if (typeof path !== 'string') return [path]
      this.wrong(typeof texts === 'string' ? at : [...at, nth], path)
      return []
    })
  }

  #conditions(files: readonly ConditionFile[] | undefined, at: At): Condition[] {
    return (files ?? []).flatMap((file, nth) => {
      const condition = conditionOf(file, this.#operand(file.of, [...at, nth, 'of']), this.#optional(file.same, [...at, nth, 'same']))
      if (!('message' in condition)) return [condition]
      this.wrong([...at, nth, condition.at], condition.message)
      return []
    })
  }

  #optional(text: string | undefined, at: At): Operand | null {
    return text === undefined ? null : this.#operand(text, at)
  }

  #operand(text: string, at: At): Operand {
    const operand = parseOperand(text, this.#captures)
    if (typeof operand !== 'string') return operand
    this.wrong(at, operand)
    return { text, path: null, read: () => null }
  }

  #template(json: unknown, at: At): Template {
    if (typeof json === 'string') return { kind: 'text', operand: this.#answerText(json, at) }
    if (Array.isArray(json)) return { kind: 'list', items: json.map((item, nth) => this.#template(item, [...at, nth])) }
    if (typeof json === 'object' && json !== null)
      return { kind: 'object', members: Object.entries(json).map(([name, value]) => [name, this.#template(value, [...at, name])] as const) }
    return { kind: 'fixed', json: JSON.stringify(json) ?? 'null' }
  }

  /** As any operand; `{now:yyyyMMddhhmmss}` is filled in by who answers. */
  #answerText(text: string, at: At): Operand {
    const operand = parseOperand(text, this.#captures, (name) => {
      if (!name.startsWith('now:')) return null
      const pattern = parseTimePattern(name.slice(4))
      if (typeof pattern === 'string') {
        this.wrong(at, pattern)
        return () => null
      }
      return (scope) => scope.now(pattern)
    })
    if (typeof operand !== 'string') return operand
    this.wrong(at, operand)
    return { text, path: null, read: () => null }
  }
}

const absentOf = (fillers: readonly (string | number | boolean)[] = []): Absent => ({
  texts: new Set(fillers.map(String)),
  numbers: fillers.flatMap((filler) => decimalOf(String(filler)) ?? []),
})

/** Members that make a rule a part of its own. */
const OWN_MEMBERS = [
  'each',
  'meter',
  'fold',
  'time',
  'values',
  'table',
  'units',
  'valid',
  'ct',
  'pt',
  'historical',
  'failure',
  'event',
  'frame',
] as const

const unknownUnit = (unit: string): string =>
  `is "${unit}", a unit the house does not know; known are kWh Wh MWh kvarh varh kVAh VAh kW W MW kvar var kVA VA V mV kV A mA kA Hz deg % °C s ms min CNY and ""`
