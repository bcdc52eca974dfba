import { Type } from 'typebox'
import { Value as Check } from 'typebox/value'
import type {
  AdoptTerminalOrder,
  ArchiveView,
  ConcentratorEventQuery,
  ConcentratorEventView,
  ConcentratorFilter,
  ConcentratorPort,
  ConcentratorProtocol,
  ConcentratorView,
  Refusal,
} from '../api/index.ts'
import { err, explain, type GatewayError, hexOf, hintOf, ok, type Result } from '../core/index.ts'
import type { Act, Applied, Entity, Ledger, Patch, Refused } from '../ledger/index.ts'
import type { ArchiveActs } from './archive-acts.ts'
import type { ClockKeeper } from './clock-keeper.ts'
import type { Callers } from './concentrator-callers.ts'
import { clockKey } from './concentrator-clocks.ts'
import type { ControlActs } from './concentrator-control.ts'
import { concentratorFailure as fail } from './concentrator-errors.ts'
import type { ConcentratorIndex } from './concentrator-index.ts'
import type { ConcentratorJobs } from './concentrator-jobs.ts'
import { isAlone, isWriting, type OrderTools, readyOrder } from './concentrator-orders.ts'
import { settled } from './concentrator-world.ts'
import type { TerminalFile } from './terminal-file.ts'

export interface ConcentratorViewDeps extends OrderTools {
  readonly ledger: Pick<Ledger, 'get' | 'list'>
  /** Makes patches of the ledger true, where it is written. */
  readonly apply: (patches: readonly Patch[], act: Act) => Promise<Result<Applied, Refused>>
  readonly index: ConcentratorIndex
  readonly callers: Callers
  readonly archive: ArchiveActs
  readonly keeper: ClockKeeper
  readonly jobs: ConcentratorJobs
  readonly control: ControlActs
  /** Newest first. */
  readonly events: TerminalFile['events']
}

const CLOCK_HISTORY = 400
const CLOCK_ACTS = 100

/** What the API may see of concentrators and do through them. */
export const concentratorPort = (deps: ConcentratorViewDeps): ConcentratorPort => {
  const { world, file, ledger, index, archive, keeper, jobs, control } = deps
  const known = (id: string): Entity | null => ledger.get('concentrator', id, null)
  const unknown = (id: string) => refused(fail('CONCENTRATOR_UNKNOWN', `the ledger has no concentrator ${JSON.stringify(id)}`))
  const viewOf = (entity: Entity): ConcentratorView => {
    const { id, attributes } = entity
    const found = settled(world, id)
    const settings = found.ok ? found.value.settings : null
    const status = world.terminals.status(id)
    const counted = status?.figures ?? world.terminals.figures(id)
    const last = archive.lastCounts(id)
    const { record, state } = keeper.judge(clockKey(id))
    return {
      ...{ id, name: word(attributes.name), area: word(attributes.area), address: settings?.address ?? word(attributes.address) },
      protocol: settings?.protocol ?? protocolOf(attributes.protocol),
      allowWrites: settings?.allowWrites ?? false,
      problem: found.ok ? null : found.error.message,
      online: status && {
        ...{ peer: status.peer, listener: status.listener, since: status.since, lastFrameAt: status.lastFrameAt },
        ...{ heartbeatMs: status.heartbeatMs, queued: status.queued, underWay: status.underWay },
      },
      meters: index.countOf(id),
      figures: counted && {
        ...{ logins: counted.logins, heartbeats: counted.heartbeats, reports: counted.reports, requests: counted.requests },
        ...{ answered: counted.answered, noReply: counted.noReply, refused: counted.refused, damagedBytes: counted.damagedBytes },
        ...{ strangers: counted.strangers, bytesIn: counted.bytesIn, bytesOut: counted.bytesOut },
      },
      archive: last,
      clock: record.point && { at: record.point.at, driftMs: record.point.driftMs, state },
    }
  }
  const list = (filter: ConcentratorFilter, after: string | null, limit: number): readonly ConcentratorView[] => {
    const { area, protocol, online, text } = filter
    const where = { ...(area === undefined ? {} : { area }), ...(protocol === undefined ? {} : { protocol }) }
    const views: ConcentratorView[] = []
    for (let from = after ?? ''; ; ) {
      const page = ledger.list({ kind: 'concentrator', where, ...(text === undefined ? {} : { text }), after: from, limit: 500 })
      for (const entity of page) {
        from = entity.id
        if (online !== undefined && (world.terminals.status(entity.id) !== null) !== online) continue
        views.push(viewOf(entity))
        if (views.length >= limit) return views
      }
      if (page.length < 500) return views
    }
  }
  const archiveOf = (id: string): Result<ArchiveView> => {
    const last = archive.lastDiff(id)
    if (!last) return fail('ARCHIVE_NOT_READ', `the archive of concentrator ${id} was never read`, { concentrator: id })
    const records = file.snapshot(id)?.records ?? []
    const { known: meters } = archive.wanted(
      id,
      records.map((record) => ({ ...record, password: '' })),
    )
    return ok({
      counts: { readAt: last.readAt, ...last.counts },
      records: records.map((record) => ({ ...record, meter: meters.get(record.address) ?? null })),
      differences: last.diff.differences,
      problems: last.diff.problems,
    })
  }
  const eventsOf = (id: string, query: ConcentratorEventQuery): Result<readonly ConcentratorEventView[]> =>
    ok(deps.events(id, query).map(({ terminal: _terminal, raw, ...event }) => ({ ...event, raw: hexOf(raw) })))
  const adopt = async (
    { protocol, address, id, name, area, why, workOrder }: AdoptTerminalOrder,
    who: string,
  ): Promise<Result<ConcentratorView>> => {
    if (known(id)) return fail('CONCENTRATOR_VALUE', `the ledger has a concentrator ${id} already: correct its address there`)
    const set = { address, protocol, ...(name === undefined ? {} : { name }), ...(area === undefined ? {} : { area }) }
    const at = world.clock.now()
    const patches = [{ kind: 'concentrator' as const, id, from: null, set, place: 'body' }]
    const applied = await deps.apply(patches, { what: 'adopt', who, why, workOrder: workOrder ?? null, at })
    if (!applied.ok) {
      const { error, problems } = applied.error
      const said = problems.slice(0, 5).map(({ message, hint }) => `${message}; ${hint}`)
      return fail('CONCENTRATOR_VALUE', said.length > 0 ? said.join('; ') : explain(error))
    }
    deps.callers.forget(protocol, address)
    const entity = known(id)
    return entity ? ok(viewOf(entity)) : fail('CONCENTRATOR_UNKNOWN', `concentrator ${id} is not there`)
  }
  return {
    list,
    get: (id) => {
      const entity = known(id)
      return entity ? ok(viewOf(entity)) : unknown(id)
    },
    archive: (id) => (known(id) ? answered(archiveOf(id)) : unknown(id)),
    parameters: (id) => {
      const all = deps.parameters.list(id)
      if (!all.ok) return refused(all)
      const read = file.parameters(id)
      return ok(
        all.value.map(({ id: name, label, perPoint, isSettable, schema }) => ({
          ...{ id: name, label, perPoint, isSettable, schema },
          known: read.flatMap((one) => (one.id === name ? [{ pn: perPoint ? one.pn : null, at: one.at, value: parsed(one.value) }] : [])),
        })),
      )
    },
    clock: (id) => {
      const entity = known(id)
      if (!entity) return unknown(id)
      const key = clockKey(id)
      const { record, state } = keeper.judge(key)
      const { point, triedAt, error } = record
      const rate = point && keeper.rate(key)
      const shown = (meter: string | null) => (meter === key ? id : (meter ?? ''))
      return ok({
        ...{
          meter: id,
          kind: 'concentrator' as const,
          point: '',
          area: word(entity.attributes.area),
          line: id,
          state,
          newest: point,
          triedAt,
        },
        rate: rate && { msPerDay: rate.msPerDay, uncertaintyMs: rate.uncertaintyMs, isOver: rate.isOver },
        error: error && { ...error, recovery: 'wait' as const, hint: hintOf(error.code) ?? '', context: {} },
        isLocked: false,
        history: keeper.deps.store.history(key, CLOCK_HISTORY),
        acts: keeper.deps.store.actsOf(key, CLOCK_ACTS).map((act) => ({
          ...{ ...act, meter: shown(act.meter) },
          meters: act.meters.map((one) => ({ ...one, meter: shown(one.meter) })),
        })),
      })
    },
    events: (id, query) => (known(id) ? answered(eventsOf(id, query)) : unknown(id)),
    routes: (id) => {
      if (!known(id)) return unknown(id)
      const kept = file.routes(id)
      const items = kept ? parsed(kept.content) : []
      return ok({ readAt: kept?.at ?? null, items: Check.Check(Routes, items) ? items : [] })
    },
    begin: (id, order, by) => {
      const ready = readyOrder(deps, id, order)
      if (!ready.ok) return refused(ready)
      const job = { concentrator: id, what: order.what, ...by, isWriting: isWriting(order), isAlone: isAlone(order) }
      return answered(jobs.begin(job, (progress) => ready.value(progress, by)))
    },
    wait: async (id, job, withinMs) => {
      const found = await jobs.wait(id, job, withinMs)
      return found ? ok(found) : refused(fail('CONCENTRATOR_JOB', `concentrator ${id} has no job ${job}`))
    },
    jobs: (id, before, limit) => (known(id) ? ok(jobs.list(id, before, limit)) : unknown(id)),
    cancel: (id, job) => answered(jobs.cancel(id, job)),
    controls: (id, before, limit) => (known(id) ? ok(control.list(id, before, limit)) : unknown(id)),
    control: (id, act) => {
      const found = control.get(id, act)
      return found ? ok(found) : refused(fail('CONTROL_UNKNOWN', `concentrator ${id} has no act of control ${act}`))
    },
    requestControl: (id, order, by) => answered(control.request(id, order, by)),
    confirmControl: async (id, act, by) => answered(await control.confirm(id, act, by)),
    withdrawControl: (id, act, why, by) => answered(control.withdraw(id, act, why, by)),
    unknown: () => deps.callers.list(),
    adopt: async (order, who) => answered(await adopt(order, who)),
    refusalOf: (error) => ({ because: becauseOf(error), error }),
  }
}

const Routes = Type.Array(
  Type.Object({
    meter: Type.Union([Type.String(), Type.Null()]),
    address: Type.Union([Type.String(), Type.Null()]),
    pn: Type.Union([Type.Integer(), Type.Null()]),
    facts: Type.Record(Type.String(), Type.Union([Type.String(), Type.Number(), Type.Null()])),
  }),
)

const parsed = (text: string): unknown => JSON.parse(text)
const word = (value: unknown): string => (typeof value === 'string' ? value : '')
const protocolOf = (value: unknown): ConcentratorProtocol | null => (value === 'gw3761' || value === 'dlt698' ? value : null)

const refused = (failed: { readonly ok: false; readonly error: GatewayError }) =>
  err<Refusal>({ because: becauseOf(failed.error), error: failed.error })
const answered = <T>(result: Result<T>): Result<T, Refusal> => (result.ok ? result : refused(result))

const BECAUSE: Readonly<Record<string, Refusal['because']>> = {
  CONCENTRATOR_UNKNOWN: 'unknown',
  CONCENTRATOR_JOB: 'unknown',
  CONTROL_UNKNOWN: 'unknown',
  ARCHIVE_NOT_READ: 'unknown',
  CONCENTRATOR_OFFLINE: 'line-down',
  TERMINAL_OFFLINE: 'line-down',
  LINE_CLOSED: 'line-down',
  CONCENTRATOR_BUSY: 'busy',
  TERMINAL_BUSY: 'busy',
  CLOCK_BUSY: 'busy',
  TERMINAL_NO_REPLY: 'no-answer',
  TERMINAL_LOST: 'no-answer',
  READ_CANCELLED: 'no-answer',
  CONCENTRATOR_STOPPED: 'unavailable',
  CONCENTRATOR_BUG: 'unavailable',
}

const becauseOf = ({ code }: GatewayError): Refusal['because'] =>
  BECAUSE[code] ?? (code.startsWith('STORE_') ? 'unavailable' : 'not-possible')
