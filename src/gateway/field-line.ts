import { bindProtocol, type Device, type DeviceSpec, endedWithin, type Line, openLine, Poller } from '../acquisition/index.ts'
import type { LineConfig } from '../config/index.ts'
import { type AnyAdapter, type Clock, explain, many } from '../core/index.ts'
import type { MeterFact } from '../ledger/index.ts'
import { characterTime, serialTransport, type Transport, tcpTransport } from '../transport/index.ts'
import { type Made, Members, type MeterHost, type ReadFigures } from './field-host.ts'
import type { FieldMeter } from './field-meter.ts'

export type { ReadFigures } from './field-host.ts'

/** A line and the meters on it, as everybody may look at them. */
export interface FieldLine {
  readonly config: LineConfig
  readonly line: Line
  readonly poller: Poller
  /** Whether all protocols on it number their requests. */
  readonly isNumbered: boolean
  readonly meters: readonly FieldMeter[]
  /** Reads of meters that have left it, so that its figures never fall. */
  readonly gone: ReadFigures
}

export interface LineDeps {
  readonly clock: Clock
  readonly log: (level: 'debug' | 'info' | 'warn', message: string) => void
  /** The connection is opened when this is over: whoever had the port before has let it go. */
  readonly after: Promise<void> | null
  /** Whether all protocols on it number their requests. */
  readonly isNumbered: boolean
  /** The adapter of a profile's protocol here. */
  readonly adapterOf: (protocol: string) => AnyAdapter | null
  /** Told of whole frames on a line that answer nothing. */
  readonly onStranger?: ((line: string, protocol: string, frame: object) => void) | undefined
}

/** The transport a line's settings mean. */
export const transportOf = ({ transport }: Pick<LineConfig, 'transport'>): Transport =>
  transport.kind === 'tcp' ? tcpTransport({ host: transport.host, port: transport.port }) : serialTransport(transport)

/** What two lines cannot have at once: a serial port, or a serial server that serves one client. */
export const portOf = ({ transport }: Pick<LineConfig, 'transport'>): string =>
  transport.kind === 'tcp' ? `${transport.host}:${transport.port}` : transport.path

/** A line of the running gateway: meters come and go, its connection and its figures stay. */
export class LiveLine implements FieldLine, MeterHost {
  readonly config: LineConfig
  readonly line: Line
  readonly poller: Poller
  readonly isNumbered: boolean
  readonly #members = new Members()
  readonly #adapterOf: LineDeps['adapterOf']
  readonly #binders = new Map<string, (spec: DeviceSpec) => Device>()

  constructor(config: LineConfig, { clock, log, after, isNumbered, adapterOf, onStranger }: LineDeps) {
    this.config = config
    this.#adapterOf = adapterOf
    this.isNumbered = isNumbered
    const transport = transportOf(config)
    this.line = openLine(
      after ? opensAfter(transport, after) : transport,
      {
        id: config.id,
        now: () => clock.now(),
        allowWrites: config.allowWrites,
        onState: (state, why) =>
          state === 'up'
            ? log('info', `line ${config.id} is open`)
            : log('warn', `line ${config.id} is down: ${why ? explain(why) : 'unknown'}; ${many(this.#members.size, 'meter')} wait`),
        pipeline: config.pipeline,
        ...(onStranger ? { onStranger: (protocol: string, frame: object) => onStranger(config.id, protocol, frame) } : {}),
        ...(config.quietMs === null ? {} : { quietMs: config.quietMs }),
        ...(config.transport.kind === 'tcp' && config.transport.baud !== null
          ? { characterMs: characterTime({ baud: config.transport.baud, dataBits: 8, parity: 'even', stopBits: 1 }) }
          : {}),
      },
      isNumbered,
    )
    this.poller = new Poller(this.line, clock)
  }

  get id(): string {
    return this.config.id
  }

  get reactionMs(): number {
    return this.config.timeoutMs
  }

  get meters(): readonly FieldMeter[] {
    return this.#members.list
  }

  get gone(): ReadFigures {
    return this.#members.gone
  }

  has(meter: FieldMeter): boolean {
    return meter.poller === this.poller && this.#members.has(meter)
  }

  isSamePlace(_before: MeterFact, _now: MeterFact): boolean {
    return true
  }

  make(spec: DeviceSpec): Made | null {
    const adapter = this.#adapterOf(spec.profile.protocol)
    return adapter && { device: this.bind(adapter, spec), poller: this.poller, bus: this.poller }
  }

  /** All devices of a protocol share one end of the line: there is only one wire. */
  bind(adapter: AnyAdapter, spec: DeviceSpec): Device {
    let binder = this.#binders.get(adapter.id)
    if (!binder) {
      binder = bindProtocol(adapter, this.line)
      this.#binders.set(adapter.id, binder)
    }
    return binder(spec)
  }

  put(meter: FieldMeter): void {
    this.#members.put(meter)
  }

  delete(meter: string): void {
    this.#members.delete(meter)
  }

  keepFigures(figures: ReadFigures): void {
    this.#members.keepFigures(figures)
  }

  /** Ends the exchange under way, within the time given, then closes. */
  async end(withinMs: number): Promise<void> {
    const { queue } = this.poller
    queue.close()
    await endedWithin([queue.ended()], withinMs)
    this.line.close()
  }
}

/** A transport that is not opened before the promise is kept. */
const opensAfter = (transport: Transport, after: Promise<void>): Transport => ({
  name: transport.name,
  characterMs: transport.characterMs,
  open: async (events) => {
    await after
    return transport.open(events)
  },
})
