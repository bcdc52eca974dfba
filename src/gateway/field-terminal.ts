import {
  bindProtocol,
  type Device,
  type DeviceSpec,
  type Line,
  Poller,
  type TerminalSettings,
  type TerminalsPort,
  type TraceEvent,
} from '../acquisition/index.ts'
import type { AnyAdapter, AnyTerminalAdapter, Clock, ForwardSettings, Profile, RegisterPlan, TerminalMeter } from '../core/index.ts'
import type { MeterFact } from '../ledger/index.ts'
import { type Made, Members, type MeterHost, type ReadFigures } from './field-host.ts'
import type { FieldMeter, MeterReader } from './field-meter.ts'
import { agreedPoint, type SaidPoints } from './measuring-points.ts'

/** The reads of one concentrator's own data: jobs that ask for the same go in one request. */
export interface OwnPoller extends MeterReader {
  device(spec: DeviceSpec, meter: TerminalMeter): Device
  readonly depth: number
  close(): void
}

/** What a running gateway gives for concentrators. */
export interface FieldTerminals {
  readonly port: TerminalsPort
  /** By ledger id; null = no concentrator that can be spoken with. */
  settings(id: string): TerminalSettings | null
  readonly terminalAdapterOf: (protocol: string) => AnyTerminalAdapter | null
  /** What a concentrator last said of its archive. */
  said(terminal: string): SaidPoints
  poller(id: string, adapter: AnyTerminalAdapter): OwnPoller
  forward(id: string, terminal: string, settings: ForwardSettings): Line
}

export interface TerminalHostDeps {
  readonly terminals: FieldTerminals
  readonly clock: Clock
  readonly profileOf: (id: string) => Profile | undefined
  readonly adapterOf: (protocol: string) => AnyAdapter | null
}

/** Power line carrier and the like (载波): what a concentrator's meters hang on unless the ledger says otherwise. @source Q/GDW 1376.1-2013, 5.5 (F10) */
const CARRIER_PORT = 31
/** The concentrator gives up waiting for the meter well before we give up waiting for the concentrator. */
const WAIT_SHARE = 2 / 3
const LONGEST_WAIT_MS = 60_000
const BYTE_WAIT_MS = 500

interface Passage {
  readonly line: Line
  readonly poller: Poller
  readonly binders: Map<string, (spec: DeviceSpec) => Device>
}

/**
 * A concentrator (集中器) and its meters. Those with a profile of its own protocol are read out of its memory; those with a profile of
 * DL/T 645 byte by byte through it, by the same code as on a bus.
 */
export class TerminalHost implements MeterHost {
  readonly id: string
  readonly protocol: string
  readonly #made: TerminalSettings | null
  readonly #deps: TerminalHostDeps
  readonly #members = new Members()
  readonly #own: OwnPoller
  #index: {
    readonly list: readonly FieldMeter[]
    readonly byAddress: ReadonlyMap<string, FieldMeter>
    readonly byPoint: ReadonlyMap<number, FieldMeter>
  } | null = null
  /** By port. */
  readonly #passages = new Map<number, Passage>()

  /** @param adapter  that of its protocol */
  constructor(id: string, adapter: AnyTerminalAdapter, deps: TerminalHostDeps) {
    this.id = id
    this.protocol = adapter.id
    this.#deps = deps
    this.#made = deps.terminals.settings(id)
    this.#own = deps.terminals.poller(id, adapter)
  }

  get reactionMs(): number {
    return this.#deps.terminals.settings(this.id)?.fieldAnswerMs ?? LONGEST_WAIT_MS
  }

  get meters(): readonly FieldMeter[] {
    return this.#members.list
  }

  get gone(): ReadFigures {
    return this.#members.gone
  }

  /** Whether it can go on under other settings. */
  isAlike({ protocol, address, allowWrites }: TerminalSettings): boolean {
    return protocol === this.protocol && address === this.#made?.address && allowWrites === this.#made.allowWrites
  }

  get isOnline(): boolean {
    return this.#deps.terminals.port.status(this.id) !== null
  }

  /** Reads that wait or are under way. */
  get depth(): number {
    let depth = this.#own.depth
    for (const { poller } of this.#passages.values()) depth += poller.queue.depth
    return depth
  }

  /** Lines that pass bytes on to meters; none before the first such meter. */
  get passages(): readonly Line[] {
    return [...this.#passages.values()].map(({ line }) => line)
  }

  /** Its meter with this communication address. */
  at(address: string): FieldMeter | null {
    return this.#places().byAddress.get(address) ?? null
  }

  /** Its meter with this measuring point, by ledger and archive; null where they contradict each other. */
  atPoint(pn: number): FieldMeter | null {
    const { byAddress, byPoint } = this.#places()
    const meter = byPoint.get(pn) ?? byAddress.get(this.#deps.terminals.said(this.id).addressOf(pn) ?? '')
    return meter && this.#pointOf(meter.fact) === pn ? meter : null
  }

  #pointOf({ measuringPoint, address }: MeterFact): number | null {
    return agreedPoint(measuringPoint, address, this.#deps.terminals.said(this.id))
  }

  #places() {
    const list = this.#members.list
    if (this.#index?.list !== list)
      this.#index = {
        list,
        byAddress: new Map(list.map((meter) => [meter.fact.address, meter])),
        byPoint: new Map(list.flatMap((meter) => (meter.fact.measuringPoint ? [[meter.fact.measuringPoint, meter] as const] : []))),
      }
    return this.#index
  }

  has(meter: FieldMeter): boolean {
    return this.#members.has(meter)
  }

  isSamePlace(before: MeterFact, now: MeterFact): boolean {
    return before.port === now.port && before.measuringPoint === now.measuringPoint
  }

  make(spec: DeviceSpec, fact: MeterFact): Made | null {
    if (spec.profile.protocol !== this.protocol) return this.#passed(spec, fact)
    const pointOf = () => this.#pointOf(fact)
    const meter: TerminalMeter = {
      id: fact.meter,
      address: fact.address,
      // Asked each time: what the ledger does not know, the concentrator's own archive may.
      get pn() {
        return pointOf()
      },
    }
    const device = this.#own.device(spec, meter)
    const live = this.#live(spec, fact)
    return live ? { ...besides(device, this.#own, live), bus: null } : { device, poller: this.#own, bus: null }
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

  trace(listener: (event: TraceEvent) => void): () => void {
    const stops = [this.#deps.terminals.port.trace(this.id, listener), ...this.passages.map((line) => line.trace(listener))]
    return () => {
      for (const stop of stops) stop()
    }
  }

  /** Nothing new is asked. */
  close(): void {
    this.#own.close()
    for (const { line, poller } of this.#passages.values()) {
      poller.queue.close()
      line.close()
    }
  }

  /** A meter whose live values are read byte by byte, by the profile that its own one names. */
  #live(spec: DeviceSpec, fact: MeterFact): Made | null {
    const { live } = spec.profile
    const profile = typeof live === 'string' ? this.#deps.profileOf(live) : undefined
    return profile ? this.#passed({ ...spec, profile }, fact) : null
  }

  #passed(spec: DeviceSpec, fact: MeterFact): Made | null {
    const adapter = this.#deps.adapterOf(spec.profile.protocol)
    if (!adapter || adapter.correlates) return null
    const passage = this.#passage(fact.port ?? CARRIER_PORT)
    let binder = passage.binders.get(adapter.id)
    if (!binder) {
      binder = bindProtocol(adapter, passage.line)
      passage.binders.set(adapter.id, binder)
    }
    return { device: binder(spec), poller: passage.poller, bus: passage.poller }
  }

  #passage(port: number): Passage {
    const known = this.#passages.get(port)
    if (known) return known
    const { terminals, clock } = this.#deps
    const settings: ForwardSettings = {
      // DL/T 645 on the wire: 2400 8E1, whatever is in between. @source DL/T 645-2007, 5.1
      ...{ port, baud: 2400, parity: 'even', dataBits: 8, stopBits: 1 },
      waitMs: Math.min(LONGEST_WAIT_MS, Math.round(this.reactionMs * WAIT_SHARE)),
      byteWaitMs: BYTE_WAIT_MS,
    }
    const line = terminals.forward(`${this.id}:${port}`, this.id, settings)
    const passage = { line, poller: new Poller(line, clock), binders: new Map() }
    this.#passages.set(port, passage)
    return passage
  }
}

/** One meter with two ways: plans of the live one go there, everything else to the concentrator's memory. */
const besides = (own: Device, reader: MeterReader, live: Made): Pick<Made, 'device' | 'poller'> => {
  const passed = new WeakSet<RegisterPlan>()
  const device: Device = {
    spec: own.spec,
    health: own.health,
    read: (plan, conduct) => own.read(plan, conduct),
    probe: (conduct) => own.probe(conduct),
    clock: () => null,
    plan: (selection) => {
      if (selection.kind !== 'current') return own.plan(selection)
      const plan = live.device.plan(selection)
      if (plan.ok) passed.add(plan.value)
      return plan
    },
  }
  const poller: MeterReader = {
    read: async (asked, plan, options) => {
      if (!passed.has(plan)) {
        const done = await reader.read(own, plan, options)
        return done.ok ? { ok: true, value: { ...done.value, device: asked } } : done
      }
      const done = await live.poller.read(live.device, plan, options)
      if (!done.ok) return done
      device.health.lastAnswerAt = done.value.receivedAt
      return { ok: true, value: { ...done.value, device: asked } }
    },
  }
  return { device, poller }
}
