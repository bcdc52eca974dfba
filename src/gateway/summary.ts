import type { LineView } from '../api/index.ts'
import type { Outbox } from '../outbox/index.ts'
import type { Field } from './field.ts'
import type { Push } from './push.ts'
import { type BusyShares, lineView, rowsStored } from './views.ts'

/** What a gateway has done since its start. due = read + late + missed + what is under way. */
export interface Summary {
  readonly due: number
  readonly read: number
  readonly firstTry: number
  /** Not read in time, had since: by a later reading of the load record or a re-read of the gap. */
  readonly late: number
  /** Not read in time, and not had since. */
  readonly missed: number
  /** The same by task, with the codes of what was not read in time. */
  readonly tasks: readonly {
    readonly id: string
    readonly due: number
    readonly read: number
    readonly late: number
    readonly missed: number
    readonly reasons: Readonly<Record<string, number>>
  }[]
  readonly rowsStored: number
  readonly outboxDepth: number
  readonly deadLetters: number
  readonly brokers: readonly {
    readonly id: string
    /** Connections that are up, of all. */
    readonly up: number
    readonly connections: number
    readonly messages: number
    readonly readings: number
    readonly refused: number
    readonly duplicates: number
    readonly conflicts: number
    readonly late: number
    readonly meters: number
    readonly unregistered: number
  }[]
  readonly lines: readonly {
    readonly id: string
    readonly state: string
    readonly meters: number
    readonly due: number
    readonly read: number
    readonly firstTry: number
    readonly busyShare: number
    readonly failures: Readonly<Record<string, number>>
  }[]
}

/** What it has done so far, from the counters of its parts. */
export const summaryOf = (field: Field, push: Push, outbox: Outbox, busy: BusyShares, dialled: readonly LineView[] = []): Summary => {
  const { due, read, firstTry, missed, late } = field.schedule.totals()
  const { depth, deadLetters } = outbox.state()
  return {
    due,
    read,
    firstTry,
    late,
    missed: missed - late,
    tasks: field.schedule.status().map((task) => ({
      ...{ id: task.id, due: task.due, read: task.read, late: task.late, missed: task.missed - task.late },
      reasons: Object.fromEntries(task.reasons),
    })),
    rowsStored: rowsStored(outbox),
    outboxDepth: depth,
    deadLetters,
    brokers: push.sources.map((source) => {
      const { connections = [], received = 0 } = source.state() ?? {}
      const { readings, refused, duplicates, conflicts, late } = source.counts()
      return {
        id: source.config.id,
        up: connections.filter(({ state }) => state === 'up').length,
        connections: connections.length,
        messages: received,
        readings,
        refused,
        duplicates,
        conflicts,
        late,
        meters: source.devices.list({ isRegistered: true }).length,
        unregistered: source.devices.unregisteredCount(),
      }
    }),
    lines: [...field.lines.map((line) => lineView(line, busy)), ...dialled].map((view) => ({
      id: view.id,
      state: view.state,
      meters: view.devices,
      due: view.due,
      read: view.read,
      firstTry: view.firstTry,
      busyShare: Math.round(view.busyShare * 1000) / 1000,
      failures: view.reasons,
    })),
  }
}
