export { fail as gapFailure } from './errors.ts'
export { CollectionFile, type DueTask, type LiveMeter } from './file.ts'
export {
  EXCLUSIONS,
  type Exclusion,
  type Figure,
  KPI_GROUPS,
  KPIS,
  type Kpi,
  type KpiGroup,
  type KpiMeter,
  type Member,
  rateText,
} from './kpi.ts'
export { type FactsOf, type KpiFigure, KpiFile, type KpiUnit, type OutagesOf } from './kpi-file.ts'
export { outageFailure } from './outage-errors.ts'
export * from './outages.ts'
export { missingStretches, type Stretch } from './points.ts'
export { budgetOf, isSilence, lastChance } from './policy.ts'
export type { PersonAct } from './record.ts'
export { Recorder } from './recorder.ts'
export { type FillContext, GapRunner, type GapSource, type Outcome } from './runner.ts'
export * from './strangers.ts'
export { type AskCollection, collectionHandlers, collectionThread, serveCollection } from './thread.ts'
export {
  type CollectionEvent,
  type CollectionSettings,
  type Days,
  DEFAULT_SETTINGS,
  DUE_KINDS,
  type DueKey,
  type DueKind,
  type DuePlace,
  type DueRecord,
  FILLS,
  type Fill,
  GAP_STATES,
  type GapAct,
  type GapDetail,
  type GapFilter,
  type GapState,
  GOOD_FILLS,
  type ManualEntry,
} from './types.ts'
export { afterWorkingDays, type WorkingDays } from './working-days.ts'
