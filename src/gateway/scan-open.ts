import type { AnyAdapter, Clock } from '../core/index.ts'
import type { Field } from './field.ts'
import type { LedgerThread } from './ledger-thread.ts'
import type { Profiles } from './profiles.ts'
import { ScanJobs } from './scan-jobs.ts'
import { everyProfile } from './scan-start.ts'
import type { Unregistered } from './unregistered.ts'

export interface OpenScans {
  readonly field: Pick<Field, 'lines'>
  readonly profiles: Pick<Profiles, 'ids' | 'get'>
  readonly adapterOf: (protocol: string, framing: 'tcp' | 'rtu' | 'ascii') => AnyAdapter | null
  readonly clock: Pick<Clock, 'now'>
  readonly thread: Pick<LedgerThread, 'call'>
  readonly list: Pick<Unregistered, 'noteStranger'>
  readonly log: (level: 'info' | 'warn', message: string) => void
}

/** Scans of the lines of a running gateway; what they find stands in the list of unregistered meters until it is in the ledger. */
export const openScans = ({ field, profiles, adapterOf, clock, thread, list, log }: OpenScans): ScanJobs =>
  new ScanJobs({
    clock,
    adapterOf,
    log,
    lines: () => field.lines,
    profiles: () => everyProfile(profiles),
    apply: (patches, act) => thread.call('apply', { patches, act }),
    onStranger: ({ line, address, protocol, profile, firstSeen, register }) =>
      void list.noteStranger({
        ...{ channel: line, address, by: 'scan', at: firstSeen, protocol, profile },
        register: register && { obis: register.obis, value: register.text, unit: register.unit, at: firstSeen },
      }),
  })
