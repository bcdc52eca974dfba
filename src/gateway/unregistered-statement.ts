import { Temporal } from 'temporal-polyfill'
import { type Decimal, decimalText, fullObis, ok, type Reading, type ReadingStore, type Result, scalerAt, subtract } from '../core/index.ts'

/** Registers of one local month. Values are exact decimal text, as shown by the meter. */
export interface StatementMonth {
  /** `2026-10`. */
  readonly month: string
  readonly first: { readonly at: number; readonly value: string } | null
  readonly last: { readonly at: number; readonly value: string } | null
  /** From the last register of the month before (of the first month: from its first) to the last of this one; null where it is not known. */
  readonly used: string | null
  /** What is not known, in words. */
  readonly missing: readonly string[]
}

export interface Statement {
  readonly obis: string
  readonly unit: string
  /** Sum of what is known. */
  readonly used: string
  readonly readings: number
  readonly months: readonly StatementMonth[]
}

const PAGE = 2000
/** Readings looked at: ten years of quarter hours. */
const MOST = 400_000
/** A register this close to the end of a month stands for it. */
const NEAR_MS = 2 * 3_600_000
const ZERO: Decimal = { raw: 0, scaler: 0 }

interface Seen {
  readonly at: number
  readonly value: Decimal
}

/**
 * What a meter has used since it was first seen, by local month (R4: what was not registered can still be split afterwards).
 *
 * @param meter  the series it was kept under
 */
export const statementOf = async (
  store: Pick<ReadingStore, 'range'>,
  {
    meter,
    obis,
    from,
    to,
    zone,
  }: { readonly meter: string; readonly obis: string; readonly from: number; readonly to: number; readonly zone: string },
): Promise<Result<Statement>> => {
  const wanted = fullObis(obis) ?? obis
  const byMonth = new Map<string, { first: Seen; last: Seen; wentBack: boolean }>()
  let cursor: string | null = null
  let unit = ''
  let readings = 0
  let before: Decimal | null = null
  do {
    const page: Awaited<ReturnType<typeof store.range>> = await store.range({
      ...{ measurement: 'register', tags: { meter }, from, to, limit: PAGE },
      ...(cursor === null ? {} : { cursor }),
    })
    if (!page.ok) return page
    for (const reading of page.value.readings) {
      const found = registerOf(reading, wanted)
      if (!found) continue
      unit = found.unit
      readings++
      const seen: Seen = { at: reading.measuredAt, value: found.value }
      const month = monthOf(seen.at, zone)
      const known = byMonth.get(month)
      const wentBack = before !== null && isBelow(found.value, before)
      byMonth.set(month, { first: known?.first ?? seen, last: seen, wentBack: (known?.wentBack ?? false) || wentBack })
      before = found.value
    }
    cursor = page.value.next
  } while (cursor !== null && readings < MOST)
  return ok(summed(byMonth, { obis: wanted, unit, readings, from, to, zone }))
}

const registerOf = (reading: Reading, obis: string): { readonly value: Decimal; readonly unit: string } | null => {
  const column = reading.shape.columns.findIndex((one) => one.obis === obis)
  const raw = column < 0 ? null : reading.raws[column]
  if (raw === null || raw === undefined) return null
  return { value: { raw, scaler: scalerAt(reading, column) }, unit: reading.shape.columns[column]?.unit ?? '' }
}

const isBelow = (a: Decimal, b: Decimal): boolean => subtract(a, b).raw < 0
const textOf = ({ raw, scaler }: Decimal): string => decimalText(raw, scaler)

const zoned = (at: number, zone: string) => Temporal.Instant.fromEpochMilliseconds(at).toZonedDateTimeISO(zone)
const monthOf = (at: number, zone: string): string => zoned(at, zone).toPlainDate().toPlainYearMonth().toString()

const summed = (
  byMonth: ReadonlyMap<string, { first: Seen; last: Seen; wentBack: boolean }>,
  { obis, unit, readings, from, to, zone }: { obis: string; unit: string; readings: number; from: number; to: number; zone: string },
): Statement => {
  const months: StatementMonth[] = []
  const start = [...byMonth.values()][0]?.first.at ?? from
  let total = ZERO
  let previous: Seen | null = null
  const end = Temporal.PlainYearMonth.from(monthOf(to, zone))
  for (
    let month = Temporal.PlainYearMonth.from(monthOf(start, zone));
    Temporal.PlainYearMonth.compare(month, end) <= 0;
    month = month.add({ months: 1 })
  ) {
    const found = byMonth.get(month.toString())
    const closes = month.add({ months: 1 }).toPlainDate({ day: 1 }).toZonedDateTime(zone).epochMilliseconds
    const missing: string[] = []
    if (!found) {
      months.push({ month: month.toString(), first: null, last: null, used: null, missing: ['no reading in this month'] })
      continue
    }
    const opened: Seen = previous ?? found.first
    const gapMs = Math.min(closes, to) - found.last.at
    if (gapMs > NEAR_MS) missing.push(`nothing in the last ${hoursText(gapMs)} of the month: they count for the next`)
    if (previous === null && found.first.at > month.toPlainDate({ day: 1 }).toZonedDateTime(zone).epochMilliseconds + NEAR_MS)
      missing.push(`use before ${new Date(found.first.at).toISOString()} is not known`)
    if (previous !== null && monthOf(previous.at, zone) !== month.subtract({ months: 1 }).toString())
      missing.push('it holds the use of the months before without a reading')
    if (found.wentBack) missing.push('the register went back: look at the meter')
    const used = found.wentBack ? null : subtract(found.last.value, opened.value)
    if (used) total = sum(total, used)
    const shown = ({ at, value }: Seen) => ({ at, value: textOf(value) })
    months.push({
      ...{ month: month.toString(), first: shown(found.first), last: shown(found.last), used: used ? textOf(used) : null },
      missing,
    })
    previous = found.last
  }
  return { obis, unit, used: textOf(total), readings, months }
}

const sum = (a: Decimal, b: Decimal): Decimal => subtract(a, subtract(ZERO, b))
const hoursText = (ms: number): string => {
  const hours = Math.floor(ms / 3_600_000)
  return hours >= 48 ? `${Math.floor(hours / 24)} days` : `${hours} hours`
}
