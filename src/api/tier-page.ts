import { escaped, PAGE_STYLE, type PageLanguage } from './page.ts'
import type { BothWords, TierCountView, TierView } from './tier-deps.ts'

const words = {
  title: { zh: '阶梯电量说明', en: 'Tiers of the year, explained' },
  customer: { zh: '户号', en: 'Customer' },
  point: { zh: '计量点', en: 'Metering point' },
  place: { zh: '计量点', en: 'Point' },
  upTo: { zh: '电量 / 上限', en: 'used / up to' },
  year: { zh: '年度', en: 'Year' },
  time: { zh: '电量期间', en: 'Energy of' },
  result: { zh: '结论', en: 'Result' },
  registers: { zh: '示数', en: 'Registers' },
  meter: { zh: '电能表', en: 'Meter' },
  begin: { zh: '起始', en: 'Begin' },
  end: { zh: '截止', en: 'End' },
  difference: { zh: '差值', en: 'Difference' },
  multiplier: { zh: '倍率', en: 'Multiplier' },
  use: { zh: '各月电量', en: 'Use by month' },
  month: { zh: '月份', en: 'Month' },
  estimated: { zh: '其中估算', en: 'Estimated' },
  total: { zh: '合计', en: 'Total' },
  unknown: { zh: '未知', en: 'not known' },
  counts: { zh: '使用月数与分档', en: 'Months in service and tiers' },
  from: { zh: '起算', en: 'Counted from' },
  months: { zh: '月数', en: 'Months' },
  held: { zh: '执行', en: 'in force' },
  left: { zh: '距下一档', en: 'Until next' },
  standard: { zh: '执行标准', en: 'Standard' },
  explained: { zh: '逐项说明', en: 'Step by step' },
  workedOut: { zh: '推算', en: 'worked out' },
  always: { zh: '一直在册', en: 'since always' },
  pending: { zh: '部分电量正在重新计算，结果可能变化。', en: 'Some of the energy is being worked out again; the result may change.' },
  clerk: { zh: '说明人', en: 'Explained by' },
  signed: { zh: '用户签字', en: 'Signed by the customer' },
  date: { zh: '日期', en: 'Date' },
  basis: {
    zh: '本说明由计量系统按登记的示数生成，仅供核对电量，不是电费账单。',
    en: 'Made by the metering system out of recorded registers, to check energy; this is no bill.',
  },
} as const satisfies Record<string, BothWords>

const COUNTS: Readonly<Record<TierCountView['from'], BothWords>> = {
  registered: { zh: '建档之日', en: 'registration' },
  energised: { zh: '送电之日', en: 'energising' },
  'first-seen': { zh: '首次采到示数之日', en: 'first reading' },
}

const tierHead = (tier: number, language: PageLanguage): string =>
  language === 'zh' ? `第${ZH_NUMBERS[tier - 1] ?? tier}档` : `Tier ${tier}`
const ZH_NUMBERS = ['一', '二', '三', '四', '五']

/** A split of tiers as one printable page (A4). Everything in it is text. */
export const tierPage = (view: TierView, language: PageLanguage, madeAt: string): string => {
  const say = (name: keyof typeof words) => words[name][language]
  const cell = (text: string | null, isNumber = true) => `<td${isNumber ? ' class="n"' : ''}>${escaped(text ?? say('unknown'))}</td>`
  const registerCell = (end: TierView['registers'][number]['from']) =>
    end
      ? `<td class="n">${escaped(end.register)}<small>${escaped(end.day)}${end.read ? '' : ` ${escaped(say('workedOut'))}`}</small></td>`
      : cell(null)
  const head = (texts: readonly (readonly [text: string, isNumber: boolean])[]) =>
    `<thead><tr>${texts.map(([text, isNumber]) => `<th${isNumber ? ' class="n"' : ''}>${escaped(text)}</th>`).join('')}</tr></thead>`
  const of = (...topics: readonly string[]) =>
    view.explanation
      .filter(({ topic }) => topics.includes(topic))
      .map((line) => `<p>${escaped(line[language])}</p>`)
      .join('')
  const percent = (ppm: number) => `${Math.round(ppm / 100) / 100} %`
  const tiers = view.counts.reduce((most, { upTo }) => Math.max(most, upTo.length + 1), 0)
  const tierNumbers = Array.from({ length: tiers }, (_, at) => at + 1)
  const registers = view.registers.map(
    ({ point, meter, from, to, difference, multiplier, kwh }) =>
      `<tr><td class="d">${escaped(point)}</td><td class="d">${escaped(meter)}</td>${registerCell(from)}${registerCell(to)}${cell(difference)}${cell(multiplier)}${cell(kwh)}</tr>`,
  )
  const months = view.months.map(({ month, lastMonth, kwh, estimatedPpm, notes }) => {
    const noted = notes.map((note) => note[language]).join(language === 'zh' ? '；' : '; ')
    return `<tr><td class="d">${escaped(month === lastMonth ? month : `${month} – ${lastMonth}`)}</td>${cell(kwh)}${cell(kwh === null ? '' : percent(estimatedPpm))}${cell(noted, false)}</tr>`
  })
  const counts = view.counts.map((count) => {
    const isHeld = count.from === view.inForce
    const name = `${COUNTS[count.from][language]}${isHeld ? (language === 'zh' ? `（${say('held')}）` : ` (${say('held')})`) : ''}`
    const each = tierNumbers.map((tier) => {
      const found = count.tiers.find((one) => one.tier === tier)
      return cell(found ? `${found.kwh ?? say('unknown')}${found.upTo === null ? '' : ` / ${found.upTo}`}` : '–')
    })
    return `<tr${isHeld ? ' class="held"' : ''}>${cell(name, false)}<td class="d">${escaped(count.begin ?? say('always'))}</td>${cell(count.months)}${each.join('')}${cell(count.next ? count.next.left : '–')}</tr>`
  })
  const monthHead = [
    [say('month'), false],
    ['kWh', true],
    [say('estimated'), true],
    ['', false],
  ] as const
  return `<!doctype html>
<html lang="${language === 'zh' ? 'zh-CN' : 'en'}">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escaped(`${say('title')} ${view.year} ${view.customer ?? view.points.join(' ')}`)}</title>
<style>${PAGE_STYLE}</style></head>
<body>
<h1>${escaped(say('title'))}</h1>
<p class="facts">${view.customer === null ? '' : `${escaped(say('customer'))} ${escaped(view.customer)} · `}${escaped(say('point'))} ${escaped(view.points.join(language === 'zh' ? '、' : ', '))} · ${escaped(say('year'))} ${view.year} · ${escaped(say('time'))} ${escaped(view.from)} – ${escaped(view.until)} (${escaped(view.zone)})</p>
<div class="result${view.kwh === null ? ' unknown' : ''}">${of('rule', 'split', 'other-count', 'next', 'missing')}${view.pending ? `<p>${escaped(say('pending'))}</p>` : ''}</div>
<h2>${escaped(say('counts'))}${language === 'zh' ? `（千瓦时，${escaped(say('upTo'))}）` : ` (kWh, ${escaped(say('upTo'))})`}</h2>
<table>${head([[say('from'), false], ['', false], [say('months'), true], ...tierNumbers.map((tier) => [tierHead(tier, language), true] as const), [say('left'), true]])}${counts.join('')}</table>
<h2>${escaped(say('use'))}</h2>
<table>${head(monthHead)}${months.join('')}<tr class="sum">${cell(say('total'), false)}${cell(view.kwh)}${cell(view.kwh === null ? '' : percent(view.estimatedPpm))}${cell('', false)}</tr></table>
<h2>${escaped(say('registers'))}</h2>
<table>${head([
    [say('place'), false],
    [say('meter'), false],
    [say('begin'), true],
    [say('end'), true],
    [say('difference'), true],
    [say('multiplier'), true],
    ['kWh', true],
  ])}${registers.join('')}</table>
<h2>${escaped(say('standard'))}</h2>
${of('standard')}
<h2>${escaped(say('explained'))}</h2>
${of('account', 'registers', 'use')}
${view.notes.map((note) => `<p class="note">${escaped(note[language])}</p>`).join('')}
<div class="sign"><span>${escaped(say('clerk'))}</span><span>${escaped(say('signed'))}</span><span>${escaped(say('date'))}</span></div>
<footer>${escaped(say('basis'))} ${escaped(madeAt)}</footer>
</body>
</html>
`
}
