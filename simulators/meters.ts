import type { Clock } from '../src/core/clock.ts'
import { systemClock } from '../src/core/clock.ts'
import { type Field, plainField } from './answering.ts'
import { serveDlt645, serveDlt645Serial } from './dlt645/line.ts'
import { type Dlt645Meter, dlt645Meter } from './dlt645/meter.ts'
import { Instrument } from './instrument.ts'
import { addressMeter, type ModbusMeter, modbusMeter } from './modbus/meter.ts'
import { loadMapProfile, type MapProfile } from './modbus/profile.ts'
import { serveRtuOverTcp, serveRtuSerial } from './modbus/rtu.ts'
import { serveModbusTcp } from './modbus/tcp.ts'
import { numberOf } from './random.ts'
import { villageOf } from './village/describe.ts'
import { solveArea, type Trace } from './village/grid.ts'
import type { Pace } from './wire.ts'

/** What every stand-alone simulator takes. */
export interface SimulatorOptions {
  readonly seed?: number
  readonly clock?: Clock
  readonly host?: string
  /** 0 or absent = the system picks one. */
  readonly port?: number
  readonly pace?: Pace
  /** Clock, truth log and faults shared with other simulators; instead of `clock`. */
  readonly field?: Field
}

export interface ModbusSimulatorOptions extends SimulatorOptions {
  /** Profile id, a profile, or `address`: every word is its own address. */
  readonly profile: string | MapProfile
  readonly unit?: number
  /** Several meters on one port; instead of `unit`. */
  readonly units?: readonly number[]
  /** Ledger id of a meter by its unit; `U1`, `U2` … when absent. */
  readonly idOf?: (unit: number) => string
  readonly ct?: number
  readonly pt?: number
  /** Refuse even the holes the profile says a read may span. */
  readonly strictHoles?: boolean
}

/** A simulator that runs. */
export interface Simulator {
  readonly host: string
  readonly port: number
  readonly field: Field
  readonly instruments: ReadonlyMap<string, Instrument>
  close(): Promise<void>
}

/** The same on a serial device. */
export interface SerialSimulator {
  readonly path: string
  readonly field: Field
  readonly instruments: ReadonlyMap<string, Instrument>
  close(): Promise<void>
}

const traces = new Map<string, Trace>()

/** What flows through a lone meter: a shop for three phases, a household with solar for one. The same for the same seed. */
export const loneTrace = (seed: number, phases: 1 | 3): Trace => {
  const key = `${seed} ${phases}`
  let trace = traces.get(key)
  if (!trace) {
    const village = villageOf(seed, 24)
    const area = village.areas[0]!
    const wanted = village.meters.find(({ area: id, use }) => id === area.id && use === (phases === 3 ? 'shop' : 'household'))!
    const meter = { ...wanted, solarW: phases === 1 ? 3000 : 0 }
    trace = solveArea(seed, area, [meter]).traces.get(meter.id)!
    traces.set(key, trace)
  }
  return trace
}

/** Three-phase when the map has a second phase. */
const phasesOf = (profile: MapProfile): 1 | 3 => (profile.registers.some(({ obis }) => obis === '1-0:52.7.0') ? 3 : 1)

const modbusMeters = (options: ModbusSimulatorOptions): { meters: Map<number, ModbusMeter>; instruments: Map<string, Instrument> } => {
  const meters = new Map<number, ModbusMeter>()
  const instruments = new Map<string, Instrument>()
  for (const unit of options.units ?? [options.unit ?? 1]) {
    const id = options.idOf?.(unit) ?? `U${unit}`
    if (options.profile === 'address') {
      meters.set(unit, addressMeter(id))
      continue
    }
    const profile = typeof options.profile === 'string' ? loadMapProfile(options.profile) : options.profile
    const seed = (options.seed ?? 1) + numberOf(id)
    const instrument = new Instrument({
      id,
      seed,
      trace: loneTrace(options.seed ?? 1, phasesOf(profile)),
      ct: options.ct ?? 1,
      pt: options.pt ?? 1,
    })
    instruments.set(id, instrument)
    meters.set(unit, modbusMeter(profile, instrument, { unit, strictHoles: options.strictHoles ?? false }))
  }
  return { meters, instruments }
}

const fieldOf = (options: SimulatorOptions): Field => options.field ?? plainField(options.clock ?? systemClock)
const listening = ({ host, port, pace }: SimulatorOptions): { host: string; port: number; pace: Pace } => ({
  host: host ?? '127.0.0.1',
  port: port ?? 0,
  pace: pace ?? {},
})

/** Modbus TCP meters of one model behind one port, served by `modbus-serial`. */
export const startModbusTcpMeter = async (options: ModbusSimulatorOptions): Promise<Simulator> => {
  const field = fieldOf(options)
  const { meters, instruments } = modbusMeters(options)
  const listener = await serveModbusTcp({ field, line: 'modbus-tcp', meters, ...listening(options) })
  return { ...listener, field, instruments }
}

/** A Modbus RTU bus behind a transparent serial server. */
export const startRtuOverTcp = async (options: ModbusSimulatorOptions): Promise<Simulator> => {
  const field = fieldOf(options)
  const { meters, instruments } = modbusMeters(options)
  const listener = await serveRtuOverTcp({ field, line: 'modbus-rtu', meters, ...listening(options) })
  return { ...listener, field, instruments }
}

/** A Modbus RTU bus on a serial device (one end of a pty pair, or a real one). */
export const startPtyModbus = async (options: ModbusSimulatorOptions & { readonly path: string }): Promise<SerialSimulator> => {
  const field = fieldOf(options)
  const { meters, instruments } = modbusMeters(options)
  const bus = await serveRtuSerial(options.path, { field, line: 'modbus-rtu', meters, pace: options.pace ?? {} })
  return { path: options.path, field, instruments, close: bus.close }
}

/** One meter of a DL/T 645 line. */
export interface Dlt645MeterSpec {
  /** Twelve digits. */
  readonly address: string
  readonly id?: string
  readonly phases?: 1 | 3
  readonly variant?: '2007' | '1997'
  readonly wakeUps?: number
  readonly frameLimit?: number
  readonly password?: string
  readonly echoWildcard?: boolean
  readonly ct?: number
  readonly pt?: number
}

export interface Dlt645SimulatorOptions extends SimulatorOptions {
  readonly meters: readonly Dlt645MeterSpec[]
}

const dlt645Meters = (options: Dlt645SimulatorOptions): { meters: Dlt645Meter[]; instruments: Map<string, Instrument> } => {
  const instruments = new Map<string, Instrument>()
  const meters = options.meters.map(({ id, phases, ct, pt, ...rest }) => {
    const name = id ?? rest.address
    const instrument = new Instrument({
      id: name,
      seed: (options.seed ?? 1) + numberOf(name),
      trace: loneTrace(options.seed ?? 1, phases ?? 1),
      ct: ct ?? 1,
      pt: pt ?? 1,
    })
    instruments.set(name, instrument)
    return dlt645Meter({ instrument, ...rest })
  })
  return { meters, instruments }
}

/** DL/T 645 meters on a line behind a transparent serial server. */
export const startDlt645Line = async (options: Dlt645SimulatorOptions): Promise<Simulator> => {
  const field = fieldOf(options)
  const { meters, instruments } = dlt645Meters(options)
  const listener = await serveDlt645({ field, line: 'dlt645', meters, ...listening(options) })
  return { ...listener, field, instruments }
}

/** DL/T 645 meters on a serial device. */
export const startPtyDlt645 = async (options: Dlt645SimulatorOptions & { readonly path: string }): Promise<SerialSimulator> => {
  const field = fieldOf(options)
  const { meters, instruments } = dlt645Meters(options)
  const bus = await serveDlt645Serial(options.path, { field, line: 'dlt645', meters, pace: options.pace ?? {} })
  return { path: options.path, field, instruments, close: bus.close }
}
