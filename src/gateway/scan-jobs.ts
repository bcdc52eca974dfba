import {
  type FoundMeter,
  lineScanWire,
  PipelinedLine,
  type ScanEvent,
  type ScanProtocol,
  type ScanResult,
  scanLine,
  scanSummary,
} from '../acquisition/index.ts'
import type { ScanAcceptance, ScanAccepted, ScanDeps, ScanEventView, ScanMeterView, ScanRequest, ScanView } from '../api/index.ts'
import { type AnyAdapter, type Clock, explain, type GatewayError, hexOf, ok, type Profile, type Result } from '../core/index.ts'
import type { Act, Applied, Patch, Refused } from '../ledger/index.ts'
import type { FieldLine } from './field.ts'
import { fail } from './scan-errors.ts'
import { acceptRows, patchesOf } from './scan-ledger.ts'
import { ALL_UNITS, GROWTH_MS, parseUnits } from './scan-start.ts'

export type ScannedLine = Pick<FieldLine, 'config' | 'line' | 'poller' | 'meters'>

export interface ScanJobsDeps {
  readonly clock: Pick<Clock, 'now'>
  readonly lines: () => readonly ScannedLine[]
  readonly profiles: () => readonly Profile[]
  readonly adapterOf: (protocol: string, framing: 'tcp' | 'rtu' | 'ascii') => AnyAdapter | null
  readonly apply: (patches: readonly Patch[], act: Act) => Promise<Result<Applied, Refused>>
  /** Told of everything found that is not in the ledger. */
  readonly onStranger: (found: FoundStranger) => void
  readonly log: (level: 'info' | 'warn', message: string) => void
}

/** A meter that answered a scan and is not in the ledger. */
export interface FoundStranger {
  readonly line: string
  readonly address: string
  readonly protocol: string
  readonly profile: string | null
  /** Milliseconds since 1970 UTC. */
  readonly firstSeen: number
  /** Its energy register, as decimal text, when one was read. */
  readonly register: { readonly obis: string; readonly text: string; readonly unit: string } | null
}

interface Job {
  readonly id: number
  readonly line: string
  readonly mode: ScanRequest['mode']
  readonly startedAt: number
  readonly stop: AbortController
  readonly events: ScanEventView[]
  state: ScanView['state']
  share: number
  what: string
  questions: number
  elapsedMs: number
  meters: FoundMeter[]
  notes: string[]
  error: GatewayError | null
}

const FRAMING: Readonly<Partial<Record<ScanProtocol, 'tcp' | 'rtu' | 'ascii'>>> = {
  'modbus-tcp': 'tcp',
  'modbus-rtu': 'rtu',
  'modbus-ascii': 'ascii',
}
const KEPT = 20
const MOST_EVENTS = 2000

/** Scans of lines that are read meanwhile: at the speed the line has, one question at a time between scheduled reads. */
export class ScanJobs implements ScanDeps {
  readonly #deps: ScanJobsDeps
  readonly #jobs: Job[] = []
  readonly #running = new Set<Promise<void>>()
  #last = 0

  constructor(deps: ScanJobsDeps) {
    this.#deps = deps
  }

  startScan(lineId: string, { mode, units: text }: ScanRequest): ReturnType<ScanDeps['startScan']> {
    const line = this.#deps.lines().find(({ config }) => config.id === lineId)
    if (!line) return refused('unknown', fail('SCAN_LINE', `there is no line "${lineId}"`, { line: lineId }).error)
    const units = text === undefined ? ALL_UNITS : parseUnits(text)
    if (units === null) return refused('not-possible', fail('SCAN_UNITS', `units "${text}"`, { units: text ?? '' }).error)
    if (line.line.state !== 'up') {
      const why = line.line.why
      return refused('line-down', why ?? fail('SCAN_LINE', `line "${lineId}" is not open`, { line: lineId }).error)
    }
    if (this.#jobs.some((job) => job.line === lineId && job.state === 'running'))
      return refused('line-down', fail('SCAN_RUNNING', `line "${lineId}" is being scanned`, { line: lineId }).error)
    const job: Job = {
      id: ++this.#last,
      line: lineId,
      mode,
      startedAt: this.#deps.clock.now(),
      stop: new AbortController(),
      events: [],
      state: 'running',
      share: 0,
      what: '',
      questions: 0,
      elapsedMs: 0,
      meters: [],
      notes: [],
      error: null,
    }
    this.#jobs.unshift(job)
    // One that goes on can be stopped, and stops with the gateway: it stays.
    const over = this.#jobs.findLastIndex(({ state }) => state !== 'running')
    if (this.#jobs.length > KEPT && over >= 0) this.#jobs.splice(over, 1)
    const work = this.#run(job, line, units)
      .catch((bug: unknown) => {
        job.state = 'failed'
        this.#deps.log(
          'warn',
          `scan ${job.id} of line ${job.line} ended by a fault of ours: ${bug instanceof Error ? bug.stack : String(bug)}`,
        )
      })
      .finally(() => this.#running.delete(work))
    this.#running.add(work)
    return ok(viewOf(job))
  }

  scans(): readonly ScanView[] {
    return this.#jobs.map(viewOf)
  }

  scan(id: number): ScanView | null {
    const job = this.#job(id)
    return job ? viewOf(job) : null
  }

  scanEvents(id: number, after: number): readonly ScanEventView[] | null {
    return this.#job(id)?.events.filter(({ nth }) => nth > after) ?? null
  }

  stopScan(id: number): ScanView | null {
    const job = this.#job(id)
    job?.stop.abort()
    return job ? viewOf(job) : null
  }

  async acceptScan(id: number, { rows: chosen, prefix, why, who, workOrder }: ScanAcceptance): ReturnType<ScanDeps['acceptScan']> {
    const job = this.#job(id)
    if (!job) return refused('unknown', fail('SCAN_UNKNOWN', `there is no scan ${id}`, { id }).error)
    const strange = chosen?.find(({ address }) => !job.meters.some((meter) => meter.address === address))
    if (strange) return refused('not-possible', fail('SCAN_ROWS', `scan ${id} did not find ${strange.address}`, { id }).error)
    const meters = chosen ? job.meters.filter(({ address }) => chosen.some((row) => row.address === address)) : job.meters
    const choices = Object.fromEntries((chosen ?? []).map(({ address, ...choice }) => [address, choice]))
    const { rows, left } = acceptRows(meters, prefix ?? job.line, job.line, choices)
    const first = left.find(({ address }) => chosen?.some((row) => row.address === address))
    if (first) return refused('not-possible', fail('SCAN_ROWS', `${first.address} ${first.why}`, { id }).error)
    const accepted = (change: number | null): ScanAccepted => ({
      change,
      meters: rows.map(({ meter, point, address, profile }) => ({ meter, point, address, profile })),
      left,
    })
    if (rows.length === 0) return ok(accepted(null))
    const applied = await this.#deps.apply(patchesOf(rows), { what: 'scan', who, why, workOrder, at: this.#deps.clock.now() })
    if (applied.ok) return ok(accepted(applied.value.change))
    const { problems, error } = applied.error
    const texts = problems.map(({ place, message }) => `${place}: ${message}`)
    const because = fail('SCAN_LEDGER', texts.length > 0 ? texts.slice(0, 5).join('; ') : explain(error), { id }).error
    return { ok: false, error: { because: 'not-possible', error: because, problems } }
  }

  /** Ends every scan. */
  async close(): Promise<void> {
    for (const { stop } of this.#jobs) stop.abort()
    await Promise.all(this.#running)
  }

  #job(id: number): Job | undefined {
    return this.#jobs.find((job) => job.id === id)
  }

  async #run(job: Job, { config, line, poller, meters }: ScannedLine, units: readonly number[]): Promise<void> {
    const { adapterOf, profiles, clock, log } = this.#deps
    // A numbered line speaks Modbus TCP and nothing else; a bus may have both protocols on it.
    const isNumbered = line instanceof PipelinedLine
    const isOpenQuestion = config.modbus === 'tcp' && !isNumbered && config.transport.kind === 'tcp'
    const serial = config.modbus === 'ascii' ? 'modbus-ascii' : 'modbus-rtu'
    const protocols: ScanProtocol[] = isNumbered
      ? ['modbus-tcp']
      : [...(isOpenQuestion ? (['modbus-tcp'] as const) : []), 'dlt645-2007', 'dlt645-1997', serial]
    const known = new Map(meters.map(({ fact }) => [fact.address, fact.meter]))
    log('info', `scan ${job.id} of line ${job.line} begins`)
    const result = await scanLine({
      line: job.line,
      mode: job.mode,
      settings: [{ baud: null, format: null }],
      protocols,
      units,
      profiles: profiles(),
      growthMs: GROWTH_MS[job.mode],
      known: (_, address) => known.get(address) ?? null,
      open: async (_, protocol) => {
        const framing = FRAMING[protocol]
        const adapter = framing ? adapterOf('modbus', framing) : adapterOf(protocol, 'rtu')
        if (!adapter) throw new Error(`${protocol} has no adapter`)
        if (line.state !== 'up')
          return { ok: false, error: line.why ?? fail('SCAN_LINE', `line "${job.line}" is not open any more`, { line: job.line }).error }
        return ok(lineScanWire(poller, adapter))
      },
      signal: job.stop.signal,
      onEvent: (event) => this.#heard(job, event),
      now: () => clock.now(),
    })
    if (result.ok) this.#end(job, result.value)
    else this.#fail(job, result.error)
  }

  #heard(job: Job, event: ScanEvent): void {
    if (event.kind === 'progress') {
      job.share = Math.max(job.share, event.share)
      job.what = event.what
      job.questions = event.questions
      job.elapsedMs = event.elapsedMs
    } else if (event.kind === 'found') this.#note(job, 'found', `${event.protocol} ${event.address}`)
    else if (event.kind === 'judged') {
      job.meters.push(event.meter)
      this.#note(job, 'judged', `${event.meter.protocol} ${event.meter.address}: ${event.meter.profile ?? 'no single profile fits'}`)
      if (event.meter.known === null) this.#deps.onStranger(strangerOf(job.line, event.meter, this.#deps.clock.now()))
    } else if (event.kind === 'note') {
      job.notes.push(event.text)
      this.#note(job, 'note', event.text)
    }
  }

  #end(job: Job, result: ScanResult): void {
    job.meters = [...result.meters]
    job.notes = [...result.notes]
    job.questions = result.questions
    job.elapsedMs = result.tookMs
    job.state = result.complete ? 'done' : 'stopped'
    job.share = result.complete ? 1 : job.share
    job.what = ''
    this.#note(job, 'end', scanSummary(result))
    this.#deps.log('info', `scan ${job.id} of line ${job.line}: ${scanSummary(result)}`)
  }

  #fail(job: Job, error: GatewayError): void {
    job.state = 'failed'
    job.error = error
    this.#note(job, 'end', explain(error))
    this.#deps.log('warn', `scan ${job.id} of line ${job.line}: ${explain(error)}`)
  }

  #note(job: Job, kind: ScanEventView['kind'], text: string): void {
    const nth = (job.events.at(-1)?.nth ?? 0) + 1
    job.events.push({ nth, at: this.#deps.clock.now(), kind, text })
    if (job.events.length > MOST_EVENTS) job.events.shift()
  }
}

/** The scans as the API asks for them. */
export const scanApi = (jobs: ScanJobs): ScanDeps => ({
  startScan: (line, request) => jobs.startScan(line, request),
  scans: () => jobs.scans(),
  scan: (id) => jobs.scan(id),
  scanEvents: (id, after) => jobs.scanEvents(id, after),
  stopScan: (id) => jobs.stopScan(id),
  acceptScan: (id, acceptance) => jobs.acceptScan(id, acceptance),
})

const refused = (because: 'unknown' | 'not-possible' | 'line-down', error: GatewayError) =>
  ({ ok: false, error: { because, error } }) as const

const strangerOf = (line: string, { address, protocol, profile, values }: FoundMeter, firstSeen: number): FoundStranger => {
  const energy = values.find(({ obis, text }) => obis === '1-0:1.8.0' && text !== '')
  return {
    line,
    address,
    protocol,
    profile,
    firstSeen,
    register: energy ? { obis: energy.obis, text: energy.text, unit: energy.unit } : null,
  }
}

const viewOf = ({ id, line, mode, state, startedAt, share, what, questions, elapsedMs, meters, notes, error }: Job): ScanView => ({
  ...{ id, line, mode, state, startedAt, what, questions, notes: [...notes], error },
  share: Math.round(share * 1000) / 1000,
  tookMs: elapsedMs,
  meters: meters.map(meterView),
})

const meterView = ({ protocol, address, known, profile, tie, candidates, values, identity, notes, proofs }: FoundMeter): ScanMeterView => ({
  ...{ protocol, address, known, profile, tie, candidates, identity, notes },
  values: values.map(({ obis, unit, place, text }) => ({ obis, unit, place, text })),
  proofs: proofs.map(({ what, tx, rx, says }) => ({ what, tx: hexOf(tx), rx: hexOf(rx), says })),
})
