import { renameSync, rmSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { type Command, Option } from 'commander'
import { reached } from './gateway-api.ts'
import { CommandFailed, EXIT } from './output.ts'

interface Options {
  readonly url: string
  readonly token?: string
  readonly out?: string
}
interface CimOptions extends Options {
  readonly from: string
  readonly to: string
  readonly point?: readonly string[]
  readonly area?: string
  readonly zone?: string
  readonly content: readonly string[]
  readonly period: string
  readonly side: string
  readonly format: string
}
interface EspiOptions extends Options {
  readonly from?: string
  readonly to?: string
  readonly period: string
}

const PERIODS = ['15m', '1h', 'day', 'month']

/** `gridtally interchange …`: figures of a running gateway in the forms of other houses. */
export const interchangeCommands = (program: Command): void => {
  const group = program.command('interchange').description('figures in the forms of other houses: CIM (IEC 61968-9) and Green Button')
  const command = (name: string, description: string) =>
    group
      .command(name)
      .description(description)
      .option('--url <url>', 'address of the API', 'http://127.0.0.1:8645')
      .option('--token <token>', 'bearer token; or in the environment as GRIDTALLY_TOKEN')
      .option('--out <file>', 'writes it there, and only when it is whole; without: standard output')
  command('cim', 'MeterReadings of points, an area, a zone or all')
    .requiredOption('--from <instant>', 'start: 2026-11-01T00:00:00+08:00')
    .requiredOption('--to <instant>', 'end, exclusive')
    .option('--point <point...>', 'only these')
    .option('--area <area>', 'only of this transformer area')
    .option('--zone <zone>', 'only of this zone')
    .option('--content <what...>', 'registers instants intervals', ['registers'])
    .addOption(new Option('--period <period>', 'length of the intervals').choices(PERIODS).default('day'))
    .addOption(
      new Option('--side <side>', 'registers times the ratio, or as on the face').choices(['primary', 'displayed']).default('primary'),
    )
    .addOption(new Option('--format <format>', 'of the message').choices(['xml', 'json']).default('xml'))
    .action(({ point, content, ...options }: CimOptions) =>
      fetchMessage(options, '/api/v1/interchange/cim/meter-readings', {
        ...{ from: options.from, to: options.to, area: options.area, zone: options.zone },
        ...{ period: options.period, side: options.side, format: options.format },
        content: content.join(','),
        point: point?.join(','),
      }),
    )
  command('espi', 'Green Button usage feed of a point')
    .argument('<point>', 'metering point')
    .option('--from <instant>', 'start; 31 days before the end unless given')
    .option('--to <instant>', 'end, exclusive; now unless given')
    .addOption(new Option('--period <period>', 'length of an interval').choices(PERIODS).default('1h'))
    .action((point: string, { from, to, period, ...options }: EspiOptions) =>
      fetchMessage(options, `/api/v1/interchange/espi/usage-points/${encodeURIComponent(point)}/feed.xml`, { from, to, period }),
    )
}

const wordOf = (body: unknown, name: string): string | null => {
  const value: unknown = typeof body === 'object' && body !== null ? Reflect.get(body, name) : undefined
  return typeof value === 'string' ? value : null
}

/** Writes an answer as it comes. A file appears under its name when all of it is there. */
const fetchMessage = async (place: Options, path: string, query: Readonly<Record<string, string | undefined>>): Promise<void> => {
  const { url, out } = place
  const response = await reached(place, path, query)
  if (!response.ok || !response.body) {
    const body: unknown = await response.json().catch(() => null)
    const why = wordOf(body, 'detail') ?? response.statusText
    const hint = wordOf(body, 'hint')
    const text = `${url} answered ${response.status}: ${why}${hint ? `; ${hint}` : ''}`
    throw new CommandFailed(text, response.status === 400 ? EXIT.usage : EXIT.failed)
  }
  const { body } = response
  if (out === undefined) return await whole(pipeline(Readable.fromWeb(body), process.stdout, { end: false }))
  const part = `${out}.part`
  // Opened before anything flows: a stream that fails early would make the file after it was removed.
  const file = await open(part, 'w').catch((error: Error) => {
    void body.cancel().catch(() => undefined)
    throw new CommandFailed(`${part} cannot be written: ${error.message}`)
  })
  try {
    await whole(pipeline(Readable.fromWeb(body), file.createWriteStream()))
    renameSync(part, out)
  } catch (error) {
    await file.close().catch(() => undefined)
    rmSync(part, { force: true })
    throw error
  }
}

const whole = async (written: Promise<void>): Promise<void> => {
  try {
    await written
  } catch (error) {
    const cause = error instanceof Error ? error.message : String(error)
    throw new CommandFailed(`the message broke off and is not whole (${cause}): the log of the gateway says why; nothing of it may be used`)
  }
}
