import type { Calendar, TerminalReport, TerminalSettings } from '../acquisition/index.ts'
import {
  type Clock,
  type MeterTime,
  ok,
  QUALITY,
  type Reading,
  type Result,
  type TerminalEvent,
  type TerminalValues,
} from '../core/index.ts'
import { normaliserOf } from '../normalise/index.ts'
import type { EvidenceIntake } from './evidence-keeper.ts'
import type { Field } from './field.ts'
import { readingsOf } from './field-meter.ts'
import { terminalFailure as fail } from './terminal-errors.ts'
import { type EventOwner, terminalEventReading } from './terminal-events.ts'
import type { KeptEvent, TerminalFile } from './terminal-file.ts'

export interface IntakeDeps {
  readonly clock: Pick<Clock, 'now'>
  readonly calendar: Calendar
  readonly field: () => Pick<Field, 'terminal' | 'qualityOf'>
  readonly file: TerminalFile
  readonly areaOf: (terminal: string) => string
  readonly isDoubtful: (terminal: string) => boolean
  /** Address of a measuring point by the archive that was read last; null = nobody knows. */
  readonly addressOf: (terminal: string, pn: number) => string | null
  /** A meter that is in no ledger. */
  readonly stranger: (terminal: TerminalSettings, address: string, at: number) => void
  readonly put: (readings: readonly Reading[]) => Promise<Result<void>>
  readonly evidence?: EvidenceIntake | undefined
  readonly log: (level: 'debug' | 'info' | 'warn', message: string) => void
}

type Meter = TerminalValues['meter']
const ONE = { raw: 1, scaler: 0 }

/**
 * What terminals say by themselves, made safe: values become readings of the meters the ledger has there, events rows with their begin,
 * what nobody can name is kept as it came. Only when this has succeeded may a report be confirmed.
 */
export class TerminalIntake {
  readonly #deps: IntakeDeps

  constructor(deps: IntakeDeps) {
    this.#deps = deps
  }

  /** @errors TERMINAL_STRANGER, and what the outbox says */
  async take(report: TerminalReport): Promise<Result<void>> {
    const { terminal, receivedAt } = report
    // Nobody knows whose values these are: the terminal keeps them until the ledger does.
    if (!terminal)
      return fail('TERMINAL_STRANGER', `${report.protocol} terminal ${report.address} is in no ledger: what it reports is not taken`, {
        terminal: report.address,
      })
    const values = report.values.flatMap((one) => this.#readings(terminal, one, receivedAt))
    const readings = [...values, ...this.#events(terminal, report.events, receivedAt)]
    if (report.unknown.length > 0) this.#deps.file.keepUnnamed(terminal.id, receivedAt, report.unknown)
    if (readings.length === 0) return ok(undefined)
    const safe = await this.#deps.put(readings)
    const { evidence } = this.#deps
    if (!safe.ok || !evidence || !values.some((reading) => evidence.isKept(reading))) return safe
    const parts = [{ at: receivedAt, direction: 'rx', bytes: report.raw }] as const
    evidence.keepFrames(values, { protocol: report.protocol, selection: null, parts }, { channel: terminal.id, by: 'reported', receivedAt })
    return safe
  }

  /** Makes events safe that were asked for. */
  async takeEvents(terminal: TerminalSettings, events: readonly TerminalEvent[]): Promise<Result<void>> {
    const readings = this.#events(terminal, events, this.#deps.clock.now())
    return readings.length === 0 ? ok(undefined) : this.#deps.put(readings)
  }

  #readings(terminal: TerminalSettings, { meter, plan, samples }: TerminalValues, receivedAt: number): readonly Reading[] {
    const { calendar, field } = this.#deps
    const known = this.#find(terminal.id, meter)
    if (known) {
      const taken = { device: known.device, plan, samples, receivedAt, isFirstTry: true }
      return readingsOf(taken, known, calendar, 0, null, field().qualityOf(known))
    }
    const address = this.#stranger(terminal, meter, receivedAt)
    if (address === null) return []
    const facts = { meter: `${terminal.id}/${address}`, point: '-', area: '-', ct: ONE, pt: ONE }
    const normalise = normaliserOf(facts, plan, (time) => calendar.instantOf(time))
    const quality = QUALITY.unregistered | (this.#deps.isDoubtful(terminal.id) ? QUALITY.clockDoubtful : 0)
    return samples.flatMap((sample) => normalise(sample, receivedAt, quality))
  }

  #find(terminal: string, meter: Meter) {
    const host = this.#deps.field().terminal(terminal)
    if (!host) return null
    return 'address' in meter ? host.at(meter.address) : host.atPoint(meter.pn)
  }

  /** @returns  the address under which the unknown meter is kept; null = it has none that anybody knows */
  #stranger(terminal: TerminalSettings, meter: Meter, at: number): string | null {
    // Measuring point 0 is the terminal itself.
    if ('pn' in meter && meter.pn === 0) return null
    const address = 'address' in meter ? meter.address : this.#deps.addressOf(terminal.id, meter.pn)
    // Whom ledger and archive know under different measuring points is not the one for sure.
    if (address === null || this.#deps.field().terminal(terminal.id)?.at(address)) {
      this.#deps.log(
        'debug',
        `${terminal.id}: values of measuring point ${'pn' in meter ? meter.pn : ''}, of which ledger and archive do not know the meter, or contradict each other`,
      )
      return 'pn' in meter ? `pn-${meter.pn}` : null
    }
    this.#deps.stranger(terminal, address, at)
    return address
  }

  #events(terminal: TerminalSettings, events: readonly TerminalEvent[], receivedAt: number): Reading[] {
    if (events.length === 0) return []
    const drafts = events.map((event) => this.#draft(terminal, event, receivedAt))
    const instants = this.#deps.file.place(drafts.map(({ kept }) => kept))
    const doubt = this.#deps.isDoubtful(terminal.id) ? QUALITY.clockDoubtful : 0
    return drafts.map(({ owner, event, kept, quality }, at) => {
      const lastedMs = kept.begin !== null && kept.end !== null ? kept.end - kept.begin : null
      return terminalEventReading(owner, event, instants[at] ?? receivedAt, lastedMs, receivedAt, quality | doubt)
    })
  }

  #draft(terminal: TerminalSettings, event: TerminalEvent, receivedAt: number) {
    const known = event.meter ? this.#find(terminal.id, event.meter) : null
    let owner: EventOwner = { meter: terminal.id, point: '', area: this.#deps.areaOf(terminal.id) }
    let quality = 0
    if (known) owner = { meter: known.fact.meter, point: known.fact.point, area: known.point.area }
    else if (event.meter) {
      const address = this.#stranger(terminal, event.meter, receivedAt)
      if (address !== null) {
        owner = { meter: `${terminal.id}/${address}`, point: '', area: '' }
        quality = QUALITY.unregistered
      }
    }
    const [begin, end] = [this.#instant(event.begins), this.#instant(event.ends)]
    // What says only when it ended is of that instant.
    const kept: Omit<KeptEvent, 'at'> = {
      ...{ terminal: terminal.id, meter: owner.meter, code: event.code, begin: begin ?? end, end, edge: event.edge },
      ...{ facts: event.facts, raw: event.raw, receivedAt },
      ...(event.identity === undefined ? {} : { identity: event.identity }),
    }
    return { owner, event, kept, quality }
  }

  #instant(time: MeterTime | null): number | null {
    return time && this.#deps.calendar.instantOf(time)
  }
}
