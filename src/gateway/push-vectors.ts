import {
  type Difference,
  decodeMessage,
  type ExampleFile,
  follow,
  type Json,
  JsonNumber,
  JsonObject,
  type Mapping,
  parseJson,
  parsePath,
  textOf,
  type VectorResult,
} from '../../protocols/index.ts'
import {
  bytesOf,
  compare,
  decimalOfFloat64,
  hexOf,
  ok,
  type PushedRecord,
  type PushedValue,
  type PushMessage,
  type PushOutcome,
  parseDecimal,
  type Reading,
} from '../core/index.ts'
import { Memory } from '../push/index.ts'
import { isZone } from './local-time.ts'
import { PushNormaliser } from './push-readings.ts'
import type { PushWorld } from './push-world.ts'

/** A recorded message as a vector file or a mapping's example has it. */
interface Recorded {
  readonly message: PushMessage
  /** Payload as JSON, for paths that are compared by where they lead. */
  readonly json: Json | null
  readonly text: string
}

type Leaves = readonly (readonly [name: string, expected: Json])[]

/** Years from now: whatever was recorded came before. */
const ARRIVAL = Date.UTC(2026, 0, 1)

/** Runs a vector file of messages through mappings; every leaf under `expect` is compared. */
export const judgePushVectors = (content: JsonObject, mappings: readonly Mapping[], world: PushWorld): Promise<readonly VectorResult[]> => {
  const vectors = content.get('vectors')
  return Promise.all(
    (Array.isArray(vectors) ? vectors : []).map(async (vector): Promise<VectorResult> => {
      const name = (vector instanceof JsonObject ? textOf(vector.get('name')) : null) ?? 'without a name'
      if (!(vector instanceof JsonObject)) return { name, differences: [{ path: '', expected: 'an object', got: null }] }
      return { name, differences: await vectorDifferences(vector, mappings, world) }
    }),
  )
}

const vectorDifferences = async (vector: JsonObject, mappings: readonly Mapping[], world: PushWorld): Promise<readonly Difference[]> => {
  const expect = vector.get('expect')
  if (!(expect instanceof JsonObject)) return [{ path: 'expect', expected: 'an object', got: null }]
  const zone = textOf(expect.get('assumeZone')) ?? world.zone
  if (!isZone(zone)) return [{ path: 'expect.assumeZone', expected: zone, got: 'no IANA time zone' }]
  const here = { ...world, zone }
  const used = mappings.map((mapping) => ({ ...mapping, zone: textOf(expect.get('assumeZone')) ?? mapping.zone }))
  const json = vector.get('json')
  if (Array.isArray(json) && json.every((one) => one instanceof JsonObject && one.get('topic') !== undefined))
    return sequenceDifferences(json, expect, used, here)
  const recorded = recordedOf(vector)
  if (!recorded) return [{ path: '', expected: 'json, text or hex', got: null }]
  return outcomeDifferences(decode(recorded.message, used, here), recorded, expect)
}

/** What differs when an example of a mapping is run through it. */
export const exampleDifferences = (example: ExampleFile, mapping: Mapping, world: PushWorld): readonly Difference[] => {
  const parsed = parseJson(JSON.stringify(example), { depth: 100, nodes: 100_000 })
  if (!parsed.ok || !(parsed.value instanceof JsonObject)) return [{ path: '', expected: 'an example', got: null }]
  const recorded = recordedOf(parsed.value)
  const expect = parsed.value.get('expect')
  if (!recorded || !(expect instanceof JsonObject)) return [{ path: '', expected: 'json, text or hex, and expect', got: null }]
  if (example.zone !== undefined && !isZone(example.zone)) return [{ path: 'zone', expected: 'an IANA time zone', got: example.zone }]
  const here = example.zone === undefined ? mapping : { ...mapping, zone: example.zone }
  return outcomeDifferences(decode(recorded.message, [here], world), recorded, expect)
}

const decode = (message: PushMessage, mappings: readonly Mapping[], world: PushWorld): PushOutcome =>
  decodeMessage(mappings, message, { ...world, windows: false, explain: true })

const recordedOf = (vector: JsonObject): Recorded | null => {
  const [json, text, hex] = [vector.get('json'), textOf(vector.get('text')), textOf(vector.get('hex'))]
  const written = json !== undefined ? writtenJson(json) : text
  const payload = written !== null && written !== undefined ? new TextEncoder().encode(written) : hex === null ? null : bytesOf(hex)
  if (!payload) return null
  const arrived = Date.parse(textOf(vector.get('arrivedAt')) ?? '')
  const message = {
    topic: textOf(vector.get('topic')) ?? '',
    payload,
    retained: vector.get('retained') === true,
    duplicate: vector.get('dup') === true,
    arrivedAt: Number.isNaN(arrived) ? ARRIVAL : arrived,
  }
  return { message, json: json ?? null, text: written ?? '' }
}

/** JSON as text again, numbers as they were written. */
const writtenJson = (json: Json): string => {
  if (json instanceof JsonNumber) return json.text
  if (json instanceof JsonObject)
    return `{${json.names.map((name, at) => `${JSON.stringify(name)}:${writtenJson(json.values[at] ?? null)}`).join(',')}}`
  return Array.isArray(json) ? `[${json.map(writtenJson).join(',')}]` : JSON.stringify(json)
}

/** As JavaScript has it, for messages. */
const plain = (json: Json | undefined): unknown =>
  json instanceof JsonNumber
    ? Number(json.text)
    : json instanceof JsonObject
      ? Object.fromEntries(json.names.map((name, at) => [name, plain(json.values[at])]))
      : Array.isArray(json)
        ? json.map(plain)
        : json

const differ = (path: string, expected: Json | undefined, got: unknown): Difference[] => [{ path, expected: plain(expected), got }]

/** Equal as JSON: numbers by value, whatever their digits. */
const same = (expected: Json | undefined, got: unknown): boolean => {
  if (expected instanceof JsonNumber) {
    if (typeof got !== 'number' && typeof got !== 'bigint') return false
    const [a, b] = [parseDecimal(expected.text), typeof got === 'bigint' ? { raw: got, scaler: 0 } : decimalOfFloat64(got)]
    return a !== null && compare(a, b) === 0
  }
  if (expected instanceof JsonObject)
    return (
      isRecord(got) &&
      expected.names.length === Object.keys(got).length &&
      expected.names.every((name, at) => same(expected.values[at], got[name]))
    )
  if (Array.isArray(expected))
    return Array.isArray(got) && got.length === expected.length && expected.every((one, at) => same(one, got[at]))
  return expected === got
}
const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const leavesOf = (object: JsonObject): Leaves => object.names.map((name, at) => [name, object.values[at] ?? null] as const)

const iso = (instant: number | null): string | null => (instant === null ? null : new Date(instant).toISOString())

/** Compares an outcome with everything that is expected of it. */
const outcomeDifferences = (outcome: PushOutcome, recorded: Recorded, expect: JsonObject): Difference[] => {
  const facts = factsOf(outcome)
  return leavesOf(expect).flatMap(([name, expected]): Difference[] => {
    const path = `expect.${name}`
    if (name === 'assumeZone') return []
    if (name === 'points') return pointsDifferences(outcome, recorded, expected, isAboutFrame(expect))
    if (name === 'failed') return failedDifferences(outcome, expected)
    if (name === 'selector')
      return selectorHolds(outcome, recorded, textOf(expected) ?? '')
        ? []
        : differ(
            path,
            expected,
            outcome.records.flatMap(({ values }) => values.map((value) => value.path)),
          )
    if (name === 'rawCheck') return rawDifferences(outcome, expected)
    if (name === 'frame' && expected instanceof JsonObject) {
      const got = frameFacts(outcome)
      return leavesOf(expected).flatMap(([leaf, value]) => (same(value, got[leaf]) ? [] : differ(`${path}.${leaf}`, value, got[leaf])))
    }
    return same(expected, facts[name]) ? [] : differ(path, expected, facts[name])
  })
}

/** Everything but points, by the names of the vector files. */
const factsOf = (outcome: PushOutcome): Readonly<Record<string, unknown>> => {
  const [presence, signal, answer, frame, record] = [
    outcome.presence[0],
    outcome.signals[0],
    outcome.answers[0],
    outcome.frames[0],
    outcome.records[0],
  ]
  const discard = outcome.discard ?? (frame?.checksumOk === false ? 'checksum' : outcome.refused?.code)
  const format =
    outcome.discard === 'system-topic' ? 'not-a-reading' : outcome.discard === 'empty-payload' ? 'empty' : outcome.rule?.split('/').at(-1)
  return {
    format,
    discard,
    deviceId: outcome.device,
    ...(presence && { online: presence.online }),
    ...(signal && { signal: signal.figures }),
    ...(answer && { reply: { topic: answer.topic, json: JSON.parse(Buffer.from(answer.payload).toString('utf8')) } }),
    events: outcome.events.map(({ key, value }) => ({ key, value: /^-?\d+(\.\d+)?$/.test(value) ? Number(value) : value })),
    ...(frame && { time: iso(frame.at) }),
    ...(record && { alternative: iso(record.alternative), quality: record.flags[0] ?? 'good' }),
    findings: outcome.findings.map(({ code }) => code),
  }
}

const frameFacts = ({ frames: [frame] }: PushOutcome): Readonly<Record<string, unknown>> =>
  frame
    ? {
        encoding: frame.encoding,
        hex: hexOf(frame.bytes, '').toLowerCase(),
        protocol: frame.protocol,
        address: frame.address,
        checksumOk: frame.checksumOk,
        crcOk: frame.checksumOk,
        ...(frame.protocol === 'modbus-rtu' ? { unit: frame.bytes[0], function: frame.bytes[1], byteCount: frame.bytes[2] } : {}),
        preambleBytes: frame.preambleBytes,
        fPort: frame.port,
        fCnt: frame.counter,
      }
    : {}

/** A vector that says what the frame inside is and lists no point is about the frame alone. */
const isAboutFrame = (expect: JsonObject): boolean => {
  const frame = expect.get('frame')
  return frame instanceof JsonObject && textOf(frame.get('protocol')) !== null
}

const pointsDifferences = ({ records }: PushOutcome, recorded: Recorded, expected: Json, aboutFrame: boolean): Difference[] => {
  if (!Array.isArray(expected)) return differ('expect.points', expected, 'a list')
  if (expected.length === 0 && aboutFrame) return []
  const left = [...records]
  const differences = expected.flatMap((point, at) => {
    const path = `expect.points[${at}]`
    if (!(point instanceof JsonObject)) return differ(path, point, 'an object')
    const measuredAt = textOf(point.get('measuredAt'))
    const index = left.findIndex((one) => one.meter === textOf(point.get('meterId')) && iso(one.measuredAt) === measuredAt)
    const [record] = index < 0 ? [] : left.splice(index, 1)
    if (!record)
      return differ(
        path,
        point,
        records.map(({ meter, measuredAt: at }) => ({ meterId: meter, measuredAt: iso(at) })),
      )
    return pointDifferences(record, recorded, point, path)
  })
  return left.length === 0 ? differences : [...differences, { path: 'expect.points', expected: expected.length, got: records.length }]
}

const pointDifferences = (record: PushedRecord, recorded: Recorded, point: JsonObject, path: string): Difference[] =>
  leavesOf(point).flatMap(([name, expected]): Difference[] => {
    if (name === 'meterId' || name === 'measuredAt') return []
    if (name === 'timeSource') return same(expected, record.timeSource) ? [] : differ(`${path}.${name}`, expected, record.timeSource)
    if (name === 'quality')
      return same(expected, record.flags[0] ?? 'good') ? [] : differ(`${path}.${name}`, expected, record.flags[0] ?? 'good')
    if (name !== 'readings' || !Array.isArray(expected)) return differ(`${path}.${name}`, expected, 'nothing known')
    return expected.flatMap((reading, at) =>
      reading instanceof JsonObject
        ? readingDifferences(record, recorded, reading, `${path}.readings[${at}]`)
        : differ(path, reading, 'an object'),
    )
  })

const readingDifferences = ({ values }: PushedRecord, recorded: Recorded, expected: JsonObject, path: string): Difference[] => {
  const value = values.find((one) => leadsTo(one, recorded, expected))
  if (!value)
    return differ(
      path,
      expected,
      values.map(({ path: place, text, obis }) => ({ path: place, raw: text, obis })),
    )
  const facts: Readonly<Record<string, unknown>> = { unit: value.unit, obis: value.obis, di: value.di }
  return leavesOf(expected).flatMap(([name, wanted]): Difference[] => {
    const here = `${path}.${name}`
    if (name === 'path' || name === 'selector') return []
    if (name === 'raw') return rawHolds(value, wanted) ? [] : differ(here, wanted, value.text)
    if (name === 'value') return decimalHolds(value, wanted) ? [] : differ(here, wanted, `${value.value.raw}e${value.value.scaler}`)
    return same(wanted, facts[name]) ? [] : differ(here, wanted, facts[name])
  })
}

/** Whether the place that is expected is the place where the value stood, in whatever way it is written. */
const leadsTo = (value: PushedValue, { json, text }: Recorded, expected: JsonObject): boolean => {
  const di = textOf(expected.get('di'))
  if (di !== null) return value.di === di
  const wanted = textOf(expected.get('path')) ?? textOf(expected.get('selector')) ?? ''
  if (wanted === value.path) return true
  const keyed = /^([A-Za-z_]\w*)\[(\w+)=([^\]]*)\]$/.exec(wanted)
  if (keyed && json !== null) return itemHolds(value.path, json, keyed[1] ?? '', keyed[2] ?? '', keyed[3] ?? '')
  // A number with its unit behind it, written as the pattern that would find it.
  const suffix = /^\/\^\(\[0-9\.\]\+\)(.*)\$\/$/.exec(wanted)
  if (suffix) return value.path === '$' && text === value.text + (suffix[1] ?? '')
  return json !== null && samePlace(wanted, value.path, json)
}

const samePlace = (wanted: string, place: string, json: Json): boolean => {
  const [a, b] = [parsePath(wanted), parsePath(place)]
  if (typeof a === 'string' || typeof b === 'string') return false
  const [x, y] = [follow(a, json), follow(b, json)]
  return x !== undefined && x === y && a.steps.length === b.steps.length && a.steps.at(-1)?.kind === b.steps.at(-1)?.kind
}

/** `r_data[name=kWh]`: the value stands in the item of that list whose member has that text. */
const itemHolds = (place: string, json: Json, list: string, member: string, text: string): boolean => {
  const item = /^(.*)\.(\w+)\[\d+\]/.exec(place)
  const path = item?.[2] === list ? parsePath(item[0]) : 'another list'
  const found = typeof path === 'string' ? undefined : follow(path, json)
  return found instanceof JsonObject && textOf(found.get(member)) === text
}

/** A selector above the points names the list whose items were searched by key. */
const selectorHolds = ({ records }: PushOutcome, { json }: Recorded, selector: string): boolean => {
  const [, base = '', inside = '', behind = ''] = /^(.*?)\[\?(.*?)\](.*)$/.exec(selector) ?? []
  const stands = (path: string): boolean => {
    const item = path.startsWith(`${base}[`) ? /^\[\d+\](.*)$/.exec(path.slice(base.length)) : null
    return item !== null && (behind === '' || item[1] === behind)
  }
  const values = records.flatMap(({ values: all }) => all).filter(({ path }) => stands(path))
  const quoted = /'([^']*)'/.exec(inside)?.[1]
  const member = quoted === undefined ? inside : null
  return values.some(({ path }) => {
    const parsed = parsePath(/^.*?\[\d+\]/.exec(path)?.[0] ?? '$')
    const item = typeof parsed === 'string' || json === null ? undefined : follow(parsed, json)
    if (!(item instanceof JsonObject)) return false
    return member === null ? item.values.some((one) => textOf(one) === quoted) : item.get(member) !== undefined
  })
}

const rawHolds = ({ text, isText, value }: PushedValue, wanted: Json): boolean => {
  if (typeof wanted === 'string') return isText && wanted === text
  const expected = wanted instanceof JsonNumber ? parseDecimal(wanted.text) : null
  const got = parseDecimal(text)
  return expected !== null && (got ? compare(expected, got) === 0 : compare(expected, value) === 0)
}

const decimalHolds = ({ value }: PushedValue, wanted: Json): boolean => {
  const text = textOf(wanted)
  const expected = text === null ? null : parseDecimal(text)
  return expected !== null && compare(expected, value) === 0
}

const failedDifferences = ({ failures }: PushOutcome, expected: Json): Difference[] => {
  const got = Object.fromEntries(failures.map(({ item, code }) => [item, /^-?\d+$/.test(code) ? Number(code) : code]))
  if (Array.isArray(expected)) return same(expected, Object.keys(got)) ? [] : differ('expect.failed', expected, Object.keys(got))
  return same(expected, got) ? [] : differ('expect.failed', expected, got)
}

/** A second look at the bytes: the frame, and figures that must be those of the message. */
const rawDifferences = (outcome: PushOutcome, expected: Json): Difference[] => {
  if (!(expected instanceof JsonObject)) return differ('expect.rawCheck', expected, 'an object')
  const figures = outcome.records.flatMap(({ values, measuredAt }) => [
    ...values.map(({ value }) => value),
    ...(measuredAt === null ? [] : [{ raw: measuredAt, scaler: -3 }]),
  ])
  return leavesOf(expected).flatMap(([name, wanted]) => {
    if (name === 'hex') return same(wanted, frameFacts(outcome).hex) ? [] : differ('expect.rawCheck.hex', wanted, frameFacts(outcome).hex)
    const value = parseDecimal(textOf(wanted) ?? '')
    return value && figures.some((figure) => compare(figure, value) === 0)
      ? []
      : differ(`expect.rawCheck.${name}`, wanted, 'no such figure')
  })
}

/** Several messages one after the other, through the same memory as in a running gateway. */
const sequenceDifferences = async (
  messages: readonly Json[],
  expect: JsonObject,
  mappings: readonly Mapping[],
  world: PushWorld,
): Promise<Difference[]> => {
  const stored = new Map<string, { meterId: string; measuredAt: string | null; value: number; at: number }>()
  const counts = { duplicates: 0, conflicts: 0, late: 0 }
  const memory = new Memory({ lookUp: async () => ok(null), newest: () => null, say: () => {} })
  const one = { raw: 1, scaler: 0 }
  const formats: (string | undefined)[] = []
  for (const message of messages) {
    const recorded = message instanceof JsonObject ? recordedOf(message) : null
    if (!recorded) return [{ path: 'json', expected: 'messages', got: null }]
    const outcome = decode(recorded.message, mappings, world)
    formats.push(outcome.rule?.split('/').at(-1))
    for (const record of outcome.records) {
      const facts = { meter: record.meter, point: '-', area: '-', ct: one, pt: one }
      const { arrivedAt } = recorded.message
      const readings = new PushNormaliser({ facts, isRegistered: true }).readings(record, record.measuredAt ?? arrivedAt, arrivedAt)
      for (const reading of readings) {
        const admitted = await memory.admit(reading)
        if (admitted.kind === 'duplicate') counts.duplicates++
        else if (admitted.kind === 'conflict') counts.conflicts += admitted.conflicts.length
        else if (admitted.kind !== 'occupied') {
          if (admitted.kind === 'late') counts.late++
          memory.committed(admitted.reading)
          stored.set(`${record.meter} ${reading.measuredAt}`, storedPoint(record.meter, admitted.reading))
        }
      }
    }
  }
  const list = [...stored.values()].sort((a, b) => a.at - b.at)
  const facts: Readonly<Record<string, unknown>> = {
    format: formats.every((format) => format !== undefined) ? 'sequence' : undefined,
    stored: list.map(({ meterId, measuredAt, value }) => ({ meterId, measuredAt, value })),
    latest: list.at(-1)?.value,
    ...counts,
  }
  return leavesOf(expect).flatMap(([name, expected]) =>
    name === 'assumeZone' || same(expected, facts[name]) ? [] : differ(`expect.${name}`, expected, facts[name]),
  )
}

const storedPoint = (meterId: string, { measuredAt, raws, scalers }: Reading) => ({
  meterId,
  measuredAt: iso(measuredAt),
  value: Number(`${raws[0]}e${scalers?.[0] ?? 0}`),
  at: measuredAt,
})
