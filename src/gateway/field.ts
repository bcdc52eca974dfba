import { isDeepStrictEqual } from 'node:util'
import { Calendar, type Device, isBackedOff, Schedule, type ScheduleEvents, type Taken, type TraceEvent } from '../acquisition/index.ts'
import type { GatewayConfig, TaskConfig } from '../config/index.ts'
import { many, type Obis, ok, QUALITY, type Reading, type Result, type Source } from '../core/index.ts'
import type { MeterFact, Point } from '../ledger/index.ts'
import { fail } from './errors.ts'
import type { EvidenceIntake } from './evidence-keeper.ts'
import type { MeterHost } from './field-host.ts'
import type { FieldLine } from './field-line.ts'
import { FieldLines, type LineChanges, type LinesDeps } from './field-lines.ts'
import {
  type FieldMeter,
  fieldMeter,
  isRead,
  isSameDevice,
  isSameMeter,
  type KnownMeter,
  keepCounts,
  lonePoint,
  readingsOf,
} from './field-meter.ts'
import { type FieldTask, fieldTask } from './field-task.ts'
import { type FieldTerminals, TerminalHost } from './field-terminal.ts'

export type { FieldLine } from './field-line.ts'
export { transportOf } from './field-line.ts'
export type { FieldMeter, KnownMeter } from './field-meter.ts'

export interface FieldDeps extends LinesDeps {
  readonly config: GatewayConfig
  readonly meters: readonly MeterFact[]
  readonly points: ReadonlyMap<string, Point>
  readonly put: (readings: readonly Reading[]) => Promise<Result<void>>
  readonly newest: (fact: MeterFact, area: string, source: Source) => number | null
  readonly events?: ScheduleEvents
  /** Concentrators; absent: there are none. */
  readonly terminals?: FieldTerminals
  /** Whether the clock of whoever keeps a meter's values is known to be wrong. */
  readonly isDoubtful?: (line: string) => boolean
  /** A freeze is tried for so long; what comes back later is asked for by whoever keeps the gaps. */
  readonly firstPassMs?: () => number
  /** What was read and is safe. */
  readonly kept?: (taken: Taken) => void
  /** Keeps the frames of what may be billed; absent: nobody does. */
  readonly evidence?: EvidenceIntake
}

/** What a running field should become. Lines and tasks are named in full; what is alike is left alone. */
export interface FieldUpdate {
  readonly config: Pick<GatewayConfig, 'lines' | 'mqtt' | 'tasks'>
  /** Meters that may differ, as they are now; null: no longer there. All others stay as they are. */
  readonly meters: ReadonlyMap<string, KnownMeter | null>
  /** Profiles that say something else than before: their meters are made anew. */
  readonly profiles?: ReadonlySet<string>
  /** Concentrators that came, went, or are others than before. */
  readonly terminals?: ReadonlySet<string>
}

/** What an update did to the lines; meters in numbers. */
export interface FieldChanges extends LineChanges {
  readonly added: number
  readonly changed: number
  readonly removed: number
}

/** An update holds up everything else for no longer at a time. */
const SLICE_MS = 8
const NOWHERE: ReadonlySet<string> = new Set()

/** Everything that talks to meters: lines, devices, schedule. Readings leave it normalised and only after they are safe. */
export class Field {
  readonly calendar: Calendar
  readonly schedule: Schedule
  readonly #lines: FieldLines
  readonly #terminals = new Map<string, TerminalHost>()
  #tasks: readonly FieldTask[]
  #brokers: ReadonlySet<string>
  readonly #meters = new Map<string, FieldMeter>()
  /** The meter that came to a point last. */
  readonly #byPoint = new Map<string, string>()
  /** Meters that are not read: their line or profile is not there, or their point is planned or archived. */
  readonly #idle = new Map<string, KnownMeter>()
  /** Meters whose device is another one by now; an answer of the old one may still be under way. */
  readonly #left = new WeakMap<Device, FieldMeter>()
  readonly #deps: FieldDeps
  #isStopped = false
  #saidIdle = ''

  constructor(deps: FieldDeps) {
    this.#deps = deps
    const { config, clock } = deps
    this.calendar = new Calendar(config.timezone)
    this.#brokers = new Set(config.mqtt.map(({ id }) => id))
    const byLine = new Map<string, KnownMeter[]>()
    for (const fact of deps.meters) {
      const known = { fact, point: deps.points.get(fact.point) ?? lonePoint(fact.point) }
      const beside = byLine.get(fact.line)
      if (beside) beside.push(known)
      else byLine.set(fact.line, [known])
    }
    this.#lines = new FieldLines(deps)
    this.#lines.change(config.lines, (line) => (byLine.get(line) ?? []).filter(isRead))
    for (const [id, all] of byLine) {
      const host = this.#brokers.has(id) ? null : (this.#lines.of(id) ?? this.#terminalOf(id))
      for (const known of all) {
        const placed = host && isRead(known) ? this.#bind(host, known, null) : null
        if (!placed && !this.#brokers.has(id)) this.#idle.set(known.fact.meter, known)
      }
    }
    this.sayIdle()
    this.#tasks = config.tasks.map(fieldTask)
    this.schedule = new Schedule({
      clock,
      calendar: this.calendar,
      tasks: this.#tasks.map(({ spec, covers }) => ({
        ...spec,
        devices: [...this.#meters.values()].filter(covers).map(({ fact }) => fact.meter),
      })),
      find: (id) => this.#meters.get(id) ?? null,
      take: (taken, label, standsFor, task) => this.#take(taken, label, standsFor, task),
      keepsFrames: (source) => deps.evidence?.keepsFrames(source) ?? false,
      newest: (id, source) => {
        const meter = this.#meters.get(id)
        return meter ? deps.newest(meter.fact, meter.point.area, source) : null
      },
      log: deps.log,
      // Meters of one concentrator are asked for together.
      together: (id) => {
        const line = this.#meters.get(id)?.fact.line ?? ''
        return this.#terminals.has(line) ? line : null
      },
      ...(deps.events ? { events: deps.events } : {}),
      ...(deps.firstPassMs === undefined ? {} : { firstPassMs: deps.firstPassMs }),
    })
  }

  get tasks(): readonly FieldTask[] {
    return this.#tasks
  }

  get lines(): readonly FieldLine[] {
    return this.#lines.list
  }

  /** Concentrators that meters hang on. */
  get terminals(): IterableIterator<TerminalHost> {
    return this.#terminals.values()
  }

  /** What carries meters under this name: a line or a concentrator. */
  host(id: string): MeterHost | null {
    return this.#lines.of(id) ?? this.#terminals.get(id) ?? null
  }

  terminal(id: string): TerminalHost | null {
    return this.#terminals.get(id) ?? null
  }

  meter(id: string): FieldMeter | null {
    return this.#meters.get(id) ?? null
  }

  /** The meter that is read at a metering point. */
  at(point: string): FieldMeter | null {
    const meter = this.#meters.get(this.#byPoint.get(point) ?? '')
    return meter?.fact.point === point ? meter : null
  }

  meters(): IterableIterator<FieldMeter> {
    return this.#meters.values()
  }

  start(): void {
    this.#lines.start()
    this.schedule.start()
  }

  /**
   * Makes the running field what it should be, without touching what is alike: a line whose settings stay keeps its connection, its
   * queue and its figures, a meter that stays keeps its place and its health. A meter that leaves is not asked any more; an answer that
   * is under way is kept. Many meters are taken in slices. Never twice at once; {@link sayIdle} afterwards.
   */
  async update({ config, meters, profiles = NOWHERE, terminals = NOWHERE }: FieldUpdate): Promise<FieldChanges> {
    const count = { added: 0, changed: 0, removed: 0 }
    this.#brokers = new Set(config.mqtt.map(({ id }) => id))
    const lines = this.#lines.change(config.lines, (line) => this.#knownOn(line))
    const areTasksNew = this.#changeTasks(config.tasks)
    for (const id of terminals) this.#changeTerminal(id)
    const touched = new Set([...lines.opened, ...lines.reopened, ...lines.closed, ...terminals])
    const queue = [...meters.keys()]
    if (areTasksNew || touched.size > 0 || profiles.size > 0)
      for (const all of [this.#meters, this.#idle])
        for (const [id, { fact }] of all)
          if (!meters.has(id) && (areTasksNew || touched.has(fact.line) || profiles.has(fact.profile))) queue.push(id)
    let began = performance.now()
    for (let at = 0; at < queue.length && !this.#isStopped; at++) {
      const id = queue[at] ?? ''
      const given = meters.get(id)
      const known = given === undefined ? (this.#meters.get(id) ?? this.#idle.get(id) ?? null) : given
      const did = this.#refresh(id, known, areTasksNew, lines.reopened, queue)
      if (did) count[did]++
      if (performance.now() - began < SLICE_MS) continue
      await new Promise((resolve) => setImmediate(resolve))
      began = performance.now()
    }
    return { ...lines, ...count }
  }

  /** Ends what is under way (within the time given), then the lines. */
  async stop(withinMs: number): Promise<void> {
    this.#isStopped = true
    for (const { poller } of this.lines) poller.queue.close()
    for (const host of this.#terminals.values()) host.close()
    await this.schedule.stop(withinMs)
    await this.#lines.close()
  }

  /** Reads one meter at once, ahead of everything scheduled, and makes the readings safe. */
  async readNow(id: string, obis: readonly Obis[] | null, signal: AbortSignal, by = 'the API'): Promise<Result<readonly Reading[]>> {
    const meter = this.#meters.get(id)
    if (!meter) return fail('METER_UNKNOWN', `meter ${id} is not in the ledger or its line is not configured`, { meter: id })
    const plan = meter.device.plan({ kind: 'current', ...(obis ? { obis } : {}) })
    if (!plan.ok) return plan
    const taken = await meter.poller.read(meter.device, plan.value, {
      ...{ priority: 'demand', insist: true, signal },
      keepsFrames: this.#deps.evidence !== undefined,
    })
    if (!taken.ok) return taken
    const readings = readingsOf(taken.value, meter, this.calendar, 0, null, this.qualityOf(meter))
    const safe = await this.#deps.put(readings)
    if (!safe.ok) return safe
    const { exchanged, receivedAt } = taken.value
    const about = { channel: meter.fact.line, by: `read now by ${by}`, receivedAt, isDemand: true }
    this.#deps.evidence?.keepFrames(readings, exchanged, about)
    return ok(readings)
  }

  /** Meters that have not answered for several reads, by line. */
  silent(): ReadonlyMap<string, number> {
    const counts = new Map<string, number>()
    for (const { fact, device } of this.#meters.values())
      if (isBackedOff(device.health)) counts.set(fact.line, (counts.get(fact.line) ?? 0) + 1)
    return counts
  }

  trace(line: string, listener: (event: TraceEvent) => void): (() => void) | null {
    return this.#lines.of(line)?.line.trace(listener) ?? this.#terminals.get(line)?.trace(listener) ?? null
  }

  /** What is doubtful about everything that is read of a meter. */
  qualityOf({ fact }: KnownMeter): number {
    return this.#deps.isDoubtful?.(fact.line) ? QUALITY.clockDoubtful : 0
  }

  async #take(taken: Taken, label: number, standsFor: Source | null, task: string): Promise<Result<void>> {
    const now = this.#meters.get(taken.device.spec.id)
    // What was asked before a meter left or changed is true of the meter as it was.
    const meter = now?.device === taken.device ? now : this.#left.get(taken.device)
    if (!meter) return ok(undefined)
    const readings = readingsOf(taken, meter, this.calendar, label, standsFor, this.qualityOf(meter))
    const safe = await this.#deps.put(readings)
    if (!safe.ok) return safe
    this.#deps.kept?.(taken)
    const { exchanged, receivedAt } = taken
    if (exchanged) this.#deps.evidence?.keepFrames(readings, exchanged, { channel: meter.fact.line, by: `task ${task}`, receivedAt })
    return safe
  }

  /** The concentrator of this id; made when the first meter needs it. */
  #terminalOf(id: string): TerminalHost | null {
    const known = this.#terminals.get(id)
    if (known) return known
    const { terminals, clock, profiles, adapterOf } = this.#deps
    const settings = terminals?.settings(id)
    const adapter = settings && terminals?.terminalAdapterOf(settings.protocol)
    if (!terminals || !adapter) return null
    const host = new TerminalHost(id, adapter, {
      ...{ terminals, clock, profileOf: (profile) => profiles.get(profile) },
      adapterOf: (protocol) => adapterOf(protocol, 'rtu'),
    })
    this.#terminals.set(id, host)
    return host
  }

  /** A concentrator that went, or speaks another protocol now, asks nothing more; its meters are placed anew. */
  #changeTerminal(id: string): void {
    const host = this.#terminals.get(id)
    const settings = this.#deps.terminals?.settings(id)
    if (!host || (settings && host.isAlike(settings))) return
    this.#terminals.delete(id)
    host.close()
  }

  /** @returns  whether meters may have to be placed anew */
  #changeTasks(tasks: readonly TaskConfig[]): boolean {
    if (
      isDeepStrictEqual(
        tasks,
        this.#tasks.map(({ config }) => config),
      )
    )
      return false
    this.#tasks = tasks.map(fieldTask)
    this.schedule.define(this.#tasks.map(({ spec }) => spec))
    return true
  }

  #knownOn(line: string): KnownMeter[] {
    return [...this.#meters.values(), ...this.#idle.values()].filter((known) => known.fact.line === line && isRead(known))
  }

  /** Brings one meter to where it belongs. @returns what that meant, null when it was there */
  #refresh(
    id: string,
    known: KnownMeter | null,
    mustPlace: boolean,
    reopened: readonly string[],
    queue: string[],
  ): 'added' | 'changed' | 'removed' | null {
    const before = this.#meters.get(id) ?? null
    const host = known && isRead(known) ? this.#fit(known, reopened, queue) : null
    const placed = known && host ? this.#bind(host, known, before) : null
    this.#idle.delete(id)
    if (!placed) {
      if (known && !this.#brokers.has(known.fact.line)) this.#idle.set(id, known)
      if (before) this.#remove(before)
      return before ? 'removed' : null
    }
    if (placed === before && !mustPlace) return null
    const isOther = before !== null && before.device !== placed.device
    this.schedule.place(id, new Set(this.#tasks.filter((task) => task.covers(placed)).map(({ spec }) => spec.id)), isOther)
    return before === null ? 'added' : before === placed ? null : 'changed'
  }

  /** The line of a meter, opened anew where it is of a kind that cannot carry the meter's protocol. */
  #fit({ fact }: KnownMeter, reopened: readonly string[], queue: string[]): MeterHost | null {
    const line = this.#lines.of(fact.line)
    if (!line) return this.#brokers.has(fact.line) ? null : this.#terminalOf(fact.line)
    const adapter = this.#lines.adapterOf(fact, line.config)
    if (!adapter) return line
    const isEmpty = line.meters.length === 0
    if (line.isNumbered === adapter.correlates || (!line.isNumbered && !isEmpty)) return line
    const other = this.#lines.replace(line, adapter.correlates)
    if (!isEmpty && !reopened.includes(fact.line))
      this.#deps.log('info', `line ${fact.line} is opened anew: its meters speak several protocols`)
    for (const { fact: beside } of line.meters) queue.push(beside.meter)
    return other
  }

  #remove(meter: FieldMeter): void {
    const { fact, device } = meter
    this.schedule.place(fact.meter, NOWHERE, false)
    this.#meters.delete(fact.meter)
    if (this.#byPoint.get(fact.point) === fact.meter) this.#byPoint.delete(fact.point)
    this.#left.set(device, meter)
    this.#leave(meter)
  }

  /** Gives a meter its device: the one it has, where that can go on. Null when its profile is not there. */
  #bind(host: MeterHost, known: KnownMeter, before: FieldMeter | null): FieldMeter | null {
    const { fact } = known
    const profile = this.#deps.profiles.get(fact.profile)
    if (!profile) return null
    const spec = { id: fact.meter, address: fact.address, profile, reactionMs: fact.timeoutMs ?? host.reactionMs }
    const isHere = before !== null && host.has(before)
    const isKept = isHere && isSameDevice(before.device.spec, spec) && host.isSamePlace(before.fact, fact)
    if (isKept && isSameMeter(before, known)) return before
    const made = isKept ? before : host.make(spec, fact)
    if (!made) return null
    const placed = fieldMeter(known, made)
    if (before && !isKept) {
      this.#left.set(before.device, before)
      if (isHere) keepCounts(before.device, made.device)
      else this.#leave(before)
    }
    host.put(placed)
    this.#meters.set(fact.meter, placed)
    this.#byPoint.set(fact.point, fact.meter)
    return placed
  }

  /** A meter went, or to another line. */
  #leave(meter: FieldMeter): void {
    const host = this.host(meter.fact.line)
    if (!host?.has(meter)) return
    host.delete(meter.fact.meter)
    host.keepFigures(meter.device.health)
  }

  /** Says which meters are not read, and why, where that differs from what was said last. A thousand alike are one line. */
  sayIdle(): void {
    const groups = new Map<string, number>()
    for (const known of this.#idle.values()) {
      if (!isRead(known)) continue
      const { line, profile } = known.fact
      const why = this.host(line) ? `its profile ${profile} is not there or cannot be read there` : `there is no line ${line}`
      groups.set(why, (groups.get(why) ?? 0) + 1)
    }
    const text = [...groups].map(([why, count]) => `${many(count, 'meter')}: ${why}`).join('; ')
    if (text !== this.#saidIdle && text !== '') this.#deps.log('warn', `of the ledger not read: ${text}`)
    this.#saidIdle = text
  }
}
