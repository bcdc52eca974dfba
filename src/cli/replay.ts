import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { adapterOf, explainTraced, type Mapping } from '../../protocols/index.ts'
import { Calendar } from '../acquisition/index.ts'
import { readingJson } from '../api/index.ts'
import { type Capture, type CapturedMeter, hexText, readCapture } from '../capture/index.ts'
import type { GatewayConfig } from '../config/index.ts'
import { fullObis, hintOf, many, type Reading } from '../core/index.ts'
import { replayMessages } from '../gateway/capture-messages.ts'
import { type NotUsed, type Replayed, type ReplayMeter, replayLine } from '../gateway/capture-replay.ts'
import { openMappings } from '../gateway/mappings.ts'
import { openProfiles, type Profiles } from '../gateway/profiles.ts'
import { pushWorld } from '../gateway/push-world.ts'
import { Ledger } from '../ledger/index.ts'
import { parseRatio } from '../normalise/index.ts'
import { CommandFailed, EXIT, failure, print, printJson, table } from './output.ts'
import { configOrFail } from './run.ts'

export interface ReplayArguments {
  readonly config?: string
  readonly line?: string
  readonly profile?: string
  readonly profiles?: string
  readonly protocol?: string
  readonly ct?: string
  readonly pt?: string
  readonly timezone?: string
  readonly json?: boolean
}

type Framing = GatewayConfig['lines'][number]['modbus']

/** Everything that a capture and the command line say about the site. */
interface Site {
  readonly capture: Capture
  readonly args: ReplayArguments
  readonly config: GatewayConfig | null
  readonly profiles: Profiles
  readonly meters: readonly CapturedMeter[]
  readonly line: string | null
  readonly framing: Framing
  readonly timezone: string
}

/** `gridtally replay`: a capture through the house, without a line. Exit 1 when an answer did not become a reading. */
export const replay = (file: string, args: ReplayArguments): void => {
  const site = siteOf(captureOf(file), args)
  const isBroker = site.capture.head?.line.kind === 'broker' || site.capture.frames.some(({ what }) => what === 'message')
  const replayed = isBroker ? replayBroker(site) : replayFrames(site)
  if (args.json) printJson(jsonOf(site.capture, replayed))
  else printText(site.capture, replayed)
  if (replayed.notUsed.some(({ isFailure }) => isFailure)) process.exitCode = EXIT.failed
}

const captureOf = (file: string): Capture => {
  let bytes: Buffer
  try {
    bytes = readFileSync(file)
  } catch (error) {
    throw new CommandFailed(error instanceof Error ? error.message : String(error), EXIT.usage)
  }
  const read = readCapture(bytes)
  if (!read.ok) throw failure({ ...read.error, message: `${file}: ${read.error.message}` }, EXIT.usage)
  return read.value
}

const siteOf = (capture: Capture, args: ReplayArguments): Site => {
  const config = args.config === undefined ? null : configOrFail(args.config)
  const { head } = capture
  const line = args.line ?? head?.line.id ?? (config?.lines.length === 1 ? (config.lines[0]?.id ?? null) : null)
  if (config && line === null)
    throw new CommandFailed('--line is needed: a pcap file does not say whose it is, and the configuration has several lines', EXIT.usage)
  const configured = config?.lines.find(({ id }) => id === line)
  return {
    ...{ capture, args, config, line },
    profiles: openProfiles(args.profiles ?? config?.profileDirectory ?? null),
    meters: config && line !== null ? metersOf(config, line) : (head?.meters ?? []),
    framing: configured?.modbus ?? head?.line.framing ?? (args.protocol === 'modbus-ascii' ? 'ascii' : 'rtu'),
    timezone: args.timezone ?? config?.timezone ?? head?.timezone ?? Intl.DateTimeFormat().resolvedOptions().timeZone,
  }
}

/** The ledger's meters of a line as they are now. The file is only looked at. */
const metersOf = ({ dataDirectory }: GatewayConfig, line: string): CapturedMeter[] => {
  if (!existsSync(join(dataDirectory, 'ledger.db')))
    throw new CommandFailed(`${dataDirectory} has no ledger yet: gridtally run makes it; without -c the capture's own meters are used`)
  const ledger = new Ledger(dataDirectory)
  try {
    const areas = new Map(ledger.points().map(({ id, area }) => [id, area]))
    return ledger
      .meters(null)
      .filter((fact) => fact.line === line)
      .map(({ meter, point, address, profile, ct, pt }) => ({ meter, point, area: areas.get(point) ?? '', address, profile, ct, pt }))
  } finally {
    ledger.close()
  }
}

const ratioOf = (text: string, option: string) => {
  const ratio = parseRatio(text)
  if (!ratio) throw new CommandFailed(`${option} ${text}: a ratio as 400/5 or 80`, EXIT.usage)
  return ratio
}

const replayFrames = (site: Site): Replayed => {
  const { capture, args, config, profiles, meters, framing, timezone } = site
  const calendar = new Calendar(timezone)
  const given = args.profile === undefined ? null : profiles.get(args.profile)
  if (given === undefined) throw new CommandFailed(`--profile ${args.profile} does not exist; gridtally profile list names all`, EXIT.usage)
  const known = new Map<string, ReplayMeter | null>()
  const meterFrom = ({ meter, point, area, address, profile, ct, pt }: CapturedMeter): ReplayMeter | null => {
    const found = given ?? profiles.get(profile)
    if (!found) return null
    const facts = { meter, point, area, ct: ratioOf(args.ct ?? ct, '--ct'), pt: ratioOf(args.pt ?? pt, '--pt') }
    return { facts, address, profile: found }
  }
  const nameless = (address: string): ReplayMeter | null =>
    given === null ? null : meterFrom({ meter: address, point: address, area: '', address, profile: given.id, ct: '1', pt: '1' })
  return replayLine(capture, {
    meterOf: (device, address) => {
      const key = `${device ?? ''} ${address ?? ''}`
      const before = known.get(key)
      if (before !== undefined) return before
      const found = meters.find((one) => one.meter === device) ?? meters.find((one) => one.address === address)
      const meter = found ? meterFrom(found) : address === null ? null : nameless(address)
      // Without its address a meter is not known yet; its name alone may be enough next time.
      if (meter !== null || address !== null) known.set(key, meter)
      return meter
    },
    addressOf: (protocol, bytes) => explainTraced(protocol, bytes, 'request').address,
    adapterOf: (meter) => {
      const model = meter?.profile ?? given ?? meters.flatMap(({ profile }) => profiles.get(profile) ?? [])[0]
      const protocol = args.protocol?.startsWith('dlt645') ? (model?.protocol ?? 'dlt645-2007') : model?.protocol
      return protocol === undefined ? null : adapterOf(protocol, framing)
    },
    selections: config?.tasks.flatMap(({ registers }) => (registers ? [registers.flatMap((code) => fullObis(code) ?? [])] : [])) ?? [],
    instantOf: (time) => calendar.instantOf(time),
  })
}

const replayBroker = ({ capture, args, config, meters, line, profiles, timezone }: Site): Replayed => {
  const world = pushWorld(timezone, profiles)
  const source = config?.mqtt.find(({ id }) => id === line)
  const uses =
    source?.mappings ??
    [...new Set(meters.map(({ profile }) => profile.replace(/^mqtt\//, '')))].map((id) => ({ id, zone: null, prefix: null }))
  const mappings = openMappings(config?.mappingDirectory ?? null, world, new Set(uses.map(({ id }) => id)))
  const compiled = uses.flatMap(({ id, zone, prefix }): Mapping[] => {
    const made = mappings.get(id)?.compile({ ...(zone === null ? {} : { zone }), ...(prefix === null ? {} : { prefix }) })
    return made?.ok ? [made.value] : []
  })
  if (compiled.length === 0)
    throw new CommandFailed(
      'no mapping for these messages: gridtally replay CAPTURE -c gateway.yaml takes those of the configuration',
      EXIT.usage,
    )
  const byAddress = new Map(meters.map((one) => [one.address, one]))
  return replayMessages(capture, {
    ...{ mappings: compiled, environment: { ...world, windows: true, explain: false }, broker: line ?? '-' },
    meterOf: (name) => {
      const found = byAddress.get(name)
      if (!found) return null
      const { meter, point, area, ct, pt } = found
      return { meter, point, area, ct: ratioOf(args.ct ?? ct, '--ct'), pt: ratioOf(args.pt ?? pt, '--pt') }
    },
  })
}

const VIEW = { wanted: null, hintOf }
const LONGEST_HEX = 24

const jsonOf = ({ isCut }: Capture, { readings, notUsed, exchanges }: Replayed) => ({
  exchanges,
  isCut,
  readings: readings.map((reading) => readingJson(reading, VIEW)),
  notUsed: notUsed.map(({ at, device, bytes, why, isFailure }) => ({
    ...{ at: new Date(at).toISOString(), device, hex: hexText({ bytes, hidden: [] }), why, isFailure },
  })),
})

const printText = ({ isCut, frames }: Capture, { readings, notUsed, exchanges }: Replayed): void => {
  for (const reading of readings) print(readingText(reading))
  for (const one of notUsed) print(notUsedText(one))
  if (isCut) print('the capture is cut off: what is whole was used')
  const failed = notUsed.filter(({ isFailure }) => isFailure).length
  print(
    `${many(frames.length, 'frame')}, ${many(exchanges, 'request')}, ${many(readings.length, 'reading')}; ${notUsed.length} not used${failed > 0 ? `, ${many(failed, 'answer')} did not become readings` : ''}`,
  )
}

const readingText = (reading: Reading): string => {
  const { values, absent, measuredAt, quality, ratio, meter, point } = readingJson(reading, VIEW)
  const rows = values.map(({ obis, name, value, unit }) => [obis ?? '', value, unit, name ?? ''])
  const missing = absent.map(({ obis, code, hint }) => [obis ?? '', 'absent', code, hint ?? ''])
  return `${meter} at ${point}: ${reading.series.measurement} at ${measuredAt}, ratio ${ratio}, quality ${quality.join(', ')}\n${table([...rows, ...missing])}\n`
}

const notUsedText = ({ at, device, bytes, why, isFailure }: NotUsed): string => {
  const hex = hexText({ bytes: bytes.subarray(0, LONGEST_HEX), hidden: [] })
  return `${isFailure ? 'NOT READ' : 'not used'} ${new Date(at).toISOString()} ${device ?? '-'} [${hex}${bytes.length > LONGEST_HEX ? ' …' : ''}] ${why}`
}
