import { statSync } from 'node:fs'
import pino, { type Logger } from 'pino'
import { adapterOf } from '../../protocols/index.ts'
import { type GatewayConfig, loadGatewayConfig, type Problem, problemText } from '../config/index.ts'
import { explain, many } from '../core/index.ts'
import { openMappings } from '../gateway/mappings.ts'
import { brokenText, openProfiles } from '../gateway/profiles.ts'
import { takenFilters } from '../gateway/publish.ts'
import { mappingProblems } from '../gateway/push.ts'
import { pushWorld } from '../gateway/push-world.ts'
import { loopProblems } from '../gateway/start-checks.ts'
import { checkedLedger, linesInLedger, mayBeKnown } from '../gateway/start-ledger.ts'
import { readTls, tlsWarning } from '../gateway/tls.ts'
import { type Gateway, type StartFailure, startGateway } from '../main.ts'
import { changeLines, changesForRunning } from './config-changes.ts'
import { giveBackMemory } from './memory.ts'
import { aborted, CommandFailed, complain, EXIT, print, printJson, untilInterrupted } from './output.ts'

/**
 * A log: text for people on a terminal, JSON lines for everybody else. Asynchronous: a reader that stops cannot stop the gateway.
 *
 * @param form  `auto` looks at standard output; `stderr` leaves that to something else
 */
export const openLog = (level: GatewayConfig['logLevel'], form: 'auto' | 'json' | 'text' | 'stderr'): Logger =>
  form === 'text' || (form === 'auto' && process.stdout.isTTY)
    ? pino({ level, transport: { target: 'pino-pretty', options: { ignore: 'pid,hostname', translateTime: 'SYS:HH:MM:ss.l' } } })
    : pino({ level, base: null }, pino.destination({ dest: form === 'stderr' ? 2 : 1, sync: false, minLength: 0, maxLength: 1 << 22 }))

/** Reads the configuration or ends the command with every problem named. */
export const configOrFail = (file: string): GatewayConfig => {
  const loaded = loadGatewayConfig(file, process.env, linesInLedger)
  if (loaded.ok) return loaded.value
  throw new CommandFailed(loaded.problems.map(problemText).join('\n'), EXIT.usage)
}

/** A start that failed, as the end of the command. */
export const startError = ({ problems, message }: StartFailure): CommandFailed =>
  problems.length > 0 ? new CommandFailed(problems.map(problemText).join('\n'), EXIT.usage) : new CommandFailed(message)

/** What to type where nobody can come in yet; null: somebody can. */
export const firstLine = (gateway: Pick<Gateway, 'isNobodyKnown'>, { file }: Pick<GatewayConfig, 'file'>): string | null =>
  gateway.isNobodyKnown() ? `gridtally user first -c ${file}` : null

/** `gridtally run`: the gateway until it is told to stop. */
export const run = async (options: { readonly config: string; readonly json?: boolean }): Promise<void> => {
  const signal = untilInterrupted()
  const config = configOrFail(options.config)
  const log = openLog(config.logLevel, options.json ? 'json' : 'auto')
  const started = await startGateway(config, log, process.env, giveBackMemory)
  if (!started.ok) throw startError(started)
  const gateway = started.value
  log.info({ address: gateway.address, lines: config.lines.length, tasks: config.tasks.length }, 'gateway ready')
  const line = firstLine(gateway, config)
  if (line !== null) log.warn(`nobody can come in yet, there is no user and no token; type: ${line}`)
  // What goes wrong is in the log already.
  process.on('SIGHUP', () => void gateway.reload('SIGHUP').catch(() => undefined))
  await aborted(signal)
  log.info('stopping: no new reads, what is read is made safe')
  const { read, due, outboxDepth } = gateway.summary()
  await gateway.close()
  log.info({ due, read, outboxDepth }, 'stopped; what waits for the store goes on at the next start')
  log.flush()
}

/** Whether certificate and key can be used, and what is to be said of them. */
const checkTls = (
  { file, http }: GatewayConfig,
  now: number,
): { readonly problems: readonly Problem[]; readonly warnings: readonly string[] } => {
  if (http.tls === null) return { problems: [], warnings: [] }
  const pair = readTls(http.tls, null)
  if (!pair.ok) return { problems: [{ file, line: 1, column: 1, path: '/http/tls', message: explain(pair.error) }], warnings: [] }
  const mode = statSync(http.tls.key, { throwIfNoEntry: false })?.mode ?? 0
  const open = (mode & 0o004) === 0 ? [] : [`${http.tls.key}: everybody on this machine may read the key: chmod 600`]
  return { problems: [], warnings: [tlsWarning(pair.value, now), ...open].flatMap((each) => each ?? []) }
}

/** `gridtally check`: everything that can be checked without starting. */
export const check = (options: { readonly config: string; readonly json?: boolean }): void => {
  const loaded = loadGatewayConfig(options.config, process.env, linesInLedger)
  const problems = loaded.ok ? [] : [...loaded.problems]
  const warnings: string[] = []
  let meters = 0
  const changes = loaded.ok ? changesForRunning(loaded.value) : null
  if (loaded.ok) {
    const profiles = openProfiles(loaded.value.profileDirectory)
    const used = new Set(loaded.value.mqtt.flatMap(({ mappings }) => mappings.map(({ id }) => id)))
    const mappings = openMappings(loaded.value.mappingDirectory, pushWorld(loaded.value.timezone, profiles), used)
    problems.push(...mappingProblems(loaded.value, mappings), ...loopProblems(loaded.value, takenFilters(loaded.value, mappings)))
    warnings.push(...mappings.problems.map(problemText))
    const tls = checkTls(loaded.value, Date.now())
    problems.push(...tls.problems)
    warnings.push(...tls.warnings)
    const ledger = checkedLedger(loaded.value, profiles, adapterOf, mayBeKnown(loaded.value.dataDirectory))
    if (!ledger.ok) problems.push(...ledger.problems)
    else meters = ledger.value?.meters ?? 0
    warnings.push(...profiles.broken.map(brokenText))
  }
  if (options.json)
    printJson({
      ok: problems.length === 0,
      problems,
      warnings,
      ...(changes === null ? {} : { changes }),
      ...(loaded.ok ? { lines: loaded.value.lines.length, tasks: loaded.value.tasks.length, meters } : {}),
    })
  else {
    for (const warning of warnings) complain(warning)
    if (loaded.ok && problems.length === 0) {
      print(
        `${options.config} is good: ${loaded.value.lines.length} lines, ${loaded.value.mqtt.length > 0 ? `${many(loaded.value.mqtt.length, 'broker')}, ` : ''}${loaded.value.tasks.length} tasks, ${many(meters, 'meter')}`,
      )
      if (changes && changes.length > 0) print(['the running gateway would change:', ...changeLines(changes)].join('\n  '))
    }
  }
  if (problems.length > 0) {
    if (!options.json) throw new CommandFailed(problems.map(problemText).join('\n'), EXIT.usage)
    process.exitCode = EXIT.usage
  }
}
