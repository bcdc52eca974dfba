import { askedWhole } from './gateway-api.ts'
import { print, printJson, table } from './output.ts'

export interface LossArguments {
  readonly from: string
  readonly to: string
  readonly step: '15m' | 'day' | 'month'
  readonly members?: boolean
  readonly url: string
  readonly token?: string
  readonly json?: boolean
}

interface Item {
  readonly from: string
  readonly supply: string | null
  readonly reverse: string | null
  readonly generation: string | null
  readonly sold: string | null
  readonly loss: string | null
  readonly rates: { readonly ofInput: number | null; readonly ofNet: number | null }
  readonly coverage: { readonly meters: number; readonly good: number }
  readonly estimatedPpm: number
  readonly state: string
  readonly faults: readonly string[]
  readonly missing: readonly string[]
  readonly bound: { readonly low: number | null; readonly high: number } | null
  readonly version: number
  readonly sumOfDays: {
    readonly loss: string | null
    readonly days: number
    readonly of: number
    readonly notComputable: readonly string[]
  } | null
}
interface Member {
  readonly point: string
  readonly role: string
  readonly ratio: string | null
  readonly imported: string | null
  readonly exported: string | null
  readonly reasons: readonly string[]
  readonly start: { readonly register: string } | null
  readonly end: { readonly register: string } | null
}

/** `gridtally loss AREA`: line loss of an area, as the running gateway gives it out. */
export const loss = async (area: string, args: LossArguments): Promise<void> => {
  const path = `/api/v1/areas/${encodeURIComponent(area)}/${args.members ? 'balance' : 'loss'}`
  const query = { from: args.from, to: args.to, ...(args.members ? {} : { step: args.step }) }
  const answer = await askedWhole(args, path, query, args.members ? 'members' : 'items')
  if (args.json) return printJson(answer)
  print(`${area}  ${args.members ? 'balance' : args.step}  ${String(answer.from)} to ${String(answer.to)}  days of ${String(answer.zone)}`)
  if (answer.pending) print('some of it is being worked out again')
  if (args.members) return showMembers(answer.balance as Item, answer.members as readonly Member[])
  const items = answer.items as readonly Item[]
  if (items.length === 0) print('nothing is known of that time')
  print(table([HEAD, ...items.map(row)]))
}

const HEAD = ['from', 'supply', 'back', 'fed in', 'sold', 'loss kWh', '% of input', '% of net', 'good', 'state', '']
const row = (item: Item): string[] => {
  const {
    from,
    supply,
    reverse,
    generation,
    sold,
    loss: lost,
    rates,
    coverage,
    state,
    faults,
    missing,
    bound,
    version,
    sumOfDays,
    estimatedPpm,
  } = item
  const known = (value: string | null) => (value ?? '-').padStart(10)
  const percent = (value: number | null) => (value === null ? '-' : value.toFixed(2)).padStart(7)
  return [
    ...[from, known(supply), known(reverse), known(generation), known(sold), known(lost), percent(rates.ofInput), percent(rates.ofNet)],
    ...[`${coverage.good}/${coverage.meters}`, state],
    [
      ...faults,
      ...(missing.length > 0
        ? [`missing ${missing.slice(0, 3).join(' ')}${missing.length > 3 ? ` and ${missing.length - 3} more` : ''}`]
        : []),
      ...(state === 'not-computable' && bound
        ? [bound.low === null ? `at most ${bound.high} kWh` : `between ${bound.low} and ${bound.high} kWh`]
        : []),
      ...(estimatedPpm > 0 ? [`${(estimatedPpm / 10_000).toFixed(2)} % estimated`] : []),
      ...(sumOfDays ? [`sum of ${sumOfDays.days} of ${sumOfDays.of} days ${sumOfDays.loss ?? '-'} kWh`] : []),
      ...(version > 1 ? [`version ${version}`] : []),
    ].join(', '),
  ]
}

const showMembers = (balance: Item, members: readonly Member[]): void => {
  print(table([HEAD, row(balance)]))
  print(
    table(
      members.map(({ point, role, ratio, imported, exported, reasons, start, end }) => [
        ...[`  ${point}`, role, `× ${ratio ?? '?'}`, start?.register ?? '-', end?.register ?? '-', (imported ?? '-').padStart(12)],
        ...[exported === null ? '' : `back ${exported}`, reasons.join(', ')],
      ]),
    ),
  )
}
