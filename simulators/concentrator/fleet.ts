import type { Clock } from '../../src/core/clock.ts'
import { systemClock } from '../../src/core/clock.ts'
import { type Field, plainField } from '../answering.ts'
import type { Fault } from '../faults.ts'
import type { Instrument } from '../instrument.ts'
import { noTruth } from '../truth.ts'
import type { Brain, BrainOptions, EventOrder, Told } from './brain.ts'
import { brain698 } from './brain698.ts'
import { brain3761 } from './brain3761.ts'
import { type Dialler, dialler } from './dial.ts'
import { type FleetFigures, newFigures } from './fleet-figures.ts'
import { HABITS, type Habits, type WiredMeter } from './habits.ts'
import { strikeWired } from './orders.ts'
import { concentratorIdOf, instrumentPool, listedWiring, ruledInstrument, ruledWiring, type Wiring } from './wired.ts'

export type TerminalProtocol = 'gw3761' | 'dlt698'

/** One concentrator that is described by hand. */
export interface ConcentratorSpec {
  /** Ledger id. */
  readonly id: string
  readonly protocol: TerminalProtocol
  /** `4510-21`, or twelve digits. */
  readonly address: string
  readonly meters: readonly WiredMeter[]
  /** What its meters measure; absent = by rule out of the seed. */
  readonly instrumentOf?: (meter: WiredMeter) => Instrument
  /** What stands in its archive at the start; absent = what hangs on its wires. */
  readonly archive?: 'wired' | 'empty'
  readonly habits?: Partial<Habits>
}

export interface ConcentratorsOptions {
  readonly host?: string
  readonly port: number
  /** How many made by rule; 1 when absent and none is described. */
  readonly count?: number
  /** Number of the first of them; 1 when absent. */
  readonly first?: number
  /** Meters of each. */
  readonly meters?: number
  readonly protocol?: TerminalProtocol | 'mixed'
  /** Region of 376.1 addresses, four digits. */
  readonly region?: string
  /** Described by hand, besides those made by rule. */
  readonly specs?: readonly ConcentratorSpec[]
  readonly archive?: 'wired' | 'empty'
  readonly habits?: Partial<Habits> | ((index: number) => Partial<Habits>)
  readonly seed?: number
  readonly clock?: Clock
  readonly field?: Field
  readonly faults?: readonly Fault[]
  /** Connections that are being opened at once. */
  readonly dialsAtOnce?: number
  /** Dials from 127.1.x.y, each from its own: a gateway on this machine allows few connections an address. */
  readonly spreadPeers?: boolean
  /** Hears what each was told and did. */
  readonly onTold?: (told: Told) => void
  /** false: nobody dials until `dial` is called. */
  readonly dials?: boolean
}

/** A concentrator that runs. */
export interface Concentrator {
  readonly id: string
  readonly address: string
  readonly protocol: TerminalProtocol
  readonly wiring: Wiring
  readonly brain: Brain
  readonly dialler: Dialler
  raise(order: EventOrder): void
  upload(items: Parameters<Brain['upload']>[0]): void
}

/** Concentrators that dial in. */
export interface Concentrators {
  readonly all: readonly Concentrator[]
  readonly field: Field
  readonly figures: FleetFigures
  /** What they were told and did, the last ten thousand things. */
  readonly told: readonly Told[]
  online(): number
  /** Resolves when so many are logged in at once; all when absent. */
  whenOnline(count?: number): Promise<void>
  dial(): void
  of(id: string): Concentrator
  /** Orders a fault; the function returned takes it back. */
  inject(fault: Fault): () => void
  close(polite?: boolean): Promise<void>
}

const TOLD_KEPT = 10_000
const DIALS_AT_ONCE = 200

/** Addresses of those made by rule: `4510-1` …, `451000000001` …. */
export const ruledAddress = (protocol: TerminalProtocol, number: number, region = '4510'): string =>
  protocol === 'gw3761' ? `${region}-${number}` : `${region}${String(number).padStart(8, '0')}`

const ruledProtocol = (wanted: ConcentratorsOptions['protocol'], number: number): TerminalProtocol =>
  wanted === 'mixed' ? (number % 2 === 1 ? 'gw3761' : 'dlt698') : (wanted ?? 'gw3761')

export interface RuledConcentrator {
  readonly id: string
  readonly protocol: TerminalProtocol
  readonly address: string
  readonly wiring: Wiring
}

/** Those made by rule, without a socket: what a ledger is written from and a checker recomputes. */
export const ruledConcentrators = (
  options: Pick<ConcentratorsOptions, 'count' | 'first' | 'meters' | 'protocol' | 'region' | 'seed'>,
): RuledConcentrator[] => {
  const pool = instrumentPool(options.seed ?? 1)
  return Array.from({ length: options.count ?? 0 }, (_, at) => {
    const number = (options.first ?? 1) + at
    const protocol = ruledProtocol(options.protocol, number)
    return {
      id: concentratorIdOf(number),
      protocol,
      address: ruledAddress(protocol, number, options.region),
      wiring: ruledWiring(number, options.meters ?? 10, pool),
    }
  })
}

const BRAINS: Readonly<Record<TerminalProtocol, (options: BrainOptions) => Brain>> = { gw3761: brain3761, dlt698: brain698 }

/** Lets concentrators dial in to a gateway. */
export const startConcentrators = (options: ConcentratorsOptions): Concentrators => {
  const field = options.field ?? plainField(options.clock ?? systemClock)
  const seed = options.seed ?? 1
  const figures = newFigures()
  const told: Told[] = []
  const host = options.host ?? '127.0.0.1'
  const all: Concentrator[] = []
  let online = 0
  let dialling = 0
  let waiting: number[] = []
  let watchers: { readonly count: number; readonly done: () => void }[] = []
  const habitsOf = (index: number): Partial<Habits> =>
    typeof options.habits === 'function' ? options.habits(index) : (options.habits ?? {})
  const since = field.clock.now()

  const start = (index: number): void => {
    dialling++
    all[index]!.dialler.start()
  }
  const next = (): void => {
    while (dialling < (options.dialsAtOnce ?? DIALS_AT_ONCE)) {
      const index = waiting.shift()
      if (index === undefined) return
      start(index)
    }
  }
  const add = (one: RuledConcentrator, archive: 'wired' | 'empty', own: Partial<Habits>): void => {
    const index = all.length
    const habits: Habits = { ...HABITS, ...habitsOf(index), ...own }
    const tell = (entry: Omit<Told, 'concentrator'>): void => {
      const whole = { ...entry, concentrator: one.id }
      told.push(whole)
      if (told.length > TOLD_KEPT * 2) told.splice(0, TOLD_KEPT)
      options.onTold?.(whole)
    }
    const brain = BRAINS[one.protocol]({
      ...{ id: one.id, address: one.address, seed, habits, wiring: one.wiring, archive, since },
      recording: field.truth !== noTruth,
      orders: () => field.desk.orders,
      told: tell,
    })
    let first = true
    let isOnline = false
    const line = dialler({
      ...{ id: one.id, host, port: options.port, habits, seed, field, brain, figures, told: tell },
      ...(options.spreadPeers && { localAddress: `127.1.${(index >> 8) & 255}.${index & 255}` }),
      onState: (state) => {
        if (first && state !== 'dialling') {
          first = false
          dialling--
          next()
        }
        if ((state === 'online') === isOnline) return
        isOnline = state === 'online'
        online += isOnline ? 1 : -1
        if (!isOnline) return
        const ready = watchers.filter(({ count }) => online >= count)
        watchers = watchers.filter(({ count }) => online < count)
        for (const { done } of ready) done()
      },
    })
    all.push({
      ...one,
      brain,
      dialler: line,
      raise(order) {
        brain.raise(order, field.clock.now())
        line.nudge()
      },
      upload(items) {
        brain.upload(items, field.clock.now())
        line.nudge()
      },
    })
  }
  const ruled = options.count ?? (options.specs ? 0 : 1)
  for (const one of ruledConcentrators({ ...options, count: ruled })) add(one, options.archive ?? 'wired', {})
  for (const spec of options.specs ?? []) {
    const wiring = listedWiring(spec.meters, spec.instrumentOf ?? ((meter) => ruledInstrument(seed, meter)))
    add(
      { id: spec.id, protocol: spec.protocol, address: spec.address, wiring },
      spec.archive ?? options.archive ?? 'wired',
      spec.habits ?? {},
    )
  }
  const byId = new Map(all.map((one) => [one.id, one]))
  const inject = (fault: Fault): (() => void) => {
    const now = field.clock.now()
    const from = fault.from ?? now
    const dated = { ...fault, from }
    for (const one of all) {
      if (fault.line !== undefined && fault.line !== one.id) continue
      if (fault.meter !== undefined && fault.meter !== one.id) {
        if (fault.kind === 'clock' || fault.kind === 'reset' || fault.kind === 'rollover') strikeWired(one.wiring, dated, from)
      } else if (fault.kind === 'clock') one.brain.setClock(from, (fault.offset ?? 0) * 1000, fault.ppm ?? 0)
      else if (fault.kind === 'reboot') one.dialler.reboot(fault.seconds ?? 30)
    }
    return field.desk.order(dated)
  }
  const result: Concentrators = {
    all,
    field,
    figures,
    told,
    online: () => online,
    whenOnline: (count = all.length) =>
      online >= count
        ? Promise.resolve()
        : new Promise((done) => {
            watchers.push({ count, done })
          }),
    dial() {
      waiting = all.map((_, index) => index)
      next()
    },
    of(id) {
      const one = byId.get(id)
      if (!one) throw new Error(`no concentrator ${id}`)
      return one
    },
    inject,
    async close(polite = false) {
      waiting = []
      await Promise.all(all.map((one) => one.dialler.stop(polite)))
    },
  }
  for (const fault of options.faults ?? []) inject(fault)
  if (options.dials !== false) result.dial()
  return result
}
