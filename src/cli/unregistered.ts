import { reached } from './gateway-api.ts'
import { CommandFailed, EXIT, print, printJson, table } from './output.ts'

export interface ApiArguments {
  readonly url: string
  readonly token?: string
  readonly json?: boolean
}

export interface ListArguments extends ApiArguments {
  readonly state?: string
  readonly channel?: string
  readonly overdue?: boolean
}

export interface AdoptArguments extends ApiArguments {
  readonly meter: string
  readonly point: string
  readonly area?: string
  readonly profile?: string
  readonly ct?: string
  readonly pt?: string
  readonly from?: string
  readonly why: string
  readonly workOrder?: string
}

export interface CloseArguments extends ApiArguments {
  readonly why: string
  readonly forever?: boolean
}

/** `gridtally unregistered list`: every meter that was heard and is not in the ledger. */
export const listUnregistered = async (args: ListArguments): Promise<void> => {
  const items: object[] = []
  for (let cursor: string | null = null; ; ) {
    const query = new URLSearchParams({ limit: '1000', ...(cursor === null ? {} : { cursor }) })
    query.set('state', args.state ?? 'open')
    if (args.channel !== undefined) query.set('channel', args.channel)
    if (args.overdue) query.set('overdue', 'true')
    const page = await ask(args, 'GET', `unregistered?${query}`)
    items.push(...objectsOf(memberOf(page, 'items')))
    const next = memberOf(page, 'next')
    if (typeof next !== 'string') break
    cursor = next
  }
  if (args.json) printJson(items)
  else if (items.length === 0) print('every meter that was heard is in the ledger')
  else print(table([['id', 'where', 'address', 'first seen', 'readings', 'register', 'area?', ''], ...items.map(rowOf)]))
}

/** `gridtally unregistered show`: one of them, its history, and what it has used by month. */
export const showUnregistered = async (id: string, args: ApiArguments): Promise<void> => {
  const path = `unregistered/${idOf(id)}`
  const found = await ask(args, 'GET', path)
  const statement = memberOf(found, 'by') === 'broker' ? await ask(args, 'GET', `${path}/statement`) : null
  if (args.json) return printJson({ ...found, ...(statement ? { statement } : {}) })
  for (const [name, value] of Object.entries(found))
    if (name !== 'history' && value !== null)
      print(`${name.padEnd(14)} ${typeof value === 'object' ? JSON.stringify(value) : String(value)}`)
  for (const act of objectsOf(memberOf(found, 'history')))
    print(`${textOf(act, 'at')}  ${textOf(act, 'what')} by ${textOf(act, 'who')}: ${textOf(act, 'why')}`)
  if (!statement) return
  print(
    `\nused since first seen: ${textOf(statement, 'used')} ${textOf(statement, 'unit')} (${textOf(statement, 'obis')}, as shown by the meter)`,
  )
  const rows = objectsOf(memberOf(statement, 'months')).map((month) => [
    textOf(month, 'month'),
    ...(['first', 'last'] as const).map((name) => shownRegister(memberOf(month, name))),
    textOf(month, 'used') || '?',
    listOf(memberOf(month, 'missing')).map(String).join('; '),
  ])
  print(table([['month', 'first', 'last', 'used', 'missing'], ...rows]))
}

/** `gridtally unregistered adopt`: puts it into the ledger; its readings follow. */
export const adoptUnregistered = async (id: string, args: AdoptArguments): Promise<void> => {
  const { url: _url, token: _token, json, ...body } = args
  const done = await ask(args, 'POST', `unregistered/${idOf(id)}/adopt`, body)
  if (json) printJson(done)
  else print(`${textOf(done, 'address')} is meter ${args.meter} at point ${args.point}; its earlier readings are put there now`)
}

/** `gridtally unregistered close`: it is no meter of ours, and why. */
export const closeUnregistered = async (id: string, args: CloseArguments): Promise<void> => {
  const done = await ask(args, 'POST', `unregistered/${idOf(id)}/close`, { why: args.why, forever: args.forever ?? false })
  if (args.json) printJson(done)
  else print(`${textOf(done, 'address')} is closed${args.forever ? ' for ever' : '; it is open again when it is heard again'}`)
}

const ask = async (place: ApiArguments, method: string, path: string, body?: object): Promise<object> => {
  const { url } = place
  const sent = body ? { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) } : {}
  const response = await reached(place, `/api/v1/${path}`, {}, { method, ...sent })
  const answer: unknown = await response.json().catch(() => null)
  if (typeof answer !== 'object' || answer === null) throw new CommandFailed(`${url} answered ${response.status} without a document`)
  if (!response.ok) throw new CommandFailed(`${textOf(answer, 'code')} ${textOf(answer, 'detail')}; ${textOf(answer, 'hint')}`)
  return answer
}

const idOf = (text: string): string => {
  if (!/^[1-9]\d{0,14}$/.test(text)) throw new CommandFailed(`ID ${text}: a number, as gridtally unregistered list shows it`, EXIT.usage)
  return text
}

const rowOf = (item: object): string[] => [
  textOf(item, 'id'),
  textOf(item, 'channel'),
  textOf(item, 'address'),
  textOf(item, 'firstSeen').slice(0, 16),
  textOf(item, 'readings'),
  shownRegister(memberOf(item, 'register')),
  textOf(item, 'suggestedArea'),
  memberOf(item, 'overdue') === true ? 'overdue' : textOf(item, 'state'),
]

const shownRegister = (register: unknown): string =>
  typeof register === 'object' && register !== null ? `${textOf(register, 'value')} ${textOf(register, 'unit')}`.trim() : '-'
const memberOf = (object: object, name: string): unknown => Object.entries(object).find(([key]) => key === name)?.[1]
const textOf = (object: object, name: string): string => {
  const value = memberOf(object, name)
  return value === null || value === undefined ? '' : String(value)
}
const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [])
const objectsOf = (value: unknown): object[] => listOf(value).filter((one): one is object => typeof one === 'object' && one !== null)
