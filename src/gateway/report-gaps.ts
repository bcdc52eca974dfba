import { type CustomerReportView, codeWord, codeWords } from '../api/index.ts'
import type { EnergyDays } from './energy-days.ts'

type Gap = CustomerReportView['gaps'][number]

/** Refusals that say that tiers are not for this customer, not that something of them is unknown. */
const NO_TIERS: ReadonlySet<string> = new Set(['TARIFF_TABLE', 'TARIFF_ROLE'])
const share = (ppm: number): string => `${Math.max(0.01, Math.round(ppm / 100) / 100)} %`

/** What of a report is not known, not whole, not released or made up, in words a clerk can read out. */
export const gapsOf = (report: Omit<CustomerReportView, 'complete' | 'gaps'>, days: Pick<EnergyDays, 'of'>): readonly Gap[] => {
  const gaps: Gap[] = []
  const add = (topic: Gap['topic'], zh: string, en: string) => gaps.push({ topic, zh, en })
  const { points, notBilled, sums, ends, tiers } = report
  if (points.length === 0) add('points', '该户在此期间没有计费的计量点', 'the customer has no point that is billed in this time')
  for (const point of notBilled) add('points', `计量点${point}在起止时刻均不计费`, `point ${point} is billed at neither end`)
  for (const { register, due, known, released, energy, estimatedPpm, reasons } of sums) {
    const [zh, why] = reasons.length > 0 ? [`（${codeWords(reasons, 'zh')}）`, ` (${codeWords(reasons, 'en')})`] : ['', '']
    if (known < due)
      add(
        'energy',
        `${register}：${due}个计量点中${due - known}个电量未知${zh}`,
        `${register}: energy of ${due - known} of ${due} points is not known${why}`,
      )
    else if (energy === null) add('energy', `${register}：合计不全${zh}`, `${register}: not all points are in the sum${why}`)
    if (released < due)
      add(
        'state',
        `${register}：${due}个计量点中${due - released}个未发布`,
        `${register}: ${due - released} of ${due} points are not released`,
      )
    if (estimatedPpm > 0) add('estimated', `${register}：${share(estimatedPpm)}为估算`, `${register}: ${share(estimatedPpm)} is estimated`)
  }
  for (const [at, { pending }] of [
    [report.from, ends.from],
    [report.to, ends.to],
  ] as const)
    if (pending > 0) {
      const instant = new Date(at).toISOString()
      add(
        'state',
        `${instant}：${pending}个计量点的已发布值待更正`,
        `${instant}: a correction of released figures waits at ${pending} of the points`,
      )
    }
  for (const { point, register, due, known, pending, estimatedPpm, missing } of report.days) {
    const [first] = missing
    if (known < due) {
      const from = first ? days.of(first.from) : ''
      add(
        'days',
        `计量点${point} ${register}：${due}天中${due - known}天日电量未知（自${from}）`,
        `point ${point} ${register}: ${due - known} of ${due} days are not known, the first is ${from}`,
      )
    }
    if (pending)
      add('days', `计量点${point} ${register}：部分日电量正在重新计算`, `point ${point} ${register}: some days are being worked out again`)
    if (estimatedPpm > 0 && known > 0)
      add(
        'estimated',
        `计量点${point} ${register}：日电量${share(estimatedPpm)}为估算`,
        `point ${point} ${register}: ${share(estimatedPpm)} of the days is estimated`,
      )
  }
  if (tiers.refused && !NO_TIERS.has(tiers.refused.code))
    add('tiers', `阶梯电量：${codeWord(tiers.refused.code, 'zh')}`, `tiers: ${tiers.refused.message}`)
  if (tiers.split && tiers.split.kwh === null)
    add('tiers', `阶梯电量：${tiers.split.missing.join('、')}电量未知`, `tiers: energy of ${tiers.split.missing.join(', ')} is not known`)
  if (tiers.split?.pending) add('tiers', '阶梯电量：部分电量正在重新计算', 'tiers: some of the energy is being worked out again')
  return gaps
}
