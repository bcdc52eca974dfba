import { fieldOf, ok, type Result } from '../core/index.ts'
import { fail } from './errors.ts'
import { ESPI_QUALITY, espiQualityOf } from './espi-quality.ts'
import { espiValuesOf } from './espi-values.ts'
import type { LocalTime } from './local-time.ts'
import { type CodePeriod, mridOf, type ReadingCode, readingCodeOf } from './reading-code.ts'
import { stableId } from './uuid.ts'
import { escapeXml, type Tree, xmlOf } from './xml.ts'

export const ESPI_NAMESPACE = 'http://naesb.org/espi'
const ATOM_NAMESPACE = 'http://www.w3.org/2005/Atom'

/** Interval energy of a register; instants are milliseconds since 1970 UTC. */
export interface EspiItem {
  readonly from: number
  readonly to: number
  /** Exact decimal text in the house's unit; null: not known, and no reading is written. */
  readonly value: string | null
  readonly quality: readonly string[]
  readonly reasons: readonly string[]
}

/** Interval energies of one register, oldest first. */
export interface EspiRegister {
  /** Full OBIS code. */
  readonly obis: string
  readonly items: readonly EspiItem[]
}

/** A feed to be written. */
export interface EspiFeed {
  readonly point: string
  /** Path of the usage point: `/api/v1/interchange/espi/usage-points/P-12`. */
  readonly path: string
  readonly period: Exclude<CodePeriod, null>
  readonly localTime: LocalTime
  /** When it is written. */
  readonly at: number
  /** Names the block an interval belongs to: its day, its month. */
  readonly blockOf: (from: number) => string
}

const INTERVAL_S: Readonly<Record<EspiFeed['period'], number>> = { '15m': 900, '1h': 3600, day: 86_400, month: 2_592_000 }

type Resource = 'LocalTimeParameters' | 'UsagePoint' | 'MeterReading' | 'ReadingType' | 'IntervalBlock' | 'UsageSummary'

interface Link {
  readonly rel: 'self' | 'up' | 'related'
  readonly href: string
  /** One resource, or a collection of them. */
  readonly type: `espi-${'entry' | 'feed'}/${Resource}`
}

const seconds = (ms: number): string => String(Math.round(ms / 1000))
const lastPart = (path: string): string => path.replace(/\/[^/]*$/, '')

/** Members of an ESPI resource in its own namespace; they are elements without a prefix there. */
const resource = (name: string, tree: Tree): string => xmlOf(name, tree).replace(`<${name}`, `<${name} xmlns="${ESPI_NAMESPACE}"`)

const entryOf = (feed: EspiFeed, id: string, title: string, links: readonly Link[], content: string): string => {
  const at = new Date(feed.at).toISOString()
  return [
    `<entry><id>urn:uuid:${id}</id>`,
    ...links.map(({ rel, href, type }) => `<link rel="${rel}" href="${escapeXml(href)}" type="${type}"/>`),
    `<title>${escapeXml(title)}</title><content type="application/xml">${content}</content>`,
    `<published>${at}</published><updated>${at}</updated></entry>\n`,
  ].join('')
}

/** Codes of a Green Button reading type. Members in the order of the schema. */
const readingTypeOf = (code: ReadingCode, intervalLength: number, powerOfTenMultiplier: number): Tree => ({
  accumulationBehaviour: String(code.accumulation),
  commodity: String(code.commodity),
  defaultQuality: String(ESPI_QUALITY.valid),
  flowDirection: String(code.flowDirection),
  intervalLength: String(intervalLength),
  kind: String(code.kind),
  phase: String(code.phases),
  powerOfTenMultiplier: String(powerOfTenMultiplier),
  timeAttribute: String(code.macroPeriod),
  tou: String(code.tou),
  uom: String(code.unit),
  measuringPeriod: String(code.measuringPeriod),
})

/** The feed up to its readings: zone and usage point. */
const headOf = (feed: EspiFeed): string => {
  const { point, path, localTime, at } = feed
  const local = `${path}/LocalTimeParameters`
  const up = lastPart(path)
  return [
    `<?xml version="1.0" encoding="UTF-8"?>\n<feed xmlns="${ATOM_NAMESPACE}">`,
    `<id>urn:uuid:${stableId('feed', point, feed.period)}</id><title>Green Button usage of ${escapeXml(point)}</title>`,
    `<updated>${new Date(at).toISOString()}</updated><link rel="self" href="${escapeXml(`${path}/feed.xml`)}" type="application/atom+xml"/>\n`,
    entryOf(
      ...([feed, stableId('local-time', point), 'Local time'] as const),
      [
        { rel: 'self', href: local, type: 'espi-entry/LocalTimeParameters' },
        { rel: 'up', href: path, type: 'espi-entry/UsagePoint' },
      ],
      resource('LocalTimeParameters', {
        dstEndRule: localTime.dstEndRule,
        dstOffset: String(localTime.dstOffset),
        dstStartRule: localTime.dstStartRule,
        tzOffset: String(localTime.tzOffset),
      }),
    ),
    entryOf(
      ...([feed, stableId('point', point), `Usage point ${point}`] as const),
      [
        ...links('UsagePoint', path, up),
        { rel: 'related', href: `${path}/MeterReading`, type: 'espi-feed/MeterReading' },
        { rel: 'related', href: `${path}/UsageSummary`, type: 'espi-feed/UsageSummary' },
        { rel: 'related', href: local, type: 'espi-entry/LocalTimeParameters' },
      ],
      resource('UsagePoint', { ServiceCategory: { kind: '0' } }),
    ),
  ].join('')
}
/** Of a resource and of the collection it lies in. */
const links = (name: Resource, self: string, up: string): readonly Link[] => [
  { rel: 'self', href: self, type: `espi-entry/${name}` },
  { rel: 'up', href: up, type: `espi-feed/${name}` },
]

/**
 * One register: MeterReading, ReadingType and a block a day or month. Intervals without energy have no reading; a block without any is left
 * out. Values are integers, exact under one power of ten.
 *
 * @returns  nothing for a register that has no code
 * @errors   INTERCHANGE_VALUE: its values cannot be told exactly
 */
const registerOf = (feed: EspiFeed, { obis, items }: EspiRegister): Result<string> => {
  const code = readingCodeOf(obis, feed.period)
  const known = items.flatMap((item) => (item.value === null ? [] : [{ ...item, value: item.value }]))
  if (!code) return ok('')
  const texts = known.map(({ value }) => value)
  const values = espiValuesOf(texts, code.multiplier)
  if (!values) return fail('INTERCHANGE_VALUE', `${obis} of point ${feed.point} has a value that Green Button cannot hold`)
  const { point, path, period } = feed
  const field = fieldOf(obis)
  const name = `${field}-${period}`
  const self = `${path}/MeterReading/${encodeURIComponent(name)}`
  const type = `${path}/ReadingType/${encodeURIComponent(name)}`
  const blocks = new Map<string, number[]>()
  for (const [index, { from }] of known.entries()) {
    const block = feed.blockOf(from)
    const members = blocks.get(block)
    if (members) members.push(index)
    else blocks.set(block, [index])
  }
  const text = [
    entryOf(
      ...([feed, stableId('reading', point, field, period), `${field} per ${period}`] as const),
      [
        ...links('MeterReading', self, lastPart(self)),
        { rel: 'related', href: `${self}/IntervalBlock`, type: 'espi-feed/IntervalBlock' },
        { rel: 'related', href: type, type: 'espi-entry/ReadingType' },
      ],
      resource('MeterReading', {}),
    ),
    entryOf(
      ...([feed, stableId('type', point, field, period), `${field}: ${mridOf(code)}`, links('ReadingType', type, lastPart(type))] as const),
      resource('ReadingType', readingTypeOf(code, INTERVAL_S[period], values.powerOfTenMultiplier)),
    ),
  ]
  for (const [block, members] of blocks) {
    const first = known[members[0]!]!
    const last = known[members.at(-1)!]!
    text.push(
      entryOf(
        ...([feed, stableId('block', point, field, period, block), `${field} ${block}`] as const),
        links('IntervalBlock', `${self}/IntervalBlock/${encodeURIComponent(block)}`, `${self}/IntervalBlock`),
        resource('IntervalBlock', {
          interval: { duration: seconds(last.to - first.from), start: seconds(first.from) },
          IntervalReading: members.map((index): Tree => {
            const { from, to, quality, reasons } = known[index]!
            const told = espiQualityOf(quality, reasons)
            return {
              ...(told === ESPI_QUALITY.valid ? {} : { ReadingQuality: { quality: String(told) } }),
              timePeriod: { duration: seconds(to - from), start: seconds(from) },
              value: String(values.integers[index]),
            }
          }),
        }),
      ),
    )
  }
  return ok(text.join(''))
}

/** Summary of a month whose energy is known. */
const summaryOf = (feed: EspiFeed, { from, to, value, quality, reasons }: EspiItem): string => {
  const values = value === null ? null : espiValuesOf([value], 3)
  if (!values) return ''
  const name = feed.blockOf(from).slice(0, 7)
  const self = `${feed.path}/UsageSummary/${name}`
  return entryOf(
    ...([feed, stableId('summary', feed.point, name), `Usage of ${name}`, links('UsageSummary', self, lastPart(self))] as const),
    resource('UsageSummary', {
      billingPeriod: { duration: seconds(to - from), start: seconds(from) },
      overallConsumptionLastPeriod: {
        powerOfTenMultiplier: String(values.powerOfTenMultiplier),
        uom: '72',
        value: String(values.integers[0]),
      },
      qualityOfReading: String(espiQualityOf(quality, reasons)),
      statusTimeStamp: seconds(feed.at),
      commodity: '1',
    }),
  )
}

/**
 * A Green Button usage feed, piece by piece: zone, usage point, then each register with its reading type and blocks, then a summary for
 * each month whose import is known.
 *
 * @param registers  one by one, as they are found
 * @param months     import (1.8.0) by month
 * @source           NAESB REQ.21 ESPI 4.0, RFC 4287
 */
export async function* espiText(
  feed: EspiFeed,
  registers: AsyncIterable<Result<EspiRegister>>,
  months: readonly EspiItem[],
): AsyncGenerator<Result<string>> {
  let text = headOf(feed)
  for await (const register of registers) {
    if (!register.ok) {
      yield register
      return
    }
    const written = registerOf(feed, register.value)
    if (!written.ok) {
      yield written
      return
    }
    yield ok(text + written.value)
    text = ''
  }
  yield ok(`${text}${months.map((month) => summaryOf(feed, month)).join('')}</feed>\n`)
}
