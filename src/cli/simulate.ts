import { simulateBroker, simulateConcentrators, simulateMeter, simulateMqtt, simulateVillage } from '../../simulators/index.ts'
import { openProfiles } from '../gateway/profiles.ts'
import { CommandFailed, complain, EXIT, failure, print } from './output.ts'

export interface VillageArguments {
  readonly out: string
  readonly seed: number
  readonly meters: number
  readonly host: string
  readonly speed?: number
  readonly start?: string
  readonly every: string
  readonly fault?: readonly string[]
  readonly influx?: string
  readonly httpPort?: number
  readonly push?: boolean
  readonly concentrators?: boolean
  readonly scenes?: string
  readonly broker?: string
  readonly stdin?: boolean
  readonly for?: number
}

/** `gridtally simulate village`: runs until it is told to stop. */
export const simulateVillageCommand = async (args: VillageArguments): Promise<void> => {
  const start = args.start === undefined ? undefined : Date.parse(args.start)
  if (start !== undefined && Number.isNaN(start))
    throw new CommandFailed(`--start ${args.start} is no instant; for example 2026-11-21T00:00:00Z`, EXIT.usage)
  const scenes = args.scenes === undefined ? undefined : Date.parse(args.scenes)
  if (scenes !== undefined && Number.isNaN(scenes))
    throw new CommandFailed(`--scenes ${args.scenes} is no instant; for example 2026-11-21T00:00:00Z`, EXIT.usage)
  const running = await simulateVillage(
    {
      seed: args.seed,
      meters: args.meters,
      out: args.out,
      host: args.host,
      every: args.every,
      ...(args.speed === undefined ? {} : { speed: args.speed }),
      ...(start === undefined ? {} : { start }),
      ...(args.fault === undefined ? {} : { faults: args.fault }),
      ...(args.push || args.broker !== undefined ? { push: true } : {}),
      ...(args.broker === undefined ? {} : { broker: args.broker }),
      ...(args.concentrators ? { concentrators: true } : {}),
      ...(scenes === undefined ? {} : { scenesBefore: scenes }),
      ...(args.influx === undefined ? {} : { influx: args.influx }),
      ...(args.httpPort === undefined ? {} : { http: { port: args.httpPort } }),
      ...(args.for === undefined ? {} : { forMs: args.for }),
    },
    print,
    complain,
  )
  if (!running.ok) throw failure(running.error, EXIT.usage)
  // A parent that dies, however it dies, closes our standard input.
  if (args.stdin) process.stdin.resume().once('close', () => void running.value.stop())
  await running.value.ended
  process.stdin.destroy()
}

export interface LineArguments {
  readonly profile: string
  readonly unit?: readonly string[]
  readonly address?: readonly string[]
  readonly seed: number
  readonly host: string
  readonly port: number
  readonly pty?: boolean
  readonly baud?: number
  readonly fault?: readonly string[]
  readonly for?: number
}

/** `gridtally simulate modbus-tcp|modbus-rtu|dlt645`: one line with a few meters. */
export const simulateLine = async (protocol: 'modbus-tcp' | 'modbus-rtu' | 'dlt645', args: LineArguments): Promise<void> => {
  const units = args.unit?.map((text) => {
    const unit = Number(text)
    if (!Number.isInteger(unit) || unit < 1 || unit > 247) throw new CommandFailed(`--unit ${text}: allowed are 1 to 247`, EXIT.usage)
    return unit
  })
  for (const address of args.address ?? [])
    if (!/^\d{12}$/.test(address)) throw new CommandFailed(`--address ${address}: a DL/T 645 address has 12 digits`, EXIT.usage)
  if (protocol !== 'dlt645' && args.profile !== 'address' && !openProfiles(null).ids.includes(args.profile))
    throw new CommandFailed(`--profile ${args.profile} does not exist; gridtally profile list names them`, EXIT.usage)
  const running = await simulateMeter(
    {
      protocol,
      profile: args.profile,
      seed: args.seed,
      host: args.host,
      port: args.port,
      ...(units === undefined ? {} : { units }),
      ...(args.address === undefined ? {} : { addresses: args.address }),
      ...(args.pty === undefined ? {} : { pty: args.pty }),
      ...(args.baud === undefined ? {} : { baud: args.baud }),
      ...(args.fault === undefined ? {} : { faults: args.fault }),
      ...(args.for === undefined ? {} : { forMs: args.for }),
    },
    print,
  )
  if (!running.ok) throw failure(running.error, EXIT.usage)
  await running.value.ended
}

export interface BrokerArguments {
  readonly host: string
  readonly port: number
  readonly stdin?: boolean
  readonly for?: number
}

/** `gridtally simulate broker`: an MQTT broker with nothing on disk, for simulations. */
export const simulateBrokerCommand = async (args: BrokerArguments): Promise<void> => {
  const running = await simulateBroker({ host: args.host, port: args.port, ...(args.for === undefined ? {} : { forMs: args.for }) }, print)
  if (args.stdin) process.stdin.resume().once('close', () => void running.stop())
  await running.ended
  process.stdin.destroy()
}

export interface MqttArguments {
  readonly url: string
  readonly family: string
  readonly meters: number
  readonly every: string
  readonly seed: number
  readonly truth?: string
  readonly fault?: readonly string[]
  readonly for?: number
}

/** `gridtally simulate mqtt`: meters of one device family that push to a broker. */
export const simulateMqttCommand = async (args: MqttArguments): Promise<void> => {
  const running = await simulateMqtt(
    {
      url: args.url,
      family: args.family,
      meters: args.meters,
      every: args.every,
      seed: args.seed,
      ...(args.truth === undefined ? {} : { truth: args.truth }),
      ...(args.fault === undefined ? {} : { faults: args.fault }),
      ...(args.for === undefined ? {} : { forMs: args.for }),
    },
    print,
  )
  if (!running.ok) throw failure(running.error, EXIT.usage)
  await running.value.ended
}

export interface ConcentratorsArguments {
  readonly to: string
  readonly count: number
  readonly meters: number
  readonly protocol: 'gw3761' | 'dlt698' | 'mixed'
  readonly region: string
  readonly first: number
  readonly seed: number
  readonly edition: '2009' | '2013'
  readonly heartbeat: string
  readonly frameLimit: number
  readonly successRate: number
  readonly emptyArchive?: boolean
  readonly spread?: boolean
  readonly truth?: string
  readonly ledger?: string
  readonly fault?: readonly string[]
  readonly for?: number
}

/** `gridtally simulate concentrators`: concentrators that dial a gateway. */
export const simulateConcentratorsCommand = async (args: ConcentratorsArguments): Promise<void> => {
  if (!/^\d{4}$/.test(args.region)) throw new CommandFailed(`--region ${args.region}: four digits`, EXIT.usage)
  const { for: forMs, fault, ...rest } = args
  const running = await simulateConcentrators(
    { ...rest, ...(fault === undefined ? {} : { faults: fault }), ...(forMs === undefined ? {} : { forMs }) },
    print,
  )
  if (!running.ok) throw failure(running.error, EXIT.usage)
  await running.value.ended
}
