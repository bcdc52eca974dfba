import { adapterOf } from '../../protocols/index.ts'
import {
  type AnyAdapter,
  type Conversation,
  type Deframer,
  decimalText,
  type ForwardSettings,
  fullObis,
  isDiscarded,
  type MeterTime,
  ok,
  type Profile,
  type RegisterPlan,
  type Result,
  type Sample,
  type Selection,
  type TerminalItem,
  type TerminalMeter,
  type TerminalQuestion,
} from '../core/index.ts'
import { concentratorFailure as fail } from './concentrator-errors.ts'
import type { ConcentratorFile } from './concentrator-file.ts'
import type { JobProgress } from './concentrator-jobs.ts'
import { askNow, type ConcentratorWorld } from './concentrator-world.ts'

/** What is read of meters behind a concentrator, once. */
export interface ReadOrder {
  readonly selection: Selection
  /** Profile that says which registers; absent = each meter's own. */
  readonly profile?: string
  /** `own`: what the concentrator has of the meter; `forward`: the meter itself, through it. Absent: as the profile has it. */
  readonly way?: 'own' | 'forward'
  readonly forward?: Partial<ForwardSettings>
}

export interface ReadValue {
  readonly obis: string
  readonly unit: string
  /** Exact decimal text as the meter has it, before ratios; null = it has none. */
  readonly value: string | null
  readonly code: string | null
}

/** What one meter gave. */
export interface MeterRead {
  readonly meter: string
  readonly address: string
  readonly pn: number | null
  readonly way: 'own' | 'forward'
  /** `at`: wall clock of the values, null = now. */
  readonly samples: readonly { readonly at: string | null; readonly values: readonly ReadValue[] }[]
  readonly code: string | null
  readonly message: string | null
  readonly hint: string | null
}

/** Port and waits of a meter on the power line. @source Q/GDW 376.1, AFN10 F1: port 31, up to 90 s over power line carrier */
const FORWARD: ForwardSettings = { port: 31, baud: 2400, parity: 'even', dataBits: 8, stopBits: 1, waitMs: 60_000, byteWaitMs: 500 }
/** Exchanges one meter may need for one read. */
const MOST_EXCHANGES = 200

/** Reading ad hoc: what a concentrator has of its meters, the meters themselves, or anything its protocol can ask for. */
export class ConcentratorReads {
  readonly #world: ConcentratorWorld
  readonly #file: ConcentratorFile

  constructor(world: ConcentratorWorld, file: ConcentratorFile) {
    this.#world = world
    this.#file = file
  }

  /** One result for each meter, in their order; those of one profile are asked for together. */
  async read(id: string, meters: readonly TerminalMeter[], order: ReadOrder, progress: JobProgress): Promise<Result<readonly MeterRead[]>> {
    progress.expect(meters.length)
    const profiles = new Map(this.#world.metersOf(id).map((meter) => [meter.id, meter.profile]))
    const groups = new Map<string, TerminalMeter[]>()
    for (const meter of meters) {
      const profile = order.profile ?? profiles.get(meter.id) ?? ''
      groups.set(profile, [...(groups.get(profile) ?? []), meter])
    }
    const found = new Map<string, MeterRead>()
    for (const [profile, members] of groups)
      for (const one of await this.#readGroup(id, profile, members, order, progress)) found.set(one.meter, one)
    return ok(meters.flatMap(({ id: meter }) => found.get(meter) ?? []))
  }

  /** Anything the protocol of the concentrator can ask for. @errors CONCENTRATOR_CANNOT, and what it says */
  ask(id: string, question: TerminalQuestion, progress: JobProgress): Promise<Result<readonly TerminalItem[]>> {
    const settings = this.#world.find(id)?.settings ?? null
    if (!settings) return Promise.resolve(fail('CONCENTRATOR_UNUSABLE', `concentrator ${id} is no longer in the ledger`))
    return askNow<readonly TerminalItem[]>(
      this.#world,
      id,
      function* (adapter) {
        return adapter.query
          ? yield* adapter.query(settings.address, question)
          : fail('CONCENTRATOR_CANNOT', `questions by number cannot be put to ${adapter.id}`)
      },
      progress.signal,
    )
  }

  async #readGroup(
    id: string,
    name: string,
    meters: readonly TerminalMeter[],
    order: ReadOrder,
    progress: JobProgress,
  ): Promise<readonly MeterRead[]> {
    const settings = this.#world.find(id)?.settings ?? null
    const chosen = settings ? this.#profile(name, settings.protocol, order) : fail('CONCENTRATOR_UNUSABLE', `concentrator ${id} is gone`)
    const all = (result: Result<never>, way: MeterRead['way']) => meters.map((meter) => readOf(meter, way, null, result))
    if (!settings || !chosen.ok)
      return all(chosen.ok ? fail('CONCENTRATOR_UNUSABLE', `concentrator ${id} is gone`) : chosen, order.way ?? 'own')
    const { profile, way } = chosen.value
    if (way === 'forward') {
      const reads: MeterRead[] = []
      for (const meter of meters) {
        progress.say(`asks meter ${meter.id}`)
        reads.push(await this.#forwarded(id, settings.address, profile, meter, order, progress))
        progress.advance(1)
      }
      return reads
    }
    const terminal = this.#world.adapterOf(settings.protocol)
    const planned = terminal?.bind((adapter) => adapter.plan(profile, order.selection))
    if (!planned?.ok) return all(planned ?? fail('CONCENTRATOR_UNUSABLE', `concentrator ${id} has no protocol`), way)
    const plan = planned.value
    progress.say(`reads ${meters.length} of profile ${profile.id}`)
    const now = this.#world.wallNow()
    const read = await askNow<readonly Result<readonly Sample[]>[]>(
      this.#world,
      id,
      (adapter) => adapter.read(settings.address, plan, meters, settings.frameLimit, now),
      progress.signal,
    )
    progress.advance(meters.length)
    return meters.map((meter, at) =>
      readOf(meter, way, plan, read.ok ? (read.value[at] ?? fail('CONCENTRATOR_METER', `nothing was said of meter ${meter.id}`)) : read),
    )
  }

  /** The profile, and which way it leads. */
  #profile(name: string, protocol: string, { way }: ReadOrder): Result<{ readonly profile: Profile; readonly way: MeterRead['way'] }> {
    const profile = this.#world.profile(name)
    if (!profile) return fail('CONCENTRATOR_VALUE', `there is no profile ${JSON.stringify(name)}`)
    const isOwn = profile.protocol === protocol
    if (way !== 'forward' && isOwn) return ok({ profile, way: 'own' })
    if (way === 'own') return fail('CONCENTRATOR_VALUE', `profile ${name} is none of ${protocol}: name one with profile`)
    const live = this.#world.profile(isOwn ? meterProfile(profile) : name)
    return live
      ? ok({ profile: live, way: 'forward' })
      : fail('CONCENTRATOR_VALUE', `profile ${name} names no profile of the meter itself: give one with profile`)
  }

  async #forwarded(
    id: string,
    terminal: string,
    profile: Profile,
    meter: TerminalMeter,
    { selection, forward = {} }: ReadOrder,
    progress: JobProgress,
  ): Promise<MeterRead> {
    const adapter = adapterOf(profile.protocol, 'rtu')
    if (!adapter) return readOf(meter, 'forward', null, fail('CONCENTRATOR_VALUE', `${profile.protocol} is not spoken here`))
    const port = this.#world.metersOf(id).find((one) => one.id === meter.id)?.port ?? this.#heldPort(id, meter.address) ?? FORWARD.port
    const settings: ForwardSettings = { ...FORWARD, port, ...forward }
    const send = (bytes: Uint8Array) => askNow(this.#world, id, (own) => own.forward(terminal, settings, bytes), progress.signal)
    return throughIt(adapter, profile, selection, meter, send)
  }

  #heldPort(id: string, address: string): number | null {
    return this.#file.snapshot(id)?.records.find((record) => record.address === address)?.port ?? null
  }
}

/** What a meter speaks itself: as its profile says, else what nearly all of its kind speak. */
const meterProfile = ({ id, live }: Profile): string =>
  typeof live === 'string' ? live : `dlt645-2007/${id.includes('/three-phase') ? 'three-phase' : 'single-phase'}`

type Send = (bytes: Uint8Array) => Promise<Result<Uint8Array>>

const throughIt = (adapter: AnyAdapter, profile: Profile, selection: Selection, meter: TerminalMeter, send: Send): Promise<MeterRead> =>
  adapter.bind(async (own) => {
    const planned = own.plan(profile, selection)
    if (!planned.ok) return readOf(meter, 'forward', null, planned)
    const { source, values } = planned.value
    const read = await walk(planned.value.talk(meter.address, new Map()), () => own.deframer(), meter, send)
    return readOf(meter, 'forward', { source, values }, read)
  })

/** A talk of a meter's own protocol whose bytes travel inside another one. Requests that change something do not. */
const walk = async <T, Frame extends object>(
  talk: Conversation<T, Frame>,
  deframer: () => Deframer<Frame>,
  meter: TerminalMeter,
  send: Send,
): Promise<Result<T>> => {
  let step = talk.next()
  for (let tries = 0; !step.done && tries < MOST_EXCHANGES; tries++) {
    const { bytes, judge, writes } = step.value
    if (writes) return fail('CONCENTRATOR_READ_ONLY', 'a read does not change anything')
    const back = await send(bytes)
    const frames = back.ok ? deframer().push(back.value) : []
    const answer = frames.flatMap((item) => (!isDiscarded(item) && judge(item) === 'answer' ? [item] : []))[0]
    if (!back.ok) step = talk.next(back)
    else if (answer) step = talk.next(ok(answer))
    else if (back.value.length === 0) step = talk.next(fail('CONCENTRATOR_SILENT', `nothing came back from meter ${meter.address}`))
    else step = talk.next(fail('CONCENTRATOR_METER', `what came back is no answer of meter ${meter.address}`))
  }
  return step.done ? step.value : fail('CONCENTRATOR_METER', `reading meter ${meter.id} came to no end`)
}

const readOf = (meter: TerminalMeter, way: MeterRead['way'], plan: RegisterPlan | null, read: Result<readonly Sample[]>): MeterRead => {
  const own = { meter: meter.id, address: meter.address, pn: meter.pn, way }
  if (!read.ok) return { ...own, samples: [], code: read.error.code, message: read.error.message, hint: read.error.hint }
  const samples = read.value.map(({ at, raws, scalers, absent }) => ({
    at: at && wallText(at),
    values: (plan?.values ?? []).map(({ obis, unit, scaler }, index): ReadValue => {
      const raw = raws[index] ?? null
      const why = absent?.get(index)?.code ?? null
      return { obis, unit, value: raw === null ? null : decimalText(raw, scaler ?? scalers?.[index] ?? 0), code: raw === null ? why : null }
    }),
  }))
  return { ...own, samples, code: null, message: null, hint: null }
}

/** Wall clock as people write it, without zone. */
export const wallText = ({ year, month, day, hour, minute, second }: MeterTime): string => {
  const two = (value: number) => String(value).padStart(2, '0')
  return `${year}-${two(month)}-${two(day)}T${two(hour)}:${two(minute)}:${two(second)}`
}

/** Reads `2026-11-21`, `2026-11-21T00:15` or `…:00`; null = it is no time. */
export const wallTime = (text: string): MeterTime | null => {
  const found = /^(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2}))?)?$/.exec(text)
  if (!found) return null
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = found.slice(1).map((part) => Number(part ?? 0))
  const date = new Date(Date.UTC(year, month - 1, day, hour, minute, second))
  const isReal = date.getUTCMonth() === month - 1 && date.getUTCDate() === day && hour < 24 && minute < 60 && second < 60
  return isReal ? { year, month, day, hour, minute, second } : null
}

/** OBIS codes in full; null = one of them is none. */
export const obisList = (codes: readonly string[]): readonly string[] | null => {
  const full = codes.map((code) => fullObis(code))
  return full.every((one) => one !== null) ? full.flatMap((one) => one ?? []) : null
}
