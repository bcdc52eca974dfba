export * from './errors.ts'
export * from './exact.ts'
export {
  countName,
  dayName,
  type Explainable,
  type Explained,
  explainTiers,
  monthName,
  type RegisterSpan,
  TOPICS,
  type Topic,
  tierName,
} from './explain.ts'
export * from './key-accounts.ts'
export { daysIn, monthsBetween, splitTiers } from './tiers.ts'
export * from './types.ts'
