import { DECODERS } from '../../protocols/index.ts'
import { configurationReference, GatewaySchema, LedgerSchema } from '../config/index.ts'
import { auditCommands } from './audit.ts'
import { billingCommands } from './billing.ts'
import { caseCommands } from './cases.ts'
import { clockCommands } from './clocks.ts'
import { concentratorCommands } from './concentrator.ts'
import { configCommands } from './config-commands.ts'
import { decode, vectors } from './decode.ts'
import { demo } from './demo.ts'
import { evidenceCommands } from './evidence.ts'
import { exportCommands } from './export.ts'
import { figureCommands } from './figure-commands.ts'
import { gapCommands } from './gaps.ts'
import { influxCommands } from './influx.ts'
import { interchangeCommands } from './interchange.ts'
import { judgeCommands } from './judge-commands.ts'
import { kpiCommands } from './kpi.ts'
import { ledgerCommands } from './ledger.ts'
import { ledgerSheetCommands } from './ledger-sheets.ts'
import { mappingCommands } from './mapping-commands.ts'
import { config, duration, integer, json, positive } from './options.ts'
import { outageCommands } from './outages.ts'
import { printJson } from './output.ts'
import { profileCommands } from './profile-commands.ts'
import { ruleCommands } from './rules.ts'
import { check, configOrFail } from './run.ts'
import { bareProgram, runCommand } from './run-command.ts'
import { signalCommands } from './signal.ts'
import { simulateCommands } from './simulate-commands.ts'
import { keyAccountCommands } from './tiers.ts'
import { tokenCommands } from './tokens.ts'
import { unregisteredCommands } from './unregistered-commands.ts'
import { userCommands } from './users.ts'
import { wireCommands } from './wire-commands.ts'

/** Every command with its options: what `gridtally` can do. Nothing runs before it is told to parse. */
export const program = bareProgram()

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

runCommand(program)

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

wireCommands(program)
unregisteredCommands(program)
figureCommands(program)

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

simulateCommands(program)
profileCommands(program)
mappingCommands(program)
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
judgeCommands(program)
