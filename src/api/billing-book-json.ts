import { qualityNames } from '../core/index.ts'
import type {
  BillingBookFigureView,
  BillingChangeView,
  BillingHoldView,
  BillingLeftView,
  BillingPendingView,
  BillingReleaseView,
  BillingUnitView,
  BillingVersionView,
} from './billing-book-deps.ts'
import { iso, isoOrNull } from './routes/common.ts'

const figureFacts = ({ unit, value, ratio, primary, meter, source, quality, measuredAt, receivedAt, evidence }: BillingBookFigureView) => ({
  ...{
    unit,
    value,
    ratio,
    primary,
    meter,
    source,
    quality: qualityNames(quality),
    measuredAt: iso(measuredAt),
    receivedAt: iso(receivedAt),
  },
  evidence: evidence && { ...evidence },
})

const figureJson = (figure: BillingBookFigureView) => ({ register: figure.register, ...figureFacts(figure) })

const place = ({ seq, kind, point, at, register, version }: BillingVersionView) => ({ seq, kind, point, at: iso(at), register, version })
const act = ({ releasedAt, by, why, release }: BillingVersionView) => ({ changedAt: iso(releasedAt), by: { ...by }, reason: why, release })

export const versionJson = (version: BillingVersionView) => ({ ...place(version), ...figureFacts(version), ...act(version) })

export const changeJson = (change: BillingChangeView) => ({
  ...place(change),
  old: change.old && figureJson(change.old),
  new: change.kind === 'withdrawn' ? null : figureJson(change),
  ...act(change),
})

export const releaseJson = ({ at, by, madeAt, endedAt, scope, left, leftPoints, ...release }: BillingReleaseView) => {
  const { id, state, note, policy, again, estimates, trouble, points, releasedPoints, released, alreadyReleased } = release
  const heldBy = Object.fromEntries(Object.entries(left).map(([reason, count]) => [reason, count ?? 0]))
  return {
    ...{ id, state, at: iso(at), note, policy, again, estimates, by: { ...by }, madeAt: iso(madeAt), endedAt: isoOrNull(endedAt), trouble },
    scope: {
      ...(scope.points ? { points: [...scope.points] } : {}),
      ...(scope.area === undefined ? {} : { area: scope.area }),
      ...(scope.zone === undefined ? {} : { zone: scope.zone }),
    },
    ...{ points, releasedPoints, released, alreadyReleased, leftOut: leftPoints, heldBy },
  }
}

export const leftJson = ({ point, reasons }: BillingLeftView) => ({ point, reasons: reasons.map((reason) => ({ ...reason })) })

export const pendingJson = ({ id, state, point, at, register, old, next, differs, holds, cause, since, ended }: BillingPendingView) => ({
  ...{ id, state, point, at: iso(at), register, version: old.version, old: figureJson(old), new: next && figureJson(next) },
  ...{ differs: [...differs], holds: holds.map((hold) => ({ ...hold })), why: cause, since: iso(since) },
  ended: ended && { at: iso(ended.at), by: ended.by && { ...ended.by }, why: ended.why },
})

export const holdJson = ({ id, point, from, onward, by, why, madeAt, lifted }: BillingHoldView) => ({
  ...{ id, point, from: iso(from), onward, by: { ...by }, why, madeAt: iso(madeAt) },
  lifted: lifted && { at: iso(lifted.at), by: { ...lifted.by }, why: lifted.why },
})

export const unitJson = ({ area: _, heldBy, ...unit }: BillingUnitView) => ({
  ...unit,
  heldBy: { ...heldBy },
  complete: unit.due > 0 && unit.released === unit.due,
})
