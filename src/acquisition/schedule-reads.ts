import { explain, type GatewayError, type ReadKind, type Result, type Source } from '../core/index.ts'
import type { Device } from './device.ts'
import { type Member, newOpen, type Open, type Task } from './schedule-task.ts'
import type { ScheduleDeps, TaskDefinition } from './schedule-types.ts'
import {
  endedWithin,
  hash,
  internal,
  isFreeze,
  isFreezeOf,
  isLiveAt,
  isMoved,
  isPast,
  labelsUpTo,
  MOST_LABELS,
  notYet,
  oldestOfCurve,
  PRIORITIES,
  type Work,
  workOf,
} from './schedule-work.ts'
import { countIn } from './stats.ts'

const FIRST_RETRY_MS = 2000
const LONGEST_RETRY_MS = 60_000
/** A read whose line was replaced under it goes on with the new one after this long. */
const MOVED_MS = 250

/**
 * Due reads until they end. Each is tried, and tried again, until it is read or missed; what is missed and had after all, by a later
 * reading of the curve or by whoever keeps the gaps, counts as late.
 */
export class DueReads {
  readonly #deps: ScheduleDeps
  readonly #running = new Set<Promise<void>>()
  #isStopped = false

  constructor(deps: ScheduleDeps) {
    this.#deps = deps
  }

  /** One more is due: its first try is made at its place in the task's spread. */
  open(task: Task, member: Member, label: number, spreadMs: number): void {
    const { clock, find, events } = this.#deps
    task.counters.due++
    task.open++
    events?.due(task.spec, member.id, label)
    const found = find(member.id)
    if (found) found.device.health.due++
    member.open.set(label, newOpen(clock.now()))
    this.#launch(task, member, label, spreadMs > 0 ? (hash(this.#deps.together?.(member.id) ?? member.id) % spreadMs) / clock.speed : 0)
  }

  /** Freezes that were due while nobody looked: somebody else fetches them. */
  handOver(task: Task, member: Member, label: number): void {
    const { calendar, events } = this.#deps
    for (const each of labelsUpTo(calendar, task.spec.period, member.lastLabel, label).slice(0, -1)) {
      task.counters.due++
      task.counters.missed++
      countIn(task.counters.reasons, 'READ_OVERTAKEN')
      lose(task, member, each)
      events?.due(task.spec, member.id, each)
      events?.missed(task.spec, member.id, each, 0, 'READ_OVERTAKEN')
    }
  }

  /** Nothing more is tried. What is on the wire may still end well; what only waits is over. */
  giveUp(task: Task, member: Member, label: number, open: Open): void {
    open.lastCode = 'READ_WITHDRAWN'
    if (!open.isRunning) this.miss(task, member, label, open)
    else {
      open.isWithdrawn = true
      open.cancel.abort()
    }
  }

  /** Its time is over without it. */
  miss(task: Task, member: Member, label: number, open: Open): void {
    // Counted already: it was overtaken while it waited on its line.
    if (member.open.get(label) !== open) return
    if (open.timer) clearTimeout(open.timer)
    // One that still waits on its line leaves the queue: the next period has its own.
    open.cancel.abort()
    this.#end(task, member, label)
    task.counters.missed++
    countIn(task.counters.reasons, open.lastCode)
    lose(task, member, label)
    this.#deps.events?.missed(task.spec, member.id, label, open.attempts, open.lastCode)
    const found = this.#deps.find(member.id)
    if (!found) return
    found.device.health.missed++
    if (open.lastCode === 'READ_OVERTAKEN') countIn(found.device.health.reasons, open.lastCode)
  }

  /** What was missed of these labels is there now. */
  had(task: Task, member: Member, from: number, before: number): void {
    const isHad = (label: number) => label >= from && label < before
    const count = member.lost.filter(isHad).length
    if (count === 0) return
    member.lost = member.lost.filter((label) => !isHad(label))
    task.counters.late += count
    const found = this.#deps.find(member.id)
    if (found) found.device.health.late += count
  }

  /** Tries nothing any more and waits for what is under way, at most so long. */
  async stop(tasks: Iterable<Task>, withinMs: number): Promise<void> {
    this.#isStopped = true
    for (const { members } of tasks)
      for (const { open } of members.values()) for (const { timer } of open.values()) if (timer) clearTimeout(timer)
    await endedWithin(this.#running, withinMs)
  }

  #end(task: Task, member: Member, label: number): void {
    if (member.open.delete(label)) task.open--
  }

  #launch(task: Task, member: Member, label: number, delayMs: number): void {
    const open = member.open.get(label)
    if (!open || this.#isStopped) return
    open.timer = setTimeout(() => {
      open.timer = null
      open.isRunning = true
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
    const { calendar, clock, find, take, log } = this.#deps
    const found = find(member.id)
    if (!found) return this.miss(task, member, label, open)
    open.attempts++
    const { spec } = task
    const plannedAt = clock.now()
    const work: Result<Work> = workOf(this.#deps, spec, member.mode, label, found.device, plannedAt)
    if (!work.ok) {
      open.lastCode = work.error.code
      log('debug', `${member.id}: ${explain(work.error)}`)
      return this.miss(task, member, label, open)
    }
    const { plan, standsFor } = work.value
    // Midnight's register is not what the meter shows at noon, however long it was asked for.
    if (standsFor && isPast(clock, spec, label)) return this.miss(task, member, label, open)
    if (open.cancel.signal.aborted) open.cancel = new AbortController()
    const done = await found.poller.read(found.device, plan, {
      priority: open.attempts > 1 ? 'reread' : PRIORITIES[spec.read],
      signal: open.cancel.signal,
      keepsFrames: this.#deps.keepsFrames?.(standsFor ?? plan.source) ?? false,
    })
    // Its label may have passed while it waited on the line: then it was counted as missed, but a value that came is kept.
    const isStillDue = member.open.get(label) === open
    if (done.ok && standsFor && isPast(clock, spec, label)) return this.miss(task, member, label, open)
    if (!done.ok && isStillDue && !open.isWithdrawn && isMoved(done.error)) return this.#anew(task, member, label, open)
    if (done.ok && standsFor && !isLiveAt(calendar, label, done.value)) {
      if (isStillDue) this.#failed(task, member, label, open, notYet(member.id, label).error)
      return
    }
    const safe: Result<void> = done.ok ? await take(done.value, label, standsFor, spec.id) : done
    if (!safe.ok) {
      this.#failed(task, member, label, open, safe.error)
      return
    }
    if (!done.ok) return
    const isOwn = standsFor !== null || !isFreeze(spec.read) || isFreezeOf(calendar, spec, label, done.value)
    if (isOwn) this.#hadNow(task, member, label, isStillDue, plannedAt)
    if (!isStillDue) return
    if (!isOwn) {
      // It waited on its line over midnight: the place it asked for holds the next freeze by now.
      if (!open.isWithdrawn && hasTurned(this.#deps, spec, plannedAt)) this.#anew(task, member, label, open)
      else this.#failed(task, member, label, open, notYet(member.id, label).error)
      return
    }
    // Another device may stand for the meter by now, with the counters of this one.
    const { health } = find(member.id)?.device ?? found.device
    this.#wasRead(task, member, label, open, health, done.value.isFirstTry, standsFor)
  }

  /** A reading of a curve brings what the ones before it did not, a freeze that came after its time itself. */
  #hadNow(task: Task, member: Member, label: number, isStillDue: boolean, askedAt: number): void {
    if (task.spec.read === 'curve' && member.mode === 'native') this.had(task, member, oldestOfCurve(askedAt), askedAt)
    else if (!isStillDue && isFreeze(task.spec.read)) this.had(task, member, label, label + 1)
  }

  #wasRead(
    task: Task,
    member: Member,
    label: number,
    open: Open,
    health: Device['health'],
    isFirstAsk: boolean,
    standsFor: Source | null,
  ): void {
    this.#end(task, member, label)
    task.counters.read++
    health.read++
    const isFirstTry = open.attempts === 1 && isFirstAsk
    if (isFirstTry) {
      task.counters.firstTry++
      health.firstTry++
    }
    this.#deps.events?.read(task.spec, member.id, label, open.attempts, isFirstTry, standsFor)
    if (open.attempts > 1)
      this.#deps.log(
        'debug',
        `${member.id}: ${task.spec.id} of ${new Date(label).toISOString()} read at try ${open.attempts} (${this.#deps.clock.now()})`,
      )
  }

  #failed(task: Task, member: Member, label: number, open: Open, error: GatewayError): void {
    if (member.open.get(label) !== open) return
    const { clock, firstPassMs, events } = this.#deps
    const { spec } = task
    if (!open.isWithdrawn) {
      open.lastCode = error.code
      events?.failed(spec, member.id, label, open.attempts, error.code)
    }
    // One that was due before we were here, or before its concentrator has dialled in, is given as long.
    const since = Math.max(label + spec.offsetMs, open.since)
    const isPassOver = firstPassMs !== undefined && isFreeze(spec.read) && clock.now() > since + firstPassMs()
    if (open.isWithdrawn || isPassOver) {
      this.miss(task, member, label, open)
      return
    }
    const leftMs = (task.nextAt - clock.now()) / clock.speed
    const pause = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** (open.attempts - 1), Math.max(500, leftMs / 4))
    this.#again(task, member, label, open, pause * (0.75 + Math.random() / 2))
  }

  /** That was no try: it is asked as if it had not been. */
  #anew(task: Task, member: Member, label: number, open: Open): void {
    open.attempts--
    this.#again(task, member, label, open, MOVED_MS)
  }

  #again(task: Task, member: Member, label: number, open: Open, delayMs: number): void {
    open.isRunning = false
    this.#launch(task, member, label, delayMs)
  }
}

/** What can still come: a live value is of its instant only. */
const KEPT: ReadonlySet<ReadKind> = new Set(['curve', 'day-freeze', 'month-freeze'])

const lose = ({ spec }: Task, member: Member, label: number): void => {
  if (!KEPT.has(spec.read) || member.mode === 'none') return
  member.lost = [...member.lost.slice(1 - MOST_LABELS), label]
}

/** Whether a period has begun since. */
const hasTurned = ({ calendar, clock }: ScheduleDeps, { period }: TaskDefinition, since: number): boolean =>
  calendar.periodStart(period, clock.now()) !== calendar.periodStart(period, since)
