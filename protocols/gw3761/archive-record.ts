import { ok, type Result } from '../../src/core/result.ts'
import type { ArchiveRecord } from '../../src/core/terminal.ts'
import { AFN } from './ask.ts'
import { type Leaves, readContent } from './content.ts'
import { type Values, writeContent } from './content-write.ts'
import type { GatheredUnit } from './gather.ts'
import { MAX_PN } from './identifiers.ts'
import type { Layout } from './layout.ts'
import { rowOf } from './tables.ts'
import { refuse } from './talk-errors.ts'

/** Bytes of one record. */
export const RECORD_SIZE = 27
/** Highest archive number. */
export const MAX_NUMBER = 2040
const NO_ADDRESS = '000000000000'

const BAUDS: readonly number[] = [0, 600, 1200, 2400, 4800, 7200, 9600, 19200]
/** Protocol codes (通信协议类型). @source fact of three public masters; makers add codes, DL/T 698.45 has none that is common */
const PROTOCOLS: readonly (readonly [code: number, name: ArchiveRecord['protocol']])[] = [
  [0, 'none'],
  [1, 'dlt645-1997'],
  [2, 'ac-sampling'],
  [30, 'dlt645-2007'],
  [31, 'plc'],
]

const codeOf = (protocol: ArchiveRecord['protocol']): number | null => {
  const known = PROTOCOLS.find(([, name]) => name === protocol)
  if (known) return known[0]
  const code = /^code-(\d{1,3})$/.exec(protocol)
  return code && Number(code[1]) <= 255 ? Number(code[1]) : null
}

/** F10 in AFN 04 and 0A. */
export const archiveLayout = (): Layout => rowOf(AFN.set, 10)?.bodies?.[0] ?? []
export const archiveAsk = (): Layout => rowOf(AFN.query, 10)?.ask ?? []

const integers: readonly (readonly [keyof ArchiveRecord, number, number])[] = [
  ['number', 1, MAX_NUMBER],
  ['pn', 0, MAX_PN],
  ['port', 0, 31],
  ['tariffs', 0, 63],
  ['integerDigits', 4, 7],
  ['decimals', 1, 4],
  ['userClass', 0, 15],
  ['userSubclass', 0, 15],
]

/** A record as F10 names it, or which member cannot be sent. @errors GW3761_PARAMETER */
export const valuesOfRecord = (record: ArchiveRecord): Result<Values> => {
  const where = `archive record ${record.number}`
  for (const [name, least, most] of integers) {
    const value = record[name]
    if (!Number.isInteger(value) || Number(value) < least || Number(value) > most)
      return refuse('GW3761_PARAMETER', `${where}: ${name} ${value} is not ${least} to ${most}`, { number: record.number })
  }
  const baud = BAUDS.indexOf(record.baud)
  if (baud < 0)
    return refuse('GW3761_PARAMETER', `${where}: speed ${record.baud} is none of ${BAUDS.join(', ')}`, { number: record.number })
  const protocol = codeOf(record.protocol)
  if (protocol === null)
    return refuse(
      'GW3761_PARAMETER',
      `${where}: protocol ${record.protocol} has no code of its own: write code-0 to code-255 as the terminal's maker says`,
      {
        number: record.number,
      },
    )
  for (const name of ['address', 'collector'] as const)
    if (!/^\d{1,12}$/.test(record[name]))
      return refuse('GW3761_PARAMETER', `${where}: ${name} ${JSON.stringify(record[name])} is not up to 12 digits`, {
        number: record.number,
      })
  if (!/^[0-9A-Fa-f]{12}$/.test(record.password))
    return refuse('GW3761_PARAMETER', `${where}: the password is not 12 hexadecimal digits`, { number: record.number })
  return ok({
    seq: record.number,
    pn: record.pn,
    port: record.port,
    baud_code: baud,
    protocol,
    address: record.address,
    password_hex: record.password,
    tariffs: record.tariffs,
    int_digits: record.integerDigits,
    dec_digits: record.decimals,
    collector: record.collector,
    big_class: record.userClass,
    small_class: record.userSubclass,
  })
}

/** What takes a number out of the archive: the record with measuring point 0 and nothing else. @source one public master; not in two */
export const emptyRecord = (number: number): ArchiveRecord => ({
  number,
  pn: 0,
  port: 0,
  baud: 0,
  protocol: 'none',
  address: NO_ADDRESS,
  password: NO_ADDRESS,
  tariffs: 0,
  integerDigits: 4,
  decimals: 1,
  collector: NO_ADDRESS,
  userClass: 0,
  userSubclass: 0,
})

/** Content of AFN 04 F10 for these records. */
export const recordsContent = (values: readonly Values[]): Uint8Array => writeContent(archiveLayout(), { meters: values })

const numberIn = (leaves: Leaves, name: string): number => {
  const value = leaves[name]
  return typeof value === 'number' ? value : 0
}
const textIn = (leaves: Leaves, name: string): string => {
  const value = leaves[name]
  return typeof value === 'string' ? value.replaceAll(' ', '') : NO_ADDRESS
}
const isLeaves = (value: unknown): value is Leaves => typeof value === 'object' && value !== null && !Array.isArray(value)

const recordOf = (leaves: Leaves): ArchiveRecord => {
  const protocol = numberIn(leaves, 'protocol')
  return {
    number: numberIn(leaves, 'seq'),
    pn: numberIn(leaves, 'pn'),
    port: numberIn(leaves, 'port'),
    baud: BAUDS[numberIn(leaves, 'baud_code')] ?? 0,
    protocol: PROTOCOLS.find(([code]) => code === protocol)?.[1] ?? `code-${protocol}`,
    address: textIn(leaves, 'address'),
    password: textIn(leaves, 'password_hex'),
    tariffs: numberIn(leaves, 'tariffs'),
    integerDigits: numberIn(leaves, 'int_digits'),
    decimals: numberIn(leaves, 'dec_digits'),
    collector: textIn(leaves, 'collector'),
    userClass: numberIn(leaves, 'big_class'),
    userSubclass: numberIn(leaves, 'small_class'),
  }
}

/** Records of an answer to 0A F10, empty ones (no measuring point, or filled) among them. */
export const recordsOfUnit = ({ unit, frame }: GatheredUnit): readonly ArchiveRecord[] => {
  if (!unit.layout) return []
  const { meters } = readContent(unit.layout, frame.data, unit.body, unit.end, unit.counters).leaves
  return Array.isArray(meters) ? meters.filter(isLeaves).map(recordOf) : []
}

const EE = 0xeeee
/** Whether a record says that there is nothing under its number. */
export const isEmptyRecord = ({ number, pn, address }: ArchiveRecord): boolean =>
  pn === 0 || pn > MAX_PN || pn === EE || number === 0 || /[A-F]{12}/i.test(address)

/** Members in which two records differ; the password is not compared: terminals hide it. */
export const differences = (one: ArchiveRecord, other: ArchiveRecord): readonly (keyof ArchiveRecord)[] => {
  const digits = (text: string) => text.padStart(12, '0')
  const names = ['number', 'pn', 'port', 'baud', 'protocol', 'tariffs', 'integerDigits', 'decimals', 'userClass', 'userSubclass'] as const
  return [
    ...names.filter((name) => one[name] !== other[name]),
    ...(['address', 'collector'] as const).filter((name) => digits(one[name]) !== digits(other[name])),
  ]
}
