import { type Clock, scaledClock, systemClock } from '../src/core/clock.ts'
import type { Result } from '../src/core/result.ts'
import { failWith, many, ok } from '../src/core/result.ts'
import { plainField } from './answering.ts'
import { serveBroker } from './broker.ts'
import { strike } from './faults.ts'
import { Instrument } from './instrument.ts'
import { lifetime, parseFaults, periodMs } from './lifetime.ts'
import {
  type Dlt645MeterSpec,
  loneTrace,
  startDlt645Line,
  startModbusTcpMeter,
  startPtyDlt645,
  startPtyModbus,
  startRtuOverTcp,
} from './meters.ts'
import { FAMILY_IDS, familyOf, pushAddressOf, pushTopicOf } from './mqtt/families.ts'
import { startFleet } from './mqtt/fleet.ts'
import { openPtyPair } from './pty.ts'
import { numberOf } from './random.ts'
import { noTruth, openTruth } from './truth.ts'
import { PUSH_MIX } from './village/describe.ts'
import { writeVillageFiles } from './village/files.ts'
import { startVillage, type Village } from './village/start.ts'
import { characterBits, type Pace } from './wire.ts'

/** What `gridtally simulate village` is asked for; texts as typed. */
export interface SimulateVillageOptions {
  readonly seed: number
  readonly meters?: number
  readonly out: string
  readonly host?: string
  /** How many village seconds pass in a real one; 1 = the real clock. */
  readonly speed?: number
  /** Village time at the start, milliseconds since 1970 UTC; absent = now. */
  readonly start?: number
  readonly faults?: readonly string[]
  readonly http?: { readonly host?: string; readonly port?: number }
  readonly influx?: string
  readonly data?: string
  readonly every?: string
  /** Things are wrong in the village since before this village instant: see village/scenes.ts. */
  readonly scenesBefore?: number
  /** Some meters push to an MQTT broker. */
  readonly push?: boolean
  /** Two concentrators dial in, each with a transformer area. */
  readonly concentrators?: boolean
  /** A broker that runs, for `push`; absent = the village starts its own. */
  readonly broker?: string
  /** Ends by itself after so many real milliseconds. */
  readonly forMs?: number
}

export type Print = (line: string) => void

/** A village that runs, with its files written. */
export interface RunningVillage {
  readonly village: Village
  readonly gateway: string
  readonly ledger: string
  /** Resolves when the time is over or the process was told to end, with everything closed. */
  readonly ended: Promise<void>
  stop(): Promise<void>
}

/**
 * Starts a village, writes its files and says what listens where. The caller prints and waits for `ended`.
 *
 * @errors  SIMULATOR_FAULT when an order cannot be read; nothing was started
 */
export const simulateVillage = async (
  options: SimulateVillageOptions,
  print: Print = console.log,
  warn: Print = console.error,
): Promise<Result<RunningVillage>> => {
  const realStart = Date.now()
  const start = options.start ?? realStart
  const speed = options.speed ?? 1
  const real = speed === 1 && options.start === undefined
  const clock: Clock = real ? systemClock : scaledClock(start, realStart, speed)
  const faults = parseFaults(options.faults ?? [], clock.now())
  if (!faults.ok) return faults
  const { seed, out, meters, host, http, influx, data, every, push, broker } = options
  const village = await startVillage({
    seed,
    out,
    clock,
    faults: faults.value,
    ...(options.scenesBefore !== undefined && { scenesBefore: options.scenesBefore }),
    ...(meters !== undefined && { meters }),
    ...(host !== undefined && { host }),
    ...(push && { lines: PUSH_MIX, onBrokerGone: (why: string) => warn(`${why}; nothing is pushed any more`) }),
    ...(push && broker !== undefined && { broker }),
    ...(every !== undefined && { everyMs: periodMs(every) }),
    ...(options.concentrators && { concentrators: true }),
  })
  const files = writeVillageFiles(village, out, {
    ...(real ? {} : { clock: { start, realStart, speed } }),
    ...(http && { http }),
    ...(influx !== undefined && { influx }),
    ...(data !== undefined && { data }),
    ...(every !== undefined && { every }),
  })
  print(
    `village of seed ${seed}: ${village.meters.length} meters, ${village.plan.areas.length} transformer areas, ${village.lines.length} lines`,
  )
  for (const { id, kind, host: at, port, meters: on } of village.lines)
    print(`  ${id.padEnd(8)} ${kind.padEnd(10)} ${at}:${port}  ${on.length} ${on.length === 1 ? 'meter' : 'meters'}`)
  print(`files: ${files.gateway}, ${files.ledger}; truth log: ${village.truthPath}`)
  print(`gridtally run -c ${files.gateway}`)
  const life = lifetime(() => village.close(), options.forMs)
  return ok({ village, ...files, ...life })
}

/** What `gridtally simulate modbus` and `gridtally simulate dlt645` are asked for. */
export interface SimulateMeterOptions {
  readonly protocol: 'modbus-tcp' | 'modbus-rtu' | 'dlt645'
  readonly profile?: string
  readonly units?: readonly number[]
  /** DL/T 645 addresses. */
  readonly addresses?: readonly string[]
  readonly variant?: '2007' | '1997'
  readonly phases?: 1 | 3
  readonly seed?: number
  readonly host?: string
  readonly port?: number
  /** Serve on a pseudo terminal; the end to open is printed. */
  readonly pty?: boolean
  readonly baud?: number
  readonly parity?: 'none' | 'even' | 'odd'
  readonly reactionMs?: readonly [number, number]
  readonly faults?: readonly string[]
  readonly forMs?: number
}

/** A lone simulator that runs. */
export interface RunningMeter {
  /** `tcp://127.0.0.1:40001`, or the path of the device to open. */
  readonly where: string
  readonly ended: Promise<void>
  stop(): Promise<void>
}

/** Starts meters of one kind on one line and says where. @errors SIMULATOR_FAULT */
export const simulateMeter = async (options: SimulateMeterOptions, print: Print = console.log): Promise<Result<RunningMeter>> => {
  const faults = parseFaults(options.faults ?? [], Date.now())
  if (!faults.ok) return faults
  const { protocol, seed, host, port } = options
  const pace: Pace = {
    ...(options.baud !== undefined && {
      baud: options.baud,
      bits: characterBits(options.parity ?? (protocol === 'dlt645' ? 'even' : 'none')),
    }),
    reactionMs: options.reactionMs ?? (options.baud === undefined ? [1, 4] : [20, 60]),
  }
  const common = { pace, ...(seed !== undefined && { seed }), ...(host !== undefined && { host }), ...(port !== undefined && { port }) }
  const modbus = { ...common, profile: options.profile ?? 'eastron-sdm630', units: options.units ?? [1] }
  const meters = (options.addresses ?? ['202608150042']).map(
    (address): Dlt645MeterSpec => ({
      address,
      ...(options.variant && { variant: options.variant }),
      ...(options.phases && { phases: options.phases }),
    }),
  )
  const pair = options.pty ? await openPtyPair() : null
  const simulator = pair
    ? protocol === 'dlt645'
      ? await startPtyDlt645({ ...common, meters, path: pair.meterEnd })
      : await startPtyModbus({ ...modbus, path: pair.meterEnd })
    : protocol === 'dlt645'
      ? await startDlt645Line({ ...common, meters })
      : await (protocol === 'modbus-tcp' ? startModbusTcpMeter : startRtuOverTcp)(modbus)
  for (const fault of faults.value) {
    simulator.field.desk.order({ ...fault, from: fault.from ?? Date.now() })
    for (const instrument of simulator.instruments.values())
      strike(instrument, fault, fault.from ?? Date.now(), protocol === 'dlt645' ? 1_000_000 : 42_949_672.96)
  }
  const where = pair ? pair.gatewayEnd : 'port' in simulator ? `tcp://${simulator.host}:${simulator.port}` : simulator.path
  print(
    `${protocol} ${protocol === 'dlt645' ? meters.map(({ address }) => address).join(' ') : `${modbus.profile} units ${modbus.units.join(' ')}`} on ${where}`,
  )
  const life = lifetime(async () => {
    await simulator.close()
    await pair?.close()
  }, options.forMs)
  return ok({ where, ...life })
}

const fail = failWith({
  SIMULATOR_FAMILY: { recovery: 'stop', hint: `--family is one of: ${FAMILY_IDS.join(' ')}` },
  SIMULATOR_BROKER: { recovery: 'stop', hint: '--url is mqtt://HOST:PORT or mqtts://HOST:PORT' },
})

/** What `gridtally simulate mqtt` is asked for; texts as typed. */
export interface SimulateMqttOptions {
  readonly url: string
  readonly family: string
  /** `M0001` and up. */
  readonly meters?: number
  readonly every?: string
  readonly seed?: number
  readonly faults?: readonly string[]
  /** File for the truth log. */
  readonly truth?: string
  readonly forMs?: number
}

/** Publishes meters of one device family to a broker. @errors SIMULATOR_FAULT, SIMULATOR_FAMILY, SIMULATOR_BROKER */
export const simulateMqtt = async (options: SimulateMqttOptions, print: Print = console.log): Promise<Result<RunningMeter>> => {
  const family = familyOf(options.family)
  if (!family) return fail('SIMULATOR_FAMILY', `"${options.family}" is no device family`)
  if (!/^(mqtts?|tcp|ssl):\/\/./.test(options.url)) return fail('SIMULATOR_BROKER', `"${options.url}" is no address of a broker`)
  const faults = parseFaults(options.faults ?? [], Date.now())
  if (!faults.ok) return faults
  const seed = options.seed ?? 1
  const field = plainField(systemClock, options.truth === undefined ? noTruth : openTruth(options.truth))
  const members = Array.from({ length: options.meters ?? 1 }, (_, at) => {
    const id = `M${String(at + 1).padStart(4, '0')}`
    const trace = loneTrace(seed, family.phases.includes(3) ? 3 : 1)
    return { family: family.id, instrument: new Instrument({ id, seed: seed + numberOf(id), trace }) }
  })
  for (const fault of faults.value) {
    const from = fault.from ?? Date.now()
    field.desk.order({ ...fault, from })
    for (const { instrument } of members)
      if (fault.meter === undefined || fault.meter === instrument.id) strike(instrument, fault, from, 1_000_000)
  }
  const everyMs = periodMs(options.every ?? '10s')
  const fleet = await startFleet({ field, line: 'mqtt', members, everyMs, broker: options.url })
  print(`${many(members.length, 'meter')} of family ${family.id} on ${many(fleet.connections, 'connection')} to ${fleet.url}`)
  print(`first address ${pushAddressOf(family.id, 'M0001')}, topic ${pushTopicOf(family.id, 'M0001')}, mapping ${family.mapping}`)
  const life = lifetime(async () => {
    await fleet.close()
    await field.truth.close()
  }, options.forMs)
  return ok({ where: fleet.url, ...life })
}

/** Serves an MQTT broker in this process: `gridtally simulate broker`. */
export const simulateBroker = async (
  options: { readonly host?: string; readonly port?: number; readonly forMs?: number },
  print: Print = console.log,
): Promise<RunningMeter> => {
  const broker = await serveBroker(options)
  print(`broker on ${broker.url}`)
  return { where: broker.url, ...lifetime(broker.close, options.forMs) }
}
