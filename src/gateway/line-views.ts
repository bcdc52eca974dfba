import { isBackedOff, LATENCY_BOUNDS } from '../acquisition/index.ts'
import type { LineDetail, LineMetrics, LineState, LineView, ReadCounts } from '../api/index.ts'
import type { Field, FieldLine } from './field.ts'

/** How long a line's busy share looks back, milliseconds. */
const BUSY_WINDOW_MS = 60_000

const STATES: Readonly<Record<string, LineState>> = { up: 'up', opening: 'opening', idle: 'opening', down: 'down', closed: 'down' }

/** Reads of a line's meters, and how its exchanges ended. */
const countsOf = ({ line, meters, gone }: FieldLine): ReadCounts => readCounts(line.stats.failures, meters, gone)

/** @param failures  of exchanges, by code */
export const readCounts = (failures: ReadonlyMap<string, number>, meters: FieldLine['meters'], gone: FieldLine['gone']): ReadCounts => {
  const { due, read, firstTry, missed, late } = gone
  const sum = { due, read, firstTry, late, missed: missed - late }
  for (const { device } of meters) {
    sum.due += device.health.due
    sum.read += device.health.read
    sum.firstTry += device.health.firstTry
    sum.late += device.health.late
    sum.missed += device.health.missed - device.health.late
  }
  const reasons = new Map(failures)
  // Exchanges name the line's own failures; what a meter refused, or was never asked in time, is known of its reads.
  for (const known of [gone.reasons, ...meters.map(({ device }) => device.health.reasons)])
    for (const [code, count] of known) if (!code.startsWith('LINE_')) reasons.set(code, (reasons.get(code) ?? 0) + count)
  return { ...sum, reasons: Object.fromEntries(reasons) }
}

export const lineView = (field: FieldLine, busy: BusyShares): LineView => {
  const { config, line, poller, meters } = field
  return {
    ...countsOf(field),
    id: config.id,
    address: line.name,
    state: STATES[line.state] ?? 'down',
    quarantined: line.isQuarantined,
    since: line.since,
    busyShare: busy.of(config.id),
    queue: poller.queue.depth,
    devices: meters.length,
    error: line.why,
  }
}

export const lineDetail = (field: FieldLine, busy: BusyShares): LineDetail => ({
  ...lineView(field, busy),
  health: devicesOf(field.meters),
})

/** Meters as their line or concentrator shows them. */
export const devicesOf = (meters: FieldLine['meters']): LineDetail['health'] =>
  meters.map(({ fact, device: { health } }) => ({
    address: fact.address,
    meter: fact.meter,
    point: fact.point,
    lastAnswerAt: health.lastAnswerAt,
    consecutiveFailures: health.failures,
    backedOff: isBackedOff(health),
    reasons: Object.fromEntries(health.reasons),
  }))

export const lineMetrics = (field: FieldLine, busy: BusyShares): LineMetrics => {
  const { config, line, poller } = field
  return {
    ...countsOf(field),
    id: config.id,
    state: STATES[line.state] ?? 'down',
    busyShare: busy.of(config.id),
    queue: poller.queue.depth,
    exchanges: { boundsS: LATENCY_BOUNDS.map((ms) => ms / 1000), counts: [...line.stats.latency], sumS: line.stats.latencySumMs / 1000 },
  }
}

/** Busy time of the lines over the last minute, sampled coarsely. */
export class BusyShares {
  readonly #field: Field
  readonly #samples: { readonly at: number; readonly busy: ReadonlyMap<string, number> }[] = []
  readonly #timer: NodeJS.Timeout

  constructor(field: Field) {
    this.#field = field
    this.#sample()
    this.#timer = setInterval(() => this.#sample(), BUSY_WINDOW_MS / 12)
    this.#timer.unref()
  }

  of(line: string): number {
    const oldest = this.#samples[0]
    const found = this.#field.lines.find(({ config }) => config.id === line)
    if (!oldest || !found) return 0
    const passed = performance.now() - oldest.at
    return passed <= 0 ? 0 : Math.min(1, Math.max(0, (found.line.stats.busyMs - (oldest.busy.get(line) ?? 0)) / passed))
  }

  close(): void {
    clearInterval(this.#timer)
  }

  #sample(): void {
    this.#samples.push({
      at: performance.now(),
      busy: new Map(this.#field.lines.map(({ config, line }) => [config.id, line.stats.busyMs])),
    })
    if (this.#samples.length > 12) this.#samples.shift()
  }
}
