import { type Obis, QUALITY, type Source } from '../core/index.ts'
import { CIM_QUALITIES, type CimQuality, notesOfBits, notesOfEnergy, type QualityNote } from './cim-quality.ts'
import { type CodePeriod, mridOf, type ReadingCode, readingCodeOf } from './reading-code.ts'
import { stableId } from './uuid.ts'
import type { Tree } from './xml.ts'

/** A register or an instantaneous value of one instant. Numbers are exact decimal text in the house's unit. */
export interface CimValue {
  readonly obis: Obis
  /** As it is to be handed out; null: the meter did not say it. */
  readonly value: string | null
  /** How the value was made where it is not what the meter showed: `123.45 x 40`; null: it is. */
  readonly made: string | null
  /** Error code of an absent value. */
  readonly absent: string | null
  /** Bits of QUALITY. */
  readonly quality: number
  readonly source: Source | '-'
  /** Milliseconds since 1970 UTC. */
  readonly measuredAt: number
  readonly receivedAt: number
}

/** Interval energies of one register. */
export interface CimEnergies {
  readonly obis: Obis
  readonly period: Exclude<CodePeriod, null>
  readonly items: readonly {
    readonly from: number
    readonly to: number
    /** Null: not known. */
    readonly value: string | null
    readonly quality: readonly string[]
    readonly reasons: readonly string[]
  }[]
}

/** What one meter said of one metering point, or what was used there: becomes one MeterReading. */
export interface CimPiece {
  readonly point: string
  /** Null: energy of the point, whichever meters hung there. */
  readonly meter: string | null
  readonly values: readonly CimValue[]
  readonly energies: readonly CimEnergies[]
}

/** Reading types and qualities that were named, so that the message can say at its end what they are. */
export interface CimUsed {
  readonly types: Map<string, { readonly code: ReadingCode; readonly obis: Obis }>
  readonly qualities: Set<CimQuality>
}
export const nothingUsed = (): CimUsed => ({ types: new Map(), qualities: new Set() })

const AUTHORITY = { name: 'GridTally' }
const iso = (at: number): string => new Date(at).toISOString()
const nameOf = (name: string, kind: string): Tree => ({ name, NameType: { name: kind, NameTypeAuthority: AUTHORITY } })
const entity = (id: string, kind: 'meter' | 'point', nameType: string): Tree => ({ mRID: stableId(kind, id), Names: nameOf(id, nameType) })

const qualitiesOf = (notes: readonly QualityNote[], used: CimUsed): readonly Tree[] =>
  notes.map(({ quality, comment }) => {
    used.qualities.add(quality)
    return { ...(comment ? { comment } : {}), ReadingQualityType: { ref: CIM_QUALITIES[quality].mRID } }
  })

const typeOf = (obis: Obis, period: CodePeriod, used: CimUsed): Tree | null => {
  const code = readingCodeOf(obis, period)
  if (!code) return null
  const mRID = mridOf(code)
  if (!used.types.has(mRID)) used.types.set(mRID, { code, obis })
  return { ref: mRID }
}

/** What stands beside a value; a value that is set aside is not handed out as one. */
const notesOf = ({ value, made, absent, quality, source }: CimValue): { readonly value: string | null; readonly notes: QualityNote[] } => {
  if (value === null) return { value, notes: [{ quality: 'missing', ...(absent ? { comment: absent } : {}) }] }
  if (quality & QUALITY.quarantined) return { value: null, notes: [{ quality: 'suspect', comment: `set aside: ${made ?? value}` }] }
  const notes = notesOfBits(quality, source)
  return { value, notes: made === null ? notes : [...notes, { quality: 'derived', comment: made }] }
}

/**
 * One MeterReading, members in the order of the schema.
 *
 * Values have the digits of the meter. An absent value is a reading without `value` and with the quality "known missing read"; one that was
 * set aside likewise with "suspect". Energies carry their end as `timeStamp` and both ends as `timePeriod`.
 *
 * @returns  null when nothing of it has a reading type
 * @source   IEC 61968-9:2013, MeterReadings profile
 */
export const meterReadingOf = ({ point, meter, values, energies }: CimPiece, used: CimUsed): Tree | null => {
  const readings: Tree[] = []
  const ends = { first: Number.POSITIVE_INFINITY, last: Number.NEGATIVE_INFINITY }
  const seen = (from: number, to: number) => {
    ends.first = Math.min(ends.first, from)
    ends.last = Math.max(ends.last, to)
  }
  for (const one of values) {
    const ReadingType = typeOf(one.obis, null, used)
    if (!ReadingType) continue
    const { value, notes } = notesOf(one)
    seen(one.measuredAt, one.measuredAt)
    readings.push({
      reportedDateTime: iso(one.receivedAt),
      ...(one.source === '-' ? {} : { source: one.source }),
      timeStamp: iso(one.measuredAt),
      ...(value === null ? {} : { value }),
      ReadingQualities: qualitiesOf(notes, used),
      ReadingType,
    })
  }
  const blocks: Tree[] = []
  for (const { obis, period, items } of energies) {
    const ReadingType = items.length > 0 ? typeOf(obis, period, used) : null
    if (!ReadingType) continue
    blocks.push({
      IntervalReadings: items.map(({ from, to, value, quality, reasons }) => {
        seen(from, to)
        return {
          timeStamp: iso(to),
          ...(value === null ? {} : { value }),
          ReadingQualities: qualitiesOf(notesOfEnergy(value !== null, quality, reasons), used),
          timePeriod: { end: iso(to), start: iso(from) },
        }
      }),
      ReadingType,
    })
  }
  if (readings.length === 0 && blocks.length === 0) return null
  return {
    ...(blocks.length > 0 ? { IntervalBlocks: blocks } : {}),
    ...(meter === null ? {} : { Meter: entity(meter, 'meter', 'MeterID') }),
    ...(readings.length > 0 ? { Readings: readings } : {}),
    UsagePoint: entity(point, 'point', 'MeteringPointID'),
    valuesInterval: { end: iso(ends.last), start: iso(ends.first) },
  }
}

const WORDS = {
  macroPeriod: { 11: 'daily', 13: 'monthly' },
  aggregate: { 8: 'maximum' },
  measuringPeriod: { 2: 'fifteenMinute', 7: 'sixtyMinute' },
  accumulation: { 1: 'bulkQuantity', 4: 'deltaData', 6: 'indicating', 12: 'instantaneous' },
  flowDirection: {
    ...{ 1: 'forward', 4: 'net', 5: 'q1plusQ2', 13: 'q3plusQ4', 15: 'quadrant1', 16: 'quadrant2', 17: 'quadrant3', 18: 'quadrant4' },
    ...{ 19: 'reverse', 20: 'total' },
  },
  kind: { 4: 'current', 8: 'demand', 12: 'energy', 15: 'frequency', 37: 'power', 38: 'powerFactor', 54: 'voltage' },
  phases: { 16: 'N', 32: 'C', 33: 'CN', 64: 'B', 65: 'BN', 128: 'A', 129: 'AN' },
  unit: { 5: 'A', 29: 'V', 33: 'Hz', 38: 'W', 61: 'VA', 63: 'VAr', 65: 'cosTheta', 71: 'VAh', 72: 'Wh', 73: 'VArh' },
} as const satisfies Record<string, Readonly<Record<number, string>>>
const word = (table: Readonly<Record<number, string>>, code: number): string => table[code] ?? 'none'

/** What the reading types and qualities mean that were referred to, in the order of the schema. */
export const usedTrees = ({
  types,
  qualities,
}: CimUsed): { readonly ReadingQualityType: readonly Tree[]; readonly ReadingType: readonly Tree[] } => ({
  ReadingQualityType: [...qualities].map((quality) => {
    const { mRID, name } = CIM_QUALITIES[quality]
    const [systemId = '', category = '', subCategory = ''] = mRID.split('.')
    return { mRID, category, subCategory, systemId, Names: nameOf(name, 'ReadingQualityType') }
  }),
  ReadingType: [...types].map(([mRID, { code, obis }]) => ({
    mRID,
    accumulation: word(WORDS.accumulation, code.accumulation),
    aggregate: word(WORDS.aggregate, code.aggregate),
    commodity: 'electricitySecondaryMetered',
    flowDirection: word(WORDS.flowDirection, code.flowDirection),
    macroPeriod: word(WORDS.macroPeriod, code.macroPeriod),
    measurementKind: word(WORDS.kind, code.kind),
    measuringPeriod: word(WORDS.measuringPeriod, code.measuringPeriod),
    multiplier: code.multiplier === 3 ? 'k' : 'none',
    phases: word(WORDS.phases, code.phases),
    tou: String(code.tou),
    unit: word(WORDS.unit, code.unit),
    Names: nameOf(obis, 'OBIS'),
  })),
})
