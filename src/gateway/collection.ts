import { isDeepStrictEqual } from 'node:util'
import { Worker } from 'node:worker_threads'
import { Calendar, type ScheduleEvents, type Taken, type TaskDefinition } from '../acquisition/index.ts'
import {
  type AskCollection,
  type CollectionSettings,
  collectionThread,
  type DueKind,
  type DueTask,
  GapRunner,
  type LiveMeter,
  Recorder,
} from '../collection/index.ts'
import { type Clock, many, QUALITY, type Reading, type ReadingStore, type Result } from '../core/index.ts'
import { workerUrl } from '../core/worker.ts'
import { gapSources, isGapStored } from './collection-sources.ts'
import type { CollectionViewDeps } from './collection-views.ts'
import type { CollectionWorkerData } from './collection-worker.ts'
import type { EvidenceIntake } from './evidence-keeper.ts'
import type { Field } from './field.ts'

export interface CollectionDeps {
  readonly directory: string
  readonly zone: string
  readonly settings: CollectionSettings
  /** Channels whose meters push. */
  readonly brokers: readonly string[]
  readonly clock: Clock
  readonly put: (readings: readonly Reading[]) => Promise<Result<void>>
  readonly store: Pick<ReadingStore, 'range'>
  /** Whether a point has no power by the outage calendar and was not heard since; absent: nobody knows. */
  readonly isOff?: (point: string, heardAt: number | null) => boolean
  readonly evidence?: EvidenceIntake
  readonly log: (level: 'debug' | 'info' | 'warn', message: string) => void
}

const MINUTE_MS = 60_000
const CHORES_MS = 5 * MINUTE_MS
const LEAST_TICK_MS = 250
/** Gaps of one concentrator that are asked for together. */
const GAPS_AT_ONCE = 20

/** The kind of due reading that a task brings; live values are of their instant only and are never a gap. */
const KIND: Readonly<Partial<Record<TaskDefinition['read'], DueKind>>> = {
  'day-freeze': 'day-freeze',
  'month-freeze': 'month-freeze',
  curve: 'curve',
}

/**
 * Due readings of the running gateway: hears what the schedule does, keeps it in the gap ledger, and reads again what did not come.
 * Acquisition never waits for it.
 */
export class Collection {
  readonly ask: AskCollection
  readonly calendar: Calendar
  readonly #deps: CollectionDeps
  readonly #thread: ReturnType<typeof collectionThread>
  readonly #recorder: Recorder
  #settings: CollectionSettings
  /** The thread knows the settings. */
  #isTold = true
  #runner: GapRunner | null = null
  #field: Field | null = null
  #timers: NodeJS.Timeout[] = []
  /** Day for which a meter's curve is known to be due. */
  readonly #curveDay = new Map<string, number>()
  /** Meters whose curve came out of their own memory a moment ago. */
  readonly #ownCurve = new Set<string>()

  constructor(deps: CollectionDeps) {
    this.#deps = deps
    this.#settings = deps.settings
    this.calendar = new Calendar(deps.zone)
    const { directory, zone, brokers, clock, log } = deps
    this.#thread = collectionThread(() => {
      const workerData: CollectionWorkerData = { directory, zone, settings: this.#settings, brokers }
      return new Worker(workerUrl(import.meta.url, 'collection-worker'), { workerData })
    })
    this.ask = this.#thread.ask
    this.#recorder = new Recorder({ ask: this.ask, clock, days: this.calendar, log })
  }

  get settings(): CollectionSettings {
    return this.#settings
  }

  /** Other settings, from now on. */
  async use(settings: CollectionSettings): Promise<void> {
    if (isDeepStrictEqual(settings, this.#settings)) return
    this.#settings = settings
    this.#isTold = false
    await this.#tell()
  }

  /** What the field tells while it works. */
  get hooks(): { readonly events: ScheduleEvents; readonly firstPassMs: () => number; readonly kept: (taken: Taken) => void } {
    return { events: this.#events, firstPassMs: () => this.#settings.firstPassMs, kept: (taken) => this.#kept(taken) }
  }

  /** A way to make readings safe that notes which meters were heard. */
  watched(put: CollectionDeps['put']): CollectionDeps['put'] {
    return async (readings) => {
      const safe = await put(readings)
      if (safe.ok)
        for (const { series, quality } of readings)
          if (series.tags.meter && !(quality & QUALITY.unregistered)) this.#recorder.heard(series.tags.meter)
      return safe
    }
  }

  /** Works out what was due while nobody looked, then reads gaps again. Before the field starts. */
  async start(field: Field): Promise<void> {
    const { clock, log } = this.#deps
    this.#field = field
    const caught = await this.ask('catchUp', { tasks: dueTasks(field), now: clock.now(), live: liveMeters(field) })
    if (!caught.ok) log('warn', `${caught.error.message}; ${caught.error.hint}`)
    else if (caught.value.since > 0 && caught.value.added > 0)
      log('info', `${many(caught.value.added, 'reading')} became due since ${new Date(caught.value.since).toISOString()}`)
    // Figures of a cut-off that passed meanwhile are of what was there then: they are kept before anything more comes. The thread takes
    // one thing after the other.
    void this.#chores()
    const waiting = await this.ask('waiting', null)
    if (waiting.ok) this.#recorder.waitFor(waiting.value)
    const put = this.watched(this.#deps.put)
    const sources = { field, calendar: this.calendar, now: () => clock.now(), put, store: this.#deps.store, evidence: this.#deps.evidence }
    this.#runner = new GapRunner({
      ask: this.ask,
      tell: (event) => this.#recorder.tell(event),
      silent: (meter) => this.#recorder.silent(meter),
      had: ({ meter, kind, label }) => field.schedule.had(meter, kind, label, kind === 'curve' ? this.calendar.dayAfter(label) : label + 1),
      flush: () => this.#recorder.flush(),
      clock,
      days: this.calendar,
      settings: () => this.#settings,
      random: Math.random,
      sources: gapSources({ ...sources, points: (meter, instants) => this.#points(meter, instants) }),
      isStored: isGapStored(sources),
      isOff: ({ point, meter }) => this.#deps.isOff?.(point, field.meter(meter)?.device.health.lastAnswerAt ?? null) ?? false,
      lineOf: (meter) => {
        const found = field.meter(meter)
        if (!found) return null
        const { bus, fact } = found
        // A concentrator reads for itself meanwhile, and several of its meters in one request.
        return { id: fact.line, busyMs: bus?.line.stats.busyMs ?? 0, ...(bus ? {} : { atOnce: GAPS_AT_ONCE }) }
      },
      log,
    })
    this.#runner.start()
    const every = (ms: number, work: () => void) => this.#timers.push(setInterval(work, Math.max(LEAST_TICK_MS, ms / clock.speed)))
    every(MINUTE_MS, () => this.#lookAtLines())
    every(CHORES_MS, () => void this.#chores())
  }

  /** What its views need besides. */
  viewDeps(ledger: CollectionViewDeps['ledger']): CollectionViewDeps {
    const { clock, put } = this.#deps
    return {
      ...{ collection: this, now: () => clock.now(), put, ledger },
      ratioOf: (meter, obis) => {
        const plan = this.#field?.meter(meter)?.device.plan({ kind: 'current' })
        return plan?.ok ? (plan.value.values.find((value) => value.obis === obis)?.ratio ?? null) : null
      },
    }
  }

  /** Ends what is under way; everything told until now is written. */
  async stop(): Promise<void> {
    for (const timer of this.#timers.splice(0)) clearInterval(timer)
    await this.#runner?.stop()
  }

  async close(): Promise<void> {
    await this.#recorder.close()
    await this.#thread.close()
  }

  /** Everything told so far is written. */
  flush(): Promise<void> {
    return this.#recorder.flush()
  }

  /** Something may be read earlier than was known. */
  look(): void {
    this.#runner?.look()
  }

  readonly #events: ScheduleEvents = {
    due: (task, meter, label) => {
      this.#recorder.asked(meter)
      const kind = KIND[task.read]
      const day = kind === 'curve' ? this.calendar.dayStart(label) : label
      if (!kind || (kind === 'curve' && this.#curveDay.get(meter) === day)) return
      if (kind === 'curve') this.#curveDay.set(meter, day)
      const found = this.#field?.meter(meter)
      const place = { point: found?.fact.point ?? '', line: found?.fact.line ?? '', area: found?.point.area ?? '' }
      this.#recorder.tell({ what: 'due', kind, label: day, meter, at: this.#deps.clock.now(), ...place, stepMs: stepOf(task) })
    },
    read: (task, meter, label, tries, firstTry, standsFor) => {
      this.#recorder.heard(meter)
      const kind = KIND[task.read]
      if (!kind) return
      if (kind === 'curve') {
        // A meter without load record is read live at the point's time.
        if (!this.#ownCurve.delete(meter)) this.#points(meter, [label])
        return
      }
      const fill = standsFor ? 'stand-in' : 'freeze'
      this.#recorder.tell({ what: 'read', kind, label, meter, at: this.#deps.clock.now(), tries, firstTry, fill, instant: label })
    },
    missed: (task, meter, label, tries, code) => this.#lost('missed', task, meter, label, tries, code),
    failed: (task, meter, label, tries, code) => this.#lost('failed', task, meter, label, tries, code),
  }

  #lost(what: 'missed' | 'failed', task: TaskDefinition, meter: string, label: number, tries: number, code: string): void {
    const kind = KIND[task.read]
    if (!kind) return
    const at = this.#deps.clock.now()
    // The next reading of a curve fetches what this one did not: only the end of its day makes a gap of it.
    if (kind === 'curve') this.#recorder.tell({ what: 'failed', kind, label: this.calendar.dayStart(label), meter, at, tries, code })
    else this.#recorder.tell({ what, kind, label, meter, at, tries, code })
  }

  #kept({ device, plan, samples }: Taken): void {
    if (plan.source !== 'curve') return
    this.#ownCurve.add(device.spec.id)
    const instants = samples.flatMap(({ at, raws }) => {
      const instant = at && raws.some((raw) => raw !== null) ? this.calendar.instantOf(at) : null
      return instant === null ? [] : [instant]
    })
    this.#points(device.spec.id, instants)
  }

  #points(meter: string, instants: readonly number[]): void {
    if (instants.length > 0) this.#recorder.tell({ what: 'points', at: this.#deps.clock.now(), meter, instants })
  }

  #lookAtLines(): void {
    const day = this.calendar.dayStart(this.#deps.clock.now())
    for (const { config, line } of this.#field?.lines ?? [])
      this.#recorder.tell({ what: 'online', day, line: config.id, minutes: 1, up: line.state === 'up' || line.state === 'idle' ? 1 : 0 })
    for (const { id, isOnline } of this.#field?.terminals ?? [])
      this.#recorder.tell({ what: 'online', day, line: id, minutes: 1, up: isOnline ? 1 : 0 })
  }

  /** A thread that could not be told is told again with the next chores. */
  async #tell(): Promise<void> {
    const settings = this.#settings
    const used = await this.ask('use', { settings, now: this.#deps.clock.now() })
    if (used.ok) this.#isTold ||= settings === this.#settings
    else this.#deps.log('warn', `${used.error.message}; ${used.error.hint}`)
    this.look()
  }

  async #chores(): Promise<void> {
    if (!this.#isTold) await this.#tell()
    await this.#recorder.flush()
    const done = await this.ask('chores', this.#deps.clock.now())
    if (!done.ok) this.#deps.log('warn', `${done.error.message}; ${done.error.hint}`)
  }
}

const DAY_MS = 86_400_000
const HOUR_MS = 3_600_000

/** Time between two points of a curve while the meter has not shown its own. */
const stepOf = ({ read, period }: Pick<TaskDefinition, 'read' | 'period'>): number =>
  read !== 'curve' ? DAY_MS : period.unit === 'ms' && period.ms < HOUR_MS ? period.ms : HOUR_MS

/** Meters that a task reads live. */
const liveMeters = (field: Field): LiveMeter[] => {
  const live = field.tasks.filter(({ spec }) => spec.read === 'current')
  return [...field.meters()].flatMap((meter) =>
    live.some(({ covers }) => covers(meter)) ? [{ meter: meter.fact.meter, since: meter.fact.from }] : [],
  )
}

/** What the tasks of a field make due. */
const dueTasks = (field: Field): DueTask[] =>
  field.tasks.flatMap(({ spec, covers }) => {
    const kind = KIND[spec.read]
    if (!kind) return []
    const isReadLive = (meter: Parameters<typeof covers>[0]) =>
      field.tasks.some((task) => task.spec.read === 'current' && task.covers(meter))
    const meters = [...field.meters()].filter((meter) => {
      if (!covers(meter)) return false
      // What another task reads live is no curve that could be missing; a freeze that is not kept cannot be fetched later.
      const isKept = meter.device.plan({ kind: spec.read, nth: 1 }).ok
      return kind === 'curve' ? isKept || !isReadLive(meter) : true
    })
    return [
      {
        ...{ kind, stepMs: stepOf(spec), offsetMs: spec.offsetMs },
        meters: meters.map(({ fact, point }) => ({
          meter: fact.meter,
          since: fact.from,
          point: fact.point,
          line: fact.line,
          area: point.area,
        })),
      },
    ]
  })
