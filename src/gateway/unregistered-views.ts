import type { HealthView, Refusal, UnregisteredCounts, UnregisteredDeps, UnregisteredView } from '../api/index.ts'
import { err, type GatewayError, many, type Result } from '../core/index.ts'
import type { StrangerNow, Unregistered } from './unregistered.ts'

/** What the API may see of meters that are not in the ledger. */
export interface UnregisteredViews extends UnregisteredDeps {
  /** Nothing when every meter is in the ledger. */
  unregisteredHealth(): HealthView['parts']
  unregisteredCounts(): UnregisteredCounts
}

export const unregisteredViews = (unregistered: Unregistered): UnregisteredViews => ({
  unregistered: (filter, after, limit) => unregistered.list({ ...filter, after, limit }).map(viewOf),
  unregisteredOne: (id) => {
    const found = unregistered.get(id)
    return found ? { ...viewOf(found), history: unregistered.acts(id) } : null
  },
  adoptUnregistered: async (id, request, who) => viewed(await unregistered.adopt(id, request, who)),
  closeUnregistered: (id, request) => viewed(unregistered.closeOne(id, request)),
  unregisteredStatement: async (id, obis) => {
    const found = await unregistered.statement(id, obis)
    return found.ok ? found : refused(found.error)
  },
  unregisteredCounts: () => unregistered.counts(),
  unregisteredHealth: () => {
    const { open, overdue } = unregistered.counts()
    if (open === 0) return []
    const who = `${many(open, 'meter')} ${open === 1 ? 'is' : 'are'} not in the ledger`
    return [
      {
        part: 'unregistered',
        state: overdue > 0 ? 'degraded' : 'ok',
        sentence: overdue > 0 ? `${who}, ${overdue} overdue` : who,
        cure: overdue > 0 ? 'see GET /api/v1/unregistered?overdue=true' : null,
      },
    ]
  },
})

const viewOf = ({ stranger, suggestedArea, dueAt, isOverdue }: StrangerNow): UnregisteredView => {
  const { openSince: _, ratios: _ratios, adopted, ...rest } = stranger
  const attaching = adopted?.attaching
  return {
    ...{ ...rest, suggestedArea, dueAt, overdue: isOverdue },
    adopted: adopted && {
      ...{ at: adopted.at, by: adopted.by, meter: adopted.meter, point: adopted.point, from: adopted.from },
      ...{ attached: attaching?.attached ?? 0, complete: attaching?.isDone ?? false },
    },
  }
}

const viewed = (done: Result<StrangerNow>): Result<UnregisteredView, Refusal> =>
  done.ok ? { ok: true, value: viewOf(done.value) } : refused(done.error)

const refused = (error: GatewayError) =>
  err<Refusal>({
    because: error.code === 'STRANGER_UNKNOWN' ? 'unknown' : error.code.startsWith('STRANGER_') ? 'not-possible' : 'unavailable',
    error,
  })
