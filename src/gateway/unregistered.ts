import {
  type Attaching,
  afterWorkingDays,
  type Sighting,
  type Stranger,
  type StrangerAct,
  type StrangerFilter,
  Strangers,
} from '../collection/index.ts'
import type { UnregisteredConfig } from '../config/index.ts'
import { type Clock, explain, many, ok, type PushedRecord, QUALITY, type Reading, type ReadingStore, type Result } from '../core/index.ts'
import type { Act, Applied, MeterFact, Patch, Refused } from '../ledger/index.ts'
import { type Adoption, adoptionPatches, heardRegister, refusedByLedger } from './unregistered-adopt.ts'
import { attachReadings } from './unregistered-attach.ts'
import { fail } from './unregistered-errors.ts'
import { type Statement, statementOf } from './unregistered-statement.ts'

/** A meter of the ledger, as lines and brokers know it now. */
export interface RegisteredMeter {
  readonly meter: string
  readonly point: string
  readonly area: string
}

export interface UnregisteredDeps {
  readonly directory: string
  readonly config: UnregisteredConfig
  /** IANA zone of the gateway. */
  readonly zone: string
  readonly clock: Pick<Clock, 'now'>
  /** Changes the ledger. */
  readonly apply: (patches: readonly Patch[], act: Act) => Promise<Result<Applied, Refused>>
  readonly hasPoint: (id: string) => boolean
  /** Facts of every meter that hung at a point, oldest first. */
  readonly history: (point: string) => readonly MeterFact[]
  /** The ledger's meter at an address of a line or broker; null: nobody. */
  readonly known: (channel: string, address: string) => RegisteredMeter | null
  /** Whether readings that are kept there were told by a concentrator; absent: none are. */
  readonly isConcentrator?: (channel: string) => boolean
  /** Areas of the meters at a line or broker, one for each meter. */
  readonly areasOf: (channel: string) => Iterable<string>
  readonly store: Pick<ReadingStore, 'range'>
  readonly put: (readings: readonly Reading[]) => Promise<Result<void>>
  /** Resolves when the store has everything that the outbox holds now. */
  readonly settled: () => Promise<void>
  readonly log: (level: 'info' | 'warn' | 'error', message: string) => void
  readonly tickMs?: number
}

/** A stranger with what is worked out when somebody looks. */
export interface StrangerNow {
  readonly stranger: Stranger
  readonly suggestedArea: string | null
  /** Overdue from then on; null: nothing is due any more. */
  readonly dueAt: number | null
  readonly isOverdue: boolean
}

const TICK_MS = 500
/** Ticks between two looks at the ledger. */
const LOOK_EVERY = 2
const AREAS_MS = 10_000
const AGAIN_MS = 30_000
/** A message that was under way while its meter was registered is none of a stranger. */
const SETTLING_MS = 60_000
const NOBODY: Attaching = { step: 0, cursor: null, attached: 0, isDone: false }
/** Addresses that stand for everybody. @source DL/T 645-2007, 5.2 frame format; MODBUS over Serial Line V1.02, 2.2 */
const EVERYBODY = new Set(['999999999999', 'AAAAAAAAAAAA', '0'])
/** Frames that answer nothing may be noise with a good checksum: an address counts when it was heard twice. */
const MOST_ONCE = 256

/**
 * Meters that answer, log in or push and are not in the ledger (未建档电表). They are kept with their readings until a person adopts or
 * closes them, and are overdue after a working day.
 */
export class Unregistered {
  readonly #deps: UnregisteredDeps
  readonly #strangers: Strangers
  readonly #days: Parameters<typeof afterWorkingDays>[2]
  readonly #heardOnce = new Set<string>()
  readonly #areas = new Map<string, { readonly area: string | null; readonly at: number }>()
  readonly #busy = new Set<number>()
  #attaching: Promise<void> = Promise.resolve()
  readonly #waiting = new Set<number>()
  #timer: NodeJS.Timeout | null = null
  #ticks = 0
  #isClosed = false

  constructor(deps: UnregisteredDeps) {
    this.#deps = deps
    const { weekend, holidays, worked, maxPerLine } = deps.config
    this.#strangers = new Strangers(deps.directory, maxPerLine)
    this.#days = { zone: deps.zone, weekend: new Set(weekend), holidays: new Set(holidays), worked: new Set(worked) }
  }

  start(): void {
    this.#timer = setInterval(() => this.#tick(), this.#deps.tickMs ?? TICK_MS)
    this.#timer.unref()
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    if (this.#timer) clearInterval(this.#timer)
    await this.#attaching
    this.#strangers.close()
  }

  /** Notes a meter that was heard and is not in the ledger: by a scan, a concentrator, a line. */
  noteStranger(sighting: Sighting): Stranger | null {
    if (this.#isClosed) return null
    const known = this.#strangers.at(sighting.channel, sighting.address)
    const adopted = known?.state === 'adopted' ? known.adopted : null
    if (adopted && (this.#deps.known(sighting.channel, sighting.address) || sighting.at < adopted.at + SETTLING_MS)) return known
    const noted = this.#strangers.note(sighting)
    // The ledger let go of it: it is a stranger again.
    if (noted && adopted)
      return this.#strangers.change(
        noted.id,
        { state: 'open', openSince: sighting.at, adopted: null },
        act(sighting.at, 'reopened', 'it is no longer in the ledger'),
      )
    return noted
  }

  /** Whether it was heard before, whatever became of it. */
  knows(channel: string, address: string): boolean {
    return this.#strangers.at(channel, address) !== null
  }

  /** A whole frame on a polled line that answered nothing. */
  noteFrame(line: string, address: string, protocol: string): void {
    if (EVERYBODY.has(address) || this.#deps.known(line, address)) return
    const key = `${line} ${address}`
    if (!this.#heardOnce.has(key) && !this.#strangers.at(line, address)) {
      if (this.#heardOnce.size >= MOST_ONCE) this.#heardOnce.clear()
      this.#heardOnce.add(key)
      return
    }
    this.#heardOnce.delete(key)
    this.noteStranger({ channel: line, address, by: 'line', at: this.#deps.clock.now(), protocol })
  }

  /** What a message said of a meter that is not in the ledger, beside its values. */
  noteRecord(broker: string, address: string, { values, ct, pt }: Pick<PushedRecord, 'values' | 'ct' | 'pt'>, rule: string | null): void {
    const known = this.#strangers.at(broker, address)
    const profile = rule === null ? null : `mqtt/${rule.split('/')[0]}`
    const ratios: Record<string, 'ct' | 'pt' | 'ctpt'> = {}
    // Ratios that came with the message are applied already.
    if (ct === null && pt === null) for (const { obis, ratio } of values) if (obis !== null && ratio !== 'none') ratios[obis] = ratio
    const isNew = Object.entries(ratios).some(([obis, ratio]) => known?.ratios[obis] !== ratio)
    if (known && !isNew && (profile === null || known.profile === profile)) return
    this.noteStranger({ channel: broker, address, by: 'broker', at: this.#deps.clock.now(), protocol: 'mqtt', profile, ratios })
  }

  /** Puts readings, and counts those of strangers once they are safe. */
  watching(put: UnregisteredDeps['put']): UnregisteredDeps['put'] {
    return (readings) => {
      const done = put(readings)
      if (!readings.some(({ quality }) => quality & QUALITY.unregistered)) return done
      return done.then((safe) => {
        if (safe.ok) for (const reading of readings) this.#noteReading(reading)
        return safe
      })
    }
  }

  /** By id, ascending. */
  list({ overdue, ...filter }: StrangerFilter & { readonly overdue?: boolean }): readonly StrangerNow[] {
    return this.#strangers
      .list(filter, overdue === undefined ? undefined : (one) => this.#isOverdue(one) === overdue)
      .map((stranger) => this.#now(stranger))
  }

  get(id: number): StrangerNow | null {
    const found = this.#strangers.get(id)
    return found ? this.#now(found) : null
  }

  acts(id: number): readonly StrangerAct[] {
    return this.#strangers.acts(id)
  }

  counts(): {
    readonly open: number
    readonly overdue: number
    readonly adopted: number
    readonly closed: number
    readonly refused: number
  } {
    const counts = { open: 0, overdue: 0, adopted: 0, closed: 0 }
    for (const stranger of this.#strangers.list({ limit: Number.POSITIVE_INFINITY })) {
      counts[stranger.state]++
      if (this.#isOverdue(stranger)) counts.overdue++
    }
    return { ...counts, refused: this.#strangers.refused() }
  }

  /** @errors STRANGER_UNKNOWN, STRANGER_STATE */
  closeOne(
    id: number,
    { who, why, forever }: { readonly who: string; readonly why: string; readonly forever: boolean },
  ): Result<StrangerNow> {
    const found = this.#strangers.get(id)
    if (!found) return unknown(id)
    if (found.state !== 'open') return fail('STRANGER_STATE', `it is ${found.state}; only an open one can be closed`, { id })
    const at = this.#deps.clock.now()
    const closed = this.#strangers.change(id, { state: 'closed', closed: { at, by: who, why, forever } }, { at, what: 'closed', who, why })
    return closed ? ok(this.#now(closed)) : unknown(id)
  }

  /**
   * Puts a stranger into the ledger, at a point, since it was first seen; its readings follow.
   *
   * @errors STRANGER_UNKNOWN, STRANGER_STATE, STRANGER_PROFILE, STRANGER_BUSY, STRANGER_LEDGER with everything the ledger says
   */
  async adopt(id: number, adoption: Adoption, who: string): Promise<Result<StrangerNow>> {
    const found = this.#strangers.get(id)
    if (!found) return unknown(id)
    if (found.state === 'adopted') return fail('STRANGER_STATE', `it is meter ${found.adopted?.meter} already`, { id })
    if (this.#busy.has(id)) return fail('STRANGER_BUSY', `${found.address} is being adopted`, { id })
    const profile = adoption.profile ?? found.profile
    if (profile === null) return fail('STRANGER_PROFILE', `nobody knows the model of ${found.address} yet`, { id })
    this.#busy.add(id)
    try {
      const at = this.#deps.clock.now()
      // Its oldest reading is of before its first message came: nothing of it may be left behind.
      const from = adoption.from ?? Math.min(found.firstSeen, found.oldest ?? found.firstSeen)
      const { why, workOrder = null } = adoption
      const applied = await this.#deps.apply(
        adoptionPatches(found, adoption, { profile, from, area: this.#areaOf(found.channel), isNew: !this.#deps.hasPoint(adoption.point) }),
        { what: 'adopt', who, why, workOrder, at },
      )
      if (!applied.ok) return refusedByLedger(applied.error)
      const { meter, point } = adoption
      const change = { state: 'adopted', closed: null, profile, adopted: { at, by: who, meter, point, from, attaching: NOBODY } } as const
      const adopted = this.#strangers.change(id, change, { at, what: 'adopted', who, why })
      this.#look()
      return adopted ? ok(this.#now(adopted)) : unknown(id)
    } finally {
      this.#busy.delete(id)
    }
  }

  /** What a meter that pushes has used since it was first seen. @errors STRANGER_UNKNOWN, STRANGER_NO_READINGS, those of the store */
  async statement(id: number, obis: string): Promise<Result<Statement>> {
    const found = this.#strangers.get(id)
    if (!found) return unknown(id)
    if (found.by !== 'broker') return fail('STRANGER_NO_READINGS', `${found.address} at ${found.channel} was heard and never read`, { id })
    const { store, zone, clock } = this.#deps
    // Readings may carry an instant of their own from before the first message.
    return statementOf(store, { meter: `${found.channel}/${found.address}`, obis, from: 0, to: clock.now(), zone })
  }

  #noteReading({ series, shape, raws, measuredAt, receivedAt, quality, ...rest }: Reading): void {
    if (!(quality & QUALITY.unregistered)) return
    const { meter = '' } = series.tags
    const slash = meter.indexOf('/')
    if (slash < 1) return
    const register = heardRegister({ series, shape, raws, measuredAt, ...rest })
    const channel = meter.slice(0, slash)
    const told = this.#deps.isConcentrator?.(channel)
      ? ({ by: 'concentrator', protocol: 'dlt645-2007' } as const)
      : ({ by: 'broker', protocol: 'mqtt' } as const)
    const place = { channel, address: meter.slice(slash + 1), ...told }
    this.noteStranger({ ...place, at: receivedAt, register, readings: 1, oldest: measuredAt })
  }

  #tick(): void {
    if (this.#isClosed) return
    try {
      this.#strangers.flush()
      if (++this.#ticks % LOOK_EVERY === 0) this.#look()
    } catch (error) {
      this.#deps.log('error', `unregistered.db: ${error instanceof Error ? error.message : String(error)}`)
    }
  }

  /** Whoever is in the ledger by now is no stranger, whichever way it came there; readings that wait are put to their point. */
  #look(): void {
    for (const stranger of this.#strangers.list({ state: 'open', limit: Number.POSITIVE_INFINITY })) {
      const known = this.#deps.known(stranger.channel, stranger.address)
      if (!known || this.#busy.has(stranger.id)) continue
      const at = this.#deps.clock.now()
      const from = this.#factsOf(known)[0]?.from ?? stranger.firstSeen
      const { meter, point } = known
      const change = { state: 'adopted', adopted: { at, by: 'ledger', meter, point, from, attaching: NOBODY } } as const
      this.#strangers.change(stranger.id, change, act(at, 'registered', `meter ${meter} at point ${point} came into the ledger`))
    }
    for (const { id, adopted } of this.#strangers.list({ state: 'adopted', limit: Number.POSITIVE_INFINITY }))
      if (adopted && !adopted.attaching.isDone && !this.#waiting.has(id)) this.#attachSoon(id)
  }

  #attachSoon(id: number): void {
    const stranger = this.#strangers.get(id)
    if (!stranger || !this.#deps.known(stranger.channel, stranger.address)) return
    this.#waiting.add(id)
    this.#attaching = this.#attaching.then(async () => {
      try {
        const done = await this.#attach(id)
        if (done.ok) this.#waiting.delete(id)
        else this.#again(id, explain(done.error))
      } catch (error) {
        this.#again(id, error instanceof Error ? error.message : String(error))
      }
    })
  }

  #again(id: number, why: string): void {
    this.#deps.log('warn', `readings of unregistered meter ${id} are not at its point yet: ${why}; tried again`)
    setTimeout(() => this.#waiting.delete(id), AGAIN_MS).unref()
  }

  async #attach(id: number): Promise<Result<number>> {
    const { store, put, settled, clock, log } = this.#deps
    const stranger = this.#strangers.get(id)
    const known = stranger && this.#deps.known(stranger.channel, stranger.address)
    if (this.#isClosed || !stranger?.adopted || !known) return ok(0)
    // What came as a stranger's until now is on its way to the store.
    await settled()
    const target = { ...known, facts: this.#factsOf(known) }
    const save = (attaching: Attaching) => {
      const adopted = this.#strangers.get(id)?.adopted
      if (adopted) this.#strangers.change(id, { adopted: { ...adopted, attaching } }, null)
    }
    const pause = () => new Promise<boolean>((resolve) => setImmediate(() => resolve(!this.#isClosed)))
    const isDue = this.#strangers.get(id) ?? stranger
    const done = await attachReadings(isDue, target, clock.now() + DAY_MS, { store, put, save, pause })
    if (!done.ok || this.#isClosed) return done
    const text = `${many(done.value, 'reading')} of ${stranger.channel}/${stranger.address} now stand at point ${known.point} as well`
    this.#strangers.change(id, {}, act(clock.now(), 'attached', text))
    log('info', text)
    return done
  }

  /** Periods of this meter at its point, oldest first. */
  #factsOf({ meter, point }: RegisteredMeter): readonly MeterFact[] {
    return this.#deps.history(point).filter((fact) => fact.meter === meter)
  }

  #now(stranger: Stranger): StrangerNow {
    const dueAt = stranger.state === 'open' ? this.#dueAt(stranger) : null
    return {
      stranger,
      suggestedArea: this.#areaOf(stranger.channel),
      dueAt,
      isOverdue: dueAt !== null && this.#deps.clock.now() > dueAt,
    }
  }

  #dueAt({ openSince }: Stranger): number {
    return afterWorkingDays(openSince, this.#deps.config.workingDays, this.#days)
  }

  #isOverdue(stranger: Stranger): boolean {
    const now = this.#deps.clock.now()
    // Nothing is overdue before so many whole days have passed, and calendars are slow.
    return (
      stranger.state === 'open' &&
      now - stranger.openSince > this.#deps.config.workingDays * DAY_MS - HOUR_MS &&
      now > this.#dueAt(stranger)
    )
  }

  /** The area most meters of this line or broker belong to. */
  #areaOf(channel: string): string | null {
    const now = performance.now()
    const before = this.#areas.get(channel)
    if (before && now - before.at < AREAS_MS) return before.area
    const counts = new Map<string, number>()
    for (const area of this.#deps.areasOf(channel)) if (area !== '') counts.set(area, (counts.get(area) ?? 0) + 1)
    const [most] = [...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1))
    const area = most?.[0] ?? null
    this.#areas.set(channel, { area, at: now })
    return area
  }
}

const DAY_MS = 86_400_000
/** Days of summer time are shorter. */
const HOUR_MS = 3_600_000

const act = (at: number, what: StrangerAct['what'], why: string): StrangerAct => ({ at, what, who: 'gateway', why })

const unknown = (id: number) => fail('STRANGER_UNKNOWN', `there is no unregistered meter ${id}`, { id })
