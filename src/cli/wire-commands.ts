import { type Command, Option } from 'commander'
import { duration, integer, json } from './options.ts'
import { read } from './read.ts'
import { replay } from './replay.ts'
import { scan } from './scan.ts'
import { trace } from './trace.ts'
import { setTimeNow, writeModbus } from './write.ts'

/** What a person does at a line: read, search, write, listen, and hear a recorded line again. */
export const wireCommands = (program: Command): void => {
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
}
