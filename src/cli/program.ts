import { readFileSync } from 'node:fs'
import { Command, InvalidArgumentError, Option } from 'commander'
import type { EvaluateArguments } from '../../bench/evaluate/index.ts'
import { DECODERS, verifyAnyProfile } from '../../protocols/index.ts'
import { configurationReference, durationMs, GatewaySchema, LedgerSchema } from '../config/index.ts'
import { explain, many } from '../core/index.ts'
import { builtInProfiles, openProfiles, profileFiles, readProfile } from '../gateway/profiles.ts'
import { version } from '../main.ts'
import { analyse } from './analyse/run.ts'
import { auditCommands } from './audit.ts'
import { billingCommands } from './billing.ts'
import { caseCommands } from './cases.ts'
import { clockCommands } from './clocks.ts'
import { concentratorCommands } from './concentrator.ts'
import { configCommands } from './config-commands.ts'
import { decode, vectors } from './decode.ts'
import { demo } from './demo.ts'
import { energy } from './energy.ts'
import { evidenceCommands } from './evidence.ts'
import { exportCommands } from './export.ts'
import { gapCommands } from './gaps.ts'
import { influxCommands } from './influx.ts'
import { interchangeCommands } from './interchange.ts'
import { kpiCommands } from './kpi.ts'
import { ledgerCommands } from './ledger.ts'
import { ledgerSheetCommands } from './ledger-sheets.ts'
import { loss } from './loss.ts'
import { listMappings, mappingSchema, type TryArguments, tryMapping, verifyMappings } from './mapping.ts'
import { outageCommands } from './outages.ts'
import { CommandFailed, complain, EXIT, print, printJson, table } from './output.ts'
import { read } from './read.ts'
import { replay } from './replay.ts'
import { ruleCommands } from './rules.ts'
import { check, configOrFail, run } from './run.ts'
import { scan } from './scan.ts'
import { signalCommands } from './signal.ts'
import {
  simulateBrokerCommand,
  simulateConcentratorsCommand,
  simulateLine,
  simulateMqttCommand,
  simulateVillageCommand,
} from './simulate.ts'
import { keyAccountCommands } from './tiers.ts'
import { tokenCommands } from './tokens.ts'
import { trace } from './trace.ts'
import { adoptUnregistered, closeUnregistered, listUnregistered, showUnregistered } from './unregistered.ts'
import { userCommands } from './users.ts'
import { setTimeNow, writeModbus } from './write.ts'

const duration = (text: string): number => {
  if (!/^\d+(ms|s|m|h)$/.test(text)) throw new InvalidArgumentError('a number and ms, s, m or h: 45s')
  return durationMs(text)
}
const integer =
  (least: number, most: number) =>
  (text: string): number => {
    const value = Number(text)
    if (!Number.isInteger(value) || value < least || value > most) throw new InvalidArgumentError(`a whole number from ${least} to ${most}`)
    return value
  }
const positive = (text: string): number => {
  const value = Number(text)
  if (!(value > 0 && value <= 100_000)) throw new InvalidArgumentError('a number above 0, at most 100000')
  return value
}
const share = (text: string): number => {
  const value = Number(text)
  if (!(value >= 0 && value <= 1)) throw new InvalidArgumentError('a number from 0 to 1')
  return value
}
const json = () => new Option('--json', 'one JSON document instead of text')
const config = () => new Option('-c, --config <file>', 'configuration file').default('config/gateway.yaml')

/** Every command with its options: what `gridtally` can do. Nothing runs before it is told to parse. */
export const program = new Command('gridtally')
  .description('Remote electricity meter-reading gateway')
  .version(version())
  .showHelpAfterError('(gridtally --help lists all commands)')
  .configureHelp({ sortSubcommands: false })
  .addHelpText(
    'after',
    '\nExit codes: 0 done; 1 something failed (no answer, a vector differs, a file is broken); 2 wrong usage or configuration; 70 a bug.',
  )
  .exitOverride((error) => {
    process.exit(error.exitCode === 0 ? 0 : EXIT.usage)
  })

program
  .command('demo')
  .description('a simulated village and a gateway that reads it; needs no server')
  .option('--for <duration>', 'ends by itself: 45s, 5m', duration)
  .option('--influx <url>', 'stores in an InfluxDB 1.x server instead of the embedded store')
  .option('--meters <count>', 'meters in the village', integer(10, 5000), 64)
  .option('--seed <number>', 'another village', integer(0, 2 ** 31), 20260815)
  .option('--speed <factor>', 'village seconds in a real one', positive, 30)
  .option('--every <period>', 'how often current values are read, village time', '10m')
  .option('--history <days>', 'days before the first start that the meters remember; 0 = none, and no case for days', integer(0, 60), 14)
  .option('--dir <directory>', 'where everything is kept', '.data/demo')
  .option('--port <port>', 'port of the API; 0 lets the system choose', integer(0, 65_535), 0)
  .addOption(json())
  .action(demo)

program.command('run').description('the gateway').addOption(config()).option('--json', 'JSON log lines even on a terminal').action(run)

program
  .command('check')
  .description('checks configuration, ledger and profiles; starts nothing')
  .addOption(config())
  .addOption(json())
  .action(check)

const configCommand = program.command('config').description('the configuration and its schemas')
configCommand
  .command('print')
  .description('the effective configuration, defaults filled in, secrets masked')
  .addOption(config())
  .action(({ config: file }: { config: string }) => printJson(configOrFail(file)))
configCommand
  .command('schema')
  .description('JSON Schema of gateway.yaml (or of the ledger file), for editors')
  .option('--ledger', 'the ledger file')
  .action(({ ledger }: { ledger?: boolean }) =>
    printJson({ $schema: 'http://json-schema.org/draft-07/schema#', ...(ledger ? LedgerSchema : GatewaySchema) }),
  )
configCommand
  .command('reference')
  .description('the configuration reference as Markdown: docs/configuration.md')
  .action(() => void process.stdout.write(configurationReference()))

configCommands(configCommand)

program
  .command('read')
  .description('reads one meter once, with no configuration')
  .requiredOption('--line <address>', 'tcp://HOST:PORT or /dev/ttyUSB0[:9600[:8N1]]')
  .requiredOption('--protocol <protocol>', 'modbus-tcp, modbus-rtu, modbus-ascii or dlt645')
  .requiredOption('--address <address>', 'unit 1 to 247, or 12 digits')
  .requiredOption('--profile <id>', 'meter model; gridtally profile list names them')
  .option('--register <obis...>', 'only these: 1.8.0 32.7.0')
  .addOption(new Option('--kind <kind>', 'what to read').choices(['current', 'curve', 'day-freeze', 'month-freeze']).default('current'))
  .option('--nth <number>', 'freezes: how many back', integer(1, 62))
  .option('--ct <ratio>', 'current ratio: 400/5')
  .option('--pt <ratio>', 'voltage ratio')
  .option('--timeout <duration>', 'longest reaction of the meter', duration)
  .option('--timezone <zone>', 'zone of the meter clock, for freezes')
  .option('--profiles <directory>', 'profiles of your own')
  .option('--trace', 'shows the frames')
  .addOption(json())
  .action(read)

program
  .command('scan')
  .description('finds speed, parity, addresses and profiles on a line; only reads')
  .argument('<line>', 'tcp://HOST:PORT or /dev/ttyUSB0[:9600[:8N1]]')
  .option('--units <ranges>', 'Modbus units: 1-32,100', '1-247')
  .option('--baud <speed...>', 'only these speeds')
  .option('--format <format...>', 'only these character formats: 8E1 8N1 8O1 8N2')
  .option('--protocol <protocol...>', 'only these: modbus-tcp modbus-rtu modbus-ascii dlt645-2007 dlt645-1997')
  .option('--quick', 'the likeliest settings, short time-outs, one look at energy')
  .option('--thorough', 'every unit at every setting, long time-outs, looks below every meter found')
  .option('--timeout <duration>', 'longest reaction of a meter', duration)
  .option('--growth <duration>', 'between the two looks at energy; 0s: one look', duration)
  .option('--profiles <directory>', 'profiles of your own')
  .option('--proofs', 'shows the frames that prove each meter')
  .option('--accept <file>', 'writes ledger rows: .yaml (ledger file) or .csv (import)')
  .option('--prefix <text>', 'ids of new meters begin with it; the id of the line unless given')
  .option('--line-id <id>', 'id of the line in gateway.yaml')
  .option('-c, --config <file>', 'configuration file, for --apply')
  .option('--apply', 'writes the rows to the ledger, as one change')
  .option('--who <name>', 'who applies')
  .option('--why <text>', 'why')
  .option('--work-order <number>', 'work order')
  .addOption(json())
  .action(scan)

program
  .command('modbus-write')
  .description('writes registers or coils of one Modbus unit; sends nothing without --allow-writes')
  .argument('<value...>')
  .requiredOption('--line <address>', 'tcp://HOST:PORT or /dev/ttyUSB0[:9600[:8N1]]')
  .requiredOption('--protocol <protocol>', 'modbus-tcp, modbus-rtu or modbus-ascii')
  .requiredOption('--unit <unit>', '1 to 247')
  .requiredOption('--start <address>', 'first register or coil, as on the wire (counts from 0)', integer(0, 65_535))
  .option('--coil', 'coils instead of holding registers')
  .option('--allow-writes', 'really changes the meter')
  .option('--trace', 'shows the frames')
  .action(writeModbus)

program
  .command('set-time')
  .description('sets the clock of every DL/T 645 meter on a line by broadcast; sends nothing without --allow-writes')
  .requiredOption('--line <address>', 'tcp://HOST:PORT or /dev/ttyUSB0[:2400[:8E1]]')
  .option('--timezone <zone>', 'zone of the meter clocks', 'Asia/Shanghai')
  .option('--allow-writes', 'really sets the clocks')
  .option('--trace', 'shows the frames')
  .action(setTimeNow)

program
  .command('trace')
  .description('frames of a line of the running gateway, as they pass')
  .argument('[line]', 'id of the line, or of the broker; without: where --meter is')
  .option('--meter <id>', 'only frames of this meter')
  .addOption(new Option('--direction <direction>', 'only these').choices(['tx', 'rx', 'discarded']))
  .option('--fields', 'every field of each frame, with its byte')
  .option('--out <file>', 'a capture instead: FILE.txt for people, FILE.jsonl, FILE.pcap for Wireshark; gridtally replay reads each')
  .option('--url <url>', 'address of the API', 'http://127.0.0.1:8645')
  .option('--token <token>', 'bearer token; or in the environment as GRIDTALLY_TOKEN')
  .option('--for <duration>', 'ends by itself', duration)
  .option('--json', 'one JSON object a line')
  .action(trace)

program
  .command('replay')
  .description('puts a capture of gridtally trace --out through the house: no line, no store, no ledger is touched')
  .argument('<capture>', 'FILE.txt, FILE.jsonl or FILE.pcap')
  .option('-c, --config <file>', 'meters, tasks and mappings of this configuration instead of those the capture names')
  .option('--line <id>', 'with -c: whose capture it is, where the file does not say')
  .option('--profile <id>', 'decodes by this meter model, whatever the capture says')
  .option('--profiles <directory>', 'profiles of your own')
  .addOption(new Option('--protocol <protocol>', 'of a pcap file of a serial line').choices(['modbus-rtu', 'modbus-ascii', 'dlt645']))
  .option('--ct <ratio>', 'current ratio: 400/5')
  .option('--pt <ratio>', 'voltage ratio')
  .option('--timezone <zone>', 'zone of the meter clocks')
  .addOption(json())
  .action(replay)

const unregistered = program.command('unregistered').description('meters that were heard and are not in the ledger')
const asking = (command: Command): Command =>
  command
    .option('--url <url>', 'address of the API', 'http://127.0.0.1:8645')
    .option('--token <token>', 'bearer token; or in the environment as GRIDTALLY_TOKEN')
    .addOption(json())
asking(unregistered.command('list').description('the open ones, or others'))
  .addOption(new Option('--state <state>', 'only these').choices(['open', 'adopted', 'closed']).default('open'))
  .option('--channel <id>', 'only of this line or broker')
  .option('--overdue', 'only those that should be in the ledger by now')
  .action(listUnregistered)
asking(unregistered.command('show').description('one of them, its history, and its use by month').argument('<id>')).action(showUnregistered)
asking(unregistered.command('adopt').description('puts it into the ledger; its readings follow').argument('<id>'))
  .requiredOption('--meter <id>', 'id the meter gets')
  .requiredOption('--point <id>', 'metering point; made when there is none')
  .requiredOption('--why <reason>', 'stays in the history')
  .option('--area <id>', 'transformer area of a new point')
  .option('--profile <id>', 'meter model, where nobody knows it yet')
  .option('--ct <ratio>', 'current ratio: 400/5')
  .option('--pt <ratio>', 'voltage ratio')
  .option('--from <instant>', 'at the point from then on; first seen if not given')
  .option('--work-order <number>', 'work order')
  .action(adoptUnregistered)
asking(unregistered.command('close').description('it is no meter of ours').argument('<id>'))
  .requiredOption('--why <reason>', 'stays in the history')
  .option('--forever', 'stays closed when it is heard again')
  .action(closeUnregistered)

program
  .command('energy')
  .description('interval energy of a point, as the running gateway works it out')
  .argument('<point>', 'metering point')
  .requiredOption('--from <instant>', 'start: 2026-11-01T00:00:00+08:00')
  .requiredOption('--to <instant>', 'end, exclusive')
  .addOption(new Option('--period <period>', 'length of an interval').choices(['15m', '1h', 'day', 'month']).default('day'))
  .option('--register <code...>', 'only these: 1.8.0 2.8.0')
  .option('--detail', 'the registers behind each figure, and what was set aside')
  .option('--url <url>', 'address of the API', 'http://127.0.0.1:8645')
  .option('--token <token>', 'bearer token; or in the environment as GRIDTALLY_TOKEN')
  .addOption(json())
  .action(energy)
program
  .command('loss')
  .description('line loss of a transformer area, as the running gateway works it out')
  .argument('<area>', 'transformer area')
  .requiredOption('--from <instant>', 'start: 2026-11-01T00:00:00+08:00')
  .requiredOption('--to <instant>', 'end, exclusive')
  .addOption(new Option('--step <step>', 'length of an item').choices(['15m', 'day', 'month']).default('day'))
  .option('--members', 'the members of the sum over whole days, with their registers')
  .option('--url <url>', 'address of the API', 'http://127.0.0.1:8645')
  .option('--token <token>', 'bearer token; or in the environment as GRIDTALLY_TOKEN')
  .addOption(json())
  .action(loss)

program
  .command('decode')
  .description('explains a frame field by field')
  .requiredOption('--protocol <protocol>', DECODERS.join(', '))
  .argument('<hex...>', 'bytes, with or without blanks')
  .option('--direction <direction>', 'request or response, where the frame does not tell')
  .addOption(json())
  .action((hex: string[], { protocol, ...options }: { protocol: string; json?: boolean; direction?: string }) =>
    decode(protocol, hex.join(''), options),
  )

program
  .command('vectors')
  .description('runs vector files through the codecs; exit 1 on any difference')
  .argument('<file...>')
  .addOption(json())
  .action(vectors)

const simulate = program.command('simulate').description('meters on real sockets, faults to order')
simulate
  .command('village')
  .description('a whole village, with gateway.yaml, ledger.yaml and a truth log for gridtally run')
  .requiredOption('--out <directory>', 'where the files go')
  .option('--seed <number>', 'which village', integer(0, 2 ** 31), 1)
  .option('--meters <count>', 'meters', integer(10, 5000), 64)
  .option('--host <address>', 'address to listen on', '127.0.0.1')
  .option('--speed <factor>', 'village seconds in a real one', positive)
  .option('--start <instant>', 'village time at the start')
  .option('--every <period>', 'period of the task `current` in gateway.yaml', '10s')
  .option('--fault <order...>', 'late:meter=M0003,ms=900,probability=0.2; see docs/simulators.md')
  .option('--influx <url>', 'gateway.yaml stores in this InfluxDB 1.x server')
  .option('--http-port <port>', 'port of the API in gateway.yaml', integer(0, 65_535))
  .option('--for <duration>', 'ends by itself', duration)
  .option('--scenes <instant>', 'things go wrong since before this village instant: a bypass, a wrong CT, a dead meter …')
  .option('--push', 'some meters push to an MQTT broker, which is started with the village')
  .option('--broker <url>', 'they push to this broker instead: mqtt://127.0.0.1:1883')
  .option('--concentrators', 'two transformer areas more, behind concentrators that dial in')
  .option('--stdin', 'ends when its standard input is closed')
  .action(simulateVillageCommand)
for (const protocol of ['modbus-tcp', 'modbus-rtu', 'dlt645'] as const)
  simulate
    .command(protocol)
    .description(`a ${protocol} line on a TCP port or a pseudo terminal`)
    .option('--profile <id>', 'Modbus: model', 'eastron-sdm630')
    .option('--unit <number...>', 'Modbus: units')
    .option('--address <digits...>', 'DL/T 645: addresses')
    .option('--seed <number>', 'other values', integer(0, 2 ** 31), 1)
    .option('--host <address>', 'address to listen on', '127.0.0.1')
    .option('--port <port>', '0 lets the system choose', integer(0, 65_535), 0)
    .option('--pty', 'a pseudo terminal instead (needs socat)')
    .option('--baud <baud>', 'bytes at the pace of this speed', integer(50, 4_000_000))
    .option('--fault <order...>', 'faults')
    .option('--for <duration>', 'ends by itself', duration)
    .action((options) => simulateLine(protocol, options))

simulate
  .command('mqtt')
  .description('meters of one device family that push to an MQTT broker')
  .requiredOption('--url <url>', 'the broker: mqtt://127.0.0.1:1883')
  .requiredOption('--family <name>', 'device family: tasmota, zigbee2mqtt, acrel, sparkplug …; see docs/simulators.md')
  .option('--meters <count>', 'meters', integer(1, 1000), 1)
  .option('--every <period>', 'time between two reports: 10s, 15m', '10s')
  .option('--seed <number>', 'other values', integer(0, 2 ** 31), 1)
  .option('--truth <file>', 'writes every value down before it is published')
  .option('--fault <order...>', 'faults: duplicate:probability=0.1 burst:messages=50')
  .option('--for <duration>', 'ends by itself', duration)
  .action(simulateMqttCommand)
simulate
  .command('concentrators')
  .description('concentrators that dial a gateway and answer for their meters')
  .requiredOption('--to <host:port>', 'listener of the gateway: 127.0.0.1:3761')
  .option('--count <number>', 'concentrators', integer(1, 20_000), 1)
  .option('--meters <count>', 'meters of each', integer(0, 2000), 10)
  .addOption(new Option('--protocol <name>', 'what they speak').choices(['gw3761', 'dlt698', 'mixed']).default('gw3761'))
  .option('--region <digits>', 'first four digits of their addresses', '4510')
  .option('--first <number>', 'number of the first one', integer(1, 65_535), 1)
  .option('--seed <number>', 'other values', integer(0, 2 ** 31), 1)
  .addOption(
    new Option('--edition <year>', 'gw3761: heartbeats with (2013) or without the clock').choices(['2009', '2013']).default('2009'),
  )
  .option('--heartbeat <period>', 'heartbeat period', '60s')
  .option('--frame-limit <bytes>', 'longest frame', integer(128, 16_383), 1024)
  .option('--success-rate <share>', 'share of values that are collected at the first attempt', share, 1)
  .option('--empty-archive', 'no meter is in their archives yet')
  .option('--spread', 'each dials from an address of its own, 127.1.x.y')
  .option('--truth <file>', 'writes every value down before it is sent')
  .option('--ledger <file>', 'writes a ledger that knows them and their meters')
  .option('--fault <order...>', 'faults: unreached:meter=C00001-M0003 halved:count=2; see docs/simulators.md')
  .option('--for <duration>', 'ends by itself', duration)
  .action(simulateConcentratorsCommand)
simulate
  .command('broker')
  .description('an MQTT broker for simulations: no passwords, nothing on disk')
  .option('--host <address>', 'address to listen on', '127.0.0.1')
  .option('--port <port>', '0 lets the system choose', integer(0, 65_535), 0)
  .option('--for <duration>', 'ends by itself', duration)
  .option('--stdin', 'ends when its standard input is closed')
  .action(simulateBrokerCommand)

const profile = program.command('profile').description('meter models')
profile
  .command('list')
  .description('all built-in models')
  .addOption(json())
  .action((options: { json?: boolean }) => {
    const { ids, get, broken } = openProfiles(null)
    const rows = ids
      .flatMap((id) => get(id) ?? [])
      .map(({ id, protocol, manufacturer, models }) => ({
        id,
        protocol,
        manufacturer: manufacturer ?? '',
        models: models ?? [],
      }))
    if (options.json) printJson(rows)
    else print(table(rows.map((row) => [row.id, row.protocol, row.manufacturer, row.models.join(', ')])))
    if (broken.length > 0) throw new CommandFailed(broken.map(({ file, error }) => `${file}: ${explain(error)}`).join('\n'))
  })
profile
  .command('verify')
  .description('decodes every register line of profiles against its own sample')
  .argument('[file...]', 'profile files; without: all built-in ones')
  .addOption(json())
  .action((files: string[], options: { json?: boolean }) => {
    const results = (files.length > 0 ? files : profileFiles(builtInProfiles())).map(verifyFile)
    const failed = results.filter(({ differences }) => differences.length > 0)
    if (options.json) printJson({ passed: results.length - failed.length, failed: failed.length, files: results })
    else {
      for (const { file, differences } of failed) for (const difference of differences) complain(`${file}: ${difference}`)
      print(
        `${many(results.length - failed.length, 'profile')} proved (${results.reduce((sum, { registers }) => sum + registers, 0)} registers), ${failed.length} failed`,
      )
    }
    if (failed.length > 0) process.exitCode = EXIT.failed
  })

const mapping = program.command('mapping').description('what messages of MQTT devices mean')
mapping.command('list').description('all built-in mappings').addOption(json()).action(listMappings)
mapping
  .command('verify')
  .description('runs the recorded messages of mappings')
  .argument('[file...]', 'mapping files; without: all built-in ones')
  .addOption(json())
  .action(verifyMappings)
mapping
  .command('try')
  .description('shows what one message becomes, and why a field was skipped')
  .argument('<file>', 'the payload as it is; - reads standard input')
  .requiredOption('--mapping <mapping>', 'a file, or the id of a built-in mapping')
  .requiredOption('--topic <topic>', 'topic of the message')
  .option('--retained', 'as if the broker had kept it')
  .option('--zone <zone>', 'zone of local times', 'Asia/Shanghai')
  .option('--at <instant>', 'when it arrived; default now')
  .addOption(json())
  .action((file: string, options: TryArguments) => tryMapping(file, options))
mapping.command('schema').description('JSON Schema of mapping files, for editors').action(mappingSchema)

ledgerSheetCommands(ledgerCommands(program))
clockCommands(program)
concentratorCommands(program)
evidenceCommands(program)
gapCommands(program)
billingCommands(program)
keyAccountCommands(program)
outageCommands(program)
caseCommands(program)
ruleCommands(program)
kpiCommands(program)
signalCommands(program)
exportCommands(program)
interchangeCommands(program)
influxCommands(program)
auditCommands(program)

userCommands(program)
tokenCommands(program)

program
  .command('analyse')
  .description('the detectors over files of readings, ledger and communication counts, day by day as in the running gateway')
  .requiredOption('--readings <file>', 'CSV, plain or gzip: see docs/analyse.md')
  .requiredOption('--ledger <file>', 'areas, meters, events as JSON')
  .option('--comm <file>', 'communication counts, CSV')
  .option('--until <time>', 'a date or an instant: what was known then')
  .addOption(new Option('--language <language>', 'of the table').choices(['en', 'zh']).default('en'))
  .addOption(json())
  .action(analyse)

program
  .command('evaluate')
  .description('scores what the detectors say of labelled areas against their truth')
  .argument('[folder...]', 'folders with readings, ledger and labels, or folders of such')
  .option('--generated <count>', 'and so many generated sets: quiet, theft, metering, comms, mixed in turn', integer(0, 1000))
  .option('--injected <count>', 'instead of each folder so many of its kind with other faults put in', integer(0, 1000))
  .option('--what <faults>', 'what is put in: partial,phase_loss,vacation,…; without it the seed chooses', (text: string) =>
    text.split(','),
  )
  .option('--seed <seed>', 'of the first generated or injected set', integer(0, 1_000_000), 1)
  .option('--vary <thresholds>', 'rules or thresholds (rule.name) moved by 0.7 and 1.4, each by itself; all', (text: string) =>
    text.split(','),
  )
  .option('--markdown', 'the figures as a table for a page of docs')
  .option('--keep <folder>', 'generated sets are written there and stay')
  .addOption(json())
  .action(async (folders: string[], options: EvaluateArguments) => {
    const { evaluate } = await import('../../bench/evaluate/index.ts')
    await evaluate(folders, options)
  })

program
  .command('bench')
  .description('the figures of docs/performance.md, each beside its reference in one run')
  .argument('[anchor...]', 'A1 A2 …; without: all')
  .option('--quick', 'shorter and less exact')
  .option('--write', 'puts the table into docs/performance.md')
  .addOption(json())
  .action(async (only: string[], options: { quick?: boolean; write?: boolean; json?: boolean }) => {
    const { runBench } = await import('../../bench/index.ts')
    process.exit(await runBench({ only, ...options }))
  })

const verifyFile = (file: string): { file: string; registers: number; differences: readonly string[] } => {
  let content: unknown
  try {
    content = JSON.parse(readFileSync(file, 'utf8'))
  } catch (error) {
    throw new CommandFailed(`${file}: ${error instanceof Error ? error.message : String(error)}`, EXIT.usage)
  }
  const verified = verifyAnyProfile(content)
  const loaded = readProfile(file)
  const registers = loaded.ok && Array.isArray(loaded.value.registers) ? loaded.value.registers.length : 0
  return { file, registers, differences: verified.ok ? verified.value : [explain(verified.error)] }
}
