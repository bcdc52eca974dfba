import { type DiffEntry, dateText, type Entity, type Patch, type Value } from '../ledger/index.ts'
import { type ActOptions, actFrom, instantFrom, kindFrom, nowOf, refusedAs, withLedger } from './ledger-open.ts'
import { CommandFailed, EXIT, print, printJson, table } from './output.ts'

interface Common {
  readonly config: string
  readonly json?: boolean
}

const shown = (value: Value): string => (value === null ? '-' : String(value))
const sayAll = (attributes: Entity['attributes']): string =>
  Object.entries(attributes)
    .map(([name, value]) => `${name}=${shown(value)}`)
    .join(' ')

/** `ledger show KIND [ID]` */
export const show = (
  word: string,
  id: string | undefined,
  options: Common & { readonly asOf?: string; readonly where?: string; readonly text?: string; readonly limit: number },
): Promise<void> =>
  withLedger(options.config, (ledger) => {
    const kind = kindFrom(word)
    const asOf = options.asOf === undefined ? null : instantFrom(options.asOf, '--as-of')
    if (id !== undefined) {
      const found = ledger.get(kind, id, asOf)
      if (!found) throw new CommandFailed(`there is no ${kind} ${id}${asOf === null ? '' : ` at ${dateText(asOf)}`}`)
      if (options.json) printJson(found)
      else
        print(
          table([
            ['id', id],
            ['version', String(found.version)],
            ...Object.entries(found.attributes).map(([name, value]) => [name, shown(value)]),
          ]),
        )
      return
    }
    const where = options.where === undefined ? {} : settingsFrom(options.where.split(','))
    const found = ledger.list({
      ...{ kind, where, limit: options.limit },
      ...(options.text === undefined ? {} : { text: options.text }),
      ...(asOf === null ? {} : { asOf }),
    })
    if (options.json) printJson(found)
    else if (found.length > 0) print(table(found.map((entity) => [entity.id, sayAll(entity.attributes)])))
  })

/** `ledger history KIND ID` */
export const history = (word: string, id: string, options: Common): Promise<void> =>
  withLedger(options.config, (ledger) => {
    const kind = kindFrom(word)
    if (!ledger.get(kind, id, null)) throw new CommandFailed(`there is no ${kind} ${id}`)
    const facts = ledger.facts(kind, id)
    if (options.json) return printJson(facts)
    print(
      table([
        ['attribute', 'value', 'from', 'to', 'change'],
        ...facts.map(({ name, value, from, to, change }) => [
          name,
          shown(value),
          dateText(from),
          to === null ? '' : dateText(to),
          String(change),
        ]),
      ]),
    )
  })

/** `ledger changes` */
export const changes = (
  options: Common & {
    readonly kind?: string
    readonly id?: string
    readonly who?: string
    readonly workOrder?: string
    readonly limit: number
  },
): Promise<void> =>
  withLedger(options.config, (ledger) => {
    const { kind, id, who, workOrder, limit } = options
    const found = ledger.changes({
      limit,
      ...(kind === undefined ? {} : { kind: kindFrom(kind) }),
      ...(id === undefined ? {} : { id }),
      ...(who === undefined ? {} : { who }),
      ...(workOrder === undefined ? {} : { workOrder }),
    })
    if (options.json) return printJson(found)
    print(
      table([
        ['change', 'at', 'what', 'who', 'work order', 'entries', 'why'],
        ...found.map((one) => [
          ...[String(one.seq), dateText(one.at), one.what, one.who, one.workOrder ?? '', String(one.entities)],
          `${one.why}${one.undoes === null ? '' : ` (takes back ${one.undoes})`}${one.undoneBy === null ? '' : ` (taken back by ${one.undoneBy})`}`,
        ]),
      ]),
    )
  })

/** What a change did, line by line: `meter M1 since 2026-03-01: address 12 -> 13`. */
export const diffLines = (entries: readonly DiffEntry[]): string[] =>
  entries.map(({ kind, id, from, change, attributes }) => {
    const what = attributes.map(({ name, before, after }) => `${name} ${shown(before)} -> ${shown(after)}`).join(', ')
    return `${change === 'added' ? '+' : '~'} ${kind} ${id} since ${dateText(from)}${what ? `: ${what}` : ''}`
  })

/** `ledger change SEQ` */
export const change = (seq: number, options: Common): Promise<void> =>
  withLedger(options.config, (ledger) => {
    const found = ledger.change(seq, Number.MAX_SAFE_INTEGER)
    if (!found) throw new CommandFailed(`there is no change ${seq}; gridtally ledger changes lists them`)
    if (options.json) return printJson(found)
    const undone = found.undoneBy === null ? '' : `, taken back by change ${found.undoneBy}`
    print(
      `change ${seq}, ${found.what} by ${found.who} at ${dateText(found.at)}${found.workOrder ? `, work order ${found.workOrder}` : ''}${undone}: ${found.why}`,
    )
    for (const line of diffLines(found.entries)) print(line)
  })

/** `ledger undo SEQ` */
export const undo = (seq: number, options: Common & ActOptions & { readonly dryRun?: boolean }): Promise<void> =>
  withLedger(options.config, (ledger, config) => {
    const act = actFrom(config, 'undo', options)
    const done = options.dryRun ? ledger.planUndo(seq, act) : ledger.undo(seq, act)
    if (!done.ok) throw refusedAs(done.error)
    if (options.json) printJson(done.value)
    else print(options.dryRun ? `change ${seq} can be taken back` : `change ${seq} is taken back by change ${done.value.change}`)
  })

/** `ledger set KIND ID name=value…` */
export const set = (
  word: string,
  id: string,
  settings: readonly string[],
  options: Common & ActOptions & { readonly from?: string; readonly version?: number; readonly dryRun?: boolean },
): Promise<void> =>
  withLedger(options.config, (ledger, config) => {
    const kind = kindFrom(word)
    const patch: Patch = {
      kind,
      id,
      from: options.from === undefined ? null : instantFrom(options.from, '--from'),
      set: settingsFrom(settings),
    }
    if (options.dryRun) {
      const plan = ledger.plan([patch], { at: nowOf(config) })
      if (options.json) printJson(plan)
      else for (const line of diffLines(plan.entries)) print(line)
      for (const { place, message, hint } of plan.problems) print(`${place}: ${message}; ${hint}`)
      if (plan.problemCount > 0) process.exitCode = EXIT.failed
      return
    }
    const expected = options.version === undefined ? [] : [{ kind, id, version: options.version === 0 ? null : options.version }]
    const done = ledger.apply([patch], actFrom(config, 'edit', options), { expected })
    if (!done.ok) throw refusedAs(done.error)
    if (options.json) printJson(done.value)
    else
      print(
        done.value.change === null
          ? 'it is so already'
          : `change ${done.value.change}: ${kind} ${id} ${done.value.added > 0 ? 'added' : 'changed'}`,
      )
  })

/** `name=value` pairs; `name=` ends a fact. Types are the ledger's business, but for the words that are no text. */
export const settingsFrom = (pairs: readonly string[]): Record<string, Value> =>
  Object.fromEntries(
    pairs.map((pair) => {
      const at = pair.indexOf('=')
      if (at <= 0) throw new CommandFailed(`${JSON.stringify(pair)} is no setting; allowed: name=value, or name= to end it`, EXIT.usage)
      const value = pair.slice(at + 1)
      return [pair.slice(0, at), value === '' ? null : value === 'true' ? true : value === 'false' ? false : value]
    }),
  )

/** `ledger due` */
export const due = (options: Common & { readonly before?: string; readonly limit: number }): Promise<void> =>
  withLedger(options.config, (ledger, config) => {
    const day = options.before ?? new Intl.DateTimeFormat('en-CA', { timeZone: config.timezone }).format(nowOf(config))
    const found = (['meter', 'transformer'] as const).flatMap((kind) =>
      ledger.list({ kind, before: { name: 'verifyBy', day }, limit: options.limit }),
    )
    if (options.json) return printJson(found)
    if (found.length === 0) return print(`nothing had to be verified before ${day}`)
    print(
      table(
        found.map(({ kind, id, attributes }) => [
          kind,
          id,
          String(attributes.verifyBy),
          shown(attributes.point ?? null),
          shown(attributes.asset ?? null),
        ]),
      ),
    )
  })
