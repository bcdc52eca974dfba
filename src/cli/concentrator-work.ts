import { type Command, Option } from 'commander'
import { type Static, Type } from 'typebox'
import { type Ordering, order, pathOf, settle } from './concentrator-jobs.ts'
import { type Arguments, accessOf, failWhen, type Maker, meters, whole, why } from './concentrator-parts.ts'
import { formed, Items, Reads, Routes, showItems, showReads, showRoutes } from './concentrator-words.ts'
import { type Access, askApi, askWhole } from './gaps.ts'
import { print, printJson, table } from './output.ts'

const TextOrNull = Type.Union([Type.String(), Type.Null()])
const Point = Type.Union([Type.Object({ at: Type.String(), driftMs: Type.Integer(), uncertaintyMs: Type.Integer() }), Type.Null()])
const ClockDetail = Type.Object({
  ...{ state: Type.String(), newest: Point },
  acts: Type.Array(Type.Object({ at: Type.String(), who: Type.String(), why: Type.String(), result: Type.String(), message: TextOrNull })),
})
const Events = Type.Object({
  items: Type.Array(
    Type.Object({
      at: Type.String(),
      meter: Type.String(),
      code: Type.String(),
      edge: TextOrNull,
      facts: Type.Record(Type.String(), Type.Unknown()),
    }),
  ),
  next: TextOrNull,
})
const RoutesAnswer = Type.Object({ readAt: TextOrNull, items: Routes })
/** `gridtally concentrator clock …` */
export const clockCommands = (clock: Command, command: Maker, ordering: Maker): void => {
  command(clock, 'show', 'as it was seen last, and what was done to it')
    .argument('<id>')
    .action(async (id: string, access: Access) => {
      const found = await askApi(access, pathOf(id, '/clock'), ClockDetail)
      if (access.json) return printJson(found)
      const { newest, state, acts } = found
      print(newest ? `${state}: ${driftText(newest)} at ${newest.at}` : 'never seen')
      for (const { at, who, why: reason, result, message } of acts)
        print(`${at}  set by ${who} (${reason}): ${result}${message ? `, ${message}` : ''}`)
    })
  ordering(clock, 'read', 'reads it now').action(async (id: string, access: Ordering) =>
    settle(await order(access, id, '/clock/read', {}), access, (result) =>
      print(driftText(formed(Type.Object({ driftMs: Type.Number(), uncertaintyMs: Type.Number() }), result))),
    ),
  )
  why(ordering(clock, 'set', 'sets it by ours; never near a full hour or midnight'))
    .option('--second-token <token>', 'token of a second person, where two are wanted')
    .option('--accept-crossing', 'though the correction crosses an hour or midnight at every time of day')
    .action(async (id: string, { why: reason, secondToken, acceptCrossing, ...access }: Arguments) => {
      const body = { why: reason, ...(secondToken ? { secondToken } : {}), ...(acceptCrossing ? { acceptCrossing: true } : {}) }
      settle(await order(access, id, '/clock/set', body), access, (result) => {
        const Acted = Type.Object({ result: Type.String(), meters: Type.Array(Type.Object({ before: Drift, after: Drift })) })
        const { result: how, meters: shown } = formed(Acted, result)
        for (const { before, after } of shown)
          print(`${how}: ${before ? driftText(before) : '?'} before, ${after ? driftText(after) : 'not read'} after`)
      })
    })
}

const Drift = Type.Union([Type.Object({ driftMs: Type.Number(), uncertaintyMs: Type.Number() }), Type.Null()])
const driftText = ({ driftMs, uncertaintyMs }: { readonly driftMs: number; readonly uncertaintyMs: number }): string =>
  `${driftMs >= 0 ? '+' : ''}${(driftMs / 1000).toFixed(1)} s ± ${(uncertaintyMs / 1000).toFixed(1)} s`

/** As many of the newest as are wanted, page by page. */
const newestEvents = async (
  access: Access,
  path: string,
  { limit = '', ...query }: Readonly<Record<string, string>>,
): Promise<Static<typeof Events>['items']> => {
  const wanted = whole(limit, 'a number of events')
  const items: Static<typeof Events>['items'] = []
  for (let cursor: string | undefined; ; ) {
    const size = Math.min(wanted - items.length, MOST_EVENTS)
    const page: Static<typeof Events> = await askApi(access, path, Events, undefined, { ...query, limit: String(size), cursor })
    items.push(...page.items)
    if (page.next === null || items.length >= wanted) return items
    cursor = page.next
  }
}
/** Of one page. */
const MOST_EVENTS = 2000

/** `gridtally concentrator events …` and `routes …` */
export const eventCommands = (group: Command, command: Maker, ordering: Maker): void => {
  const events = group.command('events').description('events of a concentrator and its meters')
  command(events, 'list', 'stored events, newest first')
    .argument('<id>')
    .option('--from <instant>', 'start: 2026-11-20T00:00:00+08:00; default seven days ago')
    .option('--to <instant>', 'end, exclusive')
    .option('--meter <meter>', 'only of this meter; the concentrator’s id for its own')
    .option('--limit <count>', 'most of them', '200')
    .action(async (id: string, { url, token, json, ...query }: Access & Readonly<Record<string, string>>) => {
      const access = { url, ...(token === undefined ? {} : { token }) }
      const items = await newestEvents(access, pathOf(id, '/events'), query)
      if (json) return printJson(items)
      if (items.length === 0) return print('no events')
      const rows = items.map(({ at, meter, code, edge, facts }) => [at.slice(0, 19), meter, code, edge ?? '', factsText(facts)])
      print(table([['at (UTC)', 'meter', 'event', '', 'what it says'], ...rows]))
    })
  ordering(events, 'ask', 'asks for events again by their counters, and stores them')
    .addOption(new Option('--level <level>', 'which list').choices(['important', 'normal']).default('important'))
    .option('--from <counter>', 'counter of the first; default ten before the newest', (text: string) => whole(text, 'a counter'))
    .option('--to <counter>', 'counter behind the last; default the newest', (text: string) => whole(text, 'a counter'))
    .action(async (id: string, { level, from, to, ...access }: Arguments) => {
      const body = { level, ...(from === undefined ? {} : { from }), ...(to === undefined ? {} : { to }) }
      settle(await order(access, id, '/events/ask', body), access, (result) => {
        const Asked = Type.Object({
          ...{ from: Type.Integer(), to: Type.Integer() },
          events: Type.Array(
            Type.Object({ code: Type.String(), begins: TextOrNull, edge: TextOrNull, facts: Type.Record(Type.String(), Type.Unknown()) }),
          ),
        })
        const found = formed(Asked, result)
        print(`${found.events.length} events of counters ${found.from} to ${found.to}`)
        if (found.events.length > 0)
          print(table(found.events.map(({ code, begins, edge, facts }) => [begins ?? '?', code, edge ?? '', factsText(facts)])))
      })
    })
  const routes = group.command('routes').description('signal and routes of its meters')
  command(routes, 'show', 'as they were read last')
    .argument('<id>')
    .action(async (id: string, access: Access) => {
      const found = await askWhole(access, pathOf(id, '/routes'), RoutesAnswer)
      if (access.json) return printJson(found)
      if (found.readAt !== null) print(`read ${found.readAt}`)
      showRoutes(found.items)
    })
  meters(ordering(routes, 'read', 'asks the concentrator how it reaches its meters')).action(
    async (id: string, { meter, ...access }: Arguments & { readonly meter?: readonly string[] }) =>
      settle(await order(access, id, '/routes/read', meter ? { meters: meter } : {}), access, (result) =>
        showRoutes(formed(Routes, result)),
      ),
  )
}

const factsText = (facts: Readonly<Record<string, unknown>>): string =>
  Object.entries(facts)
    .map(([name, value]) => `${name} ${value === null ? '-' : typeof value === 'object' ? JSON.stringify(value) : String(value)}`)
    .join(', ')

/** `gridtally concentrator read …` and `ask …` */
export const readCommands = (group: Command, ordering: Maker): void => {
  const integer = (what: string) => (text: string) => whole(text, what)
  meters(ordering(group, 'read', 'reads its meters now: what it has of them, or the meters themselves through it'))
    .addOption(new Option('--kind <kind>', 'what to read').choices(['current', 'curve', 'day-freeze', 'month-freeze']).default('current'))
    .option('--register <code...>', 'only these: 1.8.0 32.7.0')
    .option('--nth <number>', 'freezes: how many back; default the last', integer('a number'))
    .option('--since <time>', 'curves: the first point, wall clock: 2026-11-21T00:15')
    .option('--until <time>', 'curves: the last point')
    .option('--profile <profile>', 'read by this profile; default each meter’s own')
    .addOption(new Option('--way <way>', 'own: what it has; forward: the meter itself').choices(['own', 'forward']))
    .option('--port <port>', 'forward: port; default as the archive has it', integer('a port'))
    .option('--baud <baud>', 'forward: speed', integer('a speed'))
    .option('--wait-ms <time>', 'forward: how long the concentrator waits', integer('milliseconds'))
    .action(async (id: string, { url, token, json, background, meter, register, kind, ...rest }: Arguments) => {
      const access = accessOf({ url, token, json, background })
      const body = { read: kind, ...(meter ? { meters: meter } : {}), ...(register ? { registers: register } : {}), ...rest }
      const job = await order(access, id, '/read', body)
      if (access.json && job) failWhen(formed(Reads, job.result ?? []).some(({ code }) => code !== null))
      settle(job, access, (result) => failWhen(!showReads(formed(Reads, result))))
    })
  ordering(group, 'ask', 'asks for anything its protocol can read, and takes the answer apart')
    .argument('<item>', '"0C F25", "0D F161", 00100200')
    .option('--meter <meter>', 'meter; default the concentrator itself')
    .option('--at <time>', 'day or month of a freeze, first point of a curve: 2026-11-21')
    .option('--points <count>', 'points of a curve', integer('a number'))
    .option('--minutes <count>', 'minutes between two of them', integer('a number'))
    .action(async (id: string, item: string, { url, token, json, background, ...rest }: Arguments) => {
      const access = accessOf({ url, token, json, background })
      settle(await order(access, id, '/ask', { item, ...rest }), access, (result) => showItems(formed(Items, result)))
    })
}
