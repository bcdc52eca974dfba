import { compare, type Decimal } from '../core/index.ts'
import { text, ZERO } from './exact.ts'
import { monthsBetween } from './tiers.ts'
import type { CountFrom, MonthUse, TierCount, TierRules, TierSplit, TierVersion, Words } from './types.ts'

/** What an explanation is about; a clerk reads them out one after the other. */
export const TOPICS = ['account', 'registers', 'use', 'standard', 'rule', 'split', 'other-count', 'next', 'missing'] as const
export type Topic = (typeof TOPICS)[number]
export interface Explained extends Words {
  readonly topic: Topic
}

/** A register on a local day. `read`: a read says it; else it is worked out between reads. */
export interface RegisterEnd {
  readonly day: string
  readonly register: string
  readonly read: boolean
}

/** Registers of one meter at one ratio, as on the face. Days are local. */
export interface RegisterSpan {
  readonly point: string
  readonly meter: string
  readonly from: RegisterEnd | null
  readonly to: RegisterEnd | null
  /** CT × PT. */
  readonly multiplier: string
  readonly difference: string | null
  readonly kwh: string | null
}

export interface Explainable {
  readonly customer: string | null
  readonly points: readonly string[]
  readonly year: number
  /** First and last local day whose energy counts. */
  readonly from: string
  readonly until: string
  readonly table: Words & { readonly versions: readonly TierVersion[]; readonly source: string }
  readonly rules: TierRules
  readonly registers: readonly RegisterSpan[]
  readonly months: readonly MonthUse[]
  readonly split: TierSplit
}

const MONTHS = ['January', 'February', 'March', 'April', 'May', 'June', 'July', 'August', 'September', 'October', 'November', 'December']
const ORDINALS: readonly Words[] = [
  { zh: '第一档', en: 'tier one' },
  { zh: '第二档', en: 'tier two' },
  { zh: '第三档', en: 'tier three' },
  { zh: '第四档', en: 'tier four' },
  { zh: '第五档', en: 'tier five' },
]
export const tierName = (tier: number): Words => ORDINALS[tier - 1] ?? { zh: `第${tier}档`, en: `tier ${tier}` }

/** `2026-10-02` as people write it. */
export const dayName = (day: string): Words => {
  const [year, month, date] = day.split('-').map(Number)
  return { zh: `${year}年${month}月${date}日`, en: `${date} ${MONTHS[(month ?? 1) - 1]} ${year}` }
}

/** `2026-10`, or several months. */
export const monthName = (first: string, last = first): Words => {
  const one = (text: string): Words => {
    const [year, month] = text.split('-').map(Number)
    return { zh: `${year}年${month}月`, en: `${MONTHS[(month ?? 1) - 1]} ${year}` }
  }
  const [a, b] = [one(first), one(last)]
  return first === last ? a : { zh: `${a.zh}至${b.zh}`, en: `${a.en} to ${b.en}` }
}

const BEGIN: Readonly<Record<CountFrom, Words>> = {
  registered: { zh: '建档之日', en: 'the registration in the ledger' },
  energised: { zh: '送电之日', en: 'the energising' },
  'first-seen': { zh: '首次采到示数之日', en: 'the first reading' },
}

/** What a way to count is called. */
export const countName = (from: CountFrom): Words => BEGIN[from]

const monthsWord = (count: Decimal): string => `${text(count)} month${text(count) === '1' ? '' : 's'}`
const percent = (ppm: number): string => String(Math.round(ppm / 100) / 100)
const listed = (words: readonly Words[]): Words => ({ zh: words.map(({ zh }) => zh).join('、'), en: words.map(({ en }) => en).join(', ') })

/** A split of tiers in sentences that can be read out, in both languages. */
export const explainTiers = (about: Explainable): readonly Explained[] => {
  const { split } = about
  const held = split.counts.find(({ from }) => from === split.inForce)
  const others = split.counts.filter(({ from }) => from !== split.inForce)
  return [
    { topic: 'account', ...accountOf(about) },
    ...about.registers.map((span): Explained => ({ topic: 'registers', ...spanOf(span) })),
    { topic: 'use', ...useOf(about) },
    { topic: 'standard', ...standardOf(about) },
    ...(held
      ? [
          { topic: 'rule' as const, ...ruleOf(about, held) },
          { topic: 'split' as const, ...splitOf(held) },
        ]
      : []),
    ...others.map((count): Explained => ({ topic: 'other-count', ...otherOf(count, held) })),
    ...(held ? [{ topic: 'next' as const, ...nextOf(held) }] : []),
    ...(split.missing.length > 0 || split.kwh === null ? [{ topic: 'missing' as const, ...missingOf(about) }] : []),
  ]
}

const accountOf = ({ customer, points, year, from, until }: Explainable): Words => {
  const [first, last] = [dayName(from), dayName(until)]
  const many = points.length > 1
  const who = customer === null ? null : { zh: `户号${customer}，`, en: `Customer ${customer}, ` }
  return {
    zh: `${who?.zh ?? ''}计量点${points.join('、')}，${year}年阶梯电量，电量统计自${first.zh}至${last.zh}${many ? '，各计量点合并计算' : ''}。`,
    en: `${who?.en ?? ''}metering point${many ? 's' : ''} ${points.join(', ')}: tiers of ${year}, energy from ${first.en} to ${last.en}${
      many ? ', all points together' : ''
    }.`,
  }
}

const spanOf = ({ point, meter, from, to, multiplier, difference, kwh }: RegisterSpan): Words => {
  const end = (side: RegisterSpan['from'], words: Words) =>
    side
      ? {
          zh: `${words.zh}${dayName(side.day).zh}示数${side.register}${side.read ? '' : '（推算）'}`,
          en: `${words.en} ${dayName(side.day).en} ${side.register}${side.read ? '' : ' (worked out)'}`,
        }
      : { zh: `${words.zh}示数未知`, en: `${words.en} not known` }
  const [a, b] = [end(from, { zh: '起', en: 'register on' }), end(to, { zh: '止', en: 'on' })]
  const energy =
    difference === null || kwh === null
      ? { zh: '该表电量无法由示数得出', en: 'its energy cannot be told from these registers' }
      : {
          zh: `差值${difference}，乘以倍率${multiplier}，电量${kwh}千瓦时`,
          en: `difference ${difference}, times multiplier ${multiplier}, is ${kwh} kWh`,
        }
  return {
    zh: `计量点${point}，电能表${meter}：${a.zh}，${b.zh}，${energy.zh}。`,
    en: `Point ${point}, meter ${meter}: ${a.en}, ${b.en}; ${energy.en}.`,
  }
}

const useOf = ({ months, split }: Explainable): Words => {
  const each = listed(
    months.map(({ month, lastMonth, kwh }) => {
      const name = monthName(month, lastMonth)
      return kwh === null
        ? { zh: `${name.zh}电量未知`, en: `${name.en} not known` }
        : { zh: `${name.zh}${text(kwh)}千瓦时`, en: `${name.en} ${text(kwh)} kWh` }
    }),
  )
  const total =
    split.kwh === null
      ? { zh: '合计电量未知', en: 'in total not known' }
      : { zh: `合计${text(split.kwh)}千瓦时`, en: `in total ${text(split.kwh)} kWh` }
  const share =
    split.kwh === null
      ? { zh: '', en: '' }
      : split.estimatedPpm > 0
        ? { zh: `，其中估算占${percent(split.estimatedPpm)}%`, en: `, ${percent(split.estimatedPpm)} % of it estimated` }
        : { zh: '，无估算', en: ', none of it estimated' }
  return {
    zh: `各月电量：${each.zh || '无'}；${total.zh}${share.zh}。`,
    en: `Used by month: ${each.en || 'nothing'}; ${total.en}${share.en}.`,
  }
}

const standardOf = ({ table, from, until }: Explainable): Words => {
  const started = table.versions.filter((version) => version.from <= until).sort((a, b) => (a.from < b.from ? -1 : 1))
  const since = started.findLastIndex((version) => version.from <= from)
  const each = started.slice(Math.max(0, since)).map(({ from: day, upTo }) => {
    const tiers = upTo.map((limit, at) => ({
      zh: `${tierName(at + 1).zh}每月${text(limit)}千瓦时及以下`,
      en: `${tierName(at + 1).en} up to ${text(limit)} kWh a month`,
    }))
    const last = tierName(upTo.length + 1)
    const all = listed([...tiers, { zh: `超过部分为${last.zh}`, en: `${last.en} above` }])
    return { zh: `自${dayName(day).zh}起，${all.zh}`, en: `since ${dayName(day).en} ${all.en}` }
  })
  const source = table.source === '' ? { zh: '', en: '' } : { zh: `依据：${table.source}。`, en: ` Source: ${table.source}.` }
  return {
    zh: `执行标准（${table.zh}）：${each.map(({ zh }) => zh).join('；')}。${source.zh}`,
    en: `Standard (${table.en}): ${each.map(({ en }) => en).join('; ')}.${source.en}`,
  }
}

const whyOf = ({ why }: TierSplit): Words =>
  ({
    configured: { zh: '这是本供电单位规定的计算方式', en: 'this is the rule of this utility' },
    'not-known': {
      zh: '规定的起算日没有记录，因此按此计算',
      en: 'the day the rule asks for was never written down, so this one stands in',
    },
    earliest: {
      zh: '首次采到示数晚于其他日期，因此按最早的日期计算',
      en: 'the first reading came later than the other days, so the earliest of them counts',
    },
  })[why]

const beginOf = ({ from, begin }: TierCount): Words => {
  const name = countName(from)
  if (begin === null) return { zh: `${name.zh}（此前一直在册）`, en: `${name.en} (it has been there all along)` }
  const day = dayName(begin)
  return { zh: `${name.zh}（${day.zh}）`, en: `${name.en} (${day.en})` }
}

const ruleOf = ({ rules, split }: Explainable, held: TierCount): Words => {
  const begin = beginOf(held)
  const why = whyOf(split)
  const begun =
    rules.begunMonth === 'whole'
      ? { zh: '不足一个月的按一个月计算', en: 'a month that is only begun counts as a whole one' }
      : { zh: '不足一个月的按天数折算', en: 'a month that is only begun counts by its days' }
  const span = rules.allowance === 'year' ? { zh: '，计算到年末', en: ', up to the end of the year' } : { zh: '', en: '' }
  return {
    zh: `使用月数自${begin.zh}起计算${span.zh}：${why.zh}；${begun.zh}。共${text(held.monthCount)}个月${monthsList(held, 'zh')}。`,
    en: `Months are counted from ${begin.en}${span.en}: ${why.en}; ${begun.en}. That makes ${monthsWord(held.monthCount)}${monthsList(held, 'en')}.`,
  }
}

const monthsList = ({ months }: TierCount, language: keyof Words): string => {
  const [first, last] = [months[0], months.at(-1)]
  if (!first || !last) return ''
  const name = monthName(first.month, last.month)[language]
  return language === 'zh' ? `（${name}）` : ` (${name})`
}

const limitsOf = (count: TierCount): Words =>
  listed(
    count.upTo.map((limit, at) => ({
      zh: `${tierName(at + 1).zh}上限${text(limit)}千瓦时`,
      en: `${tierName(at + 1).en} reaches up to ${text(limit)} kWh`,
    })),
  )

const tiersOf = (count: TierCount): Words =>
  count.tiers.some(({ kwh }) => kwh === null)
    ? { zh: '各档电量未知', en: 'how much lies in each tier is not known' }
    : listed(
        count.tiers.map(({ tier, kwh }) => {
          const name = tierName(tier)
          return kwh === null || compare(kwh, ZERO) === 0
            ? { zh: `${name.zh}无电量`, en: `none in ${name.en}` }
            : { zh: `${name.zh}${text(kwh)}千瓦时`, en: `${text(kwh)} kWh in ${name.en}` }
        }),
      )

const NO_MONTH: Words = {
  zh: '按此计算，本年度没有使用月份，因此没有分档电量，不能据此分档',
  en: 'by this count no month of the year is in service: there is no allowance, and nothing can be split by it',
}

const splitOf = (held: TierCount): Words => {
  if (held.months.length === 0) return { zh: `${NO_MONTH.zh}。`, en: `${capital(NO_MONTH.en)}.` }
  const [limits, tiers] = [limitsOf(held), tiersOf(held)]
  return {
    zh: `${text(held.monthCount)}个月的分档电量：${limits.zh}。结果：${tiers.zh}。`,
    en: `Allowance of ${monthsWord(held.monthCount)}: ${limits.en}. The result: ${tiers.en}.`,
  }
}

const otherOf = (count: TierCount, held: TierCount | undefined): Words => {
  const begin = beginOf(count)
  if (count.months.length === 0) return { zh: `若自${begin.zh}起计算：${NO_MONTH.zh}。`, en: `Counted from ${begin.en}: ${NO_MONTH.en}.` }
  const same = held !== undefined && text(held.monthCount) === text(count.monthCount)
  const [limits, tiers] = [limitsOf(count), tiersOf(count)]
  return {
    zh: `若自${begin.zh}起计算，为${text(count.monthCount)}个月，${limits.zh}；${same ? '月数相同，' : ''}${tiers.zh}。`,
    en: `Counted from ${begin.en} it is ${monthsWord(count.monthCount)}, ${limits.en}; ${same ? 'as many months: ' : ''}${tiers.en}.`,
  }
}

const nextOf = ({ next, tiers }: TierCount): Words => {
  if (next) {
    const name = tierName(next.tier)
    return { zh: `距${name.zh}还有${text(next.left)}千瓦时。`, en: `${text(next.left)} kWh are left until ${name.en} begins.` }
  }
  if (tiers.length === 0 || tiers.some(({ kwh }) => kwh === null))
    return { zh: '距下一档还有多少电量，目前无法得出。', en: 'How much is left until the next tier is not known.' }
  return { zh: '已进入最高一档。', en: 'The last tier is reached.' }
}

const missingOf = ({ months, split }: Explainable): Words => {
  const unknown = months.filter(({ kwh }) => kwh === null)
  if (unknown.length === 0)
    return { zh: '该期间没有任何已知电量，未知不等于零。', en: 'No energy is known of that time; not known is not zero.' }
  const each = listed(inRuns(unknown).map(({ month, lastMonth }) => monthName(month, lastMonth)))
  const notes = unknown.flatMap((use) => use.notes)
  const more = notes.length > MOST_REASONS ? { zh: '等，详见各月电量', en: ' and more, see the use by month' } : { zh: '', en: '' }
  const told = listed(notes.slice(0, MOST_REASONS))
  const reasons = { zh: `${told.zh}${more.zh}`, en: `${told.en}${more.en}` }
  // Of none the sum is zero, and nobody must read that out.
  const others =
    unknown.length === months.length
      ? { zh: '', en: '' }
      : { zh: `；其余月份合计${text(split.knownKwh)}千瓦时`, en: `; the other months have ${text(split.knownKwh)} kWh` }
  return {
    zh: `${each.zh}的电量未知，未知不等于零，因此不能分档${others.zh}${reasons.zh === '' ? '' : `（${reasons.zh}）`}。`,
    en: `The energy of ${each.en} is not known, which is not zero, so nothing is split${others.en}${reasons.en === '' ? '' : ` (${reasons.en})`}.`,
  }
}

/** More reasons than these nobody can listen to. */
const MOST_REASONS = 3

/** Months that follow each other as one time. */
const inRuns = (months: readonly MonthUse[]): readonly Pick<MonthUse, 'month' | 'lastMonth'>[] => {
  const runs: { month: string; lastMonth: string }[] = []
  for (const { month, lastMonth } of months) {
    const open = runs.at(-1)
    if (open && monthsBetween(open.lastMonth, month).length === 2) open.lastMonth = lastMonth
    else runs.push({ month, lastMonth })
  }
  return runs
}

const capital = (words: string): string => `${words.slice(0, 1).toUpperCase()}${words.slice(1)}`
