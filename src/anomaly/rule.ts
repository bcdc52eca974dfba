import type { Words } from './finding.ts'

/** One threshold (阈值) of a rule. `op` says which end is closed: the rule holds when `figure op value`. */
export interface ThresholdSpec {
  readonly value: number
  readonly op: '>=' | '>' | '<=' | '<'
  readonly unit: string
  /** What may be set. */
  readonly min: number
  readonly max: number
  readonly meaning: Words
  /** Where the default comes from: physics, statistics, a published limit. */
  readonly source: string
}

/** A detector as the catalogue shows it. */
export interface RuleSpec {
  readonly id: string
  /** Grows when the rule would judge the same data otherwise. */
  readonly version: number
  readonly title: Words
  readonly thresholds: Readonly<Record<string, ThresholdSpec>>
}

/** Thresholds that were set, in four layers: the narrowest that says something holds. Keys are `rule.name`. */
export interface ThresholdLayers {
  readonly version: number
  readonly global: Readonly<Record<string, number>>
  readonly zones: Readonly<Record<string, Readonly<Record<string, number>>>>
  readonly classes: Readonly<Record<string, Readonly<Record<string, number>>>>
  readonly points: Readonly<Record<string, Readonly<Record<string, number>>>>
}

/** For whom a threshold is asked: zone of the area, class (category) of the customer, point or area itself. */
export interface ThresholdTarget {
  readonly zone?: string | null
  readonly category?: string | null
  readonly id?: string
}

export const NO_LAYERS: ThresholdLayers = { version: 0, global: {}, zones: {}, classes: {}, points: {} }

/** The value in force for somebody, and which layer says so. */
export const thresholdOf = (
  layers: ThresholdLayers,
  rule: RuleSpec,
  name: string,
  { zone, category, id }: ThresholdTarget = {},
): { readonly value: number; readonly layer: 'default' | 'global' | 'zone' | 'class' | 'point' } => {
  const key = `${rule.id}.${name}`
  const own = (of: Readonly<Record<string, Readonly<Record<string, number>>>>, who: string | null | undefined) =>
    who !== null && who !== undefined && Object.hasOwn(of, who) ? of[who]?.[key] : undefined
  const point = own(layers.points, id)
  if (point !== undefined) return { value: point, layer: 'point' }
  const ofClass = own(layers.classes, category)
  if (ofClass !== undefined) return { value: ofClass, layer: 'class' }
  const ofZone = own(layers.zones, zone)
  if (ofZone !== undefined) return { value: ofZone, layer: 'zone' }
  const global = layers.global[key]
  if (global !== undefined) return { value: global, layer: 'global' }
  const spec = rule.thresholds[name]
  if (!spec) throw new Error(`rule ${rule.id} has no threshold ${name}`)
  return { value: spec.value, layer: 'default' }
}

/** Whether a figure is beyond its threshold, at the end the rule says is closed. A figure that is not known is beyond nothing. */
export const isBeyond = (figure: number | null, op: ThresholdSpec['op'], limit: number): boolean => {
  if (figure === null || !Number.isFinite(figure)) return false
  if (op === '>=') return figure >= limit
  if (op === '>') return figure > limit
  if (op === '<=') return figure <= limit
  return figure < limit
}
