import { createWriteStream, openSync, renameSync, rmSync } from 'node:fs'
import { basename, extname } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { type Command, Option } from 'commander'
import { adapterOf } from '../../protocols/index.ts'
import { many } from '../core/index.ts'
import { exportOf } from '../gateway/import-export.ts'
import { FORMATS, type ImportFormat } from '../gateway/import-read.ts'
import { type ImportDone, runImport } from '../gateway/import-run.ts'
import { ledgerWorld, worldData } from '../gateway/ledger-world.ts'
import { openProfiles } from '../gateway/profiles.ts'
import { csvOf, ENCODINGS, type Encoding, instantOf, type Language, legendOf, templateOf, xlsxOf } from '../sheets/index.ts'
import { diffLines } from './ledger-commands.ts'
import { type ActOptions, actFrom, instantFrom, nowOf, withLedger } from './ledger-open.ts'
import { CommandFailed, EXIT, failure, print, printJson, untilInterrupted } from './output.ts'

interface Common {
  readonly config: string
  readonly json?: boolean
}

interface ImportOptions extends Common, ActOptions {
  readonly apply?: boolean
  readonly from?: string
  readonly encoding?: Encoding
  readonly format?: ImportFormat
}

const SHOWN = 20

/** `gridtally ledger import|diff|export|template`: the ledger as files that people keep. */
export const ledgerSheetCommands = (ledger: Command): void => {
  const config = () => new Option('-c, --config <file>', 'configuration file').default('config/gateway.yaml')
  const json = () => new Option('--json', 'one JSON document instead of text')
  const format = () => new Option('--format <format>', 'else by the end of the name').choices([...FORMATS])
  const language = () => new Option('--lang <language>', 'language of heads and words').choices(['zh', 'en']).default('zh')
  const reading = (command: Command): Command =>
    command
      .addOption(config())
      .addOption(json())
      .addOption(format())
      .option('--from <date>', 'since when rows hold that have no date: 2026-03-01, or an instant')
      .addOption(new Option('--encoding <encoding>', 'of a CSV; else found out').choices([...ENCODINGS]))
  reading(ledger.command('import'))
    .description('brings a CSV, XLSX or YAML into the ledger; only says what it would do unless --apply')
    .argument('<file>')
    .option('--apply', 'does it, in one change')
    .option('--who <name>', 'who; the name you are logged in under unless given')
    .option('--why <text>', 'why; kept with the change')
    .option('--work-order <number>', 'work order')
    .action(importFile)
  reading(ledger.command('diff'))
    .description('every value that an import of the file would change')
    .argument('<file>')
    .action((file: string, options: ImportOptions) => diffFile(file, options))
  ledger
    .command('export')
    .description('the ledger as a CSV, XLSX or YAML that can be imported again')
    .requiredOption('--out <file>', 'file to write: ledger.xlsx, ledger.csv, ledger.yaml')
    .option('--as-of <instant>', 'as it was at an instant')
    .addOption(config())
    .addOption(format())
    .addOption(language())
    .action(exportFile)
  ledger
    .command('template')
    .description('a table to fill in, with examples and a legend')
    .requiredOption('--out <file>', 'file to write: ledger.xlsx; ledger.csv with its legend beside it')
    .addOption(format())
    .addOption(language())
    .action(templateFile)
}

const formatOf = (file: string, given: ImportFormat | undefined): ImportFormat => {
  if (given !== undefined) return given
  const found = {
    '.csv': 'csv',
    '.txt': 'csv',
    '.tsv': 'csv',
    '.xlsx': 'xlsx',
    '.xlsm': 'xlsx',
    '.xls': 'xlsx',
    '.yaml': 'yaml',
    '.yml': 'yaml',
  } as const
  const end = extname(file).toLowerCase()
  const format = Object.entries(found).find(([one]) => one === end)?.[1]
  if (format) return format
  throw new CommandFailed(`${file} ends in ${end || 'nothing'}; say --format csv, xlsx or yaml`, EXIT.usage)
}

const run = (file: string, options: ImportOptions, entries: number): Promise<ImportDone> =>
  withLedger(options.config, async (ledger, config) => {
    const from = options.from === undefined ? null : (instantOf(options.from, config.timezone) ?? instantFrom(options.from, '--from'))
    const profiles = openProfiles(config.profileDirectory)
    const data = worldData(config)
    const act = options.apply ? actFrom(config, 'import', { ...options, why: options.why ?? `import of ${basename(file)}` }) : null
    const done = await runImport(
      { path: file, name: basename(file), format: formatOf(file, options.format), encoding: options.encoding ?? null, from },
      ledger,
      {
        ...{ zone: config.timezone, data, profiles, now: nowOf(config), signal: untilInterrupted() },
        world: ledgerWorld(data, profiles, adapterOf),
      },
      act,
      entries,
    )
    if (!done.ok) throw failure(done.error)
    return done.value
  })

const importFile = async (file: string, options: ImportOptions): Promise<void> => {
  const done = await run(file, options, options.json ? 1000 : SHOWN)
  if (options.json) printJson(done)
  else tell(file, done, options.apply === true)
  if (done.problemCount > 0) throw new CommandFailed('')
}

const diffFile = async (file: string, options: ImportOptions): Promise<void> => {
  const done = await run(file, { ...options, apply: false }, Number.MAX_SAFE_INTEGER)
  if (options.json) printJson(done)
  else {
    for (const line of diffLines(done.entries)) print(line)
    tellProblems(done)
  }
  if (done.problemCount > 0) throw new CommandFailed('')
}

const tellProblems = ({ problems, problemCount }: ImportDone): void => {
  const shown = problems.slice(0, 100)
  for (const { code, place, message, hint } of shown) print(`${place}: ${message}\n  ${code}: ${hint}`)
  if (problemCount > shown.length) print(`and ${problemCount - shown.length} more problems`)
}

const tell = (file: string, done: ImportDone, wasAsked: boolean): void => {
  const { rows, sheets, added, changed, unchanged, warnings, entries, applied, problemCount } = done
  const where = sheets.map(({ name, rows: count, kinds }) => `${name}: ${many(count, 'row')} of ${kinds.join(', ')}`).join('; ')
  print(`${basename(file)}: ${many(rows, 'row')}${where ? ` (${where})` : ''}`)
  for (const { place, message } of warnings.slice(0, SHOWN)) print(`${place}: ${message}`)
  if (warnings.length > SHOWN) print(`and ${warnings.length - SHOWN} more remarks`)
  tellProblems(done)
  if (problemCount > 0) {
    print(`${many(problemCount, 'problem')}; nothing was changed`)
    return
  }
  const counts = `${added} added, ${changed} changed, ${unchanged} as they were`
  if (wasAsked) {
    print(applied?.change == null ? `${counts}; nothing differed, so there is no change` : `${counts}: change ${applied.change}`)
    return
  }
  for (const line of diffLines(entries.slice(0, SHOWN))) print(line)
  const all = added + changed
  if (all > SHOWN) print(`… ${all} in all; gridtally ledger diff shows every one`)
  print(`would be: ${counts}; nothing was changed, --apply does it`)
}

/** Writes beside the file and renames: whoever stops it keeps what was there. */
const write = async (file: string, pieces: AsyncIterable<Uint8Array> | Iterable<string | Uint8Array>): Promise<void> => {
  const partial = `${file}.${process.pid}.part`
  try {
    await pipeline(Readable.from(pieces), createWriteStream(partial, { fd: openSync(partial, 'wx', 0o640) }), {
      signal: untilInterrupted(),
    })
    renameSync(partial, file)
  } catch (error) {
    rmSync(partial, { force: true })
    throw new CommandFailed(`${file} cannot be written: ${error instanceof Error ? error.message : String(error)}`)
  }
}

const exportFile = (options: {
  readonly config: string
  readonly out: string
  readonly asOf?: string
  readonly format?: ImportFormat
  readonly lang: Language
}): Promise<void> =>
  withLedger(options.config, async (ledger) => {
    const asOf = options.asOf === undefined ? null : instantFrom(options.asOf, '--as-of')
    await write(options.out, exportOf(ledger, formatOf(options.out, options.format), options.lang, asOf))
  })

const templateFile = async ({
  out,
  format,
  lang,
}: {
  readonly out: string
  readonly format?: ImportFormat
  readonly lang: Language
}): Promise<void> => {
  const wanted = formatOf(out, format)
  if (wanted === 'yaml')
    throw new CommandFailed('a template is a CSV or an XLSX; gridtally schema --ledger has the form of ledger.yaml', EXIT.usage)
  if (wanted === 'xlsx') return write(out, xlsxOf([templateOf(lang), legendOf(lang)]))
  await write(out, csvOf(templateOf(lang)))
  await write(out.replace(/(\.[^.]*)?$/, '-legend.csv'), csvOf(legendOf(lang)))
}
