import { escaped, PAGE_STYLE, type PageLanguage } from './page.ts'
import { codeWord, codeWords } from './page-words.ts'
import type { CustomerReportView, KeptReportView } from './report-deps.ts'
import { iso } from './routes/common.ts'
import type { BothWords } from './tier-deps.ts'

const words = {
  title: { zh: '客户用电报告', en: 'Report of a customer' },
  customer: { zh: '户号', en: 'Customer' },
  time: { zh: '期间', en: 'Time' },
  complete: { zh: '全部数据已知、已发布，无估算。', en: 'Every figure is known, read from meters and released.' },
  gaps: { zh: '数据不完整之处', en: 'What is not known, estimated or not released' },
  sums: { zh: '电量合计（各费率）', en: 'Energy in all and by tariff' },
  register: { zh: '示数类型', en: 'Register' },
  energy: { zh: '电量', en: 'Energy' },
  knownEnergy: { zh: '已知部分', en: 'Of known points' },
  points: { zh: '计量点（已知/应计）', en: 'Points (known / due)' },
  state: { zh: '状态', en: 'State' },
  estimated: { zh: '其中估算', en: 'Estimated' },
  remarks: { zh: '说明', en: 'Remarks' },
  byPoint: { zh: '各计量点示数', en: 'Registers of each point' },
  point: { zh: '计量点', en: 'Point' },
  meter: { zh: '电能表', en: 'Meter' },
  begin: { zh: '起始', en: 'Begin' },
  end: { zh: '截止', en: 'End' },
  ends: { zh: '起止时刻完整性', en: 'How far both instants are' },
  instant: { zh: '时刻', en: 'Instant' },
  due: { zh: '应计', en: 'due' },
  released: { zh: '已发布', en: 'released' },
  provisional: { zh: '未发布', en: 'provisional' },
  held: { zh: '暂缓', en: 'held' },
  withdrawn: { zh: '已撤回', en: 'withdrawn' },
  pending: { zh: '待更正', en: 'correction waits' },
  days: { zh: '日电量完整率', en: 'Days that are known' },
  knownDays: { zh: '已知天数', en: 'Days known' },
  covered: { zh: '覆盖率', en: 'Covered' },
  missing: { zh: '缺失', en: 'Missing' },
  tiers: { zh: '阶梯电量', en: 'Tiers of the year' },
  account: { zh: '大客户分级', en: 'Key account' },
  grade: { zh: '等级', en: 'Grade' },
  key: { zh: '大客户', en: 'Key account' },
  check: { zh: '最近有效抄读', en: 'Newest good readings' },
  cases: { zh: '异常案件', en: 'Cases' },
  none: { zh: '无', en: 'none' },
  withheld: { zh: '无权查看', en: 'not for whoever made this page' },
  unknown: { zh: '未知', en: 'not known' },
  yes: { zh: '是', en: 'yes' },
  no: { zh: '否', en: 'no' },
  listOf: { zh: '名单', en: 'List of' },
  reason: { zh: '原因', en: 'Why' },
  kept: { zh: '存档编号', en: 'Kept as number' },
  digest: { zh: '摘要', en: 'digest' },
  basis: {
    zh: '本报告由计量系统按登记的示数生成，不是电费账单。数据截至',
    en: 'Made by the metering system out of recorded registers; this is no bill. Figures as of',
  },
} as const satisfies Record<string, BothWords>

const STATES = { released: words.released, provisional: words.provisional, held: words.held, withdrawn: words.withdrawn } as const

type Cell = {
  readonly text: string
  readonly isNumber?: boolean
  readonly isShort?: boolean
  readonly span?: number
  readonly small?: string
}
const text = (value: string, small?: string): Cell => ({ text: value, ...(small === undefined ? {} : { small }) })
/** Never broken into two lines. */
const short = (value: string, small?: string): Cell => ({ ...text(value, small), isShort: true })
const number = (value: string, small?: string): Cell => ({ ...text(value, small), isNumber: true })

const tableOf = (head: readonly Cell[], rows: readonly (readonly Cell[])[]): string => {
  const row = (cells: readonly Cell[], tag: 'td' | 'th') =>
    `<tr>${cells
      .map(
        ({ text: content, isNumber, isShort, span, small }) =>
          `<${tag}${isNumber ? ' class="n"' : isShort ? ' class="d"' : ''}${span === undefined ? '' : ` colspan="${span}"`}>${escaped(content)}${small === undefined ? '' : `<small>${escaped(small)}</small>`}</${tag}>`,
      )
      .join('')}</tr>`
  return `<table><thead>${row(head, 'th')}</thead><tbody>${rows.map((cells) => row(cells, 'td')).join('')}</tbody></table>`
}

/** A report of a customer as one printable page (A4). Everything in it is text. @param kept  null: it was made just now and not kept */
export const reportPage = (view: CustomerReportView, kept: KeptReportView | null, language: PageLanguage): string => {
  const say = (name: keyof typeof words) => words[name][language]
  const coded = (codes: readonly string[]) => codeWords(codes, language)
  const known = (value: string | null) => value ?? say('unknown')
  const percent = (ppm: number) => `${Math.round(ppm / 100) / 100} %`
  const clock = clockOf(view.zone)
  const state = (word: CustomerReportView['state']) => STATES[word][language]
  const section = (title: keyof typeof words, body: string) => `<h2>${escaped(say(title))}</h2>${body}`
  const line = (content: string) => `<p>${escaped(content)}</p>`
  const hidden = (part: CustomerReportView['withheld'][number]) => (view.withheld.includes(part) ? line(say('withheld')) : null)

  const sums = tableOf(
    [
      ...[short(say('register')), number(say('energy')), number(say('knownEnergy')), number(say('points')), short(say('state'))],
      ...[number(say('estimated')), text(say('remarks'))],
    ],
    view.sums.map((sum) => [
      ...[
        short(sum.register),
        number(`${known(sum.energy)} ${sum.energy === null ? '' : sum.unit}`),
        number(`${sum.knownEnergy} ${sum.unit}`),
      ],
      ...[number(`${sum.known} / ${sum.due}`), short(state(sum.state)), number(percent(sum.estimatedPpm)), text(coded(sum.reasons))],
    ]),
  )
  const points = tableOf(
    [
      ...[
        short(say('point')),
        short(say('register')),
        number(say('begin')),
        number(say('end')),
        number(say('energy')),
        short(say('state')),
      ],
      text(say('remarks')),
    ],
    view.points.flatMap(({ point, sign, registers, holds, state: whole }) => [
      ...registers.map(({ register, unit, energy, start, end, reasons, estimatedPpm, released }) => [
        ...[short(`${point}${sign < 0 ? ' (−)' : ''}`), short(register)],
        ...[start, end].map((side) =>
          side ? number(side.value, `${side.meter} ${codeWord(side.source, language)}`) : number(say('unknown')),
        ),
        ...[number(energy === null ? say('unknown') : `${energy} ${unit}`), short(released ? say('released') : state(whole))],
        text(
          [coded(reasons), ...(estimatedPpm > 0 ? [`${say('estimated')} ${percent(estimatedPpm)}`] : [])]
            .filter(Boolean)
            .join(language === 'zh' ? '；' : '; '),
        ),
      ]),
      ...holds.map(({ at, reason, text: why }): Cell[] => [
        short(point),
        {
          ...(language === 'zh'
            ? text(`${say('held')}（${clock(at)}）：${codeWord(reason, language)}`, why)
            : text(`${say('held')} (${clock(at)}): ${why}`)),
          span: 6,
        },
      ]),
    ]),
  )
  const endRow = (at: number, group: CustomerReportView['ends']['from']) => [
    ...[short(clock(at)), number(String(group.due)), number(String(group.released)), number(String(group.provisional))],
    ...[number(String(group.held)), number(String(group.withdrawn)), number(String(group.pending))],
    text(
      Object.entries(group.reasons)
        .map(([reason, count]) => `${codeWord(reason, language)}${language === 'zh' ? '：' : ': '}${count}`)
        .join(language === 'zh' ? '，' : ', '),
    ),
  ]
  const ends = tableOf(
    [
      ...[text(say('instant')), number(say('due')), number(say('released')), number(say('provisional')), number(say('held'))],
      ...[number(say('withdrawn')), number(say('pending')), text(say('remarks'))],
    ],
    [endRow(view.from, view.ends.from), endRow(view.to, view.ends.to)],
  )
  const days = tableOf(
    [
      ...[text(say('point')), text(say('register')), number(say('knownDays')), number(say('covered')), number(say('energy'))],
      ...[number(say('estimated')), text(say('missing'))],
    ],
    view.days.map((one) => [
      ...[short(one.point), short(one.register), number(`${one.known} / ${one.due}`), number(percent(one.coveredPpm))],
      ...[number(one.knownEnergy === null ? say('unknown') : `${one.knownEnergy} ${one.unit}`), number(percent(one.estimatedPpm))],
      text(
        one.missing
          .slice(0, 5)
          .map(({ from, days: many, reasons }) => `${clock(from).slice(0, 10)} +${many} (${coded(reasons)})`)
          .join(language === 'zh' ? '；' : '; ') + (one.missing.length > 5 ? ` … (${one.missing.length})` : ''),
      ),
    ]),
  )
  const split = view.tiers.split
  const tiers = split
    ? split.explanation
        .filter(({ topic }) => ['rule', 'split', 'other-count', 'next', 'missing'].includes(topic))
        .map((one) => line(one[language]))
        .join('')
    : line(
        view.tiers.refused ? (language === 'zh' ? codeWord(view.tiers.refused.code, language) : view.tiers.refused.message) : say('none'),
      )
  const entry = view.account?.entry
  const account = entry
    ? line(
        `${say('listOf')} ${view.account?.year} (${view.account?.version}) · ${say('grade')} ${known(entry.grade)} · ${say('key')} ${
          entry.key === null ? say('unknown') : entry.key ? `${say('yes')} (${coded(entry.reasons)})` : say('no')
        } · ${codeWord(entry.state, language)}`,
      )
    : line(say('none'))
  const check = view.check
    ? tableOf(
        [text(say('point')), text(say('meter')), text(say('check'))],
        view.check.points.map(({ point, meter, goodAt }) => [
          short(point),
          short(meter ?? ''),
          text(goodAt === null ? say('none') : clock(goodAt)),
        ]),
      )
    : line(say('none'))
  const cases =
    view.cases && view.cases.length > 0
      ? tableOf(
          [text('#'), text(say('cases')), text(say('point')), text(say('state')), text(say('reason'))],
          view.cases.map(({ id, one }) => [
            text(String(id)),
            text(one.kind, one.severity),
            text(one.target),
            text(one.state),
            text(one.evidence.why[language]),
          ]),
        )
      : line(say('none'))
  const gaps = view.complete
    ? `<div class="result"><p>${escaped(say('complete'))}</p></div>`
    : `<div class="result unknown"><p>${escaped(say('gaps'))}${language === 'zh' ? '：' : ':'}</p>${view.gaps.map((gap) => line(gap[language])).join('')}</div>`
  const facts = `${say('customer')} ${view.customer}${view.name === null ? '' : ` · ${view.name}`} · ${say('time')} ${clock(view.from)} – ${clock(view.to)} (${view.zone}) · ${state(view.state)}`
  const footer = `${say('basis')} ${iso(view.madeAt)}${kept ? ` · ${say('kept')} ${kept.id}, ${kept.by}, ${kept.why} · SHA-256 ${kept.sha256}` : ''}`
  return `<!doctype html>
<html lang="${language === 'zh' ? 'zh-CN' : 'en'}">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escaped(`${say('title')} ${view.customer}`)}</title>
<style>${PAGE_STYLE}</style></head>
<body>
<h1>${escaped(say('title'))}</h1>
<p class="facts">${escaped(facts)}</p>
${gaps}
${section('sums', sums)}
${section('byPoint', points)}
${section('ends', ends)}
${section('days', days)}
${section('tiers', tiers)}
${section('account', hidden('account') ?? account)}
${section('check', hidden('check') ?? check)}
${section('cases', hidden('cases') ?? cases)}
<footer>${escaped(footer)}</footer>
</body>
</html>
`
}

/** An instant as the clock on the wall shows it. */
const clockOf = (zone: string): ((at: number) => string) => {
  const format = new Intl.DateTimeFormat('sv-SE', { timeZone: zone, dateStyle: 'short', timeStyle: 'short' })
  return (at) => format.format(at)
}
