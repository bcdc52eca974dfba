import type { TaskSpec } from '../acquisition/index.ts'
import type { TaskConfig } from '../config/index.ts'
import { fullObis } from '../core/index.ts'
import type { KnownMeter } from './field-meter.ts'

/** A task of the configuration, worked out. */
export interface FieldTask {
  readonly config: TaskConfig
  readonly spec: Omit<TaskSpec, 'devices'>
  /** Whether a meter is read by it. */
  covers(meter: KnownMeter): boolean
}

export const fieldTask = (config: TaskConfig): FieldTask => {
  const { id, read, period, offsetMs, spreadMs, filter, registers } = config
  const setOf = (names: readonly string[] | null) => (names ? new Set(names) : null)
  const [lines, areas, ids] = [setOf(filter.lines), setOf(filter.areas), setOf(filter.ids)]
  const obis = registers?.flatMap((register) => fullObis(register) ?? [])
  return {
    config,
    spec: { id, read, period, offsetMs, spreadMs, ...(obis ? { obis } : {}) },
    covers: ({ fact, point }) => (lines?.has(fact.line) ?? true) && (areas?.has(point.area) ?? true) && (ids?.has(fact.meter) ?? true),
  }
}
