import {
  type Clock,
  explain,
  type GatewayError,
  type Obis,
  ok,
  type ReadKind,
  type RegisterPlan,
  type Result,
  type Source,
} from '../core/index.ts'
import type { Calendar, Period } from './calendar.ts'
import type { Device } from './device.ts'
import { fail } from './errors.ts'
import type { Priority } from './jobs.ts'
import type { Poller, Taken } from './poller.ts'
import { countIn } from './stats.ts'

export interface TaskSpec {
  readonly id: string
  readonly read: ReadKind
  readonly period: Period
  readonly offsetMs: number
  /** The devices of one task start within this time after it is due. */
  readonly spreadMs: number
  readonly devices: readonly string[]
  readonly obis?: readonly Obis[]
}

/** What became of a task since the start. Every due read ends as read or missed, or is still open. */
export interface TaskCounters {
  due: number
  read: number
  firstTry: number
  missed: number
  readonly reasons: Map<string, number>
}

export interface TaskStatus extends Readonly<TaskCounters> {
  readonly id: string
  readonly kind: ReadKind
  readonly devices: number
  readonly open: number
  /** When its current period was due, milliseconds since 1970 UTC; null before the first. */
  readonly lastAt: number | null
  readonly nextAt: number
  readonly everyMs: number
}

/** What becomes of due reads, told as it happens. A label is the start of the period that was due, milliseconds since 1970 UTC. */
export interface ScheduleEvents {
  due(task: TaskSpec, device: string, label: number): void
  /** Safe. `standsFor`: a live read that stands in for a freeze. */
  read(task: TaskSpec, device: string, label: number, tries: number, isFirstTry: boolean, standsFor: Source | null): void
  /** Given up by the schedule; what lies behind must be filled another way. */
  missed(task: TaskSpec, device: string, label: number, tries: number, code: string): void
  /** One try failed; the schedule goes on. */
  failed(task: TaskSpec, device: string, label: number, tries: number, code: string): void
}

export interface ScheduleDeps {
  readonly clock: Clock
  readonly calendar: Calendar
  readonly tasks: readonly TaskSpec[]
  readonly find: (device: string) => { readonly device: Device; readonly poller: Pick<Poller, 'read'> } | null
  /** Normalises and makes safe; only then a read counts as read. `label` = the instant that was due; `standsFor` = the freeze a live read stands in for. */
  readonly take: (taken: Taken, label: number, standsFor: Source | null) => Promise<Result<void>>
  /** Instant of the newest stored reading of a source; null when there is none. */
  readonly newest: (device: string, source: Source) => number | null
  readonly log: (level: 'debug' | 'info' | 'warn', message: string) => void
  readonly events?: ScheduleEvents
  /** The wall clock is looked at this often at least, so that a step is noticed; one second unless said. */
  readonly longestWaitMs?: number
}

interface Open {
  readonly cancel: AbortController
  attempts: number
  timer: NodeJS.Timeout | null
  lastCode: string
}

/**
 * How a device does a task: its own way, by a live read in place of a freeze or curve it does not keep, or not at all (its curve is
 * what another task reads live).
 */
type Mode = 'native' | 'stand-in' | 'none'

interface Member {
  readonly id: string
  mode: Mode
  lastLabel: number
  readonly open: Map<number, Open>
}

interface Task {
  readonly spec: TaskSpec
  readonly counters: TaskCounters
  readonly members: readonly Member[]
  lastAt: number | null
  nextAt: number
}

const PRIORITIES: Readonly<Record<ReadKind, Priority>> = {
  current: 'current',
  curve: 'curve',
  'day-freeze': 'freeze',
  'month-freeze': 'freeze',
}
/** How many freezes back are still fetched: three days, two months. @source requirement 2.8, re-read of missing daily freezes */
const FREEZES_BACK: Readonly<Partial<Record<ReadKind, number>>> = { 'day-freeze': 3, 'month-freeze': 2 }
/** How far back a load record is read, milliseconds. */
const CURVE_BACK_MS = 2 * 86_400_000
/** A live read stands in for a freeze only this close to its set time. */
const STAND_IN_MS = 15 * 60_000
const LONGEST_WAIT_MS = 1000
const FIRST_RETRY_MS = 2000
const LONGEST_RETRY_MS = 60_000
const JUMP_MS = 2000
/** A clock set back further than this is set back for good. */
const FAR_BACK_MS = 2 * 3_600_000

/**
 * Wall-clock-aligned tasks (采集任务). A due read is known by its label, the start of its period, and is carried out once; a clock set
 * back does not repeat it. A missed read is due again until its label has passed, a missed freeze for as long as the meter keeps it.
 */
export class Schedule {
  readonly #deps: ScheduleDeps
  readonly #tasks: readonly Task[]
  #timer: NodeJS.Timeout | null = null
  #isStopped = false
  #last: { wall: number; monotonic: number } | null = null
  readonly #running = new Set<Promise<void>>()

  constructor(deps: ScheduleDeps) {
    this.#deps = deps
    this.#tasks = deps.tasks.map((spec) => ({
      spec,
      counters: { due: 0, read: 0, firstTry: 0, missed: 0, reasons: new Map() },
      members: spec.devices.map((id) => ({ id, mode: 'native' as Mode, lastLabel: Number.NaN, open: new Map() })),
      lastAt: null,
      nextAt: 0,
    }))
  }

  start(): void {
    const now = this.#deps.clock.now()
    for (const task of this.#tasks)
      for (const member of task.members) {
        member.mode = this.#modeOf(task.spec, member.id)
        member.lastLabel = this.#firstLabel(task, member, now)
      }
    this.#tick()
  }

  /** Starts nothing new and waits for what is under way, at most so long. */
  async stop(withinMs: number): Promise<void> {
    this.#isStopped = true
    if (this.#timer) clearTimeout(this.#timer)
    for (const task of this.#tasks)
      for (const member of task.members) for (const open of member.open.values()) if (open.timer) clearTimeout(open.timer)
    let timer: NodeJS.Timeout | null = null
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, withinMs)
    })
    await Promise.race([Promise.allSettled([...this.#running]), late])
    if (timer) clearTimeout(timer)
  }

  totals(): Readonly<TaskCounters> {
    const sum: TaskCounters = { due: 0, read: 0, firstTry: 0, missed: 0, reasons: new Map() }
    for (const { counters } of this.#tasks) {
      sum.due += counters.due
      sum.read += counters.read
      sum.firstTry += counters.firstTry
      sum.missed += counters.missed
      for (const [code, count] of counters.reasons) sum.reasons.set(code, (sum.reasons.get(code) ?? 0) + count)
    }
    return sum
  }

  status(): readonly TaskStatus[] {
    return this.#tasks.map(({ spec, counters, members, lastAt, nextAt }) => ({
      ...counters,
      id: spec.id,
      kind: spec.read,
      devices: members.length,
      open: members.reduce((sum, member) => sum + member.open.size, 0),
      lastAt,
      nextAt,
      everyMs: spec.period.unit === 'ms' ? spec.period.ms : spec.period.unit === 'day' ? 86_400_000 : 30 * 86_400_000,
    }))
  }

  #modeOf({ read, obis }: TaskSpec, id: string): Mode {
    const device = this.#deps.find(id)?.device
    if (read === 'current' || !device || device.plan({ kind: read, nth: 1, ...(obis ? { obis } : {}) }).ok) return 'native'
    return read === 'curve' && this.#isReadLive(id) ? 'none' : 'stand-in'
  }

  /** The label before the first one that is due: what is stored already is not asked again. */
  #firstLabel({ spec }: Task, member: Member, now: number): number {
    const { calendar, newest } = this.#deps
    const label = calendar.periodStart(spec.period, now - spec.offsetMs)
    const back = FREEZES_BACK[spec.read]
    // Midnight's register cannot be read live at noon.
    if (back !== undefined && member.mode === 'stand-in') return now - (label + spec.offsetMs) <= STAND_IN_MS ? label - 1 : label
    if (back === undefined) {
      const stored = newest(member.id, spec.read === 'curve' ? 'curve' : 'live')
      // A stamp of the future says nothing: a clock was wrong.
      return stored !== null && stored >= label && stored <= now ? label : label - 1
    }
    let first = label
    for (let n = 1; n < back; n++) first = calendar.periodStart(spec.period, first - 1)
    // All of them, stored or not: one of yesterday may still be missing, and a repeat is the same reading.
    return first - 1
  }

  #tick(): void {
    if (this.#isStopped) return
    const { clock, longestWaitMs = LONGEST_WAIT_MS } = this.#deps
    const now = clock.now()
    this.#noticeJump(now)
    let next = Number.POSITIVE_INFINITY
    for (const task of this.#tasks) {
      this.#due(task, now)
      next = Math.min(next, task.nextAt)
    }
    const wait = Math.max(1, Math.min(longestWaitMs, (next - clock.now()) / clock.speed))
    this.#timer = setTimeout(() => this.#tick(), wait)
  }

  #noticeJump(wall: number): void {
    const { clock, log } = this.#deps
    const monotonic = clock.monotonic()
    if (this.#last) {
      const jump = wall - this.#last.wall - (monotonic - this.#last.monotonic) * clock.speed
      if (Math.abs(jump) > JUMP_MS * clock.speed)
        log('warn', `the wall clock was set ${jump > 0 ? 'forward' : 'back'} by ${Math.abs(Math.round(jump / 1000))} s`)
      if (jump < -FAR_BACK_MS) this.#startAnew(wall)
    }
    this.#last = { wall, monotonic }
  }

  /** A clock set far back was far ahead before: what was done then must not keep everything waiting until it is there again. */
  #startAnew(now: number): void {
    for (const { spec, members } of this.#tasks)
      for (const member of members)
        member.lastLabel = Math.min(member.lastLabel, this.#deps.calendar.periodStart(spec.period, now - spec.offsetMs))
  }

  #due(task: Task, now: number): void {
    const { calendar } = this.#deps
    const { period, offsetMs, read } = task.spec
    const label = calendar.periodStart(period, now - offsetMs)
    task.nextAt = calendar.nextStart(period, label) + offsetMs
    task.lastAt = label + offsetMs
    const isFreeze = FREEZES_BACK[read] !== undefined
    for (const member of task.members) {
      if (member.mode === 'none' || !(label > member.lastLabel)) continue
      // Freezes that were due while nobody looked are fetched too; a live value of the past cannot be.
      const labels = isFreeze && member.mode === 'native' ? this.#labelsUpTo(period, member.lastLabel, label) : [label]
      member.lastLabel = label
      for (const [old, open] of member.open)
        if (!isFreeze || member.mode === 'stand-in' || this.#isTooOld(read, period, old, label)) this.#miss(task, member, old, open)
      for (const each of labels) {
        task.counters.due++
        this.#deps.events?.due(task.spec, member.id, each)
        const found = this.#deps.find(member.id)
        if (found) found.device.health.due++
        member.open.set(each, { cancel: new AbortController(), attempts: 0, timer: null, lastCode: 'READ_OVERTAKEN' })
        this.#launch(task, member, each, task.spec.spreadMs > 0 ? (hash(member.id) % task.spec.spreadMs) / this.#deps.clock.speed : 0)
      }
    }
  }

  #labelsUpTo(period: Period, after: number, label: number): number[] {
    const labels = [label]
    for (;;) {
      const before = this.#deps.calendar.periodStart(period, labels[0]! - 1)
      if (before <= after || labels.length >= 62) return labels
      labels.unshift(before)
    }
  }

  #isTooOld(read: ReadKind, period: Period, old: number, label: number): boolean {
    let first = label
    for (let n = 1; n < (FREEZES_BACK[read] ?? 1); n++) first = this.#deps.calendar.periodStart(period, first - 1)
    return old < first
  }

  #miss(task: Task, member: Member, label: number, open: Open): void {
    if (open.timer) clearTimeout(open.timer)
    // One that still waits on its line leaves the queue: the next period has its own.
    open.cancel.abort()
    member.open.delete(label)
    task.counters.missed++
    countIn(task.counters.reasons, open.lastCode)
    this.#deps.events?.missed(task.spec, member.id, label, open.attempts, open.lastCode)
    const found = this.#deps.find(member.id)
    if (!found) return
    found.device.health.missed++
    if (open.lastCode === 'READ_OVERTAKEN') countIn(found.device.health.reasons, open.lastCode)
  }

  #launch(task: Task, member: Member, label: number, delayMs: number): void {
    const open = member.open.get(label)
    if (!open || this.#isStopped) return
    open.timer = setTimeout(() => {
      open.timer = null
      const work = this.#carryOut(task, member, label, open)
        .catch((bug: unknown) => {
          this.#deps.log(
            'warn',
            `${member.id}: reading failed by a fault of the gateway: ${bug instanceof Error ? (bug.stack ?? bug.message) : String(bug)}`,
          )
          this.#failed(task, member, label, open, internal(member.id).error)
        })
        .finally(() => this.#running.delete(work))
      this.#running.add(work)
    }, delayMs)
  }

  async #carryOut(task: Task, member: Member, label: number, open: Open): Promise<void> {
    const { clock, find, take, log } = this.#deps
    const found = find(member.id)
    if (!found) return this.#miss(task, member, label, open)
    open.attempts++
    const work = this.#plan(task, member, label, found.device)
    if (!work.ok) {
      open.lastCode = work.error.code
      log('debug', `${member.id}: ${explain(work.error)}`)
      return this.#miss(task, member, label, open)
    }
    const { plan, standsFor } = work.value
    // Midnight's register is not what the meter shows at noon, however long it was asked for.
    if (standsFor && this.#isPast(task, label)) return this.#miss(task, member, label, open)
    const done = await found.poller.read(found.device, plan, {
      priority: open.attempts > 1 ? 'reread' : PRIORITIES[task.spec.read],
      signal: open.cancel.signal,
    })
    // Its label may have passed while it waited on the line: then it was counted as missed, but a value that came is kept.
    const isStillDue = member.open.get(label) === open
    if (done.ok && standsFor && this.#isPast(task, label)) return this.#miss(task, member, label, open)
    const safe: Result<void> = done.ok ? await take(done.value, label, standsFor) : done
    if (!safe.ok) {
      this.#failed(task, member, label, open, safe.error)
      return
    }
    if (!isStillDue || !done.ok) return
    if (!standsFor && FREEZES_BACK[task.spec.read] !== undefined && !this.#isOf(task, label, done.value)) {
      this.#failed(task, member, label, open, notYet(member.id, label).error)
      return
    }
    member.open.delete(label)
    const { health } = found.device
    task.counters.read++
    health.read++
    const isFirstTry = open.attempts === 1 && done.value.isFirstTry
    if (isFirstTry) {
      task.counters.firstTry++
      health.firstTry++
    }
    this.#deps.events?.read(task.spec, member.id, label, open.attempts, isFirstTry, standsFor)
    if (open.attempts > 1)
      log('debug', `${member.id}: ${task.spec.id} of ${new Date(label).toISOString()} read at try ${open.attempts} (${clock.now()})`)
  }

  #plan({ spec }: Task, { mode }: Member, label: number, device: Device): Result<Work> {
    const { calendar, clock, newest } = this.#deps
    const { read, period, obis } = spec
    const filter = obis ? { obis } : {}
    const now = clock.now()
    if (read === 'current' || mode !== 'native')
      return planned(device.plan({ kind: 'current', ...filter }), read === 'day-freeze' || read === 'month-freeze' ? read : null)
    if (read === 'curve') {
      const stored = newest(device.spec.id, 'curve') ?? 0
      const since = Math.max(stored > now ? 0 : stored, now - CURVE_BACK_MS)
      return planned(device.plan({ kind: 'curve', since: calendar.meterTime(since), until: calendar.meterTime(now), ...filter }), null)
    }
    const current = calendar.periodStart(period, now)
    const nth = 1 + (read === 'month-freeze' ? calendar.monthsBetween(label, current) : calendar.daysBetween(label, current))
    return planned(device.plan({ kind: read, nth, ...filter }), null)
  }

  /** Whether it is too late for a live read to stand in for what was due. */
  #isPast({ spec }: Task, label: number): boolean {
    return this.#deps.clock.now() - (label + spec.offsetMs) > STAND_IN_MS
  }

  /** Whether the meter's freeze is the one that was due. Months freeze on a day of the meter's own. */
  #isOf({ spec }: Task, label: number, { samples }: Taken): boolean {
    if (spec.read === 'month-freeze') return true
    const { calendar } = this.#deps
    const next = calendar.dayAfter(calendar.dayStart(label))
    return samples.some(({ at }) => {
      const instant = at && calendar.instantOf(at)
      return instant === null || (instant >= label && instant < next)
    })
  }

  #isReadLive(device: string): boolean {
    return this.#tasks.some(({ spec, members }) => spec.read === 'current' && members.some(({ id }) => id === device))
  }

  #failed(task: Task, member: Member, label: number, open: Open, error: GatewayError): void {
    open.lastCode = error.code
    if (member.open.get(label) !== open) return
    this.#deps.events?.failed(task.spec, member.id, label, open.attempts, error.code)
    const { clock } = this.#deps
    const leftMs = (task.nextAt - clock.now()) / clock.speed
    const pause = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** (open.attempts - 1), Math.max(500, leftMs / 4))
    this.#launch(task, member, label, pause * (0.75 + Math.random() / 2))
  }
}

const internal = (device: string) => fail('GATEWAY_FAULT', `reading ${device} failed inside the gateway`, { device })
const notYet = (device: string, label: number) =>
  fail('FREEZE_NOT_YET', `${device} has not yet the freeze of ${new Date(label).toISOString()}: what it gave was another one`, { device })

interface Work {
  readonly plan: RegisterPlan
  readonly standsFor: Source | null
}

const planned = (plan: Result<RegisterPlan>, standsFor: Source | null): Result<Work> =>
  plan.ok ? ok({ plan: plan.value, standsFor }) : plan

/** Spreads devices evenly and always alike. @source FNV-1a, 32 bit */
const hash = (text: string): number => {
  let sum = 0x811c9dc5
  for (let at = 0; at < text.length; at++) sum = Math.imul(sum ^ text.charCodeAt(at), 0x01000193) >>> 0
  return sum
}
