import { readFileSync } from 'node:fs'
import { MappingSchema } from '../../protocols/index.ts'
import { problemText } from '../config/index.ts'
import { decimalText, explain, hexOf, many, nameOfObis, type PushOutcome } from '../core/index.ts'
import { isZone } from '../gateway/local-time.ts'
import { outcomeJson, topicsOf, tryMessage } from '../gateway/mapping-try.ts'
import { builtInMappings, type LoadedMapping, loadMapping, mappingFiles } from '../gateway/mappings.ts'
import { openProfiles } from '../gateway/profiles.ts'
import { pushWorld } from '../gateway/push-world.ts'
import { CommandFailed, complain, EXIT, print, printJson, table } from './output.ts'

const worldIn = (zone: string) => pushWorld(zone, openProfiles(null))
const DEFAULT_ZONE = 'Asia/Shanghai'

/** `gridtally mapping list`. */
export const listMappings = (options: { readonly json?: boolean }): void => {
  const world = worldIn(DEFAULT_ZONE)
  const rows = mappingFiles(builtInMappings()).flatMap((file) => {
    const loaded = loadMapping(file, world)
    if (!loaded.ok) {
      complain(loaded.problems.map(problemText).join('\n'))
      return []
    }
    const { id, title } = loaded.value.content
    return [{ id, title, topics: topicsOf(loaded.value) }]
  })
  if (options.json) printJson(rows)
  else print(table(rows.map(({ id, title, topics }) => [id, title, topics.join('  ')])))
}

/** `gridtally mapping verify`: each mapping's recorded messages against what they must become. */
export const verifyMappings = (files: readonly string[], options: { readonly json?: boolean }): void => {
  const world = worldIn(DEFAULT_ZONE)
  const results = (files.length > 0 ? files : mappingFiles(builtInMappings())).map((file) => {
    const loaded = loadMapping(file, world)
    return loaded.ok ? { file, examples: loaded.examples, problems: [] } : { file, examples: 0, problems: loaded.problems }
  })
  const failed = results.filter(({ problems }) => problems.length > 0)
  const examples = results.reduce((sum, result) => sum + result.examples, 0)
  if (options.json) printJson({ passed: results.length - failed.length, failed: failed.length, files: results })
  else {
    for (const { problems } of failed) complain(problems.map(problemText).join('\n'))
    print(`${many(results.length - failed.length, 'mapping')} proved (${many(examples, 'message')}), ${failed.length} failed`)
  }
  if (failed.length > 0) process.exitCode = EXIT.failed
}

export interface TryArguments {
  readonly mapping: string
  readonly topic: string
  readonly retained?: boolean
  readonly zone: string
  readonly at?: string
  readonly json?: boolean
}

/** `gridtally mapping try`: what one message becomes, and why a field was skipped. */
export const tryMapping = (file: string, args: TryArguments): void => {
  if (!isZone(args.zone)) throw new CommandFailed(`--zone ${args.zone}: an IANA time zone such as Asia/Shanghai is wanted`, EXIT.usage)
  const world = worldIn(args.zone)
  const loaded = mappingNamed(args.mapping, world)
  const arrivedAt = args.at === undefined ? Date.now() : Date.parse(args.at)
  if (Number.isNaN(arrivedAt))
    throw new CommandFailed(`--at ${args.at}: an instant such as 2026-11-21T12:00:00+08:00 is wanted`, EXIT.usage)
  let payload: Uint8Array
  try {
    payload = readFileSync(file === '-' ? 0 : file)
  } catch (error) {
    throw new CommandFailed(`${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`, EXIT.usage)
  }
  // A text editor puts a line feed behind the last line; a device does not.
  if (payload.at(-1) === 0x0a) payload = payload.subarray(0, payload.at(-2) === 0x0d ? -2 : -1)
  const message = { topic: args.topic, payload, retained: args.retained ?? false, duplicate: false, arrivedAt }
  const tried = tryMessage(loaded, message, world)
  if (!tried.ok) throw new CommandFailed(tried.error.message, EXIT.usage)
  const { outcome, topics } = tried.value
  if (args.json) printJson(outcomeJson(outcome))
  else print(textOf(outcome, topics))
  if (outcome.refused) process.exitCode = EXIT.failed
}

/** A mapping by its file or its id. */
const mappingNamed = (name: string, world: ReturnType<typeof worldIn>): LoadedMapping => {
  const known = mappingFiles(builtInMappings())
  const file = /\.ya?ml$/.test(name) ? name : known.find((one) => one.endsWith(`/${name}.yaml`))
  if (file === undefined)
    throw new CommandFailed(
      `--mapping ${name} is not known; a file, or one of ${known.map((one) => /([^/]+)\.yaml$/.exec(one)?.[1]).join(', ')}`,
      EXIT.usage,
    )
  const loaded = loadMapping(file, world)
  if (!loaded.ok) throw new CommandFailed(loaded.problems.map(problemText).join('\n'), EXIT.usage)
  return loaded.value
}

const textOf = (outcome: PushOutcome, topics: readonly string[]): string => {
  if (outcome.refused) return `refused: ${explain(outcome.refused)}`
  if (outcome.discard === 'no-topic') return `no rule has this topic; there are: ${topics.join('  ')}`
  if (outcome.discard === 'no-rule') return 'rules have this topic, but the message fits none of their conditions'
  const lines = [`rule ${outcome.rule ?? '-'}${outcome.discard === null ? '' : `, put aside: ${outcome.discard}`}`]
  for (const { meter, measuredAt, timeSource, flags, ct, pt, historical, values } of outcome.records) {
    const ratios = [...(ct === null ? [] : [`ct ${ct}`]), ...(pt === null ? [] : [`pt ${pt}`])]
    const marks = [...flags, ...(historical ? ['historical'] : []), ...ratios]
    const when = measuredAt === null ? 'arrival' : new Date(measuredAt).toISOString()
    lines.push(`meter ${meter} at ${when} (${timeSource})${marks.length > 0 ? `, ${marks.join(', ')}` : ''}`)
    const rows = values.map(({ path, text, value, unit, obis }) => [
      `  ${path}`,
      `${obis === null ? text : decimalText(value.raw, value.scaler)} ${unit ?? ''}`.trim(),
      obis ?? 'no OBIS code: not stored',
      obis === null ? '' : nameOfObis(obis).en,
    ])
    lines.push(table(rows))
  }
  for (const { device, online } of outcome.presence) lines.push(`${device} is ${online ? 'online' : 'offline'}`)
  for (const { device, figures } of outcome.signals) lines.push(`signal of ${device}: ${JSON.stringify(figures)}`)
  for (const { device, key, value } of outcome.events) lines.push(`event of ${device}: ${key} = ${value}`)
  for (const { encoding, protocol, address, checksumOk } of outcome.frames)
    lines.push(
      `frame: ${encoding}${protocol === null ? ', not decoded' : `, ${protocol}, address ${address}, check ${checksumOk ? 'holds' : 'does not hold'}`}`,
    )
  for (const { topic, payload } of outcome.answers) lines.push(`answer to ${topic}: ${shownBytes(payload)}`)
  for (const { code, device, message } of outcome.findings) lines.push(`${code} ${device}: ${message}`)
  if (outcome.skipped.length > 0)
    lines.push('skipped:', table(outcome.skipped.map(({ path, error }) => [`  ${path}`, error.code, error.message])))
  return lines.join('\n')
}

/** Text where it is text, else hexadecimal. */
const shownBytes = (payload: Uint8Array): string => {
  const text = Buffer.from(payload).toString('utf8')
  return /[\p{Cc}\ufffd]/u.test(text) ? hexOf(payload) : text
}

/** `gridtally mapping schema`. */
export const mappingSchema = (): void => printJson({ $schema: 'http://json-schema.org/draft-07/schema#', ...MappingSchema })
