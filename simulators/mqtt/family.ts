import type { Instrument } from '../instrument.ts'
import { numberOf } from '../random.ts'
import { faceText, measure, quantityOf, rawOf } from '../values.ts'
import { type Json, jsonText, Shown } from './json.ts'

/** Names of the device families. */
export type FamilyId =
  | 'tasmota'
  | 'zigbee2mqtt'
  | 'shelly-gen2'
  | 'shelly-3em-pro'
  | 'shelly-gen1'
  | 'zwave-js'
  | 'iammeter'
  | 'iammeter-3'
  | 'acrel'
  | 'pusr-rtu'
  | 'pusr-json'
  | 'cet'
  | 'alibaba'
  | 'thingsboard'
  | 'neuron'
  | 'neuron-tags'
  | 'kepserver'
  | 'chirpstack'
  | 'ttn'
  | 'dtu-frame'
  | 'site-json'
  | 'sparkplug'

/** A meter that pushes. */
export interface Device {
  /** Ledger id, `M0007`. */
  readonly meter: string
  readonly serial: number
  /** Address at the broker: what the family's mapping takes for the meter's id. */
  readonly address: string
  readonly instrument: Instrument
}

/** One device at one instant. */
export interface Report {
  readonly device: Device
  /** Village time of the values, whole seconds. */
  readonly at: number
  /** What the device takes for the time, milliseconds since 1970 UTC. */
  readonly own: number
  /** How many reports it made before. */
  readonly number: number
  /** Whether a value is in the message; a `partial` order leaves some out. */
  readonly has: (obis: string) => boolean
}

/** One message, ready to be logged and sent. */
export interface Draft {
  readonly topic: string
  readonly payload: Uint8Array
  readonly said: readonly Shown[]
  readonly qos: 0 | 1
  readonly retain: boolean
  /** Village time of its values; absent = now. */
  readonly at?: number
}

/** What one connection says. State of the talk (births, log-in) lives here. */
export interface Talk {
  /** Topics it listens to. */
  readonly filters: readonly string[]
  /** Last will of the next connection. */
  will(at: number): Draft | null
  /** First messages of a connection. */
  hello(reports: readonly Report[]): readonly Draft[]
  report(reports: readonly Report[]): readonly Draft[]
  /** @returns  `report`: say something now; `hello`: begin anew; null: nothing to do */
  hear(topic: string, payload: Uint8Array): 'report' | 'hello' | null
  /** False while it waits for an answer to its hello. */
  ready(): boolean
}

/** A device family (设备系列): everything that sends the same form of message. */
export interface Family {
  readonly id: FamilyId
  /** Mapping that reads it; its profile is `mqtt/<mapping>`. */
  readonly mapping: string
  readonly phases: readonly (1 | 3)[]
  /** Whether it tells the import of all phases together (1-0:1.8.0), without which no area can be balanced. */
  readonly totals: boolean
  /** Whether it tells the export (1-0:2.8.0). */
  readonly exports: boolean
  /** Meters with the same answer share a connection, and where the form allows it a message. */
  connection(address: string, serial: number): string
  address(meter: string, serial: number): string
  /** Topic of its readings. */
  topic(address: string): string
  talk(devices: readonly Device[]): Talk
}

/** Number in a ledger id, `M0007` is 7; a number made of the name where it has none. */
export const serialOf = (meter: string): number => Number(/\d+$/.exec(meter)?.[0] ?? numberOf(meter)) % 1_000_000

/** Which transformer ratio makes a face smaller than the primary value. */
export type Secondary = 'none' | 'ct' | 'pt' | 'ctpt'

/** A value as the device shows it; undefined when the meter has no such quantity, or it is to be left out. */
export const shown = (report: Report, obis: string, unit: string, scaler: number, secondary: Secondary = 'none'): Shown | undefined => {
  const { device, at, has } = report
  const quantity = quantityOf(obis)
  const measured = quantity && has(obis) ? measure(device.instrument, quantity, at) : null
  if (!measured) return undefined
  const { ct, pt } = device.instrument
  const ratio = (secondary === 'ct' || secondary === 'ctpt' ? ct : 1) * (secondary === 'pt' || secondary === 'ctpt' ? pt : 1)
  return new Shown(device.meter, obis, unit, faceText({ raw: rawOf(measured, unit, scaler, ratio), scaler }))
}

/** One line of a table of tags: name, OBIS code, unit, decimals as exponent. */
export type Tag = readonly [name: string, obis: string, unit: string, scaler: number]

/** All values of a table by name. */
export const tagged = (report: Report, tags: readonly Tag[], secondary: (obis: string) => Secondary = () => 'none') => {
  const values: Record<string, Shown | undefined> = {}
  for (const [name, obis, unit, scaler] of tags) values[name] = shown(report, obis, unit, scaler, secondary(obis))
  return values
}

/** Draft of a JSON message. */
export const jsonDraft = (topic: string, tree: Json, retain = false): Draft => {
  const said: Shown[] = []
  const payload = Buffer.from(jsonText(tree, said))
  return { topic, payload, said, qos: 1, retain }
}

/** Draft of plain text, a value or a word. */
export const textDraft = (topic: string, value: Shown | string, retain = false): Draft => ({
  topic,
  payload: Buffer.from(value instanceof Shown ? value.text : value),
  said: value instanceof Shown ? [value] : [],
  qos: 1,
  retain,
})

/** A talk without memory. */
export const plainTalk = (
  report: (report: Report) => readonly Draft[],
  presence: { readonly will?: Draft; readonly hello?: readonly Draft[] } = {},
): Talk => ({
  filters: [],
  will: () => presence.will ?? null,
  hello: () => presence.hello ?? [],
  report: (reports) => reports.flatMap(report),
  hear: () => null,
  ready: () => true,
})

/** The device of a connection that is not shared. */
export const only = ([device]: readonly Device[]): Device => {
  if (!device) throw new Error('a connection without a device')
  return device
}

/** A connection of its own. */
export const own = (address: string): string => address

/** One gateway for fifty meters. */
export const shared = (_: string, serial: number): string => `gateway-${Math.floor(serial / 50)}`

/** Keys of what is site specific: tag names nobody prescribes. @source ours; the shipped mappings name the same */
export const KEYS: readonly Tag[] = [
  ['kwh', '1-0:1.8.0', 'kWh', -2],
  ['kwh_export', '1-0:2.8.0', 'kWh', -2],
  ['power_total_w', '1-0:16.7.0', 'W', 0],
  ['voltage_l1', '1-0:32.7.0', 'V', -1],
  ['voltage_l2', '1-0:52.7.0', 'V', -1],
  ['voltage_l3', '1-0:72.7.0', 'V', -1],
  ['current_l1', '1-0:31.7.0', 'A', -3],
  ['current_l2', '1-0:51.7.0', 'A', -3],
  ['current_l3', '1-0:71.7.0', 'A', -3],
  ['frequency', '1-0:14.7.0', 'Hz', -2],
]
