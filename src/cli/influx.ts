import { type Command, InvalidArgumentError, Option } from 'commander'
import type { InfluxOptions } from '../store/influx/index.ts'
import { setUpRollups } from '../store/influx/rollup-setup.ts'
import { rollupTasks } from '../store/influx/rollup-tasks.ts'
import { CommandFailed, EXIT, failure, print, printJson } from './output.ts'
import { configOrFail } from './run.ts'

interface SetupOptions {
  readonly config: string
  readonly url?: string
  readonly database?: string
  readonly username?: string
  readonly apply?: boolean
  readonly hourDays: number
  readonly rawDays?: number
  readonly since?: number
  readonly timezone?: string
  readonly json?: boolean
}
interface TaskOptions {
  readonly server: 'v2' | 'v3'
  readonly bucket: string
  readonly json?: boolean
}

const days = (text: string): number => {
  const found = Number(text)
  if (!/^\d{1,5}$/.test(text) || found < 1) throw new InvalidArgumentError('a number of days: 400')
  return found
}
const instant = (text: string): number => {
  const at = Date.parse(text)
  if (Number.isNaN(at)) throw new InvalidArgumentError('a date or an instant: 2026-11-01 or 2026-11-01T00:00:00+08:00')
  return at
}

/** `gridtally influx …`: retention and roll-ups of an InfluxDB that the gateway writes to. */
export const influxCommands = (program: Command): void => {
  const group = program.command('influx').description('retention and roll-ups in InfluxDB')
  group
    .command('setup')
    .description('shows what retention policies and continuous queries a 1.x server lacks; with --apply makes them')
    .option('-c, --config <file>', 'configuration that names the server', 'gateway.yaml')
    .option('--url <url>', 'this server instead; its password in the environment as INFLUX_PASSWORD')
    .option('--database <name>', 'of that server', 'gridtally')
    .option('--username <name>', 'of that server')
    .option('--timezone <zone>', 'whose days the figures are of; that of the configuration unless given')
    .option('--hour-days <days>', 'how long hourly figures are kept', days, 1095)
    .option('--raw-days <days>', 'how long readings are kept; unless given, as it is', days)
    .option('--since <instant>', 'rolls up what is stored from then on as well', instant)
    .addOption(new Option('--dry-run', 'only shows (the default)').conflicts('apply'))
    .option('--apply', 'makes what is missing')
    .option('--json', 'one JSON document instead of text')
    .action(setup)
  group
    .command('tasks')
    .description('prints the same roll-ups for servers without continuous queries')
    .addOption(new Option('--server <version>', 'Flux tasks of 2.x or SQL of 3.x').choices(['v2', 'v3']).default('v2'))
    .option('--bucket <name>', 'where the readings are (2.x)', 'gridtally')
    .option('--json', 'one JSON document instead of text')
    .action(({ server, bucket, json }: TaskOptions) => {
      const tasks = rollupTasks(server, bucket)
      if (json) return printJson(tasks)
      print(tasks.map(({ name, text }) => `${server === 'v3' ? '--' : '//'} ${name}\n${text}\n`).join('\n'))
    })
}

/** The server of the options, or of the configuration. */
const serverOf = ({ config, url, database = 'gridtally', username, timezone }: SetupOptions): { options: InfluxOptions; zone: string } => {
  if (url !== undefined) {
    const password = process.env.INFLUX_PASSWORD
    return {
      zone: timezone ?? 'Asia/Shanghai',
      options: { url, version: 'v1', database, ...(username ? { username } : {}), ...(password ? { password } : {}) },
    }
  }
  const { store, timezone: zone } = configOrFail(config)
  const { influxdb } = store
  if (!influxdb) throw new CommandFailed(`${config} names no InfluxDB: the store is embedded; name a server with --url`, EXIT.usage)
  return {
    zone: timezone ?? zone,
    options: {
      ...{ url: influxdb.url, version: influxdb.version, database: influxdb.database, timeoutMs: influxdb.timeoutMs },
      ...(influxdb.retentionPolicy === null ? {} : { retentionPolicy: influxdb.retentionPolicy }),
      ...(influxdb.org === null ? {} : { org: influxdb.org }),
      ...(influxdb.bucket === null ? {} : { bucket: influxdb.bucket }),
      ...(influxdb.token === null ? {} : { token: influxdb.token.reveal() }),
      ...(influxdb.username === null ? {} : { username: influxdb.username }),
      ...(influxdb.password === null ? {} : { password: influxdb.password.reveal() }),
    },
  }
}

const isZone = (zone: string): boolean => {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: zone }) !== null
  } catch {
    return false
  }
}

const setup = async (given: SetupOptions): Promise<void> => {
  const { apply = false, hourDays, rawDays = null, since = null, json } = given
  const { options, zone } = serverOf(given)
  if (!isZone(zone)) throw new CommandFailed(`"${zone}" is no time zone; write a name such as Asia/Shanghai`, EXIT.usage)
  const answer = await setUpRollups(options, { zone, hourDays, rawDays, since }, apply)
  if (!answer.ok) throw failure(answer.error)
  const { raw, steps, backfill, done } = answer.value
  if (json) return printJson({ ...answer.value, applied: apply })
  print(`readings are in the retention policy ${raw}`)
  if (steps.length === 0) print('nothing is missing')
  for (const { statement, why } of steps) print(`-- ${why}\n${statement};`)
  if (backfill.length > 0) print(`-- and ${backfill.length} questions that roll up what is stored`)
  print(apply ? `${done} statements were carried out` : steps.length + backfill.length > 0 ? 'nothing was changed: --apply does it' : '')
}
