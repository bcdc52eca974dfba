import type { Clock, Obis, ReadKind, Result, Source } from '../core/index.ts'
import type { Calendar, Period } from './calendar.ts'
import type { Device } from './device.ts'
import type { Poller, Taken } from './poller.ts'

/** A task (采集任务) without its devices. */
export interface TaskDefinition {
  readonly id: string
  readonly read: ReadKind
  readonly period: Period
  readonly offsetMs: number
  /** The devices of one task start within this time after it is due. */
  readonly spreadMs: number
  readonly obis?: readonly Obis[]
}

/** A task as a schedule starts with it; devices come and go later. */
export interface TaskSpec extends TaskDefinition {
  readonly devices: readonly string[]
}

/** What became of a task since the start. Every due read ends as read or missed, or is still open. */
export interface TaskCounters {
  due: number
  read: number
  firstTry: number
  /** Not read in time. */
  missed: number
  /** Of the missed ones: had since, by a later reading of the curve or a re-read of the gap. */
  late: number
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
  due(task: TaskDefinition, device: string, label: number): void
  /** Safe. `standsFor`: a live read that stands in for a freeze. */
  read(task: TaskDefinition, device: string, label: number, tries: number, isFirstTry: boolean, standsFor: Source | null): void
  /** Given up by the schedule; what lies behind must be filled another way. */
  missed(task: TaskDefinition, device: string, label: number, tries: number, code: string): void
  /** One try failed; the schedule goes on. */
  failed(task: TaskDefinition, device: string, label: number, tries: number, code: string): void
}

export interface ScheduleDeps {
  readonly clock: Clock
  readonly calendar: Calendar
  readonly tasks: readonly TaskSpec[]
  readonly find: (device: string) => { readonly device: Device; readonly poller: Pick<Poller, 'read'> } | null
  /** Normalises and makes safe; only then a read counts as read. `label` = the instant that was due; `standsFor` = the freeze a live read stands in for. */
  readonly take: (taken: Taken, label: number, standsFor: Source | null, task: string) => Promise<Result<void>>
  /** Whether the frames of a read that brings this are wanted with it. */
  readonly keepsFrames?: (source: Source) => boolean
  /** Instant of the newest stored reading of a source; null when there is none. */
  readonly newest: (device: string, source: Source) => number | null
  readonly log: (level: 'debug' | 'info' | 'warn', message: string) => void
  readonly events?: ScheduleEvents
  /** A freeze is tried for so long after it was due; then somebody else goes on with it. Absent: for as long as the meter keeps it. */
  readonly firstPassMs?: () => number
  /** What a device is read together with, so that both have one place in a task's spread; null = nothing. */
  readonly together?: (device: string) => string | null
  /** The wall clock is looked at this often at least, so that a step is noticed; one second unless said. */
  readonly longestWaitMs?: number
}
