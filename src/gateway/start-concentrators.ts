import type { TerminalNotice, TerminalSettings, TerminalsPort } from '../acquisition/terminals/types.ts'
import type { ConcentratorPort } from '../api/index.ts'
import type { AnyTerminalAdapter, ArchiveRecord, Clock, Profile, Result, TerminalEvent } from '../core/index.ts'
import type { Act, Applied, Ledger, Patch, Refused } from '../ledger/index.ts'
import { ArchiveActs } from './archive-acts.ts'
import type { ClockKeeper } from './clock-keeper.ts'
import { Callers } from './concentrator-callers.ts'
import { ConcentratorClocks } from './concentrator-clocks.ts'
import { ControlActs } from './concentrator-control.ts'
import { ConcentratorFile } from './concentrator-file.ts'
import { ConcentratorIndex } from './concentrator-index.ts'
import { ConcentratorJobs } from './concentrator-jobs.ts'
import { ParameterActs } from './concentrator-parameters.ts'
import { ConcentratorReads } from './concentrator-reads.ts'
import { concentratorPort } from './concentrator-views.ts'
import type { ConcentratorWorld } from './concentrator-world.ts'
import type { TerminalFile } from './terminal-file.ts'
import type { Unregistered } from './unregistered.ts'

export interface StartConcentrators {
  readonly directory: string
  readonly clock: Clock
  readonly ledger: Pick<Ledger, 'get' | 'list' | 'seq' | 'touchedSince'>
  /** Makes patches of the ledger true, where it is written. */
  readonly apply: (patches: readonly Patch[], act: Act) => Promise<Result<Applied, Refused>>
  /** Stored events, newest first. */
  readonly events: TerminalFile['events']
  readonly terminals: Pick<TerminalsPort, 'ask' | 'status' | 'figures' | 'trace'>
  readonly settingsOf: (id: string) => TerminalSettings | null
  readonly adapterOf: (protocol: string) => AnyTerminalAdapter | null
  readonly profiles: { get(id: string): Profile | undefined }
  readonly keeper: ClockKeeper
  readonly strangers: Pick<Unregistered, 'noteStranger'>
  readonly mayControl: () => boolean
  readonly takeEvents: (id: string, events: readonly TerminalEvent[]) => Promise<Result<void>>
  readonly log: (level: 'info' | 'warn', message: string) => void
}

/** Work through concentrators of a running gateway. */
export interface OpenConcentrators {
  readonly port: ConcentratorPort
  /** Hears of terminals nobody knows, and of clocks that were shown. */
  onNotice(notice: TerminalNotice): void
  /** By the archive that was read last; null = it does not say. */
  addressOf(concentrator: string, pn: number): string | null
  pnOf(concentrator: string, address: string): number | null
  /** Cancels what is under way and waits for it, within the time given. */
  stop(withinMs: number): Promise<void>
  /** Closes the file; after {@link stop}. */
  close(): void
}

const METER_PROTOCOLS: Readonly<Record<string, string>> = { none: 'dlt645-2007', plc: 'dlt645-2007', 'ac-sampling': 'dlt645-2007' }

/** Opens `<directory>/terminals.db` and everything that is done through concentrators. */
export const openConcentrators = (start: StartConcentrators): OpenConcentrators => {
  const { directory, clock, ledger, keeper, terminals, strangers, log } = start
  const file = new ConcentratorFile(directory)
  const index = new ConcentratorIndex(ledger)
  const ended = new AbortController()
  const world: ConcentratorWorld = {
    ...{ clock, terminals, adapterOf: start.adapterOf, mayControl: start.mayControl, log },
    wallNow: () => keeper.deps.field.calendar.meterTime(clock.now()),
    find: (id) => (ledger.get('concentrator', id, null) ? { settings: start.settingsOf(id) } : null),
    metersOf: (id) => index.metersOf(id),
    ledgerSeq: () => ledger.seq,
    profile: (id) => start.profiles.get(id) ?? null,
  }
  const heard = (concentrator: string, records: readonly Pick<ArchiveRecord, 'address' | 'protocol'>[]) => {
    for (const { address, protocol } of records)
      strangers.noteStranger({
        channel: concentrator,
        address,
        by: 'concentrator',
        at: clock.now(),
        protocol: METER_PROTOCOLS[protocol] ?? protocol,
      })
  }
  const archive = new ArchiveActs(world, file, heard)
  const jobs = new ConcentratorJobs(file, clock, log)
  const clocks = new ConcentratorClocks(keeper, world)
  const tools = {
    ...{ world, file, archive, clocks, takeEvents: start.takeEvents },
    ...{ parameters: new ParameterActs(world, file), reads: new ConcentratorReads(world, file) },
  }
  const control = new ControlActs(world, file, ended.signal)
  const callers = new Callers(file)
  const { events, apply } = start
  const port = concentratorPort({ ...tools, ledger, apply, callers, index, keeper, jobs, control, events })
  const points = new PointBook(file)
  return {
    port,
    onNotice: (notice) => {
      if (notice.kind === 'unknown') callers.note(notice, clock.now())
      if (notice.kind === 'clock') clocks.note(notice.terminal, notice.shows, notice.receivedAt)
    },
    addressOf: (concentrator, pn) => points.of(concentrator).byPn.get(pn) ?? null,
    pnOf: (concentrator, address) => points.of(concentrator).byAddress.get(address) ?? null,
    stop: async (withinMs) => {
      ended.abort()
      await jobs.stop(withinMs)
    },
    close: () => {
      callers.close()
      file.close()
    },
  }
}

interface Points {
  readonly byPn: ReadonlyMap<number, string>
  readonly byAddress: ReadonlyMap<string, number>
}

/** Measuring points of archives as they were read last, in memory: values arrive by them. */
class PointBook {
  readonly #file: ConcentratorFile
  readonly #known = new Map<string, { readonly version: number; readonly points: Points }>()

  constructor(file: ConcentratorFile) {
    this.#file = file
  }

  of(concentrator: string): Points {
    const version = this.#file.archiveVersion(concentrator)
    const known = this.#known.get(concentrator)
    if (known?.version === version) return known.points
    const records = this.#file.snapshot(concentrator)?.records ?? []
    const points = {
      byPn: new Map(records.map(({ pn, address }) => [pn, address])),
      byAddress: new Map(records.map(({ pn, address }) => [address, pn])),
    }
    this.#known.set(concentrator, { version, points })
    return points
  }
}
