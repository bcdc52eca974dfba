import { bytesOf, hexOf } from '../../src/core/hex.ts'
import { ok, type Result } from '../../src/core/result.ts'
import type { ArchiveRecord, ForwardSettings, TerminalTalk } from '../../src/core/terminal.ts'
import { callMethod, getOne } from './ask.ts'
import { type Datum, elementsOf, numberOf, textOf } from './datum.ts'
import { type Out, putDatum } from './encode.ts'
import { type Dlt698Error, fail } from './errors.ts'
import type { Peer } from './exchange.ts'
import type { Frame } from './frame.ts'

/** Configuration units of the meter archive (采集档案), and its methods. @source icprog/dlt698.45, one source: UNVERIFIED */
const UNITS = '60000200'
const ADD_BATCH = '60008000'
const ADD_ONE = '60007F00'
const DELETE = '60008300'

/** Bauds of a COMDCB by code; 255 = what the port has. */
const BAUDS = [300, 600, 1200, 2400, 4800, 7200, 9600, 19200, 38400, 57600, 115200]
const OWN_BAUD = 255

const PROTOCOLS: Readonly<Record<string, ArchiveRecord['protocol']>> = { 0: 'none', 1: 'dlt645-1997', 2: 'dlt645-2007', 3: 'dlt698' }

/**
 * Ports: number 31 is the power line as in Q/GDW 376.1, 1 the terminal's own measuring, 2 and more the RS-485 ports 1 and more.
 * @source Q/GDW 376.1 F10; DL/T 698.45 F2010201 RS-485 1, F2090201 power line
 */
const PLC = 31
const ownPort = 1
export const portOad = (port: number): string =>
  port === PLC ? 'F2090201' : port === ownPort ? 'F2080201' : `F20102${(port - 1).toString(16).toUpperCase().padStart(2, '0')}`

const portOf = (oad: string): number => {
  const index = Number.parseInt(oad.slice(6, 8), 16)
  if (oad.startsWith('F209')) return PLC
  return oad.startsWith('F208') ? ownPort : index + 1
}

/** COMDCB of a port: baud, parity (0 none, 1 odd, 2 even), data bits, stop bits, no flow control. */
export const comdcbOf = ({ baud, parity, dataBits, stopBits }: ForwardSettings): readonly number[] => [
  BAUDS.indexOf(baud),
  { none: 0, odd: 1, even: 2 }[parity],
  dataBits,
  stopBits,
  0,
]

const number = (t: 'unsigned' | 'long-unsigned' | 'enum', v: number): Datum => ({ t, v })
const structure = (...v: Datum[]): Datum => ({ t: 'structure', v })

const protocolCode = (protocol: ArchiveRecord['protocol']): number | null => {
  const known = Object.entries(PROTOCOLS).find(([, name]) => name === protocol)?.[0]
  if (known !== undefined) return Number(known)
  // Meters on the power line speak DL/T 645-2007; the way there is the port's business.
  if (protocol === 'plc') return 2
  const code = /^code-(\d+)$/.exec(protocol)?.[1]
  return code === undefined ? null : Number(code)
}

/** Rated voltage and current of a household meter, for what the ledger does not say. */
const RATED = { volts: 2200, amperes: 50 } as const

/** One record as a configuration unit. @errors DLT698_COMMAND: something the protocol cannot say */
export const unitOf = (record: ArchiveRecord): Result<Datum, Dlt698Error> => {
  const protocol = protocolCode(record.protocol)
  const where = `archive number ${record.number}`
  if (!/^\d{12}$/.test(record.address)) return fail('DLT698_COMMAND', `${where}: an address has 12 digits`)
  if (protocol === null) return fail('DLT698_COMMAND', `${where}: protocol ${record.protocol} has no code in DL/T 698.45`)
  if (record.number < 1 || record.number > 65_535) return fail('DLT698_COMMAND', `${where}: 1 to 65535 are allowed`)
  if (record.port < 1 || record.port > PLC) return fail('DLT698_COMMAND', `${where}: port ${record.port}; 1 to 31 are allowed`)
  const baud = record.baud === 0 ? OWN_BAUD : BAUDS.indexOf(record.baud)
  if (baud < 0) return fail('DLT698_COMMAND', `${where}: no speed of ${record.baud} baud`)
  const basic = structure(
    { t: 'TSA', v: record.address },
    number('enum', baud),
    number('enum', protocol),
    { t: 'OAD', v: portOad(record.port) },
    { t: 'octet-string', v: hexOf(bytesOf(record.password) ?? new Uint8Array(6)) },
    number('unsigned', record.tariffs),
    number('unsigned', record.userClass),
    // Wiring is not known here: 0.
    number('enum', 0),
    number('long-unsigned', RATED.volts),
    number('long-unsigned', RATED.amperes),
  )
  const extended = structure(
    { t: 'TSA', v: record.collector },
    { t: 'octet-string', v: '' },
    number('long-unsigned', 1),
    number('long-unsigned', 1),
  )
  return ok(structure(number('long-unsigned', record.number), basic, extended, { t: 'array', v: [] }))
}

/** A configuration unit as a record; null where it is none. What the protocol does not say (digits, subclass) has the usual figures. */
export const recordOf = (unit: Datum): ArchiveRecord | null => {
  const [id, basic, extended] = elementsOf(unit)
  const [address, baud, protocol, port, password, tariffs, userClass] = elementsOf(basic)
  const seq = numberOf(id)
  const digits = textOf(address)
  const oad = textOf(port)
  const code = numberOf(protocol)
  if (seq === null || digits === null || oad === null || code === null) return null
  const [collector] = elementsOf(extended)
  return {
    number: seq,
    pn: seq,
    port: portOf(oad),
    baud: BAUDS[numberOf(baud) ?? OWN_BAUD] ?? 0,
    protocol: PROTOCOLS[code] ?? `code-${code}`,
    address: digits.padStart(12, '0'),
    password: (textOf(password) ?? '').replaceAll(' ', '').padStart(12, '0'),
    tariffs: numberOf(tariffs) ?? 0,
    integerDigits: 6,
    decimals: 2,
    collector: (textOf(collector) ?? '').padStart(12, '0'),
    userClass: numberOf(userClass) ?? 0,
    userSubclass: 0,
  }
}

/** All units, or those of some numbers. */
export const readArchive = function* (peer: Peer, numbers?: readonly number[]): TerminalTalk<readonly ArchiveRecord[], Frame> {
  const got = yield* getOne(peer, UNITS)
  if (!got.ok) return got
  const records = elementsOf(got.value).flatMap((unit) => {
    const record = recordOf(unit)
    return record && (numbers === undefined || numbers.includes(record.number)) ? [record] : []
  })
  return ok(records)
}

/** Bytes of a frame around an ACTION: header, checks, OMD, array and time tag. */
const ACTION_COST = 48

/** Writes units in batches that fit a frame; a terminal without the batch method gets them one by one. */
export const writeArchive = function* (
  peer: Peer,
  records: readonly ArchiveRecord[],
  frameLimit: number,
): TerminalTalk<readonly Result<null>[], Frame> {
  const results: Result<null>[] = records.map(() => fail('DLT698_COMMAND', 'not sent'))
  const good: { readonly at: number; readonly unit: Datum; readonly size: number }[] = []
  for (const [at, record] of records.entries()) {
    const made = unitOf(record)
    if (!made.ok) results[at] = made
    else {
      const out: Out = []
      putDatum(out, made.value)
      good.push({ at, unit: made.value, size: out.length })
    }
  }
  const room = frameLimit - ACTION_COST
  for (let first = 0; first < good.length; ) {
    let last = first + 1
    let size = good[first]?.size ?? 0
    while (last < good.length && size + (good[last]?.size ?? 0) <= room) size += good[last++]?.size ?? 0
    const batch = good.slice(first, last)
    first = last
    const done = yield* callMethod(peer, ADD_BATCH, { t: 'array', v: batch.map(({ unit }) => unit) }, frameLimit)
    if (!done.ok && done.error.code === 'DLT698_DAR') {
      for (const { at, unit } of batch) {
        const one = yield* callMethod(peer, ADD_ONE, unit, frameLimit)
        results[at] = one
      }
      continue
    }
    for (const { at } of batch) results[at] = done
    // Who does not answer one batch gets no other: nobody knows what was done.
    if (!done.ok && !done.error.code.startsWith('DLT698_')) {
      for (const { at } of good.slice(first)) results[at] = done
      break
    }
  }
  return ok(results)
}

export const deleteArchive = function* (peer: Peer, numbers: readonly number[]): TerminalTalk<readonly Result<null>[], Frame> {
  const results: Result<null>[] = []
  for (const seq of numbers) {
    const done = yield* callMethod(peer, DELETE, number('long-unsigned', seq))
    results.push(done)
    if (!done.ok && !done.error.code.startsWith('DLT698_')) break
  }
  const last = results.at(-1) ?? ok(null)
  return ok(numbers.map((_, at) => results[at] ?? last))
}
