import { areaHistory, type Phase, type PhaseLoss, phaseLosses } from '../anomaly/index.ts'
import { areaDays, type FrameParts } from './analysis-frames.ts'

export interface LossPhaseParts extends FrameParts {
  /** Phases that voltages told when an area was judged last. */
  readonly phases: (area: string) => Readonly<Record<string, Phase>>
}

/** Line loss by phase (分相线损) of a closed day of an area, out of what the analysis keeps of it; null: it keeps nothing of that day. */
export const dayPhases = (parts: LossPhaseParts, area: string, day: string): readonly PhaseLoss[] | null => {
  const blocks = parts.reader.blocks(area, day, day)
  if (blocks.length === 0) return null
  const history = areaHistory(1)
  history.put({ ...areaDays(parts, area, blocks, day)(day), events: [] })
  const frame = history.frame()
  return frame && phaseLosses({ gateways: frame.gateways, meters: frame.meters, phases: parts.phases(area) })
}
