import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Clock } from '../../src/core/clock.ts'
import { type Field, plainField } from '../answering.ts'
import type { Concentrators } from '../concentrator/fleet.ts'
import { answerItem } from '../dlt645/items.ts'
import { serveDlt645 } from '../dlt645/line.ts'
import { type Dlt645Meter, dlt645Meter } from '../dlt645/meter.ts'
import { type Fault, strike } from '../faults.ts'
import { freePort } from '../free-port.ts'
import { Instrument } from '../instrument.ts'
import { type ModbusMeter, modbusMeter } from '../modbus/meter.ts'
import { loadMapProfile, type MapProfile } from '../modbus/profile.ts'
import { type Listener, serveRtuOverTcp } from '../modbus/rtu.ts'
import { serveModbusTcp } from '../modbus/tcp.ts'
import type { FamilyId } from '../mqtt/family.ts'
import { type FleetOptions, type Member, pushFace, startFleet } from '../mqtt/fleet.ts'
import { noTruth, note, openTruth } from '../truth.ts'
import { quantityOf } from '../values.ts'
import type { Pace } from '../wire.ts'
import { DIAL_IN, startDialled, withConcentrators } from './concentrators.ts'
import { isDialled, type LineMix, type VillageLine, type VillageMeter, type VillagePlan, villageOf } from './describe.ts'
import { solveArea } from './grid.ts'
import { type Scene, type Scenes, scenesOf } from './scenes.ts'

export interface VillageOptions {
  readonly seed: number
  /** All meters, area meters included; 64 when absent. */
  readonly meters?: number
  /** Folder for the truth log; absent = none is written. */
  readonly out?: string
  readonly clock: Clock
  readonly host?: string
  readonly faults?: readonly Fault[]
  /** Meters by kind of line. */
  readonly lines?: LineMix
  readonly pace?: Pace
  /** Ports by line id, so that a village can be started again where it was; absent = free ones. */
  readonly ports?: ReadonlyMap<string, number>
  /** Meters that push: address of a broker that runs; absent = the village starts one in a process of its own. */
  readonly broker?: string
  /** Meters that push: village milliseconds between two reports; a quarter of an hour when absent. */
  readonly everyMs?: number
  /** Meters that push: only these device families. */
  readonly families?: readonly FamilyId[]
  /** The broker of the village ended by itself. */
  readonly onBrokerGone?: (why: string) => void
  /** Two concentrators more, each with a transformer area: they dial `ports.get('dial-in')`, or a port that is free. */
  readonly concentrators?: boolean
  /** Something is wrong in the village since before this instant; absent = all is well. */
  readonly scenesBefore?: number
  /** Profiles by id, instead of those of the installation. */
  readonly profiles?: (id: string) => MapProfile
}

/** A line of the running village. */
export interface OpenLine extends VillageLine {
  readonly host: string
  readonly port: number
  readonly meters: readonly string[]
}

/** What a meter shows. */
export interface Face {
  readonly text: string
  readonly unit: string
}

/** A village that listens. */
export interface Village {
  readonly plan: VillagePlan
  /** What is wrong, or only looks so. */
  readonly scenes: readonly Scene[]
  readonly clock: Clock
  readonly lines: readonly OpenLine[]
  readonly meters: readonly VillageMeter[]
  /** null when no folder was given. */
  readonly truthPath: string | null
  /** Process of the broker that the village started; null when it has none. */
  readonly brokerPid: number | null
  /** Concentrators that dial in; null when it has none. */
  readonly concentrators: Concentrators | null
  /** Orders a fault; the function returned takes it back (not for clock, reset and rollover, which have happened). */
  inject(fault: Fault): () => void
  /** The face of a meter at a village instant; null when this model does not show the code. */
  faceAt(meter: string, obis: string, at: number): Face | null
  instrument(meter: string): Instrument
  close(): Promise<void>
}

/** Small, so that the demo is quick, and not zero, so that nothing depends on an answer in the same turn. */
const REACTION: Pace = { reactionMs: [1, 4] }

/** Builds the village of a seed and serves every meter of it on real sockets on free ports. */
export const startVillage = async (options: VillageOptions): Promise<Village> => {
  const healthy = villageOf(options.seed, options.meters, options.lines, options.families)
  const found: Scenes =
    options.scenesBefore === undefined ? { plan: healthy, scenes: [], faults: [] } : scenesOf(healthy, options.scenesBefore)
  const { scenes, faults } = found
  const plan = options.concentrators ? withConcentrators(found.plan) : found.plan
  if (options.out !== undefined) mkdirSync(options.out, { recursive: true })
  const truthPath = options.out === undefined ? null : join(options.out, 'truth.jsonl')
  const faultPath = options.out === undefined ? null : join(options.out, 'faults.jsonl')
  const field = plainField(options.clock, truthPath === null ? noTruth : openTruth(truthPath), faultPath)
  const instruments = instrumentsOf(plan)
  const meters = new Map<string, ModbusMeter | Dlt645Meter>()
  const profiles = options.profiles ?? cached(loadMapProfile)
  const open: OpenLine[] = []
  const listeners: { close(): Promise<void> }[] = []
  let brokerPid: number | null = null
  const host = options.host ?? '127.0.0.1'
  const dialled = plan.lines.some(({ kind }) => isDialled(kind))
  const dialPort = dialled ? (options.ports?.get(DIAL_IN) ?? (await freePort(host))) : 0
  for (const line of plan.lines) {
    const here = plan.meters.filter((meter) => meter.line === line.id)
    if (line.kind === 'mqtt') {
      const fleet = await startFleet(fleetOf(line, membersOf(here, instruments), field, options))
      listeners.push(fleet)
      brokerPid = fleet.brokerPid
      open.push({ ...line, host: fleet.host, port: fleet.port, meters: here.map(({ id }) => id) })
      continue
    }
    if (isDialled(line.kind)) {
      open.push({ ...line, host, port: dialPort, meters: here.map(({ id }) => id) })
      continue
    }
    const listener = await serveLine(line, here, instruments, meters, profiles, field, options)
    listeners.push(listener)
    open.push({ ...line, host: listener.host, port: listener.port, meters: here.map(({ id }) => id) })
  }
  const concentrators = startDialled(plan, { host, port: dialPort, field, clock: options.clock, instruments })
  const inject = (fault: Fault): (() => void) => {
    const now = options.clock.now()
    const dated = { ...fault, from: fault.from ?? now }
    if (faultPath !== null) note(faultPath, { instant: new Date(now).toISOString(), ordered: dated })
    changeMeters(dated, plan, instruments)
    // What is about a concentrator itself; meters of it were changed above.
    if (concentrators?.all.some(({ id }) => id === (fault.line ?? fault.meter))) return concentrators.inject(dated)
    return field.desk.order(dated)
  }
  for (const fault of [...faults, ...(options.faults ?? [])]) inject(fault)
  return {
    plan,
    scenes,
    clock: options.clock,
    lines: open,
    meters: plan.meters,
    truthPath,
    brokerPid,
    concentrators,
    inject,
    faceAt(id, obis, at) {
      const [pushed] = membersOf(
        plan.meters.filter((meter) => meter.id === id),
        instruments,
      )
      if (pushed) return pushFace(pushed, obis, at)
      const meter = meters.get(id) ?? behind(concentrators, plan, id)
      if (!meter) throw new Error(`no meter ${id}`)
      return 'face' in meter ? meter.face(obis, at) : dlt645Face(meter, obis, at)
    },
    instrument(id) {
      const instrument = instruments.get(id)
      if (!instrument) throw new Error(`no meter ${id}`)
      return instrument
    },
    async close() {
      await Promise.all([concentrators?.close(true), ...listeners.map((listener) => listener.close())])
      await field.truth.close()
    },
  }
}

/** A meter behind a concentrator, as it speaks itself. */
const behind = (concentrators: Concentrators | null, plan: VillagePlan, id: string): Dlt645Meter | null => {
  const meter = plan.meters.find((one) => one.id === id)
  const wiring = concentrators?.all.find(({ id: line }) => line === meter?.line)?.wiring
  const wired = meter && wiring?.byAddress(meter.address)
  return wired ? (wiring?.speaker(wired) ?? null) : null
}

/** The meters that push. */
const membersOf = (here: readonly VillageMeter[], instruments: ReadonlyMap<string, Instrument>): Member[] =>
  here.flatMap(({ id, family }) => (family === undefined ? [] : [{ family, instrument: instruments.get(id)! }]))

const QUARTER_MS = 900_000

const fleetOf = ({ id }: VillageLine, members: readonly Member[], field: Field, options: VillageOptions): FleetOptions => {
  const { broker, host, ports, everyMs, onBrokerGone } = options
  const port = ports?.get(id)
  return {
    field,
    line: id,
    members,
    everyMs: everyMs ?? QUARTER_MS,
    ...(broker !== undefined && { broker }),
    ...(host !== undefined && { host }),
    ...(port !== undefined && { port }),
    ...(onBrokerGone !== undefined && { onBrokerGone }),
  }
}

/** The instruments of a village without any socket: what a checker recomputes from. */
export const instrumentsOf = (plan: VillagePlan): Map<string, Instrument> => {
  const instruments = new Map<string, Instrument>()
  for (const area of plan.areas) {
    const here = plan.meters.filter((meter) => meter.area === area.id)
    const { traces } = solveArea(plan.seed, area, here)
    for (const meter of here)
      instruments.set(
        meter.id,
        new Instrument({ id: meter.id, seed: plan.seed, trace: traces.get(meter.id)!, ct: ratioOf(meter.ct), pt: ratioOf(meter.pt) }),
      )
  }
  return instruments
}

/** `400/5` is 80. */
export const ratioOf = (text: string): number => {
  const [primary = '1', secondary = '1'] = text.split('/')
  return Number(primary) / Number(secondary)
}

const serveLine = (
  line: VillageLine,
  here: readonly VillageMeter[],
  instruments: ReadonlyMap<string, Instrument>,
  meters: Map<string, ModbusMeter | Dlt645Meter>,
  profiles: (id: string) => MapProfile,
  field: Field,
  options: VillageOptions,
): Promise<Listener> => {
  const host = options.host ?? '127.0.0.1'
  const pace = options.pace ?? REACTION
  const port = options.ports?.get(line.id) ?? 0
  if (line.kind === 'dlt645') {
    const list = here.map(({ id, address, profile }) =>
      dlt645Meter({ instrument: instruments.get(id)!, address, variant: profile.includes('1997') ? '1997' : '2007' }),
    )
    for (const meter of list) meters.set(meter.id, meter)
    return serveDlt645({ field, line: line.id, meters: list, host, port, pace })
  }
  const units = new Map<number, ModbusMeter>()
  for (const { id, address, profile } of here) {
    const meter = modbusMeter(profiles(profile), instruments.get(id)!, { unit: Number(address) })
    units.set(Number(address), meter)
    meters.set(id, meter)
  }
  const serve = line.kind === 'modbus-tcp' ? serveModbusTcp : serveRtuOverTcp
  return serve({ field, line: line.id, meters: units, host, port, pace })
}

const cached = (load: (id: string) => MapProfile): ((id: string) => MapProfile) => {
  const known = new Map<string, MapProfile>()
  return (id) => {
    const profile = known.get(id) ?? load(id)
    known.set(id, profile)
    return profile
  }
}

/** Lets the orders that change meters do so. */
const changeMeters = (fault: Fault & { readonly from: number }, plan: VillagePlan, instruments: ReadonlyMap<string, Instrument>): void => {
  for (const { id, line, profile } of plan.meters)
    if ((fault.meter === undefined || fault.meter === id) && (fault.line === undefined || fault.line === line))
      strike(instruments.get(id)!, fault, fault.from, lastDigit(profile))
}

/** Where the import register starts again, kWh: six digits, or 32 bits of hundredths. */
const lastDigit = (profile: string): number => (/^(dlt645|gw3761|dlt698)/.test(profile) ? 1_000_000 : 42_949_672.96)

/** Identifiers of the codes a DL/T 645 face shows; the meter itself is asked, so that sign, cut and digits are its own. */
const dlt645Face = (meter: Dlt645Meter, obis: string, at: number): Face | null => {
  const quantity = quantityOf(obis)
  if (!quantity) return null
  for (const di of candidates(quantity.d)) {
    const cut = answerItem({ meter: meter.state, at, di, extra: [] })?.find(({ said }) => said?.obis === obis)
    if (cut?.said?.text !== null && cut?.said?.text !== undefined) return { text: cut.said.text, unit: cut.said.unit }
  }
  return null
}

type Identifier = readonly [number, number, number, number]
const candidates = (d: number): readonly Identifier[] => {
  if (d === 8)
    return [
      ...[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10].map((kind): Identifier => [0, kind, 0xff, 0]),
      ...[0x15, 0x16, 0x17, 0x18, 0x29, 0x2a, 0x2b, 0x2c, 0x3d, 0x3e, 0x3f, 0x40].map((kind): Identifier => [0, kind, 0, 0]),
    ]
  if (d === 6) return [1, 2, 3, 4, 5, 6, 7, 8, 9, 10].map((kind): Identifier => [1, kind, 0, 0])
  return [
    ...[1, 2, 3, 4, 5, 6, 7, 8, 9].map((kind): Identifier => [2, kind, 0xff, 0]),
    ...[1, 2, 4].map((one): Identifier => [2, 0x80, 0, one]),
  ]
}
