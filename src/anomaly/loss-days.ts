import type { Finding, LossDay } from './finding.ts'
import { correctedMembers } from './loss-put-right.ts'
import { type DayLoss, lossWindow } from './loss-window.ts'
import type { AreaView } from './view.ts'

/**
 * Line loss (线损) of every day of a view's window, as it is known at the end of the window: statistical, of the wires, and with what was found put right.
 *
 * @param findings  what is known to be wrong, of this area and of its neighbours: a meter moved here from another area stands in that area's finding
 */
export const lossDaysOf = (view: AreaView, findings: readonly Finding[] = view.found): LossDay[] => {
  const plain = lossWindow(view)
  const right = correctedMembers(view, findings)
  const corrected = right === null ? plain : lossWindow(view, right)
  return plain.map((day, at): LossDay => lossDay(view, day, corrected[at] ?? day))
}

const lossDay = ({ frame, technical }: AreaView, plain: DayLoss, right: DayLoss): LossDay => ({
  area: frame.fact.id,
  day: plain.day,
  supplyKwh: known(plain.supply),
  soldKwh: known(plain.sold),
  lossKwh: known(plain.loss),
  lossPct: percent(plain.loss, plain.input),
  technicalPct: percent(plain.technical, Number.isNaN(right.input) ? plain.input : right.input),
  technicalMethod: technical?.method ?? null,
  correctedLossPct: percent(right.loss, right.input),
  estimatedShare: plain.sold > 0 ? Math.min(1, Math.max(0, plain.estimated / plain.sold)) : 0,
})

const known = (value: number): number | null => (Number.isFinite(value) ? value : null)
const percent = (part: number, whole: number): number | null => (whole > 0 ? known((100 * part) / whole) : null)
