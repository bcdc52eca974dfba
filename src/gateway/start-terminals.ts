import { Calendar, ForwardLine, type TerminalNotice, TerminalPoller, type TerminalReport, Terminals } from '../acquisition/index.ts'
import type { GatewayConfig, TerminalRules } from '../config/index.ts'
import type { AnyTerminalAdapter, Clock, MeterTime, Reading, Result, TerminalEvent } from '../core/index.ts'
import { many, ok } from '../core/index.ts'
import type { Ledger } from '../ledger/index.ts'
import type { CountedTerminals } from './comm.ts'
import type { EvidenceIntake } from './evidence-keeper.ts'
import type { Field } from './field.ts'
import type { FieldTerminals } from './field-terminal.ts'
import { eventReading } from './push-events.ts'
import { TerminalBook } from './terminal-book.ts'
import { TerminalClocks } from './terminal-clocks.ts'
import { EventCounters } from './terminal-counters.ts'
import { terminalFailure as fail } from './terminal-errors.ts'
import { TerminalFile } from './terminal-file.ts'
import { TerminalIntake } from './terminal-intake.ts'
import { TerminalPresence } from './terminal-presence.ts'
import type { Unregistered } from './unregistered.ts'

export interface StartTerminals {
  readonly config: Pick<GatewayConfig, 'dataDirectory' | 'timezone' | 'concentrators' | 'terminals'>
  readonly clock: Clock
  readonly ledger: Pick<Ledger, 'get' | 'list'>
  /** The adapter of a protocol of terminals, under this master's number. */
  readonly terminalAdapterOf: (protocol: string, masterAddress: number) => AnyTerminalAdapter | null
  readonly strangers: Pick<Unregistered, 'noteStranger'>
  readonly evidence?: EvidenceIntake
  readonly put: (readings: readonly Reading[]) => Promise<Result<void>>
  readonly log: (level: 'debug' | 'info' | 'warn', message: string) => void
}

/** What the acts of people know of archives; absent: nothing. */
export interface ArchiveBook {
  addressOf(terminal: string, pn: number): string | null
  pnOf(terminal: string, address: string): number | null
  onNotice(notice: TerminalNotice): void
}

/** Concentrators of a running gateway. */
export interface OpenTerminals {
  readonly terminals: Terminals
  readonly book: TerminalBook
  readonly presence: TerminalPresence
  readonly file: TerminalFile
  readonly adapterOf: (protocol: string) => AnyTerminalAdapter | null
  /** For statistics. */
  readonly counted: CountedTerminals
  /** For the field. */
  readonly hosts: FieldTerminals
  /** Whether the clock of a concentrator is known to be far off. */
  isDoubtful(terminal: string): boolean
  /** Makes events safe that somebody asked for. */
  takeEvents(terminal: string, events: readonly TerminalEvent[]): Promise<Result<void>>
  /** Who has meters, and what is known of archives: they come later. */
  attach(world: { readonly field: Field; readonly archives?: ArchiveBook }): void
  /** Opens the ports. */
  listen(): Promise<Result<void>>
  use(rules: TerminalRules): void
  /** Takes up what the ledger says of these now. @returns those that are others than before */
  refresh(ids: Iterable<string>): ReadonlySet<string>
  /** Nothing more comes in; what was heard is made safe. */
  stop(): Promise<void>
  close(): void
}

const METER_PROTOCOL = 'dlt645-2007'
const HEARTBEAT_MS = 15 * 60_000
const TIDY_MS = 3_600_000

/** Opens `<data>/terminals.db` and everything that talks with concentrators; nobody can dial in before `listen`. */
export const openTerminals = (start: StartTerminals): OpenTerminals => {
  const { config, clock, ledger, strangers, put, evidence, log } = start
  const { masterAddress, listeners } = config.concentrators
  const adapterOf = (protocol: string) => start.terminalAdapterOf(protocol, masterAddress)
  const calendar = new Calendar(config.timezone)
  const book = new TerminalBook({ ledger, adapterOf, rules: config.terminals })
  const presence = new TerminalPresence(clock, calendar)
  const file = new TerminalFile(config.dataDirectory)
  const wallNow = (): MeterTime => calendar.meterTime(clock.now())
  let field: Field | null = null
  let archives: ArchiveBook | null = null
  const isDoubtful = (terminal: string): boolean => Math.abs(presence.clockOffMs(terminal) ?? 0) > book.rules.farOffMs
  const intake = new TerminalIntake({
    ...{ clock, calendar, file, put, log, isDoubtful, evidence },
    field: () => field ?? NOBODY,
    areaOf: (terminal) => book.areaOf(terminal),
    addressOf: (terminal, pn) => archives?.addressOf(terminal, pn) ?? null,
    stranger: ({ id }, address, at) =>
      void strangers.noteStranger({ channel: id, address, by: 'concentrator', at, protocol: METER_PROTOCOL }),
  })
  const counters = new EventCounters({
    ...{ file, log, port: () => terminals, settings: (id) => book.get(id) },
    keep: (terminal, events) => intake.takeEvents(terminal, events),
  })
  const terminals: Terminals = new Terminals(listeners, {
    ...{ clock, wallNow, adapterOf, log },
    find: (protocol, address) => book.find(protocol, address),
    take: (report: TerminalReport) => intake.take(report),
    notice: (notice) => hear(notice),
  })
  const hear = (notice: TerminalNotice): void => {
    presence.note(notice)
    clocks.note(notice)
    archives?.onNotice(notice)
    if (notice.kind === 'counters') counters.shown(notice.terminal, { important: notice.important, normal: notice.normal })
    else if (notice.kind === 'events-wait') counters.waits(notice.terminal)
    else if (notice.kind === 'online') counters.online(notice.terminal)
    else if (notice.kind === 'takeover' && notice.refused) quarrel(notice)
  }
  /** Two that are there at once claim one address: people must know. */
  const quarrel = ({ terminal, peer, before }: Extract<TerminalNotice, { kind: 'takeover' }>): void => {
    log('warn', `concentrator ${terminal}: ${peer} claims its address while ${before} has it: one of the two is wrong`)
    const owner = { meter: terminal, point: '', area: book.areaOf(terminal) }
    const at = clock.now()
    void put([eventReading(owner, 'address_claimed_twice', at, at, { isRegistered: true })])
  }
  const clocks = new TerminalClocks({
    ...{ clock, isDoubtful, port: () => terminals, settings: (id) => book.get(id) },
    shown: hear,
  })
  const hosts: FieldTerminals = {
    port: terminals,
    settings: (id) => book.get(id),
    terminalAdapterOf: adapterOf,
    said: (terminal) => ({
      addressOf: (pn) => archives?.addressOf(terminal, pn) ?? null,
      pnOf: (address) => archives?.pnOf(terminal, address) ?? null,
    }),
    poller: (id, adapter) => new TerminalPoller({ terminals, id, adapter, clock, wallNow, settings: () => book.get(id) }),
    forward: (id, terminal, settings) =>
      new ForwardLine({
        ...{ id, terminals, terminal, settings, now: () => clock.now() },
        address: book.get(terminal)?.address ?? '',
        // Asked at each request: switched off is off at once.
        get allowWrites() {
          return book.get(terminal)?.allowWrites ?? false
        },
      }),
  }
  const heartbeatMs = listeners[0]?.heartbeatMs ?? HEARTBEAT_MS
  const counted: CountedTerminals = {
    *all() {
      // Nobody can be expected where nobody can dial in.
      if (listeners.length === 0) return
      for (const { settings, area } of book.all()) {
        const own = settings.heartbeatMs ?? terminals.status(settings.id)?.heartbeatMs
        yield { id: settings.id, area, heartbeatMs: own ?? heartbeatMs }
      }
    },
    figures: (id) => terminals.figures(id),
    onlineMs: (id) => presence.onlineMs(id),
    takeovers: (id) => presence.takeovers(id),
  }
  let stopping: Promise<void> | null = null
  let tidying: NodeJS.Timeout | null = null
  return {
    ...{ terminals, book, presence, file, adapterOf, counted, hosts, isDoubtful },
    takeEvents: (id, events) => {
      const terminal = book.get(id)
      return terminal
        ? intake.takeEvents(terminal, events)
        : Promise.resolve(fail('TERMINAL_STRANGER', `there is no concentrator ${id} that could be spoken with`, { terminal: id }))
    },
    attach: (world) => {
      field = world.field
      archives = world.archives ?? null
    },
    listen: async () => {
      const listening = await terminals.listen()
      if (!listening.ok) return listening
      for (const { id, host, port } of terminals.listening) log('info', `listener ${id}: concentrators may dial in at ${host}:${port}`)
      const unheard = [...book.all()].filter(
        ({ settings: { protocol } }) => !listeners.some(({ protocols }) => protocols.includes(protocol)),
      )
      const [first] = unheard
      if (first)
        log(
          'warn',
          `${many(unheard.length, 'concentrator')} of the ledger cannot dial in, ${first.settings.id} among them: no listener takes ${first.settings.protocol}; see concentrators.listeners`,
        )
      tidying = setInterval(() => {
        file.tidy(clock.now())
        clocks.tick()
      }, TIDY_MS)
      tidying.unref()
      return ok(undefined)
    },
    use: (rules) => book.use(rules),
    refresh: (ids) => {
      const changed = book.refresh(ids)
      for (const id of changed) terminals.changed(id)
      return changed
    },
    stop: () => {
      if (tidying) clearInterval(tidying)
      clocks.stop()
      stopping ??= Promise.all([counters.stop(), terminals.close()]).then(() => undefined)
      return stopping
    },
    close: () => file.close(),
  }
}

const NOBODY: Pick<Field, 'terminal' | 'qualityOf'> = { terminal: () => null, qualityOf: () => 0 }
