import { instantOf, localText } from '../calendar.ts'
import type { Archive } from './archive3761.ts'
import { RECORD } from './archive3761.ts'
import type { EventOrder, Told } from './brain.ts'
import { type Frame3761, identifier, namedBy } from './frame3761.ts'
import type { OwnClock } from './own-clock.ts'
import { type Parameters, scheduleLength, settingLength } from './params3761.ts'
import { hex, numberOfPair, Pen } from './pen.ts'
import type { Wiring } from './wired.ts'

/** What setting, asking and switching work on. */
export interface Settings {
  readonly asked: Frame3761
  /** Data units, without what stands behind them. */
  readonly body: Uint8Array
  readonly at: number
  readonly clock: OwnClock
  readonly archive: Archive
  readonly parameters: Parameters
  readonly wiring: Wiring
  readonly address: string
  readonly told: (told: Omit<Told, 'concentrator'>) => void
  readonly event: (order: EventOrder) => void
  readonly allowReports: (yes: boolean) => void
  readonly setHeartbeat: (minutes: number) => void
  readonly tasksChanged: () => void
}

/** Units of an answer, or AFN00. */
export type Outcome = 'confirmed' | 'denied' | readonly Uint8Array[]

/** Reset, set, control, configuration and query: everything that is not measured data. */
export const settingsAct = (settings: Settings): Outcome => (WORK[settings.asked.afn] ?? denied)(settings)

type Work = (settings: Settings) => Outcome
const denied: Work = () => 'denied'

const reset: Work = ({ body, at, told, parameters, archive }) => {
  const fn = namedBy(body, 0)?.items[0]
  if (fn === undefined || fn > 4) return 'denied'
  told({ at, what: 'reset', detail: `F${fn}` })
  if (fn === 3) parameters.clear()
  if (fn === 3) archive.remove(() => true)
  return 'confirmed'
}

/** Set parameters: unit after unit; one of unknown length is the rest of the frame. */
const set: Work = (settings) => {
  const { body, at, told, parameters, archive } = settings
  let place = 0
  let count = 0
  while (place + 4 <= body.length) {
    const named = namedBy(body, place)
    if (!named) return 'denied'
    place += 4
    for (const pn of named.points)
      for (const fn of named.items) {
        if (fn > 248) return 'denied'
        const length = settingLength(fn, body, place) ?? body.length - place
        if (place + length > body.length) return 'denied'
        const bytes = body.subarray(place, place + length)
        place += length
        count++
        if (fn === 10) {
          if (!writeRecords(archive, bytes)) return 'denied'
          told({ at, what: 'archive', detail: hex(bytes) })
          continue
        }
        parameters.set(fn, pn, bytes)
        told({ at, what: 'parameter', detail: `F${fn} p${pn} ${hex(bytes)}` })
        if (fn === 1 && bytes[5] !== undefined && bytes[5] > 0) settings.setHeartbeat(bytes[5])
        if (fn >= 65 && fn <= 68) settings.tasksChanged()
      }
  }
  if (count === 0) return 'denied'
  settings.event({ code: 3, level: 'normal' })
  return 'confirmed'
}

const MOST_RECORDS = 2040
const writeRecords = (archive: Archive, bytes: Uint8Array): boolean => {
  const records = Array.from({ length: Math.floor((bytes.length - 2) / RECORD) }, (_, at) =>
    bytes.subarray(2 + at * RECORD, 2 + (at + 1) * RECORD),
  )
  const valid = records.every((record) => {
    const number = record[0]! | (record[1]! << 8)
    const pn = record[2]! | (record[3]! << 8)
    return number >= 1 && number <= MOST_RECORDS && pn <= MOST_RECORDS
  })
  if (valid) for (const record of records) archive.write(record)
  return valid
}

/** Control commands and the bytes each carries. */
const CONTROLS: Readonly<Record<number, number>> = { 1: 1, 31: 6, 49: 1, 50: 1, 51: 1, 53: 1 }

const control: Work = ({ body, at, told, clock, archive, wiring, allowReports }) => {
  const named = namedBy(body, 0)
  const fn = named?.items[0]
  if (!named || fn === undefined || named.items.length > 1) return 'denied'
  const bytes = body.subarray(4, 4 + (CONTROLS[fn] ?? 0))
  const pn = named.points[0] ?? 0
  if (fn === 31) {
    const [second, minute, hour, day, month, year] = Array.from(bytes, (byte, index) => numberOfPair(index === 4 ? byte & 0x1f : byte))
    const time = instantOf({
      year: 2000 + (year ?? Number.NaN),
      month: month ?? 0,
      day: day ?? 0,
      hour: hour ?? 0,
      minute: minute ?? 0,
      second: second ?? 0,
    })
    if (Number.isNaN(time)) return 'denied'
    told({ at, what: 'clock', detail: `${localText(clock.own(at))} -> ${localText(time)}` })
    clock.set(at, time)
    return 'confirmed'
  }
  if ((fn === 1 || fn === 2) && pn > 0) {
    const meter = archive.meter(pn)
    if (meter !== null && meter !== 'unwired') wiring.speaker(meter).state.instrument.relayOpen = fn === 1
  }
  if (fn === 29 || fn === 37) allowReports(fn === 29)
  if (fn === 53) archive.remove((port) => port === bytes[0])
  told({ at, what: 'control', detail: `F${fn} p${pn}${bytes.length > 0 ? ` ${hex(bytes)}` : ''}` })
  return 'confirmed'
}

const text = (value: string): Uint8Array => Buffer.from(value, 'latin1')
/** Who made it, and which versions it has. */
const configuration: Work = ({ body, address }) => {
  if (namedBy(body, 0)?.items[0] !== 1) return 'denied'
  const pen = identifier(new Pen(48), 0, 1)
    .put(text('GTSM'))
    .put(text(address.padStart(8, '0').slice(-8)))
    .put(text('1.07'))
    .put([0x15, 0x06, 0x26])
  return [pen.put(text('SIM-LISTED0')).put(text('2013')).put(text('1.00')).put([0x01, 0x03, 0x25]).done()]
}

const query: Work = (settings) => {
  const { body, archive, parameters } = settings
  const units: Uint8Array[] = []
  let place = 0
  while (place + 4 <= body.length) {
    const named = namedBy(body, place)
    if (!named) return 'denied'
    place += 4
    for (const pn of named.everyPoint ? archive.points() : named.points)
      for (const fn of named.items) {
        if (fn === 10) {
          const count = (body[place] ?? 0) | ((body[place + 1] ?? 0) << 8)
          const numbers = Array.from({ length: count }, (_, at) => (body[place + 2 + at * 2] ?? 0) | ((body[place + 3 + at * 2] ?? 0) << 8))
          place += 2 + count * 2
          units.push(...archiveUnits(archive, numbers))
        } else if (fn === 33) {
          const count = body[place] ?? 0
          const ports = new Set(body.subarray(place + 1, place + 1 + count))
          place += 1 + count
          const blocks = scheduleBlocks(parameters.get(33, pn)).filter((block) => count === 0 || ports.has(block[0]!))
          const pen = identifier(new Pen(64), pn, fn).byte(blocks.length)
          for (const block of blocks) pen.put(block)
          if (blocks.length > 0) units.push(pen.done())
        } else if (fn === 38 || fn === 39) {
          const kept = parameters.get(fn, pn)
          const wanted = body[place] ?? 0
          // The class alone, or with a list of small classes behind it.
          place = place + 1 + (body.length - place > 1 ? 1 + (body[place + 1] ?? 0) : 0)
          if (kept?.[0] === wanted) units.push(identifier(new Pen(64), pn, fn).put(kept).done())
        } else {
          const kept = parameters.get(fn, pn)
          if (kept) units.push(identifier(new Pen(64), pn, fn).put(kept).done())
        }
      }
  }
  return units.length > 0 ? units : 'denied'
}

/** Records of one unit of an answer; a frame has room for about thirty. */
const RECORDS_A_UNIT = 10
const archiveUnits = (archive: Archive, asked: readonly number[]): Uint8Array[] => {
  const numbers = (asked.length > 0 ? asked : archive.numbers()).filter((number) => archive.record(number) !== null)
  const units: Uint8Array[] = []
  for (let at = 0; at < Math.max(1, numbers.length); at += RECORDS_A_UNIT) {
    const here = numbers.slice(at, at + RECORDS_A_UNIT)
    const pen = identifier(new Pen(320), 0, 10).word(here.length)
    for (const number of here) pen.put(archive.record(number)!)
    units.push(pen.done())
  }
  return units
}

const scheduleBlocks = (bytes: Uint8Array | null): Uint8Array[] => {
  const blocks: Uint8Array[] = []
  if (!bytes) return blocks
  for (let left = bytes[0] ?? 0, at = 1; left > 0; left--) {
    const length = scheduleLength(bytes, at)
    blocks.push(bytes.subarray(at, at + length))
    at += length
  }
  return blocks
}

const WORK: Readonly<Record<number, Work>> = { 1: reset, 4: set, 5: control, 9: configuration, 10: query }
