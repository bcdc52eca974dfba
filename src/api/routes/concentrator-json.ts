import type {
  ArchiveCountsView,
  ArchiveDifferenceView,
  ArchiveView,
  ConcentratorJobView,
  ConcentratorView,
  ControlView,
} from '../concentrator-deps.ts'
import { CONCENTRATOR_JOBS } from '../concentrator-deps.ts'
import { iso, isoOrNull } from './common.ts'

const countsJson = ({ readAt, ...counts }: ArchiveCountsView) => ({ readAt: iso(readAt), ...counts })

export const concentratorJson = ({ online, archive, clock, figures, ...view }: ConcentratorView) => ({
  ...view,
  online: online && {
    ...{ peer: online.peer, listener: online.listener, since: iso(online.since), lastFrameAt: iso(online.lastFrameAt) },
    ...{ heartbeatS: Math.round(online.heartbeatMs / 1000), queued: online.queued, underWay: online.underWay },
  },
  figures: figures && { ...figures },
  archive: archive && countsJson(archive),
  clock: clock && { at: iso(clock.at), driftMs: clock.driftMs, state: clock.state },
})

export const differenceJson = ({ fields, ...difference }: ArchiveDifferenceView) => ({
  ...difference,
  fields: fields.map(({ name, wanted, held }) => ({ name, wanted, held })),
})

export const archiveJson = ({ counts, records, differences, problems }: ArchiveView) => ({
  counts: countsJson(counts),
  records: [...records],
  differences: differences.map(differenceJson),
  problems: [...problems],
})

export const jobJson = ({ at, endedAt, what, error, ...job }: ConcentratorJobView) => ({
  ...job,
  what: CONCENTRATOR_JOBS.find((one) => one === what) ?? 'ask',
  startedAt: iso(at),
  endedAt: isoOrNull(endedAt),
  error: error && { code: error.code, message: error.message, hint: error.hint },
})

export const controlJson = ({ requestedAt, until, steps, frames, ...control }: ControlView) => ({
  ...control,
  requestedAt: iso(requestedAt),
  until: iso(until),
  steps: steps.map(({ at, ...step }) => ({ at: iso(at), ...step })),
  frames: [...frames],
})
