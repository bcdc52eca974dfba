import { accessSync, constants, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { adapterOf } from '../../protocols/index.ts'
import {
  type FoundMeter,
  type ScanEvent,
  type ScanMode,
  type ScanResult,
  scanLine,
  scanSummary,
  settingText,
} from '../acquisition/index.ts'
import { hexOf, many, type ScanProof } from '../core/index.ts'
import { ledgerWorld, worldData } from '../gateway/ledger-world.ts'
import { openProfiles } from '../gateway/profiles.ts'
import { type AcceptRows, acceptRows, importCsv, ledgerYaml, lineYaml, patchesOf } from '../gateway/scan-ledger.ts'
import { ALL_UNITS, everyProfile, parseUnits, SCAN_PROTOCOLS, type ScanTarget, scanOptions } from '../gateway/scan-start.ts'
import { Ledger } from '../ledger/index.ts'
import { parseLineAddress } from './line-address.ts'
import { CommandFailed, complain, EXIT, failure, print, table, untilInterrupted } from './output.ts'
import { configOrFail } from './run.ts'

export interface ScanArguments {
  readonly units?: string
  readonly baud?: readonly string[]
  readonly format?: readonly string[]
  readonly protocol?: readonly string[]
  readonly quick?: boolean
  readonly thorough?: boolean
  readonly timeout?: number
  readonly growth?: number
  readonly profiles?: string
  readonly proofs?: boolean
  readonly accept?: string
  readonly prefix?: string
  readonly lineId?: string
  readonly config?: string
  readonly apply?: boolean
  readonly who?: string
  readonly why?: string
  readonly workOrder?: string
  readonly json?: boolean
}

const list = <T extends string>(given: readonly string[] | undefined, allowed: readonly T[], option: string): readonly T[] => {
  if (!given) return allowed
  return given.map((word) => {
    const found = allowed.find((each) => each === word || (word === 'dlt645' && each.startsWith('dlt645')))
    if (!found) throw new CommandFailed(`${option} ${word}; allowed: ${allowed.join(', ')}`, EXIT.usage)
    return found
  })
}

/** `gridtally scan`: finds how a line is spoken to, who is there and which profile fits. It only reads. */
export const scan = async (where: string, args: ScanArguments): Promise<void> => {
  if (args.quick && args.thorough) throw new CommandFailed('--quick and --thorough exclude each other', EXIT.usage)
  const mode: ScanMode = args.quick ? 'quick' : args.thorough ? 'thorough' : 'normal'
  const address = parseLineAddress(where, 'none')
  const target: ScanTarget =
    address.kind === 'tcp' ? { kind: 'tcp', host: address.host, port: address.port } : { kind: 'serial', path: address.path }
  const units = args.units === undefined ? ALL_UNITS : parseUnits(args.units)
  if (units === null) throw new CommandFailed(`--units ${args.units}: units 1 to 247, as 1-32,100`, EXIT.usage)
  const bauds = args.baud?.map((text) => {
    const baud = Number(text)
    if (!Number.isInteger(baud) || baud < 300 || baud > 921_600) throw new CommandFailed(`--baud ${text} is no speed`, EXIT.usage)
    return baud
  })
  const formats = args.format && list(args.format, ['8E1', '8N1', '8O1', '8N2'], '--format')
  // What stands in the address itself is a hint too.
  const [, typedBaud, typedFormat] = address.kind === 'serial' ? (/:(\d+)(?::(\d[NEOneo]\d))?$/.exec(where) ?? []) : []
  const only = {
    bauds: bauds ?? (typedBaud === undefined ? undefined : [Number(typedBaud)]),
    formats: formats ?? (typedFormat === undefined ? undefined : [typedFormat.toUpperCase()]),
  }
  const accepting = acceptance(args)
  const profiles = openProfiles(args.profiles ?? null)
  const interrupted = untilInterrupted()
  const show = args.json ? jsonProgress : textProgress()
  const result = await scanLine({
    ...scanOptions(target, where, mode, only),
    ...(args.growth === undefined ? {} : { growthMs: args.growth }),
    ...(args.timeout === undefined ? {} : { reactionMs: args.timeout }),
    protocols: list(args.protocol, SCAN_PROTOCOLS, '--protocol'),
    units,
    profiles: everyProfile(profiles),
    known: () => null,
    signal: interrupted,
    onEvent: show,
    now: Date.now,
  })
  if (!args.json && process.stdout.isTTY) process.stdout.write('\r\u001b[K')
  if (!result.ok) throw failure(result.error)
  const lineId = args.lineId ?? 'line-1'
  if (args.json) print(JSON.stringify({ event: 'result', ...scanJson(result.value) }))
  else print(resultText(result.value, args.proofs ?? false, lineYaml(lineId, target, result.value.meters)))
  accepting?.(result.value, lineId)
  const isLost = !result.value.complete && !interrupted.aborted
  if (isLost) complain(result.value.stopped ?? '')
  if (isLost || result.value.meters.length === 0) process.exitCode = EXIT.failed
}

/** What is done with the result; everything that can be wrong is said before the scan begins. */
const acceptance = (args: ScanArguments): ((result: ScanResult, line: string) => void) | null => {
  const { accept, apply, config: file, who, why } = args
  if (accept === undefined && !apply) return null
  if (accept !== undefined && !/\.(ya?ml|csv)$/.test(accept))
    throw new CommandFailed(`--accept ${accept}: a file that ends in .yaml or .csv`, EXIT.usage)
  if (accept !== undefined) mayWrite(accept)
  if (apply && (!file || !who || !why || !args.lineId))
    throw new CommandFailed('--apply needs -c CONFIG, --line-id (a line of it), --who and --why', EXIT.usage)
  const config = apply && file ? configOrFail(file) : null
  if (config && !config.lines.some(({ id }) => id === args.lineId))
    throw new CommandFailed(
      `--line-id ${args.lineId} is no line of ${file}; it has ${config.lines.map(({ id }) => id).join(', ')}`,
      EXIT.usage,
    )
  return (result, line) => {
    const accepted = acceptRows(result.meters, args.prefix ?? line, line)
    if (accept !== undefined) writeFileSync(accept, accept.endsWith('.csv') ? importCsv(accepted.rows) : ledgerYaml(accepted, result))
    if (!args.json) tellLeft(accepted)
    if (accept !== undefined && !args.json) print(`${many(accepted.rows.length, 'row')} written to ${accept}`)
    if (!config || accepted.rows.length === 0) return
    const world = ledgerWorld(worldData(config), openProfiles(config.profileDirectory), adapterOf)
    mkdirSync(config.dataDirectory, { recursive: true, mode: 0o750 })
    const ledger = new Ledger(config.dataDirectory, world)
    try {
      const act = { what: 'scan', who: who ?? '', why: why ?? '', workOrder: args.workOrder ?? null, at: Date.now() } as const
      const applied = ledger.apply(patchesOf(accepted.rows), act)
      if (!applied.ok) {
        for (const { place, message, hint } of applied.error.problems) complain(`${place}: ${message}; ${hint}`)
        throw new CommandFailed('nothing was written to the ledger')
      }
      const { change } = applied.value
      if (!args.json)
        print(
          change === null ? 'the ledger knows all of it' : `change ${change} of the ledger; gridtally ledger undo ${change} takes it back`,
        )
    } finally {
      ledger.close()
    }
  }
}

/** A scan takes minutes: that its file cannot be written, or would take the place of rows somebody has, is said before. */
const mayWrite = (file: string): void => {
  try {
    const isThere = existsSync(file)
    accessSync(isThere ? file : dirname(file), constants.W_OK)
    const text = isThere ? readFileSync(file, 'utf8') : ''
    const hasRows = file.endsWith('.csv') ? text.trim().split('\n').length > 1 : /\bid\b/.test(text)
    if (!hasRows) return
  } catch (error) {
    throw new CommandFailed(`--accept ${file}: ${error instanceof Error ? error.message : String(error)}`, EXIT.usage)
  }
  throw new CommandFailed(`--accept ${file}: it has rows already; name another file, or move this one away`, EXIT.usage)
}

const tellLeft = ({ left }: AcceptRows): void => {
  for (const { address, why } of left) complain(`${address} is not taken over: ${why}`)
}

const proofJson = ({ what, tx, rx, says }: ScanProof) => ({ what, tx: hexOf(tx), rx: hexOf(rx), says })
const meterJson = ({ proofs, ...meter }: FoundMeter) => ({ ...meter, proofs: proofs.map(proofJson) })
const scanJson = ({ meters, startedAt, ...rest }: ScanResult) => ({
  ...rest,
  startedAt: new Date(startedAt).toISOString(),
  meters: meters.map(meterJson),
})

const jsonProgress = (event: ScanEvent): void => {
  const { kind, ...rest } = event
  if (event.kind === 'judged') print(JSON.stringify({ event: kind, ...meterJson(event.meter) }))
  else print(JSON.stringify({ event: kind, ...rest }))
}

/** One line that changes on a terminal; one line each thing found elsewhere. */
const textProgress = (): ((event: ScanEvent) => void) => {
  const isTty = process.stdout.isTTY
  const clear = isTty ? '\r\u001b[K' : ''
  return (event) => {
    if (event.kind === 'progress' && isTty) {
      const { what, share, found, elapsedMs } = event
      const text = `${Math.floor(share * 100)} %  ${Math.round(elapsedMs / 1000)} s  found ${found}  ${what}`
      process.stdout.write(`${clear}${text.slice(0, (process.stdout.columns ?? 80) - 1)}`)
    } else if (event.kind === 'found') print(`${clear}found ${event.protocol} ${event.address} at ${settingText(event.setting)}`)
    else if (event.kind === 'judged') print(`${clear}${event.meter.protocol} ${event.meter.address}: ${verdict(event.meter)}`)
    else if (event.kind === 'note') print(`${clear}note: ${event.text}`)
  }
}

const verdict = ({ profile, tie, known }: FoundMeter): string =>
  known !== null ? `in the ledger as ${known}` : (profile ?? (tie.length > 0 ? `one of ${tie.join(', ')}` : 'no profile fits'))

const SIGN = { for: '+', against: '-', 'not-judged': '?' } as const

const resultText = (result: ScanResult, withProofs: boolean, line: string): string => {
  const rows = result.meters.map((meter) => [meter.protocol, settingText(meter.setting), meter.address, verdict(meter)])
  const parts = [scanSummary(result), '', table([['protocol', 'line', 'address', 'profile'], ...rows])]
  for (const meter of result.meters) {
    parts.push('', `${meter.protocol} ${meter.address}`)
    for (const [name, value] of Object.entries(meter.identity)) parts.push(`  ${name} ${value}`)
    for (const { profile, score, reasons } of meter.candidates.slice(0, Math.max(meter.tie.length, 1))) {
      parts.push(`  ${profile}, ${score} points`)
      for (const { verdict: sign, text } of reasons) parts.push(`    ${SIGN[sign]} ${text}`)
    }
    const [best, ...others] = meter.candidates
    if (best && meter.tie.length <= 1 && others.length > 0)
      parts.push(`  behind it: ${others.map(({ profile, score }) => `${profile} ${score}`).join(', ')}`)
    for (const note of meter.notes) parts.push(`  ${note}`)
    if (withProofs)
      for (const { what, tx, rx, says } of meter.proofs) parts.push(`  ${what}: ${says}`, `    tx ${hexOf(tx)}`, `    rx ${hexOf(rx)}`)
  }
  if (result.meters.length > 0) parts.push('', 'For gateway.yaml:', line)
  return parts.join('\n')
}
