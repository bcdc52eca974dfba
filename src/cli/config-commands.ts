import { existsSync, readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { type Command, Option } from 'commander'
import { parse } from 'yaml'
import { ConfigHistory, contentHash, loadGatewayConfig, problemText, restoreConfig } from '../config/index.ts'
import { many } from '../core/index.ts'
import { linesInLedger } from '../gateway/start-ledger.ts'
import { changeLines, changesForRunning } from './config-changes.ts'
import { CommandFailed, EXIT, print, printJson, table } from './output.ts'
import { configOrFail } from './run.ts'

interface Options {
  readonly config: string
  readonly json?: boolean
}

export interface DataOptions extends Options {
  readonly data?: string
}

/** The data directory of a file, also of one that is too broken to be used: that is when a former one is looked for. */
export const dataOf = ({ config, data }: Pick<DataOptions, 'config' | 'data'>): string => {
  if (data !== undefined) return resolve(data)
  const loaded = loadGatewayConfig(config, process.env, linesInLedger)
  if (loaded.ok) return loaded.value.dataDirectory
  const named = (): unknown => {
    try {
      return parse(readFileSync(config, 'utf8'))?.gateway?.data
    } catch {
      return undefined
    }
  }
  const directory = named()
  return resolve(dirname(resolve(config)), typeof directory === 'string' ? directory : './data')
}

/** `gridtally config diff`: what the running gateway would do about a file. */
const configDiff = (options: Options): void => {
  const changes = changesForRunning(configOrFail(options.config))
  if (options.json) printJson({ running: changes !== null, changes: changes ?? [] })
  else if (changes === null) print('no gateway runs with this data directory: everything holds when it is started')
  else if (changes.length === 0) print('the running gateway has it all')
  else print(changeLines(changes).join('\n'))
}

/** `gridtally config history`: the states of gateway.yaml that gateways ran with. */
const configHistory = (options: DataOptions): void => {
  const versions = new ConfigHistory(dataOf(options)).list()
  const now = existsSync(options.config) ? contentHash(readFileSync(options.config, 'utf8')) : ''
  if (options.json) printJson(versions.map((version) => ({ ...version, at: new Date(version.at).toISOString() })))
  else if (versions.length === 0) print(`there is none in ${dataOf(options)}: a gateway keeps each state it runs with`)
  else
    print(
      table(
        versions.map(({ version, at, bytes, because, changes, sha256 }) => [
          `${version}${sha256 === now ? ' *' : ''}`,
          new Date(at).toISOString(),
          `${bytes} bytes`,
          because,
          changes,
        ]),
      ),
    )
}

/**
 * `gridtally config restore N`: writes a former state back, after checking it where it will stand. What was there before is kept as
 * `gateway.yaml.before`.
 */
const configRestore = (version: number, options: DataOptions): void => {
  const file = resolve(options.config)
  const restored = restoreConfig(file, new ConfigHistory(dataOf(options)), version, process.env, linesInLedger)
  if (!restored.ok) {
    if (restored.because === 'unknown')
      throw new CommandFailed(`version ${version} is not kept; gridtally config history lists those that are`)
    if ('message' in restored) throw new CommandFailed(`${file} cannot be written, nothing was changed: ${restored.message}`)
    const said = restored.problems.map(problemText)
    throw new CommandFailed(`version ${version} cannot be used any more, nothing was changed:\n${said.join('\n')}`, EXIT.usage)
  }
  const changes = changesForRunning(restored.config)
  if (options.json) {
    printJson({ restored: version, file, running: changes !== null, changes: changes ?? [] })
    return
  }
  print(`${file} is version ${version} again; what was there is in ${file}.before`)
  if (changes !== null) print(`the running gateway takes ${many(changes.length, 'change')} up within seconds`)
  if (changes !== null && changes.length > 0) print(changeLines(changes).join('\n'))
}

/** Adds what there is to do about versions and a running gateway to `gridtally config`. */
export const configCommands = (command: Command): void => {
  const file = () => new Option('-c, --config <file>', 'configuration file').default('config/gateway.yaml')
  const data = () => new Option('--data <directory>', 'data directory, where the file does not tell it any more')
  const json = () => new Option('--json', 'one JSON document instead of text')
  command
    .command('diff')
    .description('what the running gateway would do about the file: at once, by opening a line anew, or only after a restart')
    .addOption(file())
    .addOption(json())
    .action(configDiff)
  command
    .command('history')
    .description('the last 20 states of the file that a gateway ran with; * = as it is now')
    .addOption(file())
    .addOption(data())
    .addOption(json())
    .action(configHistory)
  command
    .command('restore')
    .description('writes a former state back; a running gateway takes it up')
    .argument('<version>', 'number of gridtally config history')
    .addOption(file())
    .addOption(data())
    .addOption(json())
    .action((version: string, options: DataOptions) => {
      if (!/^\d{1,9}$/.test(version)) throw new CommandFailed(`${version} is no number of gridtally config history`, EXIT.usage)
      configRestore(Number(version), options)
    })
}
