import { FrameTrace, type TracedExchangeFrame, type TraceEvent } from '../acquisition/index.ts'
import type { Refusal, TraceDeps, TracedFrame } from '../api/index.ts'
import { CAPTURE_VERSION, type CapturedMeter, type CaptureHead } from '../capture/index.ts'
import type { LineConfig, MqttConfig } from '../config/index.ts'
import { type Clock, decimalText, err, ok } from '../core/index.ts'
import type { MeterFact } from '../ledger/index.ts'
import { characterFormat } from '../transport/index.ts'
import { fail } from './errors.ts'
import type { Field, FieldMeter } from './field.ts'
import type { KnownMeter } from './push-meters.ts'

export interface TraceViewDeps {
  readonly field: Pick<Field, 'lines' | 'trace' | 'meter' | 'calendar'>
  readonly clock: Pick<Clock, 'now'>
  /** Calls back with every message of a source; null when there is no such source. */
  readonly traceSource: (id: string, listener: (frame: TracedFrame) => void) => (() => void) | null
  /** Brokers whose messages become readings, and the meters the ledger has there. */
  /** Concentrators, with meters or without. */
  readonly terminals?: TracedTerminals
  readonly sources: readonly { readonly config: Pick<MqttConfig, 'id' | 'url'>; registered(): Iterable<PushingMeter> }[]
}

/** Connections of terminals (终端) as far as they are traced. */
export interface TracedTerminals {
  readonly trace: (id: string, listener: (event: TraceEvent) => void) => () => void
  readonly settings: (id: string) => { readonly protocol: string; readonly address: string } | null
  readonly meters: (id: string) => readonly FieldMeter[]
}

/** A meter of the ledger at a broker. */
export type PushingMeter = Pick<KnownMeter, 'facts' | 'address' | 'mapping'>

/** What the API may see of what passes on lines. */
export const traceViews = ({ field, clock, traceSource, sources, terminals }: TraceViewDeps): TraceDeps => ({
  isTerminal: (id) => (terminals?.settings(id) ?? null) !== null,
  trace: (id, listener) => {
    const hears = {
      trace: (line: string, hear: (event: TraceEvent) => void) => field.trace(line, hear) ?? ofTerminal(terminals, line, hear),
    }
    const stop = traceLine(hears, id, listener) ?? traceSource(id, listener)
    const unknown = () => err<Refusal>({ because: 'unknown', error: fail('PUSH_UNKNOWN', `there is no line and no broker ${id}`).error })
    return stop ? ok(stop) : unknown()
  },
  captureHead: (id) => {
    const base = { capture: 'gridtally', version: CAPTURE_VERSION, startedAt: new Date(clock.now()).toISOString() } as const
    const timezone = field.calendar.zone
    const line = field.lines.find(({ config }) => config.id === id)
    if (line) {
      const meters = line.meters.map(({ fact, point }) => captured(fact, point.area))
      return { ...base, timezone, line: lineOf(line.config, line.line.name), meters }
    }
    const terminal = terminals?.settings(id)
    if (terminals && terminal) {
      const meters = terminals.meters(id).map(({ fact, point }) => captured(fact, point.area))
      const there = { kind: 'tcp' as const, address: `${terminal.protocol}://${terminal.address}`, host: null, port: null }
      return { ...base, timezone, line: { id, ...there, baud: null, format: null, framing: null }, meters }
    }
    const source = sources.find(({ config }) => config.id === id)
    if (!source) return null
    const nowhere = { host: null, port: null, baud: null, format: null, framing: null }
    return {
      ...{ ...base, timezone, line: { id, kind: 'broker', address: source.config.url, ...nowhere } },
      meters: [...source.registered()].map(capturedPushing),
    }
  },
  tracedMeter: (meter) => {
    const read = field.meter(meter)
    if (read) return { line: read.fact.line, device: meter }
    for (const { config, registered } of sources)
      for (const { facts, address } of registered()) if (facts.meter === meter) return { line: config.id, device: address }
    return null
  },
})

const ofTerminal = (terminals: TracedTerminals | undefined, id: string, hear: (event: TraceEvent) => void): (() => void) | null =>
  terminals?.settings(id) ? terminals.trace(id, hear) : null

/** Frames of a line; null when there is no such line. @param device  only those of this meter */
export const traceLine = (
  field: Pick<Field, 'trace'>,
  line: string,
  listener: (frame: TracedFrame) => void,
  device: string | null = null,
): (() => void) | null => {
  const trace = new FrameTrace((frame) => {
    const traced = device === null || frame.device === device ? tracedFrame(frame) : null
    if (traced) listener(traced)
  })
  const stop = field.trace(line, (event) => trace.hear(event))
  if (!stop) return null
  return () => {
    stop()
    trace.close()
  }
}

/** A frame as the API has it; null for notes about the connection. */
export const tracedFrame = (frame: TracedExchangeFrame): TracedFrame | null => {
  const { what, at, bytes, hidden, text, device, protocol, tookMs } = frame
  if (what === 'note') return null
  const direction = what === 'tx' || what === 'rx' ? what : 'discarded'
  return {
    ...{ at, direction, bytes, hidden, what, protocol, tookMs },
    description: direction === 'discarded' ? `${what}${text ? `: ${text}` : ''}` : text,
    ...(device === null ? {} : { device }),
    explained: () => frame.explained(),
  }
}

const captured = ({ meter, point, address, profile, ct, pt }: MeterFact, area: string): CapturedMeter => ({
  ...{ meter, point, area, address, profile, ct, pt },
})

const capturedPushing = ({ facts: { meter, point, area, ct, pt }, address, mapping }: PushingMeter): CapturedMeter => ({
  ...{ meter, point, area, address, profile: `mqtt/${mapping ?? ''}` },
  ...{ ct: decimalText(ct.raw, ct.scaler), pt: decimalText(pt.raw, pt.scaler) },
})

const lineOf = ({ id, transport, modbus }: LineConfig, address: string): CaptureHead['line'] =>
  transport.kind === 'tcp'
    ? { id, kind: 'tcp', address, host: transport.host, port: transport.port, baud: transport.baud, format: null, framing: modbus }
    : { id, kind: 'serial', address, host: null, port: null, baud: transport.baud, format: characterFormat(transport), framing: modbus }
