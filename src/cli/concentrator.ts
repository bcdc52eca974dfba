import { type Command, Option } from 'commander'
import { Type } from 'typebox'
import { CONCENTRATOR_PROTOCOLS } from '../api/index.ts'
import { many } from '../core/index.ts'
import { controlCommands } from './concentrator-control.ts'
import { follow, Job, type JobAnswer, jobRows, type Ordering, order, pathOf, settle } from './concentrator-jobs.ts'
import { parameterCommands } from './concentrator-parameters.ts'
import { type Arguments, accessOf, failWhen, type Maker, meters, whole, why } from './concentrator-parts.ts'
import { Archive, Counts, countsText, Diff, formed, Report, showArchive, showDiff, showReport } from './concentrator-words.ts'
import { clockCommands, eventCommands, readCommands } from './concentrator-work.ts'
import { type Access, askApi, askWhole, everyPage, withAccess } from './gaps.ts'
import { print, printJson, table } from './output.ts'

const TextOrNull = Type.Union([Type.String(), Type.Null()])

/** What these commands need of the answers; with --json everything is passed on as it is. */
const Concentrator = Type.Object({
  ...{ id: Type.String(), name: Type.String(), area: Type.String(), address: Type.String(), protocol: TextOrNull },
  ...{ allowWrites: Type.Boolean(), problem: TextOrNull, meters: Type.Integer() },
  online: Type.Union([
    Type.Object({
      peer: Type.String(),
      since: Type.String(),
      lastFrameAt: Type.String(),
      heartbeatS: Type.Integer(),
      queued: Type.Integer(),
    }),
    Type.Null(),
  ]),
  figures: Type.Union([
    Type.Object({
      logins: Type.Integer(),
      heartbeats: Type.Integer(),
      requests: Type.Integer(),
      answered: Type.Integer(),
      noReply: Type.Integer(),
      reports: Type.Integer(),
    }),
    Type.Null(),
  ]),
  archive: Type.Union([Type.Object({ ...Counts.properties, readAt: Type.String() }), Type.Null()]),
  clock: Type.Union([Type.Object({ at: Type.String(), driftMs: Type.Integer(), state: Type.String() }), Type.Null()]),
})
const Unknown = Type.Object({
  items: Type.Array(
    Type.Object({
      protocol: Type.String(),
      address: Type.String(),
      peer: Type.String(),
      firstSeen: Type.String(),
      lastSeen: Type.String(),
      count: Type.Integer(),
    }),
  ),
})

/** `gridtally concentrator …`: work through concentrators, by the API of a running gateway. */
export const concentratorCommands = (program: Command): void => {
  const group = program.command('concentrator').description('concentrators that dial in: see them, configure them, read through them')
  const command = (parent: Command, name: string, description: string, options?: { isDefault: boolean }) =>
    withAccess(parent.command(name, options).description(description))
  const ordering = (parent: Command, name: string, description: string) =>
    command(parent, name, description).argument('<id>').option('--background', 'does not wait for the end')
  command(group, 'list', 'concentrators of the ledger and their connections (the default)', { isDefault: true })
    .option('--area <area>', 'only of this transformer area')
    .addOption(new Option('--protocol <protocol>', 'only these').choices([...CONCENTRATOR_PROTOCOLS]))
    .option('--online', 'only those that are connected')
    .option('--offline', 'only those that are not')
    .option('--text <text>', 'part of id, name or address')
    .action(list)
  command(group, 'show', 'one concentrator').argument('<id>').action(show)
  archiveCommands(group.command('archive').description('the meter archive: read, compare, download, delete'), command, ordering)
  parameterCommands(group.command('parameters').description('parameters: list, read, compare, set'), command, ordering)
  clockCommands(group.command('clock').description('the clock: show, read, set'), command, ordering)
  eventCommands(group, command, ordering)
  readCommands(group, ordering)
  controlCommands(group.command('control').description('remote trip and close, by two persons'), command)
  jobCommands(group, command)
  unknownCommands(group.command('unknown').description('terminals that dial in and are not in the ledger'), command)
}

const list = async ({
  online,
  offline,
  url,
  token,
  json,
  ...filter
}: Access & Readonly<Record<string, string | undefined>> & { readonly online?: boolean; readonly offline?: boolean }) => {
  const access = { url, ...(token === undefined ? {} : { token }) }
  const state = online ? { online: 'true' } : offline ? { online: 'false' } : {}
  const items = await everyPage(access, '/concentrators', Concentrator, { ...filter, ...state, limit: '500' })
  if (json) return printJson(items)
  if (items.length === 0) return print('no concentrators')
  const rows = items.map(({ id, name, area, protocol, address, online: now, meters: count, archive, clock, problem }) => [
    ...[id, name, area, protocol ?? '?', address, now ? 'online' : 'offline', now?.lastFrameAt.slice(0, 19) ?? '', String(count)],
    archive ? `${archive.same}/${count}` : 'not read',
    clock ? `${(clock.driftMs / 1000).toFixed(1)} s` : '',
    problem ?? '',
  ])
  print(table([['id', 'name', 'area', 'protocol', 'address', 'state', 'heard (UTC)', 'meters', 'archive', 'clock', ''], ...rows]))
}

const show = async (id: string, access: Access): Promise<void> => {
  const one = await askApi(access, pathOf(id), Concentrator)
  if (access.json) return printJson(one)
  const { online, figures, archive, clock } = one
  print(
    table([
      ['concentrator', `${one.id}${one.name ? `, ${one.name}` : ''}${one.area ? `, area ${one.area}` : ''}`],
      ['address', `${one.address} (${one.protocol ?? 'protocol not known'})`],
      ...(one.problem === null ? [] : [['problem', one.problem]]),
      ['writing', one.allowWrites ? 'allowed' : 'off'],
      [
        'connection',
        online ? `${online.peer} since ${online.since}, heard ${online.lastFrameAt}, heartbeat ${online.heartbeatS} s` : 'not connected',
      ],
      ...(figures
        ? [
            [
              'since start',
              `${many(figures.logins, 'login')}, ${many(figures.heartbeats, 'heartbeat')}, ${many(figures.reports, 'report')}; ${figures.answered} of ${figures.requests} requests answered, ${figures.noReply} not in time`,
            ],
          ]
        : []),
      ['meters', String(one.meters)],
      ['archive', archive ? `read ${archive.readAt}: ${countsText(archive)}` : 'never read'],
      ['clock', clock ? `${(clock.driftMs / 1000).toFixed(1)} s off at ${clock.at}: ${clock.state}` : 'never seen'],
    ]),
  )
}

const archiveCommands = (archive: Command, command: Maker, ordering: Maker): void => {
  command(archive, 'show', 'all records as they were read last')
    .argument('<id>')
    .action(async (id: string, access: Access) => {
      const found = await askWhole(access, pathOf(id, '/archive'), Archive, {}, ['records', 'differences', 'problems'])
      if (access.json) printJson(found)
      else showArchive(found)
    })
  command(archive, 'diff', 'where ledger and concentrator differ, both ways')
    .argument('<id>')
    .action(async (id: string, access: Access) => {
      const found = await askWhole(access, pathOf(id, '/archive/diff'), Diff, {}, ['items', 'problems'])
      if (access.json) printJson(found)
      else showDiff(found)
    })
  ordering(archive, 'read', 'reads it back now').action(async (id: string, access: Ordering) =>
    settle(await order(access, id, '/archive/read', {}), access, (result) => print(countsText(formed(Counts, result)))),
  )
  const report = (job: JobAnswer | null, access: Access, what: string) => {
    if (access.json && job) failWhen(hasFailures(job.result))
    settle(job, access, (result) => failWhen(!showReport(formed(Report, result), what)))
  }
  meters(why(ordering(archive, 'download', 'writes what is missing or differs, and reads it back'))).action(
    async (id: string, { why: reason, meter, ...access }: Arguments & { readonly why: string; readonly meter?: readonly string[] }) =>
      report(await order(access, id, '/archive/download', { why: reason, ...(meter ? { meters: meter } : {}) }), access, 'written'),
  )
  why(ordering(archive, 'delete', 'deletes records, and only those that are named'))
    .requiredOption('--number <number...>', 'archive numbers')
    .option('--also-in-ledger', 'records of meters the ledger has here, too')
    .action(
      async (
        id: string,
        { why: reason, number, alsoInLedger, ...access }: Arguments & { readonly why: string; readonly number: readonly string[] },
      ) => {
        const body = {
          why: reason,
          numbers: number.map((one) => whole(one, 'an archive number')),
          ...(alsoInLedger ? { alsoInLedger: true } : {}),
        }
        report(await order(access, id, '/archive/delete', body), access, 'deleted')
      },
    )
}

const hasFailures = (result: unknown): boolean => {
  const { failed, notSent } = formed(Type.Object({ failed: Type.Integer(), notSent: Type.Integer() }), result ?? { failed: 1, notSent: 0 })
  return failed + notSent > 0
}

const jobCommands = (group: Command, command: Maker): void => {
  command(group, 'jobs', 'what is under way and what was done, newest first')
    .argument('<id>')
    .action(async (id: string, { url, token, json }: Access) => {
      const access = { url, ...(token === undefined ? {} : { token }) }
      const items = await everyPage(access, pathOf(id, '/jobs'), Job, { limit: '500' })
      if (json) printJson(items)
      else print(items.length === 0 ? 'no jobs' : jobRows(items))
    })
  command(group, 'job', 'one job with its result; waits for its end')
    .argument('<id>')
    .argument('<job>')
    .action(async (id: string, job: string, access: Access) => {
      const found = await follow(access, await askApi(access, pathOf(id, `/jobs/${whole(job, 'a job')}`), Job))
      settle(found, access, (result) => {
        print(jobRows([found]))
        printJson(result)
      })
    })
  command(group, 'cancel', 'ends a job; what was confirmed before stays done')
    .argument('<id>')
    .argument('<job>')
    .action(async (id: string, job: string, access: Access) => {
      const found = await askApi(access, pathOf(id, `/jobs/${whole(job, 'a job')}/cancel`), Job, null)
      if (access.json) printJson(found)
      else print(`job ${found.id} is being cancelled`)
    })
}

const unknownCommands = (unknown: Command, command: Maker): void => {
  command(unknown, 'list', 'who dials in, from where and how often (the default)', { isDefault: true }).action(async (access: Access) => {
    const { items } = await askWhole(access, '/unknown-terminals', Unknown)
    if (access.json) return printJson(items)
    if (items.length === 0) return print('every terminal that dialled in is in the ledger')
    const rows = items.map(({ protocol, address, peer, firstSeen, lastSeen, count }) => [
      protocol,
      address,
      peer,
      firstSeen.slice(0, 19),
      lastSeen.slice(0, 19),
      String(count),
    ])
    print(table([['protocol', 'address', 'from', 'first seen (UTC)', 'last seen (UTC)', 'logins'], ...rows]))
  })
  why(command(unknown, 'adopt', 'puts one into the ledger; writing to it stays off'))
    .argument('<address>')
    .requiredOption('--id <id>', 'how the ledger is to name it')
    .addOption(new Option('--protocol <protocol>', 'as the list has it').choices([...CONCENTRATOR_PROTOCOLS]).default('gw3761'))
    .option('--name <name>', 'its name')
    .option('--area <area>', 'transformer area it stands in')
    .option('--work-order <number>', 'work order')
    .action(async (address: string, { url, token, json, ...body }: Arguments) => {
      const access = accessOf({ url, token, json })
      const one = await askApi(access, '/unknown-terminals/adopt', Concentrator, { ...body, address })
      if (json) printJson(one)
      else print(`${address} is concentrator ${one.id}; it is known at its next login`)
    })
}
