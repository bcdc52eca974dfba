import { type Static, Type } from 'typebox'
import { compare, type Decimal, parseDecimal } from '../core/index.ts'
import { CYCLE_MEMBERS, type CycleConfig, cyclesOf } from './billing-cycles.ts'
import { READ_MEMBERS, type ReadRules, readRulesOf } from './billing-reads.ts'
import { Id, object, oneOf, optional, text } from './schema-parts.ts'

const Kwh = (description: string, extra: Record<string, unknown> = {}) =>
  text('^[0-9]{1,12}(\\.[0-9]{1,6})?$', `${description}; a decimal number in quotes`, extra)
const Day = (description: string) => text('^[0-9]{4}-[0-9]{2}-[0-9]{2}$', `${description}; in quotes`)
const Words = (description: string, maximum: number) =>
  Type.Array(Type.String({ minLength: 1, maxLength: 100 }), { minItems: 1, maxItems: maximum, description })

const Version = object(
  {
    from: Day('first day it holds'),
    upTo: Type.Array(Kwh('kWh a month'), {
      ...{ minItems: 1, maxItems: 9 },
      description: 'upper ends of all tiers but the last, kWh a month, rising: ["180", "280"] are three tiers',
    }),
  },
  'what the table says from a day on',
)

const Table = object(
  {
    id: Id,
    zh: optional(Type.String({ minLength: 1, maxLength: 100, description: 'what it is called in Chinese; the id if not given' })),
    en: optional(Type.String({ minLength: 1, maxLength: 100, description: 'what it is called in English; the id if not given' })),
    source: optional(Type.String({ maxLength: 300, description: 'document it comes from, said in every explanation' })),
    categories: optional(Words('categories of customers it is for; residential if not given', 20)),
    zones: optional(Words('zones it is for, with all that lies in them; absent: all', 500)),
    priceClasses: optional(Words('price classes of points it is for; absent: all', 100)),
    versions: Type.Array(Version, { minItems: 1, maxItems: 200 }),
  },
  'tiers of one kind of customer',
)

/** `billing` of gateway.yaml: what is released and when, tiers of a year, and who is a key account. */
export const BillingSchema = object(
  {
    ...READ_MEMBERS,
    ...CYCLE_MEMBERS,
    tiers: optional(
      object(
        {
          countFrom: optional(
            oneOf(['registered', 'energised', 'first-seen'], 'from when months in service are counted; the others are shown beside it', {
              default: 'registered',
            }),
          ),
          begunMonth: optional(
            oneOf(['whole', 'by-day'], 'how a month counts that is only begun: as a whole one, or by its days', { default: 'whole' }),
          ),
          allowance: optional(
            oneOf(['to-date', 'year'], 'up to when months are counted: the day asked for, or the end of the year', { default: 'to-date' }),
          ),
          tables: optional(Type.Array(Table, { maxItems: 200, description: 'the first that fits a customer is theirs' })),
        },
        'tiers of a year (阶梯电量)',
      ),
    ),
    keyAccounts: optional(
      object(
        {
          monthlyKwh: optional(Kwh('mean monthly use of the year before that makes a key account', { default: '4000' })),
          inclusive: optional(Type.Boolean({ description: 'the limit itself counts (以上)', default: true })),
          categories: optional(
            Type.Array(Type.String({ minLength: 1, maxLength: 100 }), {
              maxItems: 50,
              description:
                'categories that are key accounts whatever they use; if not given: government, military, media, hospital, school, hotel, state-project',
            }),
          ),
          januaryDay: optional(
            Type.Integer({ minimum: 1, maximum: 31, description: 'day of January on which the list of the year is made', default: 5 }),
          ),
          checkDays: optional(
            Type.Integer({ minimum: 1, maximum: 31, description: 'days within which each key account has to be read well', default: 7 }),
          ),
        },
        'key accounts (大客户)',
      ),
    ),
    reports: optional(
      object(
        {
          keepYears: optional(
            Type.Integer({
              minimum: 1,
              maximum: 100,
              description: 'years a kept report of a customer can be had; then it is deleted',
              default: 10,
            }),
          ),
        },
        'reports of customers that are kept',
      ),
    ),
  },
  'what is released for billing, and what is worked out of energy',
)

export interface TierTable {
  readonly id: string
  readonly zh: string
  readonly en: string
  readonly source: string
  readonly categories: readonly string[]
  /** Null: all. */
  readonly zones: readonly string[] | null
  readonly priceClasses: readonly string[] | null
  /** By their day; `upTo` is decimal text, kWh a month. */
  readonly versions: readonly { readonly from: string; readonly upTo: readonly string[] }[]
}

export interface BillingConfig extends CycleConfig, ReadRules {
  readonly tiers: {
    readonly countFrom: 'registered' | 'energised' | 'first-seen'
    readonly begunMonth: 'whole' | 'by-day'
    readonly allowance: 'to-date' | 'year'
    readonly tables: readonly TierTable[]
  }
  readonly keyAccounts: {
    /** Decimal text. */
    readonly monthlyKwh: string
    readonly inclusive: boolean
    readonly categories: readonly string[]
    readonly januaryDay: number
    readonly checkDays: number
  }
  readonly reports: { readonly keepYears: number }
}

const KEY_CATEGORIES = ['government', 'military', 'media', 'hospital', 'school', 'hotel', 'state-project']
const NOTHING: Decimal = { raw: 0, scaler: 0 }
const kwhOf = (written: string): Decimal => parseDecimal(written) ?? NOTHING

const isDay = (day: string): boolean => {
  const at = new Date(`${day}T00:00:00Z`)
  return !Number.isNaN(at.getTime()) && at.toISOString().slice(0, 10) === day
}

/** Fills in what was left out. A setting that cannot be is told to `wrong`. */
export const billingOf = (
  file: Static<typeof BillingSchema> | undefined,
  wrong: (path: readonly (string | number)[], message: string) => void,
): BillingConfig => {
  const { tiers = {}, keyAccounts = {}, reports = {} } = file ?? {}
  const ids = new Set<string>()
  const tables = (tiers.tables ?? []).map((table, at): TierTable => {
    const place = ['billing', 'tiers', 'tables', at]
    if (ids.has(table.id)) wrong([...place, 'id'], `is "${table.id}", which is there twice: every table needs a name of its own`)
    ids.add(table.id)
    const days = new Set<string>()
    const versions = table.versions.map(({ from, upTo }, nth) => {
      const here = [...place, 'versions', nth]
      if (!isDay(from)) wrong([...here, 'from'], `is "${from}", which is no day of the calendar: expected "2026-01-01"`)
      else if (days.has(from)) wrong([...here, 'from'], `is "${from}", from which another version holds already`)
      days.add(from)
      const limits = upTo.map(kwhOf)
      for (const [tier, limit] of limits.entries())
        if (compare(limit, limits[tier - 1] ?? NOTHING) <= 0)
          wrong([...here, 'upTo', tier], `is "${upTo[tier]}": each tier ends above the one before, the first above zero`)
      const others = table.versions[0]?.upTo.length ?? limits.length
      if (limits.length !== others)
        wrong([...here, 'upTo'], `has ${limits.length + 1} tiers and the first version ${others + 1}: months of both could not be added up`)
      return { from, upTo }
    })
    return {
      ...{ id: table.id, zh: table.zh ?? table.id, en: table.en ?? table.id, source: table.source ?? '' },
      ...{ categories: table.categories ?? ['residential'], zones: table.zones ?? null, priceClasses: table.priceClasses ?? null },
      versions: versions.sort((a, b) => (a.from < b.from ? -1 : 1)),
    }
  })
  return {
    ...readRulesOf(file ?? {}),
    ...cyclesOf(file ?? {}, wrong),
    tiers: {
      ...{ countFrom: tiers.countFrom ?? 'registered', begunMonth: tiers.begunMonth ?? 'whole', allowance: tiers.allowance ?? 'to-date' },
      tables,
    },
    keyAccounts: {
      ...{ monthlyKwh: keyAccounts.monthlyKwh ?? '4000', inclusive: keyAccounts.inclusive ?? true },
      ...{ categories: keyAccounts.categories ?? KEY_CATEGORIES, januaryDay: keyAccounts.januaryDay ?? 5 },
      checkDays: keyAccounts.checkDays ?? 7,
    },
    reports: { keepYears: reports.keepYears ?? 10 },
  }
}
