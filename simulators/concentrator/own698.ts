import { instantOf, localText } from '../calendar.ts'
import type { Archive } from './archive3761.ts'
import type { EventOrder, Told } from './brain.ts'
import { type Column698, counted, length, number, octets, type Reader, reader, secondsTime, target, visible } from './data698.ts'
import type { WiredMeter } from './habits.ts'
import type { OwnClock } from './own-clock.ts'
import { bytesOfHex, hex, Pen } from './pen.ts'
import type { Record698, Row698 } from './records698.ts'

/** Objects of the terminal itself: clock, address, archive 6000, tasks, and whatever was written. */
export interface Own698 {
  /** Writes the Data of an object; false = it has no such object. */
  put(pen: Pen, oad: string, at: number): boolean
  /** @returns  DAR */
  set(oad: string, data: Uint8Array, at: number): number
  /** @returns  DAR */
  act(omd: string, data: Uint8Array, at: number): number
  /** Rows of its own tables; null = not one of them. */
  record(record: Record698, own: number): readonly Row698[] | null
  /** Keeps an event and gives its table, columns and row. */
  event(
    order: EventOrder,
    meter: WiredMeter | null,
    own: number,
  ): { readonly oad: string; readonly columns: readonly Column698[]; readonly row: Uint8Array }
}

const PROTOCOL_2007 = 2
const PROTOCOL_698 = 3
const EVENT_COLUMNS: readonly Column698[] = ['20220200', '201E0200', '20200200', '20240200', '33000200'].map((oad) => ({
  oad,
  inside: null,
}))
const OK = 0
const REFUSED = 3

export const own698 = (parts: {
  readonly archive: Archive
  readonly clock: OwnClock
  readonly address: string
  readonly told: (told: Omit<Told, 'concentrator'>) => void
}): Own698 => {
  const { archive, clock, address, told } = parts
  let written: Map<string, Uint8Array> | null = null
  let events: Map<string, { readonly start: number; readonly end: number | null; readonly meter: WiredMeter | null }[]> | null = null

  const eventRow = (
    index: number,
    one: { readonly start: number; readonly end: number | null; readonly meter: WiredMeter | null },
    columns: readonly Column698[],
  ): Uint8Array => {
    const pen = new Pen(48)
    for (const { oad } of columns) {
      const oi = oad.slice(0, 4)
      if (oi === '2022') number(pen, 'double-long-unsigned', index)
      else if (oi === '201E') secondsTime(pen.byte(0x1c), one.start)
      else if (oi === '2020' && one.end !== null) secondsTime(pen.byte(0x1c), one.end)
      else if (oi === '2024' && one.meter) target(pen.byte(0x55), one.meter.address)
      else if (oi === '2024') pen.byte(0x16).byte(0)
      else if (oi === '3300') pen.byte(1).byte(0)
      else pen.byte(0)
    }
    return pen.done()
  }

  const fixed: Readonly<Record<string, (pen: Pen, at: number) => void>> = {
    '4000': (pen, at) => secondsTime(pen.byte(0x1c), clock.own(at)),
    '4001': (pen) => octets(pen, bytesOfHex(address)),
    '4002': (pen) => octets(pen, bytesOfHex(address)),
    '4003': (pen) => octets(pen, bytesOfHex(address)),
    '4300': (pen) => {
      pen.byte(2).byte(6)
      for (const text of ['GTSM', '1.07', '150626', 'V1.0', '250301', '        ']) visible(pen, text)
    },
    '6000': (pen) => {
      const numbers = archive.numbers()
      length(pen.byte(1), numbers.length)
      for (const one of numbers) unit(pen, archive.record(one)!)
    },
    '6012': (pen) => pen.byte(1).byte(0),
    '6014': (pen) => pen.byte(1).byte(0),
    '6016': (pen) => pen.byte(1).byte(0),
    '601C': (pen) => pen.byte(1).byte(0),
    F101: (pen) => pen.byte(0x16).byte(0),
  }

  return {
    put(pen, oad, at) {
      const kept = written?.get(oad)
      if (kept) pen.put(kept)
      else if (oad.slice(4, 6) === '02' && fixed[oad.slice(0, 4)]) {
        const index = Number.parseInt(oad.slice(6), 16)
        if (oad.startsWith('6000') && index > 0) {
          const record = archive.record(index)
          if (!record) return false
          unit(pen, record)
        } else fixed[oad.slice(0, 4)]!(pen, at)
      } else if (/^3[01]..02/.test(oad)) {
        const list = events?.get(oad.slice(0, 4)) ?? []
        pen.byte(1).byte(Math.min(255, list.length))
        for (const [index, one] of list.slice(0, 255).entries())
          pen
            .byte(2)
            .byte(EVENT_COLUMNS.length)
            .put(eventRow(index, one, EVENT_COLUMNS))
      } else return false
      return true
    },
    set(oad, data, at) {
      if (oad === '40000200') {
        if (data[0] !== 0x1c) return 7
        const time = instantOf({
          year: (data[1]! << 8) | data[2]!,
          month: data[3]!,
          day: data[4]!,
          hour: data[5]!,
          minute: data[6]!,
          second: data[7]!,
        })
        if (Number.isNaN(time)) return 8
        told({ at, what: 'clock', detail: `${localText(clock.own(at))} -> ${localText(time)}` })
        clock.set(at, time)
        return OK
      }
      if (/^(00|10|20)/.test(oad)) return REFUSED
      told({ at, what: 'parameter', detail: `${oad} ${hex(data)}` })
      written ??= new Map()
      written.set(oad, data.slice())
      return OK
    },
    act(omd, data, at) {
      const [oi, method] = [omd.slice(0, 4), Number.parseInt(omd.slice(4, 6), 16)]
      if (oi === '6000') {
        const done = archiveAct(archive, method, data)
        if (done) told({ at, what: 'archive', detail: `${method} ${hex(data)}` })
        return done ? OK : REFUSED
      }
      told({ at, what: 'action', detail: `${omd} ${hex(data)}` })
      return OK
    },
    record({ oad, when, columns }) {
      if (!/^3[01]/.test(oad)) return null
      const list = events?.get(oad.slice(0, 4)) ?? []
      const asked = columns.length > 0 ? columns : EVENT_COLUMNS
      const chosen =
        'last' in when
          ? list.slice(Math.max(0, list.length - when.last), list.length - when.last + when.count)
          : list.filter(({ start }) => start >= when.from && start < when.to)
      return chosen.map((one) => ({ bytes: eventRow(list.indexOf(one), one, asked), said: [] }))
    },
    event(order, meter, own) {
      const oi = order.code.toString(16).toUpperCase().padStart(4, '0')
      events ??= new Map()
      const list = events.get(oi) ?? []
      const one = { start: own, end: order.edge === 'end' ? own + 60_000 : null, meter }
      list.push(one)
      if (list.length > 255) list.shift()
      events.set(oi, list)
      return { oad: `${oi}0200`, columns: EVENT_COLUMNS, row: eventRow(list.length - 1, one, EVENT_COLUMNS) }
    },
  }
}

/** Ports by their number in the archive: 1 the terminal's own measuring, 31 the power line, the rest RS-485. */
const portOad = (port: number): string =>
  port === 31
    ? 'F2090201'
    : port === 1
      ? 'F2080201'
      : `F20102${Math.max(1, port - 1)
          .toString(16)
          .toUpperCase()
          .padStart(2, '0')}`
const portNumber = (oad: string): number =>
  oad.startsWith('F209') ? 31 : oad.startsWith('F208') ? 1 : Number.parseInt(oad.slice(6), 16) + 1

/** One configuration unit of 6000 out of a record of the archive. */
const unit = (pen: Pen, record: Uint8Array): void => {
  const isPlc = (record[4]! & 31) === 31
  pen.byte(2).byte(4)
  number(pen, 'long-unsigned', record[0]! | (record[1]! << 8))
  pen.byte(2).byte(10)
  target(pen.byte(0x55), hex(record.subarray(6, 12).toReversed()))
  number(pen, 'enum', isPlc ? 6 : 3)
  number(pen, 'enum', record[5] === 31 ? PROTOCOL_698 : PROTOCOL_2007)
  pen.byte(0x51).put(bytesOfHex(portOad(record[4]! & 31)))
  octets(pen, record.subarray(12, 18))
  number(pen, 'unsigned', record[18]! & 63)
  number(pen, 'unsigned', record[26]!)
  number(pen, 'enum', (record[26]! & 0xf0) === 0x40 ? 3 : 1)
  number(number(pen, 'long-unsigned', 2200), 'long-unsigned', 50)
  pen.byte(2).byte(4)
  target(pen.byte(0x55), hex(record.subarray(20, 26).toReversed()))
  octets(pen, [])
  number(number(pen, 'long-unsigned', 1), 'long-unsigned', 1)
  pen.byte(1).byte(0)
}

const METHOD = { add: 127, addMany: 128, remove: 131, clear: 134 } as const

const archiveAct = (archive: Archive, method: number, data: Uint8Array): boolean => {
  if (method === METHOD.clear) {
    archive.remove(() => true)
    return true
  }
  const from = reader(data)
  if (method === METHOD.remove) {
    if (data[0] !== 0x12) return false
    archive.write(Uint8Array.of(data[2]!, data[1]!, 0, 0, ...new Uint8Array(23)))
    return true
  }
  const count = method === METHOD.addMany ? arrayLength(from) : 1
  if (method !== METHOD.add && method !== METHOD.addMany) return false
  for (let left = count; left > 0; left--) {
    const record = recordOf(from)
    if (!record) return false
    archive.write(record)
  }
  return !from.broken
}
const arrayLength = (from: Reader): number => (from.byte() === 1 ? counted(from) : 0)

/** A record of the archive out of one configuration unit; the measuring point is its number. */
const recordOf = (from: Reader): Uint8Array | null => {
  const structure = (members: number): boolean => from.byte() === 2 && from.byte() === members
  if (!structure(4) || from.byte() !== 0x12) return null
  const index = from.word()
  if (!structure(10) || from.byte() !== 0x55) return null
  const address = from.target()
  from.data()
  const protocol = from.data()[1]
  const port = hex(from.data().subarray(1))
  from.data()
  const tariffs = from.data()[1] ?? 4
  const kind = from.data()[1] ?? 0
  for (let left = 3; left > 0; left--) from.data()
  // Extended information and annex.
  const extended = from.data()
  from.data()
  if (from.broken || address.length !== 12) return null
  const record = new Uint8Array(27)
  record.set([index & 0xff, index >> 8, index & 0xff, index >> 8, portNumber(port), protocol === PROTOCOL_698 ? 31 : 30])
  record.set(bytesOfHex(address).reverse(), 6)
  record[18] = tariffs
  if (extended[2] === 0x55 && extended[3] === 7) record.set(extended.subarray(5, 11).toReversed(), 20)
  record[26] = kind
  return record
}
