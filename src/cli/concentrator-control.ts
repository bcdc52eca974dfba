import { Argument, type Command } from 'commander'
import { type Static, Type } from 'typebox'
import { CONTROL_ACTS } from '../api/index.ts'
import { pathOf } from './concentrator-jobs.ts'
import { type Arguments, failWhen, type Maker, whole, why } from './concentrator-parts.ts'
import { type Access, askApi, everyPage } from './gaps.ts'
import { print, printJson, table } from './output.ts'

const Control = Type.Object({
  ...{
    id: Type.Integer(),
    act: Type.String(),
    target: Type.String(),
    why: Type.String(),
    state: Type.String(),
    requestedBy: Type.String(),
  },
  ...{
    requestedAt: Type.String(),
    until: Type.String(),
    confirmedBy: Type.Union([Type.String(), Type.Null()]),
    frames: Type.Array(Type.String()),
  },
  steps: Type.Array(Type.Object({ at: Type.String(), step: Type.String(), who: Type.String(), text: Type.String() })),
})
/** `gridtally concentrator control …`: remote trip and close, by two persons. */
export const controlCommands = (control: Command, command: Maker): void => {
  const showOne = (one: Static<typeof Control>, { json }: Access): void => {
    if (json) {
      printJson(one)
      return
    }
    const until = one.state === 'requested' ? `; another person confirms it until ${one.until}` : ''
    print(`act ${one.id}: ${one.act} of ${one.target}, ${one.state}${until}`)
    for (const { at, step, who, text } of one.steps) print(`  ${at}  ${step} by ${who}${text === '' ? '' : `: ${text}`}`)
    for (const frame of one.frames) print(`  ${frame}`)
  }
  const ended = (one: Static<typeof Control>, access: Access) => {
    showOne(one, access)
    failWhen(one.state !== 'done')
  }
  command(control, 'list', 'everything that was asked for, newest first')
    .argument('<id>')
    .action(async (id: string, { url, token, json }: Access) => {
      const access = { url, ...(token === undefined ? {} : { token }) }
      const items = await everyPage(access, pathOf(id, '/control'), Control, { limit: '500' })
      if (json) return printJson(items)
      if (items.length === 0) return print('nothing was ever switched from here')
      const rows = items.map((one) => [
        String(one.id),
        one.requestedAt.slice(0, 19),
        one.act,
        one.target,
        one.state,
        one.requestedBy,
        one.confirmedBy ?? '',
        one.why,
      ])
      print(table([['act', 'asked (UTC)', 'what', 'target', 'state', 'by', 'confirmed', 'why'], ...rows]))
    })
  command(control, 'show', 'one act, its steps and frames')
    .argument('<id>')
    .argument('<act>')
    .action(async (id: string, act: string, access: Access) =>
      showOne(await askApi(access, pathOf(id, `/control/${whole(act, 'an act')}`), Control), access),
    )
  why(command(control, 'request', 'asks for a trip or close; a second person confirms it within ten minutes'))
    .argument('<id>')
    .addArgument(new Argument('<act>', 'what is to be switched').choices([...CONTROL_ACTS]))
    .option('--meter <meter>', 'meter by ledger id or address')
    .option('--point <number>', 'turn (控制轮次); default the concentrator itself', (text: string) => whole(text, 'a turn'))
    .action(async (id: string, act: string, { why: reason, meter, point, ...access }: Arguments) => {
      const body = { act, why: reason, ...(meter === undefined ? {} : { meter }), ...(point === undefined ? {} : { point }) }
      showOne(await askApi(access, pathOf(id, '/control'), Control, body), access)
    })
  command(control, 'confirm', 'confirms a request with the token of another person; it is carried out once')
    .argument('<id>')
    .argument('<act>')
    .action(async (id: string, act: string, access: Access) =>
      ended(await askApi(access, pathOf(id, `/control/${whole(act, 'an act')}/confirm`), Control, null), access),
    )
  why(command(control, 'withdraw', 'takes a request back that was not confirmed'))
    .argument('<id>')
    .argument('<act>')
    .action(async (id: string, act: string, { why: reason, ...access }: Arguments) =>
      showOne(await askApi(access, pathOf(id, `/control/${whole(act, 'an act')}/withdraw`), Control, { why: reason }), access),
    )
}
