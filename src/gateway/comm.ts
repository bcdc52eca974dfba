import type { TerminalFigures } from '../acquisition/index.ts'
import type { MqttConfig } from '../config/index.ts'
import { type Column, type Raw, type Reading, type Series, seriesOf, shapeOf } from '../core/index.ts'
import type { Devices } from '../push/index.ts'
import type { Field, FieldMeter } from './field.ts'
import type { ReadFigures } from './field-host.ts'
import type { PushSource } from './push-source.ts'

const count = (field: string): Column => ({ field, obis: null, unit: '', scaler: 0, integer: true })

/** Columns of the measurement `comm`. A public interface: see docs/decisions. */
const LINE = shapeOf([
  ...['due', 'read', 'first_try', 'missed', 'exchanges', 'answered', 'retries', 'no_reply', 'damaged', 'stray', 'late', 'lost'].map(count),
  { field: 'busy_share', obis: null, unit: '', scaler: -4 },
  { field: 'latency', obis: null, unit: 's', scaler: -6 },
])
const METER = shapeOf([
  ...['due', 'read', 'first_try', 'missed', 'exchanges', 'answered', 'no_reply', 'damaged', 'stray'].map(count),
  { field: 'latency', obis: null, unit: 's', scaler: -6 },
])
const PUSH_COUNTS = ['messages', 'values', 'duplicates', 'late', 'conflicts'] as const
const PUSH_FIGURES = ['dBm', 'percent', 'rssi', 'snr', 'linkquality'] as const
const figure = (field: string): Column => ({ field: field.toLowerCase(), obis: null, unit: '', scaler: -2 })
const PUSHED = shapeOf([...PUSH_COUNTS.map(count), ...PUSH_FIGURES.map(figure)])
const BROKER = shapeOf(['messages', 'readings', 'refused', 'duplicates', 'late', 'conflicts', 'reconnects'].map(count))

/** A concentrator: the share of the time it was connected, heartbeats that were due and that came, and how it answered. */
const CONCENTRATOR = shapeOf([
  ...['due', 'read', 'first_try', 'missed', 'exchanges', 'answered', 'no_reply', 'refused'].map(count),
  ...['heartbeats', 'expected', 'logins', 'reports', 'takeovers'].map(count),
  { field: 'online', obis: null, unit: '', scaler: -4 },
  { field: 'latency', obis: null, unit: 's', scaler: -6 },
])

/** Columns of `comm` by the word of its tag `kind`; `pushed` = a meter that pushes. */
export const COMM_SHAPES = { line: LINE, meter: METER, pushed: PUSHED, broker: BROKER, concentrator: CONCENTRATOR } as const

/** What statistics ask of the concentrators of the ledger. */
export interface CountedTerminals {
  all(): Iterable<{ readonly id: string; readonly area: string; readonly heartbeatMs: number }>
  figures(id: string): TerminalFigures | null
  /** Milliseconds it was connected since the gateway started. */
  onlineMs(id: string): number
  takeovers(id: string): number
}

/** What statistics ask of a broker whose messages become readings. */
export interface CountedSource extends Pick<PushSource, 'meterOf' | 'counts' | 'state'> {
  readonly config: Pick<MqttConfig, 'id'>
  readonly devices: Pick<Devices, 'list'>
}

/**
 * Communication statistics (通信统计) of lines and meters, one row each for every period: what was due, what came, and why not.
 * Counters grow for ever; a row holds what one period added.
 */
export class CommStatistics {
  readonly #field: Pick<Field, 'lines' | 'terminal'>
  readonly #terminals: CountedTerminals | null
  readonly #push: { readonly sources: readonly CountedSource[] }
  readonly #before = new Map<string, readonly number[]>()
  readonly #series = new Map<string, Series>()
  #since: number

  constructor(
    field: Pick<Field, 'lines' | 'terminal'>,
    push: { readonly sources: readonly CountedSource[] },
    now: number,
    terminals: CountedTerminals | null = null,
  ) {
    this.#field = field
    this.#terminals = terminals
    this.#push = push
    // Devices are remembered across restarts: what they did before is not of this period.
    for (const source of push.sources)
      for (const device of source.devices.list())
        this.#added(
          `device ${source.config.id} ${device.name}`,
          PUSH_COUNTS.map((name) => device[name]),
        )
    this.#since = now
  }

  /** The rows of the period that ends now. `at` = its start. */
  take(at: number, monotonicMs: number): readonly Reading[] {
    const rows: Reading[] = []
    const passedMs = Math.max(1, monotonicMs - this.#since)
    this.#since = monotonicMs
    for (const { config, line, meters, gone } of this.#field.lines) {
      const all = this.#meters(meters, gone, rows, at)
      const sums = this.#added(`reads ${config.id}`, all)
      const { stats } = line
      const failures = (code: string) => stats.failures.get(code) ?? 0
      const added = this.#added(`line ${config.id}`, [
        stats.exchanges,
        stats.answered,
        stats.retries,
        failures('LINE_NO_REPLY'),
        failures('LINE_DAMAGED'),
        stats.strays,
        stats.late,
        stats.lost,
        stats.busyMs,
        stats.latencySumMs,
      ])
      const busyMs = added[8] ?? 0
      const latencyMs = added[9] ?? 0
      const answered = added[1] ?? 0
      const share = Math.round(Math.min(1, busyMs / passedMs) * 10_000)
      const latency = meanLatency(latencyMs, answered)
      rows.push(this.#row('line', config.id, '', LINE, [...sums, ...added.slice(0, 8), share, latency], at))
    }
    for (const row of this.#concentrators(at, passedMs)) rows.push(row)
    return [...rows, ...this.#pushed(at)]
  }

  /** Rows of meters that did anything. @returns  how their reads ended, all together and since the start */
  #meters(meters: readonly FieldMeter[], gone: ReadFigures, rows: Reading[], at: number): number[] {
    const all = [gone.due, gone.read, gone.firstTry, gone.missed]
    for (const { fact, point, device } of meters) {
      const { due, read, firstTry, missed, talk } = device.health
      const now = [due, read, firstTry, missed]
      for (const [index, value] of now.entries()) all[index]! += value
      const { exchanges, answered, noReply, damaged, foreign, latencySumMs } = talk
      const added = this.#added(`meter ${fact.meter}`, [...now, exchanges, answered, noReply, damaged, foreign, latencySumMs])
      const counts = added.slice(0, 9)
      if (counts.some((value) => value > 0))
        rows.push(this.#row('meter', fact.meter, point.area, METER, [...counts, meanLatency(added[9], added[5])], at))
    }
    return all
  }

  /** Concentrators and the meters behind them. One that never came is there with nothing but what was due. */
  *#concentrators(at: number, passedMs: number): Iterable<Reading> {
    const terminals = this.#terminals
    if (!terminals) return
    for (const { id, area, heartbeatMs } of terminals.all()) {
      const rows: Reading[] = []
      const host = this.#field.terminal(id)
      const sums = host ? this.#added(`reads of ${id}`, this.#meters(host.meters, host.gone, rows, at)) : [0, 0, 0, 0]
      yield* rows
      const figures = terminals.figures(id)
      const counts = [figures?.requests, figures?.answered, figures?.noReply, figures?.refused, figures?.heartbeats]
      const now = [...counts, figures?.logins, figures?.reports, terminals.takeovers(id), figures?.latencySumMs, terminals.onlineMs(id)]
      const added = this.#added(
        `concentrator ${id}`,
        now.map((value) => value ?? 0),
      )
      const [requests = 0, answered = 0, noReply = 0, refused = 0, heartbeats = 0, logins = 0, reports = 0, takeovers = 0] = added
      const expected = Math.max(1, Math.round(passedMs / heartbeatMs))
      const online = Math.round(Math.min(1, (added[9] ?? 0) / passedMs) * 10_000)
      const own = [requests, answered, noReply, refused, heartbeats, expected, logins, reports, takeovers]
      yield this.#row('concentrator', id, area, CONCENTRATOR, [...sums, ...own, online, meanLatency(added[8], answered)], at)
    }
  }

  /** Brokers, and the registered meters behind them; strangers are not worth a series. */
  #pushed(at: number): Reading[] {
    const rows: Reading[] = []
    for (const source of this.#push.sources) {
      const { id } = source.config
      for (const { name, signal, ...device } of source.devices.list({ isRegistered: true })) {
        const meter = source.meterOf(name)
        const added = this.#added(
          `device ${id} ${name}`,
          PUSH_COUNTS.map((count) => device[count]),
        )
        if (!meter || added.every((value) => value === 0)) continue
        const figures = PUSH_FIGURES.map((figure) => hundredths(signal?.figures[figure]))
        rows.push(this.#row('meter', meter.meter, meter.area, PUSHED, [...added, ...figures], at))
      }
      const { readings, refused, duplicates, late, conflicts } = source.counts()
      const state = source.state()
      const reconnects = state?.connections.reduce((sum, connection) => sum + connection.reconnects, 0) ?? 0
      const counts = [state?.received ?? 0, readings, refused, duplicates, late, conflicts, reconnects]
      rows.push(this.#row('broker', id, '', BROKER, this.#added(`broker ${id}`, counts), at))
    }
    return rows
  }

  #added(key: string, now: readonly number[]): number[] {
    const before = this.#before.get(key)
    this.#before.set(key, now)
    // A line that was opened anew counts from 0 again.
    const since = before?.some((value, index) => value > (now[index] ?? 0)) ? undefined : before
    return now.map((value, index) => value - (since?.[index] ?? 0))
  }

  #row(kind: string, id: string, area: string, shape: typeof LINE, raws: readonly (Raw | null)[], at: number): Reading {
    const key = `${kind} ${id}`
    let series = this.#series.get(key)
    if (series?.tags.area !== area) {
      series = seriesOf('comm', { kind, id, area })
      this.#series.set(key, series)
    }
    const why = shape === PUSHED ? 'MQTT_ABSENT' : 'LINE_NO_REPLY'
    const absent = raws.includes(null) ? new Map(raws.flatMap((raw, index) => (raw === null ? [[index, why] as const] : []))) : null
    return { series, shape, raws, scalers: null, absent, ratio: '1', measuredAt: at, receivedAt: at, quality: 0 }
  }
}

/** Microseconds an answer took in the mean; null where none came. */
const meanLatency = (sumMs = 0, answers = 0): number | null => (answers > 0 ? Math.round((sumMs / answers) * 1000) : null)

/** A figure as its column keeps it; null where it is none, or too large to be exact. */
const hundredths = (figure: number | undefined): number | null => {
  const raw = figure === undefined ? Number.NaN : Math.round(figure * 100)
  return Number.isSafeInteger(raw) ? raw : null
}
