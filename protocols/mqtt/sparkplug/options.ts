import type { Raw } from '../../../src/core/decimal.ts'
import type { Inflate } from './compressed.ts'
import type { MetricMeaning } from './metrics.ts'

export interface SparkplugOptions {
  /** Metric name → what it measures; metrics beside it may bring their own property `obis`. */
  readonly table: ReadonlyMap<string, MetricMeaning>
  /** Metric name → name of a link figure: 'Properties/Signal dBm' → 'dBm'. */
  readonly signals?: ReadonlyMap<string, string>
  /** How long a message waits for those before it; 0: not at all. */
  readonly reorderMs?: number
  /** Pause after a request for rebirth, doubling while the need lasts. */
  readonly rebirthBackoffMs?: number
  readonly rebirthBackoffMaxMs?: number
  readonly maxNodes?: number
  /** Metrics and devices that are remembered, of all nodes together. */
  readonly maxAliases?: number
  readonly inflate?: Inflate | null
  readonly requestRebirth?: boolean
  /** False when the subscription leaves devices out: then the counter has holes by itself. */
  readonly checkSequence?: boolean
  /** What makes the address of a meter; a node without device is called the same without the last part. */
  readonly meterOf?: 'device' | 'node/device' | 'group/node/device'
}

export const DEFAULTS = {
  signals: new Map<string, string>(),
  reorderMs: 2000,
  rebirthBackoffMs: 60_000,
  rebirthBackoffMaxMs: 600_000,
  maxNodes: 1000,
  maxAliases: 100_000,
  inflate: null,
  requestRebirth: true,
  checkSequence: true,
  meterOf: 'node/device',
} as const satisfies Omit<Required<SparkplugOptions>, 'table'>

/** Address of a device, or of its node where `device` is null. */
export const addressOf = (meterOf: Required<SparkplugOptions>['meterOf'], group: string, node: string, device: string | null): string => {
  const own = meterOf === 'group/node/device' ? `${group}/${node}` : node
  if (device === null) return own
  return meterOf === 'device' ? device : `${own}/${device}`
}

/** One edge node as a host sees it. */
export interface NodeView {
  readonly group: string
  readonly node: string
  readonly born: boolean
  readonly online: boolean | null
  readonly bdSeq: Raw | null
  /** Last number delivered; null: not known. */
  readonly seq: number | null
  readonly waiting: number
  readonly devices: readonly string[]
  readonly metrics: number
}
