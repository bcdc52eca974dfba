import {
  bindProtocol,
  Calendar,
  type Device,
  isBackedOff,
  type Line,
  openLine,
  Poller,
  Schedule,
  type Taken,
  type TaskSpec,
  type TraceEvent,
} from '../acquisition/index.ts'
import type { GatewayConfig, LineConfig, TaskConfig } from '../config/index.ts'
import {
  type AnyAdapter,
  type Clock,
  decimalText,
  explain,
  fullObis,
  type MeterTime,
  many,
  multiply,
  type Obis,
  ok,
  QUALITY,
  type Reading,
  type RegisterPlan,
  type Result,
  type Source,
} from '../core/index.ts'
import type { MeterFact, Point } from '../ledger/index.ts'
import { type MeterFacts, type Normaliser, normaliserOf, parseRatio } from '../normalise/index.ts'
import { characterTime, serialTransport, type Transport, tcpTransport } from '../transport/index.ts'
import { fail } from './errors.ts'
import type { Profiles } from './profiles.ts'

/** One meter of the ledger, bound to its line. */
export interface FieldMeter {
  readonly fact: MeterFact
  readonly point: Point
  readonly facts: MeterFacts
  /** CT × PT as decimal text. */
  readonly ratio: string
  readonly device: Device
  readonly poller: Poller
  /** One for each plan it is read by: plans are shared among meters of a model, ratios are not. */
  readonly normalisers: WeakMap<RegisterPlan, Normaliser>
}

export interface FieldLine {
  readonly config: LineConfig
  readonly line: Line
  readonly poller: Poller
  readonly meters: readonly FieldMeter[]
}

export interface FieldDeps {
  readonly config: GatewayConfig
  readonly clock: Clock
  readonly meters: readonly MeterFact[]
  readonly points: ReadonlyMap<string, Point>
  readonly profiles: Pick<Profiles, 'get'>
  /** The adapter of a profile's protocol on a line, by its framing. */
  readonly adapterOf: (protocol: string, framing: LineConfig['modbus']) => AnyAdapter | null
  readonly put: (readings: readonly Reading[]) => Promise<Result<void>>
  readonly newest: (fact: MeterFact, area: string, source: Source) => number | null
  readonly log: (level: 'debug' | 'info' | 'warn', message: string) => void
}

/** The transport a line's settings mean. */
export const transportOf = ({ transport }: Pick<LineConfig, 'transport'>): Transport =>
  transport.kind === 'tcp' ? tcpTransport({ host: transport.host, port: transport.port }) : serialTransport(transport)

/** Everything that talks to meters: lines, devices, schedule. Readings leave it normalised and only after they are safe. */
export class Field {
  readonly lines: readonly FieldLine[]
  readonly calendar: Calendar
  readonly schedule: Schedule
  readonly #meters = new Map<string, FieldMeter>()
  readonly #deps: FieldDeps

  constructor(deps: FieldDeps) {
    this.#deps = deps
    const { config, clock } = deps
    this.calendar = new Calendar(config.timezone)
    const byLine = new Map<string, MeterFact[]>()
    for (const fact of deps.meters) byLine.set(fact.line, [...(byLine.get(fact.line) ?? []), fact])
    const homeless = deps.meters.filter(({ line }) => ![...config.lines, ...config.mqtt].some(({ id }) => id === line))
    if (homeless.length > 0)
      deps.log(
        'warn',
        `${many(homeless.length, 'meter')} of the ledger not read: no such line (${[...new Set(homeless.map(({ line }) => line))].join(', ')})`,
      )
    this.lines = config.lines.map((line) => this.#line(line, byLine.get(line.id) ?? []))
    this.schedule = new Schedule({
      clock,
      calendar: this.calendar,
      tasks: config.tasks.map((task) => this.#task(task)),
      find: (id) => this.#meters.get(id) ?? null,
      take: (taken, label, standsFor) => this.#take(taken, label, standsFor),
      newest: (id, source) => {
        const meter = this.#meters.get(id)
        return meter ? deps.newest(meter.fact, meter.point.area, source) : null
      },
      log: deps.log,
    })
  }

  meter(id: string): FieldMeter | null {
    return this.#meters.get(id) ?? null
  }

  meters(): IterableIterator<FieldMeter> {
    return this.#meters.values()
  }

  start(): void {
    for (const { line } of this.lines) void line.ready()
    this.schedule.start()
  }

  /** Ends what is under way (within the time given), then the lines. */
  async stop(withinMs: number): Promise<void> {
    for (const { poller } of this.lines) poller.queue.close()
    await this.schedule.stop(withinMs)
    for (const { line } of this.lines) line.close()
  }

  /** Reads one meter at once, ahead of everything scheduled, and makes the readings safe. */
  async readNow(id: string, obis: readonly Obis[] | null, signal: AbortSignal): Promise<Result<readonly Reading[]>> {
    const meter = this.#meters.get(id)
    if (!meter) return fail('METER_UNKNOWN', `meter ${id} is not in the ledger or its line is not configured`, { meter: id })
    const plan = meter.device.plan({ kind: 'current', ...(obis ? { obis } : {}) })
    if (!plan.ok) return plan
    const taken = await meter.poller.read(meter.device, plan.value, { priority: 'demand', insist: true, signal })
    if (!taken.ok) return taken
    const readings = this.#normalise(taken.value, meter, 0, null)
    const safe = await this.#deps.put(readings)
    return safe.ok ? ok(readings) : safe
  }

  /** Meters that have not answered for several reads, by line. */
  silent(): ReadonlyMap<string, number> {
    const counts = new Map<string, number>()
    for (const { fact, device } of this.#meters.values())
      if (isBackedOff(device.health)) counts.set(fact.line, (counts.get(fact.line) ?? 0) + 1)
    return counts
  }

  trace(line: string, listener: (event: TraceEvent) => void): (() => void) | null {
    return this.lines.find(({ config }) => config.id === line)?.line.trace(listener) ?? null
  }

  async #take(taken: Taken, label: number, standsFor: Source | null): Promise<Result<void>> {
    const meter = this.#meters.get(taken.device.spec.id)
    if (!meter) return ok(undefined)
    return this.#deps.put(this.#normalise(taken, meter, label, standsFor))
  }

  #normalise(
    { plan, samples, receivedAt }: Taken,
    { facts, normalisers }: FieldMeter,
    label: number,
    standsFor: Source | null,
  ): readonly Reading[] {
    const instantOf = (time: MeterTime) => this.calendar.instantOf(time)
    if (standsFor) {
      // A live read that stands in for a freeze is stored as the freeze of its set time, and says so.
      const normalise = normaliserOf(facts, { source: standsFor, values: plan.values }, instantOf)
      return samples
        .flatMap((sample) => normalise(sample, receivedAt, QUALITY.liveAsFreeze, label))
        .filter(({ series }) => series.measurement === 'register')
    }
    let normalise = normalisers.get(plan)
    if (!normalise) {
      normalise = normaliserOf(facts, plan, instantOf)
      normalisers.set(plan, normalise)
    }
    const only = samples.length === 1 ? samples[0] : undefined
    if (only) return normalise(only, receivedAt)
    const each = normalise
    return samples.flatMap((sample) => each(sample, receivedAt))
  }

  #line(config: LineConfig, facts: readonly MeterFact[]): FieldLine {
    const adapters = new Map<string, AnyAdapter>()
    for (const fact of facts) {
      const adapter = this.#adapterOf(fact, config)
      if (adapter) adapters.set(adapter.id, adapter)
    }
    const isNumbered = adapters.size > 0 && [...adapters.values()].every(({ correlates }) => correlates)
    const line = openLine(
      transportOf(config),
      {
        id: config.id,
        now: () => this.#deps.clock.now(),
        allowWrites: config.allowWrites,
        onState: (state, why) =>
          state === 'up'
            ? this.#deps.log('info', `line ${config.id} is open`)
            : this.#deps.log('warn', `line ${config.id} is down: ${why ? explain(why) : 'unknown'}; ${many(facts.length, 'meter')} wait`),
        pipeline: config.pipeline,
        ...(config.quietMs === null ? {} : { quietMs: config.quietMs }),
        ...(config.transport.kind === 'tcp' && config.transport.baud !== null
          ? { characterMs: characterTime({ baud: config.transport.baud, dataBits: 8, parity: 'even', stopBits: 1 }) }
          : {}),
      },
      isNumbered,
    )
    const poller = new Poller(line, this.#deps.clock)
    const binders = new Map([...adapters].map(([id, adapter]) => [id, bindProtocol(adapter, line)]))
    const meters = facts.flatMap((fact) => {
      const profile = this.#deps.profiles.get(fact.profile)
      const bind = binders.get(this.#adapterOf(fact, config)?.id ?? '')
      if (!profile || !bind) {
        this.#deps.log('warn', `meter ${fact.meter} is not read: its profile ${fact.profile} is not there`)
        return []
      }
      const device = bind({ id: fact.meter, address: fact.address, profile, reactionMs: fact.timeoutMs ?? config.timeoutMs })
      const point = this.#deps.points.get(fact.point) ?? { id: fact.point, name: '', area: '', role: 'customer', phase: 'unknown' }
      const one = { raw: 1, scaler: 0 }
      const facts: MeterFacts = {
        meter: fact.meter,
        point: fact.point,
        area: point.area,
        ct: parseRatio(fact.ct) ?? one,
        pt: parseRatio(fact.pt) ?? one,
      }
      const product = multiply(facts.ct, facts.pt)
      const normalisers = new WeakMap<RegisterPlan, Normaliser>()
      const meter: FieldMeter = {
        normalisers,
        fact,
        point,
        facts,
        ratio: decimalText(product.raw, product.scaler),
        device,
        poller,
      }
      this.#meters.set(fact.meter, meter)
      return [meter]
    })
    return { config, line, poller, meters }
  }

  #adapterOf({ profile }: MeterFact, { modbus }: LineConfig): AnyAdapter | null {
    const found = this.#deps.profiles.get(profile)
    return found ? this.#deps.adapterOf(found.protocol, modbus) : null
  }

  #task({ id, read, period, offsetMs, spreadMs, filter, registers }: TaskConfig): TaskSpec {
    const devices = [...this.#meters.values()].filter(
      ({ fact, point }) =>
        (!filter.lines || filter.lines.includes(fact.line)) &&
        (!filter.areas || filter.areas.includes(point.area)) &&
        (!filter.ids || filter.ids.includes(fact.meter)),
    )
    const obis = registers?.flatMap((register) => fullObis(register) ?? [])
    return { id, read, period, offsetMs, spreadMs, devices: devices.map(({ fact }) => fact.meter), ...(obis ? { obis } : {}) }
  }
}
