import { Type } from 'typebox'
import { Value } from 'typebox/value'
import type { Evidence, ExchangeDraft, PointState } from '../ledger/index.ts'
import { CHECK_ITEMS, type CheckItem, dateText, type Exchange, STATES } from '../ledger/index.ts'
import { diffLines, settingsFrom } from './ledger-commands.ts'
import { type ActOptions, actFrom, instantFrom, nowOf, refusedAs, withLedger } from './ledger-open.ts'
import { CommandFailed, EXIT, print, printJson, table } from './output.ts'

interface Common {
  readonly config: string
  readonly json?: boolean
}

interface ExchangeOptions extends Common, ActOptions {
  readonly at: string
  readonly meter?: string
  readonly set?: readonly string[]
  readonly ct?: string
  readonly pt?: string
  readonly end: readonly string[]
  readonly start?: readonly string[]
  readonly by: readonly string[]
  readonly reason: string
  readonly deviation?: string
  readonly url?: string
  readonly token?: string
  readonly dryRun?: boolean
}

/** `ledger exchange POINT`: from the papers of the exchange; with --url compared with what the running gateway has read. */
export const exchange = (point: string, options: ExchangeOptions): Promise<void> =>
  withLedger(options.config, async (ledger, config) => {
    const chosen = [options.meter, options.ct, options.pt].filter((one) => one !== undefined)
    if (chosen.length !== 1) throw new CommandFailed('name what is new: one of --meter, --ct, --pt', EXIT.usage)
    const [one, other] = options.by
    if (one === undefined || other === undefined || options.by.length > 2)
      throw new CommandFailed('--by wants two names: who did it and who checked it', EXIT.usage)
    const draft: ExchangeDraft = {
      kind: options.meter !== undefined ? 'meter' : options.ct !== undefined ? 'ct' : 'pt',
      ...{ point, at: instantFrom(options.at, '--at') },
      meter: options.meter === undefined ? null : { id: options.meter, set: settingsFrom(options.set ?? []) },
      ratio: options.ct ?? options.pt ?? null,
      ...{ end: registersFrom(options.end), start: registersFrom(options.start ?? []) },
      proposed: options.url === undefined ? { end: null, start: null } : await proposed(options.url, point, options),
      by: [one, other],
      ...{ reason: options.reason, deviation: options.deviation ?? null },
      tolerance: config.exchange,
    }
    const act = actFrom(config, 'exchange', { ...options, why: options.reason })
    if (options.dryRun) {
      const plan = ledger.planExchange(draft, act)
      if (options.json) printJson(plan)
      else for (const line of diffLines(plan.entries)) print(line)
      for (const { place, message, hint } of plan.problems) print(`${place}: ${message}; ${hint}`)
      if (plan.problemCount > 0) process.exitCode = EXIT.failed
      return
    }
    const done = ledger.exchange(draft, act)
    if (!done.ok) throw refusedAs(done.error)
    if (options.json) printJson(done.value)
    else print(`exchange ${done.value.id}, change ${done.value.change}: ${wordsOf(done.value)}; billing has to acknowledge it`)
  })

const ProposedSchema = Type.Object({
  end: Type.Union([Type.Object({ registers: Type.Record(Type.String(), Type.String()) }), Type.Null()]),
  start: Type.Union([Type.Object({ registers: Type.Record(Type.String(), Type.String()) }), Type.Null()]),
})

/** What the running gateway has read around the exchange. */
const proposed = async (url: string, point: string, { at, meter, token }: ExchangeOptions): Promise<ExchangeDraft['proposed']> => {
  const query = new URLSearchParams({ point, at, ...(meter === undefined ? {} : { meter }) })
  const headers = { authorization: `Bearer ${token ?? process.env.GRIDTALLY_TOKEN ?? ''}` }
  const answer = await fetch(`${url}/api/v1/exchanges/proposal?${query}`, { headers, signal: AbortSignal.timeout(15_000) }).catch(
    (error: unknown) => {
      throw new CommandFailed(`the gateway at ${url} does not answer: ${error instanceof Error ? error.message : String(error)}`)
    },
  )
  const said: unknown = await answer.json()
  if (!answer.ok || !Value.Check(ProposedSchema, said))
    throw new CommandFailed(`the gateway at ${url} refused with ${answer.status}: ${JSON.stringify(said)}`)
  return { end: said.end?.registers ?? null, start: said.start?.registers ?? null }
}

const registersFrom = (pairs: readonly string[]): Record<string, string> =>
  Object.fromEntries(
    pairs.map((pair) => {
      const [code, value] = pair.includes('=') ? pair.split('=') : ['1.8.0', pair]
      return [code ?? '', value ?? '']
    }),
  )

const wordsOf = ({ kind, point, at, oldMeter, newMeter, oldRatio, newRatio }: Exchange): string =>
  `${kind} at ${point} ${kind === 'meter' ? `${oldMeter} -> ${newMeter}` : `${oldRatio} -> ${newRatio}`} at ${dateText(at)}`

/** `ledger exchanges` */
export const exchanges = (
  options: Common & { readonly point?: string; readonly unacknowledged?: boolean; readonly limit: number },
): Promise<void> =>
  withLedger(options.config, (ledger, config) => {
    const found = ledger.exchanges({
      limit: options.limit,
      ...(options.point === undefined ? {} : { point: options.point }),
      ...(options.unacknowledged ? { unacknowledged: true } : {}),
    })
    if (options.json) return printJson(found)
    const days = (at: number) => `${Math.floor((nowOf(config) - at) / 86_400_000)} d`
    print(
      table([
        ['id', 'what', 'end', 'start', 'by', 'state', 'age'],
        ...found.map((one) => [
          ...[String(one.id), wordsOf(one), one.end['1-0:1.8.0'] ?? '', one.start['1-0:1.8.0'] ?? '', one.by.join(', ')],
          one.undoneBy !== null
            ? `taken back by ${one.undoneBy}`
            : one.acknowledged
              ? `acknowledged by ${one.acknowledged.by}`
              : 'not acknowledged',
          days(one.at),
        ]),
      ]),
    )
  })

/** `ledger acknowledge ID` */
export const acknowledge = (id: number, options: Common & ActOptions & { readonly note?: string }): Promise<void> =>
  withLedger(options.config, (ledger, config) => {
    const { who, at } = actFrom(config, 'acknowledge', options)
    const done = ledger.acknowledge(id, who, options.note ?? '', at)
    if (!done.ok) throw refusedAs(done.error)
    if (options.json) printJson(done.value)
    else print(`exchange ${id} is acknowledged by ${who}`)
  })

const UNSEEN: Evidence = { good: null, text: 'the running gateway knows (GET /api/v1/points/POINT/checklist)' }
const unseen = () => Object.fromEntries(CHECK_ITEMS.map((item) => [item, UNSEEN]))

/** `ledger checklist POINT [ITEM]` */
export const checklist = (
  point: string,
  word: string | undefined,
  options: Common & ActOptions & { readonly wrong?: boolean; readonly note?: string },
): Promise<void> =>
  withLedger(options.config, (ledger, config) => {
    if (word !== undefined) {
      const item = CHECK_ITEMS.find((one) => one === word)
      if (item === undefined) throw new CommandFailed(`${JSON.stringify(word)} is no item; allowed: ${CHECK_ITEMS.join(', ')}`, EXIT.usage)
      const done = ledger.confirm(
        point,
        item satisfies CheckItem,
        !options.wrong,
        actFrom(config, 'state', { ...options, why: options.note ?? '' }),
      )
      if (!done.ok) throw refusedAs(done.error)
    }
    const items = ledger.checklist(point, unseen)
    if (!items) throw new CommandFailed(`there is no point ${point}`)
    if (options.json) return printJson(items)
    print(
      table(
        items.map(({ item, done, confirmed, missing }) => [
          ...[item, done ? 'done' : 'open'],
          done
            ? `${confirmed?.who ?? 'the gateway'}${confirmed ? `, ${dateText(confirmed.at)}` : ''}${confirmed?.note ? `: ${confirmed.note}` : ''}`
            : (missing ?? ''),
        ]),
      ),
    )
  })

/** `ledger state POINT STATE` */
export const state = (
  point: string,
  word: string,
  settings: readonly string[],
  options: Common & ActOptions & { readonly from?: string },
): Promise<void> =>
  withLedger(options.config, (ledger, config) => {
    const to = STATES.find((one): one is PointState => one === word)
    if (to === undefined) throw new CommandFailed(`${JSON.stringify(word)} is no state; allowed: ${STATES.join(', ')}`, EXIT.usage)
    const done = ledger.step(point, to, actFrom(config, 'state', options), unseen, {
      set: settingsFrom(settings),
      ...(options.from === undefined ? {} : { from: instantFrom(options.from, '--from') }),
    })
    if (!done.ok) throw refusedAs(done.error)
    if (options.json) printJson(done.value)
    else print(`change ${done.value.change}: point ${point} is ${to}`)
  })
