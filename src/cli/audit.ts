import { type Command, Option } from 'commander'
import { AUDIT_WHATS, type AuditHead, type AuditRecord, anchorOf, anchorText, readAudit, verifyAudit } from '../access/index.ts'
import { many } from '../core/index.ts'
import { dataOf } from './config-commands.ts'
import { CommandFailed, EXIT, failure, print, printJson, table } from './output.ts'

interface Place {
  readonly config: string
  readonly data?: string
  readonly json?: boolean
}

interface VerifyArguments extends Place {
  readonly anchor?: readonly string[]
  readonly head?: string
}

interface ShowArguments extends Place {
  readonly before?: string
  readonly limit: string
  readonly what?: string
  readonly who?: string
  readonly on?: string
  readonly from?: string
  readonly to?: string
}

/** `gridtally audit …`: the audit log as it lies on the disk; no gateway has to run. */
export const auditCommands = (program: Command): void => {
  const audit = program.command('audit').description('the audit log: who did what, and whether the log is as it was written')
  const command = (name: string, description: string) =>
    audit
      .command(name)
      .description(description)
      .option('--data <directory>', 'data directory of the gateway; without: that of the configuration')
      .addOption(new Option('-c, --config <file>', 'configuration file').default('config/gateway.yaml'))
      .addOption(new Option('--json', 'one JSON document instead of text'))
  command('verify', 'finds edits, deletes, reorders and truncation, with their positions; exit 1 on any')
    .option('--anchor <line...>', 'an end of the log that was kept elsewhere, as this command prints it')
    .option('--head <directory>', 'where audit.head lies, if not with the data')
    .action(verify)
  command('show', 'records, the newest first')
    .option('--before <number>', 'only those before this one')
    .option('--limit <count>', 'at most so many', '50')
    .addOption(new Option('--what <kind>', 'only these').choices([...AUDIT_WHATS]))
    .option('--who <name>', 'only what this user or token did')
    .option('--on <thing>', 'only what was done to it: user:li.na, meter:M-1')
    .option('--from <instant>', 'only since then: 2026-11-20T00:00:00+08:00')
    .option('--to <instant>', 'only before then')
    .action(show)
}

const anchorFrom = (text: string): AuditHead => {
  const anchor = anchorOf(text)
  if (anchor) return anchor
  throw new CommandFailed(`"${text}" is no anchor: it is the line that begins with gridtally-audit, in quotes`, EXIT.usage)
}

const verify = ({ anchor, head, json, ...place }: VerifyArguments): void => {
  const directory = dataOf(place)
  const verdict = verifyAudit(directory, (anchor ?? []).map(anchorFrom), head ?? directory)
  const end = verdict.head === null ? null : anchorText(verdict.head)
  if (json) printJson({ ...verdict, head: undefined, anchor: end })
  else {
    for (const { kind, at, text } of verdict.faults) print(`${kind}${at === null ? '' : ` at ${at}`}: ${text}`)
    if (verdict.beyondHead > 0)
      print(
        `${many(verdict.beyondHead, 'record')} after the last one audit.head knows: a process was killed while it wrote, or somebody added them`,
      )
    print(
      verdict.isWhole
        ? `${many(verdict.records, 'record')}, as they were written`
        : `${many(verdict.faults.length, 'fault')} in ${many(verdict.records, 'record')}`,
    )
    if (verdict.isWhole && end !== null) print(end)
  }
  if (!verdict.isWhole) process.exitCode = EXIT.failed
}

const wholeNumber = (text: string, name: string, most: number): number => {
  const value = Number(text)
  if (Number.isSafeInteger(value) && value >= 1 && value <= most) return value
  throw new CommandFailed(`--${name} is a whole number from 1 to ${most}, not "${text}"`, EXIT.usage)
}
const instant = (text: string, name: string): number => {
  const at = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d))?$/.test(text) ? Date.parse(text) : Number.NaN
  if (!Number.isNaN(at)) return at
  throw new CommandFailed(`--${name} is an instant with its zone, like 2026-11-20T00:00:00+08:00, not "${text}"`, EXIT.usage)
}

const show = ({ before, limit, what, who, on, from, to, json, ...place }: ShowArguments): void => {
  const records = readAudit(dataOf(place), {
    limit: wholeNumber(limit, 'limit', 100_000),
    ...(before === undefined ? {} : { before: wholeNumber(before, 'before', Number.MAX_SAFE_INTEGER) }),
    ...(from === undefined ? {} : { from: instant(from, 'from') }),
    ...(to === undefined ? {} : { to: instant(to, 'to') }),
    ...(what === undefined ? {} : { what }),
    ...(who === undefined ? {} : { who }),
    ...(on === undefined ? {} : { on }),
  })
  if (!records.ok) throw failure(records.error)
  if (json)
    printJson(records.value.map((record) => ({ ...record, at: iso(record.at), since: record.since === null ? null : iso(record.since) })))
  else if (records.value.length === 0) print('no records')
  else print(table([['', 'at', 'who', 'from', 'what', 'on', ''], ...records.value.map((record) => lineOf(record).map(harmless))]))
}

const iso = (at: number): string => new Date(at).toISOString()

/** Names come from outside: none of them moves the cursor or begins a line. */
const harmless = (text: string): string => text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, '·')

const lineOf = ({ seq, at, who, from, what, outcome, on, why, count }: AuditRecord): string[] => [
  ...[String(seq), iso(at), who.name, from, outcome === 'done' ? what : `${what} (${outcome})`, on ?? ''],
  [...(count > 1 ? [`${count} times`] : []), ...(why === null ? [] : [why])].join('; '),
]
