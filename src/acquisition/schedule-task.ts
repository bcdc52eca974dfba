import type { TaskCounters, TaskDefinition, TaskStatus } from './schedule-types.ts'
import type { Mode } from './schedule-work.ts'

/** One due read that has not ended. */
export interface Open {
  cancel: AbortController
  attempts: number
  /** When we knew that it is due, milliseconds since 1970 UTC. */
  readonly since: number
  timer: NodeJS.Timeout | null
  lastCode: string
  isRunning: boolean
  /** Its device left the task: what is under way ends, nothing is tried again. */
  isWithdrawn: boolean
}

export interface Member {
  readonly id: string
  mode: Mode
  lastLabel: number
  /** Labels that were missed and may still come, the newest ones. */
  lost: readonly number[]
  readonly open: Map<number, Open>
}

export interface Task {
  spec: TaskDefinition
  readonly counters: TaskCounters
  readonly members: Map<string, Member>
  /** Due reads that have not ended, also of devices that have left. */
  open: number
  /** The label everybody was asked for; NaN: look at each. */
  passed: number
  lastAt: number | null
  nextAt: number
}

export const newCounters = (): TaskCounters => ({ due: 0, read: 0, firstTry: 0, missed: 0, late: 0, reasons: new Map() })

export const newTask = (spec: TaskDefinition): Task => ({
  spec,
  counters: newCounters(),
  members: new Map(),
  open: 0,
  passed: Number.NaN,
  lastAt: null,
  nextAt: 0,
})

const NOTHING: readonly number[] = []

export const newMember = (id: string): Member => ({ id, mode: 'native', lastLabel: Number.NaN, lost: NOTHING, open: new Map() })

export const addTo = (sum: TaskCounters, { due, read, firstTry, missed, late, reasons }: Readonly<TaskCounters>): void => {
  sum.due += due
  sum.read += read
  sum.firstTry += firstTry
  sum.missed += missed
  sum.late += late
  for (const [code, count] of reasons) sum.reasons.set(code, (sum.reasons.get(code) ?? 0) + count)
}

export const newOpen = (since: number): Open => ({
  cancel: new AbortController(),
  attempts: 0,
  since,
  timer: null,
  lastCode: 'READ_OVERTAKEN',
  isRunning: false,
  isWithdrawn: false,
})

export const statusOf = ({ spec, counters, members, open, lastAt, nextAt }: Task): TaskStatus => ({
  ...counters,
  id: spec.id,
  kind: spec.read,
  devices: members.size,
  open,
  lastAt,
  nextAt,
  everyMs: spec.period.unit === 'ms' ? spec.period.ms : spec.period.unit === 'day' ? 86_400_000 : 30 * 86_400_000,
})

/** Whether labels and due times of two definitions are the same ones. */
export const isSameRhythm = (a: TaskDefinition, b: TaskDefinition): boolean =>
  a.read === b.read && a.offsetMs === b.offsetMs && JSON.stringify(a.period) === JSON.stringify(b.period)
