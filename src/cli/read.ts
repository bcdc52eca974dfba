import { adapterOf, PROTOCOLS } from '../../protocols/index.ts'
import {
  bindProtocol,
  Calendar,
  hexHidden,
  type Line,
  openLine,
  Poller,
  type TracedExchangeFrame,
  traceFrames,
} from '../acquisition/index.ts'
import { readingJson } from '../api/index.ts'
import { fullObis, hintOf, type Reading, type ReadKind, systemClock } from '../core/index.ts'
import { transportOf } from '../gateway/field.ts'
import { brokenText, openProfiles } from '../gateway/profiles.ts'
import { normaliserOf, parseRatio } from '../normalise/index.ts'
import { parseLineAddress } from './line-address.ts'
import { CommandFailed, complain, EXIT, failure, print, printJson, table } from './output.ts'

export interface ReadArguments {
  readonly line: string
  readonly protocol: string
  readonly address: string
  readonly profile: string
  readonly register?: readonly string[]
  readonly kind?: ReadKind
  readonly nth?: number
  readonly ct?: string
  readonly pt?: string
  readonly timeout?: number
  readonly timezone?: string
  readonly profiles?: string
  readonly trace?: boolean
  readonly json?: boolean
}

const VIEW = { wanted: null, hintOf }

const FRAMINGS: Readonly<Record<string, 'tcp' | 'rtu' | 'ascii'>> = { 'modbus-tcp': 'tcp', 'modbus-rtu': 'rtu', 'modbus-ascii': 'ascii' }

/** `gridtally read`: one meter, once, with no configuration at all; the same path as in service. */
export const read = async (args: ReadArguments): Promise<void> => {
  const framing = FRAMINGS[args.protocol]
  if (!framing && !args.protocol.startsWith('dlt645'))
    throw new CommandFailed(
      `--protocol ${args.protocol} is not spoken here; allowed: ${Object.keys(FRAMINGS).join(', ')}, dlt645, ${PROTOCOLS.filter((id) => id.startsWith('dlt645')).join(', ')}`,
      EXIT.usage,
    )
  const profiles = openProfiles(args.profiles ?? null)
  const profile = profiles.get(args.profile)
  for (const broken of profiles.broken) complain(brokenText(broken))
  if (!profile)
    throw new CommandFailed(`--profile ${args.profile} does not exist; gridtally profile list names all ${profiles.ids.length}`, EXIT.usage)
  const speaks = framing ? profile.protocol === 'modbus' : profile.protocol.startsWith('dlt645')
  if (!speaks) throw new CommandFailed(`--profile ${args.profile} is for ${profile.protocol}, not ${args.protocol}`, EXIT.usage)
  const adapter = adapterOf(profile.protocol, framing ?? 'rtu')
  if (!adapter) throw new CommandFailed(`protocol ${profile.protocol} is not spoken here`, EXIT.usage)
  const obis = args.register?.map((text) => {
    const code = fullObis(text)
    if (code === null) throw new CommandFailed(`--register ${text} is no OBIS code; for example 1.8.0 or 1-0:32.7.0`, EXIT.usage)
    return code
  })
  const ct = parseRatio(args.ct ?? '1')
  const pt = parseRatio(args.pt ?? '1')
  if (!ct || !pt) throw new CommandFailed('--ct and --pt are ratios: 400/5 or 80', EXIT.usage)
  const address = adapter.bind((typed) => typed.address(args.address))
  if (!address.ok) throw failure(address.error, EXIT.usage)

  const transport = transportOf({ transport: parseLineAddress(args.line, framing ? 'none' : 'even') })
  const line = openLine(transport, { id: args.line }, adapter.correlates)
  const frames: object[] = []
  const stopTrace = args.trace
    ? traceFrames(line, (frame) => (args.json ? frames.push(frameJson(frame)) : print(frameText(frame))))
    : () => {}
  try {
    const readings = await readOnce(line, { adapter, address: address.value, profile, args, obis, ct, pt }).finally(stopTrace)
    if (args.json)
      printJson({ ok: true, readings: readings.map((reading) => readingJson(reading, VIEW)), ...(args.trace ? { frames } : {}) })
    else for (const reading of readings) print(readingText(reading))
  } catch (error) {
    if (!(args.json && error instanceof ReadFailed)) throw error
    printJson({ ok: false, error: error.cause, ...(args.trace ? { frames } : {}) })
    throw error
  } finally {
    line.close()
  }
}

class ReadFailed extends CommandFailed {}

interface Wanted {
  readonly adapter: NonNullable<ReturnType<typeof adapterOf>>
  readonly address: string
  readonly profile: Parameters<ReturnType<typeof bindProtocol>>[0]['profile']
  readonly args: ReadArguments
  readonly obis: readonly string[] | undefined
  readonly ct: NonNullable<ReturnType<typeof parseRatio>>
  readonly pt: NonNullable<ReturnType<typeof parseRatio>>
}

const readOnce = async (line: Line, { adapter, address, profile, args, obis, ct, pt }: Wanted): Promise<readonly Reading[]> => {
  const poller = new Poller(line, systemClock)
  const device = bindProtocol(adapter, line)({ id: args.address, address, profile, reactionMs: args.timeout ?? 1000 })
  const plan = device.plan({
    kind: args.kind ?? 'current',
    ...(obis ? { obis } : {}),
    ...(args.nth === undefined ? {} : { nth: args.nth }),
  })
  if (!plan.ok) throw failure(plan.error, EXIT.usage)
  const taken = await poller.read(device, plan.value, { priority: 'demand', insist: true })
  if (!taken.ok) {
    const failed = new ReadFailed(`${taken.error.code} ${taken.error.message}; ${taken.error.hint}`)
    failed.cause = taken.error
    throw failed
  }
  const calendar = new Calendar(args.timezone ?? Intl.DateTimeFormat().resolvedOptions().timeZone)
  const normalise = normaliserOf({ meter: args.address, point: args.address, area: '', ct, pt }, plan.value, (time) =>
    calendar.instantOf(time),
  )
  return taken.value.samples.flatMap((sample) => normalise(sample, taken.value.receivedAt))
}

const readingText = (reading: Reading): string => {
  const { values, absent, measuredAt, quality, ratio } = readingJson(reading, VIEW)
  const rows = values.map(({ obis, name, value, unit }) => [obis ?? '', value, unit, name ?? ''])
  const missing = absent.map(({ obis, code, hint }) => [obis ?? '', 'absent', code, hint ?? ''])
  return `${reading.series.measurement} at ${measuredAt}, ratio ${ratio}, quality ${quality.join(', ')}\n${table([...rows, ...missing])}\n`
}

export const frameText = ({ at, what, bytes, hidden, text, tookMs }: TracedExchangeFrame): string =>
  `${new Date(at).toISOString().slice(11, 23)} ${what.padEnd(9)} ${hexHidden(bytes, hidden)}${tookMs === null ? '' : ` +${tookMs} ms`}${text ? `  ${text}` : ''}`

const frameJson = ({ at, what, bytes, hidden, text, device, tookMs }: TracedExchangeFrame) => ({
  at: new Date(at).toISOString(),
  what,
  hex: hexHidden(bytes, hidden),
  text,
  device,
  ...(tookMs === null ? {} : { tookMs }),
})
