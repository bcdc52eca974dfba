import { bindProtocol, type Device, type DeviceSpec, endedWithin, type Line, openLine, Poller } from '../acquisition/index.ts'
import type { LineConfig } from '../config/index.ts'
import { type AnyAdapter, type Clock, explain, many } from '../core/index.ts'
import { characterTime, serialTransport, type Transport, tcpTransport } from '../transport/index.ts'
import type { FieldMeter } from './field-meter.ts'

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

/** How reads ended: see `DeviceHealth`. */
export interface ReadFigures {
  readonly due: number
  readonly read: number
  readonly firstTry: number
  readonly missed: number
  readonly reasons: ReadonlyMap<string, number>
}

export interface LineDeps {
  readonly clock: Clock
  readonly log: (level: 'debug' | 'info' | 'warn', message: string) => void
  /** The connection is opened when this is over: whoever had the port before has let it go. */
  readonly after: Promise<void> | null
  /** Whether all protocols on it number their requests. */
  readonly isNumbered: boolean
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
export class LiveLine implements FieldLine {
  readonly config: LineConfig
  readonly line: Line
  readonly poller: Poller
  readonly isNumbered: boolean
  readonly gone = { due: 0, read: 0, firstTry: 0, missed: 0, reasons: new Map<string, number>() }
  readonly #binders = new Map<string, (spec: DeviceSpec) => Device>()
  readonly #meters = new Map<string, FieldMeter>()
  #list: readonly FieldMeter[] | null = null

  constructor(config: LineConfig, { clock, log, after, isNumbered, onStranger }: LineDeps) {
    this.config = config
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
            : log('warn', `line ${config.id} is down: ${why ? explain(why) : 'unknown'}; ${many(this.#meters.size, 'meter')} wait`),
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

  get meters(): readonly FieldMeter[] {
    this.#list ??= [...this.#meters.values()]
    return this.#list
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
    this.#meters.set(meter.fact.meter, meter)
    this.#list = null
  }

  delete(meter: string): void {
    if (this.#meters.delete(meter)) this.#list = null
  }

  /** Counts the reads of a meter that leaves for good. */
  keepFigures({ due, read, firstTry, missed, reasons }: ReadFigures): void {
    this.gone.due += due
    this.gone.read += read
    this.gone.firstTry += firstTry
    this.gone.missed += missed
    for (const [code, count] of reasons) this.gone.reasons.set(code, (this.gone.reasons.get(code) ?? 0) + count)
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
