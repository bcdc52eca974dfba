import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import { Type } from 'typebox'
import { type JobAnswer, type Ordering, order, pathOf, settle } from './concentrator-jobs.ts'
import { failWhen, type Maker, whole, why } from './concentrator-parts.ts'
import { formed, jsonOf, Outcomes, showOutcomes } from './concentrator-words.ts'
import { type Access, askWhole } from './gaps.ts'
import { CommandFailed, EXIT, print, printJson, table } from './output.ts'

const Parameters = Type.Object({
  items: Type.Array(
    Type.Object({
      ...{
        id: Type.String(),
        label: Type.Object({ en: Type.String(), zh: Type.String() }),
        perPoint: Type.Boolean(),
        isSettable: Type.Boolean(),
      },
      known: Type.Array(Type.Object({ pn: Type.Union([Type.Integer(), Type.Null()]), readAt: Type.String(), value: Type.Unknown() })),
    }),
  ),
})
interface ParameterArguments extends Ordering {
  readonly pn?: number
  readonly ask?: string
  readonly value?: string
  readonly file?: string
  readonly like?: string
  readonly why?: string
}

/** `gridtally concentrator parameters …` */
export const parameterCommands = (parameters: Command, command: Maker, ordering: Maker): void => {
  command(parameters, 'list', 'what can be read and set, and what was read last')
    .argument('<id>')
    .action(async (id: string, access: Access) => {
      const { items } = await askWhole(access, pathOf(id, '/parameters'), Parameters)
      if (access.json) return printJson(items)
      const rows = items.map(({ id: name, label, perPoint, isSettable, known }) => [
        ...[name, label.en, label.zh, perPoint ? 'point' : '', isSettable ? 'can be set' : 'read only'],
        known.length === 0
          ? ''
          : `read ${known
              .map(({ readAt }) => readAt)
              .sort()
              .at(-1)}`,
      ])
      print(table(rows))
    })
  const named = (text: string, description: string) =>
    ordering(parameters, text, description)
      .argument('[parameter...]', 'F1 F3 …, or OADs')
      .option('--pn <point>', 'measuring point, where it is one of a point', (value: string) => whole(value, 'a measuring point'))
      .option('--ask <json>', 'what of a list is wanted: ports, classes, tasks')
  const outcomes = (job: JobAnswer | null, access: Access) => {
    if (access.json && job) failWhen(formed(Outcomes, job.result ?? []).some(({ outcome }) => !['read', 'same', 'set'].includes(outcome)))
    settle(job, access, (result) => failWhen(!showOutcomes(formed(Outcomes, result))))
  }
  named('read', 'reads parameters').action(async (id: string, names: readonly string[], args: ParameterArguments) =>
    outcomes(await order(args, id, '/parameters/read', { items: itemsOf(names, args) }), args),
  )
  named('compare', 'compares with a file, a value or another concentrator; exit 1 when something differs')
    .option('--value <json>', 'what is wanted of one parameter; @FILE reads it')
    .option('--file <file>', 'what is wanted: JSON with a list of { id, pn, value }')
    .option('--like <concentrator>', 'what this one has is wanted')
    .action(async (id: string, names: readonly string[], args: ParameterArguments) => {
      const body = args.like === undefined ? { items: wantedOf(names, args) } : { items: itemsOf(names, args), like: args.like }
      outcomes(await order(args, id, '/parameters/compare', body), args)
    })
  why(named('set', 'sets what differs, once, and reads it back'))
    .option('--value <json>', 'what it is to be; @FILE reads it')
    .option('--file <file>', 'JSON with a list of { id, pn, value }')
    .action(async (id: string, names: readonly string[], args: ParameterArguments) =>
      outcomes(await order(args, id, '/parameters/set', { why: args.why, items: wantedOf(names, args) }), args),
    )
}

const read = (path: string): string => readFileSync(path, 'utf8')

const itemsOf = (names: readonly string[], { pn, ask }: ParameterArguments): readonly object[] => {
  if (names.length === 0)
    throw new CommandFailed('name the parameters: F1 F3; gridtally concentrator parameters list shows them', EXIT.usage)
  return names.map((id) => ({ id, ...(pn === undefined ? {} : { pn }), ...(ask === undefined ? {} : { ask: jsonOf(ask, read) }) }))
}

const wantedOf = (names: readonly string[], args: ParameterArguments): readonly unknown[] => {
  if (args.file !== undefined) {
    const wanted = jsonOf(`@${args.file}`, read)
    if (!Array.isArray(wanted)) throw new CommandFailed(`${args.file}: a list of { id, pn, value } is wanted`, EXIT.usage)
    return wanted
  }
  if (args.value === undefined || names.length !== 1)
    throw new CommandFailed('one parameter with --value, or --file with several', EXIT.usage)
  return itemsOf(names, args).map((item) => ({ ...item, value: jsonOf(args.value ?? '', read) }))
}
