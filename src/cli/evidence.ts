import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import { Type } from 'typebox'
import { Value } from 'typebox/value'
import { PackSchema } from '../gateway/evidence-pack.ts'
import { type PackCheck, verifyPack } from '../gateway/evidence-verify.ts'
import { type Access, askApi, askWhole, withAccess } from './gaps.ts'
import { CommandFailed, complain, EXIT, print, printJson, table } from './output.ts'

/** What is shown of a record; with --json everything is passed on as it is. */
const Frame = Type.Object({ at: Type.String(), direction: Type.String(), hex: Type.String(), description: Type.String() })
const Item = Type.Object({
  ...{ id: Type.String(), kind: Type.String(), sha256: Type.String(), channel: Type.String(), protocol: Type.String() },
  ...{ about: Type.String(), by: Type.String(), receivedAt: Type.String() },
  parts: Type.Array(Type.Object({ sha256: Type.String(), frame: Type.Union([Frame, Type.Null()]) })),
  of: Type.Array(Type.Object({ meter: Type.String(), measuredAt: Type.String(), source: Type.String() })),
})
const Page = Type.Object({ items: Type.Array(Item) })
const AnyDocument = Type.Unsafe<unknown>({})

interface ShowArguments extends Access {
  readonly at: string
  readonly source?: string
}

/** `gridtally evidence …`: what readings rest on. */
export const evidenceCommands = (program: Command): void => {
  const evidence = program.command('evidence').description('frames and messages that readings rest on: see them, hand them out, check them')
  withAccess(evidence.command('show').description('what one reading rests on, through the API of a running gateway'))
    .argument('<meter>')
    .requiredOption('--at <instant>', 'the instant of the reading: 2026-11-21T00:00:00+08:00')
    .option('--source <source>', 'only how it came: day-freeze, month-freeze, curve, live, push')
    .action(show)
  withAccess(evidence.command('pack').description('the evidence pack of a record, as JSON on standard output'))
    .argument('<id>', 'number of the record; evidence show names it')
    .option('--meter <meter>', 'which of its meters, where it has several')
    .action(async (id: string, { meter, ...access }: Access & { readonly meter?: string }) => {
      const query = meter === undefined ? '' : `?meter=${encodeURIComponent(meter)}`
      printJson(await askApi(access, `/evidence/${encodeURIComponent(id)}/pack${query}`, AnyDocument))
    })
  evidence
    .command('verify')
    .description('works the hashes of a pack out again and decodes its registers out of the bytes again; needs no gateway')
    .argument('<file>', 'evidence pack; - reads standard input')
    .option('--json', 'one JSON document instead of text')
    .action(verify)
}

const show = async (meter: string, { at, source, ...access }: ShowArguments): Promise<void> => {
  const instant = Date.parse(at)
  if (Number.isNaN(instant)) throw new CommandFailed(`--at ${at}: an instant such as 2026-11-21T00:00:00+08:00 is wanted`, EXIT.usage)
  const query = { meter, measuredAt: new Date(instant).toISOString(), source }
  if (access.json) return printJson(await askWhole(access, '/readings/evidence', AnyDocument, query))
  const { items } = await askWhole(access, '/readings/evidence', Page, query)
  for (const { id, kind, sha256, channel, protocol, about, by, receivedAt, parts, of } of items) {
    print(
      table([
        ['record', `${id} (${kind})`],
        ['sha256', sha256],
        ['through', `${channel}, ${protocol}`],
        ['about', about],
        ['by', by],
        ['received', receivedAt],
        ['readings', of.length > 3 ? `${of.length}` : of.map((key) => `${key.meter} ${key.measuredAt} ${key.source}`).join('; ')],
      ]),
    )
    for (const { frame, sha256: hash } of parts)
      print(
        frame === null
          ? `  not yours to see; SHA-256 ${hash}`
          : `  ${frame.at}  ${frame.direction}  ${frame.hex}\n      ${frame.description}`,
      )
  }
}

const verify = (file: string, { json }: { readonly json?: boolean }): void => {
  let content: unknown
  try {
    content = JSON.parse(readFileSync(file === '-' ? 0 : file, 'utf8'))
  } catch (error) {
    throw new CommandFailed(`${file} cannot be read as JSON: ${error instanceof Error ? error.message : String(error)}`, EXIT.usage)
  }
  if (!Value.Check(PackSchema, content)) {
    const [first] = Value.Errors(PackSchema, content)
    throw new CommandFailed(`${file} is no evidence pack: ${first?.instancePath ?? ''} ${first?.message ?? ''}`, EXIT.usage)
  }
  const checks = verifyPack(content)
  const failed = checks.filter(({ isRight }) => isRight === false)
  if (json) printJson({ isRight: failed.length === 0, checks })
  else {
    const { meter, measuredAt, source } = content.reading
    print(`meter ${meter}, ${measuredAt}, ${source}`)
    print(table(checks.map((check) => [wordOf(check), check.what, check.text])))
  }
  if (failed.length > 0) {
    complain(`${failed.length} of ${checks.length} checks failed: the figure does not follow from these bytes, or the document was changed`)
    process.exitCode = EXIT.failed
  }
}

const wordOf = ({ isRight }: PackCheck): string => (isRight === null ? 'open' : isRight ? 'right' : 'WRONG')
