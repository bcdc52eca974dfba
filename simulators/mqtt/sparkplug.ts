import { fraction } from '../random.ts'
import { faceText, floatOf, measure, quantityOf, rawOf } from '../values.ts'
import type { Device, Draft, Family, Report, Talk } from './family.ts'
import { Shown } from './json.ts'
import { field, fieldsOf } from './protobuf.ts'

/** Datatypes. @source Sparkplug B 3.0, 6.4.16 */
const TYPE = { int16: 2, int32: 3, int64: 4, uint64: 8, float: 9, boolean: 11, string: 12, dateTime: 13 } as const
const GROUP = 'Village'
const REBIRTH = 'Node Control/Rebirth'
const DEVICES_A_NODE = 50

/** Metrics of a meter. Energies are whole watt-hours, powers whole watts, the rest single-precision. */
const METRICS: readonly (readonly [name: string, obis: string, unit: string, type: number])[] = [
  ['Energy/Active Import', '1-0:1.8.0', 'Wh', TYPE.uint64],
  ['Energy/Active Export', '1-0:2.8.0', 'Wh', TYPE.uint64],
  ['Power/Active', '1-0:16.7.0', 'W', TYPE.int32],
  ['Voltage/L1', '1-0:32.7.0', 'V', TYPE.float],
  ['Voltage/L2', '1-0:52.7.0', 'V', TYPE.float],
  ['Voltage/L3', '1-0:72.7.0', 'V', TYPE.float],
  ['Current/L1', '1-0:31.7.0', 'A', TYPE.float],
  ['Current/L2', '1-0:51.7.0', 'A', TYPE.float],
  ['Current/L3', '1-0:71.7.0', 'A', TYPE.float],
]
const ALIASES_A_DEVICE = 10

interface Metric {
  readonly name?: string
  readonly alias?: number
  readonly at: number
  readonly type: number
  /** Encoded value field; null = `is_null`. */
  readonly value: readonly number[] | null
  readonly properties?: Readonly<Record<string, string>>
}

const encodeMetric = ({ name, alias, at, type, value, properties }: Metric): number[] => [
  ...(name === undefined ? [] : field.text(1, name)),
  ...(alias === undefined ? [] : field.number(2, alias)),
  ...field.number(3, at),
  ...field.number(4, type),
  ...(value === null ? field.number(7, 1) : []),
  ...(properties === undefined ? [] : field.bytes(9, encodeProperties(properties))),
  ...(value ?? []),
]

const encodeProperties = (properties: Readonly<Record<string, string>>): number[] => [
  ...Object.keys(properties).flatMap((key) => field.text(1, key)),
  ...Object.values(properties).flatMap((text) => field.bytes(2, [...field.number(1, TYPE.string), ...field.text(8, text)])),
]

const int = (value: number): number[] => field.number(10, BigInt.asUintN(32, BigInt(value)))
const long = (value: number): number[] => field.number(11, BigInt.asUintN(64, BigInt(value)))

const encodePayload = (at: number, metrics: readonly Metric[], seq: number | null): Uint8Array =>
  Uint8Array.from([
    ...field.number(1, at),
    ...metrics.flatMap((metric) => field.bytes(2, encodeMetric(metric))),
    ...(seq === null ? [] : field.number(3, seq)),
  ])

/** One metric's value, and what it says. */
const encodeValue = ({ device, at, has }: Report, obis: string, unit: string, type: number) => {
  const quantity = quantityOf(obis)
  const measured = quantity && has(obis) ? measure(device.instrument, quantity, at) : null
  if (!measured) return null
  if (type === TYPE.float) {
    const { number, face } = floatOf(measured, unit, 0, 1, false)
    return { bytes: field.float(12, number), said: new Shown(device.meter, obis, unit, faceText(face)) }
  }
  const raw = rawOf(measured, unit, 0, 1)
  return { bytes: type === TYPE.uint64 ? long(raw) : int(raw), said: new Shown(device.meter, obis, unit, String(raw)) }
}

/** Metrics this meter has at all. */
const metricsOf = ({ instrument }: Device) =>
  METRICS.flatMap((metric, at) => (instrument.elements === 3 || !/L[23]$/.test(metric[0]) ? [{ metric, at }] : []))

const deviceOf = (address: string): string => address.split('/')[1] ?? address

/** An edge node (边缘节点) with its meters: births, numbered messages by alias, a last will, and rebirth on request. */
class Node {
  readonly #name: string
  readonly #devices: readonly Device[]
  #bdSeq = -1
  #seq = 0

  constructor(name: string, devices: readonly Device[]) {
    this.#name = name
    this.#devices = devices
  }

  get commands(): string {
    return `spBv1.0/${GROUP}/NCMD/${this.#name}`
  }

  /** A new session: its death certificate, left with the broker. */
  death(at: number): Draft {
    this.#bdSeq = (this.#bdSeq + 1) % 256
    const bdSeq = { name: 'bdSeq', at, type: TYPE.int64, value: long(this.#bdSeq) }
    return { ...this.#draft('NDEATH', '', encodePayload(at, [bdSeq], null)), qos: 1 }
  }

  births(reports: readonly Report[]): readonly Draft[] {
    const own = reports[0]?.own ?? 0
    this.#seq = 0
    const dBm = -60 - Math.floor(30 * fraction(this.#devices[0]?.instrument.seed ?? 0, 25, this.#bdSeq))
    const node: readonly Metric[] = [
      { name: 'bdSeq', at: own, type: TYPE.int64, value: long(this.#bdSeq) },
      { name: REBIRTH, at: own, type: TYPE.boolean, value: field.number(14, 0) },
      { name: 'Properties/Firmware', at: own, type: TYPE.string, value: field.text(15, 'EG-2.4.1') },
      { name: 'Properties/Signal dBm', alias: 1, at: own, type: TYPE.int16, value: int(dBm) },
    ]
    return [this.#draft('NBIRTH', '', encodePayload(own, node, this.#next())), ...reports.map((report) => this.#device(report, true))]
  }

  data(reports: readonly Report[]): readonly Draft[] {
    return reports.map((report) => this.#device(report, false))
  }

  #device(report: Report, birth: boolean): Draft {
    const { device, own } = report
    const said: Shown[] = []
    const first = 10 + ALIASES_A_DEVICE * this.#devices.indexOf(device)
    const metrics = metricsOf(device).flatMap(({ metric: [name, obis, unit, type], at }): Metric[] => {
      const value = encodeValue(report, obis, unit, type)
      if (!value && !birth) return []
      if (value) said.push(value.said)
      const alias = first + at
      const metric = { alias, at: own, type, value: value?.bytes ?? null }
      return [birth ? { ...metric, name, properties: { engUnit: unit, obis } } : metric]
    })
    const serial = { name: 'Meter/Serial', at: own, type: TYPE.string, value: field.text(15, String(device.serial).padStart(12, '0')) }
    const payload = encodePayload(own, birth ? [serial, ...metrics] : metrics, this.#next())
    return { ...this.#draft(birth ? 'DBIRTH' : 'DDATA', `/${deviceOf(device.address)}`, payload), said }
  }

  #draft(type: string, device: string, payload: Uint8Array): Draft {
    return { topic: `spBv1.0/${GROUP}/${type}/${this.#name}${device}`, payload, said: [], qos: 0, retain: false }
  }

  #next(): number {
    const seq = this.#seq
    this.#seq = (seq + 1) % 256
    return seq
  }
}

/** Whether a command asks for new births. */
const asksRebirth = (payload: Uint8Array): boolean =>
  fieldsOf(payload).some(({ id, value }) => {
    if (id !== 2 || typeof value === 'number') return false
    const metric = fieldsOf(value)
    const isRebirth = metric.some(
      (part) => part.id === 1 && typeof part.value !== 'number' && Buffer.from(part.value).toString() === REBIRTH,
    )
    return isRebirth && metric.some((part) => part.id === 14 && part.value === 1)
  })

const nodeOf = (address: string): string => address.split('/')[0] ?? address

/** @source  Sparkplug B 3.0: edge node session establishment, payloads, birth and death */
export const sparkplug: Family = {
  id: 'sparkplug',
  mapping: 'sparkplug',
  phases: [1, 3],
  totals: true,
  exports: true,
  connection: nodeOf,
  address: (meter, serial) => `GW${String(1 + Math.floor(serial / DEVICES_A_NODE)).padStart(2, '0')}/${meter}`,
  topic: (address) => `spBv1.0/${GROUP}/DDATA/${address}`,
  talk: (devices): Talk => {
    const node = new Node(nodeOf(devices[0]?.address ?? ''), devices)
    return {
      filters: [node.commands],
      will: (at) => node.death(at),
      hello: (reports) => node.births(reports),
      report: (reports) => node.data(reports),
      hear: (topic, payload) => (topic === node.commands && asksRebirth(payload) ? 'hello' : null),
      ready: () => true,
    }
  },
}
